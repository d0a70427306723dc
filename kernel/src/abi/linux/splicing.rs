//! Moving bytes between files by way of a pipe (`splice(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags, TransferFlags};

use super::call::Call;
use super::pieces::{self, At};
use super::transfer::{BYTES_MAX, offset_at, tell_broken_pipe, vector, write_pieces};
use crate::fs::pipe::End;
use crate::mm::user_memory::UserAddress;

/// What can be asked for: to move and not to copy, not to wait, that more comes, that pages are given away. But for the
/// second it makes no difference.
const FLAGS: u32 = 0xf;
const SPLICE_F_NONBLOCK: u32 = 2;

fn end(file: &FileObject) -> Option<&End> {
    file.stream_as()
}

/// That a file is open for that.
fn check_open(file: &FileObject, access: OpenFlags) -> Result<()> {
    if file.flags().contains(access) { Ok(()) } else { fail(FileSystemErrorKind::BadFileDescriptor) }
}

pub fn splice(call: &mut Call<'_>) -> Result<u64> {
    let (from_at, to_at) = (call.given(1), call.given(3));
    let flags = call.flags(5, FLAGS)?;
    let count = call.arguments[4].min(BYTES_MAX) as usize;
    if count == 0 {
        return Ok(0);
    }
    let (from, to) = (call.file(0)?, call.file(2)?);
    check_open(&from, OpenFlags::READ)?;
    check_open(&to, OpenFlags::WRITE)?;
    let may_wait = flags & SPLICE_F_NONBLOCK == 0;
    let has_place = from_at.is_some() && end(&from).is_some() || to_at.is_some() && end(&to).is_some();
    if has_place {
        return fail(FileSystemErrorKind::IllegalSeek);
    }
    let moved = match (end(&from), end(&to)) {
        (Some(one), Some(other)) if one.is_of_same(other) => return fail(FileSystemErrorKind::InvalidArgument),
        (Some(one), Some(other)) => one.move_between(other, count, false, may_wait),
        (Some(one), None) if !to.flags().contains(OpenFlags::APPEND) => {
            let offset = offset_at(to_at)?;
            one.move_to(&to, &call.credentials()?, offset, count, may_wait).and_then(|moved| {
                write_offset(to_at, offset, moved)?;
                Ok(moved)
            })
        }
        (None, Some(other)) => {
            let offset = offset_at(from_at)?;
            other.move_from(&from, offset, count, may_wait).and_then(|moved| {
                write_offset(from_at, offset, moved)?;
                Ok(moved)
            })
        }
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    tell_broken_pipe(call, &moved);
    Ok(moved? as u64)
}

fn write_offset(at: Option<UserAddress>, offset: Option<u64>, moved: usize) -> Result<()> {
    at.zip(offset).map_or(Ok(()), |(at, offset)| at.write_words([offset + moved as u64]))
}

pub fn tee(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(3, FLAGS)?;
    let count = call.arguments[2].min(BYTES_MAX) as usize;
    if count == 0 {
        return Ok(0);
    }
    let (from, to) = (call.file(0)?, call.file(1)?);
    check_open(&from, OpenFlags::READ)?;
    check_open(&to, OpenFlags::WRITE)?;
    let (Some(one), Some(other)) = (end(&from), end(&to)) else { return fail(FileSystemErrorKind::InvalidArgument) };
    if one.is_of_same(other) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let copied = one.move_between(other, count, true, flags & SPLICE_F_NONBLOCK == 0);
    tell_broken_pipe(call, &copied);
    Ok(copied? as u64)
}

/// Copies: a program's pages are its own.
pub fn vmsplice(call: &mut Call<'_>) -> Result<u64> {
    call.flags(3, FLAGS)?;
    let file = call.file(0)?;
    if end(&file).is_none() {
        return fail(FileSystemErrorKind::BadFileDescriptor);
    }
    let pieces = vector(call)?;
    if file.flags().contains(OpenFlags::WRITE) {
        write_pieces(call, &file, &pieces, At::Position, TransferFlags::empty())
    } else {
        pieces::read(&file, &pieces, At::Position)
    }
}
