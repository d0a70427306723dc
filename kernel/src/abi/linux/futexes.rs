//! Waiting for a word of memory (`futex(2)`), and the lists of locks whose holder may end (`set_robust_list(2)`).

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::clocks::{self, CLOCK_MONOTONIC, CLOCK_REALTIME};
use super::foreign_memory;
use super::structures::duration;
use crate::task::futex::{self, ANY, Key, Wanted, Word, owned};
use crate::task::thread::Unfinished;
use crate::task::{number, robust_list};
use crate::time;

const FUTEX_WAIT: u32 = 0;
const FUTEX_WAKE: u32 = 1;
const FUTEX_REQUEUE: u32 = 3;
const FUTEX_CMP_REQUEUE: u32 = 4;
const FUTEX_WAKE_OP: u32 = 5;
const FUTEX_LOCK_PI: u32 = 6;
const FUTEX_UNLOCK_PI: u32 = 7;
const FUTEX_TRYLOCK_PI: u32 = 8;
const FUTEX_WAIT_BITSET: u32 = 9;
const FUTEX_WAKE_BITSET: u32 = 10;
const FUTEX_WAIT_REQUEUE_PI: u32 = 11;
const FUTEX_CMP_REQUEUE_PI: u32 = 12;
const FUTEX_LOCK_PI2: u32 = 13;

const FUTEX_PRIVATE_FLAG: u32 = 128;
const FUTEX_CLOCK_REALTIME: u32 = 256;

fn operation(arguments: &[u64; 6]) -> u32 {
    arguments[1] as u32 & !(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)
}

/// Whether these arguments ask for a lock.
pub fn is_of_lock(arguments: &[u64; 6]) -> bool {
    matches!(operation(arguments), FUTEX_LOCK_PI | FUTEX_LOCK_PI2 | FUTEX_WAIT_REQUEUE_PI)
}

/// Whether a wait with these arguments has an end.
pub fn has_end(arguments: &[u64; 6]) -> bool {
    let operation = operation(arguments);
    matches!(operation, FUTEX_WAIT | FUTEX_WAIT_BITSET) && arguments[3] != 0
}

pub fn futex(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.word(1) & (FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    let operation = operation(&call.arguments);
    let has_clock = matches!(operation, FUTEX_WAIT_BITSET | FUTEX_WAIT_REQUEUE_PI | FUTEX_LOCK_PI2);
    if flags & FUTEX_CLOCK_REALTIME != 0 && !has_clock {
        return fail(FileSystemErrorKind::NotImplemented);
    }
    let key = |index: usize| Key::new(call.process, call.address(index), flags & FUTEX_PRIVATE_FLAG != 0);
    // Linux wakes one at least.
    let count = || u64::try_from(call.word(2) as i32).unwrap_or(0).max(1);
    match operation {
        FUTEX_WAIT | FUTEX_WAIT_BITSET => {
            let bitset = if operation == FUTEX_WAIT { ANY } else { bitset(call)? };
            let end = end(call, operation, flags)?;
            let word = Word { address: call.address(0), value: call.word(2) };
            wait(call, Wanted { key: key(0)?, word, bitset }, end)
        }
        FUTEX_WAKE => Ok(futex::wake(key(0)?, ANY, count())),
        FUTEX_WAKE_BITSET => {
            let bitset = bitset(call)?;
            Ok(futex::wake(key(0)?, bitset, count()))
        }
        FUTEX_REQUEUE | FUTEX_CMP_REQUEUE => {
            let negative = |_| FileSystemErrorKind::InvalidArgument;
            let woken = u64::try_from(call.word(2) as i32).map_err(negative)?;
            let moved = u64::try_from(call.word(3) as i32).map_err(negative)?;
            let (from, to) = (key(0)?, key(4)?);
            if operation == FUTEX_CMP_REQUEUE && call.address(0).read_u32()? != call.word(5) {
                return fail(FileSystemErrorKind::WouldBlock);
            }
            Ok(futex::requeue(from, to, woken, moved))
        }
        FUTEX_LOCK_PI | FUTEX_LOCK_PI2 => {
            let end = end(call, operation, flags)?;
            owned::lock(key(0)?, call.address(0), own_number(call)?, true, end).map(|()| 0)
        }
        FUTEX_TRYLOCK_PI => owned::lock(key(0)?, call.address(0), own_number(call)?, false, None).map(|()| 0),
        FUTEX_UNLOCK_PI => owned::unlock(key(0)?, call.address(0), own_number(call)?).map(|()| 0),
        FUTEX_WAIT_REQUEUE_PI => {
            let end = end(call, operation, flags)?;
            let word = Word { address: call.address(0), value: call.word(2) };
            let (key, lock) = (key(0)?, key(4)?);
            wait_for_lock(call, Wanted { key, word, bitset: ANY }, lock, end)
        }
        FUTEX_CMP_REQUEUE_PI => {
            let (from, to) = (key(0)?, key(4)?);
            let moved = u64::try_from(call.word(3) as i32).or(fail(FileSystemErrorKind::InvalidArgument))?;
            if call.word(2) != 1 || from == to {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
            if call.address(0).read_u32()? != call.word(5) {
                return fail(FileSystemErrorKind::WouldBlock);
            }
            // Whoever is woken goes for the lock.
            Ok(futex::wake(from, ANY, 1 + moved))
        }
        FUTEX_WAKE_OP => {
            let (first, second) = (key(0)?, key(4)?);
            let operation = Operation::new(call.word(5));
            let old = futex::change(call.address(4), operation.change()?)?;
            let is_so = operation.compare(old as i32)?;
            let woken = futex::wake(first, ANY, count());
            let also = u64::try_from(call.word(3) as i32).unwrap_or(0).max(1);
            Ok(woken + if is_so { futex::wake(second, ANY, also) } else { 0 })
        }
        _ => fail(FileSystemErrorKind::NotImplemented),
    }
}

/// Which wakings count: some at least.
fn bitset(call: &Call<'_>) -> Result<u32> {
    match call.word(5) {
        0 => fail(FileSystemErrorKind::InvalidArgument),
        bitset => Ok(bitset),
    }
}

/// Until when (since boot) is waited: `FUTEX_WAIT` says how long, `FUTEX_WAIT_BITSET` until when by one of two clocks.
fn end(call: &Call<'_>, operation: u32, flags: u32) -> Result<Option<Duration>> {
    let Some(address) = call.given(3) else { return Ok(None) };
    let given = duration(address.read_words()?)?;
    if operation == FUTEX_WAIT {
        return Ok(Some(time::monotonic().saturating_add(given)));
    }
    // The first of the locks knew one clock.
    let is_wall = flags & FUTEX_CLOCK_REALTIME != 0 || operation == FUTEX_LOCK_PI;
    end_by_clock(call, given, if is_wall { CLOCK_REALTIME } else { CLOCK_MONOTONIC }).map(Some)
}

/// The time since boot at which a clock says `time`.
///
/// # Errors
/// `EINVAL` for what is no clock.
pub fn end_by_clock(call: &Call<'_>, time: Duration, clock: u32) -> Result<Duration> {
    Ok(time::monotonic().saturating_add(time.saturating_sub(clocks::now(call, clock)?)))
}

/// The number by which the caller has locks.
fn own_number(call: &Call<'_>) -> Result<u32> {
    Ok(call.user_side(&call.thread())?.tid())
}

/// Waits to be woken, and for a lock then. A signal that comes before is as if the call had not been made; one that
/// comes then is told by `EAGAIN`, for the waking has been.
fn wait_for_lock(call: &Call<'_>, wanted: Wanted, lock: Key, end: Option<Duration>) -> Result<u64> {
    if wanted.key == lock {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if futex::wait(&[wanted], end)?.is_none() {
        return fail(FileSystemErrorKind::TimedOut);
    }
    match owned::lock(lock, call.address(4), own_number(call)?, true, end) {
        Err(error) if error.kind() == FileSystemErrorKind::Interrupted => fail(FileSystemErrorKind::WouldBlock),
        result => result.map(|()| 0),
    }
}

/// Waits for a word to change. With an end the wait can go on by `restart_syscall` when a signal has interrupted it.
///
/// # Errors
/// Those of [`futex::wait`]; `ETIMEDOUT`.
pub fn wait(call: &Call<'_>, wanted: Wanted, end: Option<Duration>) -> Result<u64> {
    match futex::wait(&[wanted], end) {
        Ok(Some(_)) => Ok(0),
        Ok(None) => fail(FileSystemErrorKind::TimedOut),
        Err(error) => {
            if let Some(end) = end {
                let thread = call.thread();
                call.user_side(&thread)?.note_unfinished(Unfinished::Word { wanted, end });
            }
            Err(error)
        }
    }
}

/// What `FUTEX_WAKE_OP` does to the second word, and what that must have been for more to be woken.
struct Operation {
    change: u32,
    change_by: u32,
    compare: u32,
    compare_with: i32,
}

impl Operation {
    /// From the last argument: two operations of four bits, two numbers of twelve.
    fn new(packed: u32) -> Self {
        let signed = |bits: u32| (bits << 20) as i32 >> 20;
        let (operation, number) = (packed >> 28, signed(packed >> 12));
        // The highest bit of the operation: the number says which bit is meant.
        let change_by = if operation & 8 != 0 { 1 << (number & 31) } else { number as u32 };
        Self { change: operation & 7, change_by, compare: packed >> 24 & 0xf, compare_with: signed(packed) }
    }

    fn change(&self) -> Result<impl FnOnce(u32) -> u32> {
        let change: fn(u32, u32) -> u32 = match self.change {
            0 => |_, by| by,
            1 => u32::wrapping_add,
            2 => |old, by| old | by,
            3 => |old, by| old & !by,
            4 => |old, by| old ^ by,
            _ => return fail(FileSystemErrorKind::NotImplemented),
        };
        let by = self.change_by;
        Ok(move |old| change(old, by))
    }

    fn compare(&self, old: i32) -> Result<bool> {
        let with = &self.compare_with;
        let compare: fn(&i32, &i32) -> bool = match self.compare {
            0 => i32::eq,
            1 => i32::ne,
            2 => i32::lt,
            3 => i32::le,
            4 => i32::gt,
            5 => i32::ge,
            _ => return fail(FileSystemErrorKind::NotImplemented),
        };
        Ok(compare(&old, with))
    }
}

pub fn set_robust_list(call: &mut Call<'_>) -> Result<u64> {
    if call.arguments[1] != robust_list::HEAD_SIZE {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let thread = call.thread();
    call.user_side(&thread)?.set_robust_list(call.arguments[0]);
    Ok(0)
}

/// Of another process's threads who may look into its memory is told.
pub fn get_robust_list(call: &mut Call<'_>) -> Result<u64> {
    let thread = match call.word(0) {
        0 => call.thread(),
        other => number::thread(other).ok_or(FileSystemErrorKind::NoProcess)?,
    };
    let user = thread.user().ok_or(FileSystemErrorKind::NoProcess)?;
    foreign_memory::space_of(call, &user.process)?;
    call.write_words(2, [robust_list::HEAD_SIZE])?;
    call.write_words(1, [user.robust_list()])
}
