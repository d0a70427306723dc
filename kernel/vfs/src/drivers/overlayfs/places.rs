//! Where a node of the overlay is found: the names that lead to it, each in a directory that it holds.
//!
//! A directory has one place, a file all that are known, and what has no name has none. Copy-up publishes a node at one
//! of them. A lookup adds the place where it has found a node without any lock, so that a removal may have overtaken it:
//! whoever publishes at a place looks, with the names of the directory locked, whether they still allow it, and takes
//! the place away if not. Above a directory places stand still while `OverlayFS::rename` is held.
//!
//! Invariant: the way up from a node in use never breaks, and there is no way down: so no circle keeps itself alive.

use super::inode::OverlayNode;
use crate::metadata::FileType;
use crate::name::Name;
use crate::node::VfsNode;
use crate::sync::Mutex;
use alloc::sync::Arc;
use smallvec::SmallVec;

/// A name in a directory.
#[derive(Clone)]
pub(super) struct Place {
    pub parent: Arc<OverlayNode>,
    pub name: Name,
}

impl Place {
    pub fn new(parent: &Arc<OverlayNode>, name: &[u8]) -> Self {
        Self { parent: parent.clone(), name: Name::from_slice(name) }
    }

    fn is(&self, parent: &OverlayNode, name: &[u8]) -> bool {
        core::ptr::eq(&*self.parent, parent) && *self.name == *name
    }
}

/// The places of a node.
pub(super) struct Places(Mutex<SmallVec<[Place; 1]>>);

impl Places {
    /// The first place, or none yet.
    pub fn new(place: Option<Place>) -> Self {
        Self(Mutex::new(place.into_iter().collect()))
    }

    /// Lets go of them with their node. The way up may hang on that alone, and may be deeper than the stack: it is let
    /// go of in a loop.
    pub fn let_go(&mut self) {
        let mut next = self.0.get_mut().pop();
        while let Some(mut parent) = next.and_then(|place| Arc::into_inner(place.parent)) {
            next = parent.places.0.get_mut().pop();
        }
    }
}

impl OverlayNode {
    /// A place where it is found.
    pub(super) fn place(&self) -> Option<Place> {
        self.places.0.lock().last().cloned()
    }

    /// The directory it is in.
    pub(super) fn parent(&self) -> Option<Arc<Self>> {
        self.places.0.lock().last().map(|place| place.parent.clone())
    }

    /// The directories of all places where it is known to be.
    pub(super) fn for_each_parent(&self, mut tell: impl FnMut(&Self)) {
        self.places.0.lock().iter().for_each(|place| tell(&place.parent));
    }

    /// Whether that is a place where it is known to be.
    pub(super) fn is_at(&self, parent: &Self, name: &[u8]) -> bool {
        self.places.0.lock().iter().any(|place| place.is(parent, name))
    }

    /// Notes a place where it was found. Of a file all count, also while it is in the upper: with a layer pushed on top
    /// it is in no upper again.
    pub(super) fn add_place(&self, parent: &Arc<Self>, name: &[u8]) {
        let mut places = self.places.0.lock();
        let one_is_enough = self.kind() == FileType::Directory;
        if places.is_empty() || !one_is_enough && !places.iter().any(|place| place.is(parent, name)) {
            places.push(Place::new(parent, name));
        }
    }

    /// Notes that it is no longer found there.
    pub(super) fn remove_place(&self, parent: &Self, name: &[u8]) {
        let mut places = self.places.0.lock();
        let index = places.iter().position(|place| place.is(parent, name));
        let gone = index.map(|index| places.remove(index));
        drop(places);
        drop(gone);
    }

    /// Whether it is `other` or above it. The caller holds the rename lock.
    pub(super) fn is_above(&self, other: &Arc<Self>) -> bool {
        let mut at = other.clone();
        loop {
            if core::ptr::eq(&*at, self) {
                return true;
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }
}
