//! Locks whose holder has ended (`set_robust_list(2)`).
//!
//! A thread keeps a list of the locks that it holds, in its own memory. When it ends, those that still have its number
//! are marked, and one of those who wait for each is woken. Nothing in the list is believed.

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::futex;
use super::futex::owned::{HOLDER, HOLDER_HAS_ENDED, IS_WAITED_FOR};
use super::thread::UserSide;
use crate::mm::user_memory::UserAddress;

/// Bytes of the list's head: the first lock, from a lock's entry to its word, the lock that is being taken or left.
pub const HEAD_SIZE: u64 = 24;

/// No more locks than these are looked at (Linux's `ROBUST_LIST_LIMIT`).
const LOCKS_MAX: usize = 2048;

/// In an entry's address: the lock is given to who waits for it ([`futex::owned`]), and nobody is woken here.
const LENDS: u64 = 1;

/// Tells of the locks that the running thread holds. As on Linux a bad address ends the walk, and no more.
pub fn release(user: &UserSide) {
    if let Some(head) = UserAddress::given(user.robust_list()) {
        user.set_robust_list(0);
        let _ = walk(user, head);
    }
}

fn walk(user: &UserSide, head: UserAddress) -> Result<()> {
    let [first, offset, pending] = head.read_words()?;
    let mut entry = first;
    for _ in 0..LOCKS_MAX {
        if entry & !LENDS == head.value() {
            break;
        }
        // Whoever is woken may take the entry away.
        let next = UserAddress::new(entry & !LENDS).read_words();
        if entry & !LENDS != pending & !LENDS {
            release_lock(user, entry, offset, false)?;
        }
        [entry] = next?;
    }
    if pending & !LENDS != 0 {
        release_lock(user, pending, offset, true)?;
    }
    Ok(())
}

/// Marks one lock, if the thread holds it.
fn release_lock(user: &UserSide, entry: u64, offset: u64, is_pending: bool) -> Result<()> {
    let address = UserAddress::new(entry & !LENDS).plus(offset);
    let is_plain = entry & LENDS == 0;
    if !address.value().is_multiple_of(4) {
        return fail(FileSystemErrorKind::BadAddress);
    }
    let word = address.read_u32()?;
    // Left already, with somebody still to be woken for it.
    if is_pending && is_plain && word == 0 {
        return futex::wake_at(&user.process, address);
    }
    if word & HOLDER != user.tid() {
        return Ok(());
    }
    futex::change(address, |word| word & IS_WAITED_FOR | HOLDER_HAS_ENDED)?;
    if is_plain && word & IS_WAITED_FOR != 0 { futex::wake_at(&user.process, address) } else { Ok(()) }
}
