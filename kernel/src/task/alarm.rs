//! `SIGALRM` at a time (`setitimer(2)`). As fine as the tick.
//!
//! The tick's handler only says that there was a tick: whoever is next on the way to user mode, or finds nobody who can
//! run, sends what is due.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use super::number;
use super::process::Process;
use super::signal::{Information, Signal};
use crate::time;

/// When a process is sent `SIGALRM`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    /// When (since boot); `None` for never.
    pub next: Option<Duration>,
    /// How long after that again, and again; 0 for not.
    pub interval: Duration,
}

/// Whether there was a tick since what is due was sent.
static TICKED: AtomicBool = AtomicBool::new(false);

/// Whether some process has set one; it is looked for when not needed rather than missed.
static ANY: AtomicBool = AtomicBool::new(false);

/// Called at every tick.
pub(super) fn on_tick() {
    TICKED.store(true, Ordering::Relaxed);
}

/// Sends what is due.
pub(super) fn send_due() {
    if !TICKED.swap(false, Ordering::Relaxed) || !ANY.swap(false, Ordering::Relaxed) {
        return;
    }
    let now = time::monotonic();
    for process in number::processes() {
        let mut alarm = process.alarm.lock();
        let is_due = alarm.next.is_some_and(|next| next <= now);
        if is_due {
            let again = !alarm.interval.is_zero();
            alarm.next = again.then(|| now.saturating_add(alarm.interval));
        }
        if alarm.next.is_some() {
            ANY.store(true, Ordering::Relaxed);
        }
        drop(alarm);
        if is_due {
            process.send(Information::of_kernel(Signal::ALARM));
        }
    }
}

impl Process {
    /// When it is sent `SIGALRM`.
    pub fn alarm(&self) -> Alarm {
        *self.alarm.lock()
    }

    /// Changes that; returns what it was.
    pub fn set_alarm(&self, alarm: Alarm) -> Alarm {
        let old = core::mem::replace(&mut *self.alarm.lock(), alarm);
        ANY.store(true, Ordering::Relaxed);
        old
    }
}
