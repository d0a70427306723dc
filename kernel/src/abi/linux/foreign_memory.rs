//! Other programs' memory, and who may touch it (`process_vm_readv(2)`, `ptrace(2)`).

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::{Sink, Source};

use super::call::Call;
use super::transfer::pieces_at;
use crate::arch::trap::Access;
use crate::mm::PAGE_SIZE;
use crate::mm::space::SharedSpace;
use crate::mm::user_memory::{Piece, UserSlice};
use crate::task::number;
use crate::task::process::Process;

/// The memory of a process: the caller's own, or one's that is the same user's in every respect; `CAP_SYS_PTRACE` may
/// touch all.
///
/// # Errors
/// `ESRCH` for one that has ended, `EPERM`.
pub fn space_of(call: &Call<'_>, process: &Arc<Process>) -> Result<Arc<SharedSpace>> {
    let space = process.space().or(fail(FileSystemErrorKind::NoProcess))?;
    if Arc::ptr_eq(process, call.process) {
        return Ok(space);
    }
    let own = call.process.place()?;
    let theirs = process.place().or(fail(FileSystemErrorKind::NoProcess))?.identity;
    let (user, group) = (own.identity.users.real, own.identity.groups.real);
    let is_same = [theirs.users.real, theirs.users.effective, theirs.users.saved].iter().all(|&id| id == user)
        && [theirs.groups.real, theirs.groups.effective, theirs.groups.saved].iter().all(|&id| id == group);
    if !is_same {
        own.context.credentials.require(Capabilities::SYS_PTRACE)?;
    }
    Ok(space)
}

/// Moves bytes between pieces of the caller's memory and pieces of another's, up to the first that cannot be.
fn transfer(call: &Call<'_>, access: Access) -> Result<u64> {
    if call.arguments[5] != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let own = pieces_at(call.address(1), call.arguments[2])?;
    let theirs = pieces_at(call.address(3), call.arguments[4])?;
    if UserSlice::new(&own).room() == 0 || theirs.iter().all(|(_, length)| *length == 0) {
        return Ok(0);
    }
    let process = number::thread(call.word(0)).and_then(|thread| Some(thread.user()?.process.clone()));
    let space = space_of(call, &process.ok_or(FileSystemErrorKind::NoProcess)?)?;
    let mut slice = UserSlice::new(&own).patient();
    let mut done = 0;
    for &piece in &theirs {
        match transfer_piece(call, &space, piece, access, &mut slice) {
            (count, Ok(())) => done += count,
            (count, Err(error)) if done + count == 0 => return Err(error),
            (count, Err(_)) => return Ok(done + count),
        }
    }
    Ok(done)
}

/// The same of one piece: how many bytes have moved, and what ended that.
fn transfer_piece(
    call: &Call<'_>,
    space: &SharedSpace,
    (start, length): Piece,
    access: Access,
    slice: &mut UserSlice<'_>,
) -> (u64, Result<()>) {
    let mut done = 0;
    let mut buffer = [0; 512];
    while done < length && slice.room() > 0 {
        if call.process.is_to_end() {
            return (done, fail(FileSystemErrorKind::Interrupted));
        }
        let at = start.plus(done).value();
        let in_page = PAGE_SIZE - at as usize % PAGE_SIZE;
        let count = (length - done).min(buffer.len().min(in_page) as u64) as usize;
        let part = &mut buffer[..count.min(slice.room())];
        let count = part.len() as u64;
        let touched = |part: &mut [u8]| {
            let result = space.touch(at, part.len(), access, |page| match access {
                Access::Write => page.copy_from_slice(part),
                _ => part.copy_from_slice(page),
            });
            result.or(fail(FileSystemErrorKind::BadAddress))
        };
        let moved = match access {
            Access::Write => slice.take(part).and_then(|()| touched(part)),
            _ => touched(part).and_then(|()| slice.put(part)),
        };
        if moved.is_err() {
            return (done, moved);
        }
        done += count;
    }
    (done, Ok(()))
}

pub fn process_vm_readv(call: &mut Call<'_>) -> Result<u64> {
    transfer(call, Access::Read)
}

pub fn process_vm_writev(call: &mut Call<'_>) -> Result<u64> {
    transfer(call, Access::Write)
}
