//! Mounting, the root, and the figures of file systems.

use alloc::vec::Vec;
use core::str;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::manager::Follow;
use vfs::manager::mounts::{MountArguments, MountError, UnmountFlags};
use vfs::mount::{MountFlags, Path};

use super::call::Call;
use super::identity::change_place;
use super::structures;
use crate::log;
use crate::mm::user_memory;

const MS_REMOUNT: u32 = 0x20;
const MS_BIND: u32 = 0x1000;
const MS_MOVE: u32 = 0x2000;
const MS_REC: u32 = 0x4000;
const MS_UNBINDABLE: u32 = 1 << 17;
const MS_PRIVATE: u32 = 1 << 18;
const MS_SLAVE: u32 = 1 << 19;
const MS_SHARED: u32 = 1 << 20;

/// The longest option string: a page, as on Linux.
const OPTIONS_MAX: usize = 4096;

/// The text at an argument's address; empty at address 0.
fn text(call: &Call<'_>, index: usize) -> Result<Vec<u8>> {
    match call.arguments[index] {
        0 => Ok(Vec::new()),
        address => user_memory::read_text(address, OPTIONS_MAX, FileSystemErrorKind::InvalidArgument),
    }
}

/// Notes in the log what a driver has to say, which an errno cannot.
fn note(call: &Call<'_>, failed: MountError) -> vfs::error::FileSystemError {
    if failed.message.is_some() {
        log!("{} ({}): mount: {failed}", call.process.name().escape_ascii(), call.process.pid());
    }
    failed.error
}

pub fn mount(call: &mut Call<'_>) -> Result<u64> {
    let (type_name, source) = (text(call, 2)?, text(call, 0)?);
    let target = call.path(1)?;
    let options = text(call, 4)?;
    let asked = call.word(3);
    let flags = MountFlags::from_bits_truncate(asked);
    let place = call.process.place()?;
    let (manager, context) = (&place.manager, &place.context);
    let has = |flag| asked & flag != 0;
    if has(MS_REMOUNT) {
        // With MS_BIND it is the mount that changes, and not the file system.
        let options = if has(MS_BIND) { &[][..] } else { &options };
        manager.remount(context, &target, flags, options).map_err(|error| note(call, error))?;
    } else if has(MS_BIND) {
        let source = manager.resolve(context, &source, Follow::Yes)?;
        manager.bind(context, &source, &target, has(MS_REC))?;
    } else if has(MS_PRIVATE) {
        // Every mount is, and stays so.
        manager.resolve(context, &target, Follow::Yes)?;
    } else if has(MS_SHARED | MS_SLAVE | MS_UNBINDABLE | MS_MOVE) {
        return fail(FileSystemErrorKind::InvalidArgument);
    } else {
        let Ok(type_name) = str::from_utf8(&type_name) else { return fail(FileSystemErrorKind::NoSuchDevice) };
        let what = MountArguments { source: &source, target: &target, type_name, flags, options: &options };
        manager.mount(context, &what).map_err(|error| note(call, error))?;
    }
    Ok(0)
}

/// `MNT_FORCE`: gives up what a server does not answer, of which there is none.
const MNT_FORCE: u32 = 1;

pub fn umount2(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(1, MNT_FORCE | UnmountFlags::all().bits())?;
    let flags = UnmountFlags::from_bits_truncate(flags);
    call.with_path(0, |manager, context, path| manager.unmount(context, path, flags)).map(|()| 0)
}

pub fn chroot(call: &mut Call<'_>) -> Result<u64> {
    let path = call.path(0)?;
    change_place(call, |place| place.manager.change_root(&mut place.context, &path))
}

pub fn pivot_root(call: &mut Call<'_>) -> Result<u64> {
    let (new, old) = (call.path(0)?, call.path(1)?);
    change_place(call, |place| place.manager.pivot_root(&mut place.context, &new, &old))
}

fn show_figures(call: &Call<'_>, path: &Path) -> Result<u64> {
    let figures = path.mount.superblock().operations().statistics()?;
    call.write_words(1, structures::statfs(&figures))
}

pub fn statfs(call: &mut Call<'_>) -> Result<u64> {
    show_figures(call, &call.named(0, Follow::Yes)?)
}

pub fn fstatfs(call: &mut Call<'_>) -> Result<u64> {
    show_figures(call, call.place_file(0)?.path())
}

pub fn sync(call: &mut Call<'_>) -> Result<u64> {
    // It has no errors to tell.
    let _ = call.process.place()?.manager.sync();
    Ok(0)
}

pub fn syncfs(call: &mut Call<'_>) -> Result<u64> {
    call.file(0)?.path().mount.superblock().operations().sync()?;
    Ok(0)
}
