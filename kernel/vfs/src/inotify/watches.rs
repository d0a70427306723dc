//! Who watches the nodes of a superblock, and the telling.
//!
//! Nearly always nobody does, and then one load says so: that is all that an operation pays. Who is told is found with
//! the lock held, and told without it.

use super::mask::WatchMask;
use crate::entry::VfsEntry;
use crate::metadata::{FileType, NodeId};
use crate::mount::Path;
use crate::node::{NodeRef, VfsNode};
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use alloc::sync::{Arc, Weak};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

/// Whose watches these are.
pub(super) trait Watcher: Send + Sync {
    /// Takes notice of what happened; a name is that of something in the watched directory.
    fn tell(&self, watch: &Arc<Watch>, events: WatchMask, cookie: u32, name: &[u8]);

    /// Takes notice that a watch has ended; its superblock has forgotten it.
    fn end(&self, watch: &Arc<Watch>);
}

/// One watcher's interest in one node.
pub(crate) struct Watch {
    pub(super) number: i32,
    owner: Weak<dyn Watcher>,
    watches: Weak<Watches>,
    node: NodeId,
    mask: AtomicU32,
}

impl Watch {
    pub(super) fn new(
        number: i32,
        owner: Weak<dyn Watcher>,
        watches: &Arc<Watches>,
        node: &NodeRef,
        mask: WatchMask,
    ) -> Arc<Self> {
        let watches = Arc::downgrade(watches);
        Arc::new(Self { number, owner, watches, node: node.id(), mask: AtomicU32::new(mask.bits()) })
    }

    pub(super) fn mask(&self) -> WatchMask {
        WatchMask::from_bits_retain(self.mask.load(Ordering::Relaxed))
    }

    /// What is watched.
    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    pub(super) fn set_mask(&self, mask: WatchMask) {
        self.mask.store(mask.bits(), Ordering::Relaxed);
    }

    /// Takes it off its node.
    pub(super) fn detach(&self) {
        if let Some(watches) = self.watches.upgrade() {
            watches.remove(self);
        }
    }

    /// Tells its owner; a name is that of something in the watched directory.
    fn tell(self: &Arc<Self>, events: WatchMask, cookie: u32, name: &[u8]) {
        if let Some(owner) = self.owner.upgrade() {
            owner.tell(self, events, cookie, name);
        }
    }

    /// Ends it, the superblock having forgotten it.
    fn end(self: &Arc<Self>) {
        if let Some(owner) = self.owner.upgrade() {
            owner.end(self);
        }
    }
}

/// Those who are told of one event.
type Told = SmallVec<[Arc<Watch>; 2]>;

/// A watched node.
struct Watched {
    /// Held, so that it stays the same as long as it is watched.
    node: NodeRef,
    by: Told,
}

/// The watches on nodes of a superblock.
#[derive(Default)]
pub(crate) struct Watches {
    /// How many nodes are watched.
    count: AtomicUsize,
    nodes: RwLock<HashMap<u64, Watched, FxBuildHasher>>,
}

impl Watches {
    /// Whether anybody watches anything.
    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// The watch that somebody has on a node.
    pub(super) fn of_node<W: Watcher>(&self, node: &NodeRef, owner: &Arc<W>) -> Option<Arc<Watch>> {
        let nodes = self.nodes.read();
        let mut by = nodes.get(&node.id().inode)?.by.iter();
        by.find(|watch| core::ptr::addr_eq(watch.owner.as_ptr(), &raw const **owner)).cloned()
    }

    pub(super) fn add(&self, node: &NodeRef, watch: Arc<Watch>) {
        let mut nodes = self.nodes.write();
        let fresh = || Watched { node: node.clone(), by: Told::new() };
        nodes.entry(watch.node.inode).or_insert_with(fresh).by.push(watch);
        self.count.store(nodes.len(), Ordering::Relaxed);
    }

    fn remove(&self, watch: &Watch) {
        let mut nodes = self.nodes.write();
        let Some(watched) = nodes.get_mut(&watch.node.inode) else { return };
        let index = watched.by.iter().position(|known| core::ptr::eq(&**known, watch));
        let gone = index.map(|index| watched.by.swap_remove(index));
        let unwatched = if watched.by.is_empty() { nodes.remove(&watch.node.inode) } else { None };
        self.count.store(nodes.len(), Ordering::Relaxed);
        drop(nodes);
        drop((gone, unwatched));
    }

    /// Takes all watches off a node.
    fn take(&self, node: &NodeRef) -> Option<Watched> {
        let mut nodes = self.nodes.write();
        let watched = nodes.remove(&node.id().inode);
        self.count.store(nodes.len(), Ordering::Relaxed);
        watched
    }

    /// Those who want to be told of `events` on a node, without those who are spared.
    fn wanting(&self, node: &NodeRef, events: WatchMask, spared: WatchMask) -> Told {
        let nodes = self.nodes.read();
        let by = nodes.get(&node.id().inode).map(|watched| watched.by.iter());
        let wants = |watch: &&Arc<Watch>| watch.mask().wants(events) && !watch.mask().intersects(spared);
        by.into_iter().flatten().filter(wants).cloned().collect()
    }

    /// Tells of something that concerns the node alone.
    #[cold]
    pub fn tell_of_node(&self, node: &NodeRef, events: WatchMask) {
        self.tell_of_self(node, of_kind(events, node.kind()));
    }

    /// Tells of a change of a name in a directory: what it is bound to, or was, is of that kind.
    #[cold]
    pub fn tell_of_name(&self, directory: &NodeRef, name: &[u8], kind: FileType, events: WatchMask, cookie: u32) {
        let events = of_kind(events, kind);
        self.wanting(directory, events, WatchMask::empty()).iter().for_each(|watch| watch.tell(events, cookie, name));
    }

    /// Tells of what was done through an open file.
    #[cold]
    fn tell_of_use(&self, entry: &VfsEntry, events: WatchMask) {
        let spared = if entry.is_hashed() { WatchMask::empty() } else { WatchMask::EXCLUDE_UNLINKED };
        // Who reads and writes a device or a FIFO is not for all to know who may list its directory.
        let private = (WatchMask::ACCESS | WatchMask::MODIFY).contains(events);
        if !private || matches!(entry.kind(), Some(FileType::Regular | FileType::Directory | FileType::Symlink)) {
            self.tell_directory(entry, events, spared);
        }
        self.tell_file(entry, events, spared);
    }

    /// Tells of a change of metadata.
    #[cold]
    fn tell_of_change(&self, entry: &VfsEntry, events: WatchMask) {
        self.tell_directory(entry, events, WatchMask::empty());
        self.tell_file(entry, events, WatchMask::empty());
    }

    /// Tells those who watch the directory of a file what was done to it, under the name it was reached by.
    fn tell_directory(&self, entry: &VfsEntry, events: WatchMask, spared: WatchMask) {
        if let (Some(node), Some(parent)) = (entry.node(), entry.parent())
            && let Some(directory) = parent.node()
        {
            let events = of_kind(events, node.kind());
            let told = self.wanting(directory, events, spared);
            if !told.is_empty() {
                let name = entry.name();
                told.iter().for_each(|watch| watch.tell(events, 0, &name));
            }
        }
    }

    /// Tells those who watch the file itself.
    fn tell_file(&self, entry: &VfsEntry, events: WatchMask, spared: WatchMask) {
        if let Some(node) = entry.node() {
            let events = of_kind(events, node.kind());
            self.wanting(node, events, spared).iter().for_each(|watch| watch.tell(events, 0, b""));
        }
    }

    /// An entry that had lost its name is used by nobody any more: if it was the last name of the node, all watches on
    /// that end.
    #[cold]
    pub fn unused(&self, node: &NodeRef) {
        if !self.any() || has_name(&**node) {
            return;
        }
        self.tell_self_deleted(node);
    }

    /// Tells of what became of the node itself, which is not said to be a directory then.
    pub fn tell_of_self(&self, node: &NodeRef, events: WatchMask) {
        self.wanting(node, events, WatchMask::empty()).iter().for_each(|watch| watch.tell(events, 0, b""));
    }

    fn tell_self_deleted(&self, node: &NodeRef) {
        self.tell_of_self(node, WatchMask::DELETE_SELF);
        if let Some(watched) = self.take(node) {
            watched.by.iter().for_each(Watch::end);
        }
    }

    /// The file system goes, and all watches with it.
    pub fn unmounted(&self) {
        if !self.any() {
            return;
        }
        let nodes = core::mem::take(&mut *self.nodes.write());
        self.count.store(0, Ordering::Relaxed);
        for Watched { node, by } in nodes.into_values() {
            let events = of_kind(WatchMask::UNMOUNT, node.kind());
            for watch in &by {
                watch.tell(events, 0, b"");
                watch.end();
            }
        }
    }
}

/// What number the two events of the next move have in common.
pub(crate) fn next_cookie() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
}

fn of_kind(events: WatchMask, kind: FileType) -> WatchMask {
    if kind == FileType::Directory { events | WatchMask::DIRECTORY } else { events }
}

/// Whether some name leads to a node. (An overlay's file that is only in a lower layer shows the layer's count.)
fn has_name(node: &dyn VfsNode) -> bool {
    node.may_be_named() && node.metadata().is_ok_and(|metadata| metadata.links > 0)
}

impl Path {
    /// The watches on its file system, if there are any.
    #[inline]
    fn watches(&self) -> Option<&Watches> {
        let watches = self.mount.watches();
        watches.any().then_some(watches)
    }

    /// Tells those who watch what is here, or its directory, what was done with it through an open file.
    #[inline]
    pub(crate) fn tell_of_use(&self, events: WatchMask) {
        if let Some(watches) = self.watches() {
            watches.tell_of_use(&self.entry, events);
        }
    }

    /// Tells them of a change of metadata, or of size.
    #[inline]
    pub(crate) fn tell_of_change(&self, events: WatchMask) {
        if let Some(watches) = self.watches()
            && !events.is_empty()
        {
            watches.tell_of_change(&self.entry, events);
        }
    }

    /// Tells those who watch the directory here of a change of a name in it.
    #[inline]
    pub(crate) fn tell_of_name(&self, name: &[u8], kind: FileType, events: WatchMask) {
        if let Some(watches) = self.watches()
            && let Some(directory) = self.entry.node()
        {
            watches.tell_of_name(directory, name, kind, events, 0);
        }
    }

    /// Tells those who watch `node`, on the same file system, how the number of its names has changed.
    #[inline]
    pub(crate) fn tell_of_links(&self, node: &NodeRef) {
        if let Some(watches) = self.watches() {
            watches.tell_of_node(node, WatchMask::ATTRIB);
        }
    }
}
