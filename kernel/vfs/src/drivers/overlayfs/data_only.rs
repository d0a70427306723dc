//! Data-only lower layers (`lowerdir=a::d`, `datadir+=d`): what they hold is never listed nor looked up. Only the data
//! of a file that is metadata alone in a layer above (`metacopy`) is found there, by an absolute redirect.
//!
//! ```text
//!  1      f  mode, owner, times, size; metacopy, redirect=/blob      what users see of f
//!  ::d    blob  the bytes                                            what they read in it; `blob` is not seen
//! ```
//!
//! The data is looked for when it is needed, not when the file is looked up: a tree of a million such files costs no
//! look at their data, and one whose data is missing can be listed, examined and removed. Opening it answers `ENOENT`,
//! or whatever else was in the way.
//!
//! Invariants: marks mean nothing in these layers. What was found stays the data of that node of the overlay; a file
//! that takes its place in the layer meanwhile shows when the overlay has forgotten the node.

use super::layer::{Layer, LayerNode};
use crate::content::{Content, Mapped, PageMapper, Shown};
use crate::environment::OpenStream;
use crate::error::{FileSystemError, FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::io::Sink;
use crate::metadata::{FileType, Metadata, NodeId, Permissions, SetAttributes};
use crate::node::{Access, Extent, NodeRef, VfsNode};
use crate::sync::RwLock;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

/// Bytes of the units in which space is counted where the data was not looked at yet.
const BLOCK: u64 = 4096;
/// Bytes of the unit of `st_blocks`.
const UNIT: u64 = 512;

/// The data of a file in a data-only layer: where to look for it, and what was found.
pub(super) struct DataFile {
    /// The node that has the metadata.
    of: NodeRef,
    layers: Arc<[Arc<Layer>]>,
    path: Vec<Box<[u8]>>,
    /// A leaf lock.
    found: RwLock<Option<LayerNode>>,
}

impl DataFile {
    /// The data of `of`, to be looked for at this path from the roots of the layers, topmost first.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn of(of: &LayerNode, layers: &Arc<[Arc<Layer>]>, path: Vec<Box<[u8]>>) -> Result<LayerNode> {
        page::admit(size_of::<Self>())?;
        let data = Self { of: of.node().clone(), layers: layers.clone(), path, found: RwLock::new(None) };
        Ok(of.sibling(Arc::new(data)))
    }

    /// What `node` is, if it is data that is looked for when it is needed.
    pub fn is(node: &NodeRef) -> Option<&Self> {
        node.as_any().downcast_ref()
    }

    /// The data, in the first layer that has a regular file at the path.
    ///
    /// # Errors
    /// Where none has one, the last layer's reason: `ENOENT` also for what is no regular file, `ENOTDIR`, `ELOOP` for a
    /// symbolic link on the way. Any other error of a layer: what is below could be other data.
    pub fn find(&self) -> Result<LayerNode> {
        if let Some(found) = &*self.found.read() {
            return Ok(found.clone());
        }
        let mut last = FileSystemError::new(FileSystemErrorKind::NotFound);
        for layer in self.layers.iter() {
            match find_in(layer, &self.path) {
                Ok(found) => {
                    *self.found.write() = Some(found.clone());
                    return Ok(found);
                }
                Err(error) => match error.kind() {
                    FileSystemErrorKind::NotFound
                    | FileSystemErrorKind::NotADirectory
                    | FileSystemErrorKind::TooManySymlinks => last = error,
                    _ => return Err(error),
                },
            }
        }
        Err(last)
    }

    fn data(&self) -> Result<NodeRef> {
        Ok(self.find()?.node().clone())
    }
}

fn find_in(layer: &Arc<Layer>, path: &[Box<[u8]>]) -> Result<LayerNode> {
    let mut at = layer.root();
    for name in path {
        if at.node().kind() == FileType::Symlink {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        at = at.child(name)?.ok_or(FileSystemErrorKind::NotFound)?;
    }
    if at.node().kind() == FileType::Regular { Ok(at) } else { fail(FileSystemErrorKind::NotFound) }
}

impl VfsNode for DataFile {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        self.of.id()
    }

    fn kind(&self) -> FileType {
        FileType::Regular
    }

    fn permissions(&self) -> Permissions {
        self.of.permissions()
    }

    /// Of what was not needed yet, the size says how much space it takes.
    fn metadata(&self) -> Result<Metadata> {
        let found = self.found.read().clone();
        if let Some(found) = found {
            return found.node().metadata();
        }
        let metadata = self.of.metadata()?;
        Ok(Metadata { blocks: metadata.size.div_ceil(BLOCK) * (BLOCK / UNIT), ..metadata })
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        self.of.file_system()
    }

    fn set_attributes(&self, _set: &SetAttributes) -> Result<()> {
        fail(FileSystemErrorKind::ReadOnlyFileSystem)
    }

    fn open(&self, access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        self.data()?.open(access)
    }

    fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        self.data()?.read(offset, sink)
    }

    fn seek_extent(&self, what: Extent, offset: u64) -> Result<u64> {
        self.data()?.seek_extent(what, offset)
    }

    fn content(&self) -> Result<Content> {
        self.data()?.content()
    }

    fn is_mappable(&self) -> bool {
        self.data().is_ok_and(|data| data.is_mappable())
    }

    fn backing_node(&self) -> Option<NodeRef> {
        self.data().ok()
    }

    /// What opening it has not found, is not looked for here: that may wait.
    fn map_page(
        &self,
        index: u64,
        write: bool,
        mapper: &Arc<dyn PageMapper>,
        show: &mut dyn FnMut(Shown<'_>) -> Result<()>,
    ) -> Result<Mapped> {
        let found = self.found.read().clone().ok_or(FileSystemErrorKind::NotFound)?;
        found.node().map_page(index, write, mapper, show)
    }

    fn forget_mapper(&self, mapper: &Arc<dyn PageMapper>) {
        let found = self.found.read().clone();
        if let Some(found) = found {
            found.node().forget_mapper(mapper);
        }
    }
}
