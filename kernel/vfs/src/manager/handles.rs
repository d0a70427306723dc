//! Opening without a name: `name_to_handle_at(2)` and `open_by_handle_at(2)`.

use super::VfsManager;
use crate::context::{Capabilities, Context};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file::{FileObject, OpenFlags};
use crate::handles::{Handle, Purpose};
use crate::mount::Path;
use alloc::sync::Arc;

impl VfsManager {
    /// The handle of what is at a place.
    ///
    /// # Errors
    /// `EOPNOTSUPP` where there are none for that purpose, `ENOMEM`.
    pub fn handle_of(path: &Path, purpose: Purpose) -> Result<Handle> {
        path.mount.superblock().handle_of(&path.entry, purpose)
    }

    /// Opens the node with that handle (`None`: one that no node has), which is to be a directory where the handle says
    /// so (`only_directory`), in the file system that `beside` is on, through its mount.
    ///
    /// # Errors
    /// `EPERM` without `CAP_DAC_READ_SEARCH`, for nobody knows what directories lead there (where Linux is milder it is
    /// with who has that in a namespace of users, of which there is one here); `ESTALE` for a node that is
    /// gone or never was, or is not what the handle says; those of [`VfsManager::open`].
    pub fn open_handle(
        &self,
        context: &Context,
        beside: &Path,
        handle: Option<Handle>,
        only_directory: bool,
        flags: OpenFlags,
    ) -> Result<Arc<FileObject>> {
        context.credentials.require(Capabilities::DAC_READ_SEARCH)?;
        let mount = beside.mount.clone();
        let entry = mount.superblock().by_handle(handle.ok_or(FileSystemErrorKind::Stale)?)?;
        if only_directory && !entry.is_directory() {
            return fail(FileSystemErrorKind::Stale);
        }
        self.open_found(context, Path { mount, entry }, flags)
    }
}
