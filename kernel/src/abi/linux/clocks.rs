//! Times, and waiting for one.

use alloc::sync::Arc;
use core::time::Duration;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::futexes;
use super::structures::{duration, timespec, timeval};
use crate::mm::user_memory::UserAddress;
use crate::task::clock::{Clock, Mode};
use crate::task::thread::{Thread, Unfinished};
use crate::task::{number, timer, vdso};
use crate::time;

pub const CLOCK_REALTIME: u32 = 0;
pub const CLOCK_MONOTONIC: u32 = 1;
const CLOCK_PROCESS: u32 = 2;
const CLOCK_THREAD: u32 = 3;
const CLOCK_MONOTONIC_RAW: u32 = 4;
const CLOCK_REALTIME_COARSE: u32 = 5;
const CLOCK_MONOTONIC_COARSE: u32 = 6;
const CLOCK_BOOTTIME: u32 = 7;
const CLOCK_REALTIME_ALARM: u32 = 8;
const CLOCK_BOOTTIME_ALARM: u32 = 9;
/// Nobody has said by how many seconds it differs from the time of day.
const CLOCK_TAI: u32 = 11;

pub const TIMER_ABSTIME: u32 = 1;

/// What of a clock's number says that it counts the time on the processor of the process or thread whose number is the
/// complement of the rest (`clock_getcpuclockid(3)`): which time, and whether a thread's.
const OF_SOMEBODY: u32 = 1 << 31;
const KIND: u32 = 3;
const KIND_USER: u32 = 1;
const OF_THREAD: u32 = 4;

/// A clock of somebody's.
fn of_somebody(call: &Call<'_>, number: u32) -> Result<Clock> {
    let who = !((number as i32 >> 3) as u32);
    let mode = match number & KIND {
        KIND => return fail(FileSystemErrorKind::InvalidArgument),
        KIND_USER => Mode::User,
        _ => Mode::Any,
    };
    let of_thread = |thread: &Arc<Thread>| Clock::OfThread(Arc::downgrade(thread), mode);
    let clock = match (who, number & OF_THREAD != 0) {
        (0, true) => Some(of_thread(&call.thread())),
        (0, false) => Some(Clock::OfProcess(Arc::downgrade(call.process), mode)),
        (_, true) => number::thread(who)
            .filter(|thread| thread.user().is_some_and(|user| Arc::ptr_eq(&user.process, call.process)))
            .map(|thread| of_thread(&thread)),
        (_, false) => number::process(who).map(|process| Clock::OfProcess(Arc::downgrade(&process), mode)),
    };
    clock.ok_or(FileSystemErrorKind::InvalidArgument.into())
}

/// The clock of that number. What would wake the machine is not there, as on one whose real-time clock cannot.
///
/// # Errors
/// `EINVAL` for a clock that is not there.
pub fn clock(call: &Call<'_>, number: u32) -> Result<Clock> {
    match number {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => Ok(Clock::Wall),
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW | CLOCK_MONOTONIC_COARSE | CLOCK_BOOTTIME => Ok(Clock::Boot),
        CLOCK_PROCESS => Ok(Clock::OfProcess(Arc::downgrade(call.process), Mode::Any)),
        CLOCK_THREAD => Ok(Clock::OfThread(Arc::downgrade(&call.thread()), Mode::Any)),
        OF_SOMEBODY.. => of_somebody(call, number),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// Whether nobody can wait by the clock of that number, nor make a timer (`EOPNOTSUPP`).
pub fn is_for_reading_only(number: u32) -> bool {
    let is_of_device = number >= OF_SOMEBODY && number & (KIND | OF_THREAD) == KIND;
    let fixed = CLOCK_MONOTONIC_RAW..=CLOCK_MONOTONIC_COARSE;
    fixed.contains(&number) || matches!(number, CLOCK_REALTIME_ALARM | CLOCK_BOOTTIME_ALARM) || is_of_device
}

/// What a clock shows.
///
/// # Errors
/// `EINVAL` for a clock that is not there.
pub fn now(call: &Call<'_>, number: u32) -> Result<Duration> {
    clock(call, number)?.now().ok_or(FileSystemErrorKind::InvalidArgument.into())
}

/// Until when (since boot) a call waits whose limit is the `struct timespec` at `address`; without one it has no end.
///
/// # Errors
/// `EFAULT`; `EINVAL` for what is no time.
pub fn deadline(address: Option<UserAddress>) -> Result<Option<Duration>> {
    let Some(address) = address else { return Ok(None) };
    let limit = duration(address.read_words()?)?;
    Ok(Some(time::monotonic().saturating_add(limit)))
}

/// Writes what is left of the time until `end` to where its limit was read, in the form that it was in (`select(2)`). A
/// program may keep its limit where it cannot be written, so nobody is told.
pub fn write_rest(address: Option<UserAddress>, end: Option<Duration>, form: fn(Duration) -> [u64; 2]) {
    if let (Some(address), Some(end)) = (address, end) {
        let _ = address.write_words(form(end.saturating_sub(time::monotonic())));
    }
}

pub fn clock_gettime(call: &mut Call<'_>) -> Result<u64> {
    call.write_words(1, timespec(now(call, call.word(0))?))
}

pub fn clock_getres(call: &mut Call<'_>) -> Result<u64> {
    now(call, call.word(0))?;
    call.tell_words(1, [0, 1])
}

pub fn gettimeofday(call: &mut Call<'_>) -> Result<u64> {
    call.tell_words(0, timeval(time::wall()))?;
    call.tell_words(1, [0])
}

pub fn time(call: &mut Call<'_>) -> Result<u64> {
    let seconds = time::wall().as_secs();
    call.tell_words(0, [seconds])?;
    Ok(seconds)
}

/// Sleeps until a time by a clock. When a signal interrupts it, what is left is written to `left_at`, and it can go on by
/// `restart_syscall`.
fn sleep_until(call: &Call<'_>, clock: u32, end: Duration, left_at: Option<UserAddress>) -> Result<u64> {
    loop {
        let left = end.saturating_sub(now(call, clock)?);
        if left.is_zero() {
            return Ok(0);
        }
        // No clock goes faster than the time since boot.
        let slept = timer::sleep_until(time::monotonic().saturating_add(left));
        if let Err(error) = slept {
            if let Some(left_at) = left_at {
                left_at.write_words(timespec(end.saturating_sub(now(call, clock)?)))?;
            }
            call.user_side(&call.thread())?.note_unfinished(Unfinished::Sleep { clock, end, left_at });
            return Err(error);
        }
    }
}

pub fn nanosleep(call: &mut Call<'_>) -> Result<u64> {
    let given = duration(call.address(0).read_words()?)?;
    sleep_until(call, CLOCK_MONOTONIC, time::monotonic().saturating_add(given), call.given(1))
}

pub fn clock_nanosleep(call: &mut Call<'_>) -> Result<u64> {
    let number = call.word(0);
    if number == CLOCK_THREAD || is_for_reading_only(number) {
        return fail(FileSystemErrorKind::NotSupported);
    }
    let clock = clock(call, number)?;
    let given = duration(call.address(2).read_words()?)?;
    if let Clock::OfThread(thread, _) = &clock
        && thread.upgrade().is_some_and(|thread| Arc::ptr_eq(&thread, &call.thread()))
    {
        // Its own time does not pass while it waits.
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if call.word(1) & TIMER_ABSTIME != 0 {
        return sleep_until(call, number, given, None);
    }
    let number = if matches!(clock, Clock::Wall) { CLOCK_MONOTONIC } else { number };
    sleep_until(call, number, now(call, number)?.saturating_add(given), call.given(3))
}

/// Goes on with a wait that a signal has interrupted.
pub fn restart_syscall(call: &mut Call<'_>) -> Result<u64> {
    match call.user_side(&call.thread())?.take_unfinished() {
        Some(Unfinished::Sleep { clock, end, left_at }) => sleep_until(call, clock, end, left_at),
        Some(Unfinished::Word { wanted, end }) => futexes::wait(call, wanted, Some(end)),
        None => fail(FileSystemErrorKind::Interrupted),
    }
}

/// Sets the time of day, for who may.
fn set_wall(call: &Call<'_>, now: Duration) -> Result<u64> {
    call.credentials()?.require(Capabilities::SYS_TIME)?;
    if !time::set_wall(now) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    vdso::note_boot_time().map(|()| 0)
}

/// The time zone is the programs' own affair: it is read, and not kept.
pub fn settimeofday(call: &mut Call<'_>) -> Result<u64> {
    if let Some(zone) = call.given(1) {
        zone.read_words::<1>()?;
    }
    let Some(address) = call.given(0) else {
        call.credentials()?.require(Capabilities::SYS_TIME)?;
        return Ok(0);
    };
    let [seconds, microseconds] = address.read_words()?;
    if microseconds >= 1_000_000 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    set_wall(call, duration([seconds, microseconds * 1000])?)
}

pub fn clock_settime(call: &mut Call<'_>) -> Result<u64> {
    if call.word(0) != CLOCK_REALTIME {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let given = duration(call.address(1).read_words()?)?;
    set_wall(call, given)
}

/// Words of `struct timex`, and where in it the things are that are told.
const TIMEX_WORDS: usize = 26;
const STATUS: usize = 5;
const STA_UNSYNC: u64 = 0x40;
/// What the clock is when nobody keeps it true.
const TIME_ERROR: u64 = 5;
/// Only asks how far an adjustment has come.
const ADJ_OFFSET_SS_READ: u32 = 0xa001;

/// Tells of the clock at `address`; it cannot be made to run faster or slower (`EINVAL`).
fn adjust(call: &Call<'_>, address: UserAddress) -> Result<u64> {
    let mut words: [u64; TIMEX_WORDS] = address.read_words()?;
    let modes = words[0] as u32;
    if modes != 0 && modes != ADJ_OFFSET_SS_READ {
        call.credentials()?.require(Capabilities::SYS_TIME)?;
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let now = time::wall();
    words[1..].fill(0);
    // The errors that Linux supposes of a clock that nobody keeps true, then constants of its own.
    (words[3], words[4], words[STATUS]) = (16_000_000, 16_000_000, STA_UNSYNC);
    (words[6], words[7], words[8]) = (7, 1, 32_768_000);
    (words[9], words[10], words[11]) = (now.as_secs(), u64::from(now.subsec_micros()), 10_000);
    address.write_words(words)?;
    Ok(TIME_ERROR)
}

pub fn adjtimex(call: &mut Call<'_>) -> Result<u64> {
    adjust(call, call.address(0))
}

pub fn clock_adjtime(call: &mut Call<'_>) -> Result<u64> {
    match call.word(0) {
        CLOCK_REALTIME => adjust(call, call.address(1)),
        CLOCK_MONOTONIC..=CLOCK_BOOTTIME => fail(FileSystemErrorKind::NotSupported),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}
