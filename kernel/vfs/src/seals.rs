//! Seals: what is promised never to be done to a file in memory again (`F_ADD_SEALS` of `fcntl(2)`, `memfd_create(2)`).

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::node::Allocate;
use bitflags::bitflags;

bitflags! {
    /// What a file is sealed against; the values of `F_GET_SEALS`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Seals: u32 {
        /// More seals.
        const SEAL = 0x01;
        /// Becoming shorter.
        const SHRINK = 0x02;
        /// Becoming longer.
        const GROW = 0x04;
        /// Being written.
        const WRITE = 0x08;
        /// Being written, but through memory that shows it already.
        const FUTURE_WRITE = 0x10;
        /// A change of who may execute it.
        const EXECUTE = 0x20;
    }
}

impl Seals {
    /// Both of those against writing.
    pub const WRITES: Self = Self::WRITE.union(Self::FUTURE_WRITE);

    /// That none of `seals` is there.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn check_without(self, seals: Self) -> Result<()> {
        if self.intersects(seals) { fail(FileSystemErrorKind::NotPermitted) } else { Ok(()) }
    }

    /// That a file of `size` bytes may have that length.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn check_length(self, size: u64, length: u64) -> Result<()> {
        let against = if length < size { Self::SHRINK } else { Self::GROW };
        if length == size { Ok(()) } else { self.check_without(against) }
    }

    /// That something may be written up to `end`.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn check_write(self, size: u64, end: u64) -> Result<()> {
        self.check_without(Self::WRITES)?;
        self.check_length(size, end.max(size))
    }

    /// That a range up to `end` may be allocated so. As on Linux what is behind the end is not reserved either.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn check_allocate(self, what: Allocate, size: u64, end: u64) -> Result<()> {
        match what {
            Allocate::Reserve { .. } => self.check_length(size, end.max(size)),
            Allocate::PunchHole => self.check_without(Self::WRITES),
            Allocate::Zero { .. } => self.check_write(size, end),
        }
    }
}
