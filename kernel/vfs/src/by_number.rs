//! What is in use, by inode number.
//!
//! Nothing is kept alive by it. What is gone is forgotten when room for more is needed, so that there is room for at
//! most four times as many as were in use at once. Its memory is admitted.
//!
//! Lock: its own, a leaf.

use crate::error::{FileSystemErrorKind, Result};
use crate::sync::Mutex;
use alloc::sync::{Arc, Weak};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// Things in use, each noted under a number.
pub(crate) struct ByNumber<T>(Mutex<HashMap<u64, Weak<T>, FxBuildHasher>>);

impl<T> Default for ByNumber<T> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::with_hasher(FxBuildHasher)))
    }
}

impl<T> ByNumber<T> {
    /// Sees to it that the next one to be noted finds room.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn make_room(&self) -> Result<()> {
        make_room(&mut self.0.lock())
    }

    /// Notes a thing, in the place of what was noted under the number.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn note(&self, number: u64, thing: &Arc<T>) -> Result<()> {
        let mut things = self.0.lock();
        make_room(&mut things)?;
        things.insert(number, Arc::downgrade(thing));
        Ok(())
    }

    /// What was noted under the number, if it is still in use.
    pub fn get(&self, number: u64) -> Option<Arc<T>> {
        self.0.lock().get(&number)?.upgrade()
    }

    /// Forgets what was noted under the number.
    pub fn forget(&self, number: u64) {
        self.0.lock().remove(&number);
    }

    /// Does something while nobody else gets at it.
    #[cfg(test)]
    pub fn while_locked<R>(&self, action: impl FnOnce() -> R) -> R {
        let _things = self.0.lock();
        action()
    }
}

fn make_room<T>(things: &mut HashMap<u64, Weak<T>, FxBuildHasher>) -> Result<()> {
    if things.len() < things.capacity() {
        return Ok(());
    }
    things.retain(|_, thing| thing.strong_count() > 0);
    // As much again as there is: so the next time comes only after as many more.
    let more = things.len().max(1);
    page::admit(2 * things.allocation_size() + size_of::<(u64, Weak<T>)>())?;
    things.try_reserve(more).map_err(|_| FileSystemErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests {
    use super::ByNumber;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    #[test]
    fn what_is_gone_takes_no_room() {
        let things = ByNumber::default();
        let held: Vec<Arc<u64>> = (0..10).map(Arc::new).collect();
        for number in 0..10_000 {
            let thing = held.get(number).cloned().unwrap_or_default();
            assert_eq!(things.note(number as u64, &thing), Ok(()));
        }
        assert!(things.0.lock().capacity() <= 40, "room for {}", things.0.lock().capacity());
        for number in 0..10 {
            assert_eq!(things.get(number).as_deref(), Some(&number));
        }
        assert_eq!(things.get(9_999), None);
        things.forget(3);
        assert_eq!(things.get(3), None);
    }
}
