//! A file system in the making as an open file (`fsopen(2)`, `fspick(2)`): what is read of it is what was wrong.
//!
//! Locks: that of a configuration is outermost of all, held while the file system is made.

use alloc::sync::Arc;

use vfs::environment::OpenStream;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};
use vfs::manager::Follow;
use vfs::manager::configuring::Configuration;
use vfs::node::NewKind;
use vfs::sync::Mutex;

use super::unnamed;

/// Bytes of heap that one takes, about, its messages too.
const MEMORY: usize = 4096;

/// A file system in the making.
pub struct Configuring {
    /// What has been asked for.
    pub configuration: Mutex<Configuration>,
}

/// One as an open file.
///
/// # Errors
/// `ENOMEM`.
pub fn open(configuration: Configuration) -> Result<Arc<FileObject>> {
    page::admit(MEMORY)?;
    let configuring = Arc::new(Configuring { configuration: Mutex::new(configuration) });
    unnamed::with_node(NewKind::Regular, 0o600, |manager, context, name| {
        let place = manager.resolve(context, name, Follow::No)?;
        FileObject::of_stream(place, OpenFlags::READ | OpenFlags::WRITE, configuring)
    })
}

impl OpenStream for Configuring {
    /// One message at a time: `ENODATA` where there is none, `EMSGSIZE` for one that there is no room for, which is gone.
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let message = self.configuration.lock().take_message().ok_or(FileSystemErrorKind::NoData)?;
        if message.len() > sink.room() {
            return fail(FileSystemErrorKind::MessageTooLong);
        }
        sink.put(message.as_bytes())?;
        Ok(message.len())
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }
}
