//! Spin locks whose waiter yields.

pub use core::sync::atomic;

use spin::{Once, RelaxStrategy};

static YIELD: Once<fn()> = Once::new();

/// Tells waiters how to let someone else run. The first call decides; later ones change nothing.
pub fn set_yield(function: fn()) {
    YIELD.call_once(|| function);
}

/// How a waiter waits: by the function given to [`set_yield`], else by spinning.
pub struct Yield;

impl RelaxStrategy for Yield {
    fn relax() {
        match YIELD.get() {
            Some(function) => function(),
            None => core::hint::spin_loop(),
        }
    }
}

/// A mutual-exclusion lock.
pub type Mutex<T> = spin::mutex::SpinMutex<T, Yield>;
/// The guard of a [`Mutex`].
pub type MutexGuard<'a, T> = spin::mutex::SpinMutexGuard<'a, T, Yield>;
/// A lock for many readers or one writer.
pub type RwLock<T> = spin::rwlock::RwLock<T, Yield>;
/// The guard of a reader.
pub type ReadGuard<'a, T> = spin::rwlock::RwLockReadGuard<'a, T, Yield>;
/// The guard of a writer.
pub type WriteGuard<'a, T> = spin::rwlock::RwLockWriteGuard<'a, T, Yield>;
