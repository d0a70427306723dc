//! What keeps unused entries of the dentry cache alive: a bounded ring of slots.
//!
//! An entry gets a slot when it is made. When a new one comes and all slots are taken, a hand goes round: an entry
//! that was used since the hand last came by stays, another loses its slot (the clock algorithm). An entry whose name
//! goes gives up its slot at once, for it may be the last that holds a file, and with it the file's memory.
//!
//! Lock: the ring's own, a leaf. What loses its slot is dropped after it.

use crate::entry::VfsEntry;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// An entry that has no slot and may get one.
const NONE: usize = usize::MAX;
/// An entry that is gone and gets none: whoever made it may still be about to bring it here.
const GONE: usize = usize::MAX - 1;
/// How many entries the hand passes over at most for one that comes.
const STEPS: usize = 8;

/// The slot of an entry. Changed under the ring's lock.
pub(crate) struct Slot(AtomicUsize);

impl Slot {
    /// None yet.
    pub const fn none() -> Self {
        Self(AtomicUsize::new(NONE))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, slot: usize) {
        self.0.store(slot, Ordering::Relaxed);
    }
}

/// The ring.
pub(crate) struct Recent(Mutex<Ring>);

struct Ring {
    slots: Vec<Option<Arc<VfsEntry>>>,
    /// Slots without an entry.
    free: Vec<usize>,
    hand: usize,
    /// How many slots there may be.
    bound: usize,
}

impl Recent {
    pub const fn new(bound: usize) -> Self {
        Self(Mutex::new(Ring { slots: Vec::new(), free: Vec::new(), hand: 0, bound }))
    }

    /// How many entries have a slot.
    pub fn len(&self) -> usize {
        let ring = self.0.lock();
        ring.slots.len() - ring.free.len()
    }

    /// Does something while nobody else gets at the ring.
    #[cfg(test)]
    pub fn while_locked<T>(&self, action: impl FnOnce() -> T) -> T {
        let _ring = self.0.lock();
        action()
    }

    /// Bounds the ring, at once.
    pub fn set_bound(&self, bound: usize) {
        loop {
            let mut ring = self.0.lock();
            ring.bound = bound;
            if ring.slots.len() <= bound {
                ring.hand = 0;
                ring.free.retain(|slot| *slot < bound);
                return;
            }
            let last = ring.slots.pop().flatten();
            if let Some(entry) = &last {
                entry.slot.set(NONE);
            }
            drop(ring);
            drop(last);
        }
    }

    /// Takes the slots from all entries.
    pub fn clear(&self) {
        let mut ring = self.0.lock();
        let slots = core::mem::take(&mut ring.slots);
        ring.free.clear();
        ring.hand = 0;
        slots.iter().flatten().for_each(|entry| entry.slot.set(NONE));
        drop(ring);
        drop(slots);
    }

    /// Gives an entry a slot; another may lose its own.
    pub fn add(&self, entry: &Arc<VfsEntry>) {
        let mut ring = self.0.lock();
        if entry.slot.get() != NONE || ring.bound == 0 {
            return;
        }
        let slot = match ring.free.pop() {
            Some(slot) => slot,
            None if ring.slots.len() < ring.bound => {
                ring.slots.push(None);
                ring.slots.len() - 1
            }
            None => ring.pass(),
        };
        entry.slot.set(slot);
        let previous = ring.slots[slot].replace(entry.clone());
        if let Some(previous) = &previous {
            previous.slot.set(NONE);
        }
        drop(ring);
        drop(previous);
    }

    /// Takes its slot from an entry whose name has gone, for good.
    pub fn remove(&self, entry: &VfsEntry) {
        let mut ring = self.0.lock();
        let slot = entry.slot.get();
        entry.slot.set(GONE);
        let previous = ring.slots.get_mut(slot).and_then(Option::take);
        if previous.is_some() {
            ring.free.push(slot);
        }
        drop(ring);
        drop(previous);
    }
}

impl Ring {
    /// Moves the hand to a slot whose entry must go. There is a slot.
    fn pass(&mut self) -> usize {
        for _ in 0..STEPS {
            self.hand = (self.hand + 1) % self.slots.len();
            if !self.slots[self.hand].as_ref().is_some_and(|entry| entry.take_used()) {
                break;
            }
        }
        self.hand
    }
}
