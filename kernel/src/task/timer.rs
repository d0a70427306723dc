//! Waiting until a time. As fine as the tick.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use spin::Mutex;

use super::scheduler;
use super::thread::Thread;
use crate::arch::interrupts;
use crate::time;

/// Who sleeps, and until when (since boot). Taken only with interrupts off.
static SLEEPERS: Mutex<Vec<(Duration, Arc<Thread>)>> = Mutex::new(Vec::new());

/// Waits for `duration`.
pub fn sleep(duration: Duration) {
    let end = time::monotonic().saturating_add(duration);
    interrupts::without(|| {
        let thread = scheduler::current();
        while time::monotonic() < end {
            SLEEPERS.lock().push((end, thread.clone()));
            scheduler::wait();
            // Who was woken by something else still stands there.
            SLEEPERS.lock().retain(|(_, other)| !Arc::ptr_eq(other, &thread));
        }
    });
}

/// Called at every tick: wakes those whose time has come.
pub fn on_tick() {
    let now = time::monotonic();
    let mut sleepers = SLEEPERS.lock();
    while let Some(due) = sleepers.iter().position(|(end, _)| *end <= now) {
        let (_, thread) = sleepers.swap_remove(due);
        scheduler::wake(thread);
    }
}
