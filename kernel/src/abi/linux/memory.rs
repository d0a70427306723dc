//! Mappings and the heap.

use core::ops::Range;

use vfs::content::Content;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::OpenFlags;
use vfs::metadata::{FileFlags, FileType};
use vfs::mount::MountFlags;
use vfs::seals::Seals;

use super::call::Call;
use super::memory_locks::check_lock_of_new;
use crate::arch::trap::{Access, PageFault};
use crate::arch::user::USER_END;
use crate::fs::{devices, unnamed};
use crate::mm::PAGE_SIZE;
use crate::mm::space::{Failure, Mapping, Marks, Place, Remap, Rights, SharedSpace};
use crate::task::files::Descriptor;

const MAP_SHARED: u32 = 1;
const MAP_PRIVATE: u32 = 2;
const MAP_SHARED_VALIDATE: u32 = 3;
const MAP_TYPE: u32 = 0xf;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_GROWSDOWN: u32 = 0x100;
const MAP_LOCKED: u32 = 0x2000;
const MAP_POPULATE: u32 = 0x8000;
const MAP_HUGETLB: u32 = 0x4_0000;
const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;
const PAGE: u64 = PAGE_SIZE as u64;

/// What `MAP_SHARED_VALIDATE` knows: all that there was before it (Linux's `LEGACY_MAP_MASK`).
const MAP_KNOWN: u32 = 0x407_f9f3;

fn rights(protection: u64) -> Result<Rights> {
    Rights::from_bits(protection).ok_or(FileSystemErrorKind::InvalidArgument.into())
}

pub fn brk(call: &mut Call<'_>) -> Result<u64> {
    Ok(call.process.space()?.lock().set_heap_end(call.arguments[0]))
}

pub fn mmap(call: &mut Call<'_>) -> Result<u64> {
    let [address, length, protection, ..] = call.arguments;
    let flags = call.word(3);
    let offset = call.arguments[5];
    let rights = rights(protection)?;
    if !offset.is_multiple_of(PAGE_SIZE as u64) || length == 0 || flags & MAP_HUGETLB != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    // Large enough for all that can be mapped, and not so large that the end of a file's part could not be written down.
    if length > 1 << 47 {
        return fail(FileSystemErrorKind::OutOfMemory);
    }
    if offset.checked_add(length).is_none_or(|end| i64::try_from(end).is_err()) {
        return fail(FileSystemErrorKind::Overflow);
    }
    let anonymous = flags & MAP_ANONYMOUS != 0;
    let shared = match flags & MAP_TYPE {
        MAP_PRIVATE => false,
        MAP_SHARED => true,
        // Flags that are unknown are refused by this one alone.
        MAP_SHARED_VALIDATE if !anonymous && flags & !MAP_KNOWN != 0 => {
            return fail(FileSystemErrorKind::NotSupported);
        }
        MAP_SHARED_VALIDATE if !anonymous => true,
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    let place = match flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) {
        0 => Place::Near(address),
        MAP_FIXED => Place::At(address),
        _ => Place::IfFree(address),
    };
    let grows = flags & MAP_GROWSDOWN != 0;
    // As on Linux memory that several see does not grow.
    if grows && shared {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let mapping = match anonymous {
        true if grows => Mapping::growing(length.next_multiple_of(PAGE_SIZE as u64), rights)?,
        true => Mapping::anonymous(length.next_multiple_of(PAGE_SIZE as u64), rights, shared)?,
        false => of_file(call, offset..offset.saturating_add(length), rights, shared)?,
    };
    let space = call.process.space()?;
    let locks = flags & MAP_LOCKED != 0 || space.lock().locks_new();
    let marks = [(grows, Marks::GROWS), (locks, Marks::LOCKED)];
    let mapping = marks.into_iter().filter(|(is, _)| *is).fold(mapping, |mapping, (_, mark)| mapping.marked(mark));
    if locks {
        check_lock_of_new(call, &space, flags & MAP_LOCKED != 0, length)?;
    }
    let start = space.lock().map(place, length, mapping)?;
    if flags & MAP_POPULATE != 0 || locks {
        // What cannot come now comes later, or fails then.
        let access = if rights.contains(Rights::WRITE) && !shared { Access::Write } else { Access::Read };
        let _ = populate(call, &space, start..start + length, access);
    }
    Ok(start)
}

/// Lets all pages of the caller's come that have an address in `range`.
///
/// # Errors
/// Those of the first that cannot; `EINTR` when the process is to end.
pub fn populate(call: &Call<'_>, space: &SharedSpace, range: Range<u64>, access: Access) -> Result<()> {
    for address in range.step_by(PAGE_SIZE) {
        if call.process.is_to_end() {
            return fail(FileSystemErrorKind::Interrupted);
        }
        space.bring(PageFault { address, access }).map_err(|failure| match failure {
            Failure::NotMapped | Failure::OutOfMemory => FileSystemErrorKind::OutOfMemory,
            _ => FileSystemErrorKind::BadAddress,
        })?;
    }
    Ok(())
}

/// What of the file whose number is argument 4 is mapped. As on Linux a file must be open for reading, and for writing too
/// if what is written is to be the file's.
fn of_file(call: &Call<'_>, bytes: Range<u64>, rights: Rights, shared: bool) -> Result<Mapping> {
    let file = call.file(4)?;
    let opened = file.flags();
    let mut allowed = Rights::all();
    allowed.set(Rights::WRITE, !shared || opened.contains(OpenFlags::WRITE));
    if !opened.contains(OpenFlags::READ) || !allowed.contains(rights & Rights::WRITE) {
        return fail(FileSystemErrorKind::PermissionDenied);
    }
    let append_only = file.node().permissions().flags.contains(FileFlags::APPEND_ONLY);
    if shared && append_only && opened.contains(OpenFlags::WRITE) {
        return fail(FileSystemErrorKind::PermissionDenied);
    }
    if shared && file.node().seals().is_ok_and(|seals| seals.intersects(Seals::WRITES)) {
        allowed -= Rights::WRITE;
        if rights.contains(Rights::WRITE) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
    }
    if file.path().mount.flags().contains(MountFlags::NO_EXECUTE) {
        allowed -= Rights::EXECUTE;
        if rights.contains(Rights::EXECUTE) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
    }
    let is_zeros = file.node().kind() == FileType::CharDevice && file.node().metadata()?.device == devices::ZERO;
    if !is_zeros && !file.node().is_mappable() {
        return fail(FileSystemErrorKind::NoSuchDevice);
    }
    let mapping = match shared {
        // Memory by its name of old.
        _ if is_zeros => {
            Mapping::anonymous((bytes.end - bytes.start).next_multiple_of(PAGE_SIZE as u64), rights, shared)?
        }
        true => Mapping::shared(file, bytes.start, rights),
        false => Mapping::private(file, Content::new(), bytes.start, rights)?,
    };
    Ok(mapping.allow(allowed))
}

pub fn munmap(call: &mut Call<'_>) -> Result<u64> {
    call.process.space()?.lock().unmap(call.arguments[0], call.arguments[1])?;
    Ok(0)
}

pub fn mprotect(call: &mut Call<'_>) -> Result<u64> {
    let rights = rights(call.arguments[2])?;
    call.process.space()?.lock().protect(call.arguments[0], call.arguments[1], rights)?;
    Ok(0)
}

const MREMAP_MAYMOVE: u32 = 1;
const MREMAP_FIXED: u32 = 2;
const MREMAP_DONTUNMAP: u32 = 4;

pub fn mremap(call: &mut Call<'_>) -> Result<u64> {
    let [start, length, new_length, _, target, _] = call.arguments;
    let flags = call.flags(3, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)?;
    let target = (flags & MREMAP_FIXED != 0).then_some(target);
    let how = match (flags & MREMAP_MAYMOVE != 0, flags & MREMAP_DONTUNMAP != 0, target) {
        (false, false, None) => Remap::InPlace,
        (true, false, None) => Remap::MayMove,
        (true, false, Some(target)) => Remap::To(target),
        (true, true, target) => Remap::Leaving(target),
        (false, ..) => return fail(FileSystemErrorKind::InvalidArgument),
    };
    let space = call.process.space()?;
    if new_length > length && space.lock().is_marked(&(start..start.saturating_add(1)), Marks::LOCKED) {
        check_lock_of_new(call, &space, false, new_length - length)?;
    }
    let mut space = space.lock();
    space.remap(start, length, new_length, how)
}

/// The pages that `length` bytes from `start` on are; none for no length.
///
/// # Errors
/// `EINVAL` for an address that is no page's; `ENOMEM` beyond all addresses.
pub fn pages(start: u64, length: u64) -> Result<Range<u64>> {
    if !start.is_multiple_of(PAGE_SIZE as u64) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let end = length.checked_next_multiple_of(PAGE_SIZE as u64).and_then(|length| start.checked_add(length));
    end.map(|end| start..end).ok_or(FileSystemErrorKind::OutOfMemory.into())
}

/// The pages that something is said of.
///
/// # Errors
/// `EINVAL` for what is none; `ENOMEM` beyond what can be mapped.
pub fn told_pages(start: u64, length: u64) -> Result<Range<u64>> {
    let range = pages(start, length).or(fail(FileSystemErrorKind::InvalidArgument))?;
    if range.end > USER_END { fail(FileSystemErrorKind::OutOfMemory) } else { Ok(range) }
}

/// Lets a piece of a shared mapping show another part of what it shows.
pub fn remap_file_pages(call: &mut Call<'_>) -> Result<u64> {
    let [start, length, protection, page, ..] = call.arguments;
    let start = start - start % PAGE_SIZE as u64;
    let length = length - length % PAGE_SIZE as u64;
    let ends = start.checked_add(length).is_some_and(|end| end > start) && page.checked_add(length / PAGE).is_some();
    if protection != 0 || !ends {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    call.process.space()?.lock().show_other(start..start + length, page)?;
    Ok(0)
}

/// Lets memory stay as it is mapped from now on.
pub fn mseal(call: &mut Call<'_>) -> Result<u64> {
    call.flags(2, 0)?;
    let range = told_pages(call.arguments[0], call.arguments[1])?;
    if !range.is_empty() {
        call.process.space()?.lock().mark(&range, Marks::SEALED, Marks::empty())?;
    }
    Ok(0)
}

const MS_ASYNC: u32 = 1;
const MS_INVALIDATE: u32 = 2;
const MS_SYNC: u32 = 4;

pub fn msync(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(2, MS_ASYNC | MS_INVALIDATE | MS_SYNC)?;
    if flags & (MS_ASYNC | MS_SYNC) == MS_ASYNC | MS_SYNC {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let mut range = pages(call.arguments[0], call.arguments[1])?;
    if range.is_empty() {
        return Ok(0);
    }
    let space = call.process.space()?;
    let is_mapped = space.lock().check_mapped(range.start, range.end - range.start);
    while range.start < range.end {
        let Some((end, file)) = space.lock().next_file(range.clone()) else { break };
        if flags & MS_SYNC != 0 {
            file.sync()?;
        }
        range.start = end;
    }
    // As on Linux what is mapped has been seen to.
    is_mapped.map(|_| 0)
}

/// How many pages are asked about at once.
const RESIDENT_STEP: usize = 256;

pub fn mincore(call: &mut Call<'_>) -> Result<u64> {
    let ([start, length, ..], vector) = (call.arguments, call.address(2));
    let range = pages(start, length)?;
    let space = call.process.space()?;
    let mut at = range.start;
    while at < range.end {
        let mut known = [0; RESIDENT_STEP];
        let count = ((range.end - at) / PAGE_SIZE as u64).min(RESIDENT_STEP as u64) as usize;
        space.lock().resident(at, &mut known[..count])?;
        vector.plus((at - range.start) / PAGE_SIZE as u64).write(&known[..count])?;
        at += (count * PAGE_SIZE) as u64;
    }
    Ok(0)
}

const MFD_CLOEXEC: u32 = 1;
/// It can be sealed.
const MFD_ALLOW_SEALING: u32 = 2;
/// It is not to be executed, and is sealed so.
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 0x10;
/// The longest name (`NAME_MAX` without `memfd:`).
const MFD_NAME_MAX: usize = 249;

pub fn memfd_create(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(1, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)?;
    if flags & (MFD_NOEXEC_SEAL | MFD_EXEC) == MFD_NOEXEC_SEAL | MFD_EXEC {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    call.address(0).read_text(MFD_NAME_MAX + 1, FileSystemErrorKind::InvalidArgument)?;
    let (mode, seals) = match (flags & MFD_NOEXEC_SEAL != 0, flags & MFD_ALLOW_SEALING != 0) {
        (true, _) => (0o666, Seals::EXECUTE),
        (false, true) => (0o777, Seals::empty()),
        (false, false) => (0o777, Seals::SEAL),
    };
    let file = unnamed::new_file(mode, seals)?;
    call.process.files().add(Descriptor { file, close_on_exec: flags & MFD_CLOEXEC != 0 }, 0)
}
