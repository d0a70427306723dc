//! The dentry: a name in a file system's tree, and what it is bound to, remembered.
//!
//! - An entry is made by a lookup and remembers its answer: a node, or that there is none (a negative entry).
//! - It holds its parent, so the way up from any entry in use never breaks. The parent knows it weakly by name.
//! - What keeps an unused entry alive is only the superblock's list of recent ones; when that lets go, and nobody else
//!   holds the entry, it takes itself off its parent.
//! - Its answer holds while the `change()` of the parent's node is still its stamp; else the superblock asks again.
//! - A node is never exchanged within an entry: a new answer makes a new entry, and the old one, if still held, is no
//!   longer found by name (unhashed).
//! - What its name leads to is decided under the parent's `children` lock, and so is whether it is unhashed and what
//!   vouches for it: an answer from before a change never takes the place of one from after it.
//!
//! Locks: `children` before `place`; neither is held while a file system is called, but for a directory's `change()`,
//! which waits for nobody.

use crate::inotify::Watches;
use crate::metadata::FileType;
use crate::name::Name;
use crate::node::NodeRef;
use crate::recent::Slot;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, RwLock};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Bucket;

/// A stamp that vouches for nothing.
pub(crate) const STALE: u64 = u64::MAX;

/// A name in a file system's tree.
pub struct VfsEntry {
    node: Option<NodeRef>,
    /// The node's type, which never changes: kept here because every step of a walk asks for it.
    kind: Option<FileType>,
    /// Where it is. Changed only under the superblock's rename lock.
    place: RwLock<Place>,
    /// The known names below it.
    children: RwLock<HashTable<Child>>,
    /// Whether its name was removed, or came to lead to something else. A move is neither. Changed under the lock of
    /// the parent's `children`.
    gone: AtomicBool,
    /// Whether it is a directory that was removed, which none comes back from.
    dead: AtomicBool,
    /// `change()` of the parent's node before the lookup that gave this answer.
    stamp: AtomicU64,
    /// Whether it was found since the superblock last looked for entries to let go.
    used: AtomicBool,
    /// How many mounts stand on it, in all namespaces together.
    mounts: AtomicU32,
    /// Its slot among the superblock's recent entries.
    pub(crate) slot: Slot,
    /// Who is to be told when nobody uses it any more, its name being gone.
    mourners: Mutex<Weak<Watches>>,
}

struct Place {
    parent: Option<Arc<VfsEntry>>,
    name: Name,
}

/// What a name was bound to.
pub(crate) enum Bound {
    /// The entry that somebody else has made of the same answer.
    Before(Arc<VfsEntry>),
    /// A new entry, and the one that it has unhashed.
    Fresh(Arc<VfsEntry>, Option<Arc<VfsEntry>>),
    /// To nothing: the directory has changed since the answer.
    Late,
}

/// A known name.
struct Child {
    name: Name,
    entry: Weak<VfsEntry>,
}

impl Child {
    fn hash(&self) -> u64 {
        hash(&self.name)
    }

    /// Whether it is that name of that entry.
    fn is(&self, name: &[u8], entry: &VfsEntry) -> bool {
        self.is_named(name) && core::ptr::eq(self.entry.as_ptr(), entry)
    }

    /// Whether that is its name. Byte by byte: names are short, and a call to compare them costs more than they do.
    fn is_named(&self, name: &[u8]) -> bool {
        self.name.len() == name.len() && self.name.iter().zip(name).all(|(mine, theirs)| mine == theirs)
    }
}

/// The hash of a name (FNV-1a): short names are the rule, and a walk computes it as it looks for the name's end.
pub(crate) fn hash(name: &[u8]) -> u64 {
    name.iter().fold(HASH_START, |hash, byte| hash_step(hash, *byte))
}

/// The hash of no bytes.
pub(crate) const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash with one more byte.
pub(crate) const fn hash_step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3)
}

impl VfsEntry {
    /// The root entry of a superblock.
    pub(crate) fn root(node: NodeRef) -> Arc<Self> {
        Arc::new(Self::new(Some(node), None, Name::new(), STALE))
    }

    /// The entry of a node whose name leads elsewhere by now, or that has none.
    pub(crate) fn unhashed(node: NodeRef, parent: Arc<Self>, name: &[u8]) -> Arc<Self> {
        let entry = Self::new(Some(node), Some(parent), Name::from_slice(name), STALE);
        entry.gone.store(true, Ordering::Release);
        Arc::new(entry)
    }

    fn new(node: Option<NodeRef>, parent: Option<Arc<Self>>, name: Name, stamp: u64) -> Self {
        Self {
            kind: node.as_ref().map(|node| node.kind()),
            node,
            place: RwLock::new(Place { parent, name }),
            children: RwLock::new(HashTable::new()),
            gone: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            stamp: AtomicU64::new(stamp),
            used: AtomicBool::new(true),
            mounts: AtomicU32::new(0),
            slot: Slot::none(),
            mourners: Mutex::new(Weak::new()),
        }
    }

    /// The node, or `None` for a name that is bound to nothing.
    pub fn node(&self) -> Option<&NodeRef> {
        self.node.as_ref()
    }

    /// The node's type, or `None` for a name that is bound to nothing.
    pub fn kind(&self) -> Option<FileType> {
        self.kind
    }

    /// Whether it is bound to a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == Some(FileType::Directory)
    }

    /// Its name in its parent; empty for a root.
    pub fn name(&self) -> Name {
        self.place.read().name.clone()
    }

    /// The directory it is in; `None` for a root.
    pub fn parent(&self) -> Option<Arc<Self>> {
        self.place.read().parent.clone()
    }

    /// Its names from the root of its file system on, each after a slash.
    pub fn path(self: &Arc<Self>) -> Vec<u8> {
        let (mut names, mut at) = (Vec::new(), self.clone());
        while let Some(parent) = at.parent() {
            names.push(at.name());
            at = parent;
        }
        if names.is_empty() {
            return b"/".to_vec();
        }
        names.iter().rev().flat_map(|name| [b"/", &name[..]].concat()).collect()
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

    /// Whether its name still leads to it (or it is a root). While it is moved it does, from one name or the other.
    pub fn is_hashed(&self) -> bool {
        !self.gone.load(Ordering::Acquire)
    }

    /// Whether it is a directory that was removed: there are no names in it, and none come.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Notes that the directory was removed.
    pub(crate) fn set_dead(&self) {
        self.dead.store(true, Ordering::Release);
    }

    /// The entry known under `name`, without asking whether its answer still holds.
    pub(crate) fn cached(&self, name: &[u8]) -> Option<Arc<Self>> {
        self.cached_by_hash(name, hash(name))
    }

    /// As [`VfsEntry::cached`], for a name whose hash is known.
    pub(crate) fn cached_by_hash(&self, name: &[u8], hash: u64) -> Option<Arc<Self>> {
        self.children.read().find(hash, |child| child.is_named(name))?.entry.upgrade()
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

    /// Lets the answer of `child`, which was right when this directory's `change()` was `change`, hold for that, if
    /// the name still leads to it.
    pub(crate) fn vouch(&self, name: &[u8], child: &Self, change: u64) {
        let children = self.children.read();
        if children.find(hash(name), |known| known.is(name, child)).is_some() {
            child.stamp(change);
        }
    }

    /// Lets its answer hold for `change` of the parent, or for nothing ([`STALE`]).
    fn stamp(&self, change: u64) {
        self.stamp.store(change, Ordering::Release);
    }

    /// Whether it was found since the last call.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// Makes the entry for an answer from when `change()` was `since`, and binds the name to it. The one bound before
    /// is unhashed, and returned if anybody still holds it.
    pub(crate) fn bind(self: &Arc<Self>, name: &[u8], node: Option<&NodeRef>, stamp: u64, since: u64) -> Bound {
        let mut children = self.children.write();
        let present = children.find(hash(name), |child| child.is_named(name)).and_then(|child| child.entry.upgrade());
        let bound = match &present {
            Some(present) if present.answers(node) => {
                present.stamp(stamp);
                Bound::Before(present.clone())
            }
            _ if self.node().is_none_or(|directory| directory.change() != since) => Bound::Late,
            _ => {
                if let Some(present) = &present {
                    present.gone.store(true, Ordering::Release);
                }
                Bound::Fresh(self.insert(&mut children, name, node.cloned(), stamp), present.clone())
            }
        };
        drop(children);
        // Let go only without the lock, which its way out takes.
        drop(present);
        bound
    }

    fn insert(
        self: &Arc<Self>,
        children: &mut HashTable<Child>,
        name: &[u8],
        node: Option<NodeRef>,
        stamp: u64,
    ) -> Arc<Self> {
        let name = Name::from_slice(name);
        let entry = Arc::new(Self::new(node, Some(self.clone()), name.clone(), stamp));
        set_child(children, name, &entry);
        entry
    }

    /// Unhashes `entry`, if the name still leads to it.
    pub(crate) fn unhash(&self, name: &[u8], entry: &Self) {
        let mut children = self.children.write();
        if take_child(&mut children, name, entry) {
            entry.gone.store(true, Ordering::Release);
        }
    }

    /// Unhashes all that is below it, and returns what of it is in use.
    pub(crate) fn forget_children(&self) -> impl Iterator<Item = Arc<Self>> {
        let children = core::mem::take(&mut *self.children.write());
        children.into_iter().filter_map(|child| child.entry.upgrade())
    }

    /// How many hold it besides the caller and the entries below it: open files, current directories, mounts, walks.
    pub(crate) fn users(self: &Arc<Self>) -> usize {
        let below = self.children.read().iter().filter(|child| child.entry.strong_count() > 0).count();
        Arc::strong_count(self).saturating_sub(1 + below)
    }

    /// Moves it to another place; whatever the new name led to is unhashed, and returned if anybody still holds it.
    /// The caller holds the superblock's rename lock.
    pub(crate) fn move_locked(self: &Arc<Self>, parent: &Arc<Self>, name: &[u8]) -> Option<Arc<Self>> {
        let (old_parent, old_name) = {
            let place = self.place.read();
            (place.parent.clone(), place.name.clone())
        };
        if let Some(old_parent) = old_parent {
            take_child(&mut old_parent.children.write(), &old_name, self);
        }
        let name = Name::from_slice(name);
        self.stamp(STALE);
        let old_place =
            core::mem::replace(&mut *self.place.write(), Place { parent: Some(parent.clone()), name: name.clone() });
        let replaced = {
            let mut children = parent.children.write();
            let replaced = set_child(&mut children, name, self).filter(|replaced| !Arc::ptr_eq(replaced, self));
            if let Some(replaced) = &replaced {
                replaced.gone.store(true, Ordering::Release);
            }
            self.gone.store(false, Ordering::Release);
            replaced
        };
        drop(old_place);
        replaced
    }

    /// Takes it off its name, to be moved in a moment: nobody finds it by name meanwhile, and yet it is not unhashed.
    /// The caller holds the superblock's rename lock.
    pub(crate) fn lift_locked(&self) {
        let place = self.place.read();
        if let Some(parent) = &place.parent {
            take_child(&mut parent.children.write(), &place.name, self);
        }
    }

    /// Lets its watchers be told when nobody uses it any more.
    pub(crate) fn set_mourners(&self, watches: &Arc<Watches>) {
        *self.mourners.lock() = Arc::downgrade(watches);
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

/// Lets a name lead to an entry; returns the one it led to before, if anybody holds that.
fn set_child(children: &mut HashTable<Child>, name: Name, entry: &Arc<VfsEntry>) -> Option<Arc<VfsEntry>> {
    let entry = Arc::downgrade(entry);
    match children.entry(hash(&name), |child| child.is_named(&name), Child::hash) {
        Bucket::Occupied(mut bucket) => core::mem::replace(&mut bucket.get_mut().entry, entry).upgrade(),
        Bucket::Vacant(bucket) => {
            bucket.insert(Child { name, entry });
            None
        }
    }
}

/// Takes the name off, if it leads to that entry; whether it did.
fn take_child(children: &mut HashTable<Child>, name: &[u8], entry: &VfsEntry) -> bool {
    match children.find_entry(hash(name), |child| child.is(name, entry)) {
        Ok(found) => {
            found.remove();
            true
        }
        Err(_) => false,
    }
}

impl Drop for VfsEntry {
    fn drop(&mut self) {
        if let (Some(node), Some(watches)) = (&self.node, self.mourners.get_mut().upgrade()) {
            watches.unused(node);
        }
        let place = self.place.get_mut();
        let name = core::mem::take(&mut place.name);
        let Some(mut parent) = place.parent.take() else { return };
        take_child(&mut parent.children.write(), &name, self);
        // The way up may hang on this entry alone: let go of it in a loop, for it may be deeper than the stack.
        while let Some(mut last) = Arc::into_inner(parent) {
            let place = last.place.get_mut();
            let name = core::mem::take(&mut place.name);
            match place.parent.take() {
                Some(next) => {
                    take_child(&mut next.children.write(), &name, &last);
                    parent = next;
                }
                None => break,
            }
        }
    }
}
