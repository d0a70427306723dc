//! Locks whose word says who has them, and which are given to who waits (`FUTEX_LOCK_PI`).
//!
//! A lock that somebody waits for is in one table, with who has it. It is let go of to the first who waits, in whose
//! name its word is written at once; if who had it has ended, who gets it writes that itself, for only it knows where the
//! word is in its memory. Nobody is lent a priority: all wait in the order of their coming.
//!
//! What is said in [`super`] of looking at words and at tables holds here too.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::{Key, WAITER_MEMORY};
use crate::mm::user_memory::UserAddress;
use crate::task::thread::Thread;
use crate::task::wait::WaitQueue;
use crate::task::{number, scheduler};

/// What a lock's word has: the holder's number, whether one has ended with it, whether somebody waits.
pub const HOLDER: u32 = 0x3fff_ffff;
pub const HOLDER_HAS_ENDED: u32 = 0x4000_0000;
pub const IS_WAITED_FOR: u32 = 0x8000_0000;

/// Who waits for a lock.
struct Waiter {
    thread: Arc<Thread>,
    number: u32,
    /// Whether it has the lock now.
    has_it: AtomicBool,
}

/// A lock that somebody waits for, or that somebody gets whose holder has ended.
struct Lock {
    holder: u32,
    waiting: VecDeque<Arc<Waiter>>,
}

/// All of them. Held while nothing else is.
static LOCKS: Mutex<BTreeMap<Key, Lock>> = Mutex::new(BTreeMap::new());

/// How many holders are followed to find that one waits for itself.
const CHAIN_MAX: usize = 1024;

/// Whether who has `lock` waits for `number`, be it by others.
fn waits_for(locks: &BTreeMap<Key, Lock>, holder: u32, number: u32) -> bool {
    let mut holder = holder;
    for _ in 0..CHAIN_MAX {
        let waits = |lock: &&Lock| lock.waiting.iter().any(|waiter| waiter.number == holder);
        match locks.values().find(waits) {
            Some(lock) if lock.holder == number => return true,
            Some(lock) => holder = lock.holder,
            None => return false,
        }
    }
    false
}

/// Takes the lock whose word is at `address` for the running thread, which goes by `number`; waits for it, if `waits`,
/// until a time (since boot).
///
/// # Errors
/// `EDEADLK` for one who has it, or lets who has it wait; `ESRCH` where nobody goes by the holder's number, `EINVAL`
/// where another has it than the kernel knows; `EAGAIN` where it is not waited for, `ETIMEDOUT`, `EINTR`, `EFAULT`,
/// `ENOMEM`.
pub fn lock(key: Key, address: UserAddress, number: u32, waits: bool, end: Option<Duration>) -> Result<()> {
    page::admit(WAITER_MEMORY)?;
    let word = address.read_u32()?;
    let holder = word & HOLDER;
    if holder == number {
        return fail(FileSystemErrorKind::Deadlock);
    }
    let known = LOCKS.lock().get(&key).map(|lock| lock.holder);
    match known {
        None if holder == 0 => return address.write_u32(word & HOLDER_HAS_ENDED | number),
        None if number::thread(holder).is_none_or(|thread| thread.user().is_none()) => {
            return fail(FileSystemErrorKind::NoProcess);
        }
        Some(known) if known != holder && word & HOLDER_HAS_ENDED == 0 => {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        _ => address.write_u32(word | IS_WAITED_FOR)?,
    }
    let holder = known.unwrap_or(holder);
    if !waits {
        return fail(FileSystemErrorKind::WouldBlock);
    }
    let waiter = Arc::new(Waiter { thread: scheduler::current(), number, has_it: AtomicBool::new(false) });
    let mut locks = LOCKS.lock();
    if waits_for(&locks, holder, number) {
        return fail(FileSystemErrorKind::Deadlock);
    }
    locks.entry(key).or_insert(Lock { holder, waiting: VecDeque::new() }).waiting.push_back(waiter.clone());
    drop(locks);
    let waited = WaitQueue::new().wait_before(end, || waiter.has_it.load(Ordering::Relaxed));
    if waiter.has_it.load(Ordering::Relaxed) {
        return settle(key, address, number);
    }
    let mut locks = LOCKS.lock();
    if let Some(lock) = locks.get_mut(&key) {
        lock.waiting.retain(|other| !Arc::ptr_eq(other, &waiter));
    }
    forget_if_idle(&mut locks, key);
    drop(locks);
    waited.and(fail(FileSystemErrorKind::TimedOut))
}

/// Writes whose the lock is, where that is not written yet since its holder had ended.
fn settle(key: Key, address: UserAddress, number: u32) -> Result<()> {
    let result = address.read_u32().and_then(|word| match word & HOLDER == number {
        true => Ok(()),
        false => address.write_u32(HOLDER_HAS_ENDED | IS_WAITED_FOR | number),
    });
    forget_if_idle(&mut LOCKS.lock(), key);
    result
}

/// Forgets a lock that nobody waits for.
fn forget_if_idle(locks: &mut BTreeMap<Key, Lock>, key: Key) {
    if locks.get(&key).is_some_and(|lock| lock.waiting.is_empty()) {
        locks.remove(&key);
    }
    if locks.is_empty() {
        // An empty map keeps memory otherwise.
        *locks = BTreeMap::new();
    }
}

/// Gives the lock to the first who waits, if anybody does; who that is.
fn give(lock: &mut Lock) -> Option<Arc<Waiter>> {
    let next = lock.waiting.pop_front()?;
    lock.holder = next.number;
    next.has_it.store(true, Ordering::Relaxed);
    Some(next)
}

/// Lets go of the lock whose word is at `address`, which the thread of that number has.
///
/// # Errors
/// `EPERM` for who does not have it, `EFAULT`.
pub fn unlock(key: Key, address: UserAddress, number: u32) -> Result<()> {
    let word = address.read_u32()?;
    if word & HOLDER != number {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    let mut locks = LOCKS.lock();
    let known = locks.get(&key).map(|lock| (lock.holder, lock.waiting.front().map(|next| next.number)));
    let Some((holder, Some(next))) = known else {
        drop(locks);
        return address.write_u32(0);
    };
    if holder != number {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    address.write_u32(IS_WAITED_FOR | next)?;
    let next = locks.get_mut(&key).and_then(give);
    forget_if_idle(&mut locks, key);
    drop(locks);
    if let Some(next) = next {
        scheduler::wake(next.thread.clone());
    }
    Ok(())
}

/// Lets go of all that the thread of that number has, for it ends.
pub fn release(number: u32) {
    loop {
        let mut locks = LOCKS.lock();
        let next = locks.values_mut().filter(|lock| lock.holder == number).find_map(give);
        drop(locks);
        match next {
            Some(next) => scheduler::wake(next.thread.clone()),
            None => return,
        }
    }
}
