//! Reading and writing open files.

use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, SeekFrom};

use super::call::Call;
use crate::mm::user_memory::{self, UserSlice};
use crate::task::signal::Signal;

/// No call moves more bytes (Linux's `MAX_RW_COUNT`).
const BYTES_MAX: u64 = 0x7fff_f000;

/// The most pieces of a vector (`IOV_MAX`).
const PIECES_MAX: u64 = 1024;

/// Where in a file bytes go to or come from.
#[derive(Clone, Copy)]
enum At {
    Position,
    Offset(u64),
}

fn read_pieces(file: &FileObject, pieces: &[(u64, u64)], at: At) -> Result<u64> {
    let mut sink = UserSlice::new(pieces);
    let count = match at {
        At::Position => file.read(&mut sink),
        At::Offset(offset) => file.read_at(offset, &mut sink),
    };
    Ok(count? as u64)
}

fn write_pieces(call: &Call<'_>, file: &FileObject, pieces: &[(u64, u64)], at: At) -> Result<u64> {
    let mut source = UserSlice::new(pieces);
    let writer = &call.process.place()?.context.credentials;
    let count = match at {
        At::Position => file.write(writer, &mut source),
        At::Offset(offset) => file.write_at(writer, offset, &mut source),
    };
    if let Err(error) = count
        && error.kind() == FileSystemErrorKind::BrokenPipe
    {
        call.process.raise(Signal::PIPE);
    }
    Ok(count? as u64)
}

/// The one piece that arguments 1 and 2 are.
fn piece(call: &Call<'_>) -> [(u64, u64); 1] {
    [(call.arguments[1], call.arguments[2].min(BYTES_MAX))]
}

/// The pieces that arguments 1 and 2 lead to.
fn pieces(call: &Call<'_>) -> Result<Vec<(u64, u64)>> {
    let count = u64::from(call.word(2));
    if count > PIECES_MAX {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    page::admit(count as usize * size_of::<(u64, u64)>())?;
    let mut pieces = Vec::with_capacity(count as usize);
    let mut left = BYTES_MAX;
    for index in 0..count {
        let [address, length] = user_memory::read_words(call.arguments[1].wrapping_add(16 * index))?;
        if (length as i64) < 0 {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        pieces.push((address, length.min(left)));
        left -= length.min(left);
    }
    Ok(pieces)
}

pub fn read(call: &mut Call<'_>) -> Result<u64> {
    read_pieces(&*call.file(0)?, &piece(call), At::Position)
}

pub fn write(call: &mut Call<'_>) -> Result<u64> {
    write_pieces(call, &*call.file(0)?, &piece(call), At::Position)
}

pub fn pread64(call: &mut Call<'_>) -> Result<u64> {
    let at = At::Offset(call.offset(3)?);
    read_pieces(&*call.file(0)?, &piece(call), at)
}

pub fn pwrite64(call: &mut Call<'_>) -> Result<u64> {
    let at = At::Offset(call.offset(3)?);
    write_pieces(call, &*call.file(0)?, &piece(call), at)
}

pub fn readv(call: &mut Call<'_>) -> Result<u64> {
    read_pieces(&*call.file(0)?, &pieces(call)?, At::Position)
}

pub fn writev(call: &mut Call<'_>) -> Result<u64> {
    write_pieces(call, &*call.file(0)?, &pieces(call)?, At::Position)
}

pub fn lseek(call: &mut Call<'_>) -> Result<u64> {
    let offset = call.signed(1);
    let to = match call.word(2) {
        0 => SeekFrom::Start(offset),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        3 => SeekFrom::Data(offset),
        4 => SeekFrom::Hole(offset),
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    call.file(0)?.seek(to)
}
