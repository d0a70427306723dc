//! Mounting: `mount(2)`, `umount2(2)`, `pivot_root(2)`.

use super::{Follow, VfsManager};
use crate::context::{Capabilities, Context};
use crate::driver::{self, MountRequest};
use crate::error::{FileSystemError, FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::mount::{MountFlags, MountPoint, Path};
use crate::superblock::SuperBlock;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use core::fmt;

/// Why a mount failed, and what its driver has to say of it.
#[derive(Debug)]
pub struct MountError {
    /// The errno.
    pub error: FileSystemError,
    /// What was wrong, naming the option or the path.
    pub message: Option<String>,
}

impl From<FileSystemError> for MountError {
    fn from(error: FileSystemError) -> Self {
        Self { error, message: None }
    }
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

/// What to mount, and where.
#[derive(Clone, Copy)]
pub struct MountArguments<'a> {
    /// What: a device, a path, or just a word, as the type wants it.
    pub source: &'a [u8],
    /// Where.
    pub target: &'a [u8],
    /// The type of file system.
    pub type_name: &'a str,
    /// Properties of the mount.
    pub flags: MountFlags,
    /// Options of the file system, comma-separated.
    pub options: &'a [u8],
}

bitflags! {
    /// How [`VfsManager::unmount`] goes about it.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct UnmountFlags: u32 {
        /// `MNT_DETACH`: out of the tree now, gone when its last user is.
        const LAZY = 2;
        /// `UMOUNT_NOFOLLOW`: a symbolic link at the end is not followed.
        const NO_FOLLOW = 8;
    }
}

/// One line of `/proc/mounts`.
pub struct MountInfo {
    /// The mount's number.
    pub id: u64,
    /// The number of the mount it stands on; its own for the root.
    pub parent: u64,
    /// What was mounted.
    pub source: Vec<u8>,
    /// Where, as the context sees it.
    pub target: Vec<u8>,
    /// The type of file system.
    pub type_name: &'static str,
    /// The options, those of the mount first (`rw,…`).
    pub options: String,
    /// The file system.
    pub file_system: Arc<dyn FileSystemOperations>,
}

impl VfsManager {
    /// Mounts a file system of a registered type (`mount(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM` without `CAP_SYS_ADMIN`, `ENODEV` for an unknown type, `ENOTDIR` when
    /// the target is no directory, `EBUSY`, and what the driver answers, with its message.
    pub fn mount(&self, context: &Context, what: &MountArguments<'_>) -> core::result::Result<(), MountError> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let target = self.resolve(context, what.target, Follow::Yes)?;
        let driver = driver::driver(what.type_name).map_err(|error| MountError {
            error,
            message: Some(format!("unknown file system type '{}'", what.type_name)),
        })?;
        let read_only = what.flags.contains(MountFlags::READ_ONLY);
        let mut request = MountRequest::new(what.source, what.options, read_only, self, context);
        let operations = match driver.mount(&mut request) {
            Ok(operations) => operations,
            Err(error) => return Err(MountError { error, message: request.into_message() }),
        };
        Ok(self.attach_new(operations, what.source, what.flags, target)?)
    }

    /// Mounts a file system that is there already.
    ///
    /// # Errors
    /// Those of [`VfsManager::mount`].
    pub fn mount_file_system(
        &self,
        context: &Context,
        target: &[u8],
        operations: Arc<dyn FileSystemOperations>,
        source: &[u8],
        flags: MountFlags,
    ) -> Result<()> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let target = self.resolve(context, target, Follow::Yes)?;
        self.attach_new(operations, source, flags, target)
    }

    fn attach_new(
        &self,
        operations: Arc<dyn FileSystemOperations>,
        source: &[u8],
        flags: MountFlags,
        target: Path,
    ) -> Result<()> {
        let superblock = SuperBlock::new(operations);
        let root = superblock.root().clone();
        check_kinds(&root, &target)?;
        self.tree.attach(MountPoint::new(superblock, root, source, flags), target)
    }

    /// Shows `source` at another place too (`MS_BIND`); with `recursive` also the mounts below it (`MS_REC`). The
    /// source may be of another namespace: `from` is that one.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `ENOTDIR` when one is a directory and the other is not.
    pub fn bind_from(
        &self,
        context: &Context,
        from: &Self,
        source: &Path,
        target: &[u8],
        recursive: bool,
    ) -> Result<()> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let target = self.resolve(context, target, Follow::Yes)?;
        source.node()?;
        check_kinds(&source.entry, &target)?;
        self.tree.attach_copy(&from.tree, source, b"", recursive, target)
    }

    /// As [`VfsManager::bind_from`], within this namespace.
    ///
    /// # Errors
    /// As [`VfsManager::bind_from`].
    pub fn bind(&self, context: &Context, source: &Path, target: &[u8], recursive: bool) -> Result<()> {
        self.bind_from(context, self, source, target, recursive)
    }

    /// Changes a mount's properties and, when there are options, its file system's (`MS_REMOUNT`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `EINVAL` when nothing is mounted there, `EBUSY` for read-only while
    /// files are open for writing, `EROFS` for writable when the file system never is, and what the driver answers,
    /// with its message.
    pub fn remount(
        &self,
        context: &Context,
        target: &[u8],
        flags: MountFlags,
        options: &[u8],
    ) -> core::result::Result<(), MountError> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let target = self.resolve(context, target, Follow::Yes)?;
        if !target.is_mount_root() {
            return Err(FileSystemError::new(FileSystemErrorKind::InvalidArgument).into());
        }
        let operations = target.mount.superblock().operations();
        let read_only = flags.contains(MountFlags::READ_ONLY);
        // With options it may become writable, or stay as it is.
        if operations.read_only() && !read_only && options.is_empty() {
            return Err(FileSystemError::new(FileSystemErrorKind::ReadOnlyFileSystem).into());
        }
        let before = target.mount.flags();
        target.mount.set_flags(flags)?;
        let mut request = MountRequest::remount(&target.mount, options, read_only, self, context);
        operations.remount(&mut request).map_err(|error| {
            // It had these flags a moment ago, so they can only fail if a file was opened for writing since.
            let _ = target.mount.set_flags(before);
            let cannot = || format!("cannot remount with '{}'", options.escape_ascii());
            MountError { error, message: Some(request.into_message().unwrap_or_else(cannot)) }
        })
    }

    /// Unmounts what is mounted on a path, the topmost first (`umount2(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `EINVAL` when nothing is mounted there, `EBUSY` when it is in use, or
    /// the root of the namespace.
    pub fn unmount(&self, context: &Context, target: &[u8], flags: UnmountFlags) -> Result<()> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let follow = if flags.contains(UnmountFlags::NO_FOLLOW) { Follow::No } else { Follow::Yes };
        let target = self.resolve(context, target, follow)?;
        if !target.is_mount_root() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if flags.contains(UnmountFlags::LAZY) {
            self.tree.detach_lazily(&target.mount)
        } else {
            self.tree.detach(&target.mount, 1)
        }
    }

    /// Makes the mount at `new_root` the root of the namespace and moves the present one to `put_old`
    /// (`pivot_root(2)`). Where the context's root or current directory was the old root, it becomes the new one.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `ENOTDIR`, `EINVAL` when `new_root` is no mount's root or `put_old`
    /// not at or below it, `EBUSY` when one of them is on the present root.
    pub fn pivot_root(&self, context: &mut Context, new_root: &[u8], put_old: &[u8]) -> Result<()> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let new_root = self.resolve(context, new_root, Follow::Yes)?;
        let put_old = self.resolve(context, put_old, Follow::Yes)?;
        if !new_root.entry.is_directory() || !put_old.entry.is_directory() {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        let top = self.tree.root();
        if Arc::ptr_eq(&new_root.mount, &top) || Arc::ptr_eq(&put_old.mount, &top) {
            return fail(FileSystemErrorKind::Busy);
        }
        if !new_root.is_mount_root() || !new_root.is_above(&put_old) || !context.root.is_mount_root() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let old = context.root.clone();
        if !Arc::ptr_eq(&old.mount, &top) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.tree.pivot(&new_root, &put_old)?;
        if context.cwd.is(&old) {
            context.cwd = new_root.clone();
        }
        context.root = new_root;
        Ok(())
    }

    /// The mounts that the context can see, in the order they were made.
    pub fn mounts(&self, context: &Context) -> Vec<MountInfo> {
        let visible = |mount: Arc<MountPoint>| {
            let top = Path::root_of(mount.clone());
            let target = self.path_name(context, &top).ok()?;
            let operations = mount.superblock().operations().clone();
            let mut options = String::from(if mount.check_writable().is_ok() { "rw" } else { "ro" });
            for (flag, name) in [
                (MountFlags::NO_SUID, ",nosuid"),
                (MountFlags::NO_DEVICES, ",nodev"),
                (MountFlags::NO_EXECUTE, ",noexec"),
                (MountFlags::NO_ACCESS_TIME, ",noatime"),
            ] {
                if mount.flags().contains(flag) {
                    options.push_str(name);
                }
            }
            // Writing to a string does not fail.
            let _ = operations.show_options(&mut options);
            Some(MountInfo {
                id: mount.id(),
                parent: mount.place().map_or(mount.id(), |place| place.mount.id()),
                source: mount.source().to_vec(),
                target,
                type_name: operations.type_name(),
                options,
                file_system: operations,
            })
        };
        self.tree.mounts().into_iter().filter_map(visible).collect()
    }
}

/// A directory is mounted on directories, anything else on anything else.
fn check_kinds(root: &crate::entry::VfsEntry, target: &Path) -> Result<()> {
    target.node()?;
    if root.is_directory() == target.entry.is_directory() { Ok(()) } else { fail(FileSystemErrorKind::NotADirectory) }
}
