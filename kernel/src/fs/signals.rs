//! Signals that are read (`signalfd(2)`): whoever reads takes those of its own that it holds back.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};

use super::anonymous::{self, Anonymous};
use crate::task::scheduler;
use crate::task::signal::{Information, Set, Signal};
use crate::task::thread::UserSide;
use crate::task::wait::WaitQueue;

/// Bytes of heap that one takes, about.
const MEMORY: usize = 256;

/// Bytes of a `struct signalfd_siginfo`.
const SIZE: usize = 128;

/// Some signals.
pub struct Signals {
    set: AtomicU64,
    may_wait: AtomicBool,
}

/// A file of those signals that can be held back.
///
/// # Errors
/// `ENOMEM`.
pub fn open(set: Set, flags: OpenFlags) -> Result<Arc<FileObject>> {
    page::admit(MEMORY)?;
    let signals = Arc::new(Signals { set: AtomicU64::new(set.as_mask().0), may_wait: AtomicBool::new(true) });
    anonymous::of_stream(Anonymous::Signals, OpenFlags::READ | OpenFlags::WRITE | flags, signals)
}

impl Signals {
    /// Reads others from now on.
    pub fn set(&self, set: Set) {
        self.set.store(set.as_mask().0, Ordering::Relaxed);
    }

    /// Takes the next that has come to the running thread.
    fn take(&self) -> Option<Information> {
        let set = Set(self.set.load(Ordering::Relaxed));
        scheduler::current().user()?.take_pending(set)
    }

    /// Takes the next, and waits for it if it may.
    fn wait(&self) -> Result<Information> {
        let mut taken = self.take();
        if taken.is_none() && self.may_wait.load(Ordering::Relaxed) {
            // Whoever sends one wakes the threads that may take it, wherever they wait.
            WaitQueue::new().wait(|| {
                taken = self.take();
                taken.is_some()
            })?;
        }
        taken.ok_or(FileSystemErrorKind::WouldBlock.into())
    }
}

/// What is told of a signal.
fn told(information: Information) -> [u8; SIZE] {
    let Information { signal, code, words: [who, value], timer } = information;
    let mut bytes = [0; SIZE];
    let mut put = |at: usize, word: u32| bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    put(0, u32::from(signal.number()));
    put(8, code as u32);
    // Who sent it, or a timer and how often more its time has come.
    let [first, second] = if timer.is_some() { [24, 32] } else { [12, 16] };
    put(first, who as u32);
    put(second, (who >> 32) as u32);
    if signal == Signal::CHILD {
        put(40, value as u32);
    } else {
        put(44, value as u32);
        bytes[48..56].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

impl OpenStream for Signals {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        if sink.room() < SIZE {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        sink.put(&told(self.wait()?))?;
        let mut count = SIZE;
        while sink.room() >= SIZE
            && let Some(next) = self.take()
        {
            sink.put(&told(next))?;
            count += SIZE;
        }
        Ok(count)
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    fn set_non_blocking(&self, on: bool) {
        self.may_wait.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        let set = Set(self.set.load(Ordering::Relaxed));
        let thread = scheduler::current();
        let has_come = thread.user().is_some_and(|user| !user.pending().and(set).is_empty());
        if has_come { Ready::READ } else { Ready::empty() }
    }

    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(out, "sigmask:\t{:016x}", self.set.load(Ordering::Relaxed))
    }

    fn changes(&self, _of: Ready) -> Option<u64> {
        scheduler::current().user().map(UserSide::signal_changes)
    }
}
