//! The file systems that come with the crate. The core knows none of them: each registers itself.

pub mod cpiofs;
pub mod overlayfs;
pub mod tmpfs;
