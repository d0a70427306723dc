//! Memory that is to stay where it is (`mlock(2)`). All that is in memory stays there; so locking it is bringing it, and
//! counting what a process may lock (`RLIMIT_MEMLOCK`).

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::memory::{pages, populate};
use crate::arch::trap::Access;
use crate::arch::user::USER_END;
use crate::mm::PAGE_SIZE;
use crate::mm::space::{Marks, SharedSpace};
use crate::task::limits::Resource;

const MLOCK_ONFAULT: u32 = 1;

const MCL_CURRENT: u32 = 1;
const MCL_FUTURE: u32 = 2;
const MCL_ONFAULT: u32 = 4;

/// How much the caller may lock in all.
///
/// # Errors
/// `EPERM` if that is nothing.
fn limit(call: &Call<'_>) -> Result<u64> {
    if call.credentials()?.capable(Capabilities::IPC_LOCK) {
        return Ok(u64::MAX);
    }
    match call.process.limit(Resource::Locked) {
        0 => fail(FileSystemErrorKind::NotPermitted),
        limit => Ok(limit),
    }
}

/// Fails where `length` bytes that are going to be mapped would be too many to be locked too. `asked`: by this very
/// mapping, as opposed to all that come.
///
/// # Errors
/// `EPERM`, `EAGAIN`.
pub fn check_lock_of_new(call: &Call<'_>, space: &SharedSpace, asked: bool, length: u64) -> Result<()> {
    let limit = match limit(call) {
        Err(_) if !asked => 0,
        limit => limit?,
    };
    let locked = space.lock().marked(&(0..USER_END), Marks::LOCKED);
    if locked.saturating_add(length) > limit { fail(FileSystemErrorKind::WouldBlock) } else { Ok(()) }
}

fn lock(call: &Call<'_>, brings: bool) -> Result<u64> {
    let limit = limit(call)?;
    let [start, length, ..] = call.arguments;
    let first = start - start % PAGE_SIZE as u64;
    let length = length.checked_add(start - first).ok_or(FileSystemErrorKind::InvalidArgument)?;
    let range = pages(first, length).or(fail(FileSystemErrorKind::InvalidArgument))?;
    if call.arguments[1] == 0 {
        return Ok(0);
    }
    let space = call.process.space()?;
    let mut locked = space.lock();
    let others = locked.marked(&(0..USER_END), Marks::LOCKED) - locked.marked(&range, Marks::LOCKED);
    if others.saturating_add(range.end - range.start) > limit {
        return fail(FileSystemErrorKind::OutOfMemory);
    }
    locked.mark(&range, Marks::LOCKED, Marks::empty())?;
    drop(locked);
    if brings {
        // What cannot be read, or has nothing behind it, is `ENOMEM` as on Linux.
        populate(call, &space, range, Access::Read).or(fail(FileSystemErrorKind::OutOfMemory))?;
    }
    Ok(0)
}

pub fn mlock(call: &mut Call<'_>) -> Result<u64> {
    lock(call, true)
}

pub fn mlock2(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(2, MLOCK_ONFAULT)?;
    lock(call, flags == 0)
}

pub fn munlock(call: &mut Call<'_>) -> Result<u64> {
    let [start, length, ..] = call.arguments;
    let first = start - start % PAGE_SIZE as u64;
    let length = length.checked_add(start - first).ok_or(FileSystemErrorKind::InvalidArgument)?;
    let range = pages(first, length).or(fail(FileSystemErrorKind::InvalidArgument))?;
    if call.arguments[1] != 0 {
        call.process.space()?.lock().mark(&range, Marks::empty(), Marks::LOCKED)?;
    }
    Ok(0)
}

pub fn mlockall(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(0, MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)?;
    if matches!(flags, 0 | MCL_ONFAULT) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let limit = limit(call)?;
    let locks_now = flags & MCL_CURRENT != 0;
    let space = call.process.space()?;
    let mut space = space.lock();
    if locks_now && space.size() > limit {
        return fail(FileSystemErrorKind::OutOfMemory);
    }
    space.mark_all(locks_now.then_some(true), flags & MCL_FUTURE != 0);
    Ok(0)
}

pub fn munlockall(call: &mut Call<'_>) -> Result<u64> {
    call.process.space()?.lock().mark_all(Some(false), false);
    Ok(0)
}
