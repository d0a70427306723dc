//! Extended attributes.

use alloc::vec;
use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::manager::{Follow, VfsManager};
use vfs::mount::Path;
use vfs::node::SetXattr;

use super::call::Call;

/// The longest name with its NUL (`XATTR_NAME_MAX`).
const NAME_MAX: usize = 256;

/// The longest value (`XATTR_SIZE_MAX`).
const VALUE_MAX: u64 = 64 << 10;

const XATTR_CREATE: u32 = 1;
const XATTR_REPLACE: u32 = 2;

fn name(call: &Call<'_>) -> Result<Vec<u8>> {
    call.address(1).read_text(NAME_MAX, FileSystemErrorKind::OutOfRange)
}

/// Writes an answer to the room at arguments `index` and the next; one without room only asks for the size.
fn answer(call: &Call<'_>, index: usize, bytes: &[u8]) -> Result<u64> {
    let room = call.arguments[index + 1];
    if room != 0 {
        if (bytes.len() as u64) > room {
            return fail(FileSystemErrorKind::OutOfRange);
        }
        call.address(index).write(bytes)?;
    }
    Ok(bytes.len() as u64)
}

fn set(call: &Call<'_>, path: &Path) -> Result<u64> {
    let how = match call.word(4) {
        0 => SetXattr::Any,
        XATTR_CREATE => SetXattr::Create,
        XATTR_REPLACE => SetXattr::Replace,
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    let name = name(call)?;
    let length = call.arguments[3];
    if length > VALUE_MAX {
        return fail(FileSystemErrorKind::ArgumentListTooLong);
    }
    page::admit(length as usize)?;
    let mut value = vec![0; length as usize];
    call.address(2).read(&mut value)?;
    VfsManager::set_xattr_at(&call.credentials()?, path, &name, &value, how)?;
    Ok(0)
}

pub fn setxattr(call: &mut Call<'_>) -> Result<u64> {
    set(call, &call.named(0, Follow::Yes)?)
}

pub fn lsetxattr(call: &mut Call<'_>) -> Result<u64> {
    set(call, &call.named(0, Follow::No)?)
}

pub fn fsetxattr(call: &mut Call<'_>) -> Result<u64> {
    set(call, call.file(0)?.path())
}

fn get(call: &Call<'_>, path: &Path) -> Result<u64> {
    let value = VfsManager::get_xattr_at(&call.credentials()?, path, &name(call)?)?;
    answer(call, 2, &value)
}

pub fn getxattr(call: &mut Call<'_>) -> Result<u64> {
    get(call, &call.named(0, Follow::Yes)?)
}

pub fn lgetxattr(call: &mut Call<'_>) -> Result<u64> {
    get(call, &call.named(0, Follow::No)?)
}

pub fn fgetxattr(call: &mut Call<'_>) -> Result<u64> {
    get(call, call.file(0)?.path())
}

fn list(call: &Call<'_>, path: &Path) -> Result<u64> {
    let mut text = Vec::new();
    for name in VfsManager::list_xattrs_at(&call.credentials()?, path)? {
        text.extend_from_slice(&name);
        text.push(0);
    }
    answer(call, 1, &text)
}

pub fn listxattr(call: &mut Call<'_>) -> Result<u64> {
    list(call, &call.named(0, Follow::Yes)?)
}

pub fn llistxattr(call: &mut Call<'_>) -> Result<u64> {
    list(call, &call.named(0, Follow::No)?)
}

pub fn flistxattr(call: &mut Call<'_>) -> Result<u64> {
    list(call, call.file(0)?.path())
}

fn remove(call: &Call<'_>, path: &Path) -> Result<u64> {
    VfsManager::remove_xattr_at(&call.credentials()?, path, &name(call)?)?;
    Ok(0)
}

pub fn removexattr(call: &mut Call<'_>) -> Result<u64> {
    remove(call, &call.named(0, Follow::Yes)?)
}

pub fn lremovexattr(call: &mut Call<'_>) -> Result<u64> {
    remove(call, &call.named(0, Follow::No)?)
}

pub fn fremovexattr(call: &mut Call<'_>) -> Result<u64> {
    remove(call, call.file(0)?.path())
}
