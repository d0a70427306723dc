//! Who holds what on which file, and who waits.
//!
//! A file is in the table while somebody holds a lock on it; the table takes no memory when nobody does.

use super::ranges::{self, Held};
use super::{HeldRecord, LockFamily, LockKind, LockOwner, LockRange, ShownLock, Waiter};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::NodeId;
use crate::sync::Mutex;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

static TABLE: Mutex<Table> = Mutex::new(Table { files: HashMap::with_hasher(FxBuildHasher), waiting: Vec::new() });

/// How many files are in the table, for who only wants to know that there are none: every close of a file. Who holds a
/// lock sees its own file counted.
static FILES: AtomicUsize = AtomicUsize::new(0);

/// Who holds a record lock, or asks for one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holder {
    Process(LockOwner),
    /// An open file, by an address that is its own while it lives.
    OpenFile(usize),
}

/// What somebody wants to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// The whole file, for the open file of that address.
    Whole { file: usize, kind: Option<LockKind>, pid: u32 },
    /// A range, through the open file of that address; `pid` is what others are told of its holder.
    Record { holder: Holder, file: usize, pid: Option<u32>, kind: Option<LockKind>, range: LockRange },
}

struct Table {
    files: HashMap<NodeId, FileLocks, FxBuildHasher>,
    waiting: Vec<Arc<Waiting>>,
}

/// What is held on one file. Holders are in the order in which they came.
#[derive(Default)]
struct FileLocks {
    whole: Vec<Whole>,
    records: Vec<Records>,
}

/// A lock on the whole file.
struct Whole {
    file: usize,
    kind: LockKind,
    pid: u32,
}

/// What one holder has locked of a file, which is something.
struct Records {
    holder: Holder,
    /// Through which open file it locked last.
    file: usize,
    pid: Option<u32>,
    ranges: Vec<Held>,
}

/// Somebody who waits.
struct Waiting {
    node: NodeId,
    wanted: Wanted,
    /// Whether it is worth asking again.
    woken: AtomicBool,
    waiter: Arc<dyn Waiter>,
}

/// Makes room in a list of the table.
///
/// # Errors
/// `ENOLCK`.
pub(super) fn reserve<T>(list: &mut Vec<T>, more: usize) -> Result<()> {
    if list.capacity() - list.len() >= more {
        return Ok(());
    }
    let admitted = page::admit(2 * (list.len() + more) * size_of::<T>());
    if admitted.is_err() || list.try_reserve(more).is_err() {
        return fail(FileSystemErrorKind::NoLocks);
    }
    Ok(())
}

/// Gets a lock, or gives it back. While somebody else has what excludes it, waits if there is a `waiter`.
///
/// # Errors
/// `EAGAIN` without a waiter, `EDEADLK` when a process would wait for itself, `ENOLCK`, and what the waiter answers.
pub(crate) fn acquire(node: NodeId, wanted: Wanted, waiter: Option<&Arc<dyn Waiter>>) -> Result<()> {
    loop {
        let Some(queued) = TABLE.lock().attempt(node, wanted, waiter)? else { return Ok(()) };
        queued.0.waiter.wait(&|| queued.0.woken.load(Ordering::Acquire))?;
    }
}

/// The first record lock that excludes one of that kind; for none, the first that the holder has in that range itself.
pub(crate) fn conflict(node: NodeId, holder: Holder, kind: Option<LockKind>, range: &LockRange) -> Option<HeldRecord> {
    let table = TABLE.lock();
    let records = &table.files.get(&node)?.records;
    records.iter().find_map(|records| {
        let held = match kind {
            Some(kind) if records.holder != holder => ranges::conflict(&records.ranges, kind, range),
            None if records.holder == holder => ranges::overlapping(&records.ranges, range),
            _ => None,
        }?;
        Some(HeldRecord { kind: held.kind, range: held.range, pid: records.pid })
    })
}

/// What an open file has locked, and `owner` through it.
///
/// # Errors
/// `ENOMEM`.
pub(crate) fn held_through(node: NodeId, file: usize, owner: LockOwner) -> Result<Vec<ShownLock>> {
    let table = TABLE.lock();
    let Some(locks) = table.files.get(&node) else { return Ok(Vec::new()) };
    let whole = locks.whole.iter().filter(|whole| whole.file == file).map(|whole| {
        let (range, pid) = (LockRange::WHOLE, Some(whole.pid));
        ShownLock { family: LockFamily::Whole, kind: Some(whole.kind), range, pid }
    });
    let records = locks.records.iter().filter_map(|records| match records.holder {
        Holder::OpenFile(holder) if holder == file => Some((LockFamily::OpenFile, records)),
        Holder::Process(holder) if (holder, records.file) == (owner, file) => Some((LockFamily::Process, records)),
        _ => None,
    });
    let records = records.flat_map(|(family, records)| {
        let shown = move |held: &Held| (family, held.kind, held.range, records.pid);
        records.ranges.iter().map(shown)
    });
    let records = records.map(|(family, kind, range, pid)| ShownLock { family, kind: Some(kind), range, pid });
    let shown = whole.chain(records);
    let count = shown.clone().count();
    page::admit(count * size_of::<ShownLock>())?;
    let mut all = Vec::new();
    all.try_reserve(count).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    all.extend(shown);
    Ok(all)
}

/// Gives back all record locks that somebody has on a file.
pub(crate) fn release(node: NodeId, holder: Holder) {
    if FILES.load(Ordering::Relaxed) != 0 {
        TABLE.lock().release(node, |locks| locks.records.retain(|records| records.holder != holder));
    }
}

/// Gives back whatever an open file has locked.
pub(crate) fn release_all(node: NodeId, file: usize) {
    if FILES.load(Ordering::Relaxed) != 0 {
        TABLE.lock().release(node, |locks| {
            locks.whole.retain(|whole| whole.file != file);
            locks.records.retain(|records| records.holder != Holder::OpenFile(file));
        });
    }
}

impl Wanted {
    /// Whether this waits for bytes of `range` to be given back; without one, for the whole file.
    fn is_for(&self, freed: Option<&LockRange>) -> bool {
        match (self, freed) {
            (Self::Whole { .. }, None) => true,
            (Self::Record { range, .. }, Some(freed)) => range.overlaps(freed),
            _ => false,
        }
    }
}

impl FileLocks {
    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.records.is_empty()
    }

    /// Whether somebody else's lock excludes that; of a record lock, whose.
    fn excludes(&self, wanted: &Wanted) -> Option<Option<Holder>> {
        match *wanted {
            Wanted::Whole { file, kind, .. } => {
                let kind = kind?;
                let excluded = self.whole.iter().any(|whole| whole.file != file && whole.kind.excludes(kind));
                excluded.then_some(None)
            }
            Wanted::Record { holder, kind, range, .. } => {
                let kind = kind?;
                let mut others = self.records.iter().filter(|records| records.holder != holder);
                let other = others.find(|records| ranges::conflict(&records.ranges, kind, &range).is_some())?;
                Some(Some(other.holder))
            }
        }
    }

    /// Puts it in the place of what the holder had there.
    ///
    /// # Errors
    /// `ENOLCK`.
    fn set(&mut self, wanted: &Wanted) -> Result<()> {
        match *wanted {
            Wanted::Whole { file, kind, pid } => {
                let Some(kind) = kind else { return Ok(()) };
                reserve(&mut self.whole, 1)?;
                self.whole.push(Whole { file, kind, pid });
            }
            Wanted::Record { holder, file, pid, kind, range } => {
                let known = self.records.iter().position(|records| records.holder == holder);
                let held = known.map_or(&[][..], |index| &self.records[index].ranges);
                let ranges = ranges::set(held, kind, range)?;
                match known {
                    Some(index) if ranges.is_empty() => drop(self.records.remove(index)),
                    Some(index) => (self.records[index].ranges, self.records[index].file) = (ranges, file),
                    None if ranges.is_empty() => {}
                    None => {
                        reserve(&mut self.records, 1)?;
                        self.records.push(Records { holder, file, pid, ranges });
                    }
                }
            }
        }
        Ok(())
    }
}

impl Table {
    /// Gets a lock if nobody's excludes it; else queues who has a waiter.
    fn attempt(&mut self, node: NodeId, wanted: Wanted, waiter: Option<&Arc<dyn Waiter>>) -> Result<Option<Queued>> {
        if let Wanted::Whole { file, kind, .. } = wanted
            && self.has_whole(node, file, kind)
        {
            return Ok(None);
        }
        if let Some(by) = self.files.get(&node).and_then(|locks| locks.excludes(&wanted)) {
            let Some(waiter) = waiter else { return fail(FileSystemErrorKind::WouldBlock) };
            if self.would_wait_for_itself(&wanted, by) {
                return fail(FileSystemErrorKind::Deadlock);
            }
            return self.queue(node, wanted, waiter).map(Some);
        }
        self.set(node, &wanted)?;
        Ok(None)
    }

    /// Whether that open file has the whole file so already. What it has otherwise it loses: as on Linux a lock is
    /// converted by giving it back first, and lost when the other one cannot be had.
    fn has_whole(&mut self, node: NodeId, file: usize, kind: Option<LockKind>) -> bool {
        let Some(locks) = self.files.get_mut(&node) else { return kind.is_none() };
        match locks.whole.iter().find(|whole| whole.file == file) {
            Some(whole) if Some(whole.kind) == kind => true,
            Some(_) => {
                self.release(node, |locks| locks.whole.retain(|whole| whole.file != file));
                kind.is_none()
            }
            None => kind.is_none(),
        }
    }

    fn set(&mut self, node: NodeId, wanted: &Wanted) -> Result<()> {
        if !self.files.contains_key(&node) {
            if matches!(wanted, Wanted::Record { kind: None, .. }) {
                return Ok(());
            }
            let full = self.files.len() == self.files.capacity();
            if full && page::admit(2 * self.files.allocation_size() + size_of::<(NodeId, FileLocks)>()).is_err()
                || self.files.try_reserve(1).is_err()
            {
                return fail(FileSystemErrorKind::NoLocks);
            }
            self.files.insert(node, FileLocks::default());
            FILES.store(self.files.len(), Ordering::Relaxed);
        }
        let result = self.files.get_mut(&node).map_or(Ok(()), |locks| locks.set(wanted));
        if let Wanted::Record { kind: None | Some(LockKind::Shared), range, .. } = wanted {
            self.wake(node, Some(range));
        }
        self.tidy(node);
        result
    }

    /// Lets `give_back` take locks off a file, and wakes whom that may concern.
    fn release(&mut self, node: NodeId, give_back: impl FnOnce(&mut FileLocks)) {
        let Some(locks) = self.files.get_mut(&node) else { return };
        let before = (locks.whole.len(), locks.records.len());
        give_back(locks);
        let (whole, records) = (locks.whole.len() != before.0, locks.records.len() != before.1);
        if whole {
            self.wake(node, None);
        }
        if records {
            self.wake(node, Some(&LockRange::WHOLE));
        }
        self.tidy(node);
    }

    /// Keeps nothing of a file on which nobody holds anything.
    fn tidy(&mut self, node: NodeId) {
        if self.files.get(&node).is_some_and(FileLocks::is_empty) {
            self.files.remove(&node);
            FILES.store(self.files.len(), Ordering::Relaxed);
        }
        if self.files.is_empty() {
            self.files = HashMap::with_hasher(FxBuildHasher);
        }
    }

    fn wake(&self, node: NodeId, freed: Option<&LockRange>) {
        for waiting in self.waiting.iter().filter(|waiting| waiting.node == node && waiting.wanted.is_for(freed)) {
            waiting.woken.store(true, Ordering::Release);
            waiting.waiter.wake();
        }
    }

    fn queue(&mut self, node: NodeId, wanted: Wanted, waiter: &Arc<dyn Waiter>) -> Result<Queued> {
        reserve(&mut self.waiting, 1)?;
        if page::admit(size_of::<Waiting>()).is_err() {
            return fail(FileSystemErrorKind::NoLocks);
        }
        let waiting = Arc::new(Waiting { node, wanted, woken: AtomicBool::new(false), waiter: waiter.clone() });
        self.waiting.push(waiting.clone());
        Ok(Queued(waiting))
    }

    /// Whether the process that wants this would wait for itself, waiting for `by`: from each process to the one that
    /// it waits for. Open files are nobody in particular, so no way leads on from them (`F_OFD_SETLKW`).
    fn would_wait_for_itself(&self, wanted: &Wanted, by: Option<Holder>) -> bool {
        let Wanted::Record { holder: Holder::Process(process), .. } = *wanted else { return false };
        let mut by = by;
        // A process of several threads may wait for several others: a way that goes round without it has an end too.
        for _ in 0..=self.waiting.len() {
            match by {
                Some(Holder::Process(other)) if other == process => return true,
                Some(Holder::Process(other)) => by = self.waits_for(other),
                _ => return false,
            }
        }
        false
    }

    /// Whom a process waits for.
    fn waits_for(&self, process: LockOwner) -> Option<Holder> {
        self.waiting.iter().find_map(|waiting| match waiting.wanted {
            Wanted::Record { holder: Holder::Process(other), .. } if other == process => {
                self.files.get(&waiting.node)?.excludes(&waiting.wanted)?
            }
            _ => None,
        })
    }
}

/// A place in the queue, left when it goes.
struct Queued(Arc<Waiting>);

impl Drop for Queued {
    fn drop(&mut self) {
        let waiting = &mut TABLE.lock().waiting;
        waiting.retain(|other| !Arc::ptr_eq(other, &self.0));
        if waiting.is_empty() {
            *waiting = Vec::new();
        }
    }
}

/// Whether nobody holds anything on that file.
#[cfg(any(test, feature = "selftest"))]
pub(super) fn is_free(node: NodeId) -> bool {
    !TABLE.lock().files.contains_key(&node)
}
