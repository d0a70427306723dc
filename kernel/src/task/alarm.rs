//! A signal at a time (`setitimer(2)`; [`posix_timer`](super::posix_timer)): of day, or of the process's own on the processor. As fine as the tick.
//!
//! The tick's handler only says that there was a tick: whoever is next on the way to user mode, or finds nobody who can
//! run, sends what is due; what the owners of files are told as well.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use super::number;
use super::process::{self, Process};
use super::signal::{Information, Signal};
use crate::fs::owners;
use crate::time;

/// Which time an alarm goes by; Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Kind {
    /// Time passes: `SIGALRM`.
    Real = 0,
    /// It runs in user mode: `SIGVTALRM`.
    User = 1,
    /// It runs, in user mode or in the kernel: `SIGPROF`.
    Running = 2,
}

/// How many there are.
pub const KINDS: usize = 3;

/// When a process is sent a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    /// When, by the time it goes by; `None` for never.
    pub next: Option<Duration>,
    /// How long after that again, and again; 0 for not.
    pub interval: Duration,
}

/// Whether there was a tick since what is due was sent, or it may be another's turn.
static TICKED: AtomicBool = AtomicBool::new(false);

/// Whether some process has set one, or has timers; it is looked for when not needed rather than missed.
static ANY: AtomicBool = AtomicBool::new(false);

/// Called at every tick.
pub(super) fn on_tick() {
    look_again();
}

/// Has whoever is next on the way to user mode look at what is due, and whose turn it is.
pub fn look_again() {
    TICKED.store(true, Ordering::Relaxed);
}

/// Notes that some process has set one, or a timer.
pub(super) fn note_set() {
    ANY.store(true, Ordering::Relaxed);
}

/// Sends what is due; whether it was looked at.
pub(super) fn send_due() -> bool {
    if !TICKED.swap(false, Ordering::Relaxed) {
        return false;
    }
    owners::send_due();
    if let Some(process) = process::current() {
        process.check_time();
        process.send_due_of_own();
    }
    if !ANY.swap(false, Ordering::Relaxed) {
        return true;
    }
    let now = time::monotonic();
    for process in number::processes() {
        let mut alarms = process.alarms.lock();
        let is_due = alarms[Kind::Real as usize].take_due(now);
        let is_set = alarms[Kind::Real as usize].next.is_some();
        drop(alarms);
        let has_timers = process.send_due_timers();
        if is_set || has_timers {
            ANY.store(true, Ordering::Relaxed);
        }
        if is_due {
            process.send(Information::of_kernel(Signal::ALARM));
        }
    }
    true
}

impl Alarm {
    /// Whether it is due; then it is set for the next time.
    fn take_due(&mut self, now: Duration) -> bool {
        let is_due = self.next.is_some_and(|next| next <= now);
        if is_due {
            let again = !self.interval.is_zero();
            self.next = again.then(|| now.saturating_add(self.interval));
        }
        is_due
    }
}

impl Process {
    /// The time that an alarm goes by.
    pub fn alarm_time(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Real => time::monotonic(),
            Kind::User => self.times()[0],
            Kind::Running => self.times()[1],
        }
    }

    /// When it is sent a signal.
    pub fn alarm(&self, kind: Kind) -> Alarm {
        self.alarms.lock()[kind as usize]
    }

    /// Changes that; returns what it was.
    pub fn set_alarm(&self, kind: Kind, alarm: Alarm) -> Alarm {
        let old = core::mem::replace(&mut self.alarms.lock()[kind as usize], alarm);
        note_set();
        old
    }

    /// Sends it what is due by its own time.
    fn send_due_of_own(&self) {
        for (kind, signal) in [(Kind::User, Signal::VIRTUAL_ALARM), (Kind::Running, Signal::PROFILE)] {
            if self.alarm(kind).next.is_none() {
                continue;
            }
            let now = self.alarm_time(kind);
            let is_due = self.alarms.lock()[kind as usize].take_due(now);
            if is_due {
                self.send(Information::of_kernel(signal));
            }
        }
    }
}
