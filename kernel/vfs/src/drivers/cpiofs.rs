//! cpiofs: a cpio archive as a read-only file system, where it lies in memory.
//!
//! `load` reads the bytes (archives one after the other, plain or gzip), [`newc`] the entries of one archive,
//! `build` makes a tree of them, `image` is that tree, `node` the inodes over it,
//! `driver` mounts one from a file. Data is not copied: the content
//! of a file is a slice of the archive ([`Bytes`]), or of what was unpacked once.
//!
//! Accepted is what Linux accepts as an initramfs, as far as gzip goes, with two differences that [`newc`] and `build`
//! tell of. What cannot be read refuses the whole mount with a [`CpioError`] that names the place.
//!
//! The parser is our own (some 100 lines): of the crates on the registry, `hadris-cpio` copies names and data through
//! `Read`, gives no offsets with its errors, and stops at the first trailer; others know neither checksums nor padding
//! in names.

mod build;
mod driver;
pub mod error;
mod gzip;
mod image;
mod load;
pub mod newc;
mod node;
#[cfg(any(test, feature = "selftest"))]
mod tests;

use crate::content::Bytes;
use crate::error::Result;
use crate::file_system::FileSystemOperations;
use crate::metadata::{FileSystemId, Statistics};
use crate::node::NodeRef;
use alloc::sync::Arc;
use core::any::Any;
use error::CpioError;
use image::{Image, ROOT};
use node::CpioNode;

/// The type, as `mount -t` takes it.
const TYPE_NAME: &str = "cpiofs";

/// What `statfs(2)` shows as the type: "cpio".
const MAGIC: u64 = 0x6370_696f;

const BLOCK_SIZE: u64 = 4096;

/// A mounted archive.
pub struct CpioFs {
    image: Arc<Image>,
}

impl CpioFs {
    /// Reads an archive, compressed or not. The file system keeps its bytes and copies none of them.
    ///
    /// # Errors
    /// What is wrong with the archive and where.
    pub fn from_archive(archive: Bytes) -> core::result::Result<Arc<Self>, CpioError> {
        Ok(Arc::new(Self { image: Arc::new(load::load(&archive)?) }))
    }
}

impl FileSystemOperations for CpioFs {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        TYPE_NAME
    }

    fn id(&self) -> FileSystemId {
        self.image.id
    }

    fn root(&self) -> NodeRef {
        Arc::new(CpioNode::new(self.image.clone(), ROOT))
    }

    fn statistics(&self) -> Result<Statistics> {
        let bytes: u64 = self.image.sections.iter().map(|section| section.len() as u64).sum();
        Ok(Statistics {
            magic: MAGIC,
            block_size: BLOCK_SIZE,
            blocks: bytes.div_ceil(BLOCK_SIZE),
            blocks_free: 0,
            nodes: u64::from(self.image.nodes),
            nodes_free: 0,
            name_max: 255,
        })
    }

    fn read_only(&self) -> bool {
        true
    }
}
