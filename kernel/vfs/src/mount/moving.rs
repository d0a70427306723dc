//! Moving a mount from one place to another (`MS_MOVE`, `move_mount(2)`).

use super::propagation;
use super::tree::{MountTree, subtree};
use super::{MountPoint, Path};
use crate::error::{FileSystemErrorKind, Result, fail};
use alloc::sync::Arc;

impl MountTree {
    /// Moves a mount with all that stands on it to another place (`MS_MOVE`). It may be the root of a detached tree, and
    /// then the place be in a detached tree as well.
    ///
    /// # Errors
    /// `EINVAL` for the root of the namespace, what else is neither in it nor a detached root, what stands on a shared
    /// mount, for a place that is not this namespace's nor in a detached tree, and where something unbindable would come
    /// to a shared mount; `ELOOP` for a place below the mount; `ENOENT`, `ENOSPC`, `ENOMEM`.
    pub(crate) fn relocate(&self, mount: &Arc<MountPoint>, at: Path) -> Result<()> {
        let _change = self.change();
        let at = Self::place_on(at)?;
        self.check_move(mount, &at)?;
        self.move_to(mount, &at)
    }

    /// As [`MountTree::relocate`], to beneath the topmost of those that stand where the mount `over` does
    /// (`MOVE_MOUNT_BENEATH`); `root` is what stands at the root of who asks.
    ///
    /// # Errors
    /// As [`MountTree::relocate`]; `EINVAL` where nothing can be beneath: below that root, below what `mount` stands on
    /// itself; for a `mount` whose root something else covers; and where a copy would come to stand on what it is to be
    /// beneath, or on itself.
    pub(crate) fn relocate_beneath(
        &self,
        mount: &Arc<MountPoint>,
        over: &Arc<MountPoint>,
        root: &MountPoint,
    ) -> Result<()> {
        let _change = self.change();
        let over = Path::root_of(over.clone()).crossed();
        if over.mount.namespace().is_none() {
            return fail(FileSystemErrorKind::NotFound);
        }
        let Some(at) = over.mount.place() else { return fail(FileSystemErrorKind::InvalidArgument) };
        self.check_move(mount, &at)?;
        let covered = mount.standing_at(&mount.root).is_some();
        let stands_on_it = over.is_above(&Path::root_of(mount.clone()));
        let comes_back = propagation::covers(&at, &over.mount) || self.has(mount) && propagation::covers(&at, mount);
        if covered || core::ptr::eq(&*over.mount, root) || stands_on_it || comes_back {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.move_to(mount, &at)
    }

    /// Whether a mount may be moved, and to that namespace.
    fn check_move(&self, mount: &Arc<MountPoint>, at: &Path) -> Result<()> {
        let movable = if self.has(mount) {
            mount.place().is_some_and(|place| !place.mount.is_shared()) && self.has(&at.mount)
        } else {
            let same = |namespace| at.mount.namespace().is_some_and(|there| Arc::ptr_eq(&namespace, &there));
            self.is_detached_root(mount) && !mount.namespace().is_some_and(same) && self.check_usable(&at.mount).is_ok()
        };
        if movable { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    fn move_to(&self, mount: &Arc<MountPoint>, at: &Path) -> Result<()> {
        if at.mount.is_shared() && subtree(mount).iter().any(|mount| mount.is_unbindable()) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if Path::root_of(mount.clone()).is_above(at) {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        self.attach_tree(mount, at)
    }
}
