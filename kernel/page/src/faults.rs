//! For tests: failure on demand, and a count of pages that other tests do not disturb.
//!
//! The n-th allocation fails, so that a test can walk every rollback there is (Linux's `fail-nth`). An allocation is a
//! page or an admission of heap. On the host both counts are each thread's own, as tests run side by side there; in a
//! kernel, where they run one after the other, there is one of each.
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
mod counts {
    use core::sync::atomic::{AtomicU32, Ordering};

    static LEFT: AtomicU32 = AtomicU32::new(0);

    pub fn pages() -> isize {
        crate::in_use() as isize
    }

    pub fn add_pages(_count: isize) {}

    pub fn get() -> u32 {
        LEFT.load(Ordering::Relaxed)
    }

    pub fn set(left: u32) {
        LEFT.store(left, Ordering::Relaxed);
    }
}

#[cfg(not(target_os = "none"))]
mod counts {
    use core::cell::Cell;

    std::thread_local! {
        static LEFT: Cell<u32> = const { Cell::new(0) };
        static PAGES: Cell<isize> = const { Cell::new(0) };
    }

    pub fn pages() -> isize {
        PAGES.get()
    }

    pub fn add_pages(count: isize) {
        PAGES.set(PAGES.get() + count);
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
    counts::set(nth);
    Armed(())
}

impl Armed {
    /// Whether it has happened.
    pub fn fired(&self) -> bool {
        counts::get() == 0
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        counts::set(0);
    }
}

/// Counts one allocation; whether it is the one to fail.
pub(crate) fn strikes() -> bool {
    let left = counts::get();
    if left > 0 {
        counts::set(left - 1);
    }
    left == 1
}

/// How many pages this thread has made and not freed: two looks tell what lies between them. (A page that another
/// thread frees counts there.)
pub fn pages() -> isize {
    counts::pages()
}

/// Counts pages made, or freed if negative.
pub(crate) fn add_pages(count: isize) {
    counts::add_pages(count);
}
