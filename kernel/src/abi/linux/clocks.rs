//! Times, and waiting for one.

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::futexes;
use super::structures::{duration, timespec, timeval};
use crate::mm::user_memory;
use crate::task::thread::Unfinished;
use crate::task::timer;
use crate::time;

pub const CLOCK_REALTIME: u32 = 0;
pub const CLOCK_MONOTONIC: u32 = 1;
const CLOCK_MONOTONIC_RAW: u32 = 4;
const CLOCK_REALTIME_COARSE: u32 = 5;
const CLOCK_MONOTONIC_COARSE: u32 = 6;
const CLOCK_BOOTTIME: u32 = 7;

const TIMER_ABSTIME: u32 = 1;

/// What a clock shows.
///
/// # Errors
/// `EINVAL` for a clock that is not there; those of a process's own time are not.
pub fn now(clock: u32) -> Result<Duration> {
    match clock {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE => Ok(time::wall()),
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW | CLOCK_MONOTONIC_COARSE | CLOCK_BOOTTIME => Ok(time::monotonic()),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// Until when (since boot) a call waits whose limit is the `struct timespec` at `address`; without an end at address 0.
///
/// # Errors
/// `EFAULT`; `EINVAL` for what is no time.
pub fn deadline(address: u64) -> Result<Option<Duration>> {
    if address == 0 {
        return Ok(None);
    }
    let limit = duration(user_memory::read_words(address)?)?;
    Ok(Some(time::monotonic().saturating_add(limit)))
}

/// Writes what is left of the time until `end` to where its limit was read, in the form that it was in (`select(2)`). A
/// program may keep its limit where it cannot be written, so nobody is told.
pub fn write_rest(address: u64, end: Option<Duration>, form: fn(Duration) -> [u64; 2]) {
    if let Some(end) = end {
        let _ = user_memory::write_words(address, form(end.saturating_sub(time::monotonic())));
    }
}

pub fn clock_gettime(call: &mut Call<'_>) -> Result<u64> {
    call.write_words(1, timespec(now(call.word(0))?))
}

pub fn clock_getres(call: &mut Call<'_>) -> Result<u64> {
    now(call.word(0))?;
    if call.arguments[1] == 0 {
        return Ok(0);
    }
    call.write_words(1, [0, 1])
}

pub fn gettimeofday(call: &mut Call<'_>) -> Result<u64> {
    let [address, zone, ..] = call.arguments;
    if address != 0 {
        call.write_words(0, timeval(time::wall()))?;
    }
    if zone != 0 {
        call.write_words(1, [0])?;
    }
    Ok(0)
}

pub fn time(call: &mut Call<'_>) -> Result<u64> {
    let seconds = time::wall().as_secs();
    if call.arguments[0] != 0 {
        call.write_words(0, [seconds])?;
    }
    Ok(seconds)
}

/// Sleeps until a time (since boot). When a signal interrupts it, what is left is written to `left_at`, and it can go on
/// by `restart_syscall`.
fn sleep_until(call: &Call<'_>, end: Duration, left_at: u64) -> Result<u64> {
    let slept = timer::sleep_until(end);
    if slept.is_err() {
        if left_at != 0 {
            user_memory::write_words(left_at, timespec(end.saturating_sub(time::monotonic())))?;
        }
        call.user_side(&call.thread())?.note_unfinished(Unfinished::Sleep { end, left_at });
    }
    slept.map(|()| 0)
}

pub fn nanosleep(call: &mut Call<'_>) -> Result<u64> {
    let given = duration(user_memory::read_words(call.arguments[0])?)?;
    sleep_until(call, time::monotonic().saturating_add(given), call.arguments[1])
}

pub fn clock_nanosleep(call: &mut Call<'_>) -> Result<u64> {
    let now = now(call.word(0))?;
    let flags = call.flags(1, TIMER_ABSTIME)?;
    let given = duration(user_memory::read_words(call.arguments[2])?)?;
    let absolute = flags & TIMER_ABSTIME != 0;
    let given = if absolute { given.saturating_sub(now) } else { given };
    sleep_until(call, time::monotonic().saturating_add(given), if absolute { 0 } else { call.arguments[3] })
}

/// Goes on with a wait that a signal has interrupted.
pub fn restart_syscall(call: &mut Call<'_>) -> Result<u64> {
    match call.user_side(&call.thread())?.take_unfinished() {
        Some(Unfinished::Sleep { end, left_at }) => sleep_until(call, end, left_at),
        Some(Unfinished::Word { key, word, bitset, end }) => futexes::wait(call, key, word, bitset, Some(end)),
        None => fail(FileSystemErrorKind::Interrupted),
    }
}
