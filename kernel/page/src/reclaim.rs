//! Memory that is given back when it runs short: what its holders can do without, because it only saves them work.
//!
//! Before a page or an admission of heap is refused, holders are asked, one after the other, until what was wanted is
//! there or nobody has anything left. What is itself kept only to save work is taken with [`Page::spare`](crate::Page::spare)
//! and [`admit_spare`](crate::admit_spare), which ask nobody: one cache does not drive out another.
//!
//! Whoever runs short may hold any lock. So a holder that is asked waits for none, allocates nothing, and drops nothing
//! but plain memory. Lock: the list's, which never waits either: who finds it taken goes without.

use crate::{OutOfMemory, admit};
use alloc::sync::Weak;
use alloc::vec::Vec;
use spin::Mutex;

/// A holder of memory that it can do without.
pub trait Reclaim: Send + Sync {
    /// Gives back what nobody is using just now; whether that was anything.
    fn reclaim(&self) -> bool;
}

static HOLDERS: Mutex<Vec<Weak<dyn Reclaim>>> = Mutex::new(Vec::new());

/// Lets a holder be asked from now on.
///
/// # Errors
/// [`OutOfMemory`].
pub fn register(holder: Weak<dyn Reclaim>) -> Result<(), OutOfMemory> {
    admit(size_of_val(&holder))?;
    let mut holders = HOLDERS.lock();
    holders.try_reserve(1).map_err(|_| OutOfMemory)?;
    holders.push(holder);
    Ok(())
}

/// Forgets holders that are gone: each calls it as it goes.
pub fn forget_gone() {
    // One that goes while it is asked is forgotten with the next.
    if let Some(mut holders) = HOLDERS.try_lock() {
        holders.retain(|holder| holder.strong_count() > 0);
        if holders.is_empty() {
            *holders = Vec::new();
        }
    }
}

/// Does `attempt`, again after each time that something was given back, until it answers.
pub(crate) fn until_enough<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let answer = attempt();
    if answer.is_some() { answer } else { reclaim_until(attempt) }
}

#[cold]
fn reclaim_until<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let holders = HOLDERS.try_lock()?;
    let holders = holders.iter().filter_map(Weak::upgrade);
    holders.filter(|holder| holder.reclaim()).find_map(|_| attempt())
}

#[cfg(test)]
mod tests {
    use super::{Reclaim, forget_gone, register, until_enough};
    use alloc::sync::{Arc, Weak};
    use core::sync::atomic::{AtomicUsize, Ordering};

    struct Cache(AtomicUsize);

    impl Reclaim for Cache {
        fn reclaim(&self) -> bool {
            self.0.swap(0, Ordering::Relaxed) > 0
        }
    }

    impl Drop for Cache {
        fn drop(&mut self) {
            forget_gone();
        }
    }

    /// Three caches, the second of which is empty: what needs all of them asks all, what needs one asks one.
    #[test]
    fn no_more_is_given_back_than_is_needed() {
        let caches = [1, 0, 1].map(|held| Arc::new(Cache(AtomicUsize::new(held))));
        for cache in &caches {
            let weak: Weak<Cache> = Arc::downgrade(cache);
            assert!(register(weak).is_ok());
        }
        let held = || caches.iter().map(|cache| cache.0.load(Ordering::Relaxed)).sum::<usize>();
        assert_eq!(until_enough(|| Some(held())), Some(2));
        assert_eq!(until_enough(|| (held() < 2).then(held)), Some(1));
        assert_eq!(until_enough(|| (held() < 1).then(held)), Some(0));
        assert_eq!(until_enough(|| None::<usize>), None);
    }
}
