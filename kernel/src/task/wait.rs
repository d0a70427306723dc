//! Waiting until something is so.

use alloc::sync::Arc;
use alloc::vec::Vec;

use spin::Mutex;

use super::scheduler;
use super::thread::Thread;
use crate::arch::interrupts;

/// Threads that wait for one thing. Whoever makes it so wakes them; an interrupt handler may.
pub struct WaitQueue {
    /// Taken only with interrupts off.
    waiting: Mutex<Vec<Arc<Thread>>>,
}

impl WaitQueue {
    /// One in which nobody waits.
    pub const fn new() -> Self {
        Self { waiting: Mutex::new(Vec::new()) }
    }

    /// Waits until `condition` holds. It is asked with interrupts off, at once and after each waking.
    pub fn wait_until(&self, mut condition: impl FnMut() -> bool) {
        interrupts::without(|| {
            while !condition() {
                self.waiting.lock().push(scheduler::current());
                scheduler::wait();
                // Who was woken by something else still stands in the queue.
                let thread = scheduler::current();
                self.waiting.lock().retain(|other| !Arc::ptr_eq(other, &thread));
            }
        });
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

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}
