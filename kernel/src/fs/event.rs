//! A number to wait for (`eventfd(2)`): who writes adds to it, who reads takes it.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};

use super::anonymous::{self, Anonymous};
use super::readiness;
use crate::task::wait::WaitQueue;

/// The most that it can be; one more is no number to write.
const MAX: u64 = u64::MAX - 1;

/// Bytes of heap that one takes, about.
const MEMORY: usize = 256;

/// A number. It is changed by whoever runs, between waits.
struct Event {
    number: AtomicU64,
    /// Whether reading takes 1 of it, not all.
    takes_one: bool,
    /// What tells it from all others.
    id: u32,
    may_wait: AtomicBool,
    changes: AtomicU64,
    waiting: WaitQueue,
}

/// A new one as an open file.
///
/// # Errors
/// `ENOMEM`.
pub fn open(number: u32, takes_one: bool, flags: OpenFlags) -> Result<Arc<FileObject>> {
    static LAST: AtomicU32 = AtomicU32::new(0);
    page::admit(MEMORY)?;
    let event = Arc::new(Event {
        number: AtomicU64::new(u64::from(number)),
        takes_one,
        id: LAST.fetch_add(1, Ordering::Relaxed),
        may_wait: AtomicBool::new(true),
        changes: AtomicU64::new(0),
        waiting: WaitQueue::new(),
    });
    anonymous::of_stream(Anonymous::Event, OpenFlags::READ | OpenFlags::WRITE | flags, event)
}

impl Event {
    fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    fn set(&self, number: u64) {
        self.number.store(number, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.waiting.wake_all();
        readiness::tell();
    }

    fn wait(&self, condition: impl Fn() -> bool) -> Result<()> {
        if condition() {
            return Ok(());
        }
        if !self.may_wait.load(Ordering::Relaxed) {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        self.waiting.wait(condition)
    }
}

impl OpenStream for Event {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        if sink.room() < size_of::<u64>() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.wait(|| self.number() > 0)?;
        let taken = if self.takes_one { 1 } else { self.number() };
        self.set(self.number() - taken);
        sink.put(&taken.to_le_bytes())?;
        Ok(size_of::<u64>())
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        let mut added = [0; size_of::<u64>()];
        if source.remaining() < added.len() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        source.take(&mut added)?;
        let added = u64::from_le_bytes(added);
        if added > MAX {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.wait(|| MAX - self.number() >= added)?;
        self.set(self.number() + added);
        Ok(size_of::<u64>())
    }

    fn set_non_blocking(&self, on: bool) {
        self.may_wait.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        let mut ready = Ready::empty();
        ready.set(Ready::READ, self.number() > 0);
        ready.set(Ready::WRITE, self.number() < MAX);
        ready
    }

    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let (number, id, takes_one) = (self.number(), self.id, u8::from(self.takes_one));
        writeln!(out, "eventfd-count: {number:16x}\neventfd-id: {id}\neventfd-semaphore: {takes_one}")
    }

    fn changes(&self, _of: Ready) -> Option<u64> {
        Some(self.changes.load(Ordering::Relaxed))
    }
}
