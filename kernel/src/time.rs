//! Time: since boot, and of day.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use crate::arch::trap::TrapFrame;
use crate::arch::{clock, rtc};
use crate::task::timer;

/// The time of day at boot, in nanoseconds since 1970, as far as the real-time clock or who set the clock tells.
static BOOT_TIME: AtomicU64 = AtomicU64::new(0);

/// Reads the real-time clock.
pub fn init() {
    // Without a real-time clock that makes sense it is 1970.
    let _ = set_wall(rtc::read());
}

/// Time since the kernel began. Never goes back.
pub fn monotonic() -> Duration {
    clock::since_boot()
}

/// Time since 1970-01-01 00:00 UTC.
pub fn wall() -> Duration {
    boot_time() + clock::since_boot()
}

/// When the kernel began, since 1970-01-01 00:00 UTC.
pub fn boot_time() -> Duration {
    Duration::from_nanos(BOOT_TIME.load(Ordering::Relaxed))
}

/// Sets the time of day; whether it is one: not before the machine would have been booted in 1970, nor beyond 2500.
pub fn set_wall(now: Duration) -> bool {
    let boot = now.checked_sub(clock::since_boot()).and_then(|boot| u64::try_from(boot.as_nanos()).ok());
    let boot = boot.filter(|&boot| boot < 1 << 63);
    if let Some(boot) = boot {
        BOOT_TIME.store(boot, Ordering::Relaxed);
    }
    boot.is_some()
}

/// Called at every timer interrupt, with what it interrupted.
#[cfg(test)]
pub fn on_tick(frame: &TrapFrame) {
    crate::ktest::watchdog::on_tick(frame);
    timer::on_tick();
}

/// Called at every timer interrupt, with what it interrupted. The clock does not live on ticks.
#[cfg(not(test))]
pub fn on_tick(_frame: &TrapFrame) {
    timer::on_tick();
}
