//! Time: since boot, and of day.

use core::time::Duration;

use spin::Once;

use crate::arch::trap::TrapFrame;
use crate::arch::{clock, rtc};
use crate::task::timer;

/// The time of day at boot, as far as the real-time clock and the monotonic clock tell.
static BOOT_TIME: Once<Duration> = Once::new();

/// Reads the real-time clock, once.
pub fn init() {
    BOOT_TIME.call_once(|| rtc::read().saturating_sub(clock::since_boot()));
}

/// Time since the kernel began. Never goes back.
pub fn monotonic() -> Duration {
    clock::since_boot()
}

/// Time since 1970-01-01 00:00 UTC.
pub fn wall() -> Duration {
    BOOT_TIME.get().copied().unwrap_or_default() + clock::since_boot()
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
