//! What a namespace needs from the machine around it: time, randomness, memory figures, devices.
//!
//! All of it comes in through traits, so that the crate has no clock and no device of its own and tests can bring
//! theirs.

use crate::context::Context;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::io::{Sink, Source};
use crate::metadata::{DeviceNumber, FileType};
use crate::node::{Access, NodeRef};
use crate::time::{Clock, Timestamp};
use alloc::sync::Arc;
use bitflags::bitflags;
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

bitflags! {
    /// What can be done with an open file without waiting (`poll(2)`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Ready: u8 {
        /// There is something to read, or an end or an error to be told of.
        const READ = 1;
        /// There is room to write.
        const WRITE = 2;
        /// Nobody writes any more.
        const HUNG_UP = 4;
        /// Nobody reads any more, or there is an error to be told of.
        const BROKEN = 8;
        /// The other end writes no more (`POLLRDHUP`).
        const READ_HUNG_UP = 16;
    }
}

/// What reads and writes of an open file go to where the node has no content of its own: a device, a pipe, a file
/// that is made as it is read. Who made it recognises it as its own ([`crate::file::FileObject::stream_as`]).
pub trait OpenStream: Any + Send + Sync {
    /// Reads at `offset` (which a stream without positions ignores); 0 at the end.
    ///
    /// # Errors
    /// `EINVAL` where reading makes no sense, `EAGAIN`, `EINTR`, `EIO`.
    fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize>;

    /// Writes at `offset`; returns the bytes taken.
    ///
    /// # Errors
    /// `EINVAL` where writing makes no sense, `ENOSPC`, `EPIPE`, `EAGAIN`, `EINTR`, `EIO`.
    fn write(&self, offset: u64, source: &mut dyn Source) -> Result<usize>;

    /// Takes notice that reads and writes must not wait (`O_NONBLOCK`) but fail with `EAGAIN`, or may wait again. What
    /// never waits need not care.
    fn set_non_blocking(&self, _on: bool) {}

    /// What can be done without waiting; what never waits need not care. Asked with interrupts off, so it waits for
    /// nobody itself.
    fn ready(&self) -> Ready {
        Ready::READ | Ready::WRITE
    }

    /// A number that is another whenever something has come since that may be told of as one of `of`, for who wants to
    /// be told of what comes only (`EPOLLET`); `None` where that is not counted.
    fn changes(&self, _of: Ready) -> Option<u64> {
        None
    }

    /// How many bytes can be read without waiting (`FIONREAD`).
    ///
    /// # Errors
    /// `ENOTTY` where that is not known, `EINVAL` where it never can be.
    fn readable(&self) -> Result<usize> {
        fail(FileSystemErrorKind::NotATerminal)
    }

    /// What positions are to it.
    fn positions(&self) -> Positions {
        Positions::None
    }

    /// Writes what is said of it besides what is said of every open file (`proc_pid_fdinfo(5)`).
    ///
    /// # Errors
    /// Those of `out`.
    fn describe(&self, _out: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }

    /// Whether it is a terminal (`isatty(3)`).
    fn is_terminal(&self) -> bool {
        false
    }
}

/// What the positions of an open file are to what is read and written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Positions {
    /// It has none: who gives one is answered `ESPIPE`.
    None,
    /// It is the same at all: seeking leads to 0, as in `/dev/zero`.
    Same,
    /// They are as a file's.
    Kept,
}

/// Opens what device, FIFO and socket nodes stand for.
pub trait Devices: Send + Sync {
    /// The stream behind a node of that kind and number. Opening a FIFO waits for who opens its other end, if it may
    /// wait: the caller holds no lock.
    ///
    /// # Errors
    /// `ENXIO` when no driver has that number, for a socket, or for a FIFO that nobody reads; `EINTR`, `ENOMEM`.
    fn open(
        &self,
        node: &NodeRef,
        kind: FileType,
        device: DeviceNumber,
        access: Access,
        may_wait: bool,
        context: &Context,
    ) -> Result<Arc<dyn OpenStream>>;
}

/// How much memory there is, for default limits.
pub trait Memory: Send + Sync {
    /// Bytes of memory of the machine.
    fn total(&self) -> u64;
}

/// Unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills `into`.
    fn fill(&self, into: &mut [u8]);
}

/// The machine around a namespace.
#[derive(Clone)]
pub struct Environment {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What device nodes stand for.
    pub devices: Arc<dyn Devices>,
    /// How much memory there is.
    pub memory: Arc<dyn Memory>,
    /// Unpredictable bytes.
    pub random: Arc<dyn Random>,
}

impl Environment {
    /// An environment without a machine, for tests and for the host: a clock that moves by a microsecond at each
    /// look, 1 GiB of memory, no devices, and numbers that repeat from run to run.
    pub fn detached() -> Self {
        let ticks = Arc::new(Ticks { clock: AtomicU64::new(0), random: AtomicU64::new(0x9e37_79b9_7f4a_7c15) });
        Self { clock: ticks.clone(), devices: ticks.clone(), memory: ticks.clone(), random: ticks }
    }
}

struct Ticks {
    clock: AtomicU64,
    random: AtomicU64,
}

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        let microseconds = self.clock.fetch_add(1, Ordering::Relaxed);
        Timestamp {
            seconds: 1_000_000_000 + (microseconds / 1_000_000) as i64,
            nanoseconds: (microseconds % 1_000_000) as u32 * 1_000,
        }
    }
}

impl Devices for Ticks {
    fn open(
        &self,
        _node: &NodeRef,
        _kind: FileType,
        _device: DeviceNumber,
        _access: Access,
        _may_wait: bool,
        _context: &Context,
    ) -> Result<Arc<dyn OpenStream>> {
        fail(FileSystemErrorKind::NoSuchDeviceOrAddress)
    }
}

impl Memory for Ticks {
    fn total(&self) -> u64 {
        1 << 30
    }
}

impl Random for Ticks {
    fn fill(&self, into: &mut [u8]) {
        for byte in into {
            // splitmix64: a step of a constant, then a mix.
            let mut mixed = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)) as u8;
        }
    }
}
