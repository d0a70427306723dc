//! Processes: memory, open files, a place in a namespace, and how they end.
//!
//! What a process holds it lets go of when the last of its threads ends, in that thread ([`ending`](super::ending));
//! what remains until its parent has asked is its number and how it ended ([`children`](super::children)). Who has lost
//! its parent is the child of the first process; where there is none, the built-in shell stands for it, and nobody asks
//! how those end.
//!
//! Locks: all of them are leaves, but an address space's own, and held only to look or to change: none across an
//! operation that may wait. So what a system call works with is taken out first ([`Process::place`]).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::sync;

use super::alarm::{self, Alarm};
use super::children::{Family, Stop};
use super::exec::Running;
use super::files::Files;
use super::groups::Membership;
use super::limits::Limits;
use super::number::{self, Number};
use super::place::{Company, Place, Standing};
use super::posix_timer::Timers;
use super::scheduler;
use super::signal::Signal;
use super::signal::actions::Actions;
use super::signal::pending::Pending;
use super::thread::{Thread, UserSide, UserStart};
use super::usage::Meter;
use super::wait::WaitQueue;
use crate::mm::space::SharedSpace;
use crate::mm::{self, stacks};
use crate::socket::in_flight;
use crate::time;

/// The number of what stands for the first process.
pub const FIRST: u32 = 1;

/// Bytes of heap that a process takes, about.
const PROCESS_MEMORY: usize = 4096;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with that status.
    Exited(u8),
    /// By a signal.
    Killed(Signal),
}

impl Ending {
    /// As `wait(2)` tells it.
    pub fn wait_status(self) -> u32 {
        match self {
            Self::Exited(status) => u32::from(status) << 8,
            Self::Killed(signal) => u32::from(signal.number()),
        }
    }

    /// As a shell tells it in `$?`.
    pub fn shell_status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => 128 + signal.number(),
        }
    }

    fn of_wait_status(status: u32) -> Self {
        match Signal::from_number((status & 0x7f) as u8) {
            Some(signal) => Self::Killed(signal),
            None => Self::Exited((status >> 8) as u8),
        }
    }
}

/// What a process is made of.
pub struct Parts {
    /// Its memory.
    pub space: Arc<SharedSpace>,
    /// Its open files.
    pub files: Files,
    /// Its parent, if it has one.
    pub parent: Option<Arc<Process>>,
    /// Where it stands.
    pub place: Place,
    /// Who stands there with it, if anybody does.
    pub company: Option<Company>,
    /// What it is called, for messages.
    pub name: Vec<u8>,
    /// The program.
    pub program: Arc<Running>,
    /// What it wants done about signals.
    pub actions: Actions,
    /// What its parent is sent when it has ended, if anything.
    pub told_by: Option<Signal>,
}

/// The next process's serial number.
static SERIAL: AtomicU64 = AtomicU64::new(FIRST as u64 + 1);

/// How a process is: it runs, is to end (with its wait status), or has ended so.
const RUNS: u64 = 0;
const IS_TO_END: u64 = 1 << 32;
const HAS_ENDED: u64 = 2 << 32;

/// A process.
pub struct Process {
    pub(super) number: Arc<Number>,
    serial: u64,
    started: Duration,
    pub(super) membership: Mutex<Membership>,
    /// Its parent and its children.
    pub family: Family,
    /// Whether it is stopped, and who has been told.
    pub(super) stop: Stop,
    /// Somebody may wait here for it to end, or to let go of memory that it shares.
    pub(super) moved_on: WaitQueue,
    state: AtomicU64,
    /// What it ends with when nobody has said how.
    status: AtomicU8,
    /// The number of the thread that alone goes on; 0 while all do.
    only: AtomicU32,
    /// Those of its threads that have not ended.
    threads: Mutex<Vec<Arc<Thread>>>,
    name: sync::Mutex<Vec<u8>>,
    /// `None` once it has ended.
    program: sync::Mutex<Option<Arc<Running>>>,
    /// `None` once it has ended.
    space: Mutex<Option<Arc<SharedSpace>>>,
    files: sync::Mutex<Files>,
    pub(super) standing: Standing,
    actions: sync::Mutex<Actions>,
    /// Signals that have come to it, whichever of its threads takes them.
    pub(super) pending: Pending,
    pub(super) alarms: Mutex<[Alarm; alarm::KINDS]>,
    pub(super) timers: Mutex<Timers>,
    pub(super) limits: Mutex<Limits>,
    personality: AtomicU32,
    /// Which kinds of barriers it means to ask for (`membarrier(2)`).
    barriers: AtomicU32,
    pub(super) used: Meter,
    pub(super) used_by_children: Meter,
    /// Whether it runs another program than it was begun with.
    has_executed: AtomicBool,
}

impl Process {
    /// A process that has not begun to run, and takes after `beginner`, if there is one.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(number: Arc<Number>, beginner: Option<&Self>, parts: Parts) -> Result<Arc<Self>> {
        page::admit(PROCESS_MEMORY)?;
        let membership = match beginner {
            Some(beginner) => beginner.membership(),
            None => Membership::of_leader(&number),
        };
        let process = Arc::new(Self {
            number,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            started: time::monotonic(),
            membership: Mutex::new(membership),
            family: Family::new(parts.parent.as_ref(), parts.told_by),
            stop: Stop::default(),
            moved_on: WaitQueue::new(),
            state: AtomicU64::new(RUNS),
            status: AtomicU8::new(0),
            only: AtomicU32::new(0),
            threads: Mutex::new(Vec::new()),
            name: sync::Mutex::new(parts.name),
            program: sync::Mutex::new(Some(parts.program)),
            space: Mutex::new(Some(parts.space)),
            files: sync::Mutex::new(parts.files),
            standing: Standing::new(parts.place, parts.company),
            actions: sync::Mutex::new(parts.actions),
            pending: Pending::default(),
            alarms: Mutex::default(),
            timers: Mutex::default(),
            limits: Mutex::new(beginner.map(Self::limits).unwrap_or_default()),
            personality: AtomicU32::new(beginner.map_or(0, Self::personality)),
            barriers: AtomicU32::new(beginner.map_or(0, Self::barriers)),
            used: Meter::default(),
            used_by_children: Meter::default(),
            has_executed: AtomicBool::new(false),
        });
        process.number.set_process(Arc::downgrade(&process));
        Ok(process)
    }

    /// Lets it run, and be its parent's child.
    ///
    /// # Errors
    /// `ENOMEM`; `EAGAIN` when there are too many.
    pub fn begin(self: &Arc<Self>, start: UserStart) -> Result<()> {
        let parent = self.family.parent();
        if let Some(parent) = &parent {
            parent.family.make_room()?;
        }
        self.start_thread(self.number.clone(), start)?;
        if let Some(parent) = parent {
            parent.family.add(self.clone());
        }
        Ok(())
    }

    /// Lets one more thread run in it, which goes by `number`.
    ///
    /// # Errors
    /// `EAGAIN` when there are too many threads, `ENOMEM`.
    pub fn start_thread(self: &Arc<Self>, number: Arc<Number>, start: UserStart) -> Result<()> {
        if scheduler::threads() >= threads_max() {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        self.threads.lock().try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        let thread = Thread::spawn_user(self.clone(), number.clone(), start)?;
        number.set_thread(Arc::downgrade(&thread));
        self.threads.lock().push(thread);
        Ok(())
    }

    /// A number that no other process ever has; above [`FIRST`].
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// When it began, since boot.
    pub fn started(&self) -> Duration {
        self.started
    }

    /// What it wants to be taken for (`personality(2)`).
    pub fn personality(&self) -> u32 {
        self.personality.load(Ordering::Relaxed)
    }

    /// Changes that.
    pub fn set_personality(&self, personality: u32) {
        self.personality.store(personality, Ordering::Relaxed);
    }

    /// Which kinds of barriers it means to ask for (`membarrier(2)`).
    pub fn barriers(&self) -> u32 {
        self.barriers.load(Ordering::Relaxed)
    }

    /// Changes that.
    pub fn set_barriers(&self, kinds: u32) {
        self.barriers.store(kinds, Ordering::Relaxed);
    }

    /// The program that it runs; `None` once it has ended.
    pub fn program(&self) -> Option<Arc<Running>> {
        self.program.lock().clone()
    }

    /// Whether it is the first, which takes who has lost its parent, and whom no signal ends that it has no handler for.
    pub fn is_first(&self) -> bool {
        self.pid() == FIRST
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.number.value()
    }

    /// Does something with each of its threads, until that has found something.
    pub fn find_thread<R>(&self, body: impl FnMut(&Arc<Thread>) -> Option<R>) -> Option<R> {
        self.threads.lock().iter().find_map(body)
    }

    /// How many of its threads have not ended.
    pub fn threads(&self) -> usize {
        self.threads.lock().len()
    }

    /// What it is called, for messages.
    pub fn name(&self) -> Vec<u8> {
        self.name.lock().clone()
    }

    /// Calls it something else.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn set_name(&self, name: &[u8]) -> Result<()> {
        page::admit(name.len())?;
        *self.name.lock() = name.to_vec();
        Ok(())
    }

    /// Its open files.
    pub fn files(&self) -> sync::MutexGuard<'_, Files> {
        self.files.lock()
    }

    /// What it wants done about signals.
    pub fn actions(&self) -> sync::MutexGuard<'_, Actions> {
        self.actions.lock()
    }

    /// Its memory, which may be another's too.
    ///
    /// # Errors
    /// `ENOMEM` for one that has ended.
    pub fn space(&self) -> Result<Arc<SharedSpace>> {
        self.space.lock().clone().ok_or(FileSystemErrorKind::OutOfMemory.into())
    }

    /// Makes the processor use its memory.
    pub fn activate(&self) {
        if let Some(space) = self.space.lock().as_ref() {
            space.activate();
        }
    }

    /// Goes on as another program, which is the running thread's; it has no other.
    pub fn replace(&self, space: Arc<SharedSpace>, place: Arc<Place>, name: Vec<u8>, program: Arc<Running>) {
        self.become_other(place);
        space.activate();
        let old = self.space.lock().replace(space);
        self.note_pages_of(old);
        *self.name.lock() = name;
        self.delete_timers();
        self.set_barriers(0);
        self.actions().forget_handlers();
        self.family.forget_signals();
        self.has_executed.store(true, Ordering::Relaxed);
        let old = self.program.lock().replace(program);
        drop(old);
        let closed = self.files().close_on_exec();
        drop(closed);
        self.moved_on.wake_all();
    }

    /// Whether it runs another program than it was begun with.
    pub(super) fn has_executed(&self) -> bool {
        self.has_executed.load(Ordering::Relaxed)
    }

    /// How many processes have begun since boot.
    pub fn begun_ever() -> u64 {
        SERIAL.load(Ordering::Relaxed) - u64::from(FIRST)
    }

    /// Whether its memory is that one.
    pub(super) fn is_in(&self, space: &Arc<SharedSpace>) -> bool {
        self.space.lock().as_ref().is_some_and(|own| Arc::ptr_eq(own, space))
    }

    /// Lets go of memory, after noting how much of it there was.
    fn note_pages_of(&self, space: Option<Arc<SharedSpace>>) {
        if let Some(space) = space {
            self.used.note_pages(space.lock().pages_max());
        }
    }

    /// Has nothing in common with others that another program would change.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn unshare_for_program(&self) -> Result<()> {
        let former = self.files().unshare()?;
        drop(former);
        self.actions().unshare()
    }

    /// Waits until it has let go of memory that it shares: until it has gone on as another program or ended. One that is to
    /// end itself does not wait.
    pub fn wait_until_not_in(&self, space: &Arc<SharedSpace>, waiting: &UserSide) {
        self.moved_on.wait_until(|| !self.is_in(space) || waiting.is_to_leave());
    }

    /// Lets it end: each of its threads at its next return to user mode. What comes first counts.
    pub fn end(&self, ending: Ending) {
        let status = IS_TO_END | u64::from(ending.wait_status());
        // One that is to end already ends as it was told first.
        if self.state.compare_exchange(RUNS, status, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.wake_threads();
        }
    }

    /// Lets its threads look at what has changed, those too that wait.
    pub(super) fn wake_threads(&self) {
        self.threads.lock().iter().for_each(|thread| scheduler::wake(thread.clone()));
    }

    /// Whether it is to end.
    pub fn is_to_end(&self) -> bool {
        self.state.load(Ordering::Relaxed) & IS_TO_END != 0
    }

    /// How it ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        let state = self.state.load(Ordering::Relaxed);
        (state & HAS_ENDED != 0).then(|| Ending::of_wait_status(state as u32))
    }

    /// Waits until it has ended.
    pub fn wait(&self) -> Ending {
        self.moved_on.wait_until(|| self.ending().is_some());
        self.ending().unwrap_or(Ending::Exited(0))
    }

    /// Says what it ends with when nobody says how.
    pub(super) fn note_status(&self, status: u8) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// How it is to end, now that it does: as it was told first.
    pub(super) fn ending_as_told(&self) -> Ending {
        self.end(Ending::Exited(self.status.load(Ordering::Relaxed)));
        Ending::of_wait_status(self.state.load(Ordering::Relaxed) as u32)
    }

    /// Notes that it has ended, as it was told first.
    pub(super) fn note_ended(&self) {
        let status = self.ending_as_told().wait_status();
        self.state.store(HAS_ENDED | u64::from(status), Ordering::Relaxed);
    }

    /// Whether it has one thread only.
    pub(super) fn is_single(&self) -> bool {
        self.threads.lock().len() == 1
    }

    /// Lets it go on with one thread only, or with all again.
    pub(super) fn set_only(&self, thread: Option<&UserSide>) {
        self.only.store(thread.map_or(0, UserSide::tid), Ordering::Relaxed);
    }

    /// Whether it goes on with one thread only, which is another.
    pub(super) fn goes_on_without(&self, thread: &UserSide) -> bool {
        let only = self.only.load(Ordering::Relaxed);
        only != 0 && only != thread.tid()
    }

    /// Whether others than the running thread see its memory.
    pub(super) fn is_seen(&self) -> bool {
        !self.is_single() || self.shares_memory()
    }

    /// Whether another process has its memory too.
    pub fn shares_memory(&self) -> bool {
        self.space.lock().as_ref().is_some_and(|space| Arc::strong_count(space) > 1)
    }

    /// Forgets a thread that ends; whether it was the last.
    pub(super) fn forget_thread(&self, thread: &Arc<Thread>) -> bool {
        let mut threads = self.threads.lock();
        let at = threads.iter().position(|other| Arc::ptr_eq(other, thread));
        let forgotten = at.map(|at| threads.swap_remove(at));
        let was_last = threads.is_empty();
        drop(threads);
        drop(forgotten);
        number::changes().bump();
        was_last
    }

    /// Lets go of all that it holds.
    pub(super) fn let_go(&self) {
        let closed = self.files().let_go();
        drop(closed);
        in_flight::collect();
        let space = self.space.lock().take();
        self.note_pages_of(space);
        let program = self.program.lock().take();
        drop(program);
        self.standing.let_go();
        self.delete_timers();
    }
}

impl Drop for Process {
    /// It cannot be found any more.
    fn drop(&mut self) {
        number::changes().bump();
    }
}

/// The process that runs.
pub fn current() -> Option<Arc<Process>> {
    scheduler::current().user().map(|user| user.process.clone())
}

/// How many threads there may be: so many that their stacks take an eighth of the memory, as on Linux.
fn threads_max() -> usize {
    mm::usage().total_frames * mm::PAGE_SIZE / 8 / stacks::STACK_SIZE
}
