//! Who gets how much of the processor where several want it: nice values (`sched(7)`).
//!
//! Turns go round. A thread that is as nice as all others has one tick in its turn. Each turn gives a thread credit by its
//! weight, and each tick costs [`TICK`]: who has not enough for a tick is passed over until it has, and who has more goes
//! on. So two threads that never wait share the processor as their weights do, which are Linux's.

use core::sync::atomic::{AtomicI32, Ordering};

/// The weights of nice values from -20 on (Linux's `sched_prio_to_weight`): each is a quarter more than the next.
const WEIGHTS: [i32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501,
    1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
];

/// The least and the greatest nice value.
pub const NICE_MIN: i32 = -20;
/// As [`NICE_MIN`].
pub const NICE_MAX: i32 = 19;

/// What a tick costs: the weight of a nice value of 0.
const TICK: i32 = 1024;

/// A thread's claim to the processor.
pub struct Share {
    nice: AtomicI32,
    credit: AtomicI32,
}

impl Share {
    /// That of a thread as nice as that.
    pub fn new(nice: i32) -> Self {
        Self { nice: AtomicI32::new(nice), credit: AtomicI32::new(0) }
    }

    /// How nice it is: from [`NICE_MIN`], before others, to [`NICE_MAX`], after them.
    pub fn nice(&self) -> i32 {
        self.nice.load(Ordering::Relaxed)
    }

    /// Changes that; what is out of bounds is the next within.
    pub fn set_nice(&self, nice: i32) {
        self.nice.store(nice.clamp(NICE_MIN, NICE_MAX), Ordering::Relaxed);
    }

    fn weight(&self) -> i32 {
        WEIGHTS[(self.nice().clamp(NICE_MIN, NICE_MAX) - NICE_MIN) as usize]
    }

    /// It is its turn, and others want theirs: whether it takes it.
    pub(super) fn takes_turn(&self) -> bool {
        if self.nice() == 0 {
            return true;
        }
        let credit = self.credit.load(Ordering::Relaxed) + self.weight();
        // What it has not used for long it does not keep.
        self.credit.store(credit.min(self.weight() + TICK), Ordering::Relaxed);
        credit >= TICK
    }

    /// It has run for a tick: whether it may for another.
    pub(super) fn goes_on(&self) -> bool {
        if self.nice() == 0 {
            return false;
        }
        let credit = self.credit.load(Ordering::Relaxed) - TICK;
        self.credit.store(credit.max(0), Ordering::Relaxed);
        credit >= TICK
    }

    /// It has waited: what it does next it can do at its next turn.
    pub(super) fn has_waited(&self) {
        self.credit.fetch_max(TICK, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Share;
    use crate::ktest;

    /// How many ticks each gets of so many turns of both.
    fn ticks(shares: [&Share; 2], turns: u32) -> [u32; 2] {
        let mut ticks = [0; 2];
        for _ in 0..turns {
            for (share, ticks) in shares.iter().zip(&mut ticks) {
                if share.takes_turn() {
                    *ticks += 1;
                    while share.goes_on() {
                        *ticks += 1;
                    }
                }
            }
        }
        ticks
    }

    ktest! {
        fn two_that_never_wait_share_as_their_weights_do() {
            assert_eq!(ticks([&Share::new(0), &Share::new(0)], 100), [100, 100]);
            // 1024 to 335, to 15, and 9548 to 1024.
            assert_eq!(ticks([&Share::new(0), &Share::new(5)], 1024), [1024, 335]);
            assert_eq!(ticks([&Share::new(0), &Share::new(19)], 1024), [1024, 15]);
            assert_eq!(ticks([&Share::new(-10), &Share::new(0)], 64), [596, 64]);
        }

        fn one_that_has_waited_is_not_passed_over() {
            let share = Share::new(19);
            assert!(!share.takes_turn());
            share.has_waited();
            assert!(share.takes_turn() && !share.goes_on() && !share.takes_turn());
        }
    }
}
