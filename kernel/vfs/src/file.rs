//! The open file: a place, an offset, and the right to read or write (`open(2)`: "open file description").
//!
//! All reads and writes go to the node, so an overlay's file that was opened before its copy-up shows what is written
//! after it. What has no content of its own reads and writes a stream instead.
//!
//! Locks: `position` is held over a read, write or listing that moves it, before any lock of the file system.

mod copy;
mod flags;
mod lease;
mod lock;
mod write;

pub use write::TransferFlags;

use crate::context::Credentials;
use crate::environment::{OpenStream, Positions, Ready};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::inotify::WatchMask;
use crate::io::Sink;
use crate::manager::attributes::{mode_after_write, set_size};
use crate::metadata::{FileFlags, FileType, Metadata, SetAttributes};
use crate::mount::Path;
use crate::node::{Access, Allocate, DirectoryItem, Extent, FIRST_CURSOR, NodeRef};
use crate::sync::Mutex;
use crate::usage::Used;
use alloc::sync::Arc;
use bitflags::bitflags;
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

bitflags! {
    /// How a file is opened (`open(2)`). The values are this crate's own.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct OpenFlags: u32 {
        /// Read (`O_RDONLY`, `O_RDWR`).
        const READ = 1 << 0;
        /// Write (`O_WRONLY`, `O_RDWR`).
        const WRITE = 1 << 1;
        /// `O_CREAT`: made if it is not there. Of an open file: made by opening it.
        const CREATE = 1 << 2;
        /// `O_EXCL`: with [`OpenFlags::CREATE`], it must not be there.
        const EXCLUSIVE = 1 << 3;
        /// `O_TRUNC`: its content goes.
        const TRUNCATE = 1 << 4;
        /// `O_APPEND`: each write goes to the end.
        const APPEND = 1 << 5;
        /// `O_DIRECTORY`: it must be a directory.
        const DIRECTORY = 1 << 6;
        /// `O_NOFOLLOW`: it must not be a symbolic link.
        const NO_FOLLOW = 1 << 7;
        /// `O_TMPFILE`: a file without a name, in the directory given; with [`OpenFlags::EXCLUSIVE`] it gets none ever.
        const TEMPORARY = 1 << 8;
        /// `O_PATH`: the place only.
        const PATH = 1 << 9;
        /// `O_NOATIME`: reading sets no access time.
        const NO_ACCESS_TIME = 1 << 10;
        /// `O_NONBLOCK`: what would wait fails with `EAGAIN`.
        const NON_BLOCKING = 1 << 11;
        /// `O_DIRECT`: past the page cache. Files are nowhere else here, so it is but kept.
        const DIRECT = 1 << 12;
        /// `O_DSYNC`: a write returns when its data is durable.
        const DATA_SYNC = 1 << 13;
        /// `O_SYNC`: and so is what `stat` shows of it.
        const SYNC = 1 << 14;
        /// `O_ASYNC`: its owner is sent a signal when it can be read or written, once that is asked for after opening.
        const ASYNC = 1 << 15;
        /// `O_LARGEFILE`: but kept, as every file that is opened by a path has it.
        const LARGE = 1 << 16;
    }
}

impl OpenFlags {
    /// What the open file may do.
    pub fn access(self) -> Access {
        let mut access = Access::empty();
        access.set(Access::READ, self.contains(Self::READ));
        access.set(Access::WRITE, self.contains(Self::WRITE));
        access
    }
}

/// Where a seek goes (`lseek(2)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeekFrom {
    /// `SEEK_SET`.
    Start(i64),
    /// `SEEK_CUR`.
    Current(i64),
    /// `SEEK_END`.
    End(i64),
    /// `SEEK_DATA`.
    Data(i64),
    /// `SEEK_HOLE`.
    Hole(i64),
}

/// An open file.
pub struct FileObject {
    place: Path,
    /// The node of `place`, which is bound: an open file has one.
    node: Used,
    flags: AtomicU32,
    stream: Option<Arc<dyn OpenStream>>,
    position: Mutex<u64>,
    /// What is kept with it ([`FileObject::keep`]).
    kept: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

impl FileObject {
    /// The node of `place` opened so, which is counted as that already.
    pub(crate) fn new(
        place: Path,
        node: Used,
        flags: OpenFlags,
        stream: Option<Arc<dyn OpenStream>>,
    ) -> Result<Arc<Self>> {
        place.mount.note_use();
        if counts_as_writer(&node, flags) {
            place.mount.add_writer()?;
        }
        if let Some(stream) = &stream
            && flags.contains(OpenFlags::NON_BLOCKING)
        {
            stream.set_non_blocking(true);
        }
        let flags = AtomicU32::new(flags.bits());
        Ok(Arc::new(Self { place, node, flags, stream, position: Mutex::new(0), kept: Mutex::new(None) }))
    }

    /// An open file that reads and writes `stream`, whatever the node at `place` stands for: an end of a pipe.
    ///
    /// # Errors
    /// `ENOENT` for a name that is bound to nothing, `EROFS`.
    pub fn of_stream(place: Path, flags: OpenFlags, stream: Arc<dyn OpenStream>) -> Result<Arc<Self>> {
        let node = Used::new(place.node()?.clone(), flags)?;
        Self::new(place, node, flags, Some(stream))
    }

    /// A place, as an open file that is no more than that (`O_PATH`).
    ///
    /// # Errors
    /// `ENOENT` for a name that is bound to nothing.
    pub fn of_place(place: Path) -> Result<Arc<Self>> {
        let node = Used::new(place.node()?.clone(), OpenFlags::PATH)?;
        Self::new(place, node, OpenFlags::PATH, None)
    }

    /// What reads and writes go to, where that is an `S`.
    pub fn stream_as<S: OpenStream>(&self) -> Option<&S> {
        let stream: &dyn Any = &**self.stream.as_ref()?;
        stream.downcast_ref()
    }

    /// Keeps something with it until it is closed, in place of what was kept.
    pub fn keep(&self, what: Arc<dyn Any + Send + Sync>) {
        let old = self.kept.lock().replace(what);
        drop(old);
    }

    /// What is kept with it, where that is a `K`.
    pub fn kept<K: Any + Send + Sync>(&self) -> Option<Arc<K>> {
        self.kept.lock().clone()?.downcast().ok()
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// The node.
    pub fn node(&self) -> &NodeRef {
        &self.node
    }

    /// How it was opened.
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.is_terminal())
    }

    /// Whether there may be something to wait for: what has a content of its own is always ready.
    pub fn can_wait(&self) -> bool {
        self.stream.is_some()
    }

    /// What can be done with it without waiting.
    pub fn ready(&self) -> Ready {
        self.stream.as_ref().map_or(Ready::READ | Ready::WRITE, |stream| stream.ready())
    }

    /// A number that is another whenever something has come that may be told of as one of `of`; `None` where that is
    /// not counted.
    pub fn changes(&self, of: Ready) -> Option<u64> {
        self.stream.as_ref()?.changes(of)
    }

    /// How many bytes can be read without waiting (`FIONREAD`).
    ///
    /// # Errors
    /// `ENOTTY` for what cannot tell, and what the node answers.
    pub fn readable(&self) -> Result<usize> {
        match (&self.stream, self.node.kind()) {
            (Some(stream), _) => stream.readable(),
            (None, FileType::Regular) => Ok(self.node.metadata()?.size.saturating_sub(self.position()) as usize),
            (None, _) => fail(FileSystemErrorKind::NotATerminal),
        }
    }

    /// Writes what its stream says of itself ([`OpenStream::describe`]).
    ///
    /// # Errors
    /// Those of `out`.
    pub fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.stream.as_ref().map_or(Ok(()), |stream| stream.describe(out))
    }

    /// Where the next read, write or listing starts.
    pub fn position(&self) -> u64 {
        *self.position.lock()
    }

    fn require(&self, access: OpenFlags) -> Result<()> {
        if self.flags().contains(access) { Ok(()) } else { fail(FileSystemErrorKind::BadFileDescriptor) }
    }

    /// That it is more than a place (`O_PATH`), which can only be named.
    fn require_more_than_place(&self) -> Result<()> {
        if self.flags().contains(OpenFlags::PATH) { fail(FileSystemErrorKind::BadFileDescriptor) } else { Ok(()) }
    }

    fn positions(&self) -> Positions {
        match &self.stream {
            Some(stream) => stream.positions(),
            None => Positions::Kept,
        }
    }

    /// Reads from the position on, and moves it (`read(2)`).
    ///
    /// # Errors
    /// `EBADF` when not open for reading, `EISDIR`, and what the node answers.
    pub fn read(&self, sink: &mut dyn Sink) -> Result<usize> {
        let mut position = self.position.lock();
        if self.positions() != Positions::Kept {
            // A stream may wait for long, and has no position to keep.
            drop(position);
            return self.read_from(0, sink);
        }
        let count = self.read_from(*position, sink)?;
        *position += count as u64;
        Ok(count)
    }

    /// Reads from an offset, without moving the position (`pread(2)`).
    ///
    /// # Errors
    /// Those of [`FileObject::read`]; `ESPIPE` where there are no positions.
    pub fn read_at(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        if self.positions() == Positions::None {
            return fail(FileSystemErrorKind::IllegalSeek);
        }
        self.read_from(offset, sink)
    }

    fn read_from(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        self.require(OpenFlags::READ)?;
        if let Some(stream) = &self.stream {
            return self.read_stream(&**stream, offset, sink);
        }
        let count = self.node.read(offset, sink)?;
        self.note_access();
        self.tell_of_reading(count);
        Ok(count)
    }

    #[inline(never)]
    fn read_stream(&self, stream: &dyn OpenStream, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let count = stream.read(offset, sink)?;
        self.tell_of_reading(count);
        Ok(count)
    }

    #[inline]
    fn tell_of_reading(&self, count: usize) {
        if count > 0 {
            self.place.tell_of_use(WatchMask::ACCESS);
        }
    }

    fn note_access(&self) {
        if !self.flags().contains(OpenFlags::NO_ACCESS_TIME) {
            self.place.mount.note_access(&self.node);
        }
    }

    /// Takes the set-id bits away that a change of the content takes away.
    fn drop_set_id(&self, writer: &Credentials) -> Result<()> {
        match mode_after_write(writer, &self.node) {
            Some(mode) => {
                self.node.set_attributes(&SetAttributes { mode: Some(mode), ..SetAttributes::default() })?;
                self.place.tell_of_change(WatchMask::ATTRIB);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Moves the position and returns it (`lseek(2)`). For a directory only cursors that a listing gave are meaningful.
    ///
    /// # Errors
    /// `ESPIPE` where there are no positions, `EINVAL` for one before the start, `ENXIO` when there is no data or hole.
    pub fn seek(&self, to: SeekFrom) -> Result<u64> {
        self.require_more_than_place()?;
        match self.positions() {
            Positions::None => return fail(FileSystemErrorKind::IllegalSeek),
            Positions::Same => return Ok(0),
            Positions::Kept => {}
        }
        let mut position = self.position.lock();
        let (base, by) = match to {
            SeekFrom::Start(offset) => (0, offset),
            SeekFrom::Current(by) => (*position, by),
            SeekFrom::End(by) => (self.node.metadata()?.size, by),
            SeekFrom::Data(offset) => (self.seek_extent(Extent::Data, offset)?, 0),
            SeekFrom::Hole(offset) => (self.seek_extent(Extent::Hole, offset)?, 0),
        };
        let target = base.checked_add_signed(by).filter(|target| i64::try_from(*target).is_ok());
        *position = target.ok_or(FileSystemErrorKind::InvalidArgument)?;
        Ok(*position)
    }

    fn seek_extent(&self, what: Extent, offset: i64) -> Result<u64> {
        match u64::try_from(offset) {
            Ok(offset) => self.node.seek_extent(what, offset),
            Err(_) => fail(FileSystemErrorKind::NoSuchDeviceOrAddress),
        }
    }

    /// Lists a directory from the position on, `.` and `..` first, until `emit` takes no more; the position moves to
    /// behind what was taken (`getdents64(2)`). A seek to 0 starts again.
    ///
    /// # Errors
    /// `ENOTDIR`, `EBADF` when not open for reading, `ENOENT` in a removed directory, and what the node answers.
    pub fn list(&self, emit: &mut dyn FnMut(&DirectoryItem<'_>) -> bool) -> Result<()> {
        self.require_more_than_place()?;
        if self.node.kind() != FileType::Directory {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        self.require(OpenFlags::READ)?;
        self.list_on(emit)?;
        self.note_access();
        self.place.tell_of_use(WatchMask::ACCESS);
        Ok(())
    }

    fn list_on(&self, emit: &mut dyn FnMut(&DirectoryItem<'_>) -> bool) -> Result<()> {
        let mut position = self.position.lock();
        let kind = FileType::Directory;
        if *position < FIRST_CURSOR {
            // A removed directory does not even have `.` and `..`.
            self.node.list(FIRST_CURSOR, &mut |_| false)?;
        }
        if *position == 0 {
            if !emit(&DirectoryItem { name: b".", inode: self.node.id().inode, kind, next: 1 }) {
                return Ok(());
            }
            *position = 1;
        }
        if *position == 1 {
            let inode = self.parent_inode();
            if !emit(&DirectoryItem { name: b"..", inode, kind, next: FIRST_CURSOR }) {
                return Ok(());
            }
            *position = FIRST_CURSOR;
        }
        *position = self.node.list(*position, &mut |item| emit(&item))?;
        Ok(())
    }

    /// What `..` shows: the directory above, through the mount.
    fn parent_inode(&self) -> u64 {
        let mut at = self.place.clone();
        while at.is_mount_root() {
            match at.mount.place() {
                Some(place) => at = place,
                None => break,
            }
        }
        let parent = at.entry.parent();
        parent.as_ref().and_then(|parent| parent.node()).unwrap_or(&self.node).id().inode
    }

    /// What `fstat(2)` shows.
    ///
    /// # Errors
    /// What the node answers.
    pub fn metadata(&self) -> Result<Metadata> {
        self.node.metadata()
    }

    /// Cuts or extends the file (`ftruncate(2)`).
    ///
    /// # Errors
    /// `EINVAL` when not open for writing or no regular file, `EBADF` for a place only (`O_PATH`), `EFBIG`, `ENOSPC`.
    pub fn truncate(&self, writer: &Credentials, size: u64) -> Result<()> {
        self.require_more_than_place()?;
        if !self.flags().contains(OpenFlags::WRITE) || self.node.kind() != FileType::Regular {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let cut = set_size(writer, &self.node, size, None)?;
        self.place.tell_of_change(cut);
        Ok(())
    }

    /// `fallocate(2)`.
    ///
    /// # Errors
    /// `EBADF` when not open for writing, `EINVAL` for an empty range, `EFBIG`, `ENODEV` for what is no regular file,
    /// `ESPIPE` for a FIFO, `EPERM` for what is immutable, or append-only where it would lose data; `ENOSPC`, `ENOMEM`.
    pub fn allocate(&self, writer: &Credentials, what: Allocate, offset: u64, length: u64) -> Result<()> {
        self.require_more_than_place()?;
        if length == 0 {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.require(OpenFlags::WRITE)?;
        match self.node.kind() {
            FileType::Regular => {
                let protected = match what {
                    Allocate::Reserve { .. } => FileFlags::IMMUTABLE,
                    Allocate::PunchHole | Allocate::Zero { .. } => FileFlags::PROTECTION,
                };
                if self.node.permissions().flags.intersects(protected) {
                    return fail(FileSystemErrorKind::NotPermitted);
                }
                self.drop_set_id(writer)?;
                self.node.allocate(what, offset, length)?;
                self.place.tell_of_use(WatchMask::MODIFY);
                Ok(())
            }
            FileType::Fifo => fail(FileSystemErrorKind::IllegalSeek),
            _ => fail(FileSystemErrorKind::NoSuchDevice),
        }
    }

    /// Makes what was written durable (`fsync(2)`).
    ///
    /// # Errors
    /// `EBADF` for a place only (`O_PATH`), and what the node answers.
    pub fn sync(&self) -> Result<()> {
        self.require_more_than_place()?;
        self.node.sync()
    }
}

fn counts_as_writer(node: &NodeRef, flags: OpenFlags) -> bool {
    flags.contains(OpenFlags::WRITE) && matches!(node.kind(), FileType::Regular | FileType::Directory)
}

impl Drop for FileObject {
    fn drop(&mut self) {
        let flags = self.flags();
        if !flags.contains(OpenFlags::PATH) {
            let writes = flags.contains(OpenFlags::WRITE);
            self.place.tell_of_use(if writes { WatchMask::CLOSE_WRITE } else { WatchMask::CLOSE_NOWRITE });
        }
        self.release_own_locks();
        if counts_as_writer(&self.node, flags) {
            self.place.mount.remove_writer();
        }
    }
}
