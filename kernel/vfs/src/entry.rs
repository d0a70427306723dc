//! The dentry: a name in a file system's tree, and what it is bound to, remembered.
//!
//! - An entry is made by a lookup and remembers its answer: a node, or that there is none (a negative entry).
//! - It holds its parent, so the way up from any entry in use never breaks. The parent knows it weakly by name.
//! - What keeps an unused entry alive is only the superblock's list of recent ones; when that lets go, and nobody else
//!   holds the entry, it takes itself off its parent.
//! - Its answer holds while the `change()` of the parent's node is still its stamp; else the superblock asks again.
//! - A node is never exchanged within an entry: a new answer makes a new entry, and the old one, if still held, is no
//!   longer found by name (unhashed).
//!
//! Locks: `children` before `place`; neither is held while a file system is called.

use crate::metadata::FileType;
use crate::name::Name;
use crate::node::NodeRef;
use crate::sync::RwLock;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A stamp that vouches for nothing.
pub(crate) const STALE: u64 = u64::MAX;

/// A name in a file system's tree.
pub struct VfsEntry {
    node: Option<NodeRef>,
    /// Where it is. Changed only under the superblock's rename lock.
    place: RwLock<Place>,
    /// The known names below it.
    children: RwLock<HashMap<Name, Weak<VfsEntry>, FxBuildHasher>>,
    /// `change()` of the parent's node before the lookup that gave this answer.
    stamp: AtomicU64,
    /// Whether it was found since the superblock last looked for entries to let go.
    used: AtomicBool,
    /// How many mounts stand on it, in all namespaces together.
    mounts: AtomicU32,
}

struct Place {
    parent: Option<Arc<VfsEntry>>,
    name: Name,
}

impl VfsEntry {
    /// The root entry of a superblock.
    pub(crate) fn root(node: NodeRef) -> Arc<Self> {
        Arc::new(Self::new(Some(node), None, Name::new(), STALE))
    }

    /// The entry of a node that has no name: below the root, but unhashed.
    pub(crate) fn unnamed(node: NodeRef, root: Arc<Self>) -> Arc<Self> {
        Arc::new(Self::new(Some(node), Some(root), Name::new(), STALE))
    }

    fn new(node: Option<NodeRef>, parent: Option<Arc<Self>>, name: Name, stamp: u64) -> Self {
        Self {
            node,
            place: RwLock::new(Place { parent, name }),
            children: RwLock::new(HashMap::with_hasher(FxBuildHasher)),
            stamp: AtomicU64::new(stamp),
            used: AtomicBool::new(true),
            mounts: AtomicU32::new(0),
        }
    }

    /// The node, or `None` for a name that is bound to nothing.
    pub fn node(&self) -> Option<&NodeRef> {
        self.node.as_ref()
    }

    /// Whether it is bound to a directory.
    pub fn is_directory(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.kind() == FileType::Directory)
    }

    /// Its name in its parent; empty for a root.
    pub fn name(&self) -> Name {
        self.place.read().name.clone()
    }

    /// The directory it is in; `None` for a root.
    pub fn parent(&self) -> Option<Arc<Self>> {
        self.place.read().parent.clone()
    }

    /// Whether `self` is `other` or above it.
    pub fn is_above(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut at = other.clone();
        loop {
            if Arc::ptr_eq(self, &at) {
                return true;
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }

    /// Whether its name still leads to it (or it is a root).
    pub fn is_hashed(self: &Arc<Self>) -> bool {
        let (parent, name) = {
            let place = self.place.read();
            (place.parent.clone(), place.name.clone())
        };
        parent.is_none_or(|parent| parent.cached(&name).is_some_and(|found| Arc::ptr_eq(&found, self)))
    }

    /// The entry known under `name`, without asking whether its answer still holds.
    pub(crate) fn cached(&self, name: &[u8]) -> Option<Arc<Self>> {
        self.children.read().get(name)?.upgrade()
    }

    /// Whether the answer vouched for by `change` of the parent is this entry's.
    pub(crate) fn holds_for(&self, change: u64) -> bool {
        if self.stamp.load(Ordering::Acquire) != change {
            return false;
        }
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        true
    }

    /// Whether its answer is `node`.
    pub(crate) fn answers(&self, node: Option<&NodeRef>) -> bool {
        match (&self.node, node) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            _ => false,
        }
    }

    /// Lets its answer hold for `change` of the parent, or for nothing ([`STALE`]).
    pub(crate) fn stamp(&self, change: u64) {
        self.stamp.store(change, Ordering::Release);
    }

    /// Whether it was found since the last call.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// Makes the entry for an answer and binds the name to it; the one bound before is unhashed. If somebody else has
    /// bound the same answer meanwhile, that entry is returned, and `false`.
    pub(crate) fn bind(self: &Arc<Self>, name: &[u8], node: Option<NodeRef>, stamp: u64) -> (Arc<Self>, bool) {
        let mut children = self.children.write();
        if let Some(present) = children.get(name).and_then(Weak::upgrade)
            && present.answers(node.as_ref())
        {
            drop(children);
            present.stamp(stamp);
            return (present, false);
        }
        let name = Name::from_slice(name);
        let entry = Arc::new(Self::new(node, Some(self.clone()), name.clone(), stamp));
        let previous = children.insert(name, Arc::downgrade(&entry));
        drop(children);
        drop(previous);
        (entry, true)
    }

    /// Unhashes `entry`, if the name still leads to it.
    pub(crate) fn forget(&self, name: &[u8], entry: &Self) {
        let mut children = self.children.write();
        if children.get(name).is_some_and(|found| core::ptr::eq(found.as_ptr(), entry)) {
            children.remove(name);
        }
    }

    /// Moves it to another place; whatever the new name led to is unhashed. The caller holds the superblock's rename
    /// lock.
    pub(crate) fn move_locked(self: &Arc<Self>, parent: &Arc<Self>, name: &[u8]) {
        let (old_parent, old_name) = {
            let place = self.place.read();
            (place.parent.clone(), place.name.clone())
        };
        if let Some(old_parent) = old_parent {
            old_parent.forget(&old_name, self);
        }
        let name = Name::from_slice(name);
        self.stamp(STALE);
        let old_place =
            core::mem::replace(&mut *self.place.write(), Place { parent: Some(parent.clone()), name: name.clone() });
        parent.children.write().insert(name, Arc::downgrade(self));
        drop(old_place);
    }

    /// Whether a mount stands on it in some namespace.
    pub(crate) fn is_mounted_on(&self) -> bool {
        self.mounts.load(Ordering::Acquire) != 0
    }

    /// Counts a mount that now stands on it.
    pub(crate) fn add_mount(&self) {
        self.mounts.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts off a mount that stood on it.
    pub(crate) fn remove_mount(&self) {
        self.mounts.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for VfsEntry {
    fn drop(&mut self) {
        let place = self.place.get_mut();
        let name = core::mem::take(&mut place.name);
        let Some(mut parent) = place.parent.take() else { return };
        parent.forget(&name, self);
        // The way up may hang on this entry alone: let go of it in a loop, for it may be deeper than the stack.
        while let Some(mut last) = Arc::into_inner(parent) {
            let place = last.place.get_mut();
            let name = core::mem::take(&mut place.name);
            match place.parent.take() {
                Some(next) => {
                    next.forget(&name, &last);
                    parent = next;
                }
                None => break,
            }
        }
    }
}
