//! Mounts that are nowhere yet: made or copied first and put somewhere later (`fsmount(2)`, `open_tree(2)`,
//! `move_mount(2)`); and the properties of any (`mount_setattr(2)`).

use super::VfsManager;
use super::mounts::Propagation;
use crate::context::{Capabilities, Context};
use crate::environment::OpenStream;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file::{FileObject, OpenFlags};
use crate::io::{Sink, Source};
use crate::mount::{FlagChange, MountFlags, MountPoint, MountTree, Path};
use crate::superblock::SuperBlock;
use alloc::sync::Arc;

/// What holds a detached tree together while the file that stands for it is open.
struct Detached {
    _tree: MountTree,
}

impl OpenStream for Detached {
    fn read(&self, _offset: u64, _sink: &mut dyn Sink) -> Result<usize> {
        fail(FileSystemErrorKind::BadFileDescriptor)
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::BadFileDescriptor)
    }
}

/// The root of a detached tree as an open file; what is not put somewhere goes with it.
fn open(tree: MountTree) -> Result<Arc<FileObject>> {
    let root = Path::root_of(tree.root());
    FileObject::of_stream(root, OpenFlags::PATH, Arc::new(Detached { _tree: tree }))
}

/// A change of mounts' properties.
#[derive(Clone, Copy, Debug)]
pub struct AttributeChange {
    /// Those of each mount.
    pub flags: FlagChange,
    /// What they pass on, if that is to change.
    pub propagation: Option<Propagation>,
}

/// Whether one may be moved to the other.
fn check_pair(context: &Context, source: &Path, target: &Path) -> Result<()> {
    context.credentials.require(Capabilities::SYS_ADMIN)?;
    let alike = source.entry.is_directory() == target.entry.is_directory();
    if source.is_mount_root() && alike { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
}

impl VfsManager {
    /// A detached mount of a file system (`fsmount(2)`).
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn mount_detached(
        &self,
        superblock: Arc<SuperBlock>,
        source: &[u8],
        flags: MountFlags,
    ) -> Result<Arc<FileObject>> {
        let root = superblock.root().clone();
        let mount = MountPoint::admitted(superblock, root, source, flags)?;
        open(self.tree.detached(&mount)?)
    }

    /// A detached copy of what is shown at `source`; with `recursive` of all mounts below it too (`open_tree(2)` with
    /// `OPEN_TREE_CLONE`).
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for what is unbindable, or in another namespace; `ENOMEM`.
    pub fn copy_detached(&self, context: &Context, source: &Path, recursive: bool) -> Result<Arc<FileObject>> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        open(self.tree.detached_copy(source, recursive)?)
    }

    /// Moves a mount of this namespace to a place in it, or a detached one to a place in it or in a detached tree
    /// (`move_mount(2)`).
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for what is no mount's root, cannot be moved, or is no directory where the other is one; `ELOOP`
    /// for a place below the mount; `ENOENT` for one that is in no namespace any more; `ENOSPC`, `ENOMEM`.
    pub fn relocate(&self, context: &Context, source: &Path, target: Path) -> Result<()> {
        check_pair(context, source, &target)?;
        self.tree.relocate(&source.mount, target)
    }

    /// As [`VfsManager::relocate`], to beneath the topmost mount at that place (`MOVE_MOUNT_BENEATH`).
    ///
    /// # Errors
    /// As [`VfsManager::relocate`]; `EINVAL` where there is no mount, or none that it can be beneath.
    pub fn relocate_beneath(&self, context: &Context, source: &Path, target: &Path) -> Result<()> {
        check_pair(context, source, target)?;
        if !target.is_mount_root() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.tree.relocate_beneath(&source.mount, &target.mount, &context.root.mount)
    }

    /// Gives the mount `to`, which has nothing to do with others, the peers and the master of `from`
    /// (`MOVE_MOUNT_SET_GROUP`).
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for what is no mount's root, or where `to` shows what `from` does not.
    pub fn set_group(&self, context: &Context, from: &Path, to: &Path) -> Result<()> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        if !from.is_mount_root() || !to.is_mount_root() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.tree.set_group(&from.mount, &to.mount)
    }

    /// Changes the properties of the mount at `target` and, with `recursive`, of all that stand on it: of all or, with an
    /// error, of none (`mount_setattr(2)`).
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for what is no mount's root, in another namespace, or on another in a detached tree; `EBUSY` for
    /// read-only while files are open for writing.
    pub fn set_attributes_of_mounts(
        &self,
        context: &Context,
        target: &Path,
        change: AttributeChange,
        recursive: bool,
    ) -> Result<()> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        if !self.tree.is_detached_root(&target.mount) {
            self.tree.check(&target.mount)?;
        }
        self.change_mounts(target, change, recursive)
    }

    /// As [`VfsManager::set_attributes_of_mounts`], by who may, in any namespace.
    ///
    /// # Errors
    /// `EINVAL` for what is no mount's root, or gone; `EBUSY`.
    pub(super) fn change_mounts(&self, target: &Path, change: AttributeChange, recursive: bool) -> Result<()> {
        if !target.is_mount_root() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.tree.with(&target.mount, recursive, |mounts| {
            let before: alloc::vec::Vec<_> = mounts.iter().map(|mount| mount.flags()).collect();
            let changed = mounts.iter().try_for_each(|mount| mount.set_flags(change.flags.apply(mount.flags())));
            if let Err(error) = changed {
                // They had these a moment ago.
                mounts.iter().zip(before).for_each(|(mount, flags)| {
                    let _ = mount.set_flags(flags);
                });
                return Err(error);
            }
            if let Some(propagation) = change.propagation {
                mounts.iter().for_each(|mount| propagation.give(mount));
            }
            Ok(())
        })
    }
}
