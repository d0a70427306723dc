//! A node by its handle (`nfs_export=on`).
//!
//! The handle of a node is the identity of its origin, from which its inode number is made: so it stays over copy-up,
//! rename and a new mount of the same layers, and so does that of every name of a file that has several.
//!
//! Where the node is in use, it knows where it is. Else its origin's layer is asked: what was not moved is at the same
//! place here. What was is looked for by a search of the merged tree ([`crate::handles`]).

use super::OverlayFS;
use super::inode::OverlayNode;
use super::nodes::is_removed;
use crate::error::{FileSystemErrorKind, Result};
use crate::file_system::FileSystemOperations;
use crate::handles::{Handle, Located, Way};
use crate::node::{NodeRef, VfsNode, same_node};
use alloc::sync::Weak;

impl OverlayFS {
    /// [`FileSystemOperations::handle_of`].
    pub(super) fn handle(&self, node: &NodeRef) -> Result<Handle> {
        let node = OverlayNode::of(node).ok_or(FileSystemErrorKind::CrossDevice)?;
        let sources = node.sources();
        if self.opens_handles()
            && let Some(origin) = sources.all().find(|source| source.id() == node.origin)
        {
            // Lets its layer know where it is when it is asked.
            origin.file_system().handle_of(origin.node())?;
        }
        Ok(node.origin)
    }

    /// [`FileSystemOperations::locate`].
    pub(super) fn find_handle(&self, handle: Handle, from: &NodeRef) -> Result<Option<Located>> {
        let Some(inode) = self.identity().known_number(handle) else { return Ok(None) };
        let present = self.nodes.lock().get(&inode).and_then(Weak::upgrade);
        let way = match &present {
            // A directory that was removed is not found, though somebody has it open: as on Linux.
            Some(node) if node.check_not_removed().is_err_and(is_removed) => return Ok(None),
            Some(node) if node.place().is_none() && node.metadata()?.links == 0 => Way::None,
            Some(node) => {
                let is_start = |node: &NodeRef| same_node(node, from);
                Way::up_from(node.clone() as NodeRef, is_start, |node| {
                    let place = OverlayNode::of(node)?.place()?;
                    Some((place.parent as NodeRef, place.name))
                })?
            }
            None => self.way_in_layers(handle)?,
        };
        Ok(Some(Located { inode, way, node: present.map(|node| node as NodeRef) }))
    }

    /// How an origin is found from the root of its layer.
    fn way_in_layers(&self, origin: Handle) -> Result<Way> {
        for layer in self.stack().all() {
            if let [mount, ..] = layer.mounts()
                && mount.superblock.operations().id() == origin.file_system
                && let Some(Located { way: Way::Along(names), .. }) =
                    mount.superblock.operations().locate(origin, &mount.root)?
            {
                return Ok(Way::Along(names));
            }
        }
        Ok(Way::Unknown)
    }
}
