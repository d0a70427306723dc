//! Events of the file system as an open file: to be read, and waited for (`inotify(7)`).

use alloc::sync::Arc;
use alloc::task::Wake;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::inotify::{Inotify, InotifyLimits};
use vfs::io::{Sink, Source};

use super::anonymous::{self, Anonymous};
use super::readiness;
use crate::task::wait::WaitQueue;

/// Bytes of heap that one takes, about, besides its watches and events.
const MEMORY: usize = 512;

/// What an event rings. It says whether there is something to read to who must not wait for the queue itself.
#[derive(Default)]
struct Bell {
    is_rung: AtomicBool,
    rings: AtomicU64,
    waiting: WaitQueue,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_rung.store(true, Ordering::Relaxed);
        self.rings.fetch_add(1, Ordering::Relaxed);
        self.waiting.wake_all();
        readiness::tell();
    }
}

/// Watches, and what they have seen.
pub struct Watching {
    inotify: Arc<Inotify>,
    bell: Arc<Bell>,
    may_wait: AtomicBool,
}

/// One without watches as an open file.
///
/// # Errors
/// `ENOMEM`.
pub fn open(flags: OpenFlags) -> Result<Arc<FileObject>> {
    page::admit(MEMORY)?;
    let bell: Arc<Bell> = Arc::default();
    let inotify = Inotify::new(InotifyLimits::default(), bell.clone().into())?;
    let watching = Arc::new(Watching { inotify, bell, may_wait: AtomicBool::new(true) });
    anonymous::of_stream(Anonymous::Inotify, OpenFlags::READ | flags, watching)
}

impl Watching {
    /// The watches.
    pub fn inotify(&self) -> &Arc<Inotify> {
        &self.inotify
    }

    fn is_rung(&self) -> bool {
        self.bell.is_rung.load(Ordering::Relaxed)
    }
}

impl OpenStream for Watching {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        loop {
            let read = self.inotify.read(sink);
            // In this order: what comes in between rings again.
            self.bell.is_rung.store(false, Ordering::Relaxed);
            if self.inotify.is_readable() {
                self.bell.is_rung.store(true, Ordering::Relaxed);
            }
            match read {
                Err(error)
                    if error.kind() == FileSystemErrorKind::WouldBlock && self.may_wait.load(Ordering::Relaxed) =>
                {
                    self.bell.waiting.wait(|| self.is_rung())?;
                }
                read => return read,
            }
        }
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::BadFileDescriptor)
    }

    fn set_non_blocking(&self, on: bool) {
        self.may_wait.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        if self.is_rung() { Ready::READ } else { Ready::empty() }
    }

    fn changes(&self, of: Ready) -> Option<u64> {
        of.contains(Ready::READ).then(|| self.bell.rings.load(Ordering::Relaxed))
    }

    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.inotify.describe(out)
    }

    fn readable(&self) -> Result<usize> {
        Ok(self.inotify.readable_bytes())
    }
}
