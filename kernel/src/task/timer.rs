//! Waiting until a time. As fine as the tick.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use spin::Mutex;
use vfs::error::Result;

use super::thread::Thread;
use super::wait::WaitQueue;
use super::{alarm, load, scheduler};
use crate::fs::readiness;
use crate::time;

/// Who sleeps, and until when (since boot). Taken only with interrupts off.
static SLEEPERS: Mutex<Vec<(Duration, Arc<Thread>)>> = Mutex::new(Vec::new());

/// Waits for `duration`. A thread of the kernel's own: no signal comes to it.
pub fn sleep(duration: Duration) {
    // Without signals there is no error.
    let _ = sleep_until(time::monotonic().saturating_add(duration));
}

/// Waits until a time (since boot), or until a signal comes.
///
/// # Errors
/// `EINTR`.
pub fn sleep_until(end: Duration) -> Result<()> {
    WaitQueue::new().wait_before(Some(end), || false).map(|_| ())
}

/// Waits until a signal comes.
///
/// # Errors
/// `EINTR`, always.
pub fn sleep_until_signal() -> Result<()> {
    WaitQueue::new().wait(|| false)
}

/// Has a thread woken at `end` (since boot). Interrupts are off.
pub(super) fn wake_at(end: Duration, thread: Arc<Thread>) {
    SLEEPERS.lock().push((end, thread));
}

/// Has a thread woken by the time no more. Interrupts are off.
pub(super) fn forget(thread: &Arc<Thread>) {
    SLEEPERS.lock().retain(|(_, other)| !Arc::ptr_eq(other, thread));
}

/// Called at every tick: wakes those whose time has come.
pub fn on_tick() {
    alarm::on_tick();
    load::on_tick();
    let now = time::monotonic();
    readiness::on_tick(now);
    let mut sleepers = SLEEPERS.lock();
    while let Some(due) = sleepers.iter().position(|(end, _)| *end <= now) {
        let (_, thread) = sleepers.swap_remove(due);
        scheduler::wake(thread);
    }
}
