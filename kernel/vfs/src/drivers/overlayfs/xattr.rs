//! Extended attributes. They are those of the topmost layer; which of them are the overlay's own, and how a nested
//! overlay's are kept apart, is in [`super::marks`].
//!
//! Invariant: nobody sees or changes the overlay's own through the overlay. Who sets, in an overlay, what would be its
//! own has one of another name in the layer.

use super::inode::OverlayNode;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::node::SetXattr;
use alloc::vec::Vec;

impl OverlayNode {
    /// [`VfsNode::get_xattr`](crate::node::VfsNode::get_xattr).
    pub(super) fn read_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        let name = self.overlay()?.marks().layer_attribute(name)?;
        self.top().get_xattr(&name)
    }

    /// [`VfsNode::list_xattrs`](crate::node::VfsNode::list_xattrs).
    pub(super) fn show_xattrs(&self, emit: &mut dyn FnMut(&[u8])) -> Result<()> {
        let overlay = self.overlay()?;
        self.top().list_xattrs(&mut |name| {
            if let Some(name) = overlay.marks().user_attribute(name) {
                emit(&name);
            }
        })
    }

    /// [`VfsNode::set_xattr`](crate::node::VfsNode::set_xattr): what cannot be is refused before the file is copied up.
    pub(super) fn change_xattr(&self, name: &[u8], value: &[u8], how: SetXattr) -> Result<()> {
        let overlay = self.overlay()?;
        overlay.check_writable()?;
        let layers_name = overlay.marks().layer_attribute(name)?;
        if how != SetXattr::Any {
            let exists = match self.read_xattr(name) {
                Ok(_) => true,
                Err(error) if error.kind() == FileSystemErrorKind::NoData => false,
                Err(error) => return Err(error),
            };
            match how {
                SetXattr::Create if exists => return fail(FileSystemErrorKind::AlreadyExists),
                SetXattr::Replace if !exists => return fail(FileSystemErrorKind::NoData),
                _ => {}
            }
        }
        self.copy_up()?.node().set_xattr(&layers_name, value, how)
    }

    /// [`VfsNode::remove_xattr`](crate::node::VfsNode::remove_xattr): an attribute that is not there is no reason to copy up.
    pub(super) fn drop_xattr(&self, name: &[u8]) -> Result<()> {
        let overlay = self.overlay()?;
        overlay.check_writable()?;
        self.read_xattr(name)?;
        self.copy_up()?.node().remove_xattr(&overlay.marks().layer_attribute(name)?)
    }
}
