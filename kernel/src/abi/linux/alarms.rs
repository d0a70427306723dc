//! Timers that send a signal.

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::mm::user_memory::UserAddress;
use crate::task::alarm::{Alarm, Kind};

const MICROSECONDS: u64 = 1_000_000;

/// The kind of timer that argument 0 is.
fn kind(call: &Call<'_>) -> Result<Kind> {
    let kinds = [Kind::Real, Kind::User, Kind::Running];
    let kind = kinds.into_iter().find(|&kind| kind as u32 == call.word(0));
    kind.ok_or(FileSystemErrorKind::InvalidArgument.into())
}

/// `struct timeval`, as time that passes.
fn duration([seconds, microseconds]: [u64; 2]) -> Result<Duration> {
    if (seconds as i64) < 0 || microseconds >= MICROSECONDS {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Ok(Duration::new(seconds, microseconds as u32 * 1000))
}

/// What is left until an alarm.
fn left(call: &Call<'_>, kind: Kind, alarm: Alarm) -> Duration {
    let left = |next: Duration| next.saturating_sub(call.process.alarm_time(kind)).max(Duration::from_micros(1));
    alarm.next.map_or(Duration::ZERO, left)
}

/// `struct itimerval`: interval, what is left.
fn shown(call: &Call<'_>, kind: Kind, alarm: Alarm) -> [u64; 4] {
    let words = |time: Duration| [time.as_secs(), u64::from(time.subsec_micros())];
    let ([a, b], [c, d]) = (words(alarm.interval), words(left(call, kind, alarm)));
    [a, b, c, d]
}

/// Sets an alarm `after` some time, or none after no time; returns what it was.
fn set(call: &Call<'_>, kind: Kind, after: Duration, interval: Duration) -> Alarm {
    let next = (!after.is_zero()).then(|| call.process.alarm_time(kind).saturating_add(after));
    call.process.set_alarm(kind, Alarm { next, interval })
}

pub fn alarm(call: &mut Call<'_>) -> Result<u64> {
    let after = Duration::from_secs(call.word(0).into());
    let old = set(call, Kind::Real, after, Duration::ZERO);
    let old = left(call, Kind::Real, old);
    // Rounded, but never to none.
    let rounds_up = old.subsec_millis() >= 500 || old.as_secs() == 0 && !old.is_zero();
    Ok(old.as_secs() + u64::from(rounds_up))
}

pub fn getitimer(call: &mut Call<'_>) -> Result<u64> {
    let kind = kind(call)?;
    call.write_words(1, shown(call, kind, call.process.alarm(kind)))
}

pub fn setitimer(call: &mut Call<'_>) -> Result<u64> {
    let kind = kind(call)?;
    let new = call.given(1).map_or(Ok([0; 4]), UserAddress::read_words)?;
    let [interval, interval_rest, next, next_rest] = new;
    let former = set(call, kind, duration([next, next_rest])?, duration([interval, interval_rest])?);
    call.tell_words(2, shown(call, kind, former))
}
