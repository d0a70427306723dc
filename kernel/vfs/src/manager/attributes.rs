//! Metadata by path: stat, access, chmod, chown, truncate, utimensat, readlink.

use super::{Follow, VfsManager};
use crate::context::{AccessMode, Capabilities, Context, Credentials};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file::OpenFlags;
use crate::inotify::WatchMask;
use crate::lease;
use crate::metadata::{FileFlags, FileType, Metadata, SetAttributes, SetTime};
use crate::mount::Path;
use crate::node::{Access, NodeRef};
use crate::usage::Used;
use alloc::sync::Arc;

const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const GROUP_EXECUTE: u32 = 0o0010;

impl VfsManager {
    /// What `stat(2)` ([`Follow::Yes`]) or `lstat(2)` shows.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`].
    pub fn metadata(&self, context: &Context, path: &[u8], follow: Follow) -> Result<Metadata> {
        self.resolve(context, path, follow)?.node()?.metadata()
    }

    /// The target of a symbolic link (`readlink(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EINVAL` for what is no link.
    pub fn read_link(&self, context: &Context, path: &[u8]) -> Result<Arc<[u8]>> {
        let path = self.resolve(context, path, Follow::No)?;
        let node = path.node()?;
        let target = node.read_link()?;
        path.mount.note_access(node);
        Ok(target)
    }

    /// Whether the caller may do that (`access(2)`, with the credentials of the context); an empty mode asks whether
    /// the path exists.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EACCES`, `EROFS` for writing where nothing can be changed.
    pub fn check_access(&self, context: &Context, path: &[u8], wanted: AccessMode, follow: Follow) -> Result<()> {
        Self::check_access_at(&context.credentials, &self.resolve(context, path, follow)?, wanted)
    }

    /// As [`VfsManager::check_access`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::check_access`].
    pub fn check_access_at(credentials: &Credentials, path: &Path, wanted: AccessMode) -> Result<()> {
        let node = path.node()?;
        let changes_fs = matches!(node.kind(), FileType::Regular | FileType::Directory | FileType::Symlink);
        if wanted.contains(AccessMode::WRITE) && changes_fs {
            path.mount.check_writable()?;
        }
        credentials.check(&**node, wanted)
    }

    /// Sets the permission bits (`fchmodat(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EROFS`, `EPERM` for who is not the owner, `EOPNOTSUPP` for a symbolic link.
    pub fn set_mode(&self, context: &Context, path: &[u8], mode: u32, follow: Follow) -> Result<()> {
        let path = self.resolve(context, path, follow)?;
        Self::set_mode_at(&context.credentials, &path, mode)
    }

    /// As [`VfsManager::set_mode`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::set_mode`].
    pub fn set_mode_at(credentials: &Credentials, path: &Path, mode: u32) -> Result<()> {
        path.mount.check_writable()?;
        let node = path.node()?;
        if node.kind() == FileType::Symlink {
            return fail(FileSystemErrorKind::NotSupported);
        }
        let present = node.permissions();
        present.check_unprotected()?;
        if !credentials.owns(present) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        let mut mode = mode & 0o7777;
        if !credentials.in_group(present.gid) && !credentials.capable(Capabilities::FSETID) {
            mode &= !SET_GID;
        }
        node.set_attributes(&SetAttributes { mode: Some(mode), ..SetAttributes::default() })?;
        path.tell_of_change(WatchMask::ATTRIB);
        Ok(())
    }

    /// Sets owner and group (`fchownat(2)`); `None` leaves one as it is. What is no directory loses its set-id bits.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EROFS`, `EPERM`: without `CAP_CHOWN` the owner stays, and only the owner may
    /// set the group, to one of their own.
    pub fn set_owner(
        &self,
        context: &Context,
        path: &[u8],
        uid: Option<u32>,
        gid: Option<u32>,
        follow: Follow,
    ) -> Result<()> {
        let path = self.resolve(context, path, follow)?;
        Self::set_owner_at(&context.credentials, &path, uid, gid)
    }

    /// As [`VfsManager::set_owner`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::set_owner`].
    pub fn set_owner_at(credentials: &Credentials, path: &Path, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        path.mount.check_writable()?;
        let node = path.node()?;
        let present = node.permissions();
        if uid.is_some() || gid.is_some() {
            present.check_unprotected()?;
        }
        let owner = credentials.uid == present.uid;
        let uid_allowed = uid.is_none_or(|uid| owner && uid == present.uid);
        let gid_allowed = gid.is_none_or(|gid| owner && (gid == present.gid || credentials.in_group(gid)));
        if !(uid_allowed && gid_allowed || credentials.capable(Capabilities::CHOWN)) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        let mut set = SetAttributes { uid, gid, ..SetAttributes::default() };
        if node.kind() != FileType::Directory {
            set.mode = without_set_id(credentials, node);
        }
        if set.mode.is_some() && !credentials.owns(present) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        node.set_attributes(&set)?;
        if set != SetAttributes::default() {
            path.tell_of_change(WatchMask::ATTRIB);
        }
        Ok(())
    }

    /// Cuts or extends a regular file (`truncate(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EROFS`, `EISDIR`, `EINVAL` for other kinds, `EACCES`, `EFBIG`, `ENOSPC`,
    /// `EINTR` while waiting for a lease.
    ///
    /// As on Linux's tmpfs a file without data that keeps its size keeps its modification time too.
    pub fn truncate(&self, context: &Context, path: &[u8], size: u64) -> Result<()> {
        let path = self.resolve(context, path, Follow::Yes)?;
        let node = path.node()?;
        match node.kind() {
            FileType::Regular => {}
            FileType::Directory => return fail(FileSystemErrorKind::IsADirectory),
            _ => return fail(FileSystemErrorKind::InvalidArgument),
        }
        path.mount.check_writable()?;
        context.credentials.check(&**node, AccessMode::WRITE)?;
        let _used = Used::new(node.clone(), OpenFlags::WRITE)?;
        lease::break_for(node, Access::WRITE, true)?;
        let present = node.metadata()?;
        let kept = present.size == size && present.blocks == 0;
        let cut = set_size(&context.credentials, node, size, kept.then_some(SetTime::At(present.modified)))?;
        path.tell_of_change(cut);
        Ok(())
    }

    /// Sets access and modification time (`utimensat(2)`); `None` leaves one as it is.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EROFS`; for who is not the owner `EPERM`, or `EACCES` when both are to be
    /// set to now and the file may not be written either.
    pub fn set_times(
        &self,
        context: &Context,
        path: &[u8],
        accessed: Option<SetTime>,
        modified: Option<SetTime>,
        follow: Follow,
    ) -> Result<()> {
        if accessed.is_none() && modified.is_none() {
            // As on Linux, nothing to do is done whatever the path.
            return Ok(());
        }
        let path = self.resolve(context, path, follow)?;
        Self::set_times_at(&context.credentials, &path, accessed, modified)
    }

    /// As [`VfsManager::set_times`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::set_times`].
    pub fn set_times_at(
        credentials: &Credentials,
        path: &Path,
        accessed: Option<SetTime>,
        modified: Option<SetTime>,
    ) -> Result<()> {
        let node = path.node()?;
        if accessed.is_none() && modified.is_none() {
            return Ok(());
        }
        path.mount.check_writable()?;
        let present = node.permissions();
        let both_now = (accessed, modified) == (Some(SetTime::Now), Some(SetTime::Now));
        // What can only grow can be touched.
        if !both_now || present.flags.contains(FileFlags::IMMUTABLE) {
            present.check_unprotected()?;
        }
        if !credentials.owns(present) {
            if !both_now {
                return fail(FileSystemErrorKind::NotPermitted);
            }
            credentials.check(&**node, AccessMode::WRITE)?;
        }
        node.set_attributes(&SetAttributes { accessed, modified, ..SetAttributes::default() })?;
        path.tell_of_change(match (accessed, modified) {
            (Some(_), None) => WatchMask::ACCESS,
            (None, Some(_)) => WatchMask::MODIFY,
            _ => WatchMask::ATTRIB,
        });
        Ok(())
    }
}

impl VfsManager {
    /// Marks a regular file or a directory, instead of all that it was marked with (`FS_IOC_SETFLAGS`).
    ///
    /// # Errors
    /// `EROFS`; `EOPNOTSUPP` where there are no marks; `EPERM` for who is not the owner, and without
    /// `CAP_LINUX_IMMUTABLE` for who would make it immutable or append-only, or take that back.
    pub fn set_flags_at(credentials: &Credentials, path: &Path, flags: FileFlags) -> Result<()> {
        path.mount.check_writable()?;
        let node = path.node()?;
        let present = node.metadata()?.flags.ok_or(FileSystemErrorKind::NotSupported)?;
        if !credentials.owns(node.permissions()) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        if (flags ^ present).intersects(FileFlags::PROTECTION) {
            credentials.require(Capabilities::LINUX_IMMUTABLE)?;
        }
        node.set_attributes(&SetAttributes { flags: Some(flags), ..SetAttributes::default() })
    }
}

/// Cuts or extends, which what is append-only does not allow; the modification time becomes `modified`, or now. Returns what those who watch are to be told.
///
/// # Errors
/// `EPERM` for what is append-only, and what the node answers.
pub(crate) fn set_size(
    credentials: &Credentials,
    node: &NodeRef,
    size: u64,
    modified: Option<SetTime>,
) -> Result<WatchMask> {
    if node.permissions().flags.contains(FileFlags::APPEND_ONLY) {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    let mode = mode_after_write(credentials, node);
    node.set_attributes(&SetAttributes { size: Some(size), mode, modified, ..SetAttributes::default() })?;
    Ok(if mode.is_some() { WatchMask::MODIFY | WatchMask::ATTRIB } else { WatchMask::MODIFY })
}

/// The mode a node is left with when its set-id bits go; `None` when it has none that would.
fn without_set_id(credentials: &Credentials, node: &NodeRef) -> Option<u32> {
    let present = node.permissions();
    let mut mode = present.mode & !SET_UID;
    let in_group = credentials.in_group(present.gid) || credentials.capable(Capabilities::FSETID);
    if mode & GROUP_EXECUTE != 0 || !in_group {
        mode &= !SET_GID;
    }
    (mode != present.mode).then_some(mode)
}

/// The mode a regular file is left with when its content is changed: set-id bits go, unless the writer may keep them.
pub(crate) fn mode_after_write(credentials: &Credentials, node: &NodeRef) -> Option<u32> {
    if node.permissions().mode & (SET_UID | SET_GID) == 0 || credentials.capable(Capabilities::FSETID) {
        return None;
    }
    without_set_id(credentials, node)
}
