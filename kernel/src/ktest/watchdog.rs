//! The watchdog: a test that runs too long is named, and the machine ended, from the timer interrupt.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::report;
use crate::arch::trap::TrapFrame;
use crate::{panic, time};

/// What a test may take, in seconds.
static TIMEOUT: AtomicU64 = AtomicU64::new(0);

/// When the running test has had its time, in nanoseconds since boot; zero while none runs.
static DEADLINE: AtomicU64 = AtomicU64::new(0);

pub(super) fn set_timeout(timeout: Duration) {
    TIMEOUT.store(timeout.as_secs(), Ordering::Relaxed);
}

pub(super) fn start() {
    let deadline = time::monotonic() + Duration::from_secs(TIMEOUT.load(Ordering::Relaxed));
    DEADLINE.store(deadline.as_nanos() as u64, Ordering::Relaxed);
}

pub(super) fn stop() {
    DEADLINE.store(0, Ordering::Relaxed);
}

/// Called at every tick, with what the tick interrupted.
pub fn on_tick(frame: &TrapFrame) {
    let deadline = DEADLINE.load(Ordering::Relaxed);
    if deadline != 0 && time::monotonic().as_nanos() as u64 > deadline {
        panic::on_timeout(frame, || {
            report::failed(&format_args!("timeout after {} s", TIMEOUT.load(Ordering::Relaxed)));
        })
    }
}
