//! Times, and waiting for one.

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::structures::{duration, timespec};
use crate::mm::user_memory;
use crate::task::timer;
use crate::time;

const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const CLOCK_MONOTONIC_RAW: u32 = 4;
const CLOCK_REALTIME_COARSE: u32 = 5;
const CLOCK_MONOTONIC_COARSE: u32 = 6;
const CLOCK_BOOTTIME: u32 = 7;

const TIMER_ABSTIME: u32 = 1;

/// What a clock shows.
///
/// # Errors
/// `EINVAL` for a clock that is not there; those of a process's own time are not.
fn now(clock: u32) -> Result<Duration> {
    match clock {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE => Ok(time::wall()),
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW | CLOCK_MONOTONIC_COARSE | CLOCK_BOOTTIME => Ok(time::monotonic()),
        _ => fail(FileSystemErrorKind::InvalidArgument),
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
        let now = time::wall();
        call.write_words(0, [now.as_secs(), u64::from(now.subsec_micros())])?;
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

pub fn nanosleep(call: &mut Call<'_>) -> Result<u64> {
    timer::sleep(duration(user_memory::read_words(call.arguments[0])?)?);
    Ok(0)
}

pub fn clock_nanosleep(call: &mut Call<'_>) -> Result<u64> {
    let now = now(call.word(0))?;
    let flags = call.flags(1, TIMER_ABSTIME)?;
    let given = duration(user_memory::read_words(call.arguments[2])?)?;
    timer::sleep(if flags & TIMER_ABSTIME != 0 { given.saturating_sub(now) } else { given });
    Ok(0)
}
