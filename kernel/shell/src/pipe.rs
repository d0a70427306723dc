//! What flows through a pipe, kept in a file without a name until its reader has read it.
//!
//! The files are on a tmpfs that is mounted nowhere else, so a pipe needs no directory that can be written.

use alloc::sync::Arc;
use vfs::driver::{self, MountRequest};
use vfs::error::Result;
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::VfsManager;

/// Makes the files for pipes.
#[derive(Default)]
pub struct Pipes {
    /// Made for the first pipe.
    store: Option<Arc<VfsManager>>,
}

impl Pipes {
    /// An empty file to write and then to read.
    ///
    /// # Errors
    /// `ENODEV` where there is no tmpfs, `ENOMEM`.
    pub fn file(&mut self, manager: &Arc<VfsManager>) -> Result<Arc<FileObject>> {
        let store = match self.store.take() {
            Some(store) => store,
            None => empty_namespace(manager)?,
        };
        let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::TEMPORARY;
        let file = store.open(&store.root_context(), b"/", flags, 0o600);
        self.store = Some(store);
        file
    }
}

/// A namespace whose root is a tmpfs of its own, on the same machine as `manager`'s.
///
/// # Errors
/// `ENODEV` where there is no tmpfs, `ENOMEM`.
pub fn empty_namespace(manager: &Arc<VfsManager>) -> Result<Arc<VfsManager>> {
    let context = manager.root_context();
    let mut request = MountRequest::new(b"tmpfs", b"", false, manager, &context);
    let root = driver::driver("tmpfs")?.mount(&mut request)?;
    Ok(VfsManager::new(root, manager.environment().clone()))
}
