//! Counting the changes of names in a directory.
//!
//! Every directory whose names can change has a [`ChangeCell`]. Whoever keeps an answer about the directory notes the
//! count from before it asked, and the answer is good while the count is still the same: one atomic load. A directory
//! that is made of others (an overlay's) has a cell that watches theirs, so that its count too is one load, however
//! many they are.
//!
//! - A change is counted while whatever makes it visible still has its directory locked, and by then it is counted in
//!   all watchers: who has seen a change can no longer see a count from before it.
//! - One change counts once in each cell, as a cell is among another's watchers once.
//! - Watching goes upwards in stacking order only, and a cell knows its watchers weakly: there is no cycle. Those that
//!   are gone are dropped before the list grows, so it has room for twice as many as ever watched at once.
//!
//! Lock: the list's, a leaf but for the lists of the watchers, which are taken in stacking order.

use crate::error::{FileSystemErrorKind, Result};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use alloc::sync::{Arc, Weak};
use smallvec::SmallVec;

/// How often the names of a directory have changed.
#[derive(Default)]
pub struct ChangeCell {
    count: AtomicU64,
    watchers: Mutex<SmallVec<[Weak<ChangeCell>; 1]>>,
}

impl ChangeCell {
    /// A number that is different after every change. Waits for nobody.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Counts a change, here and in all watchers.
    pub fn bump(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        for watcher in self.watchers.lock().iter().filter_map(Weak::upgrade) {
            watcher.bump();
        }
    }

    /// Lets `watcher` count every change that is counted here from now on. Once is enough.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn add_watcher(&self, watcher: &Arc<Self>) -> Result<()> {
        let mut watchers = self.watchers.lock();
        if watchers.iter().any(|known| core::ptr::eq(known.as_ptr(), &**watcher)) {
            return Ok(());
        }
        if watchers.len() == watchers.capacity() {
            watchers.retain(|known| known.strong_count() > 0);
        }
        if watchers.len() == watchers.capacity() {
            page::admit(2 * watchers.len() * size_of::<Weak<Self>>())?;
            let more = watchers.len();
            watchers.try_grow(2 * more).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        }
        watchers.push(Arc::downgrade(watcher));
        Ok(())
    }

    /// Lets `watcher` count what is counted here no longer.
    pub fn remove_watcher(&self, watcher: &Arc<Self>) {
        self.watchers.lock().retain(|known| !core::ptr::eq(known.as_ptr(), &**watcher));
    }

    /// How much of the list of watchers is taken, by those that are gone as well.
    #[cfg(test)]
    fn watchers(&self) -> usize {
        self.watchers.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeCell;
    use crate::error::FileSystemErrorKind;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    /// ```text
    /// top     watches middle
    /// middle  watches one, other
    /// one, other                      a change of one counts once in one, middle and top
    /// ```
    #[test]
    fn a_change_is_counted_once_in_everything_above() {
        let [one, other, middle, top] = [(); 4].map(|()| Arc::new(ChangeCell::default()));
        for _ in 0..3 {
            assert_eq!(one.add_watcher(&middle), Ok(()));
            assert_eq!(other.add_watcher(&middle), Ok(()));
            assert_eq!(middle.add_watcher(&top), Ok(()));
        }
        one.bump();
        assert_eq!([&one, &other, &middle, &top].map(|cell| cell.count()), [1, 0, 1, 1]);
        middle.bump();
        assert_eq!([&one, &other, &middle, &top].map(|cell| cell.count()), [1, 0, 2, 2]);
        one.remove_watcher(&middle);
        one.bump();
        other.bump();
        assert_eq!([&one, &other, &middle, &top].map(|cell| cell.count()), [2, 1, 3, 3]);
    }

    #[test]
    fn watchers_that_are_gone_take_no_more_room_than_those_that_are_there() {
        let cell = ChangeCell::default();
        let kept: Vec<_> = (0..4).map(|_| Arc::new(ChangeCell::default())).collect();
        for _ in 0..1000 {
            for watcher in &kept {
                assert_eq!(cell.add_watcher(watcher), Ok(()));
            }
            assert_eq!(cell.add_watcher(&Arc::new(ChangeCell::default())), Ok(()));
        }
        assert!(cell.watchers() <= 2 * (kept.len() + 1), "{}", cell.watchers());
        cell.bump();
        assert!(kept.iter().all(|watcher| watcher.count() == 1));
    }

    #[test]
    fn without_memory_nobody_is_added_and_those_before_go_on_watching() {
        let cell = ChangeCell::default();
        let [one, other] = [(); 2].map(|()| Arc::new(ChangeCell::default()));
        assert_eq!(cell.add_watcher(&one), Ok(()));
        let armed = page::faults::fail_nth(1);
        assert_eq!(cell.add_watcher(&other), Err(FileSystemErrorKind::OutOfMemory.into()));
        assert!(armed.fired());
        cell.bump();
        assert_eq!((one.count(), other.count()), (1, 0));
        assert_eq!(cell.add_watcher(&other), Ok(()));
    }
}
