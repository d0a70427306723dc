//! Waiting until something is so.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::thread::Thread;
use super::{scheduler, timer};
use crate::arch::interrupts;
use crate::time;

/// Threads that wait for one thing. Whoever makes it so wakes them; an interrupt handler may.
#[derive(Default)]
pub struct WaitQueue {
    /// Taken only with interrupts off.
    waiting: Mutex<Vec<Arc<Thread>>>,
}

impl WaitQueue {
    /// One in which nobody waits.
    pub const fn new() -> Self {
        Self { waiting: Mutex::new(Vec::new()) }
    }

    /// Waits until `condition` holds, whatever else comes. It is asked with interrupts off, at once and after each
    /// waking.
    pub fn wait_until(&self, mut condition: impl FnMut() -> bool) {
        interrupts::without(|| {
            while !condition() {
                self.wait_once(None);
            }
        });
    }

    /// As [`WaitQueue::wait_until`], or until a signal comes.
    ///
    /// # Errors
    /// `EINTR`.
    pub fn wait(&self, condition: impl FnMut() -> bool) -> Result<()> {
        self.wait_before(None, condition).map(|_| ())
    }

    /// As [`WaitQueue::wait`], or until a time (since boot); whether `condition` holds.
    ///
    /// # Errors
    /// `EINTR`.
    pub fn wait_before(&self, end: Option<Duration>, mut condition: impl FnMut() -> bool) -> Result<bool> {
        interrupts::without(|| {
            loop {
                if condition() {
                    return Ok(true);
                }
                if end.is_some_and(|end| time::monotonic() >= end) {
                    return Ok(false);
                }
                if scheduler::current().user().is_some_and(|user| user.is_interrupted()) {
                    return fail(FileSystemErrorKind::Interrupted);
                }
                self.wait_once(end);
            }
        })
    }

    /// Waits until someone wakes the caller, or the time has come. Interrupts are off.
    fn wait_once(&self, end: Option<Duration>) {
        let thread = scheduler::current();
        self.waiting.lock().push(thread.clone());
        if let Some(end) = end {
            timer::wake_at(end, thread.clone());
        }
        scheduler::wait();
        // Who was woken by something else still stands in the queue.
        self.waiting.lock().retain(|other| !Arc::ptr_eq(other, &thread));
        if end.is_some() {
            timer::forget(&thread);
        }
    }

    /// Wakes all that wait.
    pub fn wake_all(&self) {
        while self.wake_one() {}
    }

    /// Wakes the one that has waited longest; whether there was one.
    pub fn wake_one(&self) -> bool {
        interrupts::without(|| {
            let mut waiting = self.waiting.lock();
            if waiting.is_empty() {
                return false;
            }
            let thread = waiting.remove(0);
            drop(waiting);
            scheduler::wake(thread);
            true
        })
    }
}
