//! The monotonic clock: the time-stamp counter, its rate found with the timer's help.
//!
//! Under an emulator that counts instructions the counter advances with the emulated timer, so the same calibration
//! holds.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::{instructions, interrupts, pit};

/// How long one measurement takes, in the timer's counts: about two milliseconds.
const MEASURE_COUNTS: u16 = (pit::FREQUENCY / 500) as u16;

/// The least of this many measurements counts: being interrupted only ever makes one longer.
const MEASUREMENTS: usize = 2;

/// Nanoseconds for one count of the time-stamp counter, times 2^32. Until it is known: one.
static NANOSECONDS_PER_COUNT: AtomicU64 = AtomicU64::new(1 << 32);

/// Finds the counter's rate.
pub(super) fn calibrate() {
    let counts = (0..MEASUREMENTS)
        .map(|_| interrupts::without(|| pit::measure(MEASURE_COUNTS, instructions)))
        .min()
        .unwrap_or(0)
        .max(1);
    let nanoseconds = u64::from(MEASURE_COUNTS) * 1_000_000_000 / pit::FREQUENCY;
    let rate = (u128::from(nanoseconds) << 32) / u128::from(counts);
    NANOSECONDS_PER_COUNT.store(rate as u64, Ordering::Relaxed);
}

/// Time since the kernel's first instruction. Never goes back once the clock is calibrated.
pub fn since_boot() -> Duration {
    duration_of(instructions().saturating_sub(boot::entry_ticks()))
}

/// How long so many counts of the counter take.
pub fn duration_of(counts: u64) -> Duration {
    let rate = NANOSECONDS_PER_COUNT.load(Ordering::Relaxed);
    Duration::from_nanos(((u128::from(counts) * u128::from(rate)) >> 32) as u64)
}

/// What the counter showed at the kernel's first instruction, and nanoseconds for one count of it, times 2^32.
pub fn parameters() -> (u64, u64) {
    (boot::entry_ticks(), NANOSECONDS_PER_COUNT.load(Ordering::Relaxed))
}

/// The time-stamp counter's frequency in hertz.
pub fn frequency() -> u64 {
    let rate = NANOSECONDS_PER_COUNT.load(Ordering::Relaxed).max(1);
    ((1_000_000_000u128 << 32) / u128::from(rate)) as u64
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::{frequency, since_boot};
    use crate::arch::{interrupts, pit};
    use crate::ktest;

    ktest! {
        fn the_clock_never_goes_back() {
            let mut last = since_boot();
            for _ in 0..10_000 {
                let now = since_boot();
                assert!(now >= last);
                last = now;
            }
        }

        /// Twenty ticks of ten milliseconds. A busy host may make the guest late, and then deliver ticks in a burst.
        fn the_clock_agrees_with_the_tick() {
            let (start, first) = (since_boot(), pit::ticks());
            while pit::ticks() < first + 20 {
                interrupts::without(interrupts::sleep);
            }
            let elapsed = since_boot() - start;
            assert!(elapsed > Duration::from_millis(50), "{elapsed:?}");
            assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
        }

        fn the_frequency_is_one_that_processors_have() {
            assert!((100_000_000..20_000_000_000).contains(&frequency()), "{}", frequency());
        }
    }
}
