//! What device numbers stand for, wherever a node has them: in devfs, or made by `mknod` in any file system.
//!
//! The numbers are Linux's (`Documentation/admin-guide/devices.txt`).

use alloc::sync::Arc;

use vfs::context::Context;
use vfs::environment::{Devices, OpenStream, Positions};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::{Sink, Source};
use vfs::metadata::{DeviceNumber, FileType};
use vfs::node::{Access, NodeRef};

use super::fifo;
use super::terminal::{Terminal, jobs};
use crate::arch::random;
use crate::task::process;

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
/// The serial line that the console is on, as a terminal.
pub const SERIAL: DeviceNumber = DeviceNumber::new(4, 64);
/// The terminal of whoever opens it.
pub const TTY: DeviceNumber = DeviceNumber::new(5, 0);
/// The console.
pub const CONSOLE: DeviceNumber = DeviceNumber::new(5, 1);

/// What drivers there are, by the numbers that their devices' begin with.
pub const DRIVERS: [(u32, &str); 2] = [(1, "mem"), (5, "/dev/console")];

/// How many bytes are moved at a time.
const CHUNK: usize = 256;

/// The kernel's devices.
pub struct KernelDevices;

impl Devices for KernelDevices {
    fn open(
        &self,
        node: &NodeRef,
        kind: FileType,
        device: DeviceNumber,
        access: Access,
        may_wait: bool,
        _context: &Context,
    ) -> Result<Arc<dyn OpenStream>> {
        if kind == FileType::Fifo {
            return fifo::open(node, access, may_wait);
        }
        // No block device has a driver.
        if kind != FileType::CharDevice {
            return fail(FileSystemErrorKind::NoSuchDeviceOrAddress);
        }
        Ok(match device {
            NULL => Arc::new(Null),
            ZERO => Arc::new(Zero { full: false }),
            FULL => Arc::new(Zero { full: true }),
            RANDOM | URANDOM => Arc::new(Random),
            TTY if process::current().is_some_and(|process| !jobs::is_of(&process)) => {
                return fail(FileSystemErrorKind::NoSuchDeviceOrAddress);
            }
            TTY | SERIAL => Arc::new(Terminal::new()),
            CONSOLE => Arc::new(Terminal::console()),
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
    fn positions(&self) -> Positions {
        Positions::Same
    }

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
    fn positions(&self) -> Positions {
        Positions::Same
    }

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
    fn positions(&self) -> Positions {
        Positions::Same
    }

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

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use vfs::context::Credentials;
    use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
    use vfs::error::FileSystemErrorKind;
    use vfs::file::{FileObject, OpenFlags};
    use vfs::manager::VfsManager;
    use vfs::metadata::DeviceNumber;
    use vfs::node::NewKind;

    use super::{FULL, NULL, RANDOM, TTY, ZERO};
    use crate::ktest;
    use crate::session::environment;

    /// A node of that device on a tmpfs, opened.
    fn open(device: DeviceNumber) -> vfs::error::Result<Arc<FileObject>> {
        let environment = environment();
        let manager = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        let root = manager.root_context();
        manager.make_node(&root, b"/node", NewKind::CharDevice(device), 0o666)?;
        manager.open(&root, b"/node", OpenFlags::READ | OpenFlags::WRITE, 0)
    }

    ktest! {
        fn devices_open_by_their_number_on_any_file_system() {
            let mut buffer = [1; 300];
            let null = open(NULL).unwrap();
            assert_eq!(null.read(&mut &mut buffer[..]), Ok(0));
            assert_eq!(null.write(&Credentials::root(), &mut &[7; 300][..]), Ok(300));
            let zero = open(ZERO).unwrap();
            assert_eq!(zero.read(&mut &mut buffer[..]), Ok(300));
            assert_eq!(buffer, [0; 300]);
            assert!(open(TTY).unwrap().is_terminal());
            assert!(!zero.is_terminal());
        }

        fn full_gives_zeros_and_takes_nothing() {
            let full = open(FULL).unwrap();
            assert_eq!(full.write(&Credentials::root(), &mut &b"x"[..]), Err(FileSystemErrorKind::NoSpace.into()));
            assert_eq!(full.read(&mut &mut [1; 8][..]), Ok(8));
        }

        fn random_bytes_differ() {
            let random = open(RANDOM).unwrap();
            let (mut one, mut other) = ([0; 300], [0; 300]);
            assert_eq!(random.read(&mut &mut one[..]), Ok(300));
            assert_eq!(random.read(&mut &mut other[..]), Ok(300));
            assert_ne!(one, other);
            assert_ne!(one[280..], [0; 20], "filled to its end");
        }

        fn a_number_without_a_driver_is_enxio() {
            let error = open(DeviceNumber::new(99, 1)).err().map(|error| error.kind());
            assert_eq!(error, Some(FileSystemErrorKind::NoSuchDeviceOrAddress));
        }
    }
}
