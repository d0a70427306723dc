//! The dentry.
/// A name in the tree.
pub struct VfsEntry;
