//! Processes: memory, open files, a place in a namespace, and how they end.
//!
//! A process has one thread. What it holds it lets go of when it ends, in its own thread; what remains until its parent
//! has asked is its number and how it ended. The built-in shell stands for the first process: who has lost its parent
//! is its child, and nobody asks how those end.
//!
//! Locks: all of them are leaves, but an address space's own, and held only to look or to change: none across an
//! operation that may wait. So what a system call works with is taken out first ([`Process::place`]).

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use spin::Mutex;
use vfs::context::{Capabilities, Context};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::manager::VfsManager;
use vfs::sync;

use super::files::Files;
use super::identity::Identity;
use super::scheduler;
use super::signal::{Dispositions, Signal};
use super::thread::{Thread, UserSide, UserStart};
use super::wait::WaitQueue;
use crate::arch::interrupts;
use crate::log;
use crate::mm::space::SharedSpace;
use crate::mm::user_memory;

/// The number of what stands for the first process.
pub const FIRST: u32 = 1;

/// Numbers are below this (Linux's `kernel.pid_max`).
const NUMBER_END: u32 = 4_194_304;

/// Bytes of heap that a process takes, about.
const PROCESS_MEMORY: usize = 4096;

/// The process of that number, if there is one; it may have ended, and nobody asked for it yet.
pub fn find(pid: u32) -> Option<Arc<Process>> {
    PROCESSES.lock().get(&pid)?.upgrade()
}

/// All processes, those included that have ended and nobody has asked for.
static PROCESSES: Mutex<BTreeMap<u32, Weak<Process>>> = Mutex::new(BTreeMap::new());

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

/// Where a process stands.
#[derive(Clone)]
pub struct Place {
    /// Its namespace.
    pub manager: Arc<VfsManager>,
    /// Who it is for files, and its directories.
    pub context: Context,
    /// Who it is besides.
    pub identity: Identity,
}

impl Place {
    /// In a namespace, as who the context says in all things.
    pub fn new(manager: Arc<VfsManager>, context: Context) -> Self {
        let identity = Identity::of(&context.credentials);
        Self { manager, context, identity }
    }

    /// The same place in a namespace of its own (`CLONE_NEWNS`).
    ///
    /// # Errors
    /// `EPERM` without `CAP_SYS_ADMIN`.
    pub fn in_own_namespace(&self) -> Result<Self> {
        self.context.credentials.require(Capabilities::SYS_ADMIN)?;
        let (manager, context) = self.manager.duplicate(&self.context);
        Ok(Self { manager, context, identity: self.identity })
    }
}

/// What a process is made of.
pub struct Parts {
    /// Its memory.
    pub space: Arc<SharedSpace>,
    /// Its open files.
    pub files: Files,
    /// Where it stands.
    pub place: Place,
    /// What it is called, for messages.
    pub name: Vec<u8>,
    /// What is to become of signals.
    pub dispositions: Dispositions,
}

/// How a process is: it runs, is to end (with its wait status), or has ended so.
const RUNS: u64 = 0;
const IS_TO_END: u64 = 1 << 32;
const HAS_ENDED: u64 = 2 << 32;

/// A process.
pub struct Process {
    pid: u32,
    parent: Mutex<Weak<Process>>,
    children: Mutex<Vec<Arc<Process>>>,
    /// Somebody may wait here for a child to end.
    child_ended: WaitQueue,
    /// Somebody may wait here for it to end, or to let go of memory that it shares.
    moved_on: WaitQueue,
    state: AtomicU64,
    name: sync::Mutex<Vec<u8>>,
    /// `None` once it has ended.
    space: Mutex<Option<Arc<SharedSpace>>>,
    files: sync::Mutex<Files>,
    /// `None` once it has ended. Replaced as a whole.
    place: sync::Mutex<Option<Arc<Place>>>,
    dispositions: sync::Mutex<Dispositions>,
}

impl Process {
    /// A process that has not begun to run; a child of `parent`, if there is one.
    ///
    /// # Errors
    /// `ENOMEM`; `EAGAIN` when there are too many.
    fn new(parent: Option<&Arc<Self>>, parts: Parts) -> Result<Arc<Self>> {
        page::admit(PROCESS_MEMORY)?;
        let weak = parent.map(Arc::downgrade).unwrap_or_default();
        let process = Arc::new_cyclic(|itself| Self {
            pid: number(itself),
            parent: Mutex::new(weak),
            children: Mutex::new(Vec::new()),
            child_ended: WaitQueue::new(),
            moved_on: WaitQueue::new(),
            state: AtomicU64::new(RUNS),
            name: sync::Mutex::new(parts.name),
            space: Mutex::new(Some(parts.space)),
            files: sync::Mutex::new(parts.files),
            place: sync::Mutex::new(Some(Arc::new(parts.place))),
            dispositions: sync::Mutex::new(parts.dispositions),
        });
        if process.pid == 0 { fail(FileSystemErrorKind::WouldBlock) } else { Ok(process) }
    }

    /// Makes a process and lets it run; a child of `parent`, if there is one.
    ///
    /// # Errors
    /// `ENOMEM`; `EAGAIN` when there are too many.
    pub fn start(parent: Option<&Arc<Self>>, parts: Parts, start: UserStart) -> Result<Arc<Self>> {
        let process = Self::new(parent, parts)?;
        if let Some(parent) = parent {
            parent.children.lock().try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        }
        Thread::spawn_user(process.clone(), start)?;
        if let Some(parent) = parent {
            parent.children.lock().push(process.clone());
        }
        Ok(process)
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its parent's number.
    pub fn parent_pid(&self) -> u32 {
        self.parent.lock().upgrade().map_or(FIRST, |parent| parent.pid)
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

    /// What is to become of signals.
    pub fn dispositions(&self) -> sync::MutexGuard<'_, Dispositions> {
        self.dispositions.lock()
    }

    /// Its memory, which may be another's too.
    ///
    /// # Errors
    /// `ENOMEM` for one that has ended.
    pub fn space(&self) -> Result<Arc<SharedSpace>> {
        self.space.lock().clone().ok_or(FileSystemErrorKind::OutOfMemory.into())
    }

    /// Where it stands.
    ///
    /// # Errors
    /// `ENOENT` for one that has ended.
    pub fn place(&self) -> Result<Arc<Place>> {
        self.place.lock().clone().ok_or(FileSystemErrorKind::NotFound.into())
    }

    /// Lets it stand elsewhere.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn set_place(&self, place: Place) -> Result<()> {
        page::admit(size_of::<Place>())?;
        let old = self.place.lock().replace(Arc::new(place));
        drop(old);
        Ok(())
    }

    /// Makes the processor use its memory.
    pub fn activate(&self) {
        if let Some(space) = self.space.lock().as_ref() {
            space.activate();
        }
    }

    /// Goes on as another program, which is the running thread's.
    pub fn replace(&self, space: Arc<SharedSpace>, name: Vec<u8>) {
        space.activate();
        let old = self.space.lock().replace(space);
        drop(old);
        *self.name.lock() = name;
        let closed = self.files().close_on_exec();
        drop(closed);
        self.moved_on.wake_all();
    }

    /// Waits until it has let go of memory that it shares: until it has gone on as another program or ended.
    pub fn wait_until_not_in(&self, space: &Arc<SharedSpace>) {
        self.moved_on.wait_until(|| self.space.lock().as_ref().is_none_or(|other| !Arc::ptr_eq(other, space)));
    }

    /// Lets it end at its next return to user mode. What comes first counts.
    pub fn end(&self, ending: Ending) {
        let status = IS_TO_END | u64::from(ending.wait_status());
        // One that is to end already ends as it was told first.
        let _ = self.state.compare_exchange(RUNS, status, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Lets a signal have its effect, which is to end the process unless it asked for none or holds the signal back.
    pub fn raise(&self, signal: Signal) {
        let dispositions = self.dispositions();
        if !dispositions.is_ignored(signal) && !dispositions.holds_back(signal) {
            self.end(Ending::Killed(signal));
        }
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

    /// Waits until a child has ended, one of that number if there is one given, and forgets it. `None` when `at_once`
    /// and none has.
    ///
    /// # Errors
    /// `ECHILD` where there is no such child.
    pub fn wait_for_child(&self, pid: Option<u32>, at_once: bool) -> Result<Option<(u32, Ending)>> {
        let mut found = self.find_ended(pid);
        if !at_once && matches!(found, Ok(None)) {
            self.child_ended.wait_until(|| {
                found = self.find_ended(pid);
                !matches!(found, Ok(None))
            });
        }
        let Some((child, ending)) = found? else { return Ok(None) };
        self.forget_child(&child);
        Ok(Some((child.pid, ending)))
    }

    fn find_ended(&self, pid: Option<u32>) -> Result<Option<(Arc<Self>, Ending)>> {
        let children = self.children.lock();
        let mut candidates = children.iter().filter(|child| pid.is_none_or(|pid| child.pid == pid)).peekable();
        if candidates.peek().is_none() {
            return fail(FileSystemErrorKind::NoChild);
        }
        Ok(candidates.find_map(|child| child.ending().map(|ending| (child.clone(), ending))))
    }

    /// Forgets a child that has ended.
    fn forget_child(&self, child: &Self) {
        let mut children = self.children.lock();
        let forgotten = children.iter().position(|other| core::ptr::eq(&**other, child));
        let forgotten = forgotten.map(|index| children.swap_remove(index));
        drop(children);
        drop(forgotten);
    }

    /// Lets go of all that it holds.
    fn let_go(&self) {
        let files = core::mem::take(&mut *self.files.lock());
        drop(files);
        let space = self.space.lock().take();
        drop(space);
        let place = self.place.lock().take();
        drop(place);
        let children = core::mem::take(&mut *self.children.lock());
        children.iter().for_each(|child| *child.parent.lock() = Weak::new());
    }

    /// Tells those who wait that it has ended.
    fn tell_ended(&self, status: u32) {
        self.state.store(HAS_ENDED | u64::from(status), Ordering::Relaxed);
        self.moved_on.wake_all();
        let parent = self.parent.lock().upgrade();
        if let Some(parent) = parent {
            if parent.dispositions().is_ignored(Signal::CHILD) {
                parent.forget_child(self);
            }
            parent.child_ended.wake_all();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        PROCESSES.lock().remove(&self.pid);
    }
}

/// A number that no process has, now this one's; 0 when there is none.
fn number(process: &Weak<Process>) -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(FIRST);
    let mut processes = PROCESSES.lock();
    if processes.len() as u32 >= NUMBER_END - FIRST - 1 {
        return 0;
    }
    loop {
        let next = LAST.load(Ordering::Relaxed) + 1;
        let next = if next < NUMBER_END { next } else { FIRST + 1 };
        LAST.store(next, Ordering::Relaxed);
        if let alloc::collections::btree_map::Entry::Vacant(vacant) = processes.entry(next) {
            vacant.insert(process.clone());
            return next;
        }
    }
}

/// How many processes there are, those included that have ended and nobody has asked for.
pub fn count() -> usize {
    PROCESSES.lock().len()
}

/// All processes, those included that have ended and nobody has asked for; in the order of their numbers.
///
/// # Errors
/// `ENOMEM`.
pub fn all() -> Result<Vec<Arc<Process>>> {
    let processes = PROCESSES.lock();
    let mut all = Vec::new();
    all.try_reserve_exact(processes.len()).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    all.extend(processes.values().filter_map(Weak::upgrade));
    Ok(all)
}

/// The process that runs.
pub fn current() -> Option<Arc<Process>> {
    scheduler::current().user().map(|user| user.process.clone())
}

/// Ends the running thread's process as it was told. What the caller holds it must have let go of.
pub fn leave() -> ! {
    interrupts::enable();
    let thread = scheduler::current();
    if let Some(user) = thread.user() {
        let process = &user.process;
        clear_identity(user, process);
        process.let_go();
        process.end(Ending::Exited(0));
        let status = process.state.load(Ordering::Relaxed) as u32;
        if let Ending::Killed(signal) = Ending::of_wait_status(status) {
            log!("{} ({}): ended by {signal}", process.name().escape_ascii(), process.pid);
        }
        process.tell_ended(status);
    }
    scheduler::end(thread, Thread::tell_ended)
}

/// Clears the word that the thread asked to have cleared, if others may see it (`CLONE_CHILD_CLEARTID`).
fn clear_identity(user: &UserSide, process: &Process) {
    let address = user.cleared_at_end();
    let is_shared = process.space.lock().as_ref().is_some_and(|space| Arc::strong_count(space) > 1);
    if address != 0 && is_shared {
        // As on Linux a bad address is the program's own affair.
        let _ = user_memory::write(address, &[0; 4]);
    }
}
