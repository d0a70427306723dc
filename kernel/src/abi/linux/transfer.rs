//! Reading and writing open files.

use alloc::vec;
use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags, SeekFrom, TransferFlags};
use vfs::metadata::FileType;

use super::call::Call;
use super::limits;
use super::pieces::{self, At};
use crate::mm::user_memory::{Piece, UserAddress};
use crate::socket::{Kind, SocketStream};
use crate::task::signal::Signal;

/// No call moves more bytes (Linux's `MAX_RW_COUNT`).
pub const BYTES_MAX: u64 = 0x7fff_f000;

/// The most pieces of a vector (`IOV_MAX`).
pub const PIECES_MAX: u64 = 1024;

/// Writes those pieces of memory; who writes where nobody reads is sent a signal.
///
/// # Errors
/// What the file answers, `EFAULT`.
pub fn write_pieces(call: &Call<'_>, file: &FileObject, pieces: &[Piece], at: At, flags: TransferFlags) -> Result<u64> {
    let wanted = pieces.iter().fold(0u64, |sum, (_, length)| sum.saturating_add(*length));
    let mut room = limits::room_in_file(call, file, at.offset(0), wanted)?;
    let mut shortened = Vec::new();
    let pieces = if room == wanted {
        pieces
    } else {
        page::admit(size_of_val(pieces))?;
        shortened.extend(pieces.iter().map(|&(address, length)| {
            let length = length.min(room);
            room -= length;
            (address, length)
        }));
        &shortened
    };
    let count = pieces::write(&call.credentials()?, file, pieces, at, flags);
    // Of sockets only streams are pipes in this.
    if file.stream_as::<SocketStream>().is_none_or(|stream| stream.socket().kind() == Kind::Stream) {
        tell_broken_pipe(call, &count);
    }
    count
}

/// A process that writes where nobody reads any more is told so by a signal as well.
pub fn tell_broken_pipe<T>(call: &Call<'_>, result: &Result<T>) {
    if let Err(error) = result
        && error.kind() == FileSystemErrorKind::BrokenPipe
    {
        call.process.raise(Signal::PIPE);
    }
}

/// The one piece that arguments 1 and 2 are.
pub fn piece(call: &Call<'_>) -> [Piece; 1] {
    [(call.address(1), call.arguments[2].min(BYTES_MAX))]
}

/// The pieces that arguments 1 and 2 lead to.
///
/// # Errors
/// Those of [`pieces_at`].
pub fn vector(call: &Call<'_>) -> Result<Vec<Piece>> {
    pieces_at(call.address(1), u64::from(call.word(2)))
}

/// The pieces of a vector of `count` at `address`.
///
/// # Errors
/// `EINVAL`, `EFAULT`, `ENOMEM`.
pub fn pieces_at(address: UserAddress, count: u64) -> Result<Vec<Piece>> {
    if count > PIECES_MAX {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    page::admit(count as usize * size_of::<Piece>())?;
    let mut pieces = Vec::with_capacity(count as usize);
    let mut left = BYTES_MAX;
    for index in 0..count {
        let [address, length] = address.plus(16 * index).read_words()?;
        if (length as i64) < 0 {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        pieces.push((UserAddress::new(address), length.min(left)));
        left -= length.min(left);
    }
    Ok(pieces)
}

pub fn read(call: &mut Call<'_>) -> Result<u64> {
    pieces::read(&*call.file(0)?, &piece(call), At::Position)
}

pub fn write(call: &mut Call<'_>) -> Result<u64> {
    write_pieces(call, &*call.file(0)?, &piece(call), At::Position, TransferFlags::empty())
}

pub fn pread64(call: &mut Call<'_>) -> Result<u64> {
    let at = At::Offset(call.offset(3)?);
    pieces::read(&*call.file(0)?, &piece(call), at)
}

pub fn pwrite64(call: &mut Call<'_>) -> Result<u64> {
    let at = At::Offset(call.offset(3)?);
    write_pieces(call, &*call.file(0)?, &piece(call), at, TransferFlags::empty())
}

pub fn readv(call: &mut Call<'_>) -> Result<u64> {
    pieces::read(&*call.file(0)?, &vector(call)?, At::Position)
}

pub fn writev(call: &mut Call<'_>) -> Result<u64> {
    write_pieces(call, &*call.file(0)?, &vector(call)?, At::Position, TransferFlags::empty())
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

pub fn preadv(call: &mut Call<'_>) -> Result<u64> {
    let at = At::Offset(call.offset(3)?);
    pieces::read(&*call.file(0)?, &vector(call)?, at)
}

pub fn pwritev(call: &mut Call<'_>) -> Result<u64> {
    let at = At::Offset(call.offset(3)?);
    write_pieces(call, &*call.file(0)?, &vector(call)?, at, TransferFlags::empty())
}

/// Where `preadv2` and `pwritev2` go, and what their flags are.
fn flagged(call: &Call<'_>) -> Result<(At, TransferFlags)> {
    let flags = TransferFlags::from_linux(call.word(5))?;
    Ok((if call.signed(3) == -1 { At::Position } else { At::Offset(call.offset(3)?) }, flags))
}

pub fn preadv2(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let (at, _) = flagged(call)?;
    pieces::read(&file, &vector(call)?, at)
}

pub fn pwritev2(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let (at, flags) = flagged(call)?;
    write_pieces(call, &file, &vector(call)?, at, flags)
}

/// What `sendfile` moves at a time.
const CHUNK: usize = 16 << 10;

/// An offset at an address, which is moved on in place of the file's position.
///
/// # Errors
/// `EFAULT`, `EINVAL` for a negative one.
pub fn offset_at(address: Option<UserAddress>) -> Result<Option<u64>> {
    let Some(address) = address else { return Ok(None) };
    let [offset] = address.read_words()?;
    if (offset as i64) < 0 { fail(FileSystemErrorKind::InvalidArgument) } else { Ok(Some(offset)) }
}

pub fn sendfile(call: &mut Call<'_>) -> Result<u64> {
    let (to, from) = (call.file(0)?, call.file(1)?);
    let given = offset_at(call.given(2))?;
    let count = call.arguments[3].min(BYTES_MAX);
    if to.flags().contains(OpenFlags::APPEND) || from.seek(SeekFrom::Current(0)).is_err() {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let start = given.unwrap_or_else(|| from.position());
    let count = limits::room_in_file(call, &to, None, count)?;
    page::admit(CHUNK)?;
    let mut buffer = vec![0; CHUNK];
    let writer = call.credentials()?;
    let mut done = 0;
    let result = loop {
        let wanted = (count - done).min(CHUNK as u64) as usize;
        let read = match from.read_at(start + done, &mut &mut buffer[..wanted]) {
            Ok(0) => break Ok(()),
            Ok(read) => read,
            Err(error) => break Err(error),
        };
        match to.write(&writer, &mut &buffer[..read]) {
            Ok(written) => done += written as u64,
            Err(error) => break Err(error),
        }
        if done == count {
            break Ok(());
        }
    };
    if done == 0 {
        tell_broken_pipe(call, &result);
        result?;
    }
    move_on(&from, call.given(2), start + done)?;
    Ok(done)
}

/// Moves on the offset that was given, or the file's position.
fn move_on(file: &FileObject, given_at: Option<UserAddress>, to: u64) -> Result<()> {
    match given_at {
        Some(address) => address.write_words([to]),
        None => file.seek(SeekFrom::Start(to as i64)).map(|_| ()),
    }
}

pub fn copy_file_range(call: &mut Call<'_>) -> Result<u64> {
    let (from, to) = (call.file(0)?, call.file(2)?);
    let (given, to_given) = (offset_at(call.given(1))?, offset_at(call.given(3))?);
    call.flags(5, 0)?;
    let start = given.unwrap_or_else(|| from.position());
    let to_start = to_given.unwrap_or_else(|| to.position());
    let length = limits::room_in_file(call, &to, Some(to_start), call.arguments[4].min(BYTES_MAX))?;
    let copied = from.copy_range(&call.credentials()?, start, &to, to_start, length)?;
    move_on(&from, call.given(1), start + copied)?;
    move_on(&to, call.given(3), to_start + copied)?;
    Ok(copied)
}

pub fn fsync(call: &mut Call<'_>) -> Result<u64> {
    call.file(0)?.sync()?;
    Ok(0)
}

pub fn fdatasync(call: &mut Call<'_>) -> Result<u64> {
    fsync(call)
}

/// What is going to be read makes no difference: all of it is in memory.
pub fn fadvise64(call: &mut Call<'_>) -> Result<u64> {
    const POSIX_FADV_NOREUSE: u32 = 5;
    let file = call.file(0)?;
    if file.node().kind() == FileType::Fifo {
        return fail(FileSystemErrorKind::IllegalSeek);
    }
    if call.word(3) > POSIX_FADV_NOREUSE || call.signed(2) < 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Ok(0)
}

/// What is read is in memory already.
pub fn readahead(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    if !file.flags().contains(OpenFlags::READ) {
        return fail(FileSystemErrorKind::BadFileDescriptor);
    }
    match file.node().kind() {
        FileType::Regular | FileType::BlockDevice => Ok(0),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// Of a range of the file its pages that have data: all of them are in memory, and nowhere else. A length of 0 is all that
/// follows.
pub fn cachestat(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let [offset, length] = call.address(1).read_words()?;
    call.flags(3, 0)?;
    let pages = match file.node().kind() {
        FileType::Regular => {
            let end = if length == 0 { u64::MAX } else { offset.wrapping_add(length) };
            file.node().content().map_or(0, |content| content.pages_in(offset..end))
        }
        _ => 0,
    };
    call.write_words(2, [pages, 0, 0, 0, 0])
}

pub fn sync_file_range(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let (offset, length) = (call.offset(1)?, call.offset(2)?);
    call.flags(3, 7)?;
    if offset.checked_add(length).is_none_or(|end| i64::try_from(end).is_err()) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    match file.node().kind() {
        FileType::Regular | FileType::Directory | FileType::BlockDevice | FileType::Symlink => file.sync().map(|()| 0),
        FileType::CharDevice | FileType::Fifo | FileType::Socket | FileType::Anonymous => {
            fail(FileSystemErrorKind::IllegalSeek)
        }
    }
}
