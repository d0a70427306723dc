//! Waiting for children (`wait(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::handles::process_of;
use super::usage;
use crate::task::children::Asked;
use crate::task::process::Process;
use crate::task::signal::Signal;

const WNOHANG: u32 = 1;
const WUNTRACED: u32 = 2;
const WEXITED: u32 = 4;
const WCONTINUED: u32 = 8;
const WNOWAIT: u32 = 0x0100_0000;
/// `__WNOTHREAD`, `__WALL`, `__WCLONE`.
const NO_THREAD: u32 = 0x2000_0000;
const ALL: u32 = 0x4000_0000;
const CLONED: u32 = 0x8000_0000;

const P_ALL: u32 = 0;
const P_PID: u32 = 1;
const P_PGID: u32 = 2;
const P_PIDFD: u32 = 3;

/// Whether a child is of the kind that `flags` ask for: those that tell by `SIGCHLD`, or the others.
fn is_of_kind(child: &Process, flags: u32) -> bool {
    flags & ALL != 0 || child.family.tells_by_child_signal() != (flags & CLONED != 0)
}

/// Which children are asked for.
#[derive(Clone, Copy)]
enum Which {
    Any,
    One(u32),
    OfGroup(u32),
}

impl Which {
    /// As `wait4` says it.
    fn of_pid(call: &Call<'_>, pid: i32) -> Result<Self> {
        match pid {
            1.. => Ok(Self::One(pid as u32)),
            0 => Ok(Self::OfGroup(call.process.group())),
            -1 => Ok(Self::Any),
            i32::MIN => fail(FileSystemErrorKind::NoProcess),
            _ => Ok(Self::OfGroup(pid.unsigned_abs())),
        }
    }

    /// As `waitid` says it.
    fn of_kind(call: &Call<'_>, kind: u32, number: u32) -> Result<Self> {
        match (kind, number as i32) {
            (P_ALL, _) => Ok(Self::Any),
            (P_PID, 1..) => Ok(Self::One(number)),
            (P_PIDFD, 0..) => Ok(Self::One(process_of(call, number)?)),
            (P_PGID, 1..) => Ok(Self::OfGroup(number)),
            (P_PGID, 0) => Ok(Self::OfGroup(call.process.group())),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        }
    }

    fn is(self, child: &Process) -> bool {
        match self {
            Self::Any => true,
            Self::One(pid) => child.pid() == pid,
            Self::OfGroup(group) => child.group() == group,
        }
    }
}

/// Tells what a child and those below it have used, if that is asked for by argument `index`.
fn tell_usage(call: &Call<'_>, index: usize, child: &Process) -> Result<u64> {
    call.tell_words(index, usage::words(&child.figures().with(child.figures_of_children())))
}

pub fn wait4(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(2, WNOHANG | WUNTRACED | WCONTINUED | NO_THREAD | ALL | CLONED)?;
    let which = Which::of_pid(call, call.word(0) as i32)?;
    let asked = Asked {
        which: &|child| is_of_kind(child, flags) && which.is(child),
        ended: true,
        stopped: flags & WUNTRACED != 0,
        continued: flags & WCONTINUED != 0,
        at_once: flags & WNOHANG != 0,
        keep: false,
    };
    let Some((child, event)) = call.process.wait_for_child(&asked)? else { return Ok(0) };
    if let Some(address) = call.given(1) {
        address.write_u32(event.wait_status())?;
    }
    tell_usage(call, 3, &child)?;
    Ok(u64::from(child.pid()))
}

pub fn waitid(call: &mut Call<'_>) -> Result<u64> {
    let known = WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | NO_THREAD | ALL | CLONED;
    let flags = call.flags(3, known)?;
    if flags & (WUNTRACED | WEXITED | WCONTINUED) == 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let which = Which::of_kind(call, call.word(0), call.word(1))?;
    let asked = Asked {
        which: &|child| is_of_kind(child, flags) && which.is(child),
        ended: flags & WEXITED != 0,
        stopped: flags & WUNTRACED != 0,
        continued: flags & WCONTINUED != 0,
        at_once: flags & WNOHANG != 0,
        keep: flags & WNOWAIT != 0,
    };
    let found = call.process.wait_for_child(&asked)?;
    if let Some((child, _)) = &found {
        tell_usage(call, 4, child)?;
    }
    // What is behind is not this call's to write.
    let told = found.map(|(child, event)| child.about(Signal::CHILD, event).to_words());
    let [signal, code, who, status, ..] = told.unwrap_or_default();
    call.tell_words(2, [signal, code, who, status])
}
