//! Who gets how much of the processor where several want it: nice values (`sched(7)`).
//!
//! Turns go round. A thread that is as nice as all others has one tick in its turn. Each turn gives a thread credit by its
//! weight, and each tick costs [`TICK`]: who has not enough for a tick is passed over until it has, and who has more goes
//! on. So two threads that never wait share the processor as their weights do, which are Linux's.
//!
//! Before all of these come those of a real-time policy, by their priority: one of `SCHED_FIFO` goes on until it waits or
//! one above it can run, those of `SCHED_RR` take turns of [`ROUND`] ticks ([`scheduler`](super::scheduler)).

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

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

/// The weight of who comes after all others (`SCHED_IDLE`).
const IDLE_WEIGHT: i32 = 3;

/// Ticks of a turn among those of one real-time priority: a tenth of a second, as on Linux.
pub const ROUND: i32 = 10;

/// How a thread is scheduled, with Linux's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// By its nice value (`SCHED_OTHER`).
    Other,
    /// Before others, until it waits (`SCHED_FIFO`).
    First(u32),
    /// Before others, in turns (`SCHED_RR`).
    Round(u32),
    /// By its nice value, too; that it seldom waits is known already (`SCHED_BATCH`).
    Batch,
    /// After all others (`SCHED_IDLE`).
    Idle,
}

impl Policy {
    /// The policy of that number with such a priority, if there is one.
    pub fn from_number(number: u32, priority: u32) -> Option<Self> {
        match (number, priority) {
            (0, 0) => Some(Self::Other),
            (1, 1..=PRIORITY_MAX) => Some(Self::First(priority)),
            (2, 1..=PRIORITY_MAX) => Some(Self::Round(priority)),
            (3, 0) => Some(Self::Batch),
            (5, 0) => Some(Self::Idle),
            _ => None,
        }
    }

    /// Its number.
    pub fn number(self) -> u32 {
        match self {
            Self::Other => 0,
            Self::First(_) => 1,
            Self::Round(_) => 2,
            Self::Batch => 3,
            Self::Idle => 5,
        }
    }

    /// Its priority among those that come before others, from 1 to [`PRIORITY_MAX`]; else 0.
    pub fn priority(self) -> u32 {
        match self {
            Self::First(priority) | Self::Round(priority) => priority,
            _ => 0,
        }
    }
}

/// The greatest of the priorities that come before others.
pub const PRIORITY_MAX: u32 = 99;

/// A thread's claim to the processor.
pub struct Share {
    nice: AtomicI32,
    credit: AtomicI32,
    policy: AtomicU32,
    priority: AtomicU32,
    /// Whether what it begins has no part in what it has before others.
    resets: AtomicBool,
}

impl Share {
    /// That of a thread as nice as that.
    pub fn new(nice: i32) -> Self {
        Self {
            nice: AtomicI32::new(nice),
            credit: AtomicI32::new(0),
            policy: AtomicU32::new(0),
            priority: AtomicU32::new(0),
            resets: AtomicBool::new(false),
        }
    }

    /// That of a thread which it begins.
    pub fn inherited(&self) -> Self {
        let (nice, policy) = match (self.resets(), self.policy()) {
            (true, Policy::First(_) | Policy::Round(_)) => (0, Policy::Other),
            (true, policy) => (self.nice().max(0), policy),
            (false, policy) => (self.nice(), policy),
        };
        let new = Self::new(nice);
        new.set_policy(policy);
        new
    }

    /// How it is scheduled.
    pub fn policy(&self) -> Policy {
        let (policy, priority) = (self.policy.load(Ordering::Relaxed), self.priority());
        Policy::from_number(policy, priority).unwrap_or(Policy::Other)
    }

    /// Changes that; the scheduler must know ([`scheduler::set_policy`](super::scheduler::set_policy)).
    pub(super) fn set_policy(&self, policy: Policy) {
        self.policy.store(policy.number(), Ordering::Relaxed);
        self.priority.store(policy.priority(), Ordering::Relaxed);
        self.credit.store(if let Policy::Round(_) = policy { ROUND } else { 0 }, Ordering::Relaxed);
    }

    /// Its priority among those that come before others; 0 for who does not.
    pub fn priority(&self) -> u32 {
        self.priority.load(Ordering::Relaxed)
    }

    /// Whether what it begins has no part in what it has before others (`SCHED_RESET_ON_FORK`).
    pub fn resets(&self) -> bool {
        self.resets.load(Ordering::Relaxed)
    }

    /// Changes that.
    pub fn set_resets(&self, on: bool) {
        self.resets.store(on, Ordering::Relaxed);
    }

    /// How nice it is: from [`NICE_MIN`], before others, to [`NICE_MAX`], after them.
    pub fn nice(&self) -> i32 {
        self.nice.load(Ordering::Relaxed)
    }

    /// Changes that; what is out of bounds is the next within.
    pub fn set_nice(&self, nice: i32) {
        self.nice.store(nice.clamp(NICE_MIN, NICE_MAX), Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.policy.load(Ordering::Relaxed) == Policy::Idle.number()
    }

    fn weight(&self) -> i32 {
        if self.is_idle() {
            return IDLE_WEIGHT;
        }
        WEIGHTS[(self.nice().clamp(NICE_MIN, NICE_MAX) - NICE_MIN) as usize]
    }

    /// It is its turn, and others want theirs: whether it takes it.
    pub(super) fn takes_turn(&self) -> bool {
        if self.priority() != 0 || self.nice() == 0 && !self.is_idle() {
            return true;
        }
        let credit = self.credit.load(Ordering::Relaxed) + self.weight();
        // What it has not used for long it does not keep.
        self.credit.store(credit.min(self.weight() + TICK), Ordering::Relaxed);
        credit >= TICK
    }

    /// It has run for a tick: whether it may for another.
    pub(super) fn goes_on(&self) -> bool {
        match self.policy() {
            Policy::First(_) => return true,
            Policy::Round(_) => {
                let left = self.credit.load(Ordering::Relaxed) - 1;
                self.credit.store(if left > 0 { left } else { ROUND }, Ordering::Relaxed);
                return left > 0;
            }
            Policy::Other | Policy::Batch if self.nice() == 0 => return false,
            Policy::Other | Policy::Batch | Policy::Idle => {}
        }
        let credit = self.credit.load(Ordering::Relaxed) - TICK;
        self.credit.store(credit.max(0), Ordering::Relaxed);
        credit >= TICK
    }

    /// It has waited: what it does next it can do at its next turn.
    pub(super) fn has_waited(&self) {
        if self.priority() != 0 || self.is_idle() {
            return;
        }
        self.credit.fetch_max(TICK, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Policy, ROUND, Share};
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

        /// A turn of those that come before others ends after some ticks or not at all; who comes after all gets little.
        fn policies_say_how_long_a_turn_is() {
            let (first, round, idle, other) = (Share::new(0), Share::new(5), Share::new(0), Share::new(0));
            first.set_policy(Policy::First(3));
            round.set_policy(Policy::Round(3));
            idle.set_policy(Policy::Idle);
            assert!((0..10 * ROUND).all(|_| first.goes_on()));
            let turns = |share: &Share| (0..3 * ROUND).filter(|_| !share.goes_on()).count();
            assert_eq!(turns(&round), 3);
            assert_eq!(ticks([&other, &idle], 1024), [1024, 3]);
        }

        fn what_is_begun_inherits_unless_that_is_reset() {
            let share = Share::new(-5);
            assert_eq!(share.inherited().nice(), -5);
            share.set_policy(Policy::Round(9));
            assert_eq!((share.inherited().policy(), share.inherited().nice()), (Policy::Round(9), -5));
            share.set_resets(true);
            assert_eq!((share.inherited().policy(), share.inherited().nice()), (Policy::Other, 0));
            share.set_policy(Policy::Batch);
            assert_eq!((share.inherited().policy(), share.inherited().resets()), (Policy::Batch, false));
        }

        fn one_that_has_waited_is_not_passed_over() {
            let share = Share::new(19);
            assert!(!share.takes_turn());
            share.has_waited();
            assert!(share.takes_turn() && !share.goes_on() && !share.takes_turn());
        }
    }
}
