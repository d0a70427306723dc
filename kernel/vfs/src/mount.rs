//! The mount tree.
use crate::entry::VfsEntry;
use alloc::sync::Arc;
/// A mount.
pub struct MountPoint;
/// A place in a namespace.
#[derive(Clone)]
pub struct Path {
    /// The mount.
    pub mount: Arc<MountPoint>,
    /// The entry.
    pub entry: Arc<VfsEntry>,
}
