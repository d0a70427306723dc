//! User memory: the one place where the kernel reads and writes a program's bytes.
//!
//! A [`UserAddress`] is what a program names, and a [`UserSlice`] what it says is memory of its own; nothing is believed.
//! The latter is a [`Sink`] and a [`Source`], so that files read and write it without a buffer in between. Any access may
//! fault: the page is brought then, and where that cannot be the answer is `EFAULT`. So the lock of the program's address
//! space must not be held.
//!
//! The page may be a file's, and that file locked: by somebody else, for whom a [`UserAddress`] waits, or by the very
//! operation that a [`UserSlice`] takes part in, which therefore waits for nobody. It stops there and notes where;
//! whoever called the operation, and holds nothing, goes on from there ([`UserSlice::stopped`], [`UserAddress::bring`]).

use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::{Sink, Source};

use super::PAGE_SIZE;
use crate::arch::trap::{Access, PageFault};
use crate::arch::user_copy::{self, Patience};

/// An address that a program has named. Nothing is believed of it: it may be null, of the kernel, or nothing's, which
/// shows when it is used and is `EFAULT` then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UserAddress(u64);

impl UserAddress {
    /// What a program has in a register, or in its memory, as an address.
    pub const fn new(address: u64) -> Self {
        Self(address)
    }

    /// As [`UserAddress::new`]; `None` for null, by which programs say that there is nothing.
    pub const fn given(address: u64) -> Option<Self> {
        if address == 0 { None } else { Some(Self(address)) }
    }

    pub const fn value(self) -> u64 {
        self.0
    }

    /// The address so many bytes behind. Behind the last one is the first, as for the processor.
    pub const fn plus(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// Fills `into` from there on.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read(self, into: &mut [u8]) -> Result<()> {
        let missing = user_copy::read(self.0, into, Patience::Waits);
        if missing == 0 { Ok(()) } else { fail(FileSystemErrorKind::BadAddress) }
    }

    /// Writes `bytes` there.
    ///
    /// # Errors
    /// `EFAULT`; a part may have been written then.
    pub fn write(self, bytes: &[u8]) -> Result<()> {
        let missing = user_copy::write(self.0, bytes, Patience::Waits);
        if missing == 0 { Ok(()) } else { fail(FileSystemErrorKind::BadAddress) }
    }

    /// Lets the page there come for such an access, if it is not there; whether the access can be.
    pub fn bring(self, access: Access) -> bool {
        user_copy::bring(PageFault { address: self.0, access })
    }

    /// `N` words of 64 bits.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read_words<const N: usize>(self) -> Result<[u64; N]> {
        let mut bytes = [[0; 8]; N];
        self.read(bytes.as_flattened_mut())?;
        Ok(bytes.map(u64::from_le_bytes))
    }

    /// The first `N` words of a structure of `size` bytes: what there is not is 0, and what is behind must be
    /// (`copy_struct_from_user`).
    ///
    /// # Errors
    /// `E2BIG` for more than a page, and for what is not 0; `EFAULT`.
    pub fn read_growing<const N: usize>(self, size: u64) -> Result<[u64; N]> {
        if size > PAGE_SIZE as u64 {
            return fail(FileSystemErrorKind::ArgumentListTooLong);
        }
        let mut bytes = [0; PAGE_SIZE];
        let bytes = &mut bytes[..size as usize];
        self.read(bytes)?;
        let mut words = [[0; 8]; N];
        let (known, later) = bytes.split_at(bytes.len().min(8 * N));
        words.as_flattened_mut()[..known.len()].copy_from_slice(known);
        if later.iter().any(|&byte| byte != 0) {
            return fail(FileSystemErrorKind::ArgumentListTooLong);
        }
        Ok(words.map(u64::from_le_bytes))
    }

    /// Writes words of 64 bits.
    ///
    /// # Errors
    /// As [`UserAddress::write`].
    pub fn write_words<const N: usize>(self, words: [u64; N]) -> Result<()> {
        self.write(words.map(u64::to_le_bytes).as_flattened())
    }

    /// A number of 32 bits.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read_u32(self) -> Result<u32> {
        let mut bytes = [0; 4];
        self.read(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Writes a number of 32 bits.
    ///
    /// # Errors
    /// As [`UserAddress::write`].
    pub fn write_u32(self, number: u32) -> Result<()> {
        self.write(&number.to_le_bytes())
    }

    /// The text up to its NUL, which must be among the first `limit` bytes.
    ///
    /// # Errors
    /// `EFAULT`; `too_long` when there is no NUL within the limit; `ENOMEM`.
    pub fn read_text(self, limit: usize, too_long: FileSystemErrorKind) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let mut at = self;
        while text.len() < limit {
            // Never beyond a page: the next may be missing, and need not be there.
            let mut chunk = [0; 256];
            let room = (chunk.len() - at.0 as usize % chunk.len()).min(limit - text.len());
            let chunk = &mut chunk[..room];
            at.read(chunk)?;
            let end = chunk.iter().position(|&byte| byte == 0);
            page::admit(room)?;
            text.extend_from_slice(&chunk[..end.unwrap_or(room)]);
            if end.is_some() {
                return Ok(text);
            }
            at = at.plus(room as u64);
        }
        fail(too_long)
    }
}

const _: () = assert!(PAGE_SIZE.is_multiple_of(256));

/// A piece of user memory: where it begins, and its length.
pub type Piece = (UserAddress, u64);

/// Pieces of user memory, one after the other: a buffer, or those of a vector (`readv(2)`).
pub struct UserSlice<'a> {
    pieces: &'a [Piece],
    /// What of the first has been used.
    used: u64,
    left: usize,
    patience: Patience,
    /// Where a page did not come.
    stopped: Option<UserAddress>,
}

impl<'a> UserSlice<'a> {
    /// What the pieces hold.
    pub fn new(pieces: &'a [Piece]) -> Self {
        let left = pieces.iter().fold(0u64, |sum, (_, length)| sum.saturating_add(*length));
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        Self { pieces, used: 0, left, patience: Patience::Never, stopped: None }
    }

    /// What they hold behind the first `count` bytes, of which there are so many.
    pub fn behind(pieces: &'a [Piece], count: usize) -> Self {
        let mut slice = Self::new(pieces);
        // Nothing is touched, so nothing fails.
        let _ = slice.each(count, |_, _| 0);
        slice
    }

    /// For moving bytes while nothing is held that somebody may wait for.
    pub fn patient(self) -> Self {
        Self { patience: Patience::Waits, ..self }
    }

    /// The address at which it stopped, since a page did not come.
    pub fn stopped(&self) -> Option<UserAddress> {
        self.stopped
    }

    /// Goes through the next `count` bytes in pieces, and moves on if all went well. `body` moves bytes and says how many
    /// are missing.
    fn each(&mut self, count: usize, mut body: impl FnMut(u64, core::ops::Range<usize>) -> usize) -> Result<()> {
        let (mut pieces, mut used, mut done) = (self.pieces, self.used, 0);
        while done < count {
            let Some(&(address, length)) = pieces.first() else { return fail(FileSystemErrorKind::BadAddress) };
            let step = (length - used).min((count - done) as u64) as usize;
            let address = address.plus(used);
            let missing = body(address.0, done..done + step);
            if missing > 0 {
                self.stopped = Some(address.plus((step - missing) as u64));
                return fail(FileSystemErrorKind::BadAddress);
            }
            done += step;
            used += step as u64;
            if used == length {
                (pieces, used) = (&pieces[1..], 0);
            }
        }
        (self.pieces, self.used, self.left) = (pieces, used, self.left - count);
        Ok(())
    }
}

impl Sink for UserSlice<'_> {
    fn room(&self) -> usize {
        self.left
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let patience = self.patience;
        self.each(bytes.len(), |address, range| user_copy::write(address, &bytes[range], patience))
    }
}

impl Source for UserSlice<'_> {
    fn remaining(&self) -> usize {
        self.left
    }

    fn take(&mut self, into: &mut [u8]) -> Result<()> {
        let patience = self.patience;
        self.each(into.len(), |address, range| user_copy::read(address, &mut into[range], patience))
    }
}
