//! Whose the terminal is: a session has it, and one group of that is in the foreground (`credentials(7)`, `tty(4)`).
//!
//! Locks: `OWNER` is a leaf; signals are sent without it.

use alloc::sync::Arc;

use spin::Mutex;
use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use crate::task::number::Number;
use crate::task::process::{self, Process};
use crate::task::signal::Signal;
use crate::task::{groups, scheduler};

/// Who has the terminal.
struct Owner {
    session: Arc<Number>,
    foreground: Arc<Number>,
}

static OWNER: Mutex<Option<Owner>> = Mutex::new(None);

/// Gives the terminal to the session of a process; its group is in the foreground.
pub(super) fn give_to(process: &Process) {
    let groups::Membership { group, session, .. } = process.membership();
    let old = OWNER.lock().replace(Owner { session, foreground: group });
    drop(old);
}

/// Takes the terminal away from whoever has it, and lets those in the foreground know.
pub(super) fn take_away() {
    let owner = OWNER.lock().take();
    if let Some(Owner { foreground, .. }) = owner {
        groups::send(foreground.value(), Signal::HANG_UP);
        groups::send(foreground.value(), Signal::CONTINUE);
    }
}

/// Sends those in the foreground a signal.
pub(super) fn send(signal: Signal) {
    if let Some(group) = foreground() {
        groups::send(group, signal);
    }
}

/// The group in the foreground.
pub fn foreground() -> Option<u32> {
    OWNER.lock().as_ref().map(|owner| owner.foreground.value())
}

fn session() -> Option<u32> {
    OWNER.lock().as_ref().map(|owner| owner.session.value())
}

/// Whether it is the controlling terminal of `process`.
pub fn is_of(process: &Process) -> bool {
    session() == Some(process.session()) && process.has_terminal()
}

/// Fails where it is not the controlling terminal of `process`.
fn check_is_of(process: &Process) -> Result<()> {
    if is_of(process) { Ok(()) } else { fail(FileSystemErrorKind::NotATerminal) }
}

/// The number of its session, as `asking` may know it.
///
/// # Errors
/// `ENOTTY` for a process that does not have it.
pub fn session_for(asking: &Process) -> Result<u32> {
    check_is_of(asking)?;
    session().ok_or(FileSystemErrorKind::NotATerminal.into())
}

/// The group in the foreground, as `asking` may know it.
///
/// # Errors
/// `ENOTTY` for a process that does not have it.
pub fn foreground_for(asking: &Process) -> Result<u32> {
    check_is_of(asking)?;
    foreground().ok_or(FileSystemErrorKind::NotATerminal.into())
}

/// Puts a group of the session in the foreground (`tcsetpgrp(3)`).
///
/// # Errors
/// `ENOTTY` for a process that does not have it, and for one that nobody could let go on after this would stop it;
/// `EINVAL` for no number of a group, `ESRCH` where there is no such group, `EPERM` for one of another session; `EINTR`.
pub fn set_foreground(asking: &Process, group: i32) -> Result<()> {
    check_set().map_err(|error| match error.kind() {
        FileSystemErrorKind::Io => FileSystemErrorKind::NotATerminal.into(),
        _ => error,
    })?;
    check_is_of(asking)?;
    let group = u32::try_from(group).map_err(|_| FileSystemErrorKind::InvalidArgument)?;
    let member = groups::members(group).next().ok_or(FileSystemErrorKind::NoProcess)?;
    let groups::Membership { group, session, .. } = member.membership();
    if session.value() != asking.session() {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    let mut owner = OWNER.lock();
    let old = owner.as_mut().map(|owner| core::mem::replace(&mut owner.foreground, group));
    drop(owner);
    drop(old);
    Ok(())
}

/// Makes it the controlling terminal of the session that `leader` leads (`TIOCSCTTY`); `by_force` where another session
/// has it, which takes `CAP_SYS_ADMIN`.
///
/// # Errors
/// `EPERM` for who leads no session, or where another has it.
pub fn take(leader: &Process, by_force: bool) -> Result<()> {
    if leader.leads_session() && session() == Some(leader.session()) {
        return Ok(());
    }
    if !leader.leads_session() {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    if session().is_some() {
        if !by_force {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        leader.place()?.context.credentials.require(Capabilities::SYS_ADMIN)?;
    }
    give_to(leader);
    Ok(())
}

/// Gives it up (`TIOCNOTTY`): a leader for its whole session.
///
/// # Errors
/// `ENOTTY` for a process that does not have it.
pub fn give_up(process: &Process) -> Result<()> {
    check_is_of(process)?;
    if process.leads_session() {
        take_away();
    } else {
        process.give_up_terminal();
    }
    Ok(())
}

/// The running process, if it is in the background of the session that has the terminal.
fn in_background() -> Option<Arc<Process>> {
    let process = process::current()?;
    (is_of(&process) && Some(process.group()) != foreground()).then_some(process)
}

/// Whether the running process does not want to know of `signal`.
fn is_unheard(process: &Process, signal: Signal) -> bool {
    let thread = scheduler::current();
    process.actions().get(signal).is_to_ignore() || thread.user().is_some_and(|user| user.mask().has(signal))
}

/// Sends the group of a process in the background `signal`, so that the call is made again when it is in the foreground.
fn stop(process: &Process, signal: Signal) -> Result<()> {
    if groups::is_orphaned(process.group()) {
        return fail(FileSystemErrorKind::Io);
    }
    groups::send(process.group(), signal);
    fail(FileSystemErrorKind::Interrupted)
}

/// Lets the running process read.
///
/// # Errors
/// `EINTR` for one in the background, which is stopped; `EIO` where it would not stop, or nobody could let it go on.
pub(super) fn check_read() -> Result<()> {
    match in_background() {
        Some(process) if is_unheard(&process, Signal::TERMINAL_INPUT) => fail(FileSystemErrorKind::Io),
        Some(process) => stop(&process, Signal::TERMINAL_INPUT),
        None => Ok(()),
    }
}

/// Lets the running process change the terminal, or write to one that stops who does (`TOSTOP`).
///
/// # Errors
/// `EINTR` for one in the background, which is stopped; `EIO` where nobody could let it go on.
pub fn check_set() -> Result<()> {
    match in_background() {
        Some(process) if !is_unheard(&process, Signal::TERMINAL_OUTPUT) => stop(&process, Signal::TERMINAL_OUTPUT),
        _ => Ok(()),
    }
}
