//! Nodes by handles instead of names (`name_to_handle_at(2)`).
//!
//! A handle is an inode number with the file system's [generation]. What it is opened to is the entry that it was asked
//! for, while somebody uses that and its name holds. Otherwise a name, which may be another by now, is searched for in
//! the whole tree: few programs open by handle, and an index of all nodes would be at the cost of all. A node that has no
//! name any more is found while the entry is used that its handle was asked for.
//!
//! [generation]: crate::file_system::FileSystemOperations::generation

use crate::entry::VfsEntry;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::FileType;
use crate::name::Name;
use crate::node::FIRST_CURSOR;
use crate::superblock::{DEFAULT_CACHE_BOUND, SuperBlock};
use crate::sync::Mutex;
use alloc::sync::{Arc, Weak};
use alloc::vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A node, whatever its names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle {
    /// Its inode number.
    pub inode: u64,
    /// The generation of its file system.
    pub generation: u32,
}

/// The entries that handles were asked for, by inode number.
#[derive(Default)]
pub(crate) struct Handles(Mutex<HashMap<u64, Weak<VfsEntry>, FxBuildHasher>>);

impl Handles {
    fn note(&self, inode: u64, entry: &Arc<VfsEntry>) -> Result<()> {
        let mut entries = self.0.lock();
        if entries.len() == entries.capacity() {
            page::admit(2 * entries.allocation_size() + size_of::<(u64, Weak<VfsEntry>)>())?;
            entries.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        }
        entries.insert(inode, Arc::downgrade(entry));
        if entries.len() > 2 * DEFAULT_CACHE_BOUND {
            entries.retain(|_, entry| entry.strong_count() > 0);
        }
        Ok(())
    }

    fn get(&self, inode: u64) -> Option<Arc<VfsEntry>> {
        self.0.lock().get(&inode)?.upgrade()
    }
}

impl SuperBlock {
    /// The handle of an entry's node.
    ///
    /// # Errors
    /// `EOPNOTSUPP` where there are none, `ENOENT` for a name that is bound to nothing, `ENOMEM`.
    pub(crate) fn handle_of(&self, entry: &Arc<VfsEntry>) -> Result<Handle> {
        let generation = self.operations().generation().ok_or(FileSystemErrorKind::NotSupported)?;
        let inode = entry.node().ok_or(FileSystemErrorKind::NotFound)?.id().inode;
        self.handles.note(inode, entry)?;
        Ok(Handle { inode, generation })
    }

    /// An entry of the node with that handle.
    ///
    /// # Errors
    /// `ESTALE` for a node that is gone or never was, `ENOMEM`.
    pub(crate) fn by_handle(&self, handle: Handle) -> Result<Arc<VfsEntry>> {
        if self.operations().generation() != Some(handle.generation) {
            return fail(FileSystemErrorKind::Stale);
        }
        let noted = self.handles.get(handle.inode);
        match noted {
            Some(entry) if self.is_named(&entry) => Ok(entry),
            noted => Ok(self.search(handle.inode)?.or(noted).ok_or(FileSystemErrorKind::Stale)?),
        }
    }

    /// Whether the name of an entry leads to it.
    fn is_named(&self, entry: &Arc<VfsEntry>) -> bool {
        entry.is_hashed()
            && entry
                .parent()
                .is_none_or(|parent| self.child(&parent, &entry.name()).is_ok_and(|found| Arc::ptr_eq(&found, entry)))
    }

    /// The entry of the first name found of the node with that number. Depth first, so that only the entries of one way
    /// down are held at a time.
    fn search(&self, inode: u64) -> Result<Option<Arc<VfsEntry>>> {
        let root = self.root();
        if root.node().is_some_and(|node| node.id().inode == inode) {
            return Ok(Some(root.clone()));
        }
        let mut way = vec![(root.clone(), FIRST_CURSOR)];
        while let Some((entry, cursor)) = way.last_mut() {
            let mut next = None;
            let listed = entry.node().map(|directory| {
                directory.list(*cursor, &mut |item| {
                    if next.is_some() {
                        return false;
                    }
                    if item.inode == inode || item.kind == FileType::Directory {
                        next = Some((Name::from_slice(item.name), item.next));
                    }
                    true
                })
            });
            match listed {
                // A directory that was removed meanwhile.
                Some(Err(error)) if error.kind() != FileSystemErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let Some((name, after)) = next else {
                way.pop();
                continue;
            };
            *cursor = after;
            let child = self.child(entry, &name)?;
            if child.node().is_some_and(|node| node.id().inode == inode) {
                return Ok(Some(child));
            }
            // The name may have come to lead elsewhere meanwhile.
            if child.is_directory() {
                page::admit(size_of::<VfsEntry>())?;
                way.push((child, FIRST_CURSOR));
            }
        }
        Ok(None)
    }
}
