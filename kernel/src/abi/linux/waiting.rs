//! Waiting for children (`wait(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::mm::user_memory;
use crate::task::children::Asked;
use crate::task::process::Process;

const WNOHANG: u32 = 1;
const WUNTRACED: u32 = 2;
const WCONTINUED: u32 = 8;
/// `__WNOTHREAD`, `__WALL`, `__WCLONE`.
const NO_THREAD: u32 = 0x2000_0000;
const ALL: u32 = 0x4000_0000;
const CLONED: u32 = 0x8000_0000;

/// Whether a child is of the kind that `flags` ask for: those that tell by `SIGCHLD`, or the others.
fn is_of_kind(child: &Process, flags: u32) -> bool {
    flags & ALL != 0 || child.family.tells_by_child_signal() != (flags & CLONED != 0)
}

/// Times are not counted, so nobody is told them (`ENOSYS`).
pub fn wait4(call: &mut Call<'_>) -> Result<u64> {
    let [pid, status_at, _, usage_at, ..] = call.arguments;
    let flags = call.flags(2, WNOHANG | WUNTRACED | WCONTINUED | NO_THREAD | ALL | CLONED)?;
    if usage_at != 0 {
        return fail(FileSystemErrorKind::NotImplemented);
    }
    let pid = pid as i32;
    if pid < -1 {
        return fail(FileSystemErrorKind::NoChild);
    }
    let asked = Asked {
        which: &|child| is_of_kind(child, flags) && (pid <= 0 || child.pid() == pid as u32),
        ended: true,
        stopped: flags & WUNTRACED != 0,
        continued: flags & WCONTINUED != 0,
        at_once: flags & WNOHANG != 0,
        keep: false,
    };
    let Some((child, event)) = call.process.wait_for_child(&asked)? else { return Ok(0) };
    if status_at != 0 {
        user_memory::write(status_at, &event.wait_status().to_le_bytes())?;
    }
    Ok(u64::from(child.pid()))
}
