//! How threads and processes end.
//!
//! Each thread ends itself, where it would go to user mode: it is told to, and comes there. The last of a process lets
//! go of all that the process holds.

use alloc::sync::Arc;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::process::Ending;
use super::thread::{Thread, UserSide};
use super::{futex, groups, robust_list, scheduler, usage};
use crate::arch::interrupts;
use crate::fs::readiness;
use crate::fs::terminal;
use crate::log;

/// Ends the running thread, and its process if it is the last. What the caller holds it must have let go of.
pub fn leave() -> ! {
    interrupts::enable();
    let thread = scheduler::current();
    if let Some(user) = thread.user() {
        let process = &user.process;
        leave_memory(user);
        if process.forget_thread(&thread) {
            end_process(user);
        } else {
            // One that goes on alone may wait for this.
            process.moved_on.wake_all();
            if !process.pending.set().is_empty() {
                // What was meant for this one another takes.
                process.wake_threads();
            }
        }
    }
    scheduler::end(thread, Thread::tell_ended)
}

fn end_process(user: &UserSide) {
    let process = &user.process;
    process.let_go();
    if let Ending::Killed(signal) = process.ending_as_told() {
        log!("{} ({}): ended by {signal}", process.name().escape_ascii(), process.pid());
    }
    terminal::on_end(process);
    process.leave_children();
    interrupts::without(|| usage::settle(Some(user)));
    process.note_ended();
    process.moved_on.wake_all();
    if process.family.parent().is_some_and(|parent| parent.guards(process)) {
        groups::hang_up_if_orphaned(process.group());
    }
    process.tell_ended();
    readiness::tell();
}

/// Tells those who see the running thread's memory that it leaves it: by its locks, and by the word that it asked to have
/// cleared (`CLONE_CHILD_CLEARTID`).
pub fn leave_memory(user: &UserSide) {
    robust_list::release(user);
    futex::owned::release(user.tid());
    if let Some(address) = user.cleared_at_end()
        && user.process.is_seen()
    {
        // As on Linux a bad address is the program's own affair.
        let _ = address.write_u32(0);
        let _ = futex::wake_at(&user.process, address);
    }
}

/// Lets all threads of the running one's process end but itself, and waits for that. It goes by the process's number then.
///
/// # Errors
/// `EINTR` where it is to end as well: by a signal, or because another goes on alone.
pub fn end_other_threads(thread: &Arc<Thread>, user: &UserSide) -> Result<()> {
    let process = &user.process;
    if user.is_to_leave() {
        return fail(FileSystemErrorKind::Interrupted);
    }
    if !process.is_single() {
        process.set_only(Some(user));
        process.wake_threads();
        process.moved_on.wait_until(|| process.is_single() || process.is_to_end());
        process.set_only(None);
        if process.is_to_end() {
            return fail(FileSystemErrorKind::Interrupted);
        }
    }
    if !user.is_leader() {
        user.lead();
        process.number.set_thread(Arc::downgrade(thread));
    }
    Ok(())
}
