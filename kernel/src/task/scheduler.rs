//! Who runs next: among those who come before others the one of the highest priority, else whoever has waited for it
//! longest.
//!
//! Those who come before others may have [`URGENT_TICKS`] of each [`WINDOW_TICKS`], if anybody else can run: a program that
//! never waits does not take the machine away (Linux's `sched_rt_runtime_us`). Who waits for a lock is one of the others
//! meanwhile, for its holder may be.
//!
//! While nobody can run the processor sleeps, on the stack of the last who did.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use page::OutOfMemory;
use spin::{Mutex, Once};

use super::share::Policy;
use super::thread::{State, Thread};
use super::{alarm, usage};
use crate::arch::{interrupts, switch};

/// Taken only with interrupts off, and never across a switch.
static SCHEDULER: Once<Mutex<Scheduler>> = Once::new();

/// How many threads there are that have not ended.
static THREADS: AtomicUsize = AtomicUsize::new(1);

/// Whether nobody can run, on the stack of the last who did.
static IS_IDLE: AtomicBool = AtomicBool::new(false);

/// How many ticks of how many those may have who come before others.
const URGENT_TICKS: u32 = 95;
const WINDOW_TICKS: u32 = 100;

struct Scheduler {
    current: Arc<Thread>,
    /// Those that can run. It has room for all threads.
    ready: VecDeque<Arc<Thread>>,
    /// The same of those who come before others.
    urgent: VecDeque<Arc<Thread>>,
    /// Ticks since a window began, and how many of them were theirs.
    window: [u32; 2],
    /// The one that has just ended: whoever runs next lets go of its stack, on which it still stood.
    ended: Option<Arc<Thread>>,
}

impl Scheduler {
    /// Whether those who come before others have had what they may have, and others want theirs.
    fn is_throttled(&self) -> bool {
        self.window[1] >= URGENT_TICKS && !self.ready.is_empty()
    }

    /// Whether one can run who comes before the current thread, or that has had enough.
    fn is_outranked(&self) -> bool {
        let own = self.current.priority();
        if self.is_throttled() { own > 0 } else { self.urgent.iter().any(|other| other.priority() > own) }
    }

    /// Where a thread waits for its turn.
    fn queue_of(&mut self, thread: &Thread) -> &mut VecDeque<Arc<Thread>> {
        if thread.priority() > 0 { &mut self.urgent } else { &mut self.ready }
    }

    /// The longest waiting of the highest priority.
    fn next_urgent(&mut self) -> Option<Arc<Thread>> {
        let highest = self.urgent.iter().map(|thread| thread.priority()).max()?;
        let at = self.urgent.iter().position(|thread| thread.priority() == highest)?;
        self.urgent.remove(at)
    }

    /// Whose turn it is.
    fn next(&mut self) -> Option<Arc<Thread>> {
        if !self.urgent.is_empty() && !self.is_throttled() {
            return self.next_urgent();
        }
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
        let (urgent, window) = (ready.clone(), [0; 2]);
        Mutex::new(Scheduler { current: Thread::of_boot(), ready, urgent, window, ended: None })
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
    with(|scheduler| scheduler.ready.len() + scheduler.urgent.len() + usize::from(!IS_IDLE.load(Ordering::Relaxed)))
}

/// Lets a new thread run.
///
/// # Errors
/// [`OutOfMemory`].
pub(super) fn admit(thread: &Arc<Thread>) -> Result<(), OutOfMemory> {
    with(|scheduler| {
        let room = THREADS.load(Ordering::Relaxed) + 1;
        for queue in [&mut scheduler.ready, &mut scheduler.urgent] {
            queue.try_reserve(room.saturating_sub(queue.len())).map_err(|_| OutOfMemory)?;
        }
        THREADS.store(room, Ordering::Relaxed);
        scheduler.queue_of(thread).push_back(thread.clone());
        Ok(())
    })
}

/// Lets others run that can, before the caller goes on: it waits for something that one of them is to do.
pub fn give_way() {
    give_way_by(|scheduler| scheduler.ready.push_back(scheduler.current.clone()));
}

/// Ends the caller's turn (`sched_yield(2)`): those have theirs who do not come after it.
pub fn end_turn() {
    give_way_by(|scheduler| {
        let current = scheduler.current.clone();
        scheduler.queue_of(&current).push_back(current);
    });
}

/// Lets those run who come before the caller; its turn goes on after them.
pub fn let_pass() {
    if with(|scheduler| scheduler.is_outranked()) {
        give_way_by(|scheduler| {
            let current = scheduler.current.clone();
            scheduler.queue_of(&current).push_front(current);
        });
    }
}

/// Goes on to whose turn it is, after `queue` has put the caller among those who wait for theirs.
fn give_way_by(queue: impl FnOnce(&mut Scheduler)) {
    interrupts::without(|| {
        let gave = with(|scheduler| {
            if scheduler.ready.is_empty() && scheduler.urgent.is_empty() {
                return None;
            }
            queue(scheduler);
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

/// A tick has come in user mode: goes on to whose turn it is.
pub(super) fn on_tick() {
    let goes_on = with(|scheduler| {
        let [ticks, urgent] = scheduler.window;
        let urgent = urgent + u32::from(scheduler.current.priority() > 0);
        scheduler.window = if ticks + 1 < WINDOW_TICKS { [ticks + 1, urgent] } else { [0; 2] };
        scheduler.current.user().is_some_and(|user| user.share.goes_on())
    });
    if goes_on { let_pass() } else { end_turn() }
}

/// Has a thread scheduled otherwise from now on.
pub fn set_policy(thread: &Arc<Thread>, policy: Policy) {
    let Some(user) = thread.user() else { return };
    with(|scheduler| {
        let old = scheduler.queue_of(thread);
        let at = old.iter().position(|other| Arc::ptr_eq(other, thread));
        let waits = at.and_then(|at| old.remove(at));
        user.share.set_policy(policy);
        if let Some(thread) = waits {
            scheduler.queue_of(&thread).push_back(thread);
        }
    });
    // It may be somebody else's turn now.
    alarm::look_again();
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
            if thread.priority() > scheduler.current.priority() {
                alarm::look_again();
            }
            scheduler.queue_of(&thread).push_back(thread);
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
