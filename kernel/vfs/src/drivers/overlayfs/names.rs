//! Changing names: create, link, unlink, rmdir. Moving them is in [`super::rename`].
//!
//! Each operation has one shape: lock the names of the directory, search the name, decide, build what is new unseen,
//! and publish everything (entry, whiteout, opaque mark) in one commit of the upper file system. Nothing is removed
//! before what replaces it is complete; a failure leaves the merged view as it was.

use super::OverlayFS;
use super::inode::{LockedNames, OverlayNode};
use super::layer::{Changes, LayerNode};
use super::marks::Becomes;
use super::scope::Scope;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::DirectoryTimes;
use crate::metadata::{DeviceNumber, FileType};
use crate::node::{NewKind, NewNode, NodeRef, VfsNode};
use alloc::sync::Arc;

impl OverlayNode {
    /// [`VfsNode::create`].
    pub(super) fn create_name(&self, name: &[u8], new: &NewNode<'_>) -> Result<NodeRef> {
        let overlay = self.overlay()?;
        overlay.check_new_name(name)?;
        check_new_node(new)?;
        let directory = self.shared()?;
        self.publish_name(&overlay, &directory, name, |upper, hidden| {
            let staged = upper.node().create_unnamed(new)?;
            if hidden && new.kind.file_type() == FileType::Directory {
                overlay.marks().make_opaque_unseen(&staged)?;
            }
            let staged = upper.sibling(staged);
            Ok((staged.clone(), overlay.node_of_new(staged, Some((&directory, name)))?))
        })
        .map(|node| node as NodeRef)
    }

    /// [`VfsNode::create_unnamed`].
    pub(super) fn create_without_name(&self, new: &NewNode<'_>) -> Result<NodeRef> {
        let overlay = self.overlay()?;
        overlay.check_writable()?;
        check_new_node(new)?;
        self.directory()?;
        let upper = self.copy_up()?;
        let _names = self.lock_names()?;
        upper.check_writable()?;
        let staged = upper.node().create_unnamed(new)?;
        Ok(overlay.node_of_new(upper.sibling(staged), None)?)
    }

    /// [`VfsNode::link`].
    pub(super) fn link_name(&self, name: &[u8], node: &NodeRef) -> Result<()> {
        let overlay = self.overlay()?;
        overlay.check_new_name(name)?;
        let node = Self::of(node).ok_or(FileSystemErrorKind::CrossDevice)?;
        let directory = self.shared()?;
        let shared = node.shared()?;
        self.copy_up()?;
        let target = node.copy_up()?;
        self.publish_name(&overlay, &directory, name, |upper, _| {
            if !target.same_mount(upper) {
                return fail(FileSystemErrorKind::CrossDevice);
            }
            Ok((target.clone(), shared.clone()))
        })?;
        node.add_place(&directory, name);
        Ok(())
    }

    /// Binds a free name to what `make` gives: it is told the upper's directory, and whether something below is hidden
    /// under the name.
    fn publish_name(
        &self,
        overlay: &Arc<OverlayFS>,
        directory: &Arc<Self>,
        name: &[u8],
        make: impl Fn(&LayerNode, bool) -> Result<(LayerNode, Arc<Self>)>,
    ) -> Result<Arc<Self>> {
        loop {
            {
                let held = self.lock_names()?;
                let (found, node) = overlay.look_up_locked(&held, directory, name)?;
                if node.is_some() {
                    return fail(FileSystemErrorKind::AlreadyExists);
                }
                if let Some(upper) = self.upper() {
                    upper.check_writable()?;
                    let (new, node) = make(&upper, found.slot.hides_below())?;
                    let mut changes = Changes::default();
                    overlay.marks().set(&mut changes, &upper, name, &found.slot, Becomes::Node(new.node()))?;
                    changes.publish(&upper, DirectoryTimes::Touch)?;
                    return Ok(node);
                }
            }
            self.copy_up()?;
        }
    }

    /// [`VfsNode::unlink`] and [`VfsNode::remove_directory`].
    pub(super) fn remove_name(&self, name: &[u8], victim: &NodeRef) -> Result<()> {
        let overlay = self.overlay()?;
        overlay.check_writable()?;
        let directory = self.shared()?;
        loop {
            let uncounted = {
                let held = self.lock_names()?;
                let (found, node) = overlay.look_up_locked(&held, &directory, name)?;
                let Some(node) = node else { return fail(FileSystemErrorKind::NotFound) };
                if node.id() != victim.id() {
                    return fail(FileSystemErrorKind::Stale);
                }
                let emptied = overlay.lock_empty(&node)?;
                let uncounted = node.must_be_counted(&overlay)?;
                if let Some(upper) = self.upper()
                    && !uncounted
                {
                    upper.check_writable()?;
                    let becomes = match overlay.find_lower(&self.scope(), name)? {
                        Some(_) => Becomes::Whiteout,
                        None => Becomes::Nothing,
                    };
                    let mut changes = Changes::default();
                    overlay.marks().set(&mut changes, &upper, name, &found.slot, becomes)?;
                    let links = overlay.hold_links(&upper, &[&node]);
                    if let Some(links) = &links {
                        links.lose_name(&mut changes, &node, found.slot.visible().is_some())?;
                    }
                    changes.publish(&upper, DirectoryTimes::Touch)?;
                    overlay.removed(&node, emptied, &directory, name);
                    return Ok(());
                }
                drop(emptied);
                uncounted.then_some(node)
            };
            self.copy_up()?;
            if let Some(node) = uncounted {
                node.copy_up_to_count()?;
            }
        }
    }
}

impl OverlayFS {
    /// Whether a user may make this name, now.
    ///
    /// # Errors
    /// `EROFS`, `EINVAL` for a mark's name.
    pub(super) fn check_new_name(&self, name: &[u8]) -> Result<()> {
        self.check_writable()?;
        if self.marks().reserved(name) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        Ok(())
    }

    /// If the node is a directory, locks its names and sees that there are none.
    ///
    /// # Errors
    /// `ENOTEMPTY`, and those of the layers.
    pub(super) fn lock_empty<'a>(&self, node: &'a Arc<OverlayNode>) -> Result<Option<LockedNames<'a>>> {
        if node.kind() != FileType::Directory {
            return Ok(None);
        }
        let held = node.lock_names()?;
        if !self.is_empty(&node.scope())? {
            return fail(FileSystemErrorKind::DirectoryNotEmpty);
        }
        Ok(Some(held))
    }

    /// Notes that a name of `node` was removed.
    pub(super) fn removed(
        &self,
        node: &OverlayNode,
        emptied: Option<LockedNames<'_>>,
        directory: &OverlayNode,
        name: &[u8],
    ) {
        if let Some(held) = emptied {
            node.set_removed(&held);
        }
        node.remove_place(directory, name);
    }

    /// Whether the merged directory shows no name. Whiteouts do not count.
    fn is_empty(&self, directory: &Scope<'_>) -> Result<bool> {
        directory.search(self, |lowers| {
            let mut empty = true;
            self.gather(directory.sources.upper.as_ref(), lowers, &mut |_| {
                empty = false;
                false
            })?;
            Ok(empty)
        })
    }
}

/// A character device 0:0 would be a whiteout.
fn check_new_node(new: &NewNode<'_>) -> Result<()> {
    match new.kind {
        NewKind::CharDevice(device) if device == DeviceNumber::new(0, 0) => fail(FileSystemErrorKind::NotPermitted),
        _ => Ok(()),
    }
}
