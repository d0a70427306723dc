//! Advisory locks on files: those of `flock(2)` on whole files, and those of `fcntl(2)` on ranges of bytes ("record
//! locks"), held by a process or by an open file description.
//!
//! - A lock belongs to the node that users see, by its identity: an overlay's file keeps its locks as it is copied up.
//! - The two families do not see each other. Record locks of processes and of open files do.
//! - What is held is given back by [`FileObject`](crate::file::FileObject): a lock of an open file with its last
//!   reference, those of a process when it closes any descriptor of the file, which the system calls have to tell.
//! - Who waits stands in the table with what it wants, is woken when somebody gives back what overlaps, and asks again.
//!   Nothing is handed over: as on Linux, who asks first after a release gets it.
//! - A process that would wait for itself, by way of the processes that wait for each other, is told `EDEADLK`.
//!
//! How a thread waits is the business of whoever brought it here: see [`Waiter`].
//!
//! Lock: the table's, one for all files, since waits lead from file to file. It is a leaf: nothing is called while it is
//! held but [`Waiter::wake`].

mod ranges;
mod table;
#[cfg(any(test, feature = "selftest"))]
mod tests;

pub(crate) use table::{Holder, Wanted, acquire, conflict, held_through, release, release_all};

use crate::error::{FileSystemErrorKind, Result, fail};
use core::sync::atomic::{AtomicU64, Ordering};

/// What a lock keeps others from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockKind {
    /// Having it exclusively (`LOCK_SH`, `F_RDLCK`).
    Shared,
    /// Having it at all (`LOCK_EX`, `F_WRLCK`).
    Exclusive,
}

impl LockKind {
    /// Whether two of different holders cannot be held at once.
    const fn excludes(self, other: Self) -> bool {
        matches!(self, Self::Exclusive) || matches!(other, Self::Exclusive)
    }
}

/// A process, as the owner of record locks: those who share their table of open files are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockOwner(u64);

impl LockOwner {
    /// An owner nobody else is.
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// On whose behalf a record lock is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordOwner {
    /// The process's (`F_SETLK`); others are shown its number.
    Process {
        /// Which owner.
        owner: LockOwner,
        /// What `F_GETLK` calls it (`l_pid`).
        pid: u32,
    },
    /// The open file's (`F_OFD_SETLK`).
    OpenFile,
}

/// A range of bytes, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockRange {
    /// The first byte.
    pub(crate) first: u64,
    /// The last one; [`LockRange::LAST`] is the end of the file, wherever that comes to be.
    pub(crate) last: u64,
}

impl LockRange {
    /// The last byte there can be (`OFFSET_MAX`).
    const LAST: u64 = i64::MAX as u64;

    /// Every byte.
    pub const WHOLE: Self = Self { first: 0, last: Self::LAST };

    /// `length` bytes from `base + start` on; those before it if negative, all that follow if 0 (`fcntl(2)`).
    ///
    /// # Errors
    /// `EINVAL` when it begins before byte 0, `EOVERFLOW` when it ends after the last byte there can be.
    pub fn new(base: u64, start: i64, length: i64) -> Result<Self> {
        let overflow = FileSystemErrorKind::Overflow;
        let base = i64::try_from(base).map_err(|_| overflow)?;
        let start = base.checked_add(start).ok_or(overflow)?;
        if start < 0 {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let (first, last) = match length {
            0 => (start, i64::MAX),
            1.. => (start, start.checked_add(length - 1).ok_or(overflow)?),
            _ => (start + length, start - 1),
        };
        match (u64::try_from(first), u64::try_from(last)) {
            (Ok(first), Ok(last)) => Ok(Self { first, last }),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        }
    }

    /// The first byte (`l_start`).
    pub const fn start(&self) -> u64 {
        self.first
    }

    /// How many bytes; 0 when it goes on to the end of the file (`l_len`).
    pub const fn length(&self) -> u64 {
        if self.last == Self::LAST { 0 } else { self.last - self.first + 1 }
    }

    const fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// A record lock that somebody holds, as `F_GETLK` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldRecord {
    /// What it keeps others from.
    pub kind: LockKind,
    /// The bytes.
    pub range: LockRange,
    /// The process that holds it; `None` for an open file (`l_pid` is -1).
    pub pid: Option<u32>,
}

/// What kind of promise a lock is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockFamily {
    /// On the whole file (`flock(2)`).
    Whole,
    /// On a range, of a process (`F_SETLK`).
    Process,
    /// On a range, of an open file (`F_OFD_SETLK`).
    OpenFile,
    /// A lease (`F_SETLEASE`).
    Lease {
        /// Whether somebody waits for it, or has.
        is_asked_for: bool,
    },
}

/// What somebody has on a file through an open file, as `/proc/locks` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShownLock {
    /// What it is.
    pub family: LockFamily,
    /// What it keeps others from; of a lease that is to be given back, `None`.
    pub kind: Option<LockKind>,
    /// The bytes.
    pub range: LockRange,
    /// The process that has asked for it; `None` for an open file's.
    pub pid: Option<u32>,
}

/// How a thread waits for a lock: what the machine's scheduler has for that, or the host's. One for each wait.
pub trait Waiter: Send + Sync {
    /// Waits until `done` holds: asks at once, and again after each [`Waiter::wake`]. `done` waits for nobody, and may be
    /// asked anywhere.
    ///
    /// # Errors
    /// `EINTR` when the thread has to see to something else first: a signal.
    fn wait(&self, done: &dyn Fn() -> bool) -> Result<()>;

    /// Lets [`Waiter::wait`] ask again, be it under way or not. Must neither wait nor call into this crate.
    fn wake(&self);
}
