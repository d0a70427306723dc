//! A file system whose n-th call fails, for going through every way back there is; that counts its calls, for knowing
//! what an operation asks; and that shares no content if told so, or writes little at a time, for copies byte by byte.
//! It hands everything else to the file system below.

use crate::change::ChangeCell;
use crate::content::Content;
use crate::environment::OpenStream;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::{DirectoryTimes, FileSystemOperations, NameChange};
use crate::io::{Sink, Source};
use crate::metadata::{FileSystemId, FileType, Metadata, NodeId, Permissions, SetAttributes, Statistics};
use crate::node::{Access, Allocate, EmitItem, Extent, NewNode, NodeRef, Rename, SetXattr, VfsNode, WriteAt};
use crate::sync::Mutex;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// What goes wrong.
#[derive(Default)]
pub struct Faults {
    /// Calls until the one that fails; 0: none does.
    left: AtomicU32,
    /// Whether content cannot be shared.
    shares_nothing: bool,
    /// The most bytes that one write takes.
    write_limit: Option<usize>,
    /// The most bytes that were to be read at once.
    largest_read: AtomicUsize,
    /// Whether nothing can be made durable.
    sync_fails: AtomicBool,
    /// How often that was asked for.
    syncs: AtomicU32,
    /// Calls so far.
    calls: AtomicU32,
    /// What somebody else does before the next call.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Faults {
    /// No faults but that content cannot be shared.
    pub fn sharing_nothing() -> Arc<Self> {
        Arc::new(Self { shares_nothing: true, ..Self::default() })
    }

    /// No faults but that a write takes at most so many bytes, and that content cannot be shared.
    pub fn writing_at_most(bytes: usize) -> Arc<Self> {
        Arc::new(Self { shares_nothing: true, write_limit: Some(bytes), ..Self::default() })
    }

    /// The most bytes that were to be read at once.
    pub fn largest_read(&self) -> usize {
        self.largest_read.load(Ordering::Relaxed)
    }

    /// Lets the `nth` call from now on fail with `EIO`; 0 calls it off. Whether the one before has happened.
    pub fn fail_nth(&self, nth: u32) -> bool {
        self.left.swap(nth, Ordering::Relaxed) == 0
    }

    /// Lets every wish to make something durable fail, or none.
    pub fn fail_sync(&self, fails: bool) {
        self.sync_fails.store(fails, Ordering::Relaxed);
    }

    /// How often something was to be made durable.
    pub fn syncs(&self) -> u32 {
        self.syncs.load(Ordering::Relaxed)
    }

    fn sync(&self) -> Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        if self.sync_fails.load(Ordering::Relaxed) { fail(FileSystemErrorKind::Io) } else { Ok(()) }
    }

    /// How many calls there have been.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Lets somebody else do something just before the next call.
    pub fn before_next_call(&self, action: impl FnOnce() + Send + 'static) {
        *self.meanwhile.lock() = Some(Box::new(action));
    }

    fn count(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    fn strike(&self) -> Result<()> {
        self.count();
        let meanwhile = self.meanwhile.lock().take();
        if let Some(action) = meanwhile {
            action();
        }
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Ok(());
        }
        self.left.store(left - 1, Ordering::Relaxed);
        if left == 1 { fail(FileSystemErrorKind::Io) } else { Ok(()) }
    }
}

/// A file system with faults.
pub struct Faulty {
    inner: Arc<dyn FileSystemOperations>,
    faults: Arc<Faults>,
}

impl Faulty {
    /// `inner`, with these faults.
    pub fn new(inner: Arc<dyn FileSystemOperations>, faults: Arc<Faults>) -> Arc<Self> {
        Arc::new(Self { inner, faults })
    }

    fn wrap(&self, node: NodeRef) -> NodeRef {
        wrap(node, &self.faults)
    }
}

struct FaultyNode {
    inner: NodeRef,
    faults: Arc<Faults>,
}

fn wrap(inner: NodeRef, faults: &Arc<Faults>) -> NodeRef {
    Arc::new(FaultyNode { inner, faults: faults.clone() })
}

fn inner(node: &NodeRef) -> &NodeRef {
    &node.as_any().downcast_ref::<FaultyNode>().expect("a node of this file system").inner
}

/// The beginning of a source.
struct Limited<'a> {
    source: &'a mut dyn Source,
    left: usize,
}

impl Source for Limited<'_> {
    fn remaining(&self) -> usize {
        self.left.min(self.source.remaining())
    }

    fn take(&mut self, into: &mut [u8]) -> Result<()> {
        self.left -= into.len();
        self.source.take(into)
    }
}

impl FaultyNode {
    fn call(&self) -> Result<&NodeRef> {
        self.faults.strike()?;
        Ok(&self.inner)
    }

    fn wrapped(&self, node: NodeRef) -> NodeRef {
        wrap(node, &self.faults)
    }
}

impl VfsNode for FaultyNode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        self.inner.id()
    }

    fn kind(&self) -> FileType {
        self.inner.kind()
    }

    fn permissions(&self) -> Permissions {
        self.inner.permissions()
    }

    fn change_cell(&self) -> Option<&ChangeCell> {
        self.faults.count();
        self.inner.change_cell()
    }

    fn metadata(&self) -> Result<Metadata> {
        self.call()?.metadata()
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        self.call()?.file_system()
    }

    fn set_attributes(&self, set: &SetAttributes) -> Result<()> {
        self.call()?.set_attributes(set)
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        self.call()?.lookup(name).map(|node| self.wrapped(node))
    }

    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<NodeRef> {
        self.call()?.create(name, new).map(|node| self.wrapped(node))
    }

    fn create_unnamed(&self, new: &NewNode<'_>) -> Result<NodeRef> {
        self.call()?.create_unnamed(new).map(|node| self.wrapped(node))
    }

    fn link(&self, name: &[u8], node: &NodeRef) -> Result<()> {
        self.call()?.link(name, inner(node))
    }

    fn unlink(&self, name: &[u8], victim: &NodeRef) -> Result<()> {
        self.call()?.unlink(name, inner(victim))
    }

    fn remove_directory(&self, name: &[u8], victim: &NodeRef) -> Result<()> {
        self.call()?.remove_directory(name, inner(victim))
    }

    fn rename(&self, rename: &Rename<'_>) -> Result<()> {
        self.call()?.rename(&Rename {
            source: inner(rename.source),
            to_directory: inner(rename.to_directory),
            target: rename.target.map(inner),
            ..*rename
        })
    }

    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        self.call()?.list(cursor, emit)
    }

    fn read_link(&self) -> Result<Arc<[u8]>> {
        self.call()?.read_link()
    }

    fn open(&self, access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        self.call()?.open(access)
    }

    fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        self.faults.largest_read.fetch_max(sink.room(), Ordering::Relaxed);
        self.call()?.read(offset, sink)
    }

    fn write(&self, at: WriteAt, source: &mut dyn Source) -> Result<(u64, usize)> {
        let inner = self.call()?;
        match self.faults.write_limit {
            Some(limit) => inner.write(at, &mut Limited { source, left: limit }),
            None => inner.write(at, source),
        }
    }

    fn allocate(&self, what: Allocate, offset: u64, length: u64) -> Result<()> {
        self.call()?.allocate(what, offset, length)
    }

    fn seek_extent(&self, what: Extent, offset: u64) -> Result<u64> {
        self.call()?.seek_extent(what, offset)
    }

    fn content(&self) -> Result<Content> {
        let inner = self.call()?;
        if self.faults.shares_nothing { fail(FileSystemErrorKind::NotSupported) } else { inner.content() }
    }

    fn set_content(&self, content: Content) -> Result<()> {
        let inner = self.call()?;
        if self.faults.shares_nothing { fail(FileSystemErrorKind::NotSupported) } else { inner.set_content(content) }
    }

    fn sync(&self) -> Result<()> {
        self.faults.sync()?;
        self.call()?.sync()
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.call()?.get_xattr(name)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], how: SetXattr) -> Result<()> {
        self.call()?.set_xattr(name, value, how)
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        self.call()?.remove_xattr(name)
    }

    fn list_xattrs(&self, emit: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.call()?.list_xattrs(emit)
    }
}

impl FileSystemOperations for Faulty {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "faulty"
    }

    fn id(&self) -> FileSystemId {
        self.inner.id()
    }

    fn root(&self) -> NodeRef {
        self.wrap(self.inner.root())
    }

    fn statistics(&self) -> Result<Statistics> {
        self.faults.strike()?;
        self.inner.statistics()
    }

    fn sync(&self) -> Result<()> {
        self.faults.sync()?;
        self.inner.sync()
    }

    fn commit(&self, changes: &[NameChange<'_>], times: DirectoryTimes) -> Result<()> {
        self.faults.strike()?;
        let changes: Vec<NameChange<'_>> = changes
            .iter()
            .map(|change| NameChange {
                directory: inner(change.directory),
                old: change.old.map(inner),
                new: change.new.map(inner),
                ..*change
            })
            .collect();
        self.inner.commit(&changes, times)
    }
}
