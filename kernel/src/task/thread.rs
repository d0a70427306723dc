//! A thread: something that runs on a stack of its own.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, Ordering};

use page::OutOfMemory;
use spin::Mutex;

use super::scheduler;
use super::wait::WaitQueue;
use crate::arch::{interrupts, switch};
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
    _stack: Option<Stack>,
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
        Arc::new(Self::build(None, 0, None))
    }

    fn build(stack: Option<Stack>, left_at: u64, work: Option<Work>) -> Self {
        Self {
            _stack: stack,
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
        page::admit(THREAD_MEMORY)?;
        let stack = Stack::new()?;
        // SAFETY: the stack is new, nobody uses it, and its top is the end of a page.
        let left_at = unsafe { switch::prepare(stack.top(), begin) };
        let thread = Arc::new(Self::build(Some(stack), left_at, Some(Box::new(work))));
        scheduler::admit(&thread)?;
        Ok(thread)
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
    scheduler::end(thread, |thread| thread.ended.wake_all())
}
