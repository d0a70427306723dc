//! What threads and processes have used: time, page faults, turns (`getrusage(2)`), and how busy the machine is.
//!
//! Time goes from mark to mark: at each way between user mode and the kernel, and when the processor goes from one
//! thread to another or to sleep, what has passed since the last mark is somebody's. The running thread's share waits in
//! [`RUNNING`] until it leaves the processor. All of it is counts of the time-stamp counter until somebody asks.
//!
//! Marks are made with interrupts off; there is one processor, so loads and stores are enough.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::process::Process;
use super::scheduler;
use super::thread::{Thread, UserSide};
use crate::arch::{clock, instructions};

/// What a thread or a process has used, as it grows.
#[derive(Default)]
pub struct Meter {
    user: AtomicU64,
    system: AtomicU64,
    faults: AtomicU64,
    /// How often it has waited, and how often it was made to let another go on.
    waits: AtomicU64,
    losses: AtomicU64,
    /// The most pages of its memory that were there at once.
    pages_max: AtomicU64,
}

/// What a thread or a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Counts of the time-stamp counter in user mode.
    user: u64,
    /// The same in the kernel.
    system: u64,
    /// Page faults; none of them reads a disk.
    pub faults: u64,
    /// How often it has waited.
    pub waits: u64,
    /// How often it was made to let another go on.
    pub losses: u64,
    /// The most pages of its memory that were there at once.
    pub pages_max: u64,
}

impl Figures {
    /// Time in user mode.
    pub fn user(&self) -> Duration {
        clock::duration_of(self.user)
    }

    /// Time in the kernel.
    pub fn system(&self) -> Duration {
        clock::duration_of(self.system)
    }

    /// All the time.
    pub fn time(&self) -> Duration {
        clock::duration_of(self.user + self.system)
    }

    /// The two together.
    pub fn with(self, other: Self) -> Self {
        Self {
            user: self.user + other.user,
            system: self.system + other.system,
            faults: self.faults + other.faults,
            waits: self.waits + other.waits,
            losses: self.losses + other.losses,
            pages_max: self.pages_max.max(other.pages_max),
        }
    }
}

impl Meter {
    /// What it shows.
    pub fn figures(&self) -> Figures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            user: get(&self.user),
            system: get(&self.system),
            faults: get(&self.faults),
            waits: get(&self.waits),
            losses: get(&self.losses),
            pages_max: get(&self.pages_max),
        }
    }

    /// Adds what somebody else has used.
    pub fn add(&self, figures: &Figures) {
        let add = |counter: &AtomicU64, value| counter.fetch_add(value, Ordering::Relaxed);
        add(&self.user, figures.user);
        add(&self.system, figures.system);
        add(&self.faults, figures.faults);
        add(&self.waits, figures.waits);
        add(&self.losses, figures.losses);
        self.note_pages(figures.pages_max);
    }

    /// Notes that so many pages were there at once.
    pub fn note_pages(&self, pages: u64) {
        self.pages_max.fetch_max(pages, Ordering::Relaxed);
    }
}

/// When the last mark was made.
static MARK: AtomicU64 = AtomicU64::new(0);

/// What the running thread has used since it came to the processor.
static RUNNING: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

const USER: usize = 0;
const SYSTEM: usize = 1;

/// What all have used: in user mode, those of them that come after others ([`share`](super::share)), in the kernel; and
/// the time that nobody has.
static ALL: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

const ALL_USER: usize = 0;
const ALL_NICE: usize = 1;
const ALL_SYSTEM: usize = 2;
const ALL_IDLE: usize = 3;

/// How often the processor has gone from one thread to another.
static SWITCHES: AtomicU64 = AtomicU64::new(0);

fn add(counter: &AtomicU64, value: u64) {
    counter.store(counter.load(Ordering::Relaxed) + value, Ordering::Relaxed);
}

/// Makes a mark; how much has passed since the last.
fn mark() -> u64 {
    let now = instructions();
    let last = MARK.load(Ordering::Relaxed);
    MARK.store(now, Ordering::Relaxed);
    // The counter goes on only.
    now.wrapping_sub(last)
}

/// The running thread has come from user mode. Interrupts are off.
pub fn enter_kernel() {
    add(&RUNNING[USER], mark());
}

/// The running thread goes to user mode. Interrupts are off.
pub fn leave_kernel() {
    add(&RUNNING[SYSTEM], mark());
}

/// Nobody can run until the next interrupt. Interrupts are off.
pub(super) fn begin_idle() {
    add(&RUNNING[SYSTEM], mark());
}

/// Somebody may be able to run again. Interrupts are off.
pub(super) fn end_idle() {
    add(&ALL[ALL_IDLE], mark());
}

/// The running thread leaves the processor, because it waits or for another. Interrupts are off.
pub(super) fn leave(thread: &Thread, waits: bool) {
    add(&SWITCHES, 1);
    let Some(user) = thread.user() else { return settle(None) };
    let one =
        if waits { Figures { waits: 1, ..Figures::default() } } else { Figures { losses: 1, ..Figures::default() } };
    user.used.add(&one);
    user.process.used.add(&one);
    settle(Some(user));
}

/// Gives the running thread what it has used since it came to the processor. Interrupts are off.
pub(super) fn settle(user: Option<&UserSide>) {
    add(&RUNNING[SYSTEM], mark());
    let [in_user, in_system] = [USER, SYSTEM].map(|which| RUNNING[which].swap(0, Ordering::Relaxed));
    let nice = user.is_some_and(|user| user.share.nice() > 0);
    add(&ALL[if nice { ALL_NICE } else { ALL_USER }], in_user);
    add(&ALL[ALL_SYSTEM], in_system);
    if let Some(user) = user {
        let figures = Figures { user: in_user, system: in_system, ..Figures::default() };
        user.used.add(&figures);
        user.process.used.add(&figures);
    }
}

/// The running thread had a page fault.
pub(super) fn note_fault(user: &UserSide) {
    user.used.faults.fetch_add(1, Ordering::Relaxed);
    user.process.used.faults.fetch_add(1, Ordering::Relaxed);
}

impl Thread {
    /// What it has used.
    pub fn figures(&self) -> Figures {
        settle_running();
        let Some(user) = self.user() else { return Figures::default() };
        Figures { pages_max: user.process.figures().pages_max, ..user.used.figures() }
    }
}

impl Process {
    /// What it has used, in all its threads.
    pub fn figures(&self) -> Figures {
        settle_running();
        let pages = self.space().map_or(0, |space| space.lock().pages_max());
        let figures = self.used.figures();
        Figures { pages_max: figures.pages_max.max(pages), ..figures }
    }

    /// The time that it has used, in user mode and in all.
    pub(super) fn times(&self) -> [Duration; 2] {
        settle_running();
        let figures = self.used.figures();
        [figures.user(), figures.time()]
    }

    /// What those of its children have used that have ended and that it has asked for, with theirs.
    pub fn figures_of_children(&self) -> Figures {
        self.used_by_children.figures()
    }
}

fn settle_running() {
    crate::arch::interrupts::without(|| settle(scheduler::current().user()));
}

/// How busy the machine is.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Time in user mode.
    pub user: Duration,
    /// Of that, of those who come after others.
    pub nice: Duration,
    /// Time in the kernel.
    pub system: Duration,
    /// Time in which nobody could run.
    pub idle: Duration,
    /// How often the processor has gone from one thread to another.
    pub switches: u64,
}

/// How busy the machine has been since it was booted.
pub fn machine() -> Machine {
    settle_running();
    let all = |which: usize| clock::duration_of(ALL[which].load(Ordering::Relaxed));
    Machine {
        user: all(ALL_USER),
        nice: all(ALL_NICE),
        system: all(ALL_SYSTEM),
        idle: all(ALL_IDLE),
        switches: SWITCHES.load(Ordering::Relaxed),
    }
}
