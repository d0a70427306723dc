//! Who gets how much of the processor: nice values, which processor, and claims to disks.

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::task::limits::Resource;
use crate::task::number;
use crate::task::process::Process;
use crate::task::share::{NICE_MAX, NICE_MIN};
use crate::task::thread::{Thread, UserSide};

const PRIO_PROCESS: u32 = 0;
const PRIO_PGRP: u32 = 1;
const PRIO_USER: u32 = 2;

/// Does something with each thread that arguments 0 and 1 mean.
fn each_meant(call: &Call<'_>, mut body: impl FnMut(&Arc<Thread>)) -> Result<()> {
    let [kind, who] = [call.word(0), call.word(1)];
    let meant = |process: &Process| match kind {
        PRIO_PGRP => process.group() == if who == 0 { call.process.group() } else { who },
        _ => process.place().is_ok_and(|place| {
            let own = || call.process.place().is_ok_and(|own| own.identity.users.real == place.identity.users.real);
            if who == 0 { own() } else { place.identity.users.real == who }
        }),
    };
    match kind {
        PRIO_PROCESS => body(&thread(call, who)?),
        PRIO_PGRP | PRIO_USER => number::processes().filter(|process| meant(process)).for_each(|process| {
            process.find_thread(|thread| {
                body(thread);
                None::<()>
            });
        }),
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    }
    Ok(())
}

/// The thread of that number; the caller is 0.
pub fn thread(call: &Call<'_>, number: u32) -> Result<Arc<Thread>> {
    if number == 0 {
        return Ok(call.thread());
    }
    number::thread(number).ok_or(FileSystemErrorKind::NoProcess.into())
}

/// What is answered is 20 less the nice value: no answer looks like an error.
pub fn getpriority(call: &mut Call<'_>) -> Result<u64> {
    let mut least = None;
    each_meant(call, |thread| {
        if let Some(user) = thread.user() {
            let nice = user.share.nice();
            least = Some(least.map_or(nice, |least: i32| least.min(nice)));
        }
    })?;
    least.map(|nice| (20 - nice) as u64).ok_or(FileSystemErrorKind::NoProcess.into())
}

/// Makes a thread as nice as that, if the caller may.
pub fn set_nice(call: &Call<'_>, thread: &Thread, nice: i32) -> Result<()> {
    let Some(user) = thread.user() else { return fail(FileSystemErrorKind::NoProcess) };
    check_owner(call, &user.process)?;
    if nice < user.share.nice() && !may_be_as_nice(user, nice) && !call.credentials()?.capable(Capabilities::SYS_NICE) {
        return fail(FileSystemErrorKind::PermissionDenied);
    }
    user.share.set_nice(nice);
    Ok(())
}

/// Whether its limit lets a thread be as nice as that, whatever it was.
pub fn may_be_as_nice(user: &UserSide, nice: i32) -> bool {
    nice >= 20 - user.process.limit(Resource::Nice).min(40) as i32
}

/// Fails where somebody else's process is changed (`EPERM`).
pub fn check_owner(call: &Call<'_>, target: &Process) -> Result<()> {
    let own = call.process.place()?;
    let Ok(theirs) = target.place() else { return Ok(()) };
    let (own_user, theirs) = (own.identity.users.effective, theirs.identity.users);
    if own_user == theirs.real || own_user == theirs.effective {
        return Ok(());
    }
    own.context.credentials.require(Capabilities::SYS_NICE)
}

pub fn setpriority(call: &mut Call<'_>) -> Result<u64> {
    let nice = (call.word(2) as i32).clamp(NICE_MIN, NICE_MAX);
    let mut result = fail(FileSystemErrorKind::NoProcess);
    let mut found = false;
    each_meant(call, |thread| {
        let set = set_nice(call, thread, nice);
        // Of several failures the last is told, and one is enough.
        if set.is_err() || !found {
            result = set;
        }
        found = true;
    })?;
    result.map(|()| 0)
}

/// Which processors: the only one must be among them.
pub fn sched_setaffinity(call: &mut Call<'_>) -> Result<u64> {
    let [pid, size, ..] = call.arguments;
    let mut first = [0; 8];
    call.address(2).read(&mut first[..size.min(8) as usize])?;
    let thread = thread(call, pid as u32)?;
    thread.user().map_or(Ok(()), |user| check_owner(call, &user.process))?;
    if first[0] & 1 == 0 { fail(FileSystemErrorKind::InvalidArgument) } else { Ok(0) }
}

const IOPRIO_WHO_PROCESS: u32 = 1;
const IOPRIO_WHO_USER: u32 = 3;
/// Below this the kinds of claims to disks are.
const IOPRIO_CLASSES: u32 = 4;
const IOPRIO_CLASS_REAL_TIME: u32 = 1;

/// The kind of claim that a number says.
fn disk_class(claim: u32) -> u32 {
    claim >> 13
}

/// There are no disks to come first at: claims to them are checked, and are all the same.
pub fn ioprio_set(call: &mut Call<'_>) -> Result<u64> {
    let (class, level) = (disk_class(call.word(2)), call.word(2) & 7);
    if class >= IOPRIO_CLASSES || class == 0 && level != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if class == IOPRIO_CLASS_REAL_TIME {
        call.credentials()?.require(Capabilities::SYS_ADMIN)?;
    }
    ioprio_get(call)?;
    Ok(0)
}

/// No claim: as nice as it is otherwise.
pub fn ioprio_get(call: &mut Call<'_>) -> Result<u64> {
    match call.word(0) {
        IOPRIO_WHO_PROCESS => thread(call, call.word(1)).map(|_| 0),
        kind if kind <= IOPRIO_WHO_USER && kind != 0 => Ok(0),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}
