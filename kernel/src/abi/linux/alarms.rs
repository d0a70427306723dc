//! Timers that send a signal.

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::mm::user_memory;
use crate::task::alarm::Alarm;
use crate::time;

/// The timer of time that passes; those of a process's own time are not there.
const ITIMER_REAL: u32 = 0;

const MICROSECONDS: u64 = 1_000_000;

fn check_timer(call: &Call<'_>) -> Result<()> {
    if call.word(0) == ITIMER_REAL { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
}

/// `struct timeval`, as time that passes.
fn duration([seconds, microseconds]: [u64; 2]) -> Result<Duration> {
    if (seconds as i64) < 0 || microseconds >= MICROSECONDS {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Ok(Duration::new(seconds, microseconds as u32 * 1000))
}

/// What is left until an alarm.
fn left(alarm: Alarm) -> Duration {
    alarm.next.map_or(Duration::ZERO, |next| next.saturating_sub(time::monotonic()).max(Duration::from_micros(1)))
}

/// `struct itimerval`: interval, what is left.
fn shown(alarm: Alarm) -> [u64; 4] {
    let words = |time: Duration| [time.as_secs(), u64::from(time.subsec_micros())];
    let ([a, b], [c, d]) = (words(alarm.interval), words(left(alarm)));
    [a, b, c, d]
}

/// An alarm `after` some time; none after no time.
fn alarm_after(after: Duration, interval: Duration) -> Alarm {
    let next = (!after.is_zero()).then(|| time::monotonic().saturating_add(after));
    Alarm { next, interval }
}

pub fn alarm(call: &mut Call<'_>) -> Result<u64> {
    let after = Duration::from_secs(call.word(0).into());
    let old = left(call.process.set_alarm(alarm_after(after, Duration::ZERO)));
    // Rounded, but never to none.
    let rounds_up = old.subsec_millis() >= 500 || old.as_secs() == 0 && !old.is_zero();
    Ok(old.as_secs() + u64::from(rounds_up))
}

pub fn getitimer(call: &mut Call<'_>) -> Result<u64> {
    check_timer(call)?;
    call.write_words(1, shown(call.process.alarm()))
}

pub fn setitimer(call: &mut Call<'_>) -> Result<u64> {
    check_timer(call)?;
    let [_, new, old, ..] = call.arguments;
    let [interval, interval_rest, next, next_rest] = if new == 0 { [0; 4] } else { user_memory::read_words(new)? };
    let alarm = alarm_after(duration([next, next_rest])?, duration([interval, interval_rest])?);
    let former = call.process.set_alarm(alarm);
    if old != 0 {
        call.write_words(2, shown(former))?;
    }
    Ok(0)
}
