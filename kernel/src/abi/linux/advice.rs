//! What a program says of its memory, or of another's (`madvise(2)`, `process_madvise(2)`), and of what it writes
//! (`fcntl(2)`).

use alloc::sync::Arc;
use core::ops::Range;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::node::Allocate;

use super::call::Call;
use super::foreign_memory::space_of;
use super::memory::{populate, told_pages};
use super::transfer::pieces_at;
use crate::arch::trap::Access;
use crate::fs::handle::Handle;
use crate::mm::space::{Marks, SharedSpace};

const MADV_NORMAL: u32 = 0;
const MADV_WILLNEED: u32 = 3;
const MADV_DONTNEED: u32 = 4;
const MADV_FREE: u32 = 8;
const MADV_REMOVE: u32 = 9;
const MADV_DONTFORK: u32 = 10;
const MADV_DOFORK: u32 = 11;
const MADV_WIPEONFORK: u32 = 18;
const MADV_KEEPONFORK: u32 = 19;
const MADV_COLD: u32 = 20;
const MADV_PAGEOUT: u32 = 21;
const MADV_POPULATE_READ: u32 = 22;
const MADV_POPULATE_WRITE: u32 = 23;
const MADV_DONTNEED_LOCKED: u32 = 24;
const MADV_COLLAPSE: u32 = 25;
const MADV_GUARD_INSTALL: u32 = 102;
const MADV_GUARD_REMOVE: u32 = 103;

fn is_known(advice: u32) -> bool {
    matches!(advice, MADV_NORMAL..=MADV_DONTNEED | MADV_FREE..=MADV_COLLAPSE | MADV_GUARD_INSTALL..=MADV_GUARD_REMOVE)
}

/// What cannot be said of memory that is locked.
fn is_for_unlocked(advice: u32) -> bool {
    matches!(advice, MADV_DONTNEED | MADV_FREE | MADV_REMOVE | MADV_COLD | MADV_PAGEOUT | MADV_GUARD_INSTALL)
}

/// What can be said of another's memory.
fn is_for_others(advice: u32) -> bool {
    matches!(advice, MADV_WILLNEED | MADV_COLD | MADV_PAGEOUT | MADV_COLLAPSE)
}

/// What lets memory lose what is there.
fn is_loss(advice: u32) -> bool {
    let lasting = matches!(advice, MADV_DONTFORK | MADV_WIPEONFORK | MADV_GUARD_INSTALL);
    lasting || matches!(advice, MADV_DONTNEED | MADV_DONTNEED_LOCKED | MADV_FREE | MADV_REMOVE)
}

/// Says something of memory. What is going to be used makes no difference: pages come when they are touched, and stay;
/// nor is there one page for what is alike (`MADV_MERGEABLE`), or a large one (`MADV_HUGEPAGE`).
///
/// # Errors
/// `EINVAL` for what cannot be said of it; `EPERM` where it is sealed; `ENOMEM` where not all of it is mapped.
fn advise(call: &Call<'_>, space: &SharedSpace, range: Range<u64>, advice: u32) -> Result<()> {
    let length = range.end - range.start;
    let mut locked = space.lock();
    if is_for_unlocked(advice) && locked.is_marked(&range, Marks::LOCKED) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if is_loss(advice) {
        locked.check_may_lose(&range)?;
    }
    match advice {
        MADV_DONTNEED | MADV_DONTNEED_LOCKED => locked.clear(range.start, length),
        MADV_FREE => locked.free(range.start, length),
        MADV_DONTFORK => locked.mark(&range, Marks::LEFT_OUT, Marks::empty()),
        MADV_DOFORK => locked.mark(&range, Marks::empty(), Marks::LEFT_OUT),
        MADV_WIPEONFORK => locked.mark_memory(&range, Marks::WIPED, Marks::empty()),
        MADV_KEEPONFORK => locked.mark(&range, Marks::empty(), Marks::WIPED),
        MADV_GUARD_INSTALL => locked.guard(&range),
        MADV_GUARD_REMOVE => locked.mark(&range, Marks::empty(), Marks::GUARD),
        // There are no large pages.
        MADV_COLLAPSE => fail(FileSystemErrorKind::InvalidArgument),
        MADV_REMOVE => {
            drop(locked);
            remove(call, space, range)
        }
        MADV_POPULATE_READ | MADV_POPULATE_WRITE => {
            drop(locked);
            populate(call, space, range, if advice == MADV_POPULATE_READ { Access::Read } else { Access::Write })
        }
        _ => locked.check_mapped(range.start, length).map(|_| ()),
    }
}

/// Makes holes of what is shared there, in the file if it is one.
fn remove(call: &Call<'_>, space: &SharedSpace, mut range: Range<u64>) -> Result<()> {
    space.lock().check_removable(&range)?;
    while !range.is_empty() {
        let (end, of_file) = space.lock().remove_shared(range.clone())?;
        range.start = end;
        if let Some((file, bytes)) = of_file {
            file.allocate(&call.credentials()?, Allocate::PunchHole, bytes.start, bytes.end - bytes.start)?;
        }
    }
    Ok(())
}

pub fn madvise(call: &mut Call<'_>) -> Result<u64> {
    let advice = call.word(2);
    if !is_known(advice) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let range = told_pages(call.arguments[0], call.arguments[1])?;
    if !range.is_empty() {
        advise(call, &*call.process.space()?, range, advice)?;
    }
    Ok(0)
}

/// Says something of pieces of a process's memory: how many bytes it was said of. Of another's little can be said.
pub fn process_madvise(call: &mut Call<'_>) -> Result<u64> {
    call.flags(4, 0)?;
    let pieces = pieces_at(call.address(1), call.arguments[2])?;
    let file = call.place_file(0)?;
    let handle: &Handle = file.stream_as().ok_or(FileSystemErrorKind::BadFileDescriptor)?;
    let (process, advice) = (handle.process(), call.word(3));
    let space = space_of(call, process)?;
    let is_own = Arc::ptr_eq(process, call.process);
    if !is_known(advice) || !is_own && !is_for_others(advice) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if !is_own {
        call.credentials()?.require(Capabilities::SYS_NICE)?;
    }
    let mut done = 0;
    for (start, length) in pieces {
        let said = told_pages(start.value(), length).and_then(|range| match range.is_empty() {
            true => Ok(()),
            false => advise(call, &space, range, advice),
        });
        match said {
            Ok(()) => done += length,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

const F_GET_RW_HINT: u32 = 1035;
const F_SET_RW_HINT: u32 = 1036;

/// `RWH_WRITE_LIFE_EXTREME`, the last that there is.
const LIFE_MAX: u64 = 5;

/// The command of argument 1 on how long what is written to `file` is thought to live, if it is one. What has no room to
/// note that takes any, and forgets it.
pub fn fcntl(call: &Call<'_>, file: &FileObject) -> Option<Result<u64>> {
    match call.word(1) {
        F_GET_RW_HINT => Some(call.write_words(2, [file.node().usage().map_or(0, |usage| usage.life().into())])),
        F_SET_RW_HINT => Some(set_life(call, file)),
        _ => None,
    }
}

fn set_life(call: &Call<'_>, file: &FileObject) -> Result<u64> {
    let node = file.node();
    if !call.credentials()?.owns(node.permissions()) {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    let [life] = call.address(2).read_words()?;
    if life > LIFE_MAX {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if let Some(usage) = node.usage() {
        usage.set_life(life as u8);
    }
    Ok(0)
}
