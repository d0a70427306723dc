//! What time goes by, and settings of times by it.

use alloc::sync::Weak;
use core::time::Duration;

use super::process::Process;
use super::thread::Thread;
use super::usage::Figures;
use crate::time;

/// A clock.
#[derive(Clone)]
pub enum Clock {
    /// The time of day, which can be set.
    Wall,
    /// The time since boot.
    Boot,
    /// What a process has had of the processor, in such a mode.
    OfProcess(Weak<Process>, Mode),
    /// What a thread has had of it.
    OfThread(Weak<Thread>, Mode),
}

/// Which of somebody's time counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// That in user mode.
    User,
    /// All.
    Any,
}

impl Mode {
    fn of(self, figures: &Figures) -> Duration {
        match self {
            Self::User => figures.user(),
            Self::Any => figures.time(),
        }
    }
}

impl Clock {
    /// What it shows; `None` when nobody knows of who it was of.
    pub fn now(&self) -> Option<Duration> {
        match self {
            Self::Wall => Some(time::wall()),
            Self::Boot => Some(time::monotonic()),
            Self::OfProcess(process, mode) => Some(mode.of(&process.upgrade()?.figures())),
            Self::OfThread(thread, mode) => Some(mode.of(&thread.upgrade()?.figures())),
        }
    }

    /// What a time from now on goes by: nobody sets it meanwhile.
    pub fn steady(&self) -> Self {
        match self {
            Self::Wall => Self::Boot,
            other => other.clone(),
        }
    }
}

/// When a time comes.
#[derive(Clone, Copy, Default)]
pub struct Setting {
    /// When next; `None` for never.
    pub next: Option<Duration>,
    /// How long after that again, and again; 0 for not.
    pub interval: Duration,
}

impl Setting {
    /// How often it has come until `now`.
    pub fn count(&self, now: Duration) -> u64 {
        match self.next {
            Some(next) if next <= now && self.interval.is_zero() => 1,
            Some(next) if next <= now => {
                let times = (now - next).as_nanos() / self.interval.as_nanos();
                u64::try_from(times).unwrap_or(u64::MAX).saturating_add(1)
            }
            _ => 0,
        }
    }

    /// When it comes after `now`.
    pub fn after(&self, now: Duration) -> Option<Duration> {
        let (next, count) = (self.next?, self.count(now));
        if count == 0 {
            return Some(next);
        }
        // A time that is further away than can be said does not come.
        let past = self.interval.as_nanos().checked_mul(u128::from(count)).and_then(|past| u64::try_from(past).ok());
        if self.interval.is_zero() { None } else { next.checked_add(Duration::from_nanos(past?)) }
    }

    /// How long it is at `now` until it comes next, 0 for never.
    pub fn left(&self, now: Duration) -> Duration {
        self.after(now).map_or(Duration::ZERO, |next| (next - now).max(Duration::from_nanos(1)))
    }
}
