//! A mounted file system with its dentry cache, shared by all mounts of it in all namespaces.
//!
//! The cache is never stale by construction: every answer carries the `change()` of its directory from before the
//! lookup, and is looked up again when that has moved on, whoever changed the directory and by whichever way. It is
//! bounded: [`Recent`](crate::recent) holds what nobody uses, for a while. A name that goes lets go of its node at once.
//!
//! Locks: `rename` is outermost (it orders all moves within the file system), then entries' own locks; those of
//! `recent`, `directories` and `handles` are leaves.

use crate::by_number::ByNumber;
use crate::entry::{Bound, STALE, VfsEntry};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::inotify::Watches;
use crate::metadata::FileType;
use crate::mount::MountFlags;
use crate::node::NodeRef;
use crate::recent::Recent;
use crate::sync::{Mutex, MutexGuard};
use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

/// How many entries a superblock's cache keeps unless told otherwise.
pub const DEFAULT_CACHE_BOUND: usize = 16_384;

/// A file system and its dentry cache.
pub struct SuperBlock {
    operations: Arc<dyn FileSystemOperations>,
    root: Arc<VfsEntry>,
    /// What keeps unused entries alive.
    recent: Recent,
    /// The one entry of each directory in use, by inode number: a directory found under a new name (moved by another
    /// way than this cache) brings its entry, and all that hangs on it, along.
    directories: ByNumber<VfsEntry>,
    rename: Mutex<()>,
    /// The entries that handles were asked for.
    pub(crate) handles: ByNumber<VfsEntry>,
    watches: Arc<Watches>,
    /// [`MountFlags::OF_FILE_SYSTEM`].
    flags: AtomicU32,
    /// Files open for writing through any mount: while there are any it cannot become read-only.
    writers: AtomicU32,
}

/// What the file system says that a name is bound to, and the directory's `change()` from before.
fn ask(directory: &NodeRef, name: &[u8]) -> Result<(u64, Option<NodeRef>)> {
    let change = directory.change();
    match directory.lookup(name) {
        Ok(node) => Ok((change, Some(node))),
        Err(error) if error.kind() == FileSystemErrorKind::NotFound => Ok((change, None)),
        Err(error) => Err(error),
    }
}

/// Shows that the caller holds a superblock's rename lock.
pub(crate) struct RenameLock<'a>(#[expect(dead_code, reason = "held, not read")] MutexGuard<'a, ()>);

impl SuperBlock {
    /// The superblock of a file system that is to be mounted.
    pub fn new(operations: Arc<dyn FileSystemOperations>) -> Arc<Self> {
        let root = VfsEntry::root(operations.root());
        Arc::new(Self {
            operations,
            root,
            recent: Recent::new(DEFAULT_CACHE_BOUND),
            directories: ByNumber::default(),
            rename: Mutex::new(()),
            handles: ByNumber::default(),
            watches: Arc::default(),
            flags: AtomicU32::new(0),
            writers: AtomicU32::new(0),
        })
    }

    /// Its properties, in all its mounts.
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_truncate(self.flags.load(Ordering::Acquire))
    }

    /// Changes them, to those of `flags` that a file system has.
    ///
    /// # Errors
    /// `EBUSY` when it is to become read-only and a file is open for writing.
    pub(crate) fn set_flags(&self, flags: MountFlags) -> Result<()> {
        let flags = flags & MountFlags::OF_FILE_SYSTEM;
        let previous = MountFlags::from_bits_truncate(self.flags.swap(flags.bits(), Ordering::AcqRel));
        let comes = (flags - previous).contains(MountFlags::READ_ONLY);
        if comes && self.writers.load(Ordering::Acquire) != 0 {
            self.flags.store(previous.bits(), Ordering::Release);
            return fail(FileSystemErrorKind::Busy);
        }
        Ok(())
    }

    /// Whether nothing can be changed on it, now or ever.
    pub fn is_read_only(&self) -> bool {
        self.flags().contains(MountFlags::READ_ONLY) || self.operations.read_only()
    }

    pub(crate) fn add_writer(&self) {
        self.writers.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn remove_writer(&self) {
        self.writers.fetch_sub(1, Ordering::AcqRel);
    }

    /// As [`SuperBlock::new`], with those of `flags` that a file system has.
    ///
    /// # Errors
    /// None that is to be expected: nobody writes to it yet.
    pub(crate) fn with_flags(operations: Arc<dyn FileSystemOperations>, flags: MountFlags) -> Result<Arc<Self>> {
        let superblock = Self::new(operations);
        superblock.set_flags(flags)?;
        Ok(superblock)
    }

    /// The file system.
    pub fn operations(&self) -> &Arc<dyn FileSystemOperations> {
        &self.operations
    }

    /// The root's entry.
    pub fn root(&self) -> &Arc<VfsEntry> {
        &self.root
    }

    /// Who watches its nodes.
    #[inline]
    pub(crate) fn watches(&self) -> &Arc<Watches> {
        &self.watches
    }

    /// How many entries the cache holds now.
    pub fn cached_entries(&self) -> usize {
        self.recent.len()
    }

    /// Bounds the cache to so many entries, at once.
    pub fn set_cache_bound(&self, bound: usize) {
        self.recent.set_bound(bound);
    }

    /// Forgets what is only remembered: entries that nobody uses.
    pub(crate) fn forget_unused(&self) {
        self.recent.clear();
    }

    /// How many use the entry of a directory, entries below it apart; `None` when it has no entry.
    pub(crate) fn users_of_directory(&self, node: &NodeRef) -> Option<usize> {
        self.known_directory(node).map(|entry| entry.users())
    }

    /// The entry of `name` in the directory `parent`, from the cache or by lookup; negative if there is no such name.
    ///
    /// # Errors
    /// `ENOTDIR` when `parent` is no directory, `ENOENT` when it is negative, and what the file system's lookup
    /// answers other than `ENOENT`.
    pub(crate) fn child(&self, parent: &Arc<VfsEntry>, name: &[u8]) -> Result<Arc<VfsEntry>> {
        let Some(directory) = parent.node() else { return fail(FileSystemErrorKind::NotFound) };
        match parent.cached(name) {
            Some(entry) if entry.holds_for(directory.change()) => Ok(entry),
            cached => self.look_up(parent, directory, name, cached),
        }
    }

    /// Asks the file system, and keeps the answer. Asks again only when somebody else got a change through meanwhile.
    #[cold]
    fn look_up(
        &self,
        parent: &Arc<VfsEntry>,
        directory: &NodeRef,
        name: &[u8],
        cached: Option<Arc<VfsEntry>>,
    ) -> Result<Arc<VfsEntry>> {
        loop {
            let (change, found) = ask(directory, name)?;
            if let Some(entry) = &cached
                && entry.answers(found.as_ref())
            {
                parent.vouch(name, entry, change);
                return Ok(entry.clone());
            }
            let kept = if found.as_ref().is_some_and(|node| node.kind() == FileType::Directory) {
                self.look_up_directory(parent, directory, name)?
            } else {
                self.keep(parent, name, found.as_ref(), change, change)
            };
            if let Some(entry) = kept {
                return Ok(entry);
            }
        }
    }

    /// Finds the one entry of a directory, or makes it. Two would be two ways up from one place, and whether a move
    /// leads below itself could be told wrongly: so no move comes between the answer and the entry.
    fn look_up_directory(
        &self,
        parent: &Arc<VfsEntry>,
        directory: &NodeRef,
        name: &[u8],
    ) -> Result<Option<Arc<VfsEntry>>> {
        let _rename = self.rename.lock();
        let (change, found) = ask(directory, name)?;
        if let Some(node) = &found
            && let Some(entry) = self.known_directory(node)
            // A directory moved below itself cannot be; should a file system say so, the old entry stays where it is.
            && !entry.is_above(parent)
        {
            if let Some(replaced) = entry.move_locked(parent, name) {
                self.recent.remove(&replaced);
            }
            parent.vouch(name, &entry, change);
            return Ok(Some(entry));
        }
        let Some(node) = found else { return Ok(self.keep(parent, name, None, change, change)) };
        if node.kind() != FileType::Directory {
            return Ok(self.keep(parent, name, Some(&node), change, change));
        }
        // Whoever notes a directory holds the rename lock: the room that there is now is there still.
        self.directories.make_room()?;
        let kept = self.keep(parent, name, Some(&node), change, change);
        kept.as_ref().map_or(Ok(()), |entry| self.directories.note(node.id().inode, entry))?;
        Ok(kept)
    }

    /// Binds a name to what a create made, which is no directory; `before` is the directory's `change()` before it.
    /// The answer is good for the caller; the next walk checks it.
    pub(crate) fn created(&self, parent: &Arc<VfsEntry>, name: &[u8], node: NodeRef, before: u64) -> Arc<VfsEntry> {
        let mut since = before.wrapping_add(1);
        loop {
            if let Some(entry) = self.keep(parent, name, Some(&node), STALE, since) {
                return entry;
            }
            match parent.node().map(|directory| ask(directory, name)) {
                Some(Ok((change, Some(found)))) if Arc::ptr_eq(&found, &node) => since = change,
                _ => return VfsEntry::unhashed(node, parent.clone(), name),
            }
        }
    }

    /// The entry of a node that was made in a directory without a name (`O_TMPFILE`). Nobody finds it by walking; who
    /// watches the directory sees it by its number.
    pub(crate) fn unnamed(directory: &Arc<VfsEntry>, node: NodeRef) -> Arc<VfsEntry> {
        let name = format!("#{}", node.id().inode);
        VfsEntry::unhashed(node, directory.clone(), name.as_bytes())
    }

    /// Binds a name to the answer from when the directory's `change()` was `since`, and keeps the entry for a while;
    /// `None` when the directory has changed since.
    fn keep(
        &self,
        parent: &Arc<VfsEntry>,
        name: &[u8],
        node: Option<&NodeRef>,
        stamp: u64,
        since: u64,
    ) -> Option<Arc<VfsEntry>> {
        let (entry, replaced) = match parent.bind(name, node, stamp, since) {
            Bound::Late => return None,
            Bound::Before(entry) => return Some(entry),
            Bound::Fresh(entry, replaced) => (entry, replaced),
        };
        if let Some(replaced) = replaced {
            self.recent.remove(&replaced);
        }
        self.recent.add(&entry);
        // Who removes or moves a name lets go of its entry, but not of one that comes only after; and who removes a
        // directory, of what is known in it by then.
        if parent.is_dead() || parent.node().is_none_or(|directory| directory.change() != since) {
            self.recent.remove(&entry);
        }
        Some(entry)
    }

    /// The entry in use of that directory, wherever it was last seen.
    fn known_directory(&self, node: &NodeRef) -> Option<Arc<VfsEntry>> {
        if node.kind() != FileType::Directory {
            return None;
        }
        let entry = self.directories.get(node.id().inode)?;
        entry.answers(Some(node)).then_some(entry)
    }

    /// Unhashes the entry of a name that was removed.
    pub(crate) fn removed(&self, parent: &Arc<VfsEntry>, name: &[u8], entry: &Arc<VfsEntry>) {
        parent.unhash(name, entry);
        self.let_go(entry);
    }

    /// Keeps an entry whose name was removed no longer, nor what is known below it: only missing names, as it was
    /// empty. The last user of the node then frees it, and not the cache some time later.
    fn let_go(&self, entry: &VfsEntry) {
        // Whether or not it is watched: whoever holds it may yet do that.
        entry.set_mourners(&self.watches);
        self.recent.remove(entry);
        if entry.is_directory() {
            entry.set_dead();
            entry.forget_children().for_each(|child| self.recent.remove(&child));
        }
    }

    /// Does something while each lock that two directories share is held.
    #[cfg(test)]
    pub(crate) fn while_locked<T>(&self, action: impl FnOnce() -> T) -> T {
        let _rename = self.rename.lock();
        self.directories.while_locked(|| self.recent.while_locked(action))
    }

    /// Takes the lock that orders all moves.
    pub(crate) fn lock_rename(&self) -> RenameLock<'_> {
        RenameLock(self.rename.lock())
    }

    /// Moves an entry after its file system has moved the name, over whatever was there.
    pub(crate) fn moved(&self, _held: &RenameLock<'_>, entry: &Arc<VfsEntry>, parent: &Arc<VfsEntry>, name: &[u8]) {
        if let Some(replaced) = entry.move_locked(parent, name) {
            self.let_go(&replaced);
        }
    }

    /// Lets two entries change places after their file system has exchanged the names.
    pub(crate) fn exchanged(&self, _held: &RenameLock<'_>, one: &Arc<VfsEntry>, other: &Arc<VfsEntry>) {
        let (place, other_place) = ((one.parent(), one.name()), (other.parent(), other.name()));
        if let ((Some(parent), name), (Some(other_parent), other_name)) = (place, other_place) {
            other.lift_locked();
            for (entry, parent, name) in [(one, other_parent, other_name), (other, parent, name)] {
                if let Some(replaced) = entry.move_locked(&parent, &name) {
                    self.recent.remove(&replaced);
                }
            }
        }
    }
}

impl Drop for SuperBlock {
    fn drop(&mut self) {
        self.watches.unmounted();
    }
}
