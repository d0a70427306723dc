//! Unpredictable numbers: the processor's generator where it has one, else a mix of what can be observed.
//!
//! The fallback is good enough for names, seeds and tests; it is not fit for keys, and [`is_hardware`] says which it
//! is.

use core::arch::x86_64::{__cpuid, _rdrand64_step};
use core::sync::atomic::{AtomicU64, Ordering};

use super::{instructions, rtc};

/// CPUID leaf 1, ecx: RDRAND.
const RDRAND: u32 = 1 << 30;

/// How often the generator is asked again when it has nothing ready (Intel's guide says ten).
const ATTEMPTS: usize = 10;

/// The fallback's state (SplitMix64); zero until it is seeded.
static STATE: AtomicU64 = AtomicU64::new(0);

/// Whether the numbers come from the processor's own generator.
pub fn is_hardware() -> bool {
    __cpuid(1).ecx & RDRAND != 0
}

/// Fills `buffer`.
pub fn fill(buffer: &mut [u8]) {
    for chunk in buffer.chunks_mut(8) {
        let bytes = next().to_ne_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
}

/// A number of which all 64 bits are random.
pub fn next() -> u64 {
    hardware().unwrap_or_else(fallback)
}

fn hardware() -> Option<u64> {
    if !is_hardware() {
        return None;
    }
    let mut value = 0;
    // SAFETY: CPUID has just said that the instruction exists.
    (0..ATTEMPTS).any(|_| unsafe { rdrand(&mut value) }).then_some(value)
}

/// # Safety
/// The processor must have RDRAND.
#[target_feature(enable = "rdrand")]
unsafe fn rdrand(value: &mut u64) -> bool {
    _rdrand64_step(value) == 1
}

fn fallback() -> u64 {
    if STATE.load(Ordering::Relaxed) == 0 {
        STATE.store(mix(rtc::read().as_secs() ^ instructions().rotate_left(32)), Ordering::Relaxed);
    }
    let step = 0x9e37_79b9_7f4a_7c15 ^ instructions() << 1;
    mix(STATE.fetch_add(step | 1, Ordering::Relaxed))
}

/// SplitMix64's output function: every input bit changes about half of the output's.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::{fallback, fill, next};
    use crate::ktest;

    /// Counts how often each bit is set in `count` numbers: about half of the time.
    fn assert_balanced(mut number: impl FnMut() -> u64) {
        let mut set = [0u32; 64];
        for _ in 0..1000 {
            let value = number();
            for (bit, count) in set.iter_mut().enumerate() {
                *count += (value >> bit & 1) as u32;
            }
        }
        assert!(set.iter().all(|count| (350..650).contains(count)), "{set:?}");
    }

    ktest! {
        fn every_bit_changes() {
            assert_balanced(next);
            assert_balanced(fallback);
        }

        fn a_buffer_of_any_length_is_filled() {
            let mut buffer = [0; 29];
            // That a random byte is zero happens; that it is so every time does not.
            let mut seen = [false; 29];
            for _ in 0..20 {
                fill(&mut buffer);
                for (seen, &byte) in seen.iter_mut().zip(&buffer) {
                    *seen |= byte != 0;
                }
            }
            assert_eq!(seen, [true; 29]);
        }
    }
}
