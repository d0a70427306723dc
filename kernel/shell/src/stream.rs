//! Where a command's output goes, and where its input comes from.

use crate::console::Terminal;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vfs::context::Credentials;
use vfs::error::FileSystemError;
use vfs::file::FileObject;

/// How much output is collected before it is written.
const BUFFER: usize = 4096;

/// A place for output.
#[derive(Clone)]
pub enum Target {
    /// The console.
    Console,
    /// A file.
    File(Arc<FileObject>),
}

/// A place for output with what has not been written to it yet.
pub struct Output {
    target: Target,
    /// Who writes, which need not be who opened the file.
    writer: Credentials,
    buffer: Vec<u8>,
    /// Why nothing more can be written.
    failure: Option<FileSystemError>,
}

impl Output {
    /// An output of `writer` to `target`.
    pub fn new(target: Target, writer: Credentials) -> Self {
        Self { target, writer, buffer: Vec::new(), failure: None }
    }

    /// Whether it is the console.
    pub fn is_console(&self) -> bool {
        matches!(self.target, Target::Console)
    }

    /// Why nothing more can be written, if so.
    pub fn failure(&self) -> Option<FileSystemError> {
        self.failure
    }

    /// Adds bytes; after a failure they are dropped.
    pub fn write(&mut self, bytes: &[u8], terminal: &mut Terminal<'_>) {
        if self.failure.is_some() {
            return;
        }
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush(terminal);
        }
        if bytes.len() > BUFFER {
            self.send(bytes, terminal);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Writes what has been collected.
    pub fn flush(&mut self, terminal: &mut Terminal<'_>) {
        let buffer = core::mem::take(&mut self.buffer);
        self.send(&buffer, terminal);
        self.buffer = buffer;
        self.buffer.clear();
    }

    fn send(&mut self, bytes: &[u8], terminal: &mut Terminal<'_>) {
        match &self.target {
            Target::Console => terminal.write_text(bytes),
            Target::File(file) => {
                let mut rest = bytes;
                while !rest.is_empty() && self.failure.is_none() {
                    if let Err(error) = file.write(&self.writer, &mut rest) {
                        self.failure = Some(error);
                    }
                }
            }
        }
    }
}

/// Where input comes from.
#[derive(Clone)]
pub enum Input {
    /// What is typed, line by line; nothing in a script.
    Console,
    /// A file.
    File(Arc<FileObject>),
}
