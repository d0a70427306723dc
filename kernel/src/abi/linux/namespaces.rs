//! Namespaces: those of mounts. All else is one for all.

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::VfsManager;

use super::call::Call;
use super::descriptors;
use super::identity::change_place;
use crate::fs::handle::Handle;
use crate::fs::namespaces;
use crate::task::files::Descriptor;

const CLONE_VM: u64 = 0x100;
const CLONE_FS: u64 = 0x200;
const CLONE_FILES: u64 = 0x400;
const CLONE_SIGHAND: u64 = 0x800;
const CLONE_THREAD: u64 = 0x1_0000;
const CLONE_NEWNS: u64 = 0x2_0000;
/// There are no semaphores of that kind that could be undone.
const CLONE_SYSVSEM: u64 = 0x4_0000;

const KNOWN: u64 = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNS | CLONE_SYSVSEM;

const NS_GET_NSTYPE: u32 = 0xb703;
const NS_GET_MNTNS_ID: u32 = 0x8008_b705;
const NS_GET_ID: u32 = 0x8008_b70d;
/// These without the size of what is asked for.
const NS_MNT_GET_INFO: u32 = 0x8000_b70a;
const NS_MNT_GET_NEXT: u32 = 0x8000_b70b;
const NS_MNT_GET_PREV: u32 = 0x8000_b70c;
const IOCTL_SIZE: u32 = 0x3fff_0000;
/// The least size of what can be known of a namespace: the size, how many mounts it has, and its number.
const INFO_SIZE: u32 = 16;

/// The request of argument 1 to `file`, if it is one to a namespace (`ioctl_nsfs(2)`).
pub fn ioctl(call: &Call<'_>, file: &FileObject) -> Option<Result<u64>> {
    let manager = namespaces::of_file(file)?;
    let request = call.word(1);
    let sized = (request & IOCTL_SIZE) >> 16 >= INFO_SIZE;
    match request & !IOCTL_SIZE {
        _ if request == NS_GET_NSTYPE => Some(Ok(CLONE_NEWNS)),
        _ if [NS_GET_MNTNS_ID, NS_GET_ID].contains(&request) => Some(call.write_words(2, [manager.id()])),
        NS_MNT_GET_INFO if sized && call.arguments[2] == 0 => Some(fail(FileSystemErrorKind::InvalidArgument)),
        NS_MNT_GET_INFO if sized => Some(tell(call, &manager)),
        NS_MNT_GET_NEXT if sized => Some(open_relative(call, manager.relative(manager.id() + 1.., false))),
        NS_MNT_GET_PREV if sized => Some(open_relative(call, manager.relative(..manager.id(), true))),
        _ => None,
    }
}

/// Writes what can be known of a namespace to where argument 2 says, if it does.
fn tell(call: &Call<'_>, manager: &VfsManager) -> Result<u64> {
    let mounts = manager.tree().count() as u64;
    call.tell_words(2, [u64::from(INFO_SIZE) | mounts << 32, manager.id()])
}

/// Opens another namespace, and tells of it.
fn open_relative(call: &Call<'_>, manager: Option<Arc<VfsManager>>) -> Result<u64> {
    call.credentials()?.require(Capabilities::SYS_ADMIN)?;
    let manager = manager.ok_or(FileSystemErrorKind::NotFound)?;
    tell(call, &manager)?;
    let place = call.process.place()?;
    let file = place.manager.open_found(&place.context, namespaces::path(&manager)?, OpenFlags::READ)?;
    call.process.files().add(Descriptor { file, close_on_exec: true }, 0)
}

/// Has what others had too for itself. Memory, handlers and threads can only be so already, and threads of one process
/// have all the rest in common; the other namespaces of Linux's are refused as by a kernel built without them (`EINVAL`).
pub fn unshare(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.arguments[0];
    let has = |flag| flags & flag != 0;
    let in_common = call.process.threads() > 1 && flags & !CLONE_SYSVSEM != 0
        || has(CLONE_SIGHAND | CLONE_VM) && call.process.actions().are_shared()
        || has(CLONE_VM) && call.process.shares_memory();
    if flags & !KNOWN != 0 || in_common {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if has(CLONE_NEWNS) {
        let place = call.process.place()?.in_own_namespace()?;
        call.process.leave_company();
        call.process.set_place(place)?;
    }
    if has(CLONE_FS) {
        call.process.leave_company();
    }
    if has(CLONE_FILES) {
        descriptors::unshare(call)?;
    }
    Ok(0)
}

/// The namespace that a file stands for: that of `/proc/PID/ns/mnt`, or that of a process that is a file.
///
/// # Errors
/// `EINVAL` for another kind, for what is neither, and for a process that asks for nothing; `ESRCH` for one that ended.
fn namespace_of(file: &FileObject, kind: u64) -> Result<Arc<VfsManager>> {
    if let Some(handle) = file.stream_as::<Handle>() {
        return match kind {
            CLONE_NEWNS => Ok(handle.process().place().map_err(|_| FileSystemErrorKind::NoProcess)?.manager.clone()),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        };
    }
    let manager = namespaces::of_file(file).filter(|_| kind == 0 || kind == CLONE_NEWNS);
    manager.ok_or(FileSystemErrorKind::InvalidArgument.into())
}

/// Goes to the root of a namespace.
pub fn setns(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let manager = namespace_of(&file, u64::from(call.word(1)))?;
    call.credentials()?.require(Capabilities::SYS_ADMIN | Capabilities::SYS_CHROOT)?;
    // The others would go along.
    if call.process.threads() > 1 || call.process.has_company() {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    change_place(call, |place| {
        let there = manager.root_context();
        (place.context.root, place.context.cwd) = (there.root, there.cwd);
        place.manager = Arc::clone(&manager);
        Ok(())
    })
}
