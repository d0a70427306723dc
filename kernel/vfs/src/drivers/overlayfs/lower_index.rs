//! Which lower layers of a directory have something under a name.
//!
//! A merged directory may be in hundreds of layers, most of which know nothing of the name that is asked for. The index
//! says which may: for each name that a lower layer lists, and each that a listed `.wh.NAME` hides, it has the name's
//! hash and the layer's place among the directory's lowers, in eight bytes, sorted. The other layers have nothing under
//! the name. Those that it gives are asked: two names of one hash cost a question and no more, and whiteouts, redirects
//! and opaque directories are seen where they are. What the upper layer has is always asked of the upper layer.
//!
//! - It holds as long as no name changes in a lower layer: it carries the count of such changes from before the layers
//!   were listed, and is compared with it before and after each search ([`super::scope`]).
//! - It is made by a listing, or when searches have asked in vain as often as it has entries: a question costs some
//!   640 instructions, an entry 470, so that the work is never more than what was in vain before.
//! - It only saves work: where there is no memory for it there is none, and memory that runs short elsewhere takes it
//!   ([`page::reclaim`]). What fills whole pages is in frames, so that this helps at once.

use super::marks::Marks;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, RwLock};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::hash::BuildHasher;
use page::Page;
use page::reclaim::Reclaim;
use rustc_hash::FxBuildHasher;

/// How many questions in vain are nothing to worry about.
const FEW: usize = 64;

/// Bits of an entry that say which layer; the others are the name's hash.
const LAYER_BITS: u32 = 16;

/// Entries in a page.
const IN_A_PAGE: usize = page::SIZE / size_of::<u64>();

/// An index.
pub(super) struct LowerIndex {
    change: u64,
    /// The entries, sorted: whole pages of them, and the rest.
    pages: Box<[Page]>,
    rest: Box<[u64]>,
    /// The layers that list anything, sorted.
    listed: Box<[u16]>,
}

impl LowerIndex {
    fn len(&self) -> usize {
        self.pages.len() * IN_A_PAGE + self.rest.len()
    }

    fn entry(&self, index: usize) -> u64 {
        match self.pages.get(index / IN_A_PAGE) {
            Some(page) => {
                page.bytes().as_chunks().0.get(index % IN_A_PAGE).map_or(0, |entry| u64::from_ne_bytes(*entry))
            }
            None => self.rest.get(index - self.pages.len() * IN_A_PAGE).copied().unwrap_or(u64::MAX),
        }
    }

    /// The first of the layers from the `from`th on that may have something under the name.
    pub fn next_with(&self, name: &[u8], from: usize) -> Option<usize> {
        let wanted = entry(name, from)?;
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.entry(middle) < wanted { low = middle + 1 } else { high = middle }
        }
        let found = if low < self.len() { self.entry(low) } else { return None };
        (found >> LAYER_BITS == wanted >> LAYER_BITS).then_some((found & LAYER_MASK) as usize)
    }

    /// The first of the layers from the `from`th on that lists anything.
    pub fn next_listed(&self, from: usize) -> Option<usize> {
        let next = self.listed.partition_point(|layer| usize::from(*layer) < from);
        self.listed.get(next).map(|layer| usize::from(*layer))
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let (pages, rest) = (self.pages.len() * (page::SIZE + size_of::<Page>()), size_of_val(&*self.rest));
        size_of::<Self>() + pages + rest + size_of_val(&*self.listed)
    }
}

const LAYER_MASK: u64 = (1 << LAYER_BITS) - 1;

/// The entry of a name in a layer; `None` for a layer that is too far down.
fn entry(name: &[u8], layer: usize) -> Option<u64> {
    let layer = u64::from(u16::try_from(layer).ok()?);
    Some(FxBuildHasher.hash_one(name) & !LAYER_MASK | layer)
}

/// An index in the making.
pub(super) struct Builder {
    change: u64,
    entries: Vec<u64>,
    listed: Vec<u16>,
    /// How many entries it may have at most.
    limit: usize,
    given_up: bool,
}

impl Builder {
    /// One of at most `limit` entries; `change` is the count of changes in the lower layers.
    pub fn new(change: u64, limit: usize) -> Self {
        Self { change, entries: Vec::new(), listed: Vec::new(), limit, given_up: false }
    }

    /// Adds a name that a layer lists; layers come in order. Whether to go on.
    pub fn add(&mut self, marks: &Marks, layer: usize, name: &[u8]) -> bool {
        self.given_up = self.given_up || self.try_add(marks, layer, name).is_none();
        !self.given_up
    }

    fn try_add(&mut self, marks: &Marks, layer: usize, name: &[u8]) -> Option<()> {
        let number = u16::try_from(layer).ok()?;
        if self.listed.last() != Some(&number) {
            make_spare_room(&mut self.listed)?;
            self.listed.push(number);
        }
        for name in [Some(name), marks.hidden_by(name)].into_iter().flatten() {
            if self.entries.len() >= self.limit {
                return None;
            }
            make_spare_room(&mut self.entries)?;
            self.entries.push(entry(name, layer)?);
        }
        Some(())
    }

    /// The index, if it was possible and worth it.
    fn finish(self) -> Option<LowerIndex> {
        let Self { change, mut entries, mut listed, given_up, .. } = self;
        if given_up {
            return None;
        }
        entries.sort_unstable();
        entries.dedup();
        let mut pages = Vec::new();
        let (whole, rest) = entries.as_chunks::<IN_A_PAGE>();
        page::admit_spare(whole.len() * size_of::<Page>() + size_of_val(rest)).ok()?;
        pages.try_reserve_exact(whole.len()).ok()?;
        for chunk in whole {
            let fill = |bytes: &mut [u8; page::SIZE]| {
                for (into, entry) in bytes.as_chunks_mut().0.iter_mut().zip(chunk) {
                    *into = entry.to_ne_bytes();
                }
            };
            pages.push(Page::spare(fill).ok()?);
        }
        let rest = rest.into();
        listed.shrink_to_fit();
        Some(LowerIndex { change, pages: pages.into(), rest, listed: listed.into() })
    }
}

/// Room for one more element, if there is memory to spare.
fn make_spare_room<T>(list: &mut Vec<T>) -> Option<()> {
    if list.len() == list.capacity() {
        let more = list.len().max(64);
        page::admit_spare((list.len() + more) * size_of::<T>()).ok()?;
        list.try_reserve_exact(more).ok()?;
    }
    Some(())
}

/// A directory's index, if there is one, and whether one would be worth it.
#[derive(Default)]
pub(super) struct IndexPlace {
    slot: Arc<Slot>,
    /// Held by the one who makes it; nobody waits for that.
    pub making: Mutex<()>,
    /// How often lower layers were asked in vain.
    in_vain: AtomicUsize,
    /// How often they may be until the next attempt.
    patience: AtomicUsize,
}

impl IndexPlace {
    /// The index, if it holds for this count of changes in the lower layers.
    pub fn get(&self, change: u64) -> Option<Arc<LowerIndex>> {
        self.slot.0.read().index.as_ref().filter(|index| index.change == change).cloned()
    }

    /// Notes that a search has asked so many layers in vain. When that has become too many, how many entries an index
    /// may have to be worth making.
    pub fn searched(&self, in_vain: usize) -> Option<usize> {
        if in_vain == 0 {
            return None;
        }
        let sum = self.in_vain.fetch_add(in_vain, Ordering::Relaxed) + in_vain;
        let patience = self.patience.load(Ordering::Relaxed).max(FEW);
        if sum < patience {
            return None;
        }
        self.in_vain.store(0, Ordering::Relaxed);
        // Should it turn out larger, twice as many.
        self.patience.store(2 * sum, Ordering::Relaxed);
        Some(sum)
    }

    /// Keeps a new index, if it has become one. The next, should names change below, is to be as much worth as it.
    pub fn keep(&self, indexes: &Indexes, builder: Builder) {
        let Some(index) = builder.finish() else { return };
        self.patience.store(index.len(), Ordering::Relaxed);
        self.in_vain.store(0, Ordering::Relaxed);
        let mut slot = self.slot.0.write();
        let previous = slot.index.replace(Arc::new(index));
        let known = core::mem::replace(&mut slot.known, true);
        drop(slot);
        drop(previous);
        if !known && indexes.add(&self.slot).is_none() {
            self.slot.give_back();
        }
    }
}

/// Where the index is. It is shared only so that it can be found when memory runs short, and holds nothing but memory.
#[derive(Default)]
struct Slot(RwLock<InSlot>);

#[derive(Default)]
struct InSlot {
    index: Option<Arc<LowerIndex>>,
    /// Whether it is among the overlay's [`Indexes`].
    known: bool,
}

impl Slot {
    /// Empties it, if nobody is at it: how much that gave back, or `None`.
    fn give_back(&self) -> Option<usize> {
        let mut slot = self.0.try_write()?;
        let index = slot.index.take();
        slot.known = false;
        drop(slot);
        Some(index.map_or(0, |index| index.memory()))
    }
}

/// The indexes of an overlay, to find them when memory runs short. A leaf lock, never waited for then.
#[derive(Default)]
pub(super) struct Indexes(Mutex<Vec<Weak<Slot>>>);

impl Indexes {
    /// None yet; it will be asked when memory runs short.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new() -> crate::error::Result<Arc<Self>> {
        let indexes = Arc::<Self>::default();
        let holder: Weak<Self> = Arc::downgrade(&indexes);
        page::reclaim::register(holder)?;
        Ok(indexes)
    }

    /// Bytes of memory that they take.
    pub fn memory(&self) -> usize {
        let slots = self.0.lock();
        let of = |slot: Arc<Slot>| slot.0.read().index.as_ref().map_or(0, |index| index.memory());
        slots.iter().filter_map(Weak::upgrade).map(of).sum()
    }

    /// Does something while nobody else gets at the list.
    #[cfg(test)]
    pub fn while_locked<T>(&self, action: impl FnOnce() -> T) -> T {
        let _slots = self.0.lock();
        action()
    }

    fn add(&self, slot: &Arc<Slot>) -> Option<()> {
        let mut slots = self.0.lock();
        if slots.len() == slots.capacity() {
            slots.retain(|slot| slot.strong_count() > 0);
            make_spare_room(&mut slots)?;
        }
        slots.push(Arc::downgrade(slot));
        Some(())
    }
}

impl Reclaim for Indexes {
    fn reclaim(&self) -> bool {
        let Some(mut slots) = self.0.try_lock() else { return false };
        let mut given_back = 0;
        slots.retain(|slot| match slot.upgrade() {
            Some(slot) => slot.give_back().map(|bytes| given_back += bytes).is_none(),
            None => false,
        });
        if slots.is_empty() {
            *slots = Vec::new();
        }
        given_back > 0
    }
}

impl Drop for Indexes {
    fn drop(&mut self) {
        page::reclaim::forget_gone();
    }
}
