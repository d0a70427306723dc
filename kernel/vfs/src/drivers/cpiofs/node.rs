//! The node: a row of the image, and the operations on it.

use super::CpioFs;
use super::image::{Body, Image, Name, Row, RowNumber};
use crate::content::{Content, Mapped, PAGE_SIZE, PageMapper, Shown};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::io::{Sink, Source};
use crate::metadata::{DeviceNumber, FileFlags, FileType, Metadata, NodeId, Permissions, SetAttributes};
use crate::node::{
    Allocate, DirectoryItem, EmitItem, Extent, FIRST_CURSOR, NewNode, NodeRef, Rename, SetXattr, VfsNode, WriteAt,
};
use crate::time::Timestamp;
use alloc::sync::Arc;
use core::any::Any;

/// A file of a mounted archive: which row of which image. Made anew at each lookup; nodes of equal identity are the
/// same, as the image never changes.
pub(super) struct CpioNode {
    image: Arc<Image>,
    number: RowNumber,
}

impl CpioNode {
    /// The node of a row that the image has.
    pub fn new(image: Arc<Image>, number: RowNumber) -> Self {
        Self { image, number }
    }

    fn row(&self) -> &Row {
        self.image.row(self.number)
    }

    /// The names in this directory, in archive order.
    fn children(&self) -> Result<impl ExactSizeIterator<Item = &Name>> {
        let Body::Directory { first, count, .. } = self.row().body else {
            return fail(FileSystemErrorKind::NotADirectory);
        };
        let indices = &self.image.children[first as usize..(first + count) as usize];
        Ok(indices.iter().map(|index| &self.image.names[*index as usize]))
    }

    /// What a regular file has; what `stat(2)` calls the content of a symbolic link.
    fn data(&self) -> &[u8] {
        match self.row().body {
            Body::Data(span) | Body::Target(span) => self.image.bytes(span),
            _ => &[],
        }
    }
}

fn inode(number: RowNumber) -> u64 {
    u64::from(number) + 1
}

fn read_only<T>() -> Result<T> {
    fail(FileSystemErrorKind::ReadOnlyFileSystem)
}

impl VfsNode for CpioNode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        NodeId { file_system: self.image.id, inode: inode(self.number) }
    }

    fn kind(&self) -> FileType {
        self.row().kind
    }

    fn permissions(&self) -> Permissions {
        let row = self.row();
        Permissions::new(u32::from(row.mode), row.uid, row.gid)
    }

    fn metadata(&self) -> Result<Metadata> {
        let row = self.row();
        let size = self.data().len() as u64;
        let modified = Timestamp::from_seconds(i64::from(row.modified));
        let has_flags = matches!(row.kind, FileType::Regular | FileType::Directory);
        Ok(Metadata {
            links: u64::from(row.links),
            device: match row.body {
                Body::Device(device) => device,
                _ => DeviceNumber::default(),
            },
            size,
            blocks: if row.kind == FileType::Regular { size.div_ceil(512) } else { 0 },
            flags: has_flags.then(FileFlags::empty),
            ..Metadata::untouched(self.id(), row.kind, self.permissions(), modified)
        })
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        Ok(Arc::new(CpioFs { image: self.image.clone() }))
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        if self.kind() != FileType::Directory {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        match self.image.find(self.number, name) {
            Some(index) => Ok(Arc::new(Self::new(self.image.clone(), self.image.names[index].row))),
            None => fail(FileSystemErrorKind::NotFound),
        }
    }

    /// A cursor is the child's place in archive order.
    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        let mut cursor = cursor.max(FIRST_CURSOR);
        let skipped = usize::try_from(cursor - FIRST_CURSOR).unwrap_or(usize::MAX);
        for name in self.children()?.skip(skipped) {
            let next = cursor + 1;
            let item = DirectoryItem {
                name: self.image.bytes(name.text),
                inode: inode(name.row),
                kind: self.image.row(name.row).kind,
                next,
            };
            if !emit(item) {
                break;
            }
            cursor = next;
        }
        Ok(cursor)
    }

    fn read_link(&self) -> Result<Arc<[u8]>> {
        match self.row().body {
            Body::Target(span) => Ok(Arc::from(self.image.bytes(span))),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        }
    }

    fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        if self.kind() != FileType::Regular {
            return fail(self.no_content());
        }
        let data = self.data();
        let rest = usize::try_from(offset).ok().and_then(|offset| data.get(offset..)).unwrap_or(&[]);
        let step = &rest[..rest.len().min(sink.room())];
        sink.put(step)?;
        Ok(step.len())
    }

    /// Data all the way: an archive has no holes.
    fn seek_extent(&self, what: Extent, offset: u64) -> Result<u64> {
        if self.kind() != FileType::Regular {
            return fail(self.no_content());
        }
        let size = self.data().len() as u64;
        match what {
            _ if offset >= size => fail(FileSystemErrorKind::NoSuchDeviceOrAddress),
            Extent::Data => Ok(offset),
            Extent::Hole => Ok(size),
        }
    }

    fn content(&self) -> Result<Content> {
        match self.row().body {
            Body::Data(span) => Ok(Content::from_bytes(self.image.share(span))),
            _ => fail(FileSystemErrorKind::NotSupported),
        }
    }

    fn is_mappable(&self) -> bool {
        self.kind() == FileType::Regular
    }

    /// Nobody is ever told anything: the bytes stay.
    fn map_page(
        &self,
        index: u64,
        write: bool,
        _mapper: &Arc<dyn PageMapper>,
        show: &mut dyn FnMut(Shown<'_>) -> Result<()>,
    ) -> Result<Mapped> {
        if write {
            return read_only();
        }
        let content = self.content()?;
        if index >= content.len().div_ceil(PAGE_SIZE) {
            return Ok(Mapped::BehindEnd);
        }
        show(content.shown(index))?;
        Ok(Mapped::Shown)
    }

    fn set_attributes(&self, _set: &SetAttributes) -> Result<()> {
        read_only()
    }

    fn create(&self, _name: &[u8], _new: &NewNode<'_>) -> Result<NodeRef> {
        read_only()
    }

    fn create_unnamed(&self, _new: &NewNode<'_>) -> Result<NodeRef> {
        read_only()
    }

    fn link(&self, _name: &[u8], _node: &NodeRef) -> Result<()> {
        read_only()
    }

    fn unlink(&self, _name: &[u8], _victim: &NodeRef) -> Result<()> {
        read_only()
    }

    fn remove_directory(&self, _name: &[u8], _victim: &NodeRef) -> Result<()> {
        read_only()
    }

    fn rename(&self, _rename: &Rename<'_>) -> Result<()> {
        read_only()
    }

    fn write(&self, _at: WriteAt, _source: &mut dyn Source) -> Result<(u64, usize)> {
        read_only()
    }

    fn allocate(&self, _what: Allocate, _offset: u64, _length: u64) -> Result<()> {
        read_only()
    }

    fn set_content(&self, _content: Content) -> Result<()> {
        read_only()
    }

    fn set_xattr(&self, _name: &[u8], _value: &[u8], _how: SetXattr) -> Result<()> {
        read_only()
    }

    fn remove_xattr(&self, _name: &[u8]) -> Result<()> {
        read_only()
    }
}
