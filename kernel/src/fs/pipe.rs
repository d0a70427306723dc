//! Pipes: what one writes another reads, in that order (`pipe(7)`). What opens one by a name is a
//! [FIFO](super::fifo).
//!
//! Each end is a stream of an open file, and counts while that is open. Who reads waits while the pipe is empty and
//! somebody may still write; who writes waits while it is full and somebody may still read.
//!
//! Locks: `content` is held while bytes are copied, which may bring a page of the program's, and waits for nothing else.

mod content;
mod splice;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};
use vfs::manager::Follow;
use vfs::metadata::NodeId;
use vfs::node::{Access, NewKind};
use vfs::sync::Mutex;

use self::content::Content;
use super::{fifo, readiness, unnamed};
use crate::task::wait::WaitQueue;

/// How many pages a pipe has room for at first.
const PAGES: usize = 16;

/// Bytes of heap that a pipe takes at first, about.
const MEMORY: usize = 512;

/// Those who have opened a pipe for one of reading and writing.
#[derive(Default)]
struct Side {
    open: AtomicUsize,
    /// How many have ever opened it so.
    opened: AtomicU64,
    /// How often something has come that they may have waited for.
    changes: AtomicU64,
    /// Waiting for that.
    waiting: WaitQueue,
}

impl Side {
    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Wakes them: something has come.
    fn tell(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.waiting.wake_all();
        readiness::tell();
    }
}

/// A pipe.
pub(super) struct Pipe {
    content: Mutex<Content>,
    /// What those who wait look at: of `content` the length, whether it is full, and how much its last page takes.
    filled: AtomicUsize,
    is_full: AtomicBool,
    tail_room: AtomicUsize,
    readers: Side,
    writers: Side,
    /// Waiting for the other end to be opened.
    opening: WaitQueue,
    /// The node that it is opened by.
    node: NodeId,
    /// Whether who opens one end waits for the other: not where both were made open.
    is_fifo: bool,
}

impl Pipe {
    /// One that nobody has opened, and the node that it is opened by.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(node: NodeId, is_fifo: bool) -> Result<Arc<Self>> {
        page::admit(MEMORY)?;
        Ok(Arc::new(Self {
            content: Mutex::new(Content::new(PAGES)),
            filled: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
            tail_room: AtomicUsize::new(0),
            readers: Side::default(),
            writers: Side::default(),
            opening: WaitQueue::new(),
            node,
            is_fifo,
        }))
    }

    /// The sides that somebody with that access is of.
    fn sides(&self, access: Access) -> impl Iterator<Item = &Side> {
        let sides = [(Access::READ, &self.readers), (Access::WRITE, &self.writers)];
        sides.into_iter().filter(move |(side, _)| access.contains(*side)).map(|(_, side)| side)
    }

    /// Opens it.
    pub fn open(self: &Arc<Self>, access: Access) -> Arc<End> {
        for side in self.sides(access) {
            side.open.fetch_add(1, Ordering::Relaxed);
            side.opened.fetch_add(1, Ordering::Relaxed);
        }
        self.opening.wake_all();
        // Who reads is told of an end only after it has begun.
        let unseen = if self.writers.is_open() { u64::MAX } else { self.writers.opened.load(Ordering::Relaxed) };
        Arc::new(End { pipe: self.clone(), access, may_wait: AtomicBool::new(true), end_before: unseen })
    }

    /// Whether who opens one end waits for the other.
    pub fn is_fifo(&self) -> bool {
        self.is_fifo
    }

    /// Whether somebody has opened it for that.
    pub fn is_open_for(&self, access: Access) -> bool {
        self.sides(access).all(Side::is_open)
    }

    /// Waits until somebody has opened it for that, be it for a moment, unless somebody has now.
    ///
    /// # Errors
    /// `EINTR`.
    pub fn wait_for(&self, access: Access) -> Result<()> {
        let opened = || self.sides(access).map(|side| side.opened.load(Ordering::Relaxed)).sum::<u64>();
        let before = opened();
        self.opening.wait(|| self.is_open_for(access) || opened() != before)
    }

    /// Notes for those who wait what has become of the content, which is locked.
    fn note(&self, content: &Content) {
        self.filled.store(content.len(), Ordering::Relaxed);
        self.is_full.store(content.is_full(), Ordering::Relaxed);
        self.tail_room.store(content.tail_room(), Ordering::Relaxed);
    }

    /// Whether a write of so many bytes can begin.
    fn has_room(&self, count: usize) -> bool {
        let rest = count % page::SIZE;
        !self.is_full.load(Ordering::Relaxed) || rest > 0 && rest <= self.tail_room.load(Ordering::Relaxed)
    }

    fn is_readable(&self) -> bool {
        self.filled.load(Ordering::Relaxed) > 0 || !self.writers.is_open()
    }

    /// Does something with the content, and tells whom it concerns.
    fn with<R>(&self, body: impl FnOnce(&mut Content) -> R) -> R {
        let mut content = self.content.lock();
        let (length, was_full) = (content.len(), content.is_full());
        let result = body(&mut content);
        self.note(&content);
        let (grew, has_room_again) = (content.len() > length, was_full && !content.is_full());
        drop(content);
        if grew {
            self.readers.tell();
        }
        if has_room_again {
            self.writers.tell();
        }
        result
    }
}

/// An end of a pipe, or both.
pub struct End {
    pipe: Arc<Pipe>,
    access: Access,
    may_wait: AtomicBool,
    /// How many had ever opened it to write when this was opened, if none of them was left: their end is not news.
    end_before: u64,
}

/// A pipe: the end to read and the end to write, opened with `flags` besides.
///
/// # Errors
/// `ENOMEM`.
pub fn new(flags: OpenFlags) -> Result<[Arc<FileObject>; 2]> {
    unnamed::with_node(NewKind::Fifo, 0o600, |manager, context, name| {
        let place = manager.resolve(context, name, Follow::No)?;
        // Who opens it by `/proc/PID/fd` opens this pipe once more.
        let pipe = fifo::pipe_of(place.node()?.id(), false)?;
        let (read, write) = (pipe.open(Access::READ), pipe.open(Access::WRITE));
        Ok([
            FileObject::of_stream(place.clone(), OpenFlags::READ | flags, read)?,
            FileObject::of_stream(place, OpenFlags::WRITE | flags, write)?,
        ])
    })
}

impl End {
    /// How many bytes the pipe has room for (`F_GETPIPE_SZ`).
    pub fn size(&self) -> usize {
        self.pipe.content.lock().limit() * page::SIZE
    }

    /// Changes that, to a power of two of pages at least as large; returns what it is then (`F_SETPIPE_SZ`).
    ///
    /// # Errors
    /// `EINVAL` for what is no such size, `EBUSY` if there is more in it.
    pub fn set_size(&self, size: usize) -> Result<usize> {
        let pages = size.div_ceil(page::SIZE).max(1).checked_next_power_of_two();
        let pages = pages.ok_or(FileSystemErrorKind::InvalidArgument)?;
        self.pipe.with(|content| content.set_limit(pages))?;
        Ok(pages * page::SIZE)
    }

    fn check_may_wait(&self) -> Result<()> {
        if self.may_wait.load(Ordering::Relaxed) { Ok(()) } else { fail(FileSystemErrorKind::WouldBlock) }
    }

    /// Waits until there is something to read, or never will be.
    fn wait_to_read(&self) -> Result<()> {
        self.check_may_wait()?;
        self.pipe.readers.waiting.wait(|| self.pipe.is_readable())
    }

    /// Waits until so many bytes can be written, or never can be.
    fn wait_to_write(&self, count: usize) -> Result<()> {
        self.check_may_wait()?;
        let pipe = &self.pipe;
        pipe.writers.waiting.wait(|| pipe.has_room(count) || !pipe.readers.is_open())
    }

    /// Writes some of what `source` has.
    fn write_some(&self, source: &mut dyn Source) -> Result<usize> {
        loop {
            if !self.pipe.readers.is_open() {
                return fail(FileSystemErrorKind::BrokenPipe);
            }
            let needed = source.remaining();
            if self.pipe.has_room(needed) {
                let count = self.pipe.with(|content| content.put(source))?;
                if count > 0 {
                    return Ok(count);
                }
            }
            self.wait_to_write(needed)?;
        }
    }
}

impl OpenStream for End {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let pipe = &*self.pipe;
        if sink.room() == 0 {
            return Ok(0);
        }
        loop {
            if pipe.filled.load(Ordering::Relaxed) > 0 {
                let count = pipe.with(|content| content.take(sink))?;
                if count > 0 {
                    return Ok(count);
                }
            }
            if !pipe.writers.is_open() {
                return Ok(0);
            }
            self.wait_to_read()?;
        }
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        let mut done = 0;
        while source.remaining() > 0 {
            match self.write_some(source) {
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn set_non_blocking(&self, on: bool) {
        self.may_wait.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        let (pipe, mut ready) = (&self.pipe, Ready::empty());
        if self.access.contains(Access::READ) {
            ready.set(Ready::READ, pipe.filled.load(Ordering::Relaxed) > 0);
            let has_ended = !pipe.writers.is_open() && pipe.writers.opened.load(Ordering::Relaxed) != self.end_before;
            ready.set(Ready::HUNG_UP, has_ended);
        }
        if self.access.contains(Access::WRITE) {
            ready.set(Ready::WRITE, !pipe.is_full.load(Ordering::Relaxed));
            ready.set(Ready::BROKEN, !pipe.readers.is_open());
        }
        ready
    }

    fn changes(&self, _of: Ready) -> Option<u64> {
        Some(self.pipe.sides(self.access).map(|side| side.changes.load(Ordering::Relaxed)).sum())
    }

    fn readable(&self) -> Result<usize> {
        Ok(self.pipe.filled.load(Ordering::Relaxed))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for side in self.pipe.sides(self.access) {
            side.open.fetch_sub(1, Ordering::Relaxed);
        }
        if self.access.contains(Access::READ) && !self.pipe.readers.is_open() {
            self.pipe.writers.tell();
        }
        if self.access.contains(Access::WRITE) && !self.pipe.writers.is_open() {
            self.pipe.readers.tell();
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        fifo::forget(self.node);
    }
}
