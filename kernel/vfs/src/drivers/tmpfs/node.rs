//! The inode of a tmpfs.

mod making;

use super::attributes::Attributes;
use super::directory::Directory;
use super::handles::Whereabouts;
use super::names::{self, Change, Emptiness};
use super::regular::RegularFile;
use super::xattrs::Xattrs;
use super::{Shared, Tmpfs};
use crate::change::ChangeCell;
use crate::content::{Content, Mapped, PageMapper, Shown};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::{DirectoryTimes, FileSystemOperations};
use crate::io::{Sink, Source};
use crate::metadata::{DeviceNumber, FileFlags, FileType, Metadata, NodeId, Permissions, SetAttributes};
use crate::node::{
    Allocate, DirectoryItem, EmitItem, Extent, NewKind, NewNode, NodeRef, Rename, RenameFlags, SetXattr, VfsNode,
    WriteAt,
};
use crate::seals::Seals;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, RwLock};
use crate::time::Timestamp;
use crate::usage::Usage;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::ops::Range;

/// What a directory's size counts for each name, `.` and `..` included (as on Linux).
const BYTES_PER_NAME: u64 = 20;

/// A node of a tmpfs.
pub struct TmpfsNode {
    pub(super) me: Weak<TmpfsNode>,
    pub(super) shared: Arc<Shared>,
    inode: u64,
    attributes: Attributes,
    /// How many names are bound to it. Changed with the directories of those names locked.
    pub(super) names: AtomicU64,
    /// Whether it has never had a name and so may still get its first.
    pub(super) nameless: AtomicBool,
    pub(super) xattrs: RwLock<Xattrs>,
    pub(super) body: Body,
    pub(super) whereabouts: Whereabouts,
    /// The next of the nodes that go together with it: see [`super::going`].
    pub(super) doomed: Mutex<Option<Arc<TmpfsNode>>>,
    /// Whether what it cost has been given back.
    pub(super) dismantled: bool,
}

/// What its kind holds.
#[cfg_attr(feature = "shuttle", expect(clippy::large_enum_variant, reason = "the scheduler's locks are large"))]
pub(super) enum Body {
    Regular(RegularFile),
    Directory {
        names: RwLock<Directory>,
        changes: ChangeCell,
        /// How many of the names are directories'.
        directories: AtomicU64,
    },
    Symlink(Arc<[u8]>),
    Special(FileType, DeviceNumber),
}

impl TmpfsNode {
    /// The node of a tmpfs that `node` is.
    ///
    /// # Errors
    /// `EXDEV` for another file system's.
    pub(super) fn of(node: &NodeRef) -> Result<&Self> {
        node.as_any().downcast_ref().ok_or(FileSystemErrorKind::CrossDevice.into())
    }

    /// Itself, shared.
    ///
    /// # Errors
    /// `ESTALE` while it is being dropped.
    pub(super) fn shared_self(&self) -> Result<Arc<Self>> {
        self.me.upgrade().ok_or(FileSystemErrorKind::Stale.into())
    }

    /// Lets a regular file, which nobody else knows yet, be sealed, and seals it with these (`memfd_create(2)`).
    pub fn begin_sealing(&self, seals: Seals) {
        if let Body::Regular(file) = &self.body {
            file.sealing.begin(seals);
        }
    }

    /// The lock of its names.
    ///
    /// # Errors
    /// `ENOTDIR`.
    pub(super) fn directory(&self) -> Result<&RwLock<Directory>> {
        match &self.body {
            Body::Directory { names, .. } => Ok(names),
            _ => fail(FileSystemErrorKind::NotADirectory),
        }
    }

    fn regular(&self) -> Result<&RegularFile> {
        match &self.body {
            Body::Regular(file) => Ok(file),
            _ => fail(self.no_content()),
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory { .. })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Sets the change time.
    pub(super) fn touch_changed(&self, now: Timestamp) {
        self.attributes.touch_changed(now);
    }

    /// Sets modification and change time.
    pub(super) fn touch_modified(&self, now: Timestamp) {
        self.attributes.touch_modified(now);
    }

    fn set_size(&self, size: u64) -> Result<()> {
        match &self.body {
            Body::Regular(file) => file.set_len(&self.shared.limits, size),
            Body::Directory { .. } => fail(FileSystemErrorKind::IsADirectory),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        }
    }

    /// What is made in this directory is marked with.
    fn inherited(&self) -> FileFlags {
        self.permissions().flags & (FileFlags::NO_DUMP | FileFlags::NO_ACCESS_TIME)
    }

    /// Makes the change of one name in this directory.
    fn change_name(
        &self,
        name: &[u8],
        old: Option<&NodeRef>,
        new: Option<Arc<Self>>,
        emptiness: Emptiness,
    ) -> Result<()> {
        let old = old.map(Self::of).transpose()?;
        names::change(&[Change { directory: self, name, old, new }], DirectoryTimes::Touch, emptiness)
    }
}

impl VfsNode for TmpfsNode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        NodeId { file_system: self.shared.id, inode: self.inode }
    }

    fn kind(&self) -> FileType {
        match &self.body {
            Body::Regular(_) => FileType::Regular,
            Body::Directory { .. } => FileType::Directory,
            Body::Symlink(_) => FileType::Symlink,
            Body::Special(kind, _) => *kind,
        }
    }

    fn permissions(&self) -> Permissions {
        self.attributes.permissions()
    }

    fn metadata(&self) -> Result<Metadata> {
        let names = self.names.load(Ordering::Acquire);
        let (mut links, mut device, mut blocks) = (names, DeviceNumber::default(), 0);
        let size = match &self.body {
            Body::Regular(file) => {
                let content = file.look();
                blocks = content.pages() * (page::SIZE as u64 / 512);
                content.len()
            }
            Body::Directory { names: children, directories, .. } => {
                links = if names == 0 { 0 } else { 2 + directories.load(Ordering::Acquire) };
                (2 + children.read().len() as u64) * BYTES_PER_NAME
            }
            Body::Symlink(target) => target.len() as u64,
            Body::Special(_, number) => {
                device = *number;
                0
            }
        };
        let times = self.attributes.times();
        let permissions = self.permissions();
        Ok(Metadata {
            links,
            device,
            size,
            blocks,
            accessed: times.accessed,
            modified: times.modified,
            changed: times.changed,
            created: Some(self.attributes.created),
            flags: self.body.has_flags().then_some(permissions.flags),
            ..Metadata::untouched(self.id(), self.kind(), permissions, self.attributes.created)
        })
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        let file_system: Option<Arc<Tmpfs>> = self.shared.file_system.upgrade();
        Ok(file_system.ok_or(FileSystemErrorKind::Stale)?)
    }

    fn set_attributes(&self, set: &SetAttributes) -> Result<()> {
        if let (Some(mode), Body::Regular(file)) = (set.mode, &self.body)
            && (mode ^ self.permissions().mode) & 0o111 != 0
        {
            file.sealing.seals().check_without(Seals::EXECUTE)?;
        }
        if let Some(size) = set.size {
            self.set_size(size)?;
        }
        let flags = set.flags.filter(|_| self.body.has_flags());
        self.attributes.set(&SetAttributes { flags, ..*set }, self.now());
        Ok(())
    }

    fn usage(&self) -> Option<&Usage> {
        match &self.body {
            Body::Regular(file) => Some(&file.usage),
            _ => None,
        }
    }

    fn change_cell(&self) -> Option<&ChangeCell> {
        match &self.body {
            Body::Directory { changes, .. } => Some(changes),
            _ => None,
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        match self.directory()?.read().get(name) {
            Some(node) => Ok(node.clone()),
            None => fail(FileSystemErrorKind::NotFound),
        }
    }

    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<NodeRef> {
        {
            let names = self.directory()?.read();
            if names.removed {
                return fail(FileSystemErrorKind::NotFound);
            }
            if names.get(name).is_some() {
                return fail(FileSystemErrorKind::AlreadyExists);
            }
        }
        let node = Self::new(&self.shared, new, self.inherited())?;
        match self.change_name(name, None, Some(node.clone()), Emptiness::Any) {
            Ok(()) => Ok(node),
            // Somebody took the name meanwhile.
            Err(error) if error.kind() == FileSystemErrorKind::Stale => fail(FileSystemErrorKind::AlreadyExists),
            Err(error) => Err(error),
        }
    }

    fn create_unnamed(&self, new: &NewNode<'_>) -> Result<NodeRef> {
        Ok(Self::new(&self.shared, new, self.inherited())?)
    }

    fn link(&self, name: &[u8], node: &NodeRef) -> Result<()> {
        let node = Self::of(node)?;
        if node.is_directory() {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        match self.change_name(name, None, Some(node.shared_self()?), Emptiness::Any) {
            Err(error) if error.kind() == FileSystemErrorKind::Stale => fail(FileSystemErrorKind::AlreadyExists),
            result => result,
        }
    }

    fn unlink(&self, name: &[u8], victim: &NodeRef) -> Result<()> {
        if victim.kind() == FileType::Directory {
            return fail(FileSystemErrorKind::IsADirectory);
        }
        self.change_name(name, Some(victim), None, Emptiness::Any)
    }

    fn remove_directory(&self, name: &[u8], victim: &NodeRef) -> Result<()> {
        if victim.kind() != FileType::Directory {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        self.change_name(name, Some(victim), None, Emptiness::Required)
    }

    fn rename(&self, rename: &Rename<'_>) -> Result<()> {
        let source = Self::of(rename.source)?;
        let target = rename.target.map(Self::of).transpose()?;
        let left = if rename.flags.contains(RenameFlags::EXCHANGE) {
            target.map(Self::shared_self).transpose()?
        } else if rename.flags.contains(RenameFlags::WHITEOUT) {
            let kind = NewKind::CharDevice(DeviceNumber::new(0, 0));
            Some(Self::new(&self.shared, &NewNode { kind, mode: 0, uid: 0, gid: 0 }, FileFlags::empty())?)
        } else {
            None
        };
        let changes = [
            Change { directory: self, name: rename.name, old: Some(source), new: left },
            Change {
                directory: Self::of(rename.to_directory)?,
                name: rename.to_name,
                old: target,
                new: Some(source.shared_self()?),
            },
        ];
        names::change(&changes, DirectoryTimes::Touch, Emptiness::Required)
    }

    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        let names = self.directory()?.read();
        if names.removed {
            return fail(FileSystemErrorKind::NotFound);
        }
        let mut next = cursor;
        for (cookie, name, node) in names.from(cursor) {
            let item = DirectoryItem { name, inode: node.inode, kind: node.kind(), next: cookie + 1 };
            if !emit(item) {
                return Ok(next);
            }
            next = cookie + 1;
        }
        Ok(next)
    }

    fn read_link(&self) -> Result<Arc<[u8]>> {
        match &self.body {
            Body::Symlink(target) => Ok(target.clone()),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        }
    }

    fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        self.regular()?.read(offset, sink)
    }

    fn write(&self, at: WriteAt, source: &mut dyn Source) -> Result<(u64, usize)> {
        let written = self.regular()?.write(&self.shared.limits, at, source)?;
        self.touch_modified(self.now());
        Ok(written)
    }

    fn allocate(&self, what: Allocate, offset: u64, length: u64) -> Result<()> {
        let Body::Regular(file) = &self.body else { return fail(FileSystemErrorKind::NoSuchDevice) };
        file.allocate(&self.shared.limits, what, offset, length)?;
        self.touch_modified(self.now());
        Ok(())
    }

    fn seek_extent(&self, what: Extent, offset: u64) -> Result<u64> {
        self.regular()?.seek_extent(what, offset)
    }

    fn may_be_named(&self) -> bool {
        self.names.load(Ordering::Acquire) > 0 || self.nameless.load(Ordering::Acquire)
    }

    fn content(&self) -> Result<Content> {
        Ok(self.regular()?.snapshot())
    }

    fn set_content(&self, content: Content) -> Result<()> {
        self.regular()?.replace(&self.shared.limits, &content)?;
        self.touch_modified(self.now());
        Ok(())
    }

    fn is_mappable(&self) -> bool {
        matches!(self.body, Body::Regular(_))
    }

    fn map_page(
        &self,
        index: u64,
        write: bool,
        mapper: &Arc<dyn PageMapper>,
        show: &mut dyn FnMut(Shown<'_>) -> Result<()>,
    ) -> Result<Mapped> {
        let Body::Regular(file) = &self.body else { return fail(FileSystemErrorKind::NoSuchDevice) };
        let mapped = file.map_page(&self.shared.limits, index, write, mapper, show)?;
        if write && mapped == Mapped::Shown {
            self.touch_modified(self.now());
        }
        Ok(mapped)
    }

    fn note_mapper(&self, mapper: &Arc<dyn PageMapper>, pages: Range<u64>) -> Result<()> {
        let Body::Regular(file) = &self.body else { return Ok(()) };
        file.note_mapper(mapper, pages)
    }

    fn forget_mapper(&self, mapper: &Arc<dyn PageMapper>) {
        if let Body::Regular(file) = &self.body {
            file.forget_mapper(mapper);
        }
    }

    fn seals(&self) -> Result<Seals> {
        let Body::Regular(file) = &self.body else { return fail(FileSystemErrorKind::InvalidArgument) };
        Ok(file.sealing.seals())
    }

    fn add_seals(&self, seals: Seals) -> Result<()> {
        let Body::Regular(file) = &self.body else { return fail(FileSystemErrorKind::InvalidArgument) };
        file.add_seals(seals, self.permissions().mode)
    }

    fn count_writing_mapper(&self, more: bool) -> Result<()> {
        match &self.body {
            Body::Regular(file) => file.sealing.count_writer(more),
            _ => Ok(()),
        }
    }

    fn note_access(&self, strictly: bool) {
        self.attributes.note_access(self.now(), strictly);
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.xattrs.read().get(name)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], how: SetXattr) -> Result<()> {
        self.xattrs.write().set(&self.shared.limits, name, value, how)?;
        self.touch_changed(self.now());
        Ok(())
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        self.xattrs.write().remove(&self.shared.limits, name)?;
        self.touch_changed(self.now());
        Ok(())
    }

    fn list_xattrs(&self, emit: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.xattrs.read().names().for_each(emit);
        Ok(())
    }
}
