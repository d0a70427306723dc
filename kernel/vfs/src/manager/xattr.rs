//! Extended attributes by path (`xattr(7)`).

use super::{Follow, VfsManager};
use crate::context::{AccessMode, Capabilities, Context, Credentials};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::inotify::WatchMask;
use crate::metadata::FileType;
use crate::mount::Path;
use crate::name::XATTR_NAME_MAX;
use crate::node::{NodeRef, SetXattr};
use alloc::vec::Vec;

/// The largest value in bytes (`XATTR_SIZE_MAX`).
const VALUE_MAX: usize = 65_536;

/// The part of an attribute's name that says who may use it.
#[derive(PartialEq, Eq)]
enum Namespace {
    User,
    Trusted,
    Security,
}

impl Namespace {
    fn of(name: &[u8]) -> Result<Self> {
        if name.is_empty() || name.len() > XATTR_NAME_MAX {
            return fail(FileSystemErrorKind::OutOfRange);
        }
        let (namespace, rest) = if let Some(rest) = name.strip_prefix(b"user.") {
            (Self::User, rest)
        } else if let Some(rest) = name.strip_prefix(b"trusted.") {
            (Self::Trusted, rest)
        } else if let Some(rest) = name.strip_prefix(b"security.") {
            (Self::Security, rest)
        } else {
            return fail(FileSystemErrorKind::NotSupported);
        };
        if rest.is_empty() { fail(FileSystemErrorKind::InvalidArgument) } else { Ok(namespace) }
    }
}

impl VfsManager {
    /// The value of an extended attribute.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `ENODATA`, `EACCES`, `ERANGE` for a name that is empty or too long,
    /// `EOPNOTSUPP` for one outside `user.`, `trusted.` and `security.`.
    pub fn get_xattr(&self, context: &Context, path: &[u8], name: &[u8], follow: Follow) -> Result<Vec<u8>> {
        let path = self.resolve(context, path, follow)?;
        Self::get_xattr_at(&context.credentials, &path, name)
    }

    /// As [`VfsManager::get_xattr`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::get_xattr`].
    pub fn get_xattr_at(credentials: &Credentials, path: &Path, name: &[u8]) -> Result<Vec<u8>> {
        let node = path.node()?;
        match Namespace::of(name)? {
            Namespace::Trusted if !credentials.capable(Capabilities::SYS_ADMIN) => {
                return fail(FileSystemErrorKind::NoData);
            }
            Namespace::User if !has_user_attributes(node) => return fail(FileSystemErrorKind::NoData),
            Namespace::User => credentials.check(&**node, AccessMode::READ)?,
            Namespace::Trusted | Namespace::Security => {}
        }
        node.get_xattr(name)
    }

    /// Sets an extended attribute.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EROFS`, `EPERM`, `EACCES`, `ERANGE`, `E2BIG` for a value over 64 KiB,
    /// `EOPNOTSUPP`, and `EEXIST` or `ENODATA` as `how` asks.
    pub fn set_xattr(
        &self,
        context: &Context,
        path: &[u8],
        name: &[u8],
        value: &[u8],
        how: SetXattr,
        follow: Follow,
    ) -> Result<()> {
        let path = self.resolve(context, path, follow)?;
        Self::set_xattr_at(&context.credentials, &path, name, value, how)
    }

    /// As [`VfsManager::set_xattr`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::set_xattr`].
    pub fn set_xattr_at(
        credentials: &Credentials,
        path: &Path,
        name: &[u8],
        value: &[u8],
        how: SetXattr,
    ) -> Result<()> {
        if value.len() > VALUE_MAX {
            return fail(FileSystemErrorKind::ArgumentListTooLong);
        }
        check_change(credentials, path, name)?;
        path.node()?.set_xattr(name, value, how)?;
        path.tell_of_change(WatchMask::ATTRIB);
        Ok(())
    }

    /// Removes an extended attribute.
    ///
    /// # Errors
    /// As [`VfsManager::set_xattr`]; `ENODATA`.
    pub fn remove_xattr(&self, context: &Context, path: &[u8], name: &[u8], follow: Follow) -> Result<()> {
        let path = self.resolve(context, path, follow)?;
        Self::remove_xattr_at(&context.credentials, &path, name)
    }

    /// As [`VfsManager::remove_xattr`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::remove_xattr`].
    pub fn remove_xattr_at(credentials: &Credentials, path: &Path, name: &[u8]) -> Result<()> {
        check_change(credentials, path, name)?;
        path.node()?.remove_xattr(name)?;
        path.tell_of_change(WatchMask::ATTRIB);
        Ok(())
    }

    /// The names of the extended attributes that the caller may know of.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`].
    pub fn list_xattrs(&self, context: &Context, path: &[u8], follow: Follow) -> Result<Vec<Vec<u8>>> {
        let path = self.resolve(context, path, follow)?;
        Self::list_xattrs_at(&context.credentials, &path)
    }

    /// As [`VfsManager::list_xattrs`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::list_xattrs`].
    pub fn list_xattrs_at(credentials: &Credentials, path: &Path) -> Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        path.node()?.list_xattrs(&mut |name| {
            if !name.starts_with(b"trusted.") || credentials.capable(Capabilities::SYS_ADMIN) {
                names.push(name.to_vec());
            }
        })?;
        Ok(names)
    }
}

/// `user.` attributes are for regular files and directories only: the mode of other kinds says nothing of who may
/// write them.
fn has_user_attributes(node: &NodeRef) -> bool {
    matches!(node.kind(), FileType::Regular | FileType::Directory)
}

fn check_change(credentials: &Credentials, path: &Path, name: &[u8]) -> Result<()> {
    let namespace = Namespace::of(name)?;
    path.mount.check_writable()?;
    let node = path.node()?;
    node.permissions().check_unprotected()?;
    match namespace {
        Namespace::Trusted | Namespace::Security => credentials.require(Capabilities::SYS_ADMIN),
        Namespace::User if !has_user_attributes(node) => fail(FileSystemErrorKind::NotPermitted),
        Namespace::User => {
            let permissions = node.permissions();
            if node.kind() == FileType::Directory && permissions.mode & 0o1000 != 0 && !credentials.owns(permissions) {
                return fail(FileSystemErrorKind::NotPermitted);
            }
            credentials.check(&**node, AccessMode::WRITE)
        }
    }
}
