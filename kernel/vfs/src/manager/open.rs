//! `openat(2)`.

use super::names::{create_in, new_node};
use super::{Follow, VfsManager};
use crate::context::{AccessMode, Context, ResolveFlags};
use crate::environment::OpenStream;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file::{FileObject, OpenFlags};
use crate::inotify::WatchMask;
use crate::lease;
use crate::manager::attributes::set_size;
use crate::metadata::{FileFlags, FileType};
use crate::mount::{MountFlags, Path};
use crate::node::{Access, NewKind, NodeRef};
use crate::superblock::SuperBlock;
use crate::usage::Used;
use crate::walk::End;
use alloc::sync::Arc;

impl VfsManager {
    /// Opens a file. `mode` is for one that is made, before the umask.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EEXIST` under `O_CREAT|O_EXCL`, `EISDIR`, `ENOTDIR` under `O_DIRECTORY`,
    /// `ELOOP` for a symbolic link under `O_NOFOLLOW`, `EACCES`, `EPERM` for `O_NOATIME` on another's file, `EROFS`,
    /// `ENXIO` for a socket or a device that is not there, `EINVAL` for flags that make no sense, `ENOSPC`, `EAGAIN` under
    /// `O_NONBLOCK` for what somebody has a lease on, `EINTR` while waiting for that,
    /// `ETXTBSY` for writing what is run, `EOPNOTSUPP` for `O_TMPFILE` where the file system cannot.
    pub fn open(&self, context: &Context, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Arc<FileObject>> {
        if flags.contains(OpenFlags::PATH) {
            return open_place(self.resolve(context, path, follow(flags))?, flags);
        }
        let changes = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::TEMPORARY;
        if context.resolve.contains(ResolveFlags::CACHED) && flags.intersects(changes) {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        if flags.contains(OpenFlags::TEMPORARY) {
            return open_unnamed(context, flags, mode, || self.resolve(context, path, follow(flags)));
        }
        if !flags.contains(OpenFlags::CREATE) {
            let place = self.resolve(context, path, follow(flags))?;
            return self.open_at(context, place, flags);
        }
        if flags.contains(OpenFlags::DIRECTORY) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.open_or_create(context, path, flags, mode)
    }

    /// Opens what is found already: as by a path, but that there is no name to make anything under.
    ///
    /// # Errors
    /// Those of [`VfsManager::open`].
    pub fn open_found(&self, context: &Context, place: Path, flags: OpenFlags) -> Result<Arc<FileObject>> {
        if flags.contains(OpenFlags::PATH) {
            return open_place(place, flags);
        }
        if flags.contains(OpenFlags::TEMPORARY) {
            return open_unnamed(context, flags, 0, || Ok(place));
        }
        if flags.contains(OpenFlags::CREATE) {
            if flags.contains(OpenFlags::DIRECTORY) {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
            if flags.contains(OpenFlags::EXCLUSIVE) {
                return fail(FileSystemErrorKind::AlreadyExists);
            }
            if place.entry.is_directory() {
                return fail(FileSystemErrorKind::IsADirectory);
            }
        }
        self.open_at(context, place, flags - OpenFlags::CREATE)
    }

    fn open_or_create(&self, context: &Context, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Arc<FileObject>> {
        let exclusive = flags.contains(OpenFlags::EXCLUSIVE);
        // What ends in a slash would have to be a directory, which is not made here, wherever a link leads.
        let follow = if exclusive || path.ends_with(b"/") { Follow::No } else { follow(flags) };
        super::names::retry_stale(|| {
            let end = self.tree.resolve_name(context, path, follow)?;
            if let End::Place(place) = end {
                if place.entry.is_directory() {
                    return fail(FileSystemErrorKind::IsADirectory);
                }
                return self.open_at(context, place, flags - OpenFlags::CREATE);
            }
            let target = end.name_or(if exclusive {
                FileSystemErrorKind::AlreadyExists
            } else {
                FileSystemErrorKind::IsADirectory
            })?;
            if target.slash {
                return fail(FileSystemErrorKind::IsADirectory);
            }
            if target.entry.node().is_some() {
                if exclusive {
                    return fail(FileSystemErrorKind::AlreadyExists);
                }
                let place = target.path(context)?;
                if place.entry.is_directory() {
                    return fail(FileSystemErrorKind::IsADirectory);
                }
                return self.open_at(context, place, flags - OpenFlags::CREATE);
            }
            target.parent.mount.check_writable()?;
            let mode = mode & 0o7777;
            let before = target.parent.node()?.change();
            let node = match create_in(context, &target, NewKind::Regular, mode) {
                // Somebody was quicker: without O_EXCL theirs will do, so look again.
                Err(error) if error.kind() == FileSystemErrorKind::AlreadyExists && !exclusive => {
                    return fail(FileSystemErrorKind::Stale);
                }
                result => result?,
            };
            // The rights of a file one has just made are not asked for: a new file may be read-only to its maker. Nor
            // is the file system asked once more: what fails makes no file (`open(2)`).
            let directory = target.parent;
            let entry = directory.mount.superblock().created(&directory.entry, &target.name, node, before);
            directory.tell_of_name(&target.name, FileType::Regular, WatchMask::CREATE);
            let place = Path { mount: directory.mount, entry };
            opened(place, None, flags, None)
        })
    }

    /// Opens a place that is there, with all checks.
    fn open_at(&self, context: &Context, place: Path, flags: OpenFlags) -> Result<Arc<FileObject>> {
        let node = place.node()?;
        let kind = node.kind();
        let writes = flags.intersects(OpenFlags::WRITE | OpenFlags::TRUNCATE);
        if flags.contains(OpenFlags::DIRECTORY) && kind != FileType::Directory {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        match kind {
            FileType::Symlink => return fail(FileSystemErrorKind::TooManySymlinks),
            FileType::Directory if writes => return fail(FileSystemErrorKind::IsADirectory),
            FileType::Directory => {}
            FileType::CharDevice | FileType::BlockDevice if place.mount.flags().contains(MountFlags::NO_DEVICES) => {
                return fail(FileSystemErrorKind::PermissionDenied);
            }
            FileType::Regular if writes => place.mount.check_writable()?,
            _ => {}
        }
        let mut wanted = AccessMode::empty();
        wanted.set(AccessMode::READ, flags.contains(OpenFlags::READ));
        wanted.set(AccessMode::WRITE, writes);
        context.credentials.check(&**node, wanted)?;
        let grows = flags.contains(OpenFlags::APPEND) && !flags.contains(OpenFlags::TRUNCATE);
        if writes && !grows && node.permissions().flags.contains(FileFlags::APPEND_ONLY) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        if kind == FileType::Socket {
            return fail(FileSystemErrorKind::NoSuchDeviceOrAddress);
        }
        if flags.contains(OpenFlags::NO_ACCESS_TIME) && !context.credentials.owns(node.permissions()) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        self.finish_open(context, place, flags)
    }

    /// Makes the open file, once nobody has a lease that does not go with it, and truncates if asked to: that last, for it
    /// cannot be undone.
    fn finish_open(&self, context: &Context, place: Path, flags: OpenFlags) -> Result<Arc<FileObject>> {
        let node = place.node()?;
        let truncates = flags.contains(OpenFlags::TRUNCATE) && node.kind() == FileType::Regular;
        let mut access = flags.access();
        // The truncation is a change itself, for which an overlay copies up without content that goes at once.
        access.set(Access::WRITE, access.contains(Access::WRITE) && !truncates);
        let used = Used::new(node.clone(), flags)?;
        let only_cuts = truncates && !flags.contains(OpenFlags::WRITE);
        let _cut = only_cuts.then(|| Used::new(node.clone(), OpenFlags::WRITE)).transpose()?;
        lease::break_for(node, flags.access(), !flags.contains(OpenFlags::NON_BLOCKING))?;
        let stream = self.open_stream(context, node, access, !flags.contains(OpenFlags::NON_BLOCKING))?;
        let file = opened(place, Some(used), flags, stream)?;
        if truncates {
            file.path().tell_of_change(set_size(&context.credentials, file.node(), 0, None)?);
        }
        Ok(file)
    }

    /// Opens a node, and what it stands for if that is a device or a FIFO.
    fn open_stream(
        &self,
        context: &Context,
        node: &NodeRef,
        access: Access,
        may_wait: bool,
    ) -> Result<Option<Arc<dyn OpenStream>>> {
        let kind = node.kind();
        match (node.open(access)?, kind) {
            (None, FileType::CharDevice | FileType::BlockDevice | FileType::Fifo) => {
                let device = node.metadata()?.device;
                Ok(Some(self.environment.devices.open(node, kind, device, access, may_wait, context)?))
            }
            (stream, _) => Ok(stream),
        }
    }
}

/// `O_PATH`: the place only, without a right to anything but its metadata.
fn open_place(place: Path, flags: OpenFlags) -> Result<Arc<FileObject>> {
    if flags.contains(OpenFlags::DIRECTORY) && !place.entry.is_directory() {
        return fail(FileSystemErrorKind::NotADirectory);
    }
    let node = Used::new(place.node()?.clone(), flags)?;
    FileObject::new(place, node, flags & (OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NO_FOLLOW), None)
}

/// `O_TMPFILE`: a file that has no name yet, in the file system of the directory that is found.
fn open_unnamed(
    context: &Context,
    flags: OpenFlags,
    mode: u32,
    find: impl FnOnce() -> Result<Path>,
) -> Result<Arc<FileObject>> {
    if !flags.contains(OpenFlags::WRITE) || flags.contains(OpenFlags::CREATE) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let directory = find()?;
    if !directory.entry.is_directory() {
        return fail(FileSystemErrorKind::NotADirectory);
    }
    directory.mount.check_writable()?;
    let parent = directory.node()?;
    context.credentials.check(&**parent, AccessMode::WRITE | AccessMode::EXECUTE)?;
    let new = new_node(context, parent, NewKind::Regular, mode & 0o7777);
    let node = parent.create_unnamed(&new)?;
    let entry = SuperBlock::unnamed(&directory.entry, node);
    opened(Path { mount: directory.mount, entry }, None, flags, None)
}

/// The open file, of which who watches is told.
fn opened(
    place: Path,
    used: Option<Used>,
    flags: OpenFlags,
    stream: Option<Arc<dyn OpenStream>>,
) -> Result<Arc<FileObject>> {
    let used = match used {
        Some(used) => used,
        None => Used::new(place.node()?.clone(), flags)?,
    };
    let file = FileObject::new(place, used, flags | OpenFlags::LARGE, stream)?;
    file.path().tell_of_use(WatchMask::OPEN);
    Ok(file)
}

fn follow(flags: OpenFlags) -> Follow {
    if flags.contains(OpenFlags::NO_FOLLOW) { Follow::No } else { Follow::Yes }
}
