//! Mounts made step by step: a file system and its options, a mount of it that is nowhere yet, and its place.

use alloc::sync::Arc;
use core::str;

use vfs::context::Capabilities;
use vfs::driver;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::manager::Follow;
use vfs::manager::configuring::{Configuration, Given};
use vfs::manager::detached::AttributeChange;
use vfs::manager::mounts::Propagation;
use vfs::mount::{FlagChange, MountFlags};

use super::call::Call;
use super::flags::{AT_EMPTY_PATH, AT_FDCWD, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, follow_unless};
use crate::fs::configuring::{self, Configuring};
use crate::mm::user_memory::UserAddress;
use crate::task::files::Descriptor;

/// `FSOPEN_CLOEXEC`, `FSMOUNT_CLOEXEC` and `FSPICK_CLOEXEC`.
const CLOSE_ON_EXEC: u32 = 1;
const FSPICK_SYMLINK_NOFOLLOW: u32 = 2;
const FSPICK_NO_AUTOMOUNT: u32 = 4;
const FSPICK_EMPTY_PATH: u32 = 8;

const OPEN_TREE_CLONE: u32 = 1;
const AT_RECURSIVE: u32 = 0x8000;

const MOVE_MOUNT_F_SYMLINKS: u32 = 0x1;
const MOVE_MOUNT_F_EMPTY_PATH: u32 = 0x4;
const MOVE_MOUNT_T_SYMLINKS: u32 = 0x10;
const MOVE_MOUNT_T_EMPTY_PATH: u32 = 0x40;
const MOVE_MOUNT_SET_GROUP: u32 = 0x100;
const MOVE_MOUNT_BENEATH: u32 = 0x200;
/// With `..._AUTOMOUNTS`, of which there are none.
const MOVE_MOUNT_KNOWN: u32 = 0x377;

/// The longest name of an option, and the longest text that one is given, with its NUL.
const TEXT_MAX: usize = 256;
/// The most bytes that one may be given.
const BYTES_MAX: u32 = 1 << 20;

/// When reading sets access times: the one of these in the bits of `MOUNT_ATTR__ATIME` that is meant.
const ATTRIBUTE_ACCESS_TIMES: u64 = 0x70;
const ATTRIBUTE_NO_ACCESS_TIME: u64 = 0x10;
const ATTRIBUTE_STRICT_ACCESS_TIME: u64 = 0x20;

/// `MOUNT_ATTR_*` and ours.
const ATTRIBUTES: [(u64, MountFlags); 6] = [
    (0x1, MountFlags::READ_ONLY),
    (0x2, MountFlags::NO_SUID),
    (0x4, MountFlags::NO_DEVICES),
    (0x8, MountFlags::NO_EXECUTE),
    (0x80, MountFlags::NO_DIRECTORY_ACCESS_TIME),
    (0x20_0000, MountFlags::NO_SYMLINKS),
];

/// What `MOUNT_ATTR_*` mean, without those of access times.
///
/// # Errors
/// `EINVAL` for others; users of a mount are never others than they are (`MOUNT_ATTR_IDMAP`).
fn attributes(bits: u64) -> Result<MountFlags> {
    let known = ATTRIBUTES.iter().fold(0, |all, (bit, _)| all | bit);
    if bits & !(known | ATTRIBUTE_ACCESS_TIMES) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Ok(ATTRIBUTES.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, flag)| *flag).collect())
}

/// The `MOUNT_ATTR_*` of a mount.
pub fn attribute_bits(flags: MountFlags) -> u64 {
    let times = match flags {
        _ if flags.contains(MountFlags::NO_ACCESS_TIME) => ATTRIBUTE_NO_ACCESS_TIME,
        _ if flags.contains(MountFlags::STRICT_ACCESS_TIME) => ATTRIBUTE_STRICT_ACCESS_TIME,
        _ => 0,
    };
    ATTRIBUTES.iter().filter(|(_, flag)| flags.contains(*flag)).fold(times, |all, (bit, _)| all | bit)
}

/// What the bits of access times among `MOUNT_ATTR_*` mean.
///
/// # Errors
/// `EINVAL` for two at once.
fn access_times(bits: u64) -> Result<MountFlags> {
    match bits & ATTRIBUTE_ACCESS_TIMES {
        0 => Ok(MountFlags::empty()),
        ATTRIBUTE_NO_ACCESS_TIME => Ok(MountFlags::NO_ACCESS_TIME),
        ATTRIBUTE_STRICT_ACCESS_TIME => Ok(MountFlags::STRICT_ACCESS_TIME),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

fn require_admin(call: &Call<'_>) -> Result<()> {
    call.credentials()?.require(Capabilities::SYS_ADMIN)
}

fn add(call: &Call<'_>, file: Arc<FileObject>, close_on_exec: bool) -> Result<u64> {
    call.process.files().add(Descriptor { file, close_on_exec }, 0)
}

pub fn fsopen(call: &mut Call<'_>) -> Result<u64> {
    require_admin(call)?;
    let flags = call.flags(1, CLOSE_ON_EXEC)?;
    let name = call.address(0).read_text(page::SIZE, FileSystemErrorKind::InvalidArgument)?;
    let name = str::from_utf8(&name).map_err(|_| FileSystemErrorKind::NoSuchDevice)?;
    let file = configuring::open(Configuration::new(driver::driver(name)?))?;
    add(call, file, flags & CLOSE_ON_EXEC != 0)
}

pub fn fspick(call: &mut Call<'_>) -> Result<u64> {
    require_admin(call)?;
    let known = CLOSE_ON_EXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT | FSPICK_EMPTY_PATH;
    let flags = call.flags(2, known)?;
    let empty = if flags & FSPICK_EMPTY_PATH != 0 { AT_EMPTY_PATH } else { 0 };
    let place = call.named_at(0, 1, follow_unless(flags, FSPICK_SYMLINK_NOFOLLOW), empty)?;
    if !place.is_mount_root() {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let file = configuring::open(Configuration::pick(&place.mount)?)?;
    add(call, file, flags & CLOSE_ON_EXEC != 0)
}

/// The file system in the making that a file is.
fn configuring(file: &FileObject) -> Result<&Configuring> {
    file.stream_as::<Configuring>().ok_or(FileSystemErrorKind::InvalidArgument.into())
}

/// Whether so many bytes can be read; no option takes any.
///
/// # Errors
/// `EFAULT`.
fn read_away(from: UserAddress, count: usize) -> Result<()> {
    let mut bytes = [0; page::SIZE];
    let steps = (0..count).step_by(page::SIZE);
    steps.into_iter().try_for_each(|at| from.plus(at as u64).read(&mut bytes[..(count - at).min(page::SIZE)]))
}

pub fn fsconfig(call: &mut Call<'_>) -> Result<u64> {
    const SET_FLAG: u32 = 0;
    const SET_STRING: u32 = 1;
    const SET_BINARY: u32 = 2;
    const SET_PATH: u32 = 3;
    const SET_PATH_EMPTY: u32 = 4;
    const SET_FD: u32 = 5;
    const CREATE: u32 = 6;
    const RECONFIGURE: u32 = 7;
    const CREATE_EXCL: u32 = 8;
    let command = call.word(1);
    let (name, value, auxiliary) = (call.arguments[2] != 0, call.arguments[3] != 0, call.word(4));
    let number = auxiliary as i32 >= 0;
    let fits = match command {
        SET_FLAG => name && !value && auxiliary == 0,
        SET_STRING => name && value && auxiliary == 0,
        SET_BINARY => name && value && (1..=BYTES_MAX).contains(&auxiliary),
        SET_PATH | SET_PATH_EMPTY => name && value && (number || auxiliary == AT_FDCWD),
        SET_FD => name && !value && number,
        CREATE | CREATE_EXCL | RECONFIGURE => !name && !value && auxiliary == 0,
        _ => return fail(FileSystemErrorKind::NotSupported),
    };
    if !fits || (call.word(0) as i32) < 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let file = call.file(0)?;
    let configuring = configuring(&file)?;
    let place = call.process.place()?;
    let (manager, context) = (&place.manager, &place.context);
    let text = |index| call.address(index).read_text(TEXT_MAX, FileSystemErrorKind::InvalidArgument);
    let option = if name { text(2)? } else { alloc::vec::Vec::new() };
    let string;
    let given = match command {
        // Nothing is made twice from one of these, so there is never another that it could be.
        CREATE | CREATE_EXCL => return configuring.configuration.lock().create(manager, context).map(|()| 0),
        RECONFIGURE => return configuring.configuration.lock().reconfigure(manager, context).map(|()| 0),
        SET_FLAG => Given::Flag,
        SET_STRING => {
            string = text(3)?;
            Given::Text(&string)
        }
        SET_FD => Given::Place(call.place_file(4)?.path().clone()),
        SET_BINARY => {
            read_away(call.address(3), auxiliary as usize)?;
            Given::Other
        }
        _ => {
            if call.path(3)?.is_empty() && command == SET_PATH {
                return fail(FileSystemErrorKind::NotFound);
            }
            Given::Other
        }
    };
    configuring.configuration.lock().set(manager, context, &option, &given).map(|()| 0)
}

pub fn fsmount(call: &mut Call<'_>) -> Result<u64> {
    require_admin(call)?;
    let flags = call.flags(1, CLOSE_ON_EXEC)?;
    let asked = u64::from(call.word(2));
    let properties = attributes(asked)? | access_times(asked)?;
    let file = call.file(0)?;
    let place = call.process.place()?;
    let mounted = configuring(&file)?.configuration.lock().mount(&place.manager, &place.context, properties)?;
    add(call, mounted, flags & CLOSE_ON_EXEC != 0)
}

/// A file that stands for a place, or for a copy of what is shown there, and whether it is closed on exec.
fn tree(call: &Call<'_>) -> Result<(Arc<FileObject>, bool)> {
    let known = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | OPEN_TREE_CLONE | O_CLOEXEC;
    let flags = call.flags(2, known)?;
    let (copies, recursive) = (flags & OPEN_TREE_CLONE != 0, flags & AT_RECURSIVE != 0);
    if recursive && !copies {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if copies {
        require_admin(call)?;
    }
    let source = call.named_at(0, 1, follow_unless(flags, AT_SYMLINK_NOFOLLOW), flags)?;
    let place = call.process.place()?;
    let file = if copies {
        place.manager.copy_detached(&place.context, &source, recursive)?
    } else {
        FileObject::of_place(source)?
    };
    Ok((file, flags & O_CLOEXEC != 0))
}

pub fn open_tree(call: &mut Call<'_>) -> Result<u64> {
    let (file, close_on_exec) = tree(call)?;
    add(call, file, close_on_exec)
}

pub fn open_tree_attr(call: &mut Call<'_>) -> Result<u64> {
    let given = call.arguments[3] != 0;
    if !given && call.arguments[4] != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let (file, close_on_exec) = tree(call)?;
    if given && let Some(change) = attribute_change(call)? {
        let place = call.process.place()?;
        let recursive = call.word(2) & AT_RECURSIVE != 0;
        place.manager.set_attributes_of_mounts(&place.context, file.path(), change, recursive)?;
    }
    add(call, file, close_on_exec)
}

pub fn move_mount(call: &mut Call<'_>) -> Result<u64> {
    require_admin(call)?;
    let flags = call.flags(4, MOVE_MOUNT_KNOWN)?;
    if flags & MOVE_MOUNT_BENEATH != 0 && flags & MOVE_MOUNT_SET_GROUP != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let follow = |bit| if flags & bit != 0 { Follow::Yes } else { Follow::No };
    let empty = |bit| if flags & bit != 0 { AT_EMPTY_PATH } else { 0 };
    let to = call.named_at(2, 3, follow(MOVE_MOUNT_T_SYMLINKS), empty(MOVE_MOUNT_T_EMPTY_PATH))?;
    let from = call.named_at(0, 1, follow(MOVE_MOUNT_F_SYMLINKS), empty(MOVE_MOUNT_F_EMPTY_PATH))?;
    let place = call.process.place()?;
    if flags & MOVE_MOUNT_SET_GROUP != 0 {
        place.manager.set_group(&place.context, &from, &to)?;
    } else if flags & MOVE_MOUNT_BENEATH != 0 {
        place.manager.relocate_beneath(&place.context, &from, &to)?;
    } else {
        place.manager.relocate(&place.context, &from, to)?;
    }
    Ok(0)
}

/// What `mount_setattr` and `open_tree_attr` are asked; `None` for nothing.
fn attribute_change(call: &Call<'_>) -> Result<Option<AttributeChange>> {
    const SIZE: u64 = 32;
    let [set, clear, propagation, _users] = call.growing(3, 4, SIZE)?;
    if [set, clear, propagation] == [0; 3] {
        return Ok(None);
    }
    let propagation = match propagation {
        0 => None,
        0x2_0000 => Some(Propagation::Unbindable),
        0x4_0000 => Some(Propagation::Private),
        0x8_0000 => Some(Propagation::Slave),
        0x10_0000 => Some(Propagation::Shared),
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    let mut flags = FlagChange { set: attributes(set)?, clear: attributes(clear)? };
    // Which times are set is one of three, so all is cleared where one is set.
    match (clear & ATTRIBUTE_ACCESS_TIMES, set & ATTRIBUTE_ACCESS_TIMES) {
        (ATTRIBUTE_ACCESS_TIMES, times) => {
            flags.set |= access_times(times)?;
            flags.clear |= MountFlags::NO_ACCESS_TIME | MountFlags::STRICT_ACCESS_TIME;
        }
        (0, 0) => {}
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    }
    Ok(Some(AttributeChange { flags, propagation }))
}

pub fn mount_setattr(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(2, AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)?;
    require_admin(call)?;
    let Some(change) = attribute_change(call)? else { return Ok(0) };
    let target = call.named_at(0, 1, follow_unless(flags, AT_SYMLINK_NOFOLLOW), flags)?;
    let place = call.process.place()?;
    let recursive = flags & AT_RECURSIVE != 0;
    place.manager.set_attributes_of_mounts(&place.context, &target, change, recursive)?;
    Ok(0)
}
