//! A process as an open file (`pidfd_open(2)`): it can be waited for, and its number is nobody else's meanwhile.

use alloc::sync::Arc;
use core::fmt;

use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};

use super::anonymous::{self, Anonymous};
use crate::task::process::Process;

/// Bytes of heap that one takes, about.
const MEMORY: usize = 128;

/// A process.
pub struct Handle {
    process: Arc<Process>,
}

/// A process as an open file.
///
/// # Errors
/// `ENOMEM`.
pub fn open(process: Arc<Process>, flags: OpenFlags) -> Result<Arc<FileObject>> {
    page::admit(MEMORY)?;
    let handle = Arc::new(Handle { process });
    anonymous::of_stream(Anonymous::Process, OpenFlags::READ | OpenFlags::WRITE | flags, handle)
}

impl Handle {
    /// The process.
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }
}

impl OpenStream for Handle {
    fn read(&self, _offset: u64, _sink: &mut dyn Sink) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    fn ready(&self) -> Ready {
        let mut ready = Ready::empty();
        ready.set(Ready::READ, self.process.ending().is_some());
        ready.set(Ready::HUNG_UP, self.process.family.is_forgotten());
        ready
    }

    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let pid = if self.process.family.is_forgotten() { -1 } else { i64::from(self.process.pid()) };
        writeln!(out, "Pid:\t{pid}\nNSpid:\t{pid}")
    }

    /// It ends once, and is forgotten once.
    fn changes(&self, _of: Ready) -> Option<u64> {
        Some(u64::from(self.process.family.is_forgotten()))
    }
}
