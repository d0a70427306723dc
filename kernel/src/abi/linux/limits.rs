//! How much a process may have.

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::metadata::FileType;

use super::call::Call;
use crate::mm::user_memory::UserAddress;
use crate::task::limits::{Limit, Resource, UNLIMITED};
use crate::task::number;
use crate::task::process::Process;
use crate::task::signal::Signal;

/// The process whose limits a call is about: the caller, or one that is its own in all things (`prlimit(2)`).
fn target(call: &Call<'_>, pid: u32) -> Result<Arc<Process>> {
    if pid == 0 || pid == call.process.pid() {
        return Ok(call.process.clone());
    }
    let target = number::process(pid).ok_or(FileSystemErrorKind::NoProcess)?;
    let (own, theirs) = (call.process.place()?, target.place().map_err(|_| FileSystemErrorKind::NoProcess)?);
    let (users, groups) = (theirs.identity.users, theirs.identity.groups);
    let is_own = [users.real, users.effective, users.saved].iter().all(|user| *user == own.identity.users.real)
        && [groups.real, groups.effective, groups.saved].iter().all(|group| *group == own.identity.groups.real);
    if !is_own {
        own.context.credentials.require(Capabilities::SYS_RESOURCE)?;
    }
    Ok(target)
}

/// Changes a limit if there is a new one, and returns what it was.
fn change(call: &Call<'_>, target: &Process, resource: u32, new: Option<[u64; 2]>) -> Result<[u64; 2]> {
    let index = resource as usize;
    let old = match new {
        None => *target.limits().all().get(index).ok_or(FileSystemErrorKind::InvalidArgument)?,
        Some([now, most]) => {
            let privileged = call.credentials()?.capable(Capabilities::SYS_RESOURCE);
            target.set_limit(index, Limit { now, most }, privileged)?
        }
    };
    Ok([old.now, old.most])
}

pub fn prlimit64(call: &mut Call<'_>) -> Result<u64> {
    let new = call.given(2).map(UserAddress::read_words).transpose()?;
    let target = target(call, call.word(0))?;
    let former = change(call, &target, call.word(1), new)?;
    call.tell_words(3, former)
}

pub fn getrlimit(call: &mut Call<'_>) -> Result<u64> {
    let limit = change(call, call.process, call.word(0), None)?;
    call.write_words(1, limit)
}

pub fn setrlimit(call: &mut Call<'_>) -> Result<u64> {
    let new = call.address(1).read_words()?;
    change(call, call.process, call.word(0), Some(new))?;
    Ok(0)
}

/// How much of `wanted` bytes the caller may write into a file at `offset`; at the file's end or its position where there
/// is none. What lies beyond its limit is told by a signal as well, where nothing can be written.
///
/// # Errors
/// `EFBIG`.
pub fn room_in_file(call: &Call<'_>, file: &FileObject, offset: Option<u64>, wanted: u64) -> Result<u64> {
    let limit = call.process.limit(Resource::FileSize);
    if limit == UNLIMITED || wanted == 0 || file.node().kind() != FileType::Regular {
        return Ok(wanted);
    }
    let start = match offset {
        Some(offset) => offset,
        None if file.flags().contains(OpenFlags::APPEND) => file.metadata()?.size,
        None => file.position(),
    };
    if start >= limit {
        return too_long(call);
    }
    Ok(wanted.min(limit - start))
}

/// Fails where a file must not become that long for the caller. One that is as long as that already does not become it.
///
/// # Errors
/// `EFBIG`, after the signal; those of `now`, which says how long it is.
pub fn check_length(call: &Call<'_>, length: u64, now: impl FnOnce() -> Result<u64>) -> Result<()> {
    let is_within = length <= call.process.limit(Resource::FileSize);
    if is_within || length <= now()? { Ok(()) } else { too_long(call) }
}

fn too_long<T>(call: &Call<'_>) -> Result<T> {
    call.process.raise(Signal::FILE_LIMIT);
    fail(FileSystemErrorKind::FileTooLarge)
}
