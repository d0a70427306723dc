//! A thread: something that runs on a stack of its own.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use core::time::Duration;

use page::OutOfMemory;
use spin::Mutex;

use super::futex::Wanted;
use super::number::Number;
use super::process::Process;
use super::scheduler;
use super::share::Share;
use super::signal::delivery::before_user_mode;
use super::signal::frame::AlternateStack;
use super::signal::pending::Pending;
use super::signal::{Information, Set};
use super::usage::Meter;
use super::wait::WaitQueue;
use crate::arch::floating_point::FloatingPoint;
use crate::arch::trap::TrapFrame;
use crate::arch::{interrupts, switch, user};
use crate::mm::stacks::Stack;
use crate::mm::user_memory::UserAddress;

/// What a thread does.
pub type Work = Box<dyn FnOnce() + Send>;

/// How much later than asked a thread may be woken unless it says otherwise, in nanoseconds (Linux's 50 µs).
const SLACK: u64 = 50_000;

/// Bytes of heap that a thread takes, about.
const THREAD_MEMORY: usize = 512;

/// What a thread is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// It runs, or will when its turn comes.
    Ready,
    /// It waits until someone wakes it.
    Waiting,
    /// It has ended.
    Ended,
}

/// What a thread of a process has besides.
pub struct UserSide {
    /// The process.
    pub process: Arc<Process>,
    number: Mutex<Arc<Number>>,
    /// What it is called, if that is not what its process is.
    name: Mutex<Option<ThreadName>>,
    /// Whether it is to end, whatever becomes of its process.
    leaves: AtomicBool,
    /// Its claim to the processor.
    pub share: Share,
    pub(super) used: Meter,
    /// Signals that have come to it and to no other thread of its process.
    pub(super) pending: Pending,
    /// Which signals it holds back.
    mask: AtomicU64,
    /// What it held back before a call that holds back other ones while it waits.
    saved_mask: Mutex<Option<Set>>,
    /// Where handlers run that ask for it.
    alternate_stack: Mutex<AlternateStack>,
    /// Error code, vector and address of its last exception, for handlers.
    last_exception: Mutex<[u64; 3]>,
    /// The wait that a signal has interrupted.
    unfinished: Mutex<Option<Unfinished>>,
    /// Whether the call that a signal has interrupted is not made again.
    is_final: AtomicBool,
    /// Floating-point registers, while another thread runs.
    floating_point: FloatingPoint,
    /// Where thread-local storage begins.
    thread_base: AtomicU64,
    /// Where the memory begins that it reaches by `gs`.
    second_base: AtomicU64,
    /// How much later than asked it may be woken, in nanoseconds. Nobody is woken sooner for it.
    slack: AtomicU64,
    /// The word in its memory that is cleared when it ends; 0 for none.
    cleared_at_end: AtomicU64,
    /// Where in its memory the list of locks is that others are told of when it ends; 0 for none.
    robust_list: AtomicU64,
    /// The registers that it is to begin with, and where in its memory it is to note its number; until it begins.
    first: Mutex<Option<(TrapFrame, Option<UserAddress>)>>,
}

/// What a thread is called (`PR_SET_NAME`): up to the first NUL.
pub type ThreadName = [u8; 16];

/// A wait that a signal has interrupted, and that goes on when the program has nothing to say to it
/// (`restart_syscall(2)`).
pub enum Unfinished {
    /// For a time.
    Sleep {
        /// By which of Linux's clocks.
        clock: u32,
        /// Until when by it.
        end: Duration,
        /// Where what is left of it is to be written.
        left_at: Option<UserAddress>,
    },
    /// For a word to change, and for a time.
    Word {
        /// Which, as it was.
        wanted: Wanted,
        /// Until when (since boot).
        end: Duration,
    },
}

/// What a thread begins with in user mode.
pub struct UserStart {
    /// Registers.
    pub frame: TrapFrame,
    /// Floating-point registers.
    pub floating_point: FloatingPoint,
    /// Where thread-local storage begins.
    pub thread_base: u64,
    /// Where the memory begins that it reaches by `gs`.
    pub second_base: u64,
    /// Where in its memory it is to note its number (`CLONE_CHILD_SETTID`).
    pub identity_at: Option<UserAddress>,
    /// The word in its memory that is cleared when it ends (`CLONE_CHILD_CLEARTID`).
    pub cleared_at_end: Option<UserAddress>,
    /// Which signals it holds back.
    pub mask: Set,
    /// Where handlers run that ask for it.
    pub alternate_stack: AlternateStack,
    /// What it is called, if that is not what its process is.
    pub name: Option<ThreadName>,
}

impl UserSide {
    /// Its number.
    pub fn tid(&self) -> u32 {
        self.number.lock().value()
    }

    /// Whether it goes by its process's number.
    pub fn is_leader(&self) -> bool {
        self.tid() == self.process.pid()
    }

    /// Lets it go by its process's number, which nobody else does any more.
    pub(super) fn lead(&self) {
        let number = self.process.number.clone();
        let old = core::mem::replace(&mut *self.number.lock(), number);
        drop(old);
    }

    /// What it is called, if that is not what its process is.
    pub fn name(&self) -> Option<ThreadName> {
        *self.name.lock()
    }

    /// Changes that.
    pub fn set_name(&self, name: Option<ThreadName>) {
        *self.name.lock() = name;
    }

    /// Lets it end, on its way to user mode, with a status that is its process's if it leads that and the others end
    /// of themselves as well.
    pub fn leave(&self, status: u8) {
        if self.is_leader() {
            self.process.note_status(status);
        }
        self.leaves.store(true, Ordering::Relaxed);
    }

    /// Which signals it holds back.
    pub fn mask(&self) -> Set {
        Set(self.mask.load(Ordering::Relaxed))
    }

    /// Changes which signals it holds back; some cannot be.
    pub fn set_mask(&self, mask: Set) {
        self.mask.store(mask.as_mask().0, Ordering::Relaxed);
    }

    /// Holds back other signals until the next handler or the end of the call (`sigsuspend(2)`, `ppoll(2)`).
    pub fn set_mask_for_call(&self, mask: Set) {
        *self.saved_mask.lock() = Some(self.mask());
        self.set_mask(mask);
    }

    /// What it held back before [`UserSide::set_mask_for_call`].
    pub(super) fn take_saved_mask(&self) -> Option<Set> {
        self.saved_mask.lock().take()
    }

    /// Which signals have come, to it or to its process, held back or not.
    pub fn pending(&self) -> Set {
        self.pending.set().with(self.process.pending.set())
    }

    /// How often a signal has come, to it or to its process.
    pub fn signal_changes(&self) -> u64 {
        self.pending.changes() + self.process.pending.changes()
    }

    /// Takes a signal of those in `among`.
    pub fn take_pending(&self, among: Set) -> Option<Information> {
        let taken = self.pending.take(among).or_else(|| self.process.pending.take(among));
        taken.map(|information| self.with_overrun(information))
    }

    /// Takes the signal that is to have its effect next.
    pub(super) fn take_signal(&self) -> Option<Information> {
        self.take_pending(Set(!self.mask().0))
    }

    /// Whether it is to end.
    pub(super) fn is_to_leave(&self) -> bool {
        self.process.is_to_end() || self.leaves.load(Ordering::Relaxed) || self.process.goes_on_without(self)
    }

    /// Whether something has come that waits for it on its way to user mode, so that it must not wait for anything else.
    pub fn is_interrupted(&self) -> bool {
        self.is_to_leave() || self.process.stop.is_stopped() || !self.pending().without(self.mask()).is_empty()
    }

    /// Where handlers run that ask for it.
    pub fn alternate_stack(&self) -> AlternateStack {
        *self.alternate_stack.lock()
    }

    /// Changes where handlers run that ask for it.
    pub fn set_alternate_stack(&self, stack: AlternateStack) {
        *self.alternate_stack.lock() = stack;
    }

    /// Error code, vector and address of its last exception.
    pub fn last_exception(&self) -> [u64; 3] {
        *self.last_exception.lock()
    }

    /// Notes what handlers are told of an exception.
    pub(super) fn note_exception(&self, exception: [u64; 3]) {
        *self.last_exception.lock() = exception;
    }

    /// Notes the wait that a signal has interrupted.
    pub fn note_unfinished(&self, wait: Unfinished) {
        *self.unfinished.lock() = Some(wait);
    }

    /// Says that the call that a signal has just interrupted is not made again, whatever becomes of the signal.
    pub fn note_final(&self) {
        self.is_final.store(true, Ordering::Relaxed);
    }

    /// Whether that was said of the call that ends now.
    pub fn take_final(&self) -> bool {
        self.is_final.swap(false, Ordering::Relaxed)
    }

    /// The wait that a signal has interrupted.
    pub fn take_unfinished(&self) -> Option<Unfinished> {
        self.unfinished.lock().take()
    }

    /// Makes thread-local storage begin at `address`. It is the running thread's.
    pub fn set_thread_base(&self, address: u64) {
        self.thread_base.store(address, Ordering::Relaxed);
        user::set_thread_base(address);
    }

    /// Where thread-local storage begins.
    pub fn thread_base(&self) -> u64 {
        self.thread_base.load(Ordering::Relaxed)
    }

    /// Makes what it reaches by `gs` begin at `address`. It is the running thread's.
    pub fn set_second_base(&self, address: u64) {
        self.second_base.store(address, Ordering::Relaxed);
        user::set_second_base(address);
    }

    /// Where that begins.
    pub fn second_base(&self) -> u64 {
        self.second_base.load(Ordering::Relaxed)
    }

    /// How much later than asked it may be woken, in nanoseconds.
    pub fn slack(&self) -> u64 {
        self.slack.load(Ordering::Relaxed)
    }

    /// Changes that; 0 for what it was at first.
    pub fn set_slack(&self, slack: u64) {
        self.slack.store(if slack == 0 { SLACK } else { slack }, Ordering::Relaxed);
    }

    /// The word in its memory that is cleared when it ends.
    pub fn cleared_at_end(&self) -> Option<UserAddress> {
        UserAddress::given(self.cleared_at_end.load(Ordering::Relaxed))
    }

    /// Changes that word.
    pub fn set_cleared_at_end(&self, address: Option<UserAddress>) {
        self.cleared_at_end.store(address.map_or(0, UserAddress::value), Ordering::Relaxed);
    }

    /// Where in its memory the list of locks is that others are told of when it ends; 0 for none.
    pub fn robust_list(&self) -> u64 {
        self.robust_list.load(Ordering::Relaxed)
    }

    /// Changes that.
    pub fn set_robust_list(&self, address: u64) {
        self.robust_list.store(address, Ordering::Relaxed);
    }

    /// Goes on as another program: nothing of the old one's stays.
    pub fn reset(&self) {
        self.set_thread_base(0);
        self.set_second_base(0);
        self.set_cleared_at_end(None);
        self.set_robust_list(0);
        self.set_name(None);
        self.set_alternate_stack(AlternateStack::default());
        self.reset_floating_point();
    }

    /// The running program's floating-point registers, for a copy of it.
    pub fn copy_floating_point(&self) -> FloatingPoint {
        let copy = FloatingPoint::default();
        copy.save();
        copy
    }

    /// Gives the running program floating-point registers as a new one has them.
    pub(super) fn reset_floating_point(&self) {
        FloatingPoint::default().load();
    }
}

/// A thread.
pub struct Thread {
    /// Its stack, kept until it has left it for good; `None` for the thread that the machine booted with.
    stack: Option<Stack>,
    /// What it has as a process's; `None` for the kernel's own.
    user: Option<Box<UserSide>>,
    /// Where its stack was left. Only touched by the switch, with interrupts off.
    left_at: UnsafeCell<u64>,
    state: AtomicU8,
    /// What it is to do, until it begins.
    work: Mutex<Option<Work>>,
    ended: WaitQueue,
}

// SAFETY: `left_at` is touched only while switching from or to the thread, and there is one processor.
unsafe impl Sync for Thread {}

impl Thread {
    /// The thread that runs already.
    pub(super) fn of_boot() -> Arc<Self> {
        Arc::new(Self::build(None, None, 0, None))
    }

    fn build(stack: Option<Stack>, user: Option<Box<UserSide>>, left_at: u64, work: Option<Work>) -> Self {
        Self {
            stack,
            user,
            left_at: UnsafeCell::new(left_at),
            state: AtomicU8::new(State::Ready as u8),
            work: Mutex::new(work),
            ended: WaitQueue::new(),
        }
    }

    /// Starts a thread that does `work` and ends.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn spawn(work: impl FnOnce() + Send + 'static) -> Result<Arc<Self>, OutOfMemory> {
        Self::start(None, Some(Box::new(work)), begin)
    }

    /// Starts a thread of a process in user mode.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub(super) fn spawn_user(
        process: Arc<Process>,
        number: Arc<Number>,
        start: UserStart,
    ) -> Result<Arc<Self>, OutOfMemory> {
        page::admit(THREAD_MEMORY + size_of::<UserSide>())?;
        let UserStart { floating_point, thread_base, .. } = start;
        let first = Mutex::new(Some((start.frame, start.identity_at)));
        let user = UserSide {
            process,
            number: Mutex::new(number),
            name: Mutex::new(start.name),
            leaves: AtomicBool::new(false),
            share: scheduler::current().user().map_or_else(|| Share::new(0), |beginner| beginner.share.inherited()),
            used: Meter::default(),
            pending: Pending::default(),
            mask: AtomicU64::new(start.mask.as_mask().0),
            saved_mask: Mutex::new(None),
            alternate_stack: Mutex::new(start.alternate_stack),
            last_exception: Mutex::new([0; 3]),
            unfinished: Mutex::new(None),
            is_final: AtomicBool::new(false),
            floating_point,
            thread_base: AtomicU64::new(thread_base),
            second_base: AtomicU64::new(start.second_base),
            slack: AtomicU64::new(scheduler::current().user().map_or(SLACK, UserSide::slack)),
            cleared_at_end: AtomicU64::new(start.cleared_at_end.map_or(0, UserAddress::value)),
            robust_list: AtomicU64::new(0),
            first,
        };
        Self::start(Some(Box::new(user)), None, begin_in_user_mode)
    }

    fn start(
        user: Option<Box<UserSide>>,
        work: Option<Work>,
        entry: extern "C" fn() -> !,
    ) -> Result<Arc<Self>, OutOfMemory> {
        page::admit(THREAD_MEMORY)?;
        let stack = Stack::new()?;
        // SAFETY: the stack is new, nobody uses it, and its top is the end of a page.
        let left_at = unsafe { switch::prepare(stack.top(), entry) };
        let thread = Arc::new(Self::build(Some(stack), user, left_at, work));
        scheduler::admit(&thread)?;
        Ok(thread)
    }

    /// What it has as a process's.
    pub fn user(&self) -> Option<&UserSide> {
        self.user.as_deref()
    }

    /// Its priority among those that come before others; 0 for who does not.
    pub(super) fn priority(&self) -> u32 {
        self.user().map_or(0, |user| user.share.priority())
    }

    /// Called before another thread runs: keeps what the kernel itself does not use.
    pub(super) fn leave(&self) {
        if let Some(user) = &self.user {
            user.floating_point.save();
        }
    }

    /// Called when it runs again.
    pub(super) fn arrive(&self) {
        if let (Some(user), Some(stack)) = (&self.user, &self.stack) {
            user::set_kernel_stack(stack.top());
            user::set_thread_base(user.thread_base.load(Ordering::Relaxed));
            user::set_second_base(user.second_base.load(Ordering::Relaxed));
            user.floating_point.load();
            user.process.activate();
        }
    }

    /// What it is about.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            state if state == State::Waiting as u8 => State::Waiting,
            state if state == State::Ended as u8 => State::Ended,
            _ => State::Ready,
        }
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Where its stack was left, for the switch.
    pub(super) fn left_at(&self) -> *mut u64 {
        self.left_at.get()
    }

    /// Tells those who wait for it that it has ended.
    pub(super) fn tell_ended(&self) {
        self.ended.wake_all();
    }

    /// Waits until it has ended.
    pub fn join(&self) {
        self.ended.wait_until(|| self.state() == State::Ended);
    }
}

/// The first thing that a thread does: what it was started for.
extern "C" fn begin() -> ! {
    scheduler::arrived();
    interrupts::enable();
    let thread = scheduler::current();
    let work = thread.work.lock().take();
    if let Some(work) = work {
        work();
    }
    scheduler::end(thread, Thread::tell_ended)
}

/// The first thing that a thread of a process does.
extern "C" fn begin_in_user_mode() -> ! {
    scheduler::arrived();
    interrupts::enable();
    let frame = first_frame();
    interrupts::disable();
    match frame {
        Some(mut frame) => {
            before_user_mode(&mut frame, None);
            // SAFETY: the frame is of user mode; the process's address space was activated on arrival.
            unsafe { user::enter(&frame) }
        }
        None => super::ending::leave(),
    }
}

/// The registers that the running thread begins with in user mode.
fn first_frame() -> Option<TrapFrame> {
    let thread = scheduler::current();
    let user = thread.user()?;
    let (frame, identity_at) = user.first.lock().take()?;
    if let Some(address) = identity_at {
        // As on Linux a bad address is the program's own affair.
        let _ = address.write_u32(user.tid());
    }
    Some(frame)
}
