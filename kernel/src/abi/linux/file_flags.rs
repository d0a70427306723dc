//! What files are marked with, as immutable or append-only (`ioctl_iflags(2)`, `FS_IOC_FSGETXATTR`, `file_getattr(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::manager::VfsManager;
use vfs::metadata::FileFlags;
use vfs::mount::Path;

use super::call::Call;
use super::flags::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, follow_unless};

const FS_IOC_GETFLAGS: u32 = 0x8008_6601;
const FS_IOC_SETFLAGS: u32 = 0x4008_6602;
const FS_IOC_FSGETXATTR: u32 = 0x801c_581f;
const FS_IOC_FSSETXATTR: u32 = 0x401c_5820;

/// The bits of `fsx_xflags`, and what they are.
const EXTENDED: [(u64, FileFlags); 4] = [
    (0x08, FileFlags::IMMUTABLE),
    (0x10, FileFlags::APPEND_ONLY),
    (0x40, FileFlags::NO_ACCESS_TIME),
    (0x80, FileFlags::NO_DUMP),
];

/// All bits of `fsx_xflags` that Linux has (`FS_XFLAGS_MASK`), whatever a file system makes of them.
const EXTENDED_KNOWN: u64 = 0x8001_fffb;

fn extended(flags: FileFlags) -> u64 {
    EXTENDED.iter().filter(|(_, flag)| flags.contains(*flag)).fold(0, |bits, (bit, _)| bits | bit)
}

/// The flags that `bits` of `fsx_xflags` are; `more` is what else was asked for: sizes and projects, which are not known.
fn from_extended(bits: u64, more: [u64; 2]) -> Result<FileFlags> {
    let mut flags = FileFlags::empty();
    for (bit, flag) in EXTENDED {
        flags.set(flag, bits & bit != 0);
    }
    if extended(flags) == bits && more == [0; 2] { Ok(flags) } else { fail(FileSystemErrorKind::NotSupported) }
}

/// What the file at a place is marked with.
///
/// # Errors
/// `unknown` where there are no marks.
fn of(path: &Path, unknown: FileSystemErrorKind) -> Result<FileFlags> {
    Ok(path.node()?.metadata()?.flags.ok_or(unknown)?)
}

fn set(call: &Call<'_>, path: &Path, flags: FileFlags) -> Result<u64> {
    VfsManager::set_flags_at(&call.credentials()?, path, flags)?;
    Ok(0)
}

/// The request of argument 1 to `file`, if it is one of flags.
pub fn ioctl(call: &Call<'_>, file: &FileObject) -> Option<Result<u64>> {
    let request = call.word(1);
    let is_known = [FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR].contains(&request);
    is_known.then(|| {
        let path = file.path();
        let present = of(path, FileSystemErrorKind::NotATerminal)?;
        match request {
            FS_IOC_GETFLAGS => call.address(2).write_u32(present.bits()).map(|()| 0),
            FS_IOC_SETFLAGS => {
                let flags = FileFlags::from_bits(call.address(2).read_u32()?);
                set(call, path, flags.ok_or(FileSystemErrorKind::NotSupported)?)
            }
            // `struct fsxattr` is 28 bytes long.
            FS_IOC_FSGETXATTR => {
                let mut bytes = [0; 28];
                bytes[..8].copy_from_slice(&extended(present).to_le_bytes());
                call.address(2).write(&bytes).map(|()| 0)
            }
            _ => {
                let mut bytes = [[0; 4]; 7];
                call.address(2).read(bytes.as_flattened_mut())?;
                let [flags, extent, _, project, copied, ..] = bytes.map(|word| u64::from(u32::from_le_bytes(word)));
                set(call, path, from_extended(flags, [extent | copied, project])?)
            }
        }
    })
}

/// The place of the path at arguments 0 and 1, under the flags of argument 4.
fn named(call: &Call<'_>) -> Result<Path> {
    let flags = call.flags(4, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let itself = |call: &Call<'_>| match call.word(0) {
        AT_FDCWD => call.place_of(0),
        _ => Ok(call.file(0)?.path().clone()),
    };
    call.named_or(0, 1, follow_unless(flags, AT_SYMLINK_NOFOLLOW), flags, itself)
}

/// Bytes of `struct file_attr`.
const SIZE: u64 = 24;

pub fn file_getattr(call: &mut Call<'_>) -> Result<u64> {
    let size = call.arguments[3];
    if size > page::SIZE as u64 {
        return fail(FileSystemErrorKind::ArgumentListTooLong);
    }
    if size < SIZE {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let flags = of(&named(call)?, FileSystemErrorKind::NotSupported)?;
    let mut bytes = [0; page::SIZE];
    bytes[..8].copy_from_slice(&extended(flags).to_le_bytes());
    call.address(2).write(&bytes[..size as usize])?;
    Ok(0)
}

pub fn file_setattr(call: &mut Call<'_>) -> Result<u64> {
    call.flags(4, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let [flags, extents, project] = call.growing(2, 3, SIZE)?;
    if flags & !EXTENDED_KNOWN != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let path = named(call)?;
    of(&path, FileSystemErrorKind::NotSupported)?;
    // How many extents there are is only told.
    set(call, &path, from_extended(flags, [extents & 0xffff_ffff, project])?)
}
