//! Locks on an open file (`flock(2)`, `fcntl(2)`).

use super::{FileObject, OpenFlags, SeekFrom};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::lease;
use crate::lock::{self, HeldRecord, Holder, LockKind, LockOwner, LockRange, RecordOwner, ShownLock, Waiter, Wanted};
use alloc::sync::Arc;
use alloc::vec::Vec;

impl FileObject {
    /// Locks the whole file for everyone who has this open file, or gives that back (`None`). A lock of the other kind
    /// is given back first, and so lost if the new one cannot be had. Waits if there is a `waiter`. Others are shown the
    /// number of the process.
    ///
    /// # Errors
    /// `EBADF` for a place only (`O_PATH`), `EAGAIN` when somebody else's lock excludes it and there is no waiter,
    /// `EINTR` from the waiter, `ENOLCK`.
    pub fn lock_whole(&self, kind: Option<LockKind>, pid: u32, waiter: Option<&Arc<dyn Waiter>>) -> Result<()> {
        self.require_more_than_place()?;
        lock::acquire(self.node.id(), Wanted::Whole { file: self.address(), kind, pid }, waiter)
    }

    /// Locks a range of bytes for `owner`, or gives it back (`None`): whatever the owner had there is replaced. Waits if
    /// there is a `waiter`.
    ///
    /// A process that closed the descriptor meanwhile must give back what it got ([`FileObject::close_for`]).
    ///
    /// # Errors
    /// `EBADF` for a shared lock on what is not open for reading, or an exclusive one on what is not for writing;
    /// `EAGAIN` when somebody else's lock excludes it and there is no waiter, `EDEADLK` when the process would wait for
    /// itself, `EINTR` from the waiter, `ENOLCK`.
    pub fn lock_record(
        &self,
        owner: RecordOwner,
        kind: Option<LockKind>,
        range: LockRange,
        waiter: Option<&Arc<dyn Waiter>>,
    ) -> Result<()> {
        self.require_more_than_place()?;
        match kind {
            Some(LockKind::Shared) => self.require(OpenFlags::READ)?,
            Some(LockKind::Exclusive) => self.require(OpenFlags::WRITE)?,
            None => {}
        }
        let (holder, pid) = self.holder(owner);
        let file = self.address();
        lock::acquire(self.node.id(), Wanted::Record { holder, file, pid, kind, range }, waiter)
    }

    /// The first lock that keeps `owner` from one of that kind (`F_GETLK`); for no kind, the first that the owner has
    /// there itself (as Linux answers `F_UNLCK` to an open file).
    ///
    /// # Errors
    /// `EBADF` for a place only.
    pub fn test_record(
        &self,
        owner: RecordOwner,
        kind: Option<LockKind>,
        range: LockRange,
    ) -> Result<Option<HeldRecord>> {
        self.require_more_than_place()?;
        Ok(lock::conflict(self.node.id(), self.holder(owner).0, kind, &range))
    }

    /// What it has locked, and `owner` through it; its lease comes last.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn locks(&self, owner: LockOwner) -> Result<Vec<ShownLock>> {
        let (node, file) = (self.node.id(), self.address());
        let mut locks = lock::held_through(node, file, owner)?;
        if let Some(lease) = lease::shown(node, file) {
            page::admit((locks.len() + 1) * size_of::<ShownLock>())?;
            locks.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
            locks.push(lease);
        }
        Ok(locks)
    }

    /// The range that a `struct flock` means: `length` bytes from where `start` leads.
    ///
    /// # Errors
    /// Those of [`LockRange::new`]; `EINVAL` for a start by data or hole.
    pub fn lock_range(&self, start: SeekFrom, length: i64) -> Result<LockRange> {
        let (base, start) = match start {
            SeekFrom::Start(start) => (0, start),
            SeekFrom::Current(start) => (self.position(), start),
            SeekFrom::End(start) => (self.node.metadata()?.size, start),
            SeekFrom::Data(_) | SeekFrom::Hole(_) => return fail(FileSystemErrorKind::InvalidArgument),
        };
        LockRange::new(base, start, length)
    }

    /// Tells that a process closes a descriptor of this file: any, and all its record locks on the file are given back
    /// (`close(2)`). Its other descriptors change nothing about that.
    pub fn close_for(&self, owner: LockOwner) {
        if !self.flags().contains(OpenFlags::PATH) {
            lock::release(self.node.id(), Holder::Process(owner));
        }
    }

    /// Gives back what is locked for this open file, and its lease.
    pub(super) fn release_own_locks(&self) {
        let (node, file) = (self.node.id(), self.address());
        lock::release_all(node, file);
        lease::release(node, file);
    }

    fn holder(&self, owner: RecordOwner) -> (Holder, Option<u32>) {
        match owner {
            RecordOwner::Process { owner, pid } => (Holder::Process(owner), Some(pid)),
            RecordOwner::OpenFile => (Holder::OpenFile(self.address()), None),
        }
    }

    /// What tells it from all other open files while it lives: it is shared, and never moves.
    pub(super) fn address(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }
}
