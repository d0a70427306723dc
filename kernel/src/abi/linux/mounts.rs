//! Mounting, the root, and the figures of file systems.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::str;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::manager::Follow;
use vfs::manager::mounts::{MountArguments, MountError, Propagation, UnmountFlags};
use vfs::mount::{FlagChange, MountFlags, MountPoint, Path};

use super::call::Call;
use super::identity::change_place;
use super::structures;
use crate::log;
use crate::task::number;
use crate::task::place::Place;

const MS_REMOUNT: u32 = 0x20;
const MS_BIND: u32 = 0x1000;
const MS_MOVE: u32 = 0x2000;
const MS_REC: u32 = 0x4000;
const MS_SILENT: u32 = 0x8000;
pub const MS_UNBINDABLE: u32 = 1 << 17;
pub const MS_PRIVATE: u32 = 1 << 18;
pub const MS_SLAVE: u32 = 1 << 19;
pub const MS_SHARED: u32 = 1 << 20;
/// How a mount passes on what is mounted below it.
const PROPAGATION: u32 = MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED;

/// Access times as they are set where nothing else is said.
const MS_RELATIME: u32 = 1 << 21;

/// What the upper half of the flags is for programs from before 1998.
const MS_MAGIC: u32 = 0xc0ed_0000;
const MS_MAGIC_MASK: u32 = 0xffff_0000;

/// The longest option string: a page, as on Linux.
const OPTIONS_MAX: usize = 4096;

/// The text at an argument's address; empty at address 0.
fn text(call: &Call<'_>, index: usize) -> Result<Vec<u8>> {
    match call.given(index) {
        None => Ok(Vec::new()),
        Some(address) => address.read_text(OPTIONS_MAX, FileSystemErrorKind::InvalidArgument),
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
    let options = text(call, 4)?;
    let target = call.path(1)?;
    let asked = match call.word(3) {
        old if old & MS_MAGIC_MASK == MS_MAGIC => old & !MS_MAGIC_MASK,
        asked => asked,
    };
    let place = call.process.place()?;
    let (manager, context) = (&place.manager, &place.context);
    let has = |flag| asked & flag != 0;
    let forms = MS_REMOUNT | MS_BIND | MS_MOVE | MS_REC | MS_SILENT | PROPAGATION;
    if asked & !(forms | MS_RELATIME | MountFlags::all().bits()) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let mut flags = MountFlags::from_bits_truncate(asked);
    if flags.contains(MountFlags::STRICT_ACCESS_TIME) {
        flags -= MountFlags::NO_ACCESS_TIME;
    }
    // Without a word about access times a remount leaves them as they are.
    let says_when = has(MS_RELATIME | MountFlags::ACCESS_TIMES.bits());
    let kept = if says_when { MountFlags::empty() } else { MountFlags::ACCESS_TIMES };
    let change = FlagChange { set: flags, clear: !kept };
    if has(MS_REMOUNT) && has(MS_BIND) {
        manager.change_mount(context, &target, change)?;
    } else if has(MS_REMOUNT) {
        manager.remount(context, &target, change, &options).map_err(|error| note(call, error))?;
    } else if has(MS_BIND) {
        manager.bind_path(context, &source, &target, has(MS_REC))?;
    } else if has(PROPAGATION) {
        let propagation = match asked & !(MS_REC | MS_SILENT) {
            MS_PRIVATE => Propagation::Private,
            MS_SLAVE => Propagation::Slave,
            MS_UNBINDABLE => Propagation::Unbindable,
            MS_SHARED => Propagation::Shared,
            // Several at once.
            _ => return fail(FileSystemErrorKind::InvalidArgument),
        };
        manager.set_propagation(context, &target, propagation, has(MS_REC))?;
    } else if has(MS_MOVE) {
        manager.move_mount(context, &source, &target)?;
    } else {
        if call.arguments[2] == 0 {
            manager.resolve(context, &target, Follow::Yes)?;
            context.credentials.require(Capabilities::SYS_ADMIN)?;
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let Ok(type_name) = str::from_utf8(&type_name) else { return fail(FileSystemErrorKind::NoSuchDevice) };
        let what = MountArguments { source: &source, target: &target, type_name, flags, options: &options };
        manager.mount(context, &what).map_err(|error| note(call, error))?;
    }
    Ok(0)
}

pub fn umount2(call: &mut Call<'_>) -> Result<u64> {
    let flags = UnmountFlags::from_bits_truncate(call.flags(1, UnmountFlags::all().bits())?);
    call.with_path(0, |manager, context, path| manager.unmount(context, path, flags)).map(|()| 0)
}

pub fn chroot(call: &mut Call<'_>) -> Result<u64> {
    let path = call.path(0)?;
    change_place(call, |place| place.manager.change_root(&mut place.context, &path))
}

pub fn pivot_root(call: &mut Call<'_>) -> Result<u64> {
    let place = call.process.place()?;
    let mut own = Place::clone(&place);
    own.context.credentials.require(Capabilities::SYS_ADMIN)?;
    let (new, old) = (call.path(0)?, call.path(1)?);
    let moved = own.manager.pivot_root(&mut own.context, &new, &old)?;
    call.process.set_place(own)?;
    for process in number::processes() {
        let Ok(theirs) = process.place() else { continue };
        let mut new = Place::clone(&theirs);
        if Arc::ptr_eq(&new.manager, &place.manager) && moved.follow(&mut new.context) {
            process.set_place(new)?;
        }
    }
    Ok(0)
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

/// `struct ustat`: free blocks and nodes of the mounted file system that has that device number.
pub fn ustat(call: &mut Call<'_>) -> Result<u64> {
    let mounts = call.process.place()?.manager.tree().mounts();
    let is_it = |mount: &&Arc<MountPoint>| mount.superblock().operations().id().0 == u64::from(call.word(0));
    let mount = mounts.iter().find(is_it).ok_or(FileSystemErrorKind::InvalidArgument)?;
    let figures = mount.superblock().operations().statistics()?;
    call.write_words(1, [figures.blocks_free & 0xffff_ffff, figures.nodes_free, 0, 0])
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
