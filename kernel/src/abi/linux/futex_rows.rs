//! Words to wait for, each by itself or many at once, with flags of their own (`futex_waitv(2)` and its like).

use alloc::vec::Vec;
use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::clocks::{CLOCK_MONOTONIC, CLOCK_REALTIME};
use super::futexes::end_by_clock;
use super::structures::duration;
use crate::mm::user_memory::UserAddress;
use crate::task::futex::{self, ANY, Key, Wanted, Word};

/// The word has 32 bits.
const FUTEX2_SIZE_U32: u32 = 2;
/// Nobody else sees it.
const FUTEX2_PRIVATE: u32 = 128;

/// The most words of one wait (`FUTEX_WAITV_MAX`).
const WORDS_MAX: u64 = 128;

/// Bytes of a `struct futex_waitv`: value, address, flags and nothing.
const ROW_SIZE: u64 = 24;

/// What the word at `address` is for all who see it, by its flags.
fn key(call: &Call<'_>, address: UserAddress, flags: u32) -> Result<Key> {
    if flags & !FUTEX2_PRIVATE != FUTEX2_SIZE_U32 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Key::new(call.process, address, flags & FUTEX2_PRIVATE != 0)
}

/// A value, or a set of wakings, of a word of 32 bits.
fn small(number: u64) -> Result<u32> {
    u32::try_from(number).or(fail(FileSystemErrorKind::InvalidArgument))
}

/// The `count` words at the address that argument 0 is.
fn rows(call: &Call<'_>, count: u64) -> Result<Vec<Wanted>> {
    let mut rows = Vec::new();
    for index in 0..count {
        let [value, address, flags] = call.address(0).plus(ROW_SIZE * index).read_words()?;
        // Behind the flags there is nothing yet.
        if flags >> 32 != 0 {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let address = UserAddress::new(address);
        let key = key(call, address, flags as u32)?;
        rows.push(Wanted { key, word: Word { address, value: small(value)? }, bitset: ANY });
    }
    Ok(rows)
}

/// Until when (since boot) is waited: a time of the clock that argument `clock` is at the address that `at` is.
fn end(call: &Call<'_>, at: usize, clock: usize) -> Result<Option<Duration>> {
    let Some(address) = call.given(at) else { return Ok(None) };
    if !matches!(call.word(clock), CLOCK_REALTIME | CLOCK_MONOTONIC) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    end_by_clock(call, duration(address.read_words()?)?, call.word(clock)).map(Some)
}

pub fn futex_waitv(call: &mut Call<'_>) -> Result<u64> {
    call.flags(2, 0)?;
    let count = u64::from(call.word(1));
    if count == 0 || count > WORDS_MAX || call.arguments[0] == 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let end = end(call, 3, 4)?;
    let wanted = rows(call, count)?;
    let woken = futex::wait(&wanted, end)?;
    woken.map_or(fail(FileSystemErrorKind::TimedOut), |index| Ok(index as u64))
}

pub fn futex_wait(call: &mut Call<'_>) -> Result<u64> {
    let [_, value, bitset, ..] = call.arguments;
    let address = call.address(0);
    let end = end(call, 4, 5)?;
    let (value, bitset) = (small(value)?, small(bitset)?);
    if bitset == 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let key = key(call, address, call.word(3))?;
    let woken = futex::wait(&[Wanted { key, word: Word { address, value }, bitset }], end)?;
    woken.map_or(fail(FileSystemErrorKind::TimedOut), |_| Ok(0))
}

pub fn futex_wake(call: &mut Call<'_>) -> Result<u64> {
    let bitset = small(call.arguments[1])?;
    let key = key(call, call.address(0), call.word(3))?;
    match (bitset, call.word(2) as i32) {
        (0, _) => fail(FileSystemErrorKind::InvalidArgument),
        (_, count) => Ok(futex::wake(key, bitset, u64::try_from(count).unwrap_or(0))),
    }
}

/// Wakes some who wait for the first of two words, and lets others wait for the second.
pub fn futex_requeue(call: &mut Call<'_>) -> Result<u64> {
    call.flags(1, 0)?;
    if call.arguments[0] == 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let rows = rows(call, 2)?;
    let [woken, moved] = [2, 3].map(|index| u64::try_from(call.word(index) as i32));
    let (Ok(woken), Ok(moved), [from, to]) = (woken, moved, &rows[..]) else {
        return fail(FileSystemErrorKind::InvalidArgument);
    };
    if from.word.address.read_u32()? != from.word.value {
        return fail(FileSystemErrorKind::WouldBlock);
    }
    Ok(futex::requeue(from.key, to.key, woken, moved))
}
