//! A thread: something that runs on a stack of its own.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use page::OutOfMemory;
use spin::Mutex;

use super::process::Process;
use super::scheduler;
use super::wait::WaitQueue;
use crate::arch::trap::TrapFrame;
use crate::arch::user::{self, FloatingPoint};
use crate::arch::{interrupts, switch};
use crate::mm::stacks::Stack;
use crate::mm::user_memory;

/// What a thread does.
pub type Work = Box<dyn FnOnce() + Send>;

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
    /// Floating-point registers, while another thread runs.
    floating_point: FloatingPoint,
    /// Where thread-local storage begins.
    thread_base: AtomicU64,
    /// The word in its memory that is cleared when it ends; 0 for none.
    cleared_at_end: AtomicU64,
    /// The registers that it is to begin with, and where in its memory it is to note its number; until it begins.
    first: Mutex<Option<(TrapFrame, Option<u64>)>>,
}

/// What a thread begins with in user mode.
pub struct UserStart {
    /// Registers.
    pub frame: TrapFrame,
    /// Floating-point registers.
    pub floating_point: FloatingPoint,
    /// Where thread-local storage begins.
    pub thread_base: u64,
    /// Where in its memory it is to note its number (`CLONE_CHILD_SETTID`).
    pub identity_at: Option<u64>,
    /// The word in its memory that is cleared when it ends; 0 for none (`CLONE_CHILD_CLEARTID`).
    pub cleared_at_end: u64,
}

impl UserSide {
    /// Makes thread-local storage begin at `address`. It is the running thread's.
    pub fn set_thread_base(&self, address: u64) {
        self.thread_base.store(address, Ordering::Relaxed);
        user::set_thread_base(address);
    }

    /// Where thread-local storage begins.
    pub fn thread_base(&self) -> u64 {
        self.thread_base.load(Ordering::Relaxed)
    }

    /// The word in its memory that is cleared when it ends; 0 for none.
    pub fn cleared_at_end(&self) -> u64 {
        self.cleared_at_end.load(Ordering::Relaxed)
    }

    /// Changes that word.
    pub fn set_cleared_at_end(&self, address: u64) {
        self.cleared_at_end.store(address, Ordering::Relaxed);
    }

    /// Goes on as another program: nothing of the old one's stays.
    pub fn reset(&self) {
        self.set_thread_base(0);
        self.set_cleared_at_end(0);
        self.reset_floating_point();
    }

    /// The running program's floating-point registers, for a copy of it.
    pub fn copy_floating_point(&self) -> FloatingPoint {
        let copy = FloatingPoint::default();
        copy.save();
        copy
    }

    /// Gives the running program floating-point registers as a new one has them.
    fn reset_floating_point(&self) {
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
    pub fn spawn_user(process: Arc<Process>, start: UserStart) -> Result<Arc<Self>, OutOfMemory> {
        page::admit(THREAD_MEMORY + size_of::<UserSide>())?;
        let UserStart { floating_point, thread_base, .. } = start;
        let first = Mutex::new(Some((start.frame, start.identity_at)));
        let user = UserSide {
            process,
            floating_point,
            thread_base: AtomicU64::new(thread_base),
            cleared_at_end: AtomicU64::new(start.cleared_at_end),
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
        // SAFETY: the frame is of user mode; the process's address space was activated on arrival.
        Some(frame) => unsafe { user::enter(&frame) },
        None => super::process::leave(),
    }
}

/// The registers that the running thread begins with in user mode.
fn first_frame() -> Option<TrapFrame> {
    let thread = scheduler::current();
    let user = thread.user()?;
    let (frame, identity_at) = user.first.lock().take()?;
    if let Some(address) = identity_at {
        // As on Linux a bad address is the program's own affair.
        let _ = user_memory::write(address, &user.process.pid().to_le_bytes());
    }
    Some(frame)
}
