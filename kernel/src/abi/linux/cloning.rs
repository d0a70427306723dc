//! Files that share content until one of them is written (`ioctl_ficlonerange(2)`).

use vfs::content::PAGE_SIZE;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;

use super::call::Call;

/// Gives the file the whole content of the one whose number argument 2 is.
const FICLONE: u32 = 0x4004_9409;
/// A part of it, as a `file_clone_range` says.
const FICLONERANGE: u32 = 0x4020_940d;

/// The request of argument 1 to `file`, if it is one of cloning.
pub fn ioctl(call: &Call<'_>, file: &FileObject) -> Option<Result<u64>> {
    match call.word(1) {
        FICLONE => Some(clone_whole(call, file)),
        FICLONERANGE => Some(clone_range(call, file)),
        _ => None,
    }
}

fn clone_whole(call: &Call<'_>, to: &FileObject) -> Result<u64> {
    let from = call.file(2)?;
    check_same_file_system(&from, to)?;
    to.clone_content(&call.credentials()?, &from)?;
    Ok(0)
}

/// As on Linux a part begins and ends with pages, or with the file it is of.
fn clone_range(call: &Call<'_>, to: &FileObject) -> Result<u64> {
    let [number, offset, length, to_offset] = call.address(2).read_words()?;
    let from = call.process.files().get(u64::from(number as u32))?.file;
    check_same_file_system(&from, to)?;
    let size = from.metadata()?.size;
    let length = if length == 0 { size.saturating_sub(offset) } else { length };
    let Some(end) = offset.checked_add(length) else { return fail(FileSystemErrorKind::InvalidArgument) };
    let is_bound = |byte: u64| byte.is_multiple_of(PAGE_SIZE);
    if end > size || !is_bound(offset) || !is_bound(to_offset) || !(is_bound(end) || end == size) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    match from.copy_range(&call.credentials()?, offset, to, to_offset, length)? {
        copied if copied == length => Ok(0),
        _ => fail(FileSystemErrorKind::NoSpace),
    }
}

fn check_same_file_system(one: &FileObject, other: &FileObject) -> Result<()> {
    match one.node().id().file_system == other.node().id().file_system {
        true => Ok(()),
        false => fail(FileSystemErrorKind::CrossDevice),
    }
}
