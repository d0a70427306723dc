//! The effect of signals, on the way back to user mode.

use alloc::sync::Arc;

use super::actions::Action;
use super::{Default, Information, Signal, frame};
use crate::arch::interrupts;
use crate::arch::trap::TrapFrame;
use crate::arch::user;
use crate::task::process::Ending;
use crate::task::thread::Thread;
use crate::task::{alarm, ending, groups, scheduler, usage};

/// When a system call that a signal interrupted is made again (`signal(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    Always,
    /// When no handler ran, or one with `SA_RESTART`.
    IfAsked,
    /// When no handler ran.
    WithoutHandler,
    /// Never.
    Never,
}

/// A system call that a signal interrupted.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted {
    /// The number by which it is made again.
    pub number: u64,
    /// Whether it is.
    pub restart: Restart,
}

/// What a look at the running thread comes to.
enum Next {
    /// To user mode.
    Go,
    /// Something has changed: look again.
    Again,
    /// Its process ends.
    Leave,
}

/// Lets what has come to the running thread have its effect, before it goes on in user mode with `frame`. Interrupts are
/// off; the caller holds nothing.
pub fn before_user_mode(frame: &mut TrapFrame, mut interrupted: Option<Interrupted>) {
    loop {
        if alarm::send_due() {
            scheduler::let_pass();
        }
        match look(frame, &mut interrupted) {
            Next::Go => return usage::leave_kernel(),
            Next::Again => {}
            Next::Leave => ending::leave(),
        }
    }
}

fn look(frame: &mut TrapFrame, interrupted: &mut Option<Interrupted>) -> Next {
    let thread = scheduler::current();
    let Some(user) = thread.user() else { return Next::Go };
    if !user.is_interrupted() {
        if let Some(mask) = user.take_saved_mask() {
            // A signal that was held back before the call may have its effect now.
            user.set_mask(mask);
            return Next::Again;
        }
        if let Some(call) = interrupted.take()
            && call.restart != Restart::Never
        {
            restart(frame, call);
        }
        return Next::Go;
    }
    if user.is_to_leave() {
        return Next::Leave;
    }
    // Said of a call that then had something to answer.
    user.take_final();
    interrupts::enable();
    if user.process.stop.is_stopped() {
        user.process.wait_while_stopped(user);
    } else if let Some(information) = user.take_signal() {
        have_effect(&thread, frame, information, interrupted);
    }
    interrupts::disable();
    Next::Again
}

/// Lets the program make its call again.
fn restart(frame: &mut TrapFrame, call: Interrupted) {
    frame.rax = call.number;
    frame.rip = frame.rip.wrapping_sub(user::SYSTEM_CALL_LENGTH);
}

fn have_effect(
    thread: &Arc<Thread>,
    frame: &mut TrapFrame,
    information: Information,
    interrupted: &mut Option<Interrupted>,
) {
    let Some(user) = thread.user() else { return };
    let (process, signal) = (&user.process, information.signal);
    let action = process.actions().get(signal);
    if action.is_to_ignore() {
        return;
    }
    if action.handler().is_some() {
        if let Some(call) = interrupted.take()
            && (call.restart == Restart::Always || call.restart == Restart::IfAsked && action.restarts())
        {
            restart(frame, call);
        }
        return call_handler(thread, frame, information, action);
    }
    match signal.default() {
        // It was held back when it came.
        _ if process.is_first() => {}
        Default::Nothing => {}
        // Nobody could let it go on again.
        Default::Stop if signal != Signal::STOP && groups::is_orphaned(process.group()) => {}
        Default::Stop => process.stop(signal),
        Default::End => process.end(Ending::Killed(signal)),
    }
}

/// Lets the program go on in its handler. A frame that cannot be written is a `SIGSEGV`; that one's own ends it.
fn call_handler(thread: &Arc<Thread>, frame: &mut TrapFrame, information: Information, action: Action) {
    let Some(user) = thread.user() else { return };
    let signal = information.signal;
    if action.is_for_once() {
        user.process.actions().reset(signal);
    }
    let mask = user.take_saved_mask().unwrap_or(user.mask());
    match user.leave_piece(frame).and_then(|()| frame::push(user, frame, information, action, mask)) {
        Ok(()) => user.set_mask(user.mask().with(action.held_back(signal))),
        Err(_) => {
            user.set_mask(mask);
            if signal == Signal::SEGMENTATION {
                user.process.actions().reset(signal);
            }
            user.force(Information::of_kernel(Signal::SEGMENTATION));
        }
    }
}
