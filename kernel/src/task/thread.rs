//! A thread: something that runs on a stack of its own.

mod user_side;

pub use self::user_side::{ThreadName, Unfinished, UserSide, UserStart};

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, Ordering};

use page::OutOfMemory;
use spin::Mutex;

use super::number::Number;
use super::process::Process;
use super::scheduler;
use super::signal::delivery::before_user_mode;
use super::wait::WaitQueue;
use crate::arch::trap::TrapFrame;
use crate::arch::{interrupts, switch, user};
use crate::mm::stacks::Stack;

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
        let user = UserSide::new(process, number, start);
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
            user.save_registers();
        }
    }

    /// Called when it runs again.
    pub(super) fn arrive(&self) {
        if let (Some(user), Some(stack)) = (&self.user, &self.stack) {
            user::set_kernel_stack(stack.top());
            user.load_registers();
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
    let (frame, identity_at) = user.take_first()?;
    if let Some(address) = identity_at {
        // As on Linux a bad address is the program's own affair.
        let _ = address.write_u32(user.tid());
    }
    Some(frame)
}
