//! Timers that send a signal, by any clock (`timer_create(2)`).

use alloc::sync::Arc;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::clocks::{self, TIMER_ABSTIME};
use super::signals;
use super::structures::duration;
use super::timers::told;
use crate::mm::user_memory::UserAddress;
use crate::task::clock::Setting;
use crate::task::number;
use crate::task::posix_timer::Notice;
use crate::task::signal::Signal;
use crate::task::thread::UserSide;

const SIGEV_SIGNAL: u64 = 0;
const SIGEV_NONE: u64 = 1;
/// A thread that a library begins: the kernel sends a signal.
const SIGEV_THREAD: u64 = 2;
const SIGEV_THREAD_ID: u64 = 4;

/// What `struct sigevent` says: the notice, and what goes with it.
fn notice(call: &Call<'_>, event: UserAddress) -> Result<(Notice, u64)> {
    let [value, kinds, thread] = event.read_words()?;
    let signal = || signals::signal(kinds as u32);
    let notice = match kinds >> 32 {
        SIGEV_NONE => Notice::Nobody,
        SIGEV_SIGNAL | SIGEV_THREAD => Notice::Process(signal()?),
        SIGEV_THREAD_ID => {
            let thread = number::thread(thread as u32);
            let is_own = |user: &UserSide| Arc::ptr_eq(&user.process, call.process);
            let thread = thread.filter(|thread| thread.user().is_some_and(is_own));
            Notice::Thread(Arc::downgrade(&thread.ok_or(FileSystemErrorKind::InvalidArgument)?), signal()?)
        }
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    Ok((notice, value))
}

pub fn timer_create(call: &mut Call<'_>) -> Result<u64> {
    let number = call.word(0);
    if clocks::is_for_reading_only(number) {
        return fail(FileSystemErrorKind::NotSupported);
    }
    let clock = clocks::clock(call, number)?;
    let (notice, value) = match call.given(1) {
        Some(event) => notice(call, event).map(|(notice, value)| (notice, Some(value)))?,
        None => (Notice::Process(Signal::ALARM), None),
    };
    let number = call.process.create_timer(clock, notice, value)?;
    let told = call.address(2).write_u32(number as u32);
    if told.is_err() {
        call.process.delete_timer(number)?;
    }
    told.map(|()| 0)
}

/// The timer that argument 0 is.
fn number_of(call: &Call<'_>) -> i32 {
    call.word(0) as i32
}

/// How long until a timer's time comes, and how often, as `struct itimerspec`.
fn shown(call: &Call<'_>, number: i32) -> Result<[u64; 4]> {
    let (setting, clock) = call.process.timer(number)?;
    Ok(told(setting, clock.now().unwrap_or_default()))
}

pub fn timer_settime(call: &mut Call<'_>) -> Result<u64> {
    let new = call.given(2).ok_or(FileSystemErrorKind::InvalidArgument)?;
    let [seconds, rest, next_seconds, next_rest] = new.read_words()?;
    let (interval, value) = (duration([seconds, rest])?, duration([next_seconds, next_rest])?);
    let number = number_of(call);
    let former = shown(call, number)?;
    let clock = call.process.timer_clock(number)?;
    let is_absolute = call.word(1) & TIMER_ABSTIME != 0;
    let by = if is_absolute { clock } else { clock.steady() };
    let now = by.now().ok_or(FileSystemErrorKind::NoProcess)?;
    let next = if is_absolute { value } else { now.saturating_add(value) };
    let setting = match value.is_zero() {
        true => Setting::default(),
        false => Setting { next: Some(next), interval },
    };
    call.process.set_timer(number, setting, by)?;
    call.tell_words(3, former)
}

pub fn timer_gettime(call: &mut Call<'_>) -> Result<u64> {
    let shown = shown(call, number_of(call))?;
    call.write_words(1, shown)
}

pub fn timer_getoverrun(call: &mut Call<'_>) -> Result<u64> {
    Ok(call.process.timer_overrun(number_of(call))? as u64)
}

pub fn timer_delete(call: &mut Call<'_>) -> Result<u64> {
    call.process.delete_timer(number_of(call)).map(|()| 0)
}
