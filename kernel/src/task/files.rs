//! The open files of a process, by their numbers.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::change::ChangeCell;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::lock::LockOwner;

/// Numbers are below this unless a process asks for another limit (`RLIMIT_NOFILE`).
pub const LIMIT: usize = 1024;

/// No limit is above this (`fs.nr_open`).
pub const LIMIT_MAX: usize = 65_536;

/// A file with a number.
#[derive(Clone)]
pub struct Descriptor {
    /// The file.
    pub file: Arc<FileObject>,
    /// Whether another program does not get it (`FD_CLOEXEC`).
    pub close_on_exec: bool,
}

/// A file that has lost a number. With this its process loses the record locks that it has on the file (`close(2)`), and
/// the file is closed if nobody else has it; so no lock must be held.
pub struct Closed {
    file: Arc<FileObject>,
    owner: LockOwner,
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.file.close_for(self.owner);
    }
}

/// The open files of a process.
pub struct Files {
    /// Who has the record locks that the process has on them.
    owner: LockOwner,
    /// Room for no more than there ever were.
    slots: Vec<Option<Descriptor>>,
    /// New numbers are below this.
    limit: usize,
    /// Where changes of the numbers are counted.
    changes: Arc<ChangeCell>,
}

impl Default for Files {
    fn default() -> Self {
        Self { owner: LockOwner::fresh(), slots: Vec::new(), limit: LIMIT, changes: Arc::default() }
    }
}

impl Files {
    /// Who has the record locks that the process has on them.
    pub fn owner(&self) -> LockOwner {
        self.owner
    }

    /// The same files with the same numbers, and no record locks (`fork(2)`).
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn duplicate(&self) -> Result<Self> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(self.slots.len()).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        slots.extend_from_slice(&self.slots);
        Ok(Self { owner: LockOwner::fresh(), slots, limit: self.limit, changes: Arc::default() })
    }

    /// New numbers are below this.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Changes that; what has a number beyond keeps it.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(LIMIT_MAX);
    }

    /// Where changes of the numbers are counted.
    pub fn changes(&self) -> &Arc<ChangeCell> {
        &self.changes
    }

    /// The lowest number in use from `from` on.
    pub fn next(&self, from: usize) -> Option<usize> {
        (from..self.slots.len()).find(|&number| self.slots[number].is_some())
    }

    /// The file of that number.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn get(&self, number: u64) -> Result<&Descriptor> {
        let slot = usize::try_from(number).ok().and_then(|number| self.slots.get(number));
        slot.and_then(Option::as_ref).ok_or(FileSystemErrorKind::BadFileDescriptor.into())
    }

    /// The file of that number, to be changed.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn get_mut(&mut self, number: u64) -> Result<&mut Descriptor> {
        let slot = usize::try_from(number).ok().and_then(|number| self.slots.get_mut(number));
        slot.and_then(Option::as_mut).ok_or(FileSystemErrorKind::BadFileDescriptor.into())
    }

    /// Gives the lowest free number from `from` on to a file.
    ///
    /// # Errors
    /// `EMFILE`, `ENOMEM`.
    pub fn add(&mut self, descriptor: Descriptor, from: usize) -> Result<u64> {
        let free = (from..self.slots.len()).find(|&number| self.slots[number].is_none());
        let number = free.unwrap_or(self.slots.len().max(from));
        if number >= self.limit {
            return fail(FileSystemErrorKind::TooManyOpenFiles);
        }
        self.set(number, descriptor)?;
        Ok(number as u64)
    }

    /// Gives a number to a file; returns what had it.
    ///
    /// # Errors
    /// `EBADF` for a number beyond the limit, `ENOMEM`.
    pub fn set(&mut self, number: usize, descriptor: Descriptor) -> Result<Option<Closed>> {
        if number >= self.limit {
            return fail(FileSystemErrorKind::BadFileDescriptor);
        }
        if number >= self.slots.len() {
            let missing = number + 1 - self.slots.len();
            page::admit(missing * size_of::<Option<Descriptor>>())?;
            self.slots.try_reserve(missing).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
            self.slots.resize(number + 1, None);
        }
        self.changes.bump();
        let old = self.slots[number].replace(descriptor);
        Ok(old.map(|old| self.closed(old)))
    }

    fn closed(&self, descriptor: Descriptor) -> Closed {
        Closed { file: descriptor.file, owner: self.owner }
    }

    /// Takes a number away.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn remove(&mut self, number: u64) -> Result<Closed> {
        self.get(number)?;
        self.changes.bump();
        let taken = self.slots[number as usize].take().ok_or(FileSystemErrorKind::BadFileDescriptor)?;
        Ok(self.closed(taken))
    }

    /// Takes away what another program does not get, and returns it.
    pub fn close_on_exec(&mut self) -> Vec<Closed> {
        self.changes.bump();
        let owner = self.owner;
        let closing = |slot: &mut Option<Descriptor>| slot.take_if(|descriptor| descriptor.close_on_exec);
        self.slots.iter_mut().filter_map(closing).map(|descriptor| Closed { file: descriptor.file, owner }).collect()
    }

    /// Takes away all, and returns them.
    pub fn close_all(&mut self) -> Self {
        self.changes.bump();
        let slots = core::mem::take(&mut self.slots);
        Self { owner: self.owner, slots, limit: self.limit, changes: Arc::default() }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for descriptor in self.slots.drain(..).flatten() {
            drop(Closed { file: descriptor.file, owner: self.owner });
        }
    }
}
