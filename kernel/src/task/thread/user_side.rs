//! What a thread of a process has besides: who it is, what has come to it, what it goes on with in user mode.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;

use spin::Mutex;

use crate::arch::floating_point::FloatingPoint;
use crate::arch::trap::TrapFrame;
use crate::arch::user;
use crate::mm::user_memory::UserAddress;
use crate::task::futex::Wanted;
use crate::task::number::Number;
use crate::task::process::Process;
use crate::task::rseq::Area;
use crate::task::scheduler;
use crate::task::share::Share;
use crate::task::signal::frame::AlternateStack;
use crate::task::signal::pending::Pending;
use crate::task::signal::{Information, Set};
use crate::task::usage::Meter;

/// In place of a mask: none. Two signals are in no mask (`Set::as_mask`).
const NO_MASK: u64 = u64::MAX;

/// How much later than asked a thread may be woken unless it says otherwise, in nanoseconds (Linux's 50 µs).
const SLACK: u64 = 50_000;

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
    pub(in crate::task) used: Meter,
    /// Signals that have come to it and to no other thread of its process.
    pub(in crate::task) pending: Pending,
    /// Which signals it holds back.
    mask: AtomicU64,
    /// What it held back before a call that holds back other ones while it waits; [`NO_MASK`] outside of such a call.
    saved_mask: AtomicU64,
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
    /// Where it says in which restartable sequence it is.
    rseq: Mutex<Option<Area>>,
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
    /// Where it says in which restartable sequence it is.
    pub rseq: Option<Area>,
}

impl UserSide {
    /// That of a thread which begins so, begun by the running one.
    pub(in crate::task) fn new(process: Arc<Process>, number: Arc<Number>, start: UserStart) -> Self {
        let UserStart { floating_point, thread_base, .. } = start;
        let first = Mutex::new(Some((start.frame, start.identity_at)));
        Self {
            process,
            number: Mutex::new(number),
            name: Mutex::new(start.name),
            leaves: AtomicBool::new(false),
            share: scheduler::current().user().map_or_else(|| Share::new(0), |beginner| beginner.share.inherited()),
            used: Meter::default(),
            pending: Pending::default(),
            mask: AtomicU64::new(start.mask.as_mask().0),
            saved_mask: AtomicU64::new(NO_MASK),
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
            rseq: Mutex::new(start.rseq),
            first,
        }
    }

    /// Keeps the registers that the kernel does not use, before another thread runs.
    pub(super) fn save_registers(&self) {
        self.floating_point.save();
    }

    /// Gives the processor those registers, for the thread runs again.
    pub(super) fn load_registers(&self) {
        user::set_thread_base(self.thread_base());
        user::set_second_base(self.second_base());
        self.floating_point.load();
    }

    /// The registers that it is to begin with, and where in its memory it is to note its number.
    pub(super) fn take_first(&self) -> Option<(TrapFrame, Option<UserAddress>)> {
        self.first.lock().take()
    }

    /// Its number.
    pub fn tid(&self) -> u32 {
        self.number.lock().value()
    }

    /// Whether it goes by its process's number.
    pub fn is_leader(&self) -> bool {
        self.tid() == self.process.pid()
    }

    /// Lets it go by its process's number, which nobody else does any more.
    pub(in crate::task) fn lead(&self) {
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
        self.saved_mask.store(self.mask.load(Ordering::Relaxed), Ordering::Relaxed);
        self.set_mask(mask);
    }

    /// What it held back before [`UserSide::set_mask_for_call`].
    pub(in crate::task) fn take_saved_mask(&self) -> Option<Set> {
        match self.saved_mask.load(Ordering::Relaxed) {
            NO_MASK => None,
            mask => {
                self.saved_mask.store(NO_MASK, Ordering::Relaxed);
                Some(Set(mask))
            }
        }
    }

    /// Which signals have come, to it or to its process, held back or not.
    pub fn pending(&self) -> Set {
        self.pending.set().with(self.process.pending.set())
    }

    /// The same apart: those that have come to it, and to its process.
    pub fn pending_apart(&self) -> [Set; 2] {
        [self.pending.set(), self.process.pending.set()]
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
    pub(in crate::task) fn take_signal(&self) -> Option<Information> {
        self.take_pending(Set(!self.mask().0))
    }

    /// Whether it is to end.
    pub(in crate::task) fn is_to_leave(&self) -> bool {
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
    pub(in crate::task) fn note_exception(&self, exception: [u64; 3]) {
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

    /// Where it says in which restartable sequence it is.
    pub fn rseq(&self) -> Option<Area> {
        *self.rseq.lock()
    }

    /// Changes that.
    pub fn set_rseq(&self, area: Option<Area>) {
        *self.rseq.lock() = area;
    }

    /// How often others have run in its place.
    pub(in crate::task) fn departures(&self) -> u64 {
        let figures = self.used.figures();
        figures.waits + figures.losses
    }

    /// Goes on as another program: nothing of the old one's stays.
    pub fn reset(&self) {
        self.set_thread_base(0);
        self.set_second_base(0);
        self.set_cleared_at_end(None);
        self.set_robust_list(0);
        self.set_rseq(None);
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
    pub(in crate::task) fn reset_floating_point(&self) {
        FloatingPoint::default().load();
    }
}
