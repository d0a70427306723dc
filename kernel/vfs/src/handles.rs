//! Nodes by handles instead of names (`name_to_handle_at(2)`).
//!
//! A handle is an identity that a node keeps whatever its names, told by its file system
//! ([`FileSystemOperations::handle_of`]). What it is opened to is the entry that it was asked for, while somebody uses
//! that and its name holds. Else the file system says along which names the node may be found
//! ([`FileSystemOperations::locate`]); only where it cannot, or the names lead elsewhere by now, is the whole tree
//! searched: few programs open by handle, and an index of all nodes would be at the cost of all. So whatever has a name
//! is found by one, and its entry hangs where it ought to. A node that has no name any more is found while it is used: by
//! the entry that its handle was asked for, or if that is gone and it is no directory, by one without a name.
//!
//! [`FileSystemOperations::handle_of`]: crate::file_system::FileSystemOperations::handle_of
//! [`FileSystemOperations::locate`]: crate::file_system::FileSystemOperations::locate

use crate::entry::VfsEntry;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::{FileType, NodeId};
use crate::name::Name;
use crate::node::{FIRST_CURSOR, NodeRef};
use crate::superblock::SuperBlock;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// A node, whatever its names. Its number need not be the one that the node shows.
pub type Handle = NodeId;

/// What a handle is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To open its node.
    Open,
    /// To tell its node from others (`AT_HANDLE_FID`).
    Compare,
}

/// Where a node is.
pub struct Located {
    /// The inode number that it shows.
    pub inode: u64,
    /// How it is found.
    pub way: Way,
    /// The node, where somebody uses it.
    pub node: Option<NodeRef>,
}

/// How a node is found.
#[derive(Debug)]
pub enum Way {
    /// Not at all: it has no name.
    None,
    /// Along these names, unless it has just moved: whoever goes there looks.
    Along(Vec<Name>),
    /// By a search.
    Unknown,
}

impl Way {
    /// The way down to `node`, by the steps up from it: `up` tells the directory that something is in, and under which
    /// name. [`Way::Unknown`] where that ends before a node that `is_start`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn up_from<T>(node: T, is_start: impl Fn(&T) -> bool, up: impl Fn(&T) -> Option<(T, Name)>) -> Result<Self> {
        let (mut names, mut at) = (Vec::new(), node);
        while !is_start(&at) {
            let Some((above, name)) = up(&at) else { return Ok(Self::Unknown) };
            page::admit(2 * size_of::<Name>() + name.len())?;
            names.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
            names.push(name);
            at = above;
        }
        names.reverse();
        Ok(Self::Along(names))
    }
}

impl SuperBlock {
    /// The handle of an entry's node.
    ///
    /// # Errors
    /// `EOPNOTSUPP` where there are none for that purpose, `ENOENT` for a name that is bound to nothing, `ENOMEM`.
    pub(crate) fn handle_of(&self, entry: &Arc<VfsEntry>, purpose: Purpose) -> Result<Handle> {
        let opens = self.operations().opens_handles();
        if purpose == Purpose::Open && !opens {
            return fail(FileSystemErrorKind::NotSupported);
        }
        let node = entry.node().ok_or(FileSystemErrorKind::NotFound)?;
        let handle = self.operations().handle_of(node)?;
        if opens {
            self.handles.note(node.id().inode, entry)?;
        }
        Ok(handle)
    }

    /// An entry of the node with that handle.
    ///
    /// # Errors
    /// `ESTALE` for a node that is gone or never was, and where nothing is opened by a handle; `ENOMEM`.
    pub(crate) fn by_handle(&self, handle: Handle) -> Result<Arc<VfsEntry>> {
        let operations = self.operations();
        if !operations.opens_handles() {
            return fail(FileSystemErrorKind::Stale);
        }
        let mut tried = None;
        loop {
            let Some(Located { inode, way, node }) = operations.locate(handle, &operations.root())? else {
                return fail(FileSystemErrorKind::Stale);
            };
            let noted = self.handles.get(inode);
            if let Some(entry) = &noted
                && self.is_named(entry)
            {
                return Ok(entry.clone());
            }
            let found = match way {
                Way::None => None,
                Way::Along(names) if tried.as_ref() != Some(&names) => {
                    if let Some(found) = self.go_along(&names, inode)? {
                        return Ok(found);
                    }
                    // It may have moved since it was located.
                    tried = Some(names);
                    continue;
                }
                Way::Along(_) | Way::Unknown => self.search(inode)?,
            };
            let unnamed = || {
                let node = node.filter(|node| node.kind() != FileType::Directory)?;
                Some(Self::unnamed(self.root(), node))
            };
            return Ok(found.or(noted).or_else(unnamed).ok_or(FileSystemErrorKind::Stale)?);
        }
    }

    /// Whether the name of an entry leads to it.
    fn is_named(&self, entry: &Arc<VfsEntry>) -> bool {
        entry.is_hashed()
            && entry
                .parent()
                .is_none_or(|parent| self.child(&parent, &entry.name()).is_ok_and(|found| Arc::ptr_eq(&found, entry)))
    }

    /// The entry that these names lead to from the root, if it is that of the node with that number.
    fn go_along(&self, names: &[Name], inode: u64) -> Result<Option<Arc<VfsEntry>>> {
        let mut at = self.root().clone();
        for name in names {
            if !at.is_directory() {
                return Ok(None);
            }
            at = self.child(&at, name)?;
        }
        Ok(is_numbered(&at, inode).then_some(at))
    }

    /// The entry of the first name found of the node with that number. Depth first, so that only the entries of one way
    /// down are held at a time.
    fn search(&self, inode: u64) -> Result<Option<Arc<VfsEntry>>> {
        let root = self.root();
        if is_numbered(root, inode) {
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
            if is_numbered(&child, inode) {
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

fn is_numbered(entry: &VfsEntry, inode: u64) -> bool {
    entry.node().is_some_and(|node| node.id().inode == inode)
}
