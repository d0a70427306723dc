//! A mount namespace.
/// A mount namespace.
pub struct VfsManager;
