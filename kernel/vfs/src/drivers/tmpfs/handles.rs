//! Nodes by their handles.
//!
//! A node knows one name of its own: the last that it was given, by its directory and the name's cookie there, which
//! no change of other names touches. So one whose handle was asked for is found by way of the directories above it,
//! whatever was moved since. A file that has lost that name, but not others, is looked for by a search.

use super::Shared;
use super::node::TmpfsNode;
use crate::error::Result;
use crate::handles::{Handle, Located, Way};
use crate::name::Name;
use crate::node::{NodeRef, VfsNode};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use alloc::sync::{Arc, Weak};

/// Where a node is.
#[derive(Default)]
pub(super) struct Whereabouts {
    /// The directory that it got its last name in, and the cookie of that. Changed with the directory locked; a leaf.
    name: Mutex<(Weak<TmpfsNode>, u64)>,
    /// Whether its handle was asked for.
    has_handle: AtomicBool,
}

impl Whereabouts {
    /// Notes the name that the node gets.
    pub fn set(&self, directory: &Weak<TmpfsNode>, cookie: u64) {
        let before = core::mem::replace(&mut *self.name.lock(), (directory.clone(), cookie));
        drop(before);
    }
}

impl TmpfsNode {
    /// Its handle, by which it is found from now on.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn handle(&self) -> Result<Handle> {
        let id = self.id();
        if !self.whereabouts.has_handle.load(Ordering::Acquire) {
            self.shared.with_handles.note(id.inode, &self.shared_self()?)?;
            self.whereabouts.has_handle.store(true, Ordering::Release);
        }
        Ok(id)
    }

    /// Lets its handle lead nowhere.
    pub(super) fn forget_handle(&self) {
        if self.whereabouts.has_handle.load(Ordering::Acquire) {
            self.shared.with_handles.forget(self.id().inode);
        }
    }

    /// The directory that it is in, and under which name, if it still has the one it got last.
    fn place(&self) -> Option<(Arc<Self>, Name)> {
        let (directory, cookie) = self.whereabouts.name.lock().clone();
        let directory = directory.upgrade()?;
        let name = {
            let names = directory.directory().ok()?.read();
            let (name, node) = names.at(cookie)?;
            core::ptr::eq(&**node, self).then(|| name.clone())?
        };
        Some((directory, name))
    }
}

impl Shared {
    /// [`FileSystemOperations::locate`](crate::file_system::FileSystemOperations::locate).
    pub(super) fn locate(&self, handle: Handle, from: &NodeRef) -> Result<Option<Located>> {
        let node = if handle.file_system == self.id { self.with_handles.get(handle.inode) } else { None };
        let Some(node) = node else { return Ok(None) };
        let way = match node.names.load(Ordering::Acquire) {
            0 => Way::None,
            _ => Way::up_from(node.clone(), |node| node.id() == from.id(), |node| node.place())?,
        };
        Ok(Some(Located { inode: handle.inode, way, node: Some(node) }))
    }
}
