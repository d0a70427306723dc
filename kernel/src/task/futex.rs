//! Waiting until somebody says that a word of user memory has changed (`futex(2)`).
//!
//! Who waits stands in one table, by what the word is for all who see it ([`Key`]) and in the order of coming. A word
//! that only one memory has is its address there; one that several share is its place in what stands behind them.
//!
//! Between the look at a word and the place in the table nobody else runs, nor between reading a word and writing it:
//! there is one processor, the kernel is not preempted, and a fault at user memory does not give way.

pub mod owned;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::process::Process;
use super::scheduler;
use super::thread::Thread;
use super::wait::WaitQueue;
use crate::arch::user::USER_END;
use crate::mm::space::Shared;
use crate::mm::user_memory::UserAddress;

/// Bytes of heap that one who waits takes, about.
const WAITER_MEMORY: usize = 256;

/// What a word is for all who see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What it is in: a memory, or what stands behind several. Only compared. (Who waits keeps its memory; what stands
    /// behind it may go meanwhile, and another come in its place: then somebody may be woken for nothing, which they
    /// must expect.)
    object: Shared,
    offset: u64,
}

/// A word and what is expected of it.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Where it is.
    pub address: UserAddress,
    /// What it has.
    pub value: u32,
}

/// Who waits.
struct Waiter {
    thread: Arc<Thread>,
    /// Which wakings count.
    bitset: u32,
    /// Where it stands in the table; `None` once it has been woken.
    place: Mutex<Option<(Key, u64)>>,
}

/// Who waits, by what for and since when. Held while nothing else is.
static WAITING: Mutex<BTreeMap<(Key, u64), Arc<Waiter>>> = Mutex::new(BTreeMap::new());

/// Grows with each who comes.
static COMING: AtomicU64 = AtomicU64::new(0);

/// All wakings count.
pub const ANY: u32 = u32::MAX;

impl Key {
    /// What the word at `address` is in the memory of `process`: its own, if `is_private`; else what it is to others.
    ///
    /// # Errors
    /// `EINVAL` for what is no word's address, `EFAULT` for what is not the user's, or not mapped and not private.
    pub fn new(process: &Process, address: UserAddress, is_private: bool) -> Result<Self> {
        let address = address.value();
        if !address.is_multiple_of(4) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if address >= USER_END {
            return fail(FileSystemErrorKind::BadAddress);
        }
        let space = process.space()?;
        let own = Self { object: Shared::Memory(Arc::as_ptr(&space).addr()), offset: address };
        if is_private {
            return Ok(own);
        }
        let shared = space.lock().shared_place(address)?;
        Ok(shared.map_or(own, |(object, offset)| Self { object, offset }))
    }
}

impl Waiter {
    fn stand_at(self: &Arc<Self>, waiting: &mut BTreeMap<(Key, u64), Arc<Self>>, key: Key) {
        let place = (key, COMING.fetch_add(1, Ordering::Relaxed));
        *self.place.lock() = Some(place);
        waiting.insert(place, self.clone());
    }

    fn is_woken(&self) -> bool {
        self.place.lock().is_none()
    }
}

/// Changes the word at `address`, while nobody else does; returns what it was.
///
/// # Errors
/// `EFAULT`.
pub fn change(address: UserAddress, change: impl FnOnce(u32) -> u32) -> Result<u32> {
    let old = address.read_u32()?;
    address.write_u32(change(old))?;
    Ok(old)
}

/// What somebody waits for: a word, what it is for all who see it, and which wakings count.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What others know the word by.
    pub key: Key,
    /// The word, as it is.
    pub word: Word,
    /// Which wakings count.
    pub bitset: u32,
}

/// Waits until somebody wakes the running thread by one of these, or a time (since boot); by which, the last of them if
/// by several.
///
/// # Errors
/// `EAGAIN` if a word has another value, `EFAULT`, `EINTR`, `ENOMEM`.
pub fn wait(wanted: &[Wanted], end: Option<Duration>) -> Result<Option<usize>> {
    page::admit(wanted.len() * WAITER_MEMORY)?;
    for Wanted { word, .. } in wanted {
        if word.address.read_u32()? != word.value {
            return fail(FileSystemErrorKind::WouldBlock);
        }
    }
    let thread = scheduler::current();
    let waiter = |bitset| Arc::new(Waiter { thread: thread.clone(), bitset, place: Mutex::new(None) });
    let waiters: Vec<Arc<Waiter>> = wanted.iter().map(|wanted| waiter(wanted.bitset)).collect();
    for (waiter, wanted) in waiters.iter().zip(wanted) {
        waiter.stand_at(&mut WAITING.lock(), wanted.key);
    }
    let waited = WaitQueue::new().wait_before(end, || waiters.iter().any(|waiter| waiter.is_woken()));
    let woken = waiters.iter().rposition(|waiter| waiter.is_woken());
    for waiter in &waiters {
        let place = waiter.place.lock().take();
        let forgotten = place.and_then(|place| WAITING.lock().remove(&place));
        drop(forgotten);
    }
    if woken.is_some() { Ok(woken) } else { waited.map(|_| None) }
}

/// Takes the one out of the table who has waited longest for `key`, of those who came before `end` and for whom one of the
/// wakings in `bitset` counts.
fn take(key: Key, end: u64, bitset: u32) -> Option<Arc<Waiter>> {
    let mut waiting = WAITING.lock();
    let mut range = waiting.range((key, 0)..(key, end));
    let (&place, _) = range.find(|(_, waiter)| waiter.bitset & bitset != 0)?;
    waiting.remove(&place)
}

/// Wakes `count` of those who wait for `key`, those first who have waited longest; returns how many. Only those for whom
/// one of the wakings in `bitset` counts.
pub fn wake(key: Key, bitset: u32, count: u64) -> u64 {
    let mut woken = 0;
    while woken < count
        && let Some(waiter) = take(key, u64::MAX, bitset)
    {
        *waiter.place.lock() = None;
        scheduler::wake(waiter.thread.clone());
        woken += 1;
    }
    woken
}

/// Wakes one who waits for the word at `address` of a process, whoever sees it.
///
/// # Errors
/// Those of [`Key::new`].
pub fn wake_at(process: &Process, address: UserAddress) -> Result<()> {
    wake(Key::new(process, address, false)?, ANY, 1);
    Ok(())
}

/// Wakes `woken` of those who wait for `from`, and lets `moved` more wait for `to` instead; returns how many in all.
pub fn requeue(from: Key, to: Key, woken: u64, moved: u64) -> u64 {
    let count = wake(from, ANY, woken);
    // Who comes to `from` by this does not count.
    let before = COMING.load(Ordering::Relaxed);
    let mut done = 0;
    while done < moved
        && let Some(waiter) = take(from, before, ANY)
    {
        waiter.stand_at(&mut WAITING.lock(), to);
        done += 1;
    }
    count + done
}
