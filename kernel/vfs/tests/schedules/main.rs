//! The protocols between threads that the overlay hangs on, under a scheduler that decides at every lock and atomic who
//! goes on: many schedules of each, chosen at random and by priorities with few changes (which finds what takes a
//! thread to be held up for long at one place). A schedule that breaks a promise, or in which nobody can go on, is
//! printed; `shuttle::replay` runs it again.
//!
//! All locks are the scheduler's under the feature `shuttle` only, so these tests are a build of their own:
//! `cargo test -p vfs --features shuttle --test schedules`.

mod copy_up;
mod index;
mod locks;
mod names;
mod pushes;
mod renames;
mod stage;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};
use std::sync::{Mutex, PoisonError};

/// How many schedules of each kind the short form tries, and the long one.
const SHORT: usize = 150;
const LONG: usize = 20_000;

/// Where the choices of the schedulers come from: the same each time.
const SEED: u64 = 0x5eed;

/// How many turns of fate a schedule by priorities has.
const DEPTH: usize = 4;

/// Held by the test that runs: what is global in the crate (which uppers are in use) knows one scheduler at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Tries so many schedules of a protocol, of each kind.
fn explore(protocol: fn(), schedules: usize) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut config = Config::new();
    config.stack_size = 256 << 10;
    config.silence_warnings = true;
    Runner::new(RandomScheduler::new_from_seed(SEED, schedules), config.clone()).run(protocol);
    Runner::new(PctScheduler::new_from_seed(SEED, DEPTH, schedules), config).run(protocol);
}

/// Declares protocols: functions of which every schedule must keep what they assert. Each is a short test and a long.
macro_rules! protocols {
    ($($(#[doc = $doc:literal])* fn $name:ident() $body:block)*) => {
        $(
            $(#[doc = $doc])*
            fn $name() $body
        )*

        mod short {
            $(
                #[test]
                fn $name() {
                    crate::explore(super::$name, crate::SHORT);
                }
            )*
        }

        mod long {
            $(
                #[test]
                #[ignore = "long"]
                fn $name() {
                    crate::explore(super::$name, crate::LONG);
                }
            )*
        }
    };
}
pub(crate) use protocols;
