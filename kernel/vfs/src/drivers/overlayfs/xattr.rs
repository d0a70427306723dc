//! Changing extended attributes. Reading them is in [`super::inode`]; which of them are the overlay's own and how a
//! nested overlay's are kept apart is in [`super::marks`].

use super::inode::OverlayNode;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::node::{SetXattr, VfsNode};

impl OverlayNode {
    /// [`VfsNode::set_xattr`]: what cannot be is refused before the file is copied up.
    pub(super) fn change_xattr(&self, name: &[u8], value: &[u8], how: SetXattr) -> Result<()> {
        let overlay = self.overlay()?;
        overlay.check_writable()?;
        if how != SetXattr::Any {
            let exists = match self.get_xattr(name) {
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
        self.copy_up()?.node().set_xattr(&overlay.marks().layer_attribute(name), value, how)
    }

    /// [`VfsNode::remove_xattr`]: an attribute that is not there is no reason to copy up.
    pub(super) fn drop_xattr(&self, name: &[u8]) -> Result<()> {
        let overlay = self.overlay()?;
        overlay.check_writable()?;
        self.get_xattr(name)?;
        self.copy_up()?.node().remove_xattr(&overlay.marks().layer_attribute(name))
    }
}
