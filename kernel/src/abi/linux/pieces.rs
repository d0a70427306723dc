//! Moving bytes between an open file and pieces of user memory, without a buffer in between.
//!
//! While a file works nobody waits for a page of user memory, for the page may be that very file's (`read(2)` into a
//! mapping of what is read). Where one is missing the file stops, the page is brought, and a few bytes go through a
//! buffer, which always comes to an end.

use alloc::vec;

use vfs::context::Credentials;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, TransferFlags};
use vfs::io::{Sink, Source};
use vfs::metadata::FileType;

use crate::arch::trap::Access;
use crate::mm::PAGE_SIZE;
use crate::mm::user_memory::{Piece, UserSlice};

/// Where in a file bytes go to or come from.
#[derive(Clone, Copy)]
pub enum At {
    /// At its position, which moves.
    Position,
    /// At a byte.
    Offset(u64),
}

impl At {
    /// The byte, `done` bytes on; `None` for the position, which is there already.
    pub fn offset(self, done: usize) -> Option<u64> {
        match self {
            Self::Position => None,
            Self::Offset(offset) => Some(offset.saturating_add(done as u64)),
        }
    }
}

/// A way that bytes go.
trait Way {
    /// What is done to user memory.
    const ACCESS: Access;

    /// The file.
    fn file(&self) -> &FileObject;

    /// Moves bytes on from those that are done.
    fn step(&self, done: usize, slice: &mut UserSlice<'_>) -> Result<usize>;

    /// As [`Way::step`], through a buffer.
    fn step_through(&self, done: usize, buffer: &mut [u8], slice: &mut UserSlice<'_>) -> Result<usize>;
}

struct Reading<'a> {
    file: &'a FileObject,
    at: At,
}

impl Reading<'_> {
    fn read(&self, done: usize, sink: &mut dyn Sink) -> Result<usize> {
        match self.at.offset(done) {
            None => self.file.read(sink),
            Some(offset) => self.file.read_at(offset, sink),
        }
    }
}

impl Way for Reading<'_> {
    const ACCESS: Access = Access::Write;

    fn file(&self) -> &FileObject {
        self.file
    }

    fn step(&self, done: usize, slice: &mut UserSlice<'_>) -> Result<usize> {
        self.read(done, slice)
    }

    fn step_through(&self, done: usize, buffer: &mut [u8], slice: &mut UserSlice<'_>) -> Result<usize> {
        let count = self.read(done, &mut &mut buffer[..])?;
        slice.put(&buffer[..count])?;
        Ok(count)
    }
}

struct Writing<'a> {
    file: &'a FileObject,
    at: At,
    flags: TransferFlags,
    writer: &'a Credentials,
}

impl Writing<'_> {
    fn write(&self, done: usize, source: &mut dyn Source) -> Result<usize> {
        self.file.write_with(self.writer, self.at.offset(done), self.flags, source)
    }
}

impl Way for Writing<'_> {
    const ACCESS: Access = Access::Read;

    fn file(&self) -> &FileObject {
        self.file
    }

    fn step(&self, done: usize, slice: &mut UserSlice<'_>) -> Result<usize> {
        self.write(done, slice)
    }

    fn step_through(&self, done: usize, buffer: &mut [u8], slice: &mut UserSlice<'_>) -> Result<usize> {
        slice.take(buffer)?;
        self.write(done, &mut &*buffer)
    }
}

fn transfer<W: Way>(way: &W, pieces: &[Piece]) -> Result<u64> {
    let mut done = 0;
    let result = loop {
        let slice = UserSlice::behind(pieces, done);
        // A stream is in nobody's memory, and what it gives it gives once.
        let mut slice = if way.file().can_wait() { slice.patient() } else { slice };
        let result = way.step(done, &mut slice);
        let Some(address) = slice.stopped() else { break result };
        done += result.unwrap_or(0);
        // A stream has nothing more for sure: what it gave is an answer.
        let is_answer = done > 0 && way.file().node().kind() != FileType::Regular;
        if is_answer || !address.bring(W::ACCESS) {
            break fail(FileSystemErrorKind::BadAddress);
        }
        let mut slice = UserSlice::behind(pieces, done).patient();
        let wanted = slice.room().min(PAGE_SIZE);
        page::admit(wanted)?;
        match way.step_through(done, &mut vec![0; wanted], &mut slice) {
            Ok(count) if count == wanted && slice.room() > 0 => done += count,
            result => break result,
        }
    };
    match result {
        Ok(count) => Ok((done + count) as u64),
        Err(_) if done > 0 => Ok(done as u64),
        Err(error) => Err(error),
    }
}

/// Reads into the pieces.
///
/// # Errors
/// Those of [`FileObject::read`] or [`FileObject::read_at`]; `EFAULT`.
pub fn read(file: &FileObject, pieces: &[Piece], at: At) -> Result<u64> {
    transfer(&Reading { file, at }, pieces)
}

/// Writes what is in the pieces.
///
/// # Errors
/// Those of [`FileObject::write_with`]; `EFAULT`.
pub fn write(writer: &Credentials, file: &FileObject, pieces: &[Piece], at: At, flags: TransferFlags) -> Result<u64> {
    transfer(&Writing { file, at, flags, writer }, pieces)
}
