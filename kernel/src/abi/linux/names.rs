//! Opening, making, moving and removing names, and listing them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::context::{Context, ResolveFlags};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags, SeekFrom};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::FileType;
use vfs::node::{NewKind, RenameFlags};

use super::call::Call;
use super::flags::{
    AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, O_CLOEXEC, O_CREAT, O_PATH, O_PATH_KNOWN, O_TMPFILE, OPEN_KNOWN,
    open_flags,
};
use super::{structures, terminals};
use crate::task::files::Descriptor;

/// What `creat` opens with.
const CREATED: u32 = 0o1101;

pub fn open(call: &mut Call<'_>) -> Result<u64> {
    let (flags, mode) = (call.word(1), call.word(2));
    call.with_path(0, |manager, context, path| open_file(call, manager, context, path, flags, mode))
}

pub fn creat(call: &mut Call<'_>) -> Result<u64> {
    let mode = call.word(1);
    call.with_path(0, |manager, context, path| open_file(call, manager, context, path, CREATED, mode))
}

pub fn openat(call: &mut Call<'_>) -> Result<u64> {
    let (flags, mode) = (call.word(2), call.word(3));
    call.with_path_at(0, 1, |manager, context, path| open_file(call, manager, context, path, flags, mode))
}

/// Bytes of `struct open_how`.
const OPEN_HOW_SIZE: u64 = 24;

/// What `openat2` is asked: flags, mode, and what the path may not lead through.
fn open_how(call: &Call<'_>) -> Result<(u32, u32, ResolveFlags)> {
    let [flags, mode, resolve] = call.growing(2, 3, OPEN_HOW_SIZE)?;
    let resolve = ResolveFlags::from_bits(resolve).ok_or(FileSystemErrorKind::InvalidArgument)?;
    let known = u32::try_from(flags).is_ok_and(|flags| flags & !OPEN_KNOWN == 0);
    let made = flags & u64::from(O_CREAT | O_TMPFILE) != 0;
    let place = flags & u64::from(O_PATH) == 0 || flags & !u64::from(O_PATH_KNOWN) == 0;
    if !known || !place || mode & !(if made { 0o7777 } else { 0 }) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Ok((flags as u32, mode as u32, resolve))
}

pub fn openat2(call: &mut Call<'_>) -> Result<u64> {
    let (flags, mode, resolve) = open_how(call)?;
    call.with_path_at(0, 1, |manager, context, path| {
        open_file(call, manager, &context.resolving(resolve), path, flags, mode)
    })
}

fn open_file(
    call: &Call<'_>,
    manager: &VfsManager,
    context: &Context,
    path: &[u8],
    flags: u32,
    mode: u32,
) -> Result<u64> {
    let asked = open_flags(flags);
    // Only what may be made has a mode; whatever else is in the register means nothing.
    let made = asked.intersects(OpenFlags::CREATE | OpenFlags::TEMPORARY);
    add_opened(call, manager.open(context, path, asked, if made { mode & 0o7777 } else { 0 })?, flags)
}

/// Gives a file that was opened with those flags a number.
///
/// # Errors
/// `EMFILE`, `ENOMEM`.
pub fn add_opened(call: &Call<'_>, file: Arc<FileObject>, flags: u32) -> Result<u64> {
    terminals::on_open(call.process, &file, flags);
    call.process.files().add(Descriptor { file, close_on_exec: flags & O_CLOEXEC != 0 }, 0)
}

pub fn mkdir(call: &mut Call<'_>) -> Result<u64> {
    let mode = call.word(1);
    call.with_path(0, |manager, context, path| manager.make_directory(context, path, mode)).map(|()| 0)
}

pub fn mkdirat(call: &mut Call<'_>) -> Result<u64> {
    let mode = call.word(2);
    call.with_path_at(0, 1, |manager, context, path| manager.make_directory(context, path, mode)).map(|()| 0)
}

/// What `mknod` makes: a regular file if the mode says nothing.
fn new_kind(mode: u32, device: u32) -> Result<NewKind<'static>> {
    let device = structures::device_number(device);
    match FileType::from_mode(mode) {
        None if mode & 0o170_000 == 0 => Ok(NewKind::Regular),
        Some(FileType::Regular) => Ok(NewKind::Regular),
        Some(FileType::CharDevice) => Ok(NewKind::CharDevice(device)),
        Some(FileType::BlockDevice) => Ok(NewKind::BlockDevice(device)),
        Some(FileType::Fifo) => Ok(NewKind::Fifo),
        Some(FileType::Socket) => Ok(NewKind::Socket),
        Some(FileType::Directory) => fail(FileSystemErrorKind::NotPermitted),
        Some(FileType::Symlink | FileType::Anonymous) | None => fail(FileSystemErrorKind::InvalidArgument),
    }
}

pub fn mknod(call: &mut Call<'_>) -> Result<u64> {
    let mode = call.word(1);
    let kind = new_kind(mode, call.word(2))?;
    call.with_path(0, |manager, context, path| manager.make_node(context, path, kind, mode & 0o7777)).map(|()| 0)
}

pub fn mknodat(call: &mut Call<'_>) -> Result<u64> {
    let mode = call.word(2);
    let kind = new_kind(mode, call.word(3))?;
    call.with_path_at(0, 1, |manager, context, path| manager.make_node(context, path, kind, mode & 0o7777)).map(|()| 0)
}

pub fn symlink(call: &mut Call<'_>) -> Result<u64> {
    let target = call.path(0)?;
    call.with_path(1, |manager, context, path| manager.make_symlink(context, &target, path)).map(|()| 0)
}

pub fn symlinkat(call: &mut Call<'_>) -> Result<u64> {
    let target = call.path(0)?;
    call.with_path_at(1, 2, |manager, context, path| manager.make_symlink(context, &target, path)).map(|()| 0)
}

pub fn link(call: &mut Call<'_>) -> Result<u64> {
    let old = call.path(0)?;
    call.with_path(1, |manager, context, new| manager.link(context, &old, new, Follow::No)).map(|()| 0)
}

pub fn linkat(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(4, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)?;
    let (old, new) = (call.path(1)?, call.path(3)?);
    let to = call.context_at(2, &new)?;
    let manager = &call.process.place()?.manager;
    if old.is_empty() && flags & AT_EMPTY_PATH != 0 {
        manager.link_file(&to, &*call.place_file(0)?, &new)?;
        return Ok(0);
    }
    let follow = if flags & AT_SYMLINK_FOLLOW != 0 { Follow::Yes } else { Follow::No };
    manager.link_between(&call.context_at(0, &old)?, &old, &to, &new, follow)?;
    Ok(0)
}

pub fn unlink(call: &mut Call<'_>) -> Result<u64> {
    call.with_path(0, VfsManager::unlink).map(|()| 0)
}

pub fn rmdir(call: &mut Call<'_>) -> Result<u64> {
    call.with_path(0, VfsManager::remove_directory).map(|()| 0)
}

pub fn unlinkat(call: &mut Call<'_>) -> Result<u64> {
    let remove = match call.flags(2, AT_REMOVEDIR)? {
        0 => VfsManager::unlink,
        _ => VfsManager::remove_directory,
    };
    call.with_path_at(0, 1, remove).map(|()| 0)
}

pub fn rename(call: &mut Call<'_>) -> Result<u64> {
    let old = call.path(0)?;
    call.with_path(1, |manager, context, new| manager.rename(context, &old, new, RenameFlags::empty())).map(|()| 0)
}

pub fn renameat(call: &mut Call<'_>) -> Result<u64> {
    rename_at(call, RenameFlags::empty())
}

pub fn renameat2(call: &mut Call<'_>) -> Result<u64> {
    let flags = RenameFlags::from_bits(call.word(4)).ok_or(FileSystemErrorKind::InvalidArgument)?;
    rename_at(call, flags)
}

fn rename_at(call: &Call<'_>, flags: RenameFlags) -> Result<u64> {
    let (old, new) = (call.path(1)?, call.path(3)?);
    let (from, to) = (call.context_at(0, &old)?, call.context_at(2, &new)?);
    call.process.place()?.manager.rename_between(&from, &old, &to, &new, flags)?;
    Ok(0)
}

pub fn readlink(call: &mut Call<'_>) -> Result<u64> {
    let target = call.with_path(0, VfsManager::read_link)?;
    show_target(call, 1, &target)
}

pub fn readlinkat(call: &mut Call<'_>) -> Result<u64> {
    let target = call.with_path_at(0, 1, VfsManager::read_link)?;
    show_target(call, 2, &target)
}

/// Writes as much of a link's target as there is room for, without a NUL.
fn show_target(call: &Call<'_>, index: usize, target: &[u8]) -> Result<u64> {
    let room = call.word(index + 1) as i32;
    if room <= 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let shown = &target[..target.len().min(room as usize)];
    call.address(index).write(shown)?;
    Ok(shown.len() as u64)
}

/// A listing is made in the kernel's memory first, no more of it at a time.
const LISTING_MAX: usize = 32 << 10;

/// What an entry takes besides its name: number, cursor, length, type and a NUL.
const ENTRY_SIZE: usize = 20;

/// How entries are written: where their type stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Behind the name and its NUL, at the end of the entry (`struct linux_dirent`).
    Old,
    /// Before the name (`struct linux_dirent64`).
    Wide,
}

pub fn getdents(call: &mut Call<'_>) -> Result<u64> {
    list(call, Layout::Old)
}

pub fn getdents64(call: &mut Call<'_>) -> Result<u64> {
    list(call, Layout::Wide)
}

fn list(call: &Call<'_>, layout: Layout) -> Result<u64> {
    let file = call.file(0)?;
    let room = (call.word(2) as usize).min(LISTING_MAX);
    page::admit(room)?;
    let mut listing = Vec::new();
    listing.try_reserve_exact(room).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    let start = file.position();
    let mut is_full = false;
    file.list(&mut |item| {
        let size = (ENTRY_SIZE + item.name.len()).next_multiple_of(8);
        if listing.len() + size > room {
            is_full = true;
            return false;
        }
        let end = listing.len() + size;
        let kind = (item.kind.mode_bits() >> 12) as u8;
        listing.extend_from_slice(&item.inode.to_le_bytes());
        listing.extend_from_slice(&item.next.to_le_bytes());
        listing.extend_from_slice(&(size as u16).to_le_bytes());
        if layout == Layout::Wide {
            listing.push(kind);
        }
        listing.extend_from_slice(item.name);
        listing.resize(end, 0);
        if layout == Layout::Old {
            listing[end - 1] = kind;
        }
        true
    })?;
    if listing.is_empty() && is_full {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if let Err(error) = call.address(1).write(&listing) {
        // What nobody has seen comes again.
        file.seek(SeekFrom::Start(start as i64))?;
        return Err(error);
    }
    Ok(listing.len() as u64)
}
