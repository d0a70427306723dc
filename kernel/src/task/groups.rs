//! Groups of processes and sessions of groups (`credentials(7)`): what a shell's jobs are made of.
//!
//! Both are named by the number of the process that began them, and last as long as somebody is in them.

use alloc::sync::Arc;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::number::{self, Number};
use super::process::Process;
use super::signal::{Information, Signal};

/// Which group and session a process is in.
#[derive(Clone)]
pub struct Membership {
    /// Its group.
    pub group: Arc<Number>,
    /// Its session.
    pub session: Arc<Number>,
    /// Whether it has given up its session's terminal for itself.
    pub gave_up_terminal: bool,
}

impl Membership {
    /// Of one that begins a group and a session of its own.
    pub(super) fn of_leader(number: &Arc<Number>) -> Self {
        Self { group: number.clone(), session: number.clone(), gave_up_terminal: false }
    }
}

/// Who is in a group, those included that have ended and nobody has asked for.
pub fn members(group: u32) -> impl Iterator<Item = Arc<Process>> {
    number::processes().filter(move |process| process.group() == group)
}

/// Sends all in a group a signal that comes from the kernel.
pub fn send(group: u32, signal: Signal) {
    members(group).for_each(|process| process.send(Information::of_kernel(signal)));
}

/// Whether nobody is left who could let the group's stopped members go on: none has a parent in another group of the same
/// session.
pub fn is_orphaned(group: u32) -> bool {
    let mut running = members(group).filter(|member| member.ending().is_none());
    !running.any(|member| member.family.parent().is_some_and(|parent| parent.guards(&member)))
}

/// Lets a group that has lost its last guardian go on and know it, if it is stopped.
pub(super) fn hang_up_if_orphaned(group: u32) {
    let is_stopped = |member: Arc<Process>| member.stop.is_stopped() && member.ending().is_none();
    if members(group).any(is_stopped) && is_orphaned(group) {
        send(group, Signal::HANG_UP);
        send(group, Signal::CONTINUE);
    }
}

impl Process {
    /// Which group and session it is in.
    pub fn membership(&self) -> Membership {
        self.membership.lock().clone()
    }

    /// Whether its session's terminal is its own too.
    pub fn has_terminal(&self) -> bool {
        !self.membership.lock().gave_up_terminal
    }

    /// Gives up its session's terminal, for itself and those that it will begin.
    pub fn give_up_terminal(&self) {
        self.membership.lock().gave_up_terminal = true;
    }

    /// Its group's number.
    pub fn group(&self) -> u32 {
        self.membership.lock().group.value()
    }

    /// Its session's number.
    pub fn session(&self) -> u32 {
        self.membership.lock().session.value()
    }

    /// Whether it can let the group of `child` go on when that is stopped: it is of another one in the same session.
    pub(super) fn guards(&self, child: &Self) -> bool {
        self.group() != child.group() && self.session() == child.session()
    }

    /// Whether it began its session.
    pub fn leads_session(&self) -> bool {
        self.session() == self.pid()
    }

    /// Puts `target`, which is itself or a child, into the group of that number (`setpgid(2)`).
    ///
    /// # Errors
    /// `ESRCH` where it is neither, `EACCES` for a child that runs another program already, `EPERM` for one of another
    /// session or that leads its session, or where there is no such group in the session.
    pub fn set_group(&self, target: &Arc<Self>, group: u32) -> Result<()> {
        let is_child = target.family.parent().is_some_and(|parent| core::ptr::eq(&*parent, self));
        if !core::ptr::eq(&**target, self) {
            if !is_child {
                return fail(FileSystemErrorKind::NoProcess);
            }
            if target.session() != self.session() {
                return fail(FileSystemErrorKind::NotPermitted);
            }
            if target.has_executed() {
                return fail(FileSystemErrorKind::PermissionDenied);
            }
        }
        if target.leads_session() {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        let group = if group == target.pid() {
            target.number.clone()
        } else {
            let other = members(group).find(|member| member.session() == self.session());
            other.ok_or(FileSystemErrorKind::NotPermitted)?.membership.lock().group.clone()
        };
        let old = core::mem::replace(&mut target.membership.lock().group, group);
        drop(old);
        Ok(())
    }

    /// Begins a session (`setsid(2)`).
    ///
    /// # Errors
    /// `EPERM` where there is a group of its number.
    pub fn begin_session(&self) -> Result<()> {
        if members(self.pid()).next().is_some() {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        let old = core::mem::replace(&mut *self.membership.lock(), Membership::of_leader(&self.number));
        drop(old);
        Ok(())
    }
}
