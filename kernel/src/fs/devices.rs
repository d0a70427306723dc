//! What device numbers stand for, wherever a node has them: in devfs, or made by `mknod` in any file system.
//!
//! The numbers are Linux's (`Documentation/admin-guide/devices.txt`).

use alloc::sync::Arc;

use vfs::context::Context;
use vfs::environment::{Devices, OpenStream};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::{Sink, Source};
use vfs::metadata::{DeviceNumber, FileType};
use vfs::node::{Access, NodeRef};

use super::terminal::Terminal;
use crate::arch::random;

/// Takes everything, gives nothing.
pub const NULL: DeviceNumber = DeviceNumber::new(1, 3);
/// Takes everything, gives zeros.
pub const ZERO: DeviceNumber = DeviceNumber::new(1, 5);
/// Takes nothing (`ENOSPC`), gives zeros.
pub const FULL: DeviceNumber = DeviceNumber::new(1, 7);
/// Gives unpredictable bytes.
pub const RANDOM: DeviceNumber = DeviceNumber::new(1, 8);
/// As [`RANDOM`].
pub const URANDOM: DeviceNumber = DeviceNumber::new(1, 9);
/// The terminal of whoever opens it: the console, as there is no other.
pub const TTY: DeviceNumber = DeviceNumber::new(5, 0);
/// The console.
pub const CONSOLE: DeviceNumber = DeviceNumber::new(5, 1);

/// How many bytes are moved at a time.
const CHUNK: usize = 256;

/// The kernel's devices.
pub struct KernelDevices;

impl Devices for KernelDevices {
    fn open(
        &self,
        _node: &NodeRef,
        kind: FileType,
        device: DeviceNumber,
        _access: Access,
        _context: &Context,
    ) -> Result<Arc<dyn OpenStream>> {
        // A pipe has nobody at its other end, and no block device has a driver.
        if kind != FileType::CharDevice {
            return fail(FileSystemErrorKind::NoSuchDeviceOrAddress);
        }
        Ok(match device {
            NULL => Arc::new(Null),
            ZERO => Arc::new(Zero { full: false }),
            FULL => Arc::new(Zero { full: true }),
            RANDOM | URANDOM => Arc::new(Random),
            TTY | CONSOLE => Arc::new(Terminal),
            _ => return fail(FileSystemErrorKind::NoSuchDeviceOrAddress),
        })
    }
}

/// Takes all that `source` has, for nothing.
fn swallow(source: &mut dyn Source) -> Result<usize> {
    let mut chunk = [0; CHUNK];
    let mut taken = 0;
    while source.remaining() > 0 {
        let count = source.remaining().min(CHUNK);
        source.take(&mut chunk[..count])?;
        taken += count;
    }
    Ok(taken)
}

struct Null;

impl OpenStream for Null {
    fn read(&self, _offset: u64, _sink: &mut dyn Sink) -> Result<usize> {
        Ok(0)
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        swallow(source)
    }
}

struct Zero {
    full: bool,
}

impl OpenStream for Zero {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let count = sink.room();
        sink.put_zeros(count)?;
        Ok(count)
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        if self.full { fail(FileSystemErrorKind::NoSpace) } else { swallow(source) }
    }
}

struct Random;

impl OpenStream for Random {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let mut chunk = [0; CHUNK];
        let mut given = 0;
        while sink.room() > 0 {
            let count = sink.room().min(CHUNK);
            random::fill(&mut chunk[..count]);
            sink.put(&chunk[..count])?;
            given += count;
        }
        Ok(given)
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        // Bytes that a user gives are no surprise to that user: they change nothing.
        swallow(source)
    }
}
