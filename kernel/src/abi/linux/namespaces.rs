//! Namespaces: those of mounts. All else is one for all.

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::identity::change_place;
use crate::fs::namespaces;

const CLONE_FS: u64 = 0x200;
const CLONE_FILES: u64 = 0x400;
const CLONE_NEWNS: u64 = 0x2_0000;

/// A namespace of its own; open files and directories are a process's own already. The other namespaces of Linux's are
/// refused (`EINVAL`, as by a kernel built without them).
pub fn unshare(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.arguments[0];
    if flags & !(CLONE_FS | CLONE_FILES | CLONE_NEWNS) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if flags & CLONE_NEWNS == 0 {
        return Ok(0);
    }
    change_place(call, |place| {
        *place = place.in_own_namespace()?;
        Ok(())
    })
}

/// Goes to the root of the namespace that `/proc/PID/ns/mnt` was opened for.
pub fn setns(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let kind = u64::from(call.word(1));
    let manager = namespaces::of_file(&file).filter(|_| kind == 0 || kind == CLONE_NEWNS);
    let manager = manager.ok_or(FileSystemErrorKind::InvalidArgument)?;
    call.credentials()?.require(Capabilities::SYS_ADMIN | Capabilities::SYS_CHROOT)?;
    // The others would go along.
    if call.process.threads() > 1 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    change_place(call, |place| {
        let there = manager.root_context();
        (place.context.root, place.context.cwd) = (there.root, there.cwd);
        place.manager = Arc::clone(&manager);
        Ok(())
    })
}
