//! How threads are scheduled (`sched(7)`). There are no deadlines (`EINVAL`).

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::scheduling::{check_owner, may_be_as_nice, thread};
use crate::mm::user_memory::UserAddress;
use crate::task::limits::Resource;
use crate::task::scheduler;
use crate::task::share::{NICE_MAX, NICE_MIN, PRIORITY_MAX, Policy, ROUND};
use crate::task::thread::{Thread, UserSide};

const SCHED_OTHER: u32 = 0;
const SCHED_FIFO: u32 = 1;
const SCHED_RR: u32 = 2;
const SCHED_BATCH: u32 = 3;
const SCHED_IDLE: u32 = 5;
const SCHED_DEADLINE: u32 = 6;
const SCHED_EXT: u32 = 7;
const SCHED_RESET_ON_FORK: u32 = 0x4000_0000;

/// The thread that argument 0 names.
fn scheduled(call: &Call<'_>) -> Result<Arc<Thread>> {
    if (call.word(0) as i32) < 0 { fail(FileSystemErrorKind::InvalidArgument) } else { thread(call, call.word(0)) }
}

/// What the caller wants of a thread.
struct Wanted {
    policy: Policy,
    /// `None` for as it is.
    nice: Option<i32>,
    resets: bool,
}

/// Schedules a thread so, if the caller may.
fn set(call: &Call<'_>, thread: &Arc<Thread>, wanted: &Wanted) -> Result<u64> {
    let user = call.user_side(thread)?;
    if check_owner(call, &user.process).is_err() || !may_by_itself(user, wanted) {
        call.credentials()?.require(Capabilities::SYS_NICE)?;
    }
    scheduler::set_policy(thread, wanted.policy);
    if let Some(nice) = wanted.nice {
        user.share.set_nice(nice);
    }
    user.share.set_resets(wanted.resets);
    Ok(0)
}

/// Whether somebody without privileges may have that for a thread of its own.
fn may_by_itself(user: &UserSide, wanted: &Wanted) -> bool {
    let (old, new, limit) = (user.share.policy(), wanted.policy, user.process.limit(Resource::RealTime));
    let may_have_policy = match new.priority() {
        0 => {
            let stays_nice = wanted.nice.is_none_or(|nice| nice >= user.share.nice() || may_be_as_nice(user, nice));
            let leaves_idle = old == Policy::Idle && new != Policy::Idle;
            stays_nice && (!leaves_idle || may_be_as_nice(user, user.share.nice()))
        }
        priority => {
            (old.number() == new.number() || limit > 0) && (priority <= old.priority() || u64::from(priority) <= limit)
        }
    };
    may_have_policy && (wanted.resets || !user.share.resets())
}

/// The policy of that number, which may be one that is not here.
fn policy(number: u32, priority: u32) -> Result<Policy> {
    Policy::from_number(number, priority).ok_or(FileSystemErrorKind::InvalidArgument.into())
}

/// The priority at an address.
fn read_priority(address: Option<UserAddress>) -> Result<u32> {
    address.ok_or(FileSystemErrorKind::InvalidArgument)?.read_u32()
}

pub fn sched_setscheduler(call: &mut Call<'_>) -> Result<u64> {
    let number = call.word(1);
    if (number as i32) < 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let priority = read_priority(call.given(2))?;
    let thread = scheduled(call)?;
    let policy = policy(number & !SCHED_RESET_ON_FORK, priority)?;
    set(call, &thread, &Wanted { policy, nice: None, resets: number & SCHED_RESET_ON_FORK != 0 })
}

pub fn sched_setparam(call: &mut Call<'_>) -> Result<u64> {
    let priority = read_priority(call.given(1))?;
    let thread = scheduled(call)?;
    let share = &call.user_side(&thread)?.share;
    let policy = policy(share.policy().number(), priority)?;
    set(call, &thread, &Wanted { policy, nice: None, resets: share.resets() })
}

pub fn sched_getscheduler(call: &mut Call<'_>) -> Result<u64> {
    let thread = scheduled(call)?;
    let share = &call.user_side(&thread)?.share;
    let resets = if share.resets() { SCHED_RESET_ON_FORK } else { 0 };
    Ok(u64::from(share.policy().number() | resets))
}

pub fn sched_getparam(call: &mut Call<'_>) -> Result<u64> {
    let address = call.given(1).ok_or(FileSystemErrorKind::InvalidArgument)?;
    let thread = scheduled(call)?;
    address.write_u32(call.user_side(&thread)?.share.priority()).map(|()| 0)
}

/// Bytes of `struct sched_attr`, as it was first and as it is.
const ATTRIBUTES_MIN: u64 = 48;
const ATTRIBUTES: u64 = 56;

const SCHED_FLAG_RESET_ON_FORK: u64 = 1;
const SCHED_FLAG_KEEP_POLICY: u64 = 8;
const SCHED_FLAG_KEEP_PARAMS: u64 = 0x10;

pub fn sched_setattr(call: &mut Call<'_>) -> Result<u64> {
    let address = call.given(1).ok_or(FileSystemErrorKind::InvalidArgument)?;
    if (call.word(0) as i32) < 0 || call.word(2) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let size = match address.read_u32()? {
        0 => ATTRIBUTES_MIN,
        size => size.into(),
    };
    let read = match size {
        ..ATTRIBUTES_MIN => fail(FileSystemErrorKind::ArgumentListTooLong),
        _ => address.read_growing::<{ ATTRIBUTES as usize / 8 }>(size),
    };
    if read.as_ref().is_err_and(|error| error.kind() == FileSystemErrorKind::ArgumentListTooLong) {
        address.write_u32(ATTRIBUTES as u32)?;
    }
    let words = read?;
    let [kind, flags, nice_and_priority, ..] = words;
    let (mut number, nice, mut priority) =
        ((kind >> 32) as u32, nice_and_priority as i32, (nice_and_priority >> 32) as u32);
    if flags & !(SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS) != 0 || (number as i32) < 0
    {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let thread = scheduled(call)?;
    let share = &call.user_side(&thread)?.share;
    let mut resets = flags & SCHED_FLAG_RESET_ON_FORK != 0;
    if flags & SCHED_FLAG_KEEP_POLICY != 0 {
        (number, resets) = (share.policy().number(), share.resets());
    }
    let keeps = flags & SCHED_FLAG_KEEP_PARAMS != 0;
    if keeps {
        priority = share.priority();
    }
    let policy = policy(number, priority)?;
    let is_by_nice = !keeps && matches!(policy, Policy::Other | Policy::Batch);
    let nice = is_by_nice.then_some(nice.clamp(NICE_MIN, NICE_MAX));
    set(call, &thread, &Wanted { policy, nice, resets })
}

pub fn sched_getattr(call: &mut Call<'_>) -> Result<u64> {
    let address = call.given(1).ok_or(FileSystemErrorKind::InvalidArgument)?;
    let size = u64::from(call.word(2));
    if (call.word(0) as i32) < 0 || !(ATTRIBUTES_MIN..=page::SIZE as u64).contains(&size) || call.word(3) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let thread = scheduled(call)?;
    let share = &call.user_side(&thread)?.share;
    let policy = share.policy();
    let size = size.min(ATTRIBUTES);
    let nice = if policy.priority() == 0 { share.nice() } else { 0 };
    let mut words = [0; ATTRIBUTES as usize / 8];
    words[0] = size | u64::from(policy.number()) << 32;
    words[1] = if share.resets() { SCHED_FLAG_RESET_ON_FORK } else { 0 };
    words[2] = u64::from(nice as u32) | u64::from(policy.priority()) << 32;
    let bytes = words.map(u64::to_le_bytes);
    address.write(&bytes.as_flattened()[..size as usize]).map(|()| 0)
}

/// The greatest or the least priority of a policy, as Linux has it.
fn priority_of_policy(call: &Call<'_>, real_time: u32) -> Result<u64> {
    match call.word(0) {
        SCHED_FIFO | SCHED_RR => Ok(real_time.into()),
        SCHED_OTHER | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE | SCHED_EXT => Ok(0),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

pub fn sched_get_priority_max(call: &mut Call<'_>) -> Result<u64> {
    priority_of_policy(call, PRIORITY_MAX)
}

pub fn sched_get_priority_min(call: &mut Call<'_>) -> Result<u64> {
    priority_of_policy(call, 1)
}

/// How long a turn is: one that has no end is 0.
pub fn sched_rr_get_interval(call: &mut Call<'_>) -> Result<u64> {
    let thread = scheduled(call)?;
    let ticks = match call.user_side(&thread)?.share.policy() {
        Policy::First(_) => 0,
        Policy::Round(_) => ROUND as u64,
        Policy::Other | Policy::Batch | Policy::Idle => 1,
    };
    call.write_words(1, [0, ticks * 1_000_000_000 / super::usage::TICKS])
}
