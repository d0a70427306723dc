//! Whether open files can be read or written without waiting, for those who wait for one of several.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::owners;
use crate::task::wait::WaitQueue;

/// Who waits for one of several files. They are few, so there is one queue: whatever makes any file ready wakes all of
/// it, and each looks at its own. Woken by the interrupt handler of the console too.
pub static CHANGED: WaitQueue = WaitQueue::new();

/// When time itself makes some file ready next, in nanoseconds since boot.
static NEXT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Says that some file may have become ready. An interrupt handler may.
pub fn tell() {
    CHANGED.wake_all();
    owners::on_change();
}

/// Says that some file becomes ready at a time (since boot), for those who wait now.
pub fn wake_at(time: Duration) {
    NEXT.fetch_min(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Called at every tick: lets those look again who wait, when a time has come for which one of them asked.
pub fn on_tick(now: Duration) {
    if NEXT.load(Ordering::Relaxed) as u128 <= now.as_nanos() {
        NEXT.store(u64::MAX, Ordering::Relaxed);
        tell();
    }
}
