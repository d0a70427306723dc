//! How a signal comes to a process or to one of its threads.
//!
//! What ends a process does so at once; all else waits in [`Pending`](super::pending::Pending) until a thread that does
//! not hold it back is on its way to user mode. One that waits is woken for that.

use alloc::sync::Arc;

use vfs::error::Result;

use super::{Default, Information, Set, Signal};
use crate::task::process::{Ending, Process};
use crate::task::scheduler;
use crate::task::thread::{Thread, UserSide};

impl Process {
    /// Sends it a signal, which any of its threads takes. One too many that would have to queue is lost.
    pub fn send(&self, information: Information) {
        // As on Linux what the kernel sends is never refused.
        let _ = self.try_send(information);
    }

    /// Sends it a signal, which any of its threads takes.
    ///
    /// # Errors
    /// `EAGAIN` when too many wait.
    pub fn try_send(&self, information: Information) -> Result<()> {
        let taker = self.find_thread(|thread| takes(thread, information.signal).then(|| thread.clone()));
        if !self.prepare(information.signal, taker.is_some()) {
            return Ok(());
        }
        self.pending.add(information)?;
        match taker {
            Some(thread) => scheduler::wake(thread),
            // Somebody may wait for just this one, held back as it is.
            None => self.wake_threads(),
        }
        Ok(())
    }

    /// Sends the running thread's process a signal from the kernel.
    pub fn raise(&self, signal: Signal) {
        self.send(Information::of_process(signal, self.pid(), self.user()));
    }

    /// What a signal does when it is sent; whether it is to be noted as well. `is_taken`: a thread does not hold it back.
    fn prepare(&self, signal: Signal, is_taken: bool) -> bool {
        if self.ending().is_some() || self.is_to_end() {
            return false;
        }
        if signal == Signal::CONTINUE {
            self.forget_pending(Set::STOPS);
            self.go_on();
        } else if signal.default() == Default::Stop {
            self.forget_pending(Signal::CONTINUE.set());
        }
        if !is_taken {
            return true;
        }
        let actions = self.actions();
        if actions.ignores(signal) || self.is_first() && actions.get(signal).is_default() {
            return false;
        }
        let ends = actions.get(signal).is_default() && signal.default() == Default::End;
        drop(actions);
        if ends {
            self.end(Ending::Killed(signal));
        }
        !ends
    }

    /// Forgets signals that have come to it or to its threads.
    pub fn forget_pending(&self, set: Set) {
        self.pending.forget(set);
        self.find_thread(|thread| {
            thread.user()?.pending.forget(set);
            None::<()>
        });
    }
}

/// Whether a thread does not hold `signal` back.
fn takes(thread: &Thread, signal: Signal) -> bool {
    thread.user().is_some_and(|user| !user.mask().has(signal))
}

/// Sends a thread a signal, which no other takes.
///
/// # Errors
/// `EAGAIN` when too many wait.
pub fn send_to_thread(thread: &Arc<Thread>, information: Information) -> Result<()> {
    let Some(user) = thread.user() else { return Ok(()) };
    if user.process.prepare(information.signal, takes(thread, information.signal)) {
        user.pending.add(information)?;
        scheduler::wake(thread.clone());
    }
    Ok(())
}

impl UserSide {
    /// Lets the running thread have a signal of its own doing, which it can neither ignore nor hold back: the default is
    /// its effect then. Whether a handler takes it.
    pub fn force(&self, information: Information) -> bool {
        let signal = information.signal;
        let actions = self.process.actions();
        if self.mask().has(signal) || actions.get(signal).is_to_ignore() {
            actions.reset(signal);
            self.set_mask(self.mask().without(signal.set()));
        }
        let is_handled = actions.get(signal).handler().is_some();
        drop(actions);
        // It is of a kind that does not queue; without memory for it there is nothing else to be done.
        if !is_handled || self.pending.add(information).is_err() {
            self.process.end(Ending::Killed(signal));
        }
        is_handled
    }
}
