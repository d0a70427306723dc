//! Signals that have come and not had their effect.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::{Information, Set};

/// No more of those that come as often as they are sent (`RLIMIT_SIGPENDING`).
const QUEUE_MAX: usize = 256;

/// Signals that have come, to a process or to one of its threads.
#[derive(Default)]
pub struct Pending {
    /// Those in `queue`, for those who only look.
    set: AtomicU64,
    queue: Mutex<Vec<Information>>,
    /// How often one has come.
    changes: AtomicU64,
}

impl Pending {
    /// Which have come.
    pub fn set(&self) -> Set {
        Set(self.set.load(Ordering::Relaxed))
    }

    /// How often one has come.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Notes that one has come. Of a kind that does not queue the first stays, and is all there is.
    ///
    /// # Errors
    /// `EAGAIN` when too many wait already, or there is no memory for one more.
    pub fn add(&self, information: Information) -> Result<()> {
        let signal = information.signal;
        let mut queue = self.queue.lock();
        // A timer's own signal is one of its own, for which there is room: nobody has more timers than that.
        let is_of_timer = information.timer.is_some();
        if self.set().has(signal) && !signal.is_queued() && !is_of_timer {
            return Ok(());
        }
        if signal.is_queued() && queue.len() >= QUEUE_MAX && !is_of_timer || queue.try_reserve(1).is_err() {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        queue.push(information);
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.set.store(self.set().with(signal.set()).0, Ordering::Relaxed);
        Ok(())
    }

    /// Takes the first of those in `among`.
    pub fn take(&self, among: Set) -> Option<Information> {
        let signal = self.set().and(among).first()?;
        let mut queue = self.queue.lock();
        let at = queue.iter().position(|information| information.signal == signal)?;
        let information = queue.remove(at);
        if !queue.iter().any(|other| other.signal == signal) {
            self.set.store(self.set().without(signal.set()).0, Ordering::Relaxed);
        }
        Some(information)
    }

    /// Whether there is one of that timer.
    pub fn has_timer(&self, number: i32) -> bool {
        !self.set().is_empty() && self.queue.lock().iter().any(|information| information.timer == Some(number))
    }

    /// Forgets that of a timer.
    pub fn forget_timer(&self, number: i32) {
        let mut queue = self.queue.lock();
        queue.retain(|information| information.timer != Some(number));
        let left = queue.iter().fold(Set::default(), |set, information| set.with(information.signal.set()));
        self.set.store(left.0, Ordering::Relaxed);
    }

    /// Forgets those in `set`.
    pub fn forget(&self, set: Set) {
        self.queue.lock().retain(|information| !set.has(information.signal));
        self.set.store(self.set().without(set).0, Ordering::Relaxed);
    }
}
