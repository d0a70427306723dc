//! Pipes: what one writes another reads, in that order (`pipe(7)`).
//!
//! Each end is a stream of an open file, and counts while that is open. Who reads waits while the pipe is empty and
//! somebody may still write; who writes waits while it is full and somebody may still read.
//!
//! Locks: `buffer` is held while bytes are copied, which may bring a page of the program's, and waits for nothing.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};
use vfs::manager::Follow;
use vfs::node::NewKind;
use vfs::sync::Mutex;

use super::{readiness, unnamed};
use crate::task::wait::WaitQueue;

/// What a pipe holds, in bytes.
const CAPACITY: usize = 64 << 10;

/// So many bytes are written without another's between them (`PIPE_BUF`).
const WHOLE: usize = 4096;

/// A pipe.
struct Pipe {
    buffer: Mutex<VecDeque<u8>>,
    /// How many bytes are in `buffer`, for those who wait.
    filled: AtomicUsize,
    has_reader: AtomicBool,
    has_writer: AtomicBool,
    /// Waiting for bytes.
    reading: WaitQueue,
    /// Waiting for room.
    writing: WaitQueue,
}

struct ReadEnd {
    pipe: Arc<Pipe>,
    waits: AtomicBool,
}

struct WriteEnd {
    pipe: Arc<Pipe>,
    waits: AtomicBool,
}

/// A pipe: the end to read and the end to write, opened with `flags` besides.
///
/// # Errors
/// `ENOMEM`.
pub fn new(flags: OpenFlags) -> Result<[Arc<FileObject>; 2]> {
    page::admit(2 * CAPACITY)?;
    let mut buffer = VecDeque::new();
    buffer.try_reserve_exact(CAPACITY).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    let pipe = Arc::new(Pipe {
        buffer: Mutex::new(buffer),
        filled: AtomicUsize::new(0),
        has_reader: AtomicBool::new(true),
        has_writer: AtomicBool::new(true),
        reading: WaitQueue::new(),
        writing: WaitQueue::new(),
    });
    let read = Arc::new(ReadEnd { pipe: pipe.clone(), waits: AtomicBool::new(true) });
    let write = Arc::new(WriteEnd { pipe, waits: AtomicBool::new(true) });
    unnamed::with_node(NewKind::Fifo, |manager, context, name| {
        let place = manager.resolve(context, name, Follow::No)?;
        Ok([
            FileObject::of_stream(place.clone(), OpenFlags::READ | flags, read)?,
            FileObject::of_stream(place, OpenFlags::WRITE | flags, write)?,
        ])
    })
}

impl Pipe {
    fn has_reader(&self) -> bool {
        self.has_reader.load(Ordering::Relaxed)
    }

    fn has_writer(&self) -> bool {
        self.has_writer.load(Ordering::Relaxed)
    }

    /// Wakes who waits at the other end.
    fn tell(&self, other_end: &WaitQueue) {
        other_end.wake_all();
        readiness::CHANGED.wake_all();
    }

    /// Takes what there is into `sink`, as far as it fits.
    fn take(&self, sink: &mut dyn Sink) -> Result<usize> {
        let mut buffer = self.buffer.lock();
        let (front, _) = buffer.as_slices();
        let count = front.len().min(sink.room());
        sink.put(&front[..count])?;
        buffer.drain(..count);
        self.filled.store(buffer.len(), Ordering::Relaxed);
        Ok(count)
    }

    /// Puts in as much of what `source` has as there is room for.
    fn put(&self, source: &mut dyn Source) -> Result<usize> {
        let mut buffer = self.buffer.lock();
        let old = buffer.len();
        let count = source.remaining().min(CAPACITY - old);
        let mut chunk = [0; 512];
        let mut done = 0;
        while done < count {
            let step = (count - done).min(chunk.len());
            if let Err(error) = source.take(&mut chunk[..step]) {
                // Of a write that fails nothing is in the pipe.
                buffer.truncate(old);
                return Err(error);
            }
            buffer.extend(&chunk[..step]);
            done += step;
        }
        self.filled.store(buffer.len(), Ordering::Relaxed);
        Ok(count)
    }
}

impl OpenStream for ReadEnd {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let pipe = &*self.pipe;
        if sink.room() == 0 {
            return Ok(0);
        }
        let is_ready = || pipe.filled.load(Ordering::Relaxed) > 0 || !pipe.has_writer();
        loop {
            if !self.waits.load(Ordering::Relaxed) && !is_ready() {
                return fail(FileSystemErrorKind::WouldBlock);
            }
            pipe.reading.wait(is_ready)?;
            let count = pipe.take(sink)?;
            if count > 0 || !pipe.has_writer() {
                // The rest, if the bytes lie around the end of the ring.
                let rest = pipe.take(sink).unwrap_or(0);
                pipe.tell(&pipe.writing);
                return Ok(count + rest);
            }
        }
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::BadFileDescriptor)
    }

    fn set_non_blocking(&self, on: bool) {
        self.waits.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        let mut ready = Ready::empty();
        ready.set(Ready::READ, self.pipe.filled.load(Ordering::Relaxed) > 0);
        ready.set(Ready::HUNG_UP, !self.pipe.has_writer());
        ready
    }
}

impl OpenStream for WriteEnd {
    fn read(&self, _offset: u64, _sink: &mut dyn Sink) -> Result<usize> {
        fail(FileSystemErrorKind::BadFileDescriptor)
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        let pipe = &*self.pipe;
        let mut done = 0;
        while source.remaining() > 0 {
            let needed = if done == 0 { source.remaining().min(WHOLE) } else { 1 };
            let has_room = || CAPACITY - pipe.filled.load(Ordering::Relaxed) >= needed;
            let is_ready = || has_room() || !pipe.has_reader();
            if !self.waits.load(Ordering::Relaxed) && !is_ready() {
                return if done > 0 { Ok(done) } else { fail(FileSystemErrorKind::WouldBlock) };
            }
            if let Err(interrupted) = pipe.writing.wait(is_ready) {
                return if done > 0 { Ok(done) } else { Err(interrupted) };
            }
            if !pipe.has_reader() {
                return if done > 0 { Ok(done) } else { fail(FileSystemErrorKind::BrokenPipe) };
            }
            if !has_room() {
                continue;
            }
            match pipe.put(source) {
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            pipe.tell(&pipe.reading);
        }
        Ok(done)
    }

    fn set_non_blocking(&self, on: bool) {
        self.waits.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        let mut ready = Ready::empty();
        ready.set(Ready::WRITE, CAPACITY - self.pipe.filled.load(Ordering::Relaxed) >= WHOLE);
        ready.set(Ready::BROKEN, !self.pipe.has_reader());
        ready
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        self.pipe.has_reader.store(false, Ordering::Relaxed);
        self.pipe.tell(&self.pipe.writing);
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        self.pipe.has_writer.store(false, Ordering::Relaxed);
        self.pipe.tell(&self.pipe.reading);
    }
}
