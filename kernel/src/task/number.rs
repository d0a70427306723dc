//! The numbers of processes, threads, groups and sessions: one row of them for all.
//!
//! Whoever goes by a number holds it, a group's members that of the group too; it is given to another when nobody does
//! any more.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::{Entry, VacantEntry};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU32, Ordering};

use spin::{Mutex, Once};
use vfs::change::ChangeCell;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::process::{FIRST, Process};
use super::thread::Thread;

/// Numbers are below this (Linux's `kernel.pid_max`).
pub const END: u32 = 4_194_304;

/// Bytes of heap that a number takes, about.
const MEMORY: usize = 128;

/// The number that was given last.
static LAST: AtomicU32 = AtomicU32::new(FIRST);

/// All that somebody holds. Held while nothing else is.
static NUMBERS: Mutex<BTreeMap<u32, Weak<Number>>> = Mutex::new(BTreeMap::new());

/// A number, and who goes by it.
pub struct Number {
    value: u32,
    process: Mutex<Weak<Process>>,
    thread: Mutex<Weak<Thread>>,
}

impl Number {
    /// One that nobody has.
    ///
    /// # Errors
    /// `EAGAIN` when all are taken, `ENOMEM`.
    pub fn new() -> Result<Arc<Self>> {
        page::admit(MEMORY)?;
        let mut numbers = NUMBERS.lock();
        if numbers.len() as u32 >= END - FIRST - 1 {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        loop {
            let next = LAST.load(Ordering::Relaxed) + 1;
            let next = if next < END { next } else { FIRST + 1 };
            LAST.store(next, Ordering::Relaxed);
            if let Entry::Vacant(vacant) = numbers.entry(next) {
                return Ok(Self::take(vacant, next));
            }
        }
    }

    /// The one of the first process.
    ///
    /// # Errors
    /// `EEXIST` where it is taken, `ENOMEM`.
    pub fn first() -> Result<Arc<Self>> {
        Self::with_value(FIRST)
    }

    /// One that the caller chooses.
    ///
    /// # Errors
    /// `EINVAL` for what is no number, `EEXIST` where it is taken, `ENOMEM`.
    pub fn chosen(value: u32) -> Result<Arc<Self>> {
        match value {
            // Whoever had it would be taken for the first process.
            FIRST => fail(FileSystemErrorKind::AlreadyExists),
            0 | END.. => fail(FileSystemErrorKind::InvalidArgument),
            _ => Self::with_value(value),
        }
    }

    fn with_value(value: u32) -> Result<Arc<Self>> {
        page::admit(MEMORY)?;
        match NUMBERS.lock().entry(value) {
            Entry::Vacant(vacant) => Ok(Self::take(vacant, value)),
            Entry::Occupied(_) => fail(FileSystemErrorKind::AlreadyExists),
        }
    }

    fn take(vacant: VacantEntry<'_, u32, Weak<Self>>, value: u32) -> Arc<Self> {
        let number = Arc::new(Self { value, process: Mutex::default(), thread: Mutex::default() });
        vacant.insert(Arc::downgrade(&number));
        number
    }

    /// The number itself.
    pub fn value(&self) -> u32 {
        self.value
    }

    /// Lets a process go by it.
    pub fn set_process(&self, process: Weak<Process>) {
        *self.process.lock() = process;
        changes().bump();
    }

    /// Lets a thread go by it.
    pub fn set_thread(&self, thread: Weak<Thread>) {
        *self.thread.lock() = thread;
        changes().bump();
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        NUMBERS.lock().remove(&self.value);
    }
}

/// That number, if somebody holds it.
pub fn find(value: u32) -> Option<Arc<Number>> {
    NUMBERS.lock().get(&value).and_then(Weak::upgrade)
}

/// Where it is counted that a process can be found, or no longer.
pub fn changes() -> &'static ChangeCell {
    static CHANGES: Once<ChangeCell> = Once::new();
    CHANGES.call_once(ChangeCell::default)
}

/// The number that was given last.
pub fn last() -> u32 {
    LAST.load(Ordering::Relaxed)
}

/// The process of that number.
pub fn process(value: u32) -> Option<Arc<Process>> {
    find(value)?.process.lock().upgrade()
}

/// The thread of that number.
pub fn thread(value: u32) -> Option<Arc<Thread>> {
    find(value)?.thread.lock().upgrade()
}

/// All processes, those included that have ended and nobody has asked for, by their numbers.
pub fn processes() -> impl Iterator<Item = Arc<Process>> {
    let mut from = 0;
    core::iter::from_fn(move || {
        loop {
            let next = NUMBERS.lock().range(from..).find_map(|(_, number)| number.upgrade())?;
            from = next.value + 1;
            let process = next.process.lock().upgrade();
            if process.is_some() {
                return process;
            }
        }
    })
}
