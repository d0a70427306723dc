//! Leases on regular files (`fcntl(2)`, `F_SETLEASE`): who has one is asked before somebody else opens or cuts the file in
//! a way that does not go with it, and has some time to put in order what it knows of the file.
//!
//! - A shared lease goes with whoever only reads, an exclusive one with nobody but its holder. It can be had only while the
//!   file is open in no other way, which the node counts ([`Usage`]): who opens is counted first and then asks here.
//! - A lease belongs to an open file and to the node that users see: an overlay's file keeps it as it is copied up.
//! - Who was asked gives its lease back, or makes it a shared one for who only wants to read; it is made so when its time
//!   is over. As on Linux that is found by whoever looks next, and who waits looks then.
//!
//! Time, signals and waiting are the holder's business: see [`LeaseHolder`].
//!
//! Lock: the table's, a leaf: nothing is called while it is held but [`LeaseHolder::ask`] and [`LeaseHolder::now`].

#[cfg(any(test, feature = "selftest"))]
mod tests;

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::lock::{LockFamily, LockKind, LockRange, ShownLock};
use crate::metadata::NodeId;
use crate::node::{Access, NodeRef};
use crate::sync::Mutex;
use crate::usage::Usage;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

/// Who has a lease, and the machine that others wait on for it.
pub trait LeaseHolder: Send + Sync {
    /// Tells it that somebody waits; until when it may keep the lease, where that has an end. Must neither wait nor call
    /// into this crate.
    fn ask(&self) -> Option<Duration>;

    /// What time it is, by the clock that [`LeaseHolder::ask`] goes by. As that.
    fn now(&self) -> Duration;

    /// Waits until `done` holds or that time has come: asks at once, and again after each [`LeaseHolder::changed`].
    ///
    /// # Errors
    /// `EINTR` when the thread has to see to something else first: a signal.
    fn wait(&self, until: Option<Duration>, done: &dyn Fn() -> bool) -> Result<()>;

    /// Takes notice that its lease has become another, or is gone, whoever has made it so.
    fn changed(&self, kind: Option<LockKind>);
}

/// Somebody was asked, and when it is done if they do nothing.
struct Asked {
    until: Option<Duration>,
}

impl Asked {
    fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

struct Lease {
    /// The open file, by an address that is its own while it lives.
    file: usize,
    kind: LockKind,
    /// The process that has asked for it.
    pid: u32,
    /// To make it a shared one.
    to_share: Option<Asked>,
    /// To give it back.
    to_end: Option<Asked>,
    holder: Arc<dyn LeaseHolder>,
}

impl Lease {
    /// When something becomes of it if its holder does nothing.
    fn next_end(&self) -> Option<Duration> {
        [&self.to_share, &self.to_end].into_iter().flatten().filter_map(|asked| asked.until).min()
    }
}

/// The leases on a file.
type OfFile = SmallVec<[Lease; 1]>;

/// Those who are to take notice of changes once the table is let go of.
type Changed = SmallVec<[(Arc<dyn LeaseHolder>, Option<LockKind>); 2]>;

static TABLE: Mutex<Table> = Mutex::new(HashMap::with_hasher(FxBuildHasher));

/// How many files are in the table, for who only wants to know that there are none: every open and close.
static FILES: AtomicUsize = AtomicUsize::new(0);

/// Counts whatever becomes of leases, for who waits.
static CHANGES: AtomicU64 = AtomicU64::new(0);

type Table = HashMap<NodeId, OfFile, FxBuildHasher>;

/// Sees to it that a file is in the table.
fn enter(table: &mut Table, node: NodeId) -> Result<()> {
    if !table.contains_key(&node) {
        let full = table.len() == table.capacity();
        page::admit(if full { 2 * table.allocation_size() } else { 0 } + size_of::<(NodeId, OfFile)>())?;
        table.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        table.insert(node, OfFile::new());
    }
    Ok(())
}

/// Does something with the leases on a file, those that are over being gone.
///
/// # Errors
/// What `body` answers; `ENOMEM` for one of a file that has none.
fn with_leases<R>(node: NodeId, adds: bool, body: impl FnOnce(&mut OfFile, &mut Changed) -> Result<R>) -> Result<R> {
    let mut changed = Changed::new();
    let mut table = TABLE.lock();
    if adds {
        enter(&mut table, node)?;
    }
    let result = match table.get_mut(&node) {
        Some(leases) => {
            end_those_over(leases, &mut changed);
            let result = body(leases, &mut changed);
            if leases.is_empty() {
                table.remove(&node);
            }
            result
        }
        None => body(&mut OfFile::new(), &mut changed),
    };
    if table.is_empty() {
        *table = HashMap::with_hasher(FxBuildHasher);
    }
    FILES.store(table.len(), Ordering::SeqCst);
    drop(table);
    if !changed.is_empty() {
        CHANGES.fetch_add(1, Ordering::Release);
    }
    changed.into_iter().for_each(|(holder, kind)| holder.changed(kind));
    result
}

fn end_those_over(leases: &mut OfFile, changed: &mut Changed) {
    for lease in leases.iter_mut() {
        let now = lease.holder.now();
        if lease.to_share.take_if(|asked| asked.is_over(now)).is_some() {
            lease.kind = LockKind::Shared;
            changed.push((lease.holder.clone(), Some(lease.kind)));
        }
    }
    take_out(leases, changed, |lease| lease.to_end.as_ref().is_some_and(|asked| asked.is_over(lease.holder.now())));
}

/// Takes leases off a file; whether there were such.
fn take_out(leases: &mut OfFile, changed: &mut Changed, which: impl Fn(&Lease) -> bool) -> bool {
    let before = changed.len();
    leases.retain(|lease| {
        let goes = which(lease);
        if goes {
            changed.push((lease.holder.clone(), None));
        }
        !goes
    });
    changed.len() > before
}

/// Whether a file that is used so can have a lease of that kind, besides the one who has it open for `own`.
fn goes_with(kind: LockKind, usage: &Usage, own: Access) -> bool {
    match kind {
        LockKind::Shared => usage.writers() == 0,
        LockKind::Exclusive => {
            let writes = own.contains(Access::WRITE);
            let own = (u32::from(!writes && own.contains(Access::READ)), u32::from(writes));
            (usage.readers(), usage.writers()) == own
        }
    }
}

/// Gives an open file, which has `node` open for `own`, a lease, or another in its place.
///
/// # Errors
/// `EAGAIN` while the file is open in a way that does not go with it, or others have leases that do not; `ENOMEM`.
pub(crate) fn take(
    node: NodeId,
    file: usize,
    (usage, own): (&Usage, Access),
    (kind, pid): (LockKind, u32),
    holder: Arc<dyn LeaseHolder>,
) -> Result<()> {
    with_leases(node, true, |leases, changed| {
        let mut others = leases.iter().filter(|lease| lease.file != file);
        if !goes_with(kind, usage, own) || others.any(|other| kind == LockKind::Exclusive || other.to_end.is_some()) {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        match leases.iter_mut().find(|lease| lease.file == file) {
            Some(lease) => {
                lease.kind = kind;
                if kind == LockKind::Shared {
                    lease.to_share = None;
                }
                changed.push((lease.holder.clone(), Some(kind)));
            }
            None => {
                page::admit(2 * (leases.len() + 1) * size_of::<Lease>())?;
                leases.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
                leases.push(Lease { file, kind, pid, to_share: None, to_end: None, holder });
            }
        }
        Ok(())
    })?;
    // Who opens is counted before it looks here, and who was not counted yet when this looked has looked too early.
    if !goes_with(kind, usage, own) {
        release(node, file);
        return fail(FileSystemErrorKind::WouldBlock);
    }
    Ok(())
}

/// The lease that an open file has, or what it is to have when it has answered.
pub(crate) fn shown(node: NodeId, file: usize) -> Option<ShownLock> {
    let shown = |lease: &Lease| {
        let kind = if lease.to_share.is_some() { LockKind::Shared } else { lease.kind };
        let is_asked_for = lease.to_share.is_some() || lease.to_end.is_some();
        ShownLock {
            family: LockFamily::Lease { is_asked_for },
            kind: lease.to_end.is_none().then_some(kind),
            range: LockRange::WHOLE,
            pid: Some(lease.pid),
        }
    };
    with_leases(node, false, |leases, _| Ok(leases.iter().find(|lease| lease.file == file).map(shown))).unwrap_or(None)
}

/// Gives back what an open file has; whether it had one.
pub(crate) fn release(node: NodeId, file: usize) -> bool {
    if FILES.load(Ordering::Relaxed) == 0 {
        return false;
    }
    with_leases(node, false, |leases, changed| Ok(take_out(leases, changed, |lease| lease.file == file)))
        .unwrap_or(false)
}

/// Asks for what does not go with opening a file for that, and waits for it if it may.
///
/// # Errors
/// `EAGAIN` when it may not wait; `EINTR` from the holder.
#[inline]
pub fn break_for(node: &NodeRef, access: Access, may_wait: bool) -> Result<()> {
    if FILES.load(Ordering::SeqCst) == 0 { Ok(()) } else { break_those(node.id(), access, may_wait) }
}

#[cold]
fn break_those(node: NodeId, access: Access, may_wait: bool) -> Result<()> {
    let writes = access.contains(Access::WRITE);
    loop {
        let seen = CHANGES.load(Ordering::Acquire);
        let first = with_leases(node, false, |leases, _| {
            let in_the_way = leases.iter_mut().filter(|lease| writes || lease.kind == LockKind::Exclusive);
            let mut first = None;
            for lease in in_the_way {
                let is_asked = lease.to_end.is_some() || !writes && lease.to_share.is_some();
                if !is_asked {
                    let asked = Asked { until: lease.holder.ask() };
                    *(if writes { &mut lease.to_end } else { &mut lease.to_share }) = Some(asked);
                }
                first.get_or_insert_with(|| (lease.holder.clone(), lease.next_end()));
            }
            Ok(first)
        })?;
        let Some((holder, until)) = first else { return Ok(()) };
        if !may_wait {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        holder.wait(until, &|| CHANGES.load(Ordering::Acquire) != seen)?;
    }
}
