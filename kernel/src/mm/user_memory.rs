//! User memory: the one place where the kernel reads and writes a program's bytes.
//!
//! A [`UserSlice`] is what a program says is memory of its own; nothing is believed. It is a [`Sink`] and a [`Source`],
//! so that files read and write it without a buffer in between. Any access may fault: the page is brought then, and
//! where that cannot be the answer is `EFAULT`. So the lock of the program's address space must not be held.

use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::{Sink, Source};

use super::PAGE_SIZE;
use crate::arch::user_copy;

/// Fills `into` from user memory at `address`.
///
/// # Errors
/// `EFAULT`.
pub fn read(address: u64, into: &mut [u8]) -> Result<()> {
    if user_copy::read(address, into) == 0 { Ok(()) } else { fail(FileSystemErrorKind::BadAddress) }
}

/// Writes `bytes` to user memory at `address`.
///
/// # Errors
/// `EFAULT`; a part may have been written then.
pub fn write(address: u64, bytes: &[u8]) -> Result<()> {
    if user_copy::write(address, bytes) == 0 { Ok(()) } else { fail(FileSystemErrorKind::BadAddress) }
}

/// `N` words of 64 bits from user memory at `address`.
///
/// # Errors
/// `EFAULT`.
pub fn read_words<const N: usize>(address: u64) -> Result<[u64; N]> {
    let mut bytes = [[0; 8]; N];
    read(address, bytes.as_flattened_mut())?;
    Ok(bytes.map(u64::from_le_bytes))
}

/// Writes words of 64 bits to user memory at `address`.
///
/// # Errors
/// As [`write()`].
pub fn write_words<const N: usize>(address: u64, words: [u64; N]) -> Result<()> {
    write(address, words.map(u64::to_le_bytes).as_flattened())
}

/// The text at `address` up to its NUL, which must be among the first `limit` bytes.
///
/// # Errors
/// `EFAULT`; `too_long` when there is no NUL within the limit; `ENOMEM`.
pub fn read_text(address: u64, limit: usize, too_long: FileSystemErrorKind) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut at = address;
    while text.len() < limit {
        // Never beyond a page: the next may be missing, and need not be there.
        let mut chunk = [0; 256];
        let room = (chunk.len() - at as usize % chunk.len()).min(limit - text.len());
        let chunk = &mut chunk[..room];
        read(at, chunk)?;
        let end = chunk.iter().position(|&byte| byte == 0);
        page::admit(room)?;
        text.extend_from_slice(&chunk[..end.unwrap_or(room)]);
        if end.is_some() {
            return Ok(text);
        }
        at = at.wrapping_add(room as u64);
    }
    fail(too_long)
}

const _: () = assert!(PAGE_SIZE.is_multiple_of(256));

/// Pieces of user memory, one after the other: a buffer, or those of a vector (`readv(2)`).
pub struct UserSlice<'a> {
    /// Address and length of each.
    pieces: &'a [(u64, u64)],
    /// What of the first has been used.
    used: u64,
    left: usize,
}

impl<'a> UserSlice<'a> {
    /// What the pieces hold.
    pub fn new(pieces: &'a [(u64, u64)]) -> Self {
        let left = pieces.iter().fold(0u64, |sum, (_, length)| sum.saturating_add(*length));
        Self { pieces, used: 0, left: usize::try_from(left).unwrap_or(usize::MAX) }
    }

    /// Goes through the next `count` bytes in pieces, and moves on if all went well.
    fn each(&mut self, count: usize, mut body: impl FnMut(u64, core::ops::Range<usize>) -> Result<()>) -> Result<()> {
        let (mut pieces, mut used, mut done) = (self.pieces, self.used, 0);
        while done < count {
            let Some(&(address, length)) = pieces.first() else { return fail(FileSystemErrorKind::BadAddress) };
            let step = (length - used).min((count - done) as u64) as usize;
            body(address.wrapping_add(used), done..done + step)?;
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
        self.each(bytes.len(), |address, range| write(address, &bytes[range]))
    }
}

impl Source for UserSlice<'_> {
    fn remaining(&self) -> usize {
        self.left
    }

    fn take(&mut self, into: &mut [u8]) -> Result<()> {
        self.each(into.len(), |address, range| read(address, &mut into[range]))
    }
}
