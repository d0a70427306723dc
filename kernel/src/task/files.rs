//! The open files of a process, by their numbers. Several processes may have the same (`CLONE_FILES`).
//!
//! Lock order: a process's own lock on [`Files`], then that of the numbers.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::change::ChangeCell;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::lock::LockOwner;
use vfs::sync;

use crate::fs::notices;

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

/// A file that has lost a number. With this its process loses the record locks that it has on the file (`close(2)`) and
/// is told no more of what happens in a directory (`F_NOTIFY`), and the file is closed if nobody else has it; so no lock must be held.
pub struct Closed {
    file: Arc<FileObject>,
    owner: LockOwner,
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.file.close_for(self.owner);
        notices::close_for(&self.file, self.owner);
    }
}

/// Numbers and their files.
struct Table {
    /// Who has the record locks that processes have by these numbers.
    owner: LockOwner,
    /// Room for no more than there ever were.
    slots: sync::Mutex<Vec<Option<Descriptor>>>,
    /// Where changes of the numbers are counted.
    changes: Arc<ChangeCell>,
}

impl Table {
    fn new(slots: Vec<Option<Descriptor>>, changes: Arc<ChangeCell>) -> Arc<Self> {
        Arc::new(Self { owner: LockOwner::fresh(), slots: sync::Mutex::new(slots), changes })
    }

    fn closed(&self, descriptor: Descriptor) -> Closed {
        Closed { file: descriptor.file, owner: self.owner }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let slots = core::mem::take(&mut *self.slots.lock());
        for descriptor in slots.into_iter().flatten() {
            drop(self.closed(descriptor));
        }
    }
}

/// The open files of a process.
pub struct Files {
    table: Arc<Table>,
    /// New numbers are below this.
    limit: usize,
}

impl Default for Files {
    fn default() -> Self {
        Self { table: Table::new(Vec::new(), Arc::default()), limit: LIMIT }
    }
}

/// The file of that number among these.
fn slot(slots: &mut [Option<Descriptor>], number: u64) -> Result<&mut Option<Descriptor>> {
    let slot = usize::try_from(number).ok().and_then(|number| slots.get_mut(number));
    slot.filter(|slot| slot.is_some()).ok_or(FileSystemErrorKind::BadFileDescriptor.into())
}

impl Files {
    /// Who has the record locks that the process has on them.
    pub fn owner(&self) -> LockOwner {
        self.table.owner
    }

    /// Whether another process has the same, and every change of them.
    pub fn are_shared(&self) -> bool {
        Arc::strong_count(&self.table) > 1
    }

    /// The same files and numbers, changes included (`CLONE_FILES`).
    pub fn share(&self) -> Self {
        Self { table: self.table.clone(), limit: self.limit }
    }

    /// The same files with the same numbers, and no record locks (`fork(2)`).
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn duplicate(&self) -> Result<Self> {
        self.duplicate_counting(Arc::default())
    }

    fn duplicate_counting(&self, changes: Arc<ChangeCell>) -> Result<Self> {
        let old = self.table.slots.lock();
        let mut slots = Vec::new();
        slots.try_reserve_exact(old.len()).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        slots.extend_from_slice(&old);
        Ok(Self { table: Table::new(slots, changes), limit: self.limit })
    }

    /// Shares them with nobody from now on: what they were, which the caller is to drop.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn unshare(&mut self) -> Result<Option<Self>> {
        if !self.are_shared() {
            return Ok(None);
        }
        // Whoever looks at the process's numbers goes on counting by the same cell.
        let own = self.duplicate_counting(self.table.changes.clone())?;
        Ok(Some(core::mem::replace(self, own)))
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
        &self.table.changes
    }

    /// The lowest number in use from `from` on.
    pub fn next(&self, from: usize) -> Option<usize> {
        let slots = self.table.slots.lock();
        (from..slots.len()).find(|&number| slots[number].is_some())
    }

    /// The file of that number.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn get(&self, number: u64) -> Result<Descriptor> {
        let slots = self.table.slots.lock();
        let slot = usize::try_from(number).ok().and_then(|number| slots.get(number));
        slot.and_then(Option::clone).ok_or(FileSystemErrorKind::BadFileDescriptor.into())
    }

    /// Says whether another program does not get the file of that number.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn set_close_on_exec(&self, number: u64, on: bool) -> Result<()> {
        if let Some(descriptor) = slot(&mut self.table.slots.lock(), number)? {
            descriptor.close_on_exec = on;
        }
        Ok(())
    }

    /// Gives the lowest free number from `from` on to a file.
    ///
    /// # Errors
    /// `EMFILE`, `ENOMEM`.
    pub fn add(&self, descriptor: Descriptor, from: usize) -> Result<u64> {
        let mut slots = self.table.slots.lock();
        let free = (from..slots.len()).find(|&number| slots[number].is_none());
        let number = free.unwrap_or(slots.len().max(from));
        if number >= self.limit {
            return fail(FileSystemErrorKind::TooManyOpenFiles);
        }
        self.put(&mut slots, number, descriptor)?;
        Ok(number as u64)
    }

    /// Gives a number to a file; returns what had it.
    ///
    /// # Errors
    /// `EBADF` for a number beyond the limit, `ENOMEM`.
    pub fn set(&self, number: usize, descriptor: Descriptor) -> Result<Option<Closed>> {
        if number >= self.limit {
            return fail(FileSystemErrorKind::BadFileDescriptor);
        }
        let old = self.put(&mut self.table.slots.lock(), number, descriptor)?;
        Ok(old.map(|old| self.table.closed(old)))
    }

    fn put(
        &self,
        slots: &mut Vec<Option<Descriptor>>,
        number: usize,
        descriptor: Descriptor,
    ) -> Result<Option<Descriptor>> {
        if number >= slots.len() {
            let missing = number + 1 - slots.len();
            page::admit(missing * size_of::<Option<Descriptor>>())?;
            slots.try_reserve(missing).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
            slots.resize(number + 1, None);
        }
        self.table.changes.bump();
        Ok(slots[number].replace(descriptor))
    }

    /// Takes a number away.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn remove(&self, number: u64) -> Result<Closed> {
        let taken = slot(&mut self.table.slots.lock(), number)?.take();
        self.table.changes.bump();
        taken.map(|taken| self.table.closed(taken)).ok_or(FileSystemErrorKind::BadFileDescriptor.into())
    }

    /// Takes away what another program does not get, and returns it.
    pub fn close_on_exec(&self) -> Vec<Closed> {
        self.table.changes.bump();
        let mut slots = self.table.slots.lock();
        let closing = |slot: &mut Option<Descriptor>| slot.take_if(|descriptor| descriptor.close_on_exec);
        slots.iter_mut().filter_map(closing).map(|descriptor| self.table.closed(descriptor)).collect()
    }

    /// Lets go of all, and returns what they were.
    pub fn let_go(&mut self) -> Self {
        self.table.changes.bump();
        let nothing = Self { table: Table::new(Vec::new(), Arc::default()), limit: self.limit };
        core::mem::replace(self, nothing)
    }
}
