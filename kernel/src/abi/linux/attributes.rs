//! What is known of a file, and changing it.

use vfs::context::AccessMode;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, Metadata, SetTime};
use vfs::mount::Path;
use vfs::node::Allocate;

use super::call::Call;
use super::flags::{AT_EACCESS, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, follow_unless};
use super::{limits, structures};

/// Writes `struct stat` to the address of an argument.
fn show(call: &Call<'_>, index: usize, metadata: &Metadata) -> Result<u64> {
    call.write_words(index, structures::stat(metadata))
}

pub fn stat(call: &mut Call<'_>) -> Result<u64> {
    show(call, 1, &call.named(0, Follow::Yes)?.node()?.metadata()?)
}

pub fn lstat(call: &mut Call<'_>) -> Result<u64> {
    show(call, 1, &call.named(0, Follow::No)?.node()?.metadata()?)
}

pub fn fstat(call: &mut Call<'_>) -> Result<u64> {
    show(call, 1, &call.place_file(0)?.metadata()?)
}

/// As [`named`], for calls that need no path at all to be about the file itself.
fn named_or_itself(call: &Call<'_>, flags: usize, more: u32) -> Result<Path> {
    let flags = call.flags(flags, AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | more)?;
    call.named_or(0, 1, follow_unless(flags, AT_SYMLINK_NOFOLLOW), flags, |call| call.place_of(0))
}

/// What a path at arguments 0 and 1 names, under the usual flags, which argument `flags` is.
fn named(call: &Call<'_>, flags: usize, more: u32) -> Result<Path> {
    let flags = call.flags(flags, AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | more)?;
    call.named_at(0, 1, follow_unless(flags, AT_SYMLINK_NOFOLLOW), flags)
}

pub fn newfstatat(call: &mut Call<'_>) -> Result<u64> {
    show(call, 2, &named_or_itself(call, 3, 0)?.node()?.metadata()?)
}

/// `AT_STATX_FORCE_SYNC` and `AT_STATX_DONT_SYNC`: what is known is always true here.
const AT_STATX_SYNC: u32 = 0x6000;

pub fn statx(call: &mut Call<'_>) -> Result<u64> {
    let both = call.word(2) & AT_STATX_SYNC == AT_STATX_SYNC;
    if both || call.word(3) & STATX_RESERVED != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let path = named_or_itself(call, 2, AT_STATX_SYNC)?;
    let metadata = path.node()?.metadata()?;
    call.write_words(4, structures::statx(&metadata, call.word(3), path.mount.id(), path.is_mount_root()))
}

/// `STATX__RESERVED`: a bit of what is asked for that means nothing yet.
const STATX_RESERVED: u32 = 1 << 31;

/// Checks what the real user may do, or with `AT_EACCESS` who acts.
fn check_access(call: &Call<'_>, path: &Path, mode: u32, flags: u32) -> Result<u64> {
    let wanted = AccessMode::from_bits(mode as _).ok_or(FileSystemErrorKind::InvalidArgument)?;
    let place = call.process.place()?;
    let acting = &place.context.credentials;
    let real = place.identity.real_credentials(acting);
    VfsManager::check_access_at(if flags & AT_EACCESS == 0 { &real } else { acting }, path, wanted)?;
    Ok(0)
}

pub fn access(call: &mut Call<'_>) -> Result<u64> {
    check_access(call, &call.named(0, Follow::Yes)?, call.word(1), 0)
}

pub fn faccessat(call: &mut Call<'_>) -> Result<u64> {
    check_access(call, &call.named_at(0, 1, Follow::Yes, 0)?, call.word(2), 0)
}

pub fn faccessat2(call: &mut Call<'_>) -> Result<u64> {
    check_access(call, &named(call, 3, AT_EACCESS)?, call.word(2), call.word(3))
}

fn set_mode(call: &Call<'_>, path: &Path, mode: u32) -> Result<u64> {
    VfsManager::set_mode_at(&call.credentials()?, path, mode)?;
    Ok(0)
}

pub fn chmod(call: &mut Call<'_>) -> Result<u64> {
    set_mode(call, &call.named(0, Follow::Yes)?, call.word(1))
}

pub fn fchmod(call: &mut Call<'_>) -> Result<u64> {
    set_mode(call, call.file(0)?.path(), call.word(1))
}

pub fn fchmodat(call: &mut Call<'_>) -> Result<u64> {
    set_mode(call, &call.named_at(0, 1, Follow::Yes, 0)?, call.word(2))
}

/// The mode of a symbolic link cannot be changed, as on Linux.
pub fn fchmodat2(call: &mut Call<'_>) -> Result<u64> {
    let path = named(call, 3, 0)?;
    if path.node()?.kind() == FileType::Symlink {
        return fail(FileSystemErrorKind::NotSupported);
    }
    set_mode(call, &path, call.word(2))
}

/// In place of a user or group: as it is.
const SAME: u32 = u32::MAX;

fn set_owner(call: &Call<'_>, path: &Path, uid: u32, gid: u32) -> Result<u64> {
    let given = |id: u32| (id != SAME).then_some(id);
    VfsManager::set_owner_at(&call.credentials()?, path, given(uid), given(gid))?;
    Ok(0)
}

pub fn chown(call: &mut Call<'_>) -> Result<u64> {
    set_owner(call, &call.named(0, Follow::Yes)?, call.word(1), call.word(2))
}

pub fn lchown(call: &mut Call<'_>) -> Result<u64> {
    set_owner(call, &call.named(0, Follow::No)?, call.word(1), call.word(2))
}

pub fn fchown(call: &mut Call<'_>) -> Result<u64> {
    set_owner(call, call.file(0)?.path(), call.word(1), call.word(2))
}

pub fn fchownat(call: &mut Call<'_>) -> Result<u64> {
    set_owner(call, &named(call, 4, 0)?, call.word(2), call.word(3))
}

/// Times of access and modification; both now, if there are none.
type Times = [Option<SetTime>; 2];

const NOW: Times = [Some(SetTime::Now); 2];

/// The two `struct timespec` whose address argument `index` is, if there are any.
fn times_at(call: &Call<'_>, index: usize) -> Result<Times> {
    let Some(address) = call.given(index) else { return Ok(NOW) };
    let [accessed, since, modified, later] = address.read_words()?;
    Ok([structures::set_time([accessed, since])?, structures::set_time([modified, later])?])
}

/// The two `struct timeval` whose address argument `index` is, if there are any.
fn old_times_at(call: &Call<'_>, index: usize) -> Result<Times> {
    let Some(address) = call.given(index) else { return Ok(NOW) };
    let [accessed, since, modified, later] = address.read_words()?;
    let time = |seconds, microseconds: u64| match microseconds {
        0..1_000_000 => structures::set_time([seconds, microseconds * 1_000]),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    };
    Ok([time(accessed, since)?, time(modified, later)?])
}

fn set_times(call: &Call<'_>, path: &Path, [accessed, modified]: Times) -> Result<u64> {
    VfsManager::set_times_at(&call.credentials()?, path, accessed, modified)?;
    Ok(0)
}

pub fn utimensat(call: &mut Call<'_>) -> Result<u64> {
    let times = times_at(call, 2)?;
    if times == [None; 2] {
        // As on Linux, nothing to do is done whatever the path.
        return Ok(0);
    }
    // Without a path it is the file itself (`futimens(3)`).
    let path = if call.arguments[1] == 0 { call.file(0)?.path().clone() } else { named(call, 3, 0)? };
    set_times(call, &path, times)
}

pub fn futimesat(call: &mut Call<'_>) -> Result<u64> {
    let times = old_times_at(call, 2)?;
    set_times(call, &call.named_at(0, 1, Follow::Yes, 0)?, times)
}

pub fn utimes(call: &mut Call<'_>) -> Result<u64> {
    let times = old_times_at(call, 1)?;
    set_times(call, &call.named(0, Follow::Yes)?, times)
}

pub fn utime(call: &mut Call<'_>) -> Result<u64> {
    let times = match call.given(1) {
        None => NOW,
        Some(address) => {
            let [accessed, modified] = address.read_words()?;
            [structures::set_time([accessed, 0])?, structures::set_time([modified, 0])?]
        }
    };
    set_times(call, &call.named(0, Follow::Yes)?, times)
}

pub fn truncate(call: &mut Call<'_>) -> Result<u64> {
    let size = call.offset(1)?;
    limits::check_length(call, size, || Ok(call.named(0, Follow::Yes)?.node()?.metadata()?.size))?;
    call.with_path(0, |manager, context, path| manager.truncate(context, path, size))?;
    Ok(0)
}

pub fn ftruncate(call: &mut Call<'_>) -> Result<u64> {
    let size = call.offset(1)?;
    limits::check_length(call, size, || Ok(call.file(0)?.metadata()?.size))?;
    call.file(0)?.truncate(&call.credentials()?, size)?;
    Ok(0)
}

const FALLOC_FL_KEEP_SIZE: u32 = 1;
const FALLOC_FL_PUNCH_HOLE: u32 = 2;
const FALLOC_FL_ZERO_RANGE: u32 = 16;

pub fn fallocate(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let (offset, length) = (call.offset(2)?, call.offset(3)?);
    if length == 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let mode = call.word(1);
    let keep_size = mode & FALLOC_FL_KEEP_SIZE != 0;
    let what = match mode & !FALLOC_FL_KEEP_SIZE {
        0 => Allocate::Reserve { keep_size },
        FALLOC_FL_PUNCH_HOLE if keep_size => Allocate::PunchHole,
        FALLOC_FL_ZERO_RANGE => Allocate::Zero { keep_size },
        _ => return fail(FileSystemErrorKind::NotSupported),
    };
    if !keep_size {
        limits::check_length(call, offset.saturating_add(length), || Ok(file.metadata()?.size))?;
    }
    file.allocate(&call.credentials()?, what, offset, length)?;
    Ok(0)
}
