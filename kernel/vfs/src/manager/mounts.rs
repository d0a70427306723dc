//! Mounting: `mount(2)`, `umount2(2)`, `pivot_root(2)`.

use super::detached::AttributeChange;
use super::{Follow, VfsManager};
use crate::context::{Capabilities, Context};
use crate::driver::{self, MountRequest};
use crate::error::{FileSystemError, FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::mount::group::PeerGroup;
use crate::mount::{FlagChange, MountFlags, MountPoint, Path};
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
        /// `MNT_FORCE`: gives up what a server does not answer, of which there is none.
        const FORCE = 1;
        /// `MNT_DETACH`: out of the tree now, gone when its last user is.
        const LAZY = 2;
        /// `MNT_EXPIRE`: only the second time (`EAGAIN` the first), if no file was opened on it in between.
        const EXPIRE = 4;
        /// `UMOUNT_NOFOLLOW`: a symbolic link at the end is not followed.
        const NO_FOLLOW = 8;
    }
}

/// How a mount passes on what is mounted on it (`mount_namespaces(7)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Propagation {
    /// To its peers, and they to it (`MS_SHARED`); a slave stays one.
    Shared,
    /// Not at all (`MS_PRIVATE`).
    Private,
    /// It gets from those who were its peers, and passes nothing on (`MS_SLAVE`). One that is not shared stays as it is.
    Slave,
    /// Not at all, and it is shown at no second place either (`MS_UNBINDABLE`).
    Unbindable,
}

impl Propagation {
    /// Makes a mount pass on so.
    pub(super) fn give(self, mount: &Arc<MountPoint>) {
        match self {
            Self::Shared => {
                mount.share();
            }
            Self::Private => mount.leave(),
            Self::Slave => mount.enslave(),
            Self::Unbindable => mount.leave_unbindable(),
        }
    }
}

/// What a [`VfsManager::pivot_root`] has moved.
pub struct RootMove {
    old: Path,
    new: Path,
}

impl RootMove {
    /// Makes the new root of what was the old one: the context's root, its current directory. Whether it was either.
    pub fn follow(&self, context: &mut Context) -> bool {
        let places = [&mut context.root, &mut context.cwd];
        places.into_iter().filter(|place| place.is(&self.old)).map(|place| *place = self.new.clone()).count() > 0
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
    /// Where, as the context sees it; empty where it does not.
    pub target: Vec<u8>,
    /// The type of file system.
    pub type_name: &'static str,
    /// From where in the file system downwards it is shown.
    pub root: Vec<u8>,
    /// Its properties.
    pub flags: MountFlags,
    /// Those of its file system.
    pub general: MountFlags,
    /// What its file system says of its options, each with a leading comma.
    pub options: String,
    /// The number of its peers' group, if it is shared.
    pub shared: Option<u64>,
    /// The number of its master's group, if it is a slave.
    pub master: Option<u64>,
    /// The number of the nearest group, from its master's upwards, that the context can see a mount of.
    pub propagate_from: Option<u64>,
    /// Whether it is shown at no second place.
    pub unbindable: bool,
    /// The file system.
    pub file_system: Arc<dyn FileSystemOperations>,
}

impl MountInfo {
    /// The options of the mount and its file system together, as `/proc/mounts` has them.
    pub fn all_options(&self) -> String {
        let access = access((self.flags | self.general).contains(MountFlags::READ_ONLY));
        let (general, own) = (self.general.show_of_file_system(), self.flags.show());
        format!("{access}{general}{own}{}", self.options)
    }

    /// Those of the mount.
    pub fn own_options(&self) -> String {
        format!("{}{}", access(self.flags.contains(MountFlags::READ_ONLY)), self.flags.show())
    }

    /// Those of the file system, in all its mounts.
    pub fn file_system_options(&self) -> String {
        let access = access(self.general.contains(MountFlags::READ_ONLY));
        format!("{access}{}{}", self.general.show_of_file_system(), self.options)
    }
}

const fn access(read_only: bool) -> &'static str {
    if read_only { "ro" } else { "rw" }
}

impl VfsManager {
    /// The place that is to be mounted on or to be changed. As on Linux, one that is not there is told even to those who
    /// may not mount.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM` without `CAP_SYS_ADMIN`.
    fn mount_target(&self, context: &Context, path: &[u8], follow: Follow) -> Result<Path> {
        let target = self.resolve(context, path, follow)?;
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        Ok(target)
    }

    /// Mounts a file system of a registered type (`mount(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM` without `CAP_SYS_ADMIN`, `ENODEV` for an unknown type, `ENOTDIR` when
    /// the target is no directory, and what the driver answers, with its message.
    pub fn mount(&self, context: &Context, what: &MountArguments<'_>) -> core::result::Result<(), MountError> {
        let target = self.mount_target(context, what.target, Follow::Yes)?;
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
        let target = self.mount_target(context, target, Follow::Yes)?;
        self.attach_new(operations, source, flags, target)
    }

    fn attach_new(
        &self,
        operations: Arc<dyn FileSystemOperations>,
        source: &[u8],
        flags: MountFlags,
        target: Path,
    ) -> Result<()> {
        let superblock = SuperBlock::with_flags(operations, flags)?;
        let root = superblock.root().clone();
        check_kinds(&root, &target)?;
        self.tree.attach(&MountPoint::admitted(superblock, root, source, flags)?, target)
    }

    /// Shows `source` at another place too (`MS_BIND`); with `recursive` also the mounts below it (`MS_REC`). The
    /// source may be of another namespace.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `EINVAL` for what is unbindable, `ENOTDIR` when one is a directory and
    /// the other is not, `ENOSPC` when a namespace has too many mounts, `ENOMEM`.
    pub fn bind(&self, context: &Context, source: &Path, target: &[u8], recursive: bool) -> Result<()> {
        let target = self.mount_target(context, target, Follow::Yes)?;
        self.attach_view(source, target, recursive)
    }

    fn attach_view(&self, source: &Path, target: Path, recursive: bool) -> Result<()> {
        source.node()?;
        if source.mount.is_unbindable() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        check_kinds(&source.entry, &target)?;
        self.tree.attach_copy(source, recursive, target)
    }

    /// As [`VfsManager::bind`], for a source that is a path.
    ///
    /// # Errors
    /// As [`VfsManager::bind`]; `EINVAL` for an empty path, and for one that leads out of the namespace.
    pub fn bind_path(&self, context: &Context, source: &[u8], target: &[u8], recursive: bool) -> Result<()> {
        let target = self.mount_target(context, target, Follow::Yes)?;
        let source = self.mount_source(context, source)?;
        self.tree.check_usable(&source.mount)?;
        self.attach_view(&source, target, recursive)
    }

    /// What is to be shown elsewhere, or to be moved.
    fn mount_source(&self, context: &Context, path: &[u8]) -> Result<Path> {
        if path.is_empty() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.resolve(context, path, Follow::Yes)
    }

    /// Moves what is mounted on `source`, with all that stands on it, to another place (`MS_MOVE`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `EINVAL` for an empty path, where nothing is mounted, for the root of
    /// the namespace, for what stands on a shared mount, where something unbindable would come to a shared mount, and
    /// when one is a directory and the other is not; `ELOOP` for a place below the mount; `ENOSPC`, `ENOMEM`.
    pub fn move_mount(&self, context: &Context, source: &[u8], target: &[u8]) -> Result<()> {
        let target = self.mount_target(context, target, Follow::Yes)?;
        let source = self.mount_source(context, source)?;
        self.relocate(context, &source, target)
    }

    /// Changes how what is mounted on `target` passes on what is mounted on it; with `recursive` (`MS_REC`) that of all
    /// that stand on it as well.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `EINVAL` where nothing is mounted.
    pub fn set_propagation(
        &self,
        context: &Context,
        target: &[u8],
        propagation: Propagation,
        recursive: bool,
    ) -> Result<()> {
        let target = self.mount_target(context, target, Follow::Yes)?;
        let flags = FlagChange { set: MountFlags::empty(), clear: MountFlags::empty() };
        let change = AttributeChange { flags, propagation: Some(propagation) };
        self.change_mounts(&target, change, recursive)
    }

    /// Changes the properties of one mount (`MS_REMOUNT` with `MS_BIND`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `EINVAL` when nothing is mounted there, `EBUSY` for read-only while
    /// files are open for writing through it.
    pub fn change_mount(&self, context: &Context, target: &[u8], change: impl Into<FlagChange>) -> Result<()> {
        let target = self.mounted_target(context, target)?;
        target.mount.set_flags(change.into().apply(target.mount.flags()))
    }

    /// What is mounted on a path, to be changed.
    fn mounted_target(&self, context: &Context, target: &[u8]) -> Result<Path> {
        let target = self.mount_target(context, target, Follow::Yes)?;
        self.tree.check(&target.mount)?;
        if target.is_mount_root() { Ok(target) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    /// Changes the file system that is mounted on `target`, in all its mounts, and then the properties of this mount
    /// (`MS_REMOUNT`).
    ///
    /// # Errors
    /// Those of [`VfsManager::change_mount`]; `EBUSY` for read-only while files are open for writing on the file system,
    /// `EROFS` for writable when it never is, and what the driver answers, with its message.
    pub fn remount(
        &self,
        context: &Context,
        target: &[u8],
        change: impl Into<FlagChange>,
        options: &[u8],
    ) -> core::result::Result<(), MountError> {
        let target = self.mounted_target(context, target)?;
        let change = change.into();
        self.reconfigure(context, target.mount.superblock(), target.mount.source(), change, options)?;
        Ok(target.mount.set_flags(change.apply(target.mount.flags()))?)
    }

    /// Changes a file system that is mounted: those of its properties that can be changed
    /// ([`MountFlags::OF_FILE_SYSTEM`]), and its options.
    ///
    /// # Errors
    /// As [`VfsManager::remount`].
    pub fn reconfigure(
        &self,
        context: &Context,
        superblock: &SuperBlock,
        source: &[u8],
        change: FlagChange,
        options: &[u8],
    ) -> core::result::Result<(), MountError> {
        let operations = superblock.operations();
        let before = superblock.flags();
        let flags = change.apply(before);
        let read_only = flags.contains(MountFlags::READ_ONLY);
        // With options it may become writable, or stay as it is.
        if operations.read_only() && !read_only && options.is_empty() {
            return Err(FileSystemError::new(FileSystemErrorKind::ReadOnlyFileSystem).into());
        }
        // How directories are written is decided when it is mounted.
        let lasting = MountFlags::SYNCHRONOUS_DIRECTORIES;
        superblock.set_flags((flags - lasting) | (before & lasting))?;
        let mut request = MountRequest::remount(superblock, source, options, read_only, self, context);
        operations.remount(&mut request).map_err(|error| {
            // It had these flags a moment ago, so they can only fail if a file was opened for writing since.
            let _ = superblock.set_flags(before);
            let cannot = || format!("cannot remount with '{}'", options.escape_ascii());
            MountError { error, message: Some(request.into_message().unwrap_or_else(cannot)) }
        })
    }

    /// Unmounts what is mounted on a path, the topmost first (`umount2(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `EINVAL` when nothing is mounted there or flags contradict each other,
    /// `EBUSY` when it is in use, or the root of the namespace, `EAGAIN` ([`UnmountFlags::EXPIRE`]).
    pub fn unmount(&self, context: &Context, target: &[u8], flags: UnmountFlags) -> Result<()> {
        let follow = if flags.contains(UnmountFlags::NO_FOLLOW) { Follow::No } else { Follow::Yes };
        let target = self.mount_target(context, target, follow)?;
        let expire = flags.contains(UnmountFlags::EXPIRE);
        let contradicts = flags.intersects(UnmountFlags::LAZY | UnmountFlags::FORCE)
            || Arc::ptr_eq(&target.mount, &context.root.mount);
        if !target.is_mount_root() || expire && contradicts {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if flags.contains(UnmountFlags::LAZY) {
            self.tree.detach_lazily(&target.mount)
        } else {
            self.tree.detach(&target.mount, 1, expire)
        }
    }

    /// Puts the mount at `new_root` where the context's root is mounted, and that on `put_old` (`pivot_root(2)`). Where
    /// the context's root or current directory was the old root, it becomes the new one; the answer
    /// does the same for others.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EPERM`, `ENOTDIR`, `EINVAL` when `new_root` or the context's root is no mount's
    /// root, `new_root` is not below that, or `put_old` not below `new_root`, and when the mount that one of these three
    /// stands on is shared; `EBUSY` when one of them is on the present root's mount.
    pub fn pivot_root(&self, context: &mut Context, new_root: &[u8], put_old: &[u8]) -> Result<RootMove> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let directory = |path| {
            let place = self.resolve(context, path, Follow::Yes)?;
            if place.entry.is_directory() { Ok(place) } else { fail(FileSystemErrorKind::NotADirectory) }
        };
        let (new, put_old) = (directory(new_root)?, directory(put_old)?);
        let old = context.root.clone();
        let shared = |place: Path| place.mount.is_shared();
        if put_old.mount.is_shared() || [&new, &old].into_iter().filter_map(|path| path.mount.place()).any(shared) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if Arc::ptr_eq(&new.mount, &old.mount) || Arc::ptr_eq(&put_old.mount, &old.mount) {
            return fail(FileSystemErrorKind::Busy);
        }
        if !new.is_mount_root() || !old.is_mount_root() || !new.is_above(&put_old) || !old.is_above(&new) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.tree.pivot(&old.mount, &new, &put_old)?;
        let moved = RootMove { old, new };
        moved.follow(context);
        Ok(moved)
    }

    /// The mounts that the context can see, in the order they were made.
    pub fn mounts(&self, context: &Context) -> Vec<MountInfo> {
        let mounts = self.tree.mounts().into_iter();
        mounts.map(|mount| self.describe(context, &mount)).filter(|mount| !mount.target.is_empty()).collect()
    }

    /// What there is to say of a mount of this namespace.
    pub fn describe(&self, context: &Context, mount: &Arc<MountPoint>) -> MountInfo {
        let superblock = mount.superblock();
        let operations = superblock.operations().clone();
        let mut options = String::new();
        // Writing to a string does not fail.
        let _ = operations.show_options(&mut options);
        let links = mount.links();
        let number = |group: &Option<Arc<PeerGroup>>| group.as_ref().map(|group| group.id());
        MountInfo {
            id: mount.id(),
            parent: mount.place().map_or(mount.id(), |place| place.mount.id()),
            source: mount.source().to_vec(),
            target: self.path_name(context, &Path::root_of(mount.clone())).unwrap_or_default(),
            type_name: operations.type_name(),
            root: mount.root().path(),
            flags: mount.flags(),
            general: superblock.flags()
                | if superblock.is_read_only() { MountFlags::READ_ONLY } else { MountFlags::empty() },
            options,
            shared: number(&links.group),
            master: number(&links.master),
            propagate_from: self.nearest_master(context, links.master),
            unbindable: links.unbindable,
            file_system: operations,
        }
    }

    /// The number of the first group, from `master` upwards, that has a member which the context can see.
    fn nearest_master(&self, context: &Context, master: Option<Arc<PeerGroup>>) -> Option<u64> {
        let visible = |mount: &Arc<MountPoint>| self.tree.check(mount).is_ok() && context.sees(mount);
        let mut groups = PeerGroup::from_upwards(master);
        groups.find(|group| group.members().iter().any(visible)).map(|group| group.id())
    }
}

/// A directory is mounted on directories, anything else on anything else.
fn check_kinds(root: &crate::entry::VfsEntry, target: &Path) -> Result<()> {
    target.node()?;
    if root.is_directory() == target.entry.is_directory() { Ok(()) } else { fail(FileSystemErrorKind::NotADirectory) }
}
