//! Where bytes go and come from: kernel memory, user memory or a counter, without a buffer in between.

use crate::error::Result;
use page::Page;

/// Takes what a read yields, piece by piece.
pub trait Sink {
    /// How many bytes it still takes.
    fn room(&self) -> usize;

    /// Takes all of `bytes`, of which there are at most [`Sink::room`].
    ///
    /// # Errors
    /// `EFAULT` where the memory behind it is not the caller's; nothing of `bytes` counts as taken then.
    fn put(&mut self, bytes: &[u8]) -> Result<()>;

    /// Takes `count` zero bytes, at most [`Sink::room`] (a hole in a file).
    ///
    /// # Errors
    /// As [`Sink::put`].
    fn put_zeros(&mut self, mut count: usize) -> Result<()> {
        static ZEROS: [u8; 512] = [0; 512];
        while count > 0 {
            let step = count.min(ZEROS.len());
            self.put(&ZEROS[..step])?;
            count -= step;
        }
        Ok(())
    }
}

/// Gives what a write takes, piece by piece.
pub trait Source {
    /// How many bytes it still has.
    fn remaining(&self) -> usize;

    /// Fills all of `into`, which is at most [`Source::remaining`] long, and moves on.
    ///
    /// # Errors
    /// `EFAULT` where the memory behind it is not the caller's; the content of `into` is then undefined.
    fn take(&mut self, into: &mut [u8]) -> Result<()>;

    /// The next [`page::SIZE`] bytes as a page to share, and moves on; `None` where they are none as they are, and must
    /// be taken. Asked only where so many remain.
    fn take_page(&mut self) -> Option<Page> {
        None
    }
}

impl Sink for &mut [u8] {
    fn room(&self) -> usize {
        self.len()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let (head, rest) = core::mem::take(self).split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        *self = rest;
        Ok(())
    }
}

impl Source for &[u8] {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn take(&mut self, into: &mut [u8]) -> Result<()> {
        let (head, rest) = self.split_at(into.len());
        into.copy_from_slice(head);
        *self = rest;
        Ok(())
    }
}
