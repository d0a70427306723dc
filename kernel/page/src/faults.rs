//! Failure on demand: the n-th allocation fails, so that a test can walk every rollback there is.
//!
//! An allocation is a page or an admission of heap. On the host the count is each thread's own, as tests run side by
//! side there; in a kernel, where they run one after the other, there is one. As Linux's `fail-nth`.
//!
//! ```
//! for nth in 1.. {
//!     let armed = page::faults::fail_nth(nth);
//!     let result = page::Page::zeroed();
//!     if !armed.fired() {
//!         assert!(result.is_ok(), "nothing was left to fail");
//!         break;
//!     }
//!     assert!(result.is_err());
//! }
//! ```

#[cfg(target_os = "none")]
mod countdown {
    use core::sync::atomic::{AtomicU32, Ordering};

    static LEFT: AtomicU32 = AtomicU32::new(0);

    pub fn get() -> u32 {
        LEFT.load(Ordering::Relaxed)
    }

    pub fn set(left: u32) {
        LEFT.store(left, Ordering::Relaxed);
    }
}

#[cfg(not(target_os = "none"))]
mod countdown {
    use core::cell::Cell;

    std::thread_local! {
        static LEFT: Cell<u32> = const { Cell::new(0) };
    }

    pub fn get() -> u32 {
        LEFT.get()
    }

    pub fn set(left: u32) {
        LEFT.set(left);
    }
}

/// A failure that waits to happen; dropping it calls it off.
#[must_use = "the failure is called off when this is dropped"]
pub struct Armed(());

/// Makes the `nth` allocation from now on fail (1: the next), once. With 0 none does.
pub fn fail_nth(nth: u32) -> Armed {
    countdown::set(nth);
    Armed(())
}

impl Armed {
    /// Whether it has happened.
    pub fn fired(&self) -> bool {
        countdown::get() == 0
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        countdown::set(0);
    }
}

/// Counts one allocation; whether it is the one to fail.
pub(crate) fn strikes() -> bool {
    let left = countdown::get();
    if left > 0 {
        countdown::set(left - 1);
    }
    left == 1
}
