//! The locks of this crate: spin locks whose waiter yields.
//!
//! The kernel gives a function that lets another task run ([`set_yield`]); without one (one processor, no tasks yet;
//! on the host) a waiter spins. No lock here is safe against interrupts: no interrupt handler may call into this crate.
//!
//! The feature `shuttle` is for the tests of schedules alone (`tests/schedules`). With it the locks, and the atomics
//! that protocols between threads hang on, are the scheduler's.

#[cfg(feature = "shuttle")]
mod scheduled;
#[cfg(not(feature = "shuttle"))]
mod spinning;

#[cfg(feature = "shuttle")]
pub use scheduled::*;
#[cfg(not(feature = "shuttle"))]
pub use spinning::*;
