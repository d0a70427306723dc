//! Mappings and the heap.

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::OpenFlags;
use vfs::metadata::FileType;
use vfs::mount::MountFlags;

use super::call::Call;
use crate::mm::PAGE_SIZE;
use crate::mm::space::{Mapping, Place, Rights};

const MAP_SHARED: u32 = 1;
const MAP_PRIVATE: u32 = 2;
const MAP_SHARED_VALIDATE: u32 = 3;
const MAP_TYPE: u32 = 0xf;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_HUGETLB: u32 = 0x4_0000;
const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;

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
    let shared = match flags & MAP_TYPE {
        MAP_PRIVATE => false,
        MAP_SHARED | MAP_SHARED_VALIDATE => true,
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    let place = match flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) {
        0 => Place::Near(address),
        MAP_FIXED => Place::At(address),
        _ => Place::IfFree(address),
    };
    let mapping = if flags & MAP_ANONYMOUS != 0 {
        Mapping::anonymous(length.next_multiple_of(PAGE_SIZE as u64), rights, shared)?
    } else {
        of_file(call, offset, rights, shared)?
    };
    call.process.space()?.lock().map(place, length, mapping)
}

/// What of the file whose number is argument 4 is mapped. A shared mapping of a file is not there yet: `ENODEV`, as of a
/// file system that cannot.
fn of_file(call: &Call<'_>, offset: u64, rights: Rights, shared: bool) -> Result<Mapping> {
    let file = call.file(4)?;
    if !file.flags().contains(OpenFlags::READ) {
        return fail(FileSystemErrorKind::PermissionDenied);
    }
    if rights.contains(Rights::EXECUTE) && file.path().mount.flags().contains(MountFlags::NO_EXECUTE) {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    if shared {
        return fail(FileSystemErrorKind::NoSuchDevice);
    }
    if file.node().kind() != FileType::Regular {
        return fail(FileSystemErrorKind::NoSuchDevice);
    }
    match file.node().content() {
        // A file that is made as it is read.
        Err(error) if error.kind() == FileSystemErrorKind::NotSupported => fail(FileSystemErrorKind::NoSuchDevice),
        content => Mapping::private(content?, offset, rights),
    }
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

const MADV_NORMAL: u32 = 0;
const MADV_WILLNEED: u32 = 3;
const MADV_DONTNEED: u32 = 4;
const MADV_FREE: u32 = 8;

/// What is going to be used makes no difference: pages come when they are touched.
pub fn madvise(call: &mut Call<'_>) -> Result<u64> {
    let [address, length, ..] = call.arguments;
    match call.word(2) {
        MADV_NORMAL..=MADV_WILLNEED | MADV_DONTNEED | MADV_FREE if length == 0 => {}
        MADV_NORMAL..=MADV_WILLNEED => {
            call.process.space()?.lock().check_mapped(address, length)?;
        }
        MADV_DONTNEED | MADV_FREE => call.process.space()?.lock().clear(address, length)?,
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    }
    Ok(0)
}
