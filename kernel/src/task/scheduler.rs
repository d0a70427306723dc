//! Who runs next: whoever has waited for it longest.
//!
//! While nobody can run the processor sleeps, on the stack of the last who did.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use page::OutOfMemory;
use spin::{Mutex, Once};

use super::thread::{State, Thread};
use super::{alarm, usage};
use crate::arch::{interrupts, switch};

/// Taken only with interrupts off, and never across a switch.
static SCHEDULER: Once<Mutex<Scheduler>> = Once::new();

/// How many threads there are that have not ended.
static THREADS: AtomicUsize = AtomicUsize::new(1);

/// Whether nobody can run, on the stack of the last who did.
static IS_IDLE: AtomicBool = AtomicBool::new(false);

struct Scheduler {
    current: Arc<Thread>,
    /// Those that can run. It has room for all threads.
    ready: VecDeque<Arc<Thread>>,
    /// The one that has just ended: whoever runs next lets go of its stack, on which it still stood.
    ended: Option<Arc<Thread>>,
}

impl Scheduler {
    /// Whose turn it is.
    fn next(&mut self) -> Option<Arc<Thread>> {
        loop {
            let next = self.ready.pop_front()?;
            // The only one comes after nobody.
            if self.ready.is_empty() || next.user().is_none_or(|user| user.share.takes_turn()) {
                return Some(next);
            }
            self.ready.push_back(next);
        }
    }
}

/// Makes what runs now the first thread. To be called once.
pub fn init() {
    SCHEDULER.call_once(|| {
        let mut ready = VecDeque::new();
        ready.reserve(1);
        Mutex::new(Scheduler { current: Thread::of_boot(), ready, ended: None })
    });
    vfs::sync::set_yield(give_way);
}

/// Does something with the scheduler, interrupts being off.
fn with<R>(body: impl FnOnce(&mut Scheduler) -> R) -> R {
    let scheduler = SCHEDULER.get().expect("threads are used after `init` only");
    interrupts::without(|| body(&mut scheduler.lock()))
}

/// The thread that runs.
pub fn current() -> Arc<Thread> {
    with(|scheduler| scheduler.current.clone())
}

/// How many threads there are.
pub fn threads() -> usize {
    THREADS.load(Ordering::Relaxed)
}

/// How many run or could. Interrupts are off.
pub fn running() -> usize {
    with(|scheduler| scheduler.ready.len() + usize::from(!IS_IDLE.load(Ordering::Relaxed)))
}

/// Lets a new thread run.
///
/// # Errors
/// [`OutOfMemory`].
pub(super) fn admit(thread: &Arc<Thread>) -> Result<(), OutOfMemory> {
    with(|scheduler| {
        let room = THREADS.load(Ordering::Relaxed) + 1;
        let missing = room.saturating_sub(scheduler.ready.len());
        scheduler.ready.try_reserve(missing).map_err(|_| OutOfMemory)?;
        THREADS.store(room, Ordering::Relaxed);
        scheduler.ready.push_back(thread.clone());
        Ok(())
    })
}

/// Lets others run that can, before the caller goes on.
pub fn give_way() {
    interrupts::without(|| {
        let gave = with(|scheduler| {
            if scheduler.ready.is_empty() {
                return None;
            }
            scheduler.ready.push_back(scheduler.current.clone());
            let next = scheduler.next().filter(|next| !Arc::ptr_eq(next, &scheduler.current))?;
            let current = core::mem::replace(&mut scheduler.current, next.clone());
            current.leave();
            usage::leave(&current, false);
            Some((current.left_at(), next))
        });
        if let Some((old, next)) = gave {
            go_to(old, next);
        }
    });
}

/// Lets others run until someone wakes the caller. Interrupts are off, and stay so for whoever calls; nothing that
/// would wake the caller can have come since they are.
pub(super) fn wait() {
    let old = with(|scheduler| {
        scheduler.current.set_state(State::Waiting);
        scheduler.current.left_at()
    });
    let next = next_ready();
    let itself = with(|scheduler| {
        scheduler.current.leave();
        usage::leave(&scheduler.current, true);
        let itself = Arc::ptr_eq(&scheduler.current, &next);
        scheduler.current = next.clone();
        itself
    });
    if !itself {
        go_to(old, next);
    }
}

/// The next that can run; sleeps until there is one. Interrupts are off, but while it sleeps.
fn next_ready() -> Arc<Thread> {
    loop {
        match with(Scheduler::next) {
            Some(next) => return next,
            None => {
                IS_IDLE.store(true, Ordering::Relaxed);
                usage::begin_idle();
                interrupts::sleep();
                usage::end_idle();
                IS_IDLE.store(false, Ordering::Relaxed);
                alarm::send_due();
            }
        }
    }
}

/// Lets a thread that waits run; one that does not is left alone. An interrupt handler may call this.
pub(super) fn wake(thread: Arc<Thread>) {
    with(|scheduler| {
        if thread.state() == State::Waiting {
            thread.set_state(State::Ready);
            if let Some(user) = thread.user() {
                user.share.has_waited();
            }
            scheduler.ready.push_back(thread);
        }
    });
}

/// Goes on where `next` was left, with its process's memory. Interrupts are off.
fn go_to(old: *mut u64, next: Arc<Thread>) {
    let new = next.left_at();
    next.arrive();
    // The scheduler holds it as the current one.
    drop(next);
    // SAFETY: `next` is not the caller's thread and has not run since it was left; interrupts are off.
    unsafe { switch::switch(old, *new) };
    arrived();
}

/// What is to be done on the new stack after every switch.
pub(super) fn arrived() {
    drop(with(|scheduler| scheduler.ended.take()));
}

/// Ends the caller, after `tell` has told those who wait for it. What it holds it must have let go of.
pub(super) fn end(thread: Arc<Thread>, tell: impl FnOnce(&Thread)) -> ! {
    interrupts::disable();
    thread.set_state(State::Ended);
    THREADS.fetch_sub(1, Ordering::Relaxed);
    tell(&thread);
    let old = thread.left_at();
    drop(thread);
    let next = next_ready();
    with(|scheduler| {
        let itself = core::mem::replace(&mut scheduler.current, next.clone());
        scheduler.ended = Some(itself);
    });
    go_to(old, next);
    unreachable!("a thread that has ended is not switched to")
}
