//! Extended attributes.

use alloc::vec;
use alloc::vec::Vec;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::manager::{Follow, VfsManager};
use vfs::mount::Path;
use vfs::node::SetXattr;

use super::call::Call;
use super::flags::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, follow_unless};
use crate::mm::user_memory::UserAddress;

/// The longest name with its NUL (`XATTR_NAME_MAX`).
const NAME_MAX: usize = 256;

/// The longest value (`XATTR_SIZE_MAX`).
const VALUE_MAX: u64 = 64 << 10;

const XATTR_CREATE: u32 = 1;
const XATTR_REPLACE: u32 = 2;

/// What finds the file that a call is about. All else that the call says is read before that, as on Linux.
type Find = fn(&Call<'_>) -> Result<Path>;

fn by_path(call: &Call<'_>) -> Result<Path> {
    call.named(0, Follow::Yes)
}

fn by_path_itself(call: &Call<'_>) -> Result<Path> {
    call.named(0, Follow::No)
}

fn by_number(call: &Call<'_>) -> Result<Path> {
    Ok(call.file(0)?.path().clone())
}

/// By the path at arguments 0 and 1 under the flags of argument 2.
fn by_path_at(call: &Call<'_>) -> Result<Path> {
    let flags = call.flags(2, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let follow = follow_unless(flags, AT_SYMLINK_NOFOLLOW);
    call.named_or(0, 1, follow, flags, |call| if call.word(0) == AT_FDCWD { call.place_of(0) } else { by_number(call) })
}

/// The name at the address that an argument is.
fn name(call: &Call<'_>, index: usize) -> Result<Vec<u8>> {
    let name = call.address(index).read_text(NAME_MAX, FileSystemErrorKind::OutOfRange)?;
    if name.is_empty() { fail(FileSystemErrorKind::OutOfRange) } else { Ok(name) }
}

/// A value in the program's memory, or room for one (`struct xattr_args`).
struct Value {
    address: UserAddress,
    size: u64,
    flags: u32,
}

impl Value {
    /// At arguments `index` and the next.
    fn plain(call: &Call<'_>, index: usize) -> Self {
        Self { address: call.address(index), size: call.arguments[index + 1], flags: 0 }
    }

    /// At arguments 2 and 3, with flags at 4.
    fn to_set(call: &Call<'_>) -> Self {
        Self { flags: call.word(4), ..Self::plain(call, 2) }
    }

    /// As the structure at argument 4 says, which is as long as argument 5.
    fn described(call: &Call<'_>) -> Result<Self> {
        let [address, size_and_flags] = call.growing(4, 5, 16)?;
        Ok(Self {
            address: UserAddress::new(address),
            size: size_and_flags & 0xffff_ffff,
            flags: (size_and_flags >> 32) as u32,
        })
    }

    /// Writes an answer; one without room only asks for the size.
    fn answer(&self, bytes: &[u8]) -> Result<u64> {
        if self.size != 0 {
            if (bytes.len() as u64) > self.size {
                return fail(FileSystemErrorKind::OutOfRange);
            }
            self.address.write(bytes)?;
        }
        Ok(bytes.len() as u64)
    }
}

fn set(call: &Call<'_>, find: Find, name_index: usize, value: &Value) -> Result<u64> {
    let how = match value.flags {
        0 => SetXattr::Any,
        XATTR_CREATE => SetXattr::Create,
        XATTR_REPLACE => SetXattr::Replace,
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    let name = name(call, name_index)?;
    if value.size > VALUE_MAX {
        return fail(FileSystemErrorKind::ArgumentListTooLong);
    }
    page::admit(value.size as usize)?;
    let mut bytes = vec![0; value.size as usize];
    value.address.read(&mut bytes)?;
    VfsManager::set_xattr_at(&call.credentials()?, &find(call)?, &name, &bytes, how)?;
    Ok(0)
}

pub fn setxattr(call: &mut Call<'_>) -> Result<u64> {
    set(call, by_path, 1, &Value::to_set(call))
}

pub fn lsetxattr(call: &mut Call<'_>) -> Result<u64> {
    set(call, by_path_itself, 1, &Value::to_set(call))
}

pub fn fsetxattr(call: &mut Call<'_>) -> Result<u64> {
    set(call, by_number, 1, &Value::to_set(call))
}

pub fn setxattrat(call: &mut Call<'_>) -> Result<u64> {
    set(call, by_path_at, 3, &Value::described(call)?)
}

fn get(call: &Call<'_>, find: Find, name_index: usize, room: &Value) -> Result<u64> {
    let name = name(call, name_index)?;
    room.answer(&VfsManager::get_xattr_at(&call.credentials()?, &find(call)?, &name)?)
}

pub fn getxattr(call: &mut Call<'_>) -> Result<u64> {
    get(call, by_path, 1, &Value::plain(call, 2))
}

pub fn lgetxattr(call: &mut Call<'_>) -> Result<u64> {
    get(call, by_path_itself, 1, &Value::plain(call, 2))
}

pub fn fgetxattr(call: &mut Call<'_>) -> Result<u64> {
    get(call, by_number, 1, &Value::plain(call, 2))
}

pub fn getxattrat(call: &mut Call<'_>) -> Result<u64> {
    let room = Value::described(call)?;
    if room.flags != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    get(call, by_path_at, 3, &room)
}

fn list(call: &Call<'_>, find: Find, room: &Value) -> Result<u64> {
    let mut text = Vec::new();
    for name in VfsManager::list_xattrs_at(&call.credentials()?, &find(call)?)? {
        text.extend_from_slice(&name);
        text.push(0);
    }
    room.answer(&text)
}

pub fn listxattr(call: &mut Call<'_>) -> Result<u64> {
    list(call, by_path, &Value::plain(call, 1))
}

pub fn llistxattr(call: &mut Call<'_>) -> Result<u64> {
    list(call, by_path_itself, &Value::plain(call, 1))
}

pub fn flistxattr(call: &mut Call<'_>) -> Result<u64> {
    list(call, by_number, &Value::plain(call, 1))
}

pub fn listxattrat(call: &mut Call<'_>) -> Result<u64> {
    list(call, by_path_at, &Value::plain(call, 3))
}

fn remove(call: &Call<'_>, find: Find, name_index: usize) -> Result<u64> {
    let name = name(call, name_index)?;
    VfsManager::remove_xattr_at(&call.credentials()?, &find(call)?, &name)?;
    Ok(0)
}

pub fn removexattr(call: &mut Call<'_>) -> Result<u64> {
    remove(call, by_path, 1)
}

pub fn lremovexattr(call: &mut Call<'_>) -> Result<u64> {
    remove(call, by_path_itself, 1)
}

pub fn fremovexattr(call: &mut Call<'_>) -> Result<u64> {
    remove(call, by_number, 1)
}

pub fn removexattrat(call: &mut Call<'_>) -> Result<u64> {
    remove(call, by_path_at, 3)
}
