//! Making, linking and removing names.
//!
//! The order of the checks, and so which errno wins, is Linux's: a name that exists is `EEXIST` even on a read-only
//! mount, while a removal there is `EROFS` before anything is looked up.

use super::{Follow, VfsManager};
use crate::context::{AccessMode, Capabilities, Context, Credentials};
use crate::entry::VfsEntry;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file::{FileObject, OpenFlags};
use crate::inotify::WatchMask;
use crate::metadata::{DeviceNumber, FileFlags, FileType};
use crate::mount::Path;
use crate::name::check_path;
use crate::node::{NewKind, NewNode, NodeRef};
use crate::walk::{End, Target};
use alloc::sync::Arc;

const SET_GID: u32 = 0o2000;
const STICKY: u32 = 0o1000;

/// How often an operation looks again when a name changed between look and act. Each time somebody else got their
/// change through, so only who races with an endless stream of others is ever told `ESTALE`.
const ATTEMPTS: usize = 64;

/// Does `attempt` again as long as it finds that the name it had looked at changed meanwhile.
pub(crate) fn retry_stale<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if error.kind() == FileSystemErrorKind::Stale => {}
            result => return result,
        }
    }
    attempt()
}

impl VfsManager {
    /// Makes a directory (`mkdir(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EEXIST`, `EROFS`, `EACCES`, `ENOSPC`.
    pub fn make_directory(&self, context: &Context, path: &[u8], mode: u32) -> Result<()> {
        self.make(context, path, NewKind::Directory, mode & 0o1777)
    }

    /// Makes a file of any kind but directory and symbolic link (`mknod(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::make_directory`]; `EPERM` for a device without `CAP_MKNOD` (0:0, a whiteout, is free to
    /// all), or for a directory or link.
    pub fn make_node(&self, context: &Context, path: &[u8], kind: NewKind<'_>, mode: u32) -> Result<()> {
        if matches!(kind, NewKind::Directory | NewKind::Symlink(_)) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        self.make(context, path, kind, mode & 0o7777)
    }

    /// Makes a symbolic link (`symlink(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::make_directory`]; `ENOENT` for an empty target, `ENAMETOOLONG` for one of 4096 bytes or
    /// more.
    pub fn make_symlink(&self, context: &Context, target: &[u8], path: &[u8]) -> Result<()> {
        check_path(target)?;
        self.make(context, path, NewKind::Symlink(target), 0o777)
    }

    fn make(&self, context: &Context, path: &[u8], kind: NewKind<'_>, mode: u32) -> Result<()> {
        let target = self.free_name(context, path, kind.file_type() == FileType::Directory)?;
        create_in(context, &target, kind, mode)?;
        target.parent.tell_of_name(&target.name, kind.file_type(), WatchMask::CREATE);
        Ok(())
    }

    /// Makes the node of a socket (`bind(2)` of `unix(7)`), and says where it is.
    ///
    /// # Errors
    /// Those of [`VfsManager::make_node`].
    pub fn make_socket(&self, context: &Context, path: &[u8], mode: u32) -> Result<Path> {
        let target = self.free_name(context, path, false)?;
        let before = target.parent.node()?.change();
        let node = create_in(context, &target, NewKind::Socket, mode & 0o777)?;
        let Target { parent, name, .. } = target;
        let entry = parent.mount.superblock().created(&parent.entry, &name, node, before);
        parent.tell_of_name(&name, FileType::Socket, WatchMask::CREATE);
        Ok(Path { mount: parent.mount, entry })
    }

    /// The place for a new name.
    fn free_name(&self, context: &Context, path: &[u8], directory: bool) -> Result<Target> {
        let target = self.tree.resolve_name(context, path, Follow::No)?.name_or(FileSystemErrorKind::AlreadyExists)?;
        if target.entry.node().is_some() {
            return fail(FileSystemErrorKind::AlreadyExists);
        }
        if target.slash && !directory {
            return fail(FileSystemErrorKind::NotFound);
        }
        target.parent.mount.check_writable()?;
        Ok(target)
    }

    /// Gives a file one more name (`linkat(2)`); [`Follow::Yes`] is `AT_SYMLINK_FOLLOW`.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EEXIST`, `EXDEV` between mounts, `EPERM` for a directory, `EROFS`, `EACCES`,
    /// `EMLINK`, `ENOSPC`.
    pub fn link(&self, context: &Context, old: &[u8], new: &[u8], follow: Follow) -> Result<()> {
        self.link_between(context, old, context, new, follow)
    }

    /// As [`VfsManager::link`], with a context for the old name that may start elsewhere. Who asks is the second.
    ///
    /// # Errors
    /// Those of [`VfsManager::link`].
    pub fn link_between(
        &self,
        old_context: &Context,
        old: &[u8],
        context: &Context,
        new: &[u8],
        follow: Follow,
    ) -> Result<()> {
        let old = self.resolve(old_context, old, follow)?;
        self.link_place(context, &old, new, true)
    }

    /// Gives an open file one more name, or its first one if it was opened with `O_TMPFILE`.
    ///
    /// # Errors
    /// Those of [`VfsManager::link`]; `ENOENT` if it was opened with `O_TMPFILE|O_EXCL`, which keeps names from it.
    pub fn link_file(&self, context: &Context, file: &FileObject, new: &[u8]) -> Result<()> {
        let nameless = file.flags().contains(OpenFlags::TEMPORARY | OpenFlags::EXCLUSIVE);
        self.link_place(context, file.path(), new, !nameless)
    }

    fn link_place(&self, context: &Context, old: &Path, new: &[u8], may_be_named: bool) -> Result<()> {
        let target = self.free_name(context, new, false)?;
        if !Arc::ptr_eq(&old.mount, &target.parent.mount) {
            return fail(FileSystemErrorKind::CrossDevice);
        }
        check_directory_change(&context.credentials, &target.parent)?;
        let node = old.node()?;
        if node.kind() == FileType::Directory {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        node.permissions().check_unprotected()?;
        if !may_be_named || !node.may_be_named() {
            return fail(FileSystemErrorKind::NotFound);
        }
        target.parent.node()?.link(&target.name, node)?;
        target.parent.tell_of_links(node);
        target.parent.tell_of_name(&target.name, node.kind(), WatchMask::CREATE);
        Ok(())
    }

    /// Removes a name that is no directory's (`unlink(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EROFS`, `EISDIR`, `EACCES`, `EPERM` in a sticky directory, `EBUSY` for what
    /// is mounted on.
    pub fn unlink(&self, context: &Context, path: &[u8]) -> Result<()> {
        retry_stale(|| {
            let end = self.tree.resolve_name(context, path, Follow::No)?;
            if end.is_name() {
                end.mount().check_writable()?;
            }
            let target = end.name_or(FileSystemErrorKind::IsADirectory)?;
            let victim = target.entry.node().ok_or(FileSystemErrorKind::NotFound)?;
            if target.slash {
                let directory = victim.kind() == FileType::Directory;
                return fail(if directory {
                    FileSystemErrorKind::IsADirectory
                } else {
                    FileSystemErrorKind::NotADirectory
                });
            }
            self.check_removal(&context.credentials, &target.parent, &target.entry, false)?;
            target.parent.node()?.unlink(&target.name, victim)?;
            target.parent.tell_of_links(victim);
            let kind = victim.kind();
            removed(target, kind);
            Ok(())
        })
    }

    /// Removes an empty directory (`rmdir(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EROFS`, `ENOTDIR`, `ENOTEMPTY`, `EINVAL` for a path that ends in `.`,
    /// `EACCES`, `EPERM` in a sticky directory, `EBUSY` for a root or what is mounted on.
    pub fn remove_directory(&self, context: &Context, path: &[u8]) -> Result<()> {
        retry_stale(|| {
            let end = self.tree.resolve_name(context, path, Follow::No)?;
            if end.is_name() {
                end.mount().check_writable()?;
            }
            let target = match end {
                End::Name(target) => target,
                End::Dot(_) => return fail(FileSystemErrorKind::InvalidArgument),
                End::DotDot(_) => return fail(FileSystemErrorKind::DirectoryNotEmpty),
                End::TooLong(_, error) => return fail(error),
                End::Place(_) | End::Root(_) => return fail(FileSystemErrorKind::Busy),
            };
            let victim = target.entry.node().ok_or(FileSystemErrorKind::NotFound)?;
            self.check_removal(&context.credentials, &target.parent, &target.entry, true)?;
            target.parent.node()?.remove_directory(&target.name, victim)?;
            removed(target, FileType::Directory);
            Ok(())
        })
    }

    /// Whether the caller may take this entry away from its directory.
    pub(crate) fn check_removal(
        &self,
        credentials: &Credentials,
        parent: &Path,
        entry: &Arc<VfsEntry>,
        directory: bool,
    ) -> Result<()> {
        let from = parent.node()?;
        let victim = entry.node().ok_or(FileSystemErrorKind::NotFound)?;
        check_directory_change(credentials, parent)?;
        let permissions = from.permissions();
        if permissions.flags.contains(FileFlags::APPEND_ONLY) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        victim.permissions().check_unprotected()?;
        if permissions.mode & STICKY != 0
            && credentials.uid != permissions.uid
            && !credentials.owns(victim.permissions())
        {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        match (directory, victim.kind() == FileType::Directory) {
            (true, false) => return fail(FileSystemErrorKind::NotADirectory),
            (false, true) => return fail(FileSystemErrorKind::IsADirectory),
            (true, true) | (false, false) => {}
        }
        if (Path { mount: parent.mount.clone(), entry: entry.clone() }).is_mounted_on() {
            return fail(FileSystemErrorKind::Busy);
        }
        Ok(())
    }
}

/// Sees to a name that was bound to something of that kind and was removed.
fn removed(target: Target, kind: FileType) {
    let Target { parent, name, entry, .. } = target;
    parent.mount.superblock().removed(&parent.entry, &name, &entry);
    // Who watches the file hears of its end before who watches the directory hears of the name's, if nobody uses it.
    drop(entry);
    parent.tell_of_name(&name, kind, WatchMask::DELETE);
}

/// Makes a node under a name that was free when it was looked at; `mode` is what is asked for, as in
/// [`new_node`].
///
/// # Errors
/// `EACCES`, `EEXIST`, `EPERM` for a device without `CAP_MKNOD`, and whatever the file system answers.
pub(crate) fn create_in(context: &Context, target: &Target, kind: NewKind<'_>, mode: u32) -> Result<NodeRef> {
    let credentials = &context.credentials;
    check_directory_change(credentials, &target.parent)?;
    match kind {
        NewKind::CharDevice(device) if device == DeviceNumber::new(0, 0) => {}
        NewKind::CharDevice(_) | NewKind::BlockDevice(_) => credentials.require(Capabilities::MKNOD)?,
        _ => {}
    }
    let directory = target.parent.node()?;
    let new = new_node(context, directory, kind, mode);
    directory.create(&target.name, &new)
}

/// A node as its maker's credentials and umask and its directory's set-gid bit make it: the bit hands down the group, and
/// takes the same bit from a program for a group its maker is not in, whatever the umask leaves of the mode asked for.
pub(crate) fn new_node<'a>(context: &Context, directory: &NodeRef, kind: NewKind<'a>, mode: u32) -> NewNode<'a> {
    let credentials = &context.credentials;
    let umask = if kind.file_type() == FileType::Symlink { 0 } else { context.umask };
    let permissions = directory.permissions();
    let mut new = NewNode { kind, mode: mode & !umask, uid: credentials.uid, gid: credentials.gid };
    if permissions.mode & SET_GID != 0 {
        new.gid = permissions.gid;
        if kind.file_type() == FileType::Directory {
            new.mode |= SET_GID;
        } else if mode & 0o2010 == 0o2010
            && !credentials.in_group(new.gid)
            && !credentials.capable(Capabilities::FSETID)
        {
            new.mode &= !SET_GID;
        }
    }
    new
}

/// Whether the caller may change names in a directory.
///
/// # Errors
/// `ENOENT` in one that is removed, whatever its mode; `EACCES`.
pub(crate) fn check_directory_change(credentials: &Credentials, directory: &Path) -> Result<()> {
    let node = directory.node()?;
    if directory.entry.is_dead() {
        return fail(FileSystemErrorKind::NotFound);
    }
    credentials.check(&**node, AccessMode::WRITE | AccessMode::EXECUTE)
}
