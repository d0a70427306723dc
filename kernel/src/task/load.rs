//! How many want to run, on average over the last minutes (`/proc/loadavg`).

use core::sync::atomic::{AtomicU64, Ordering};

use super::scheduler;
use crate::arch::pit;

/// How often it is looked, in ticks: every five seconds.
const EVERY: u64 = 5 * pit::TICKS_PER_SECOND;

/// Averages are in parts of this.
const ONE: u64 = 1 << 11;

/// What of an average over one, five and fifteen minutes is left after five seconds: `ONE` × e^(-5 s / minutes).
const LEFT: [u64; 3] = [1884, 2014, 2037];

static AVERAGES: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Called at every tick.
pub(super) fn on_tick() {
    static TICKS: AtomicU64 = AtomicU64::new(0);
    if !(TICKS.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(EVERY) {
        return;
    }
    let running = scheduler::running() as u64 * ONE;
    for (average, left) in AVERAGES.iter().zip(LEFT) {
        average.store(next(average.load(Ordering::Relaxed), left, running), Ordering::Relaxed);
    }
}

/// An average after five seconds more, in which so many ran.
fn next(average: u64, left: u64, running: u64) -> u64 {
    // One that grows must reach what it grows to.
    let rounded = if running >= average { ONE - 1 } else { 0 };
    (average * left + running * (ONE - left) + rounded) / ONE
}

/// The averages over one, five and fifteen minutes, in hundredths.
pub fn averages() -> [u64; 3] {
    [0, 1, 2].map(|index: usize| (AVERAGES[index].load(Ordering::Relaxed) * 100 + ONE / 2) / ONE)
}

/// The same, in parts of 65 536 (`sysinfo(2)`).
pub fn averages_for_sysinfo() -> [u64; 3] {
    [0, 1, 2].map(|index: usize| AVERAGES[index].load(Ordering::Relaxed) * (65_536 / ONE))
}

#[cfg(test)]
mod tests {
    use super::{LEFT, ONE, next};
    use crate::ktest;

    ktest! {
        /// Two that run without end are a load of two; a minute after they end the average of a minute has 37 % of it.
        fn an_average_goes_where_the_load_is() {
            let mut average = 0;
            for _ in 0..12 * 15 {
                average = next(average, LEFT[0], 2 * ONE);
            }
            assert_eq!(average, 2 * ONE);
            for _ in 0..12 {
                average = next(average, LEFT[0], 0);
            }
            let part = average * 100 / (2 * ONE);
            assert!((35..=38).contains(&part), "{part}");
            for _ in 0..12 * 60 {
                average = next(average, LEFT[0], 0);
            }
            assert_eq!(average, 0);
        }
    }
}
