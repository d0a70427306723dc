//! Parents and children: who is told what becomes of a process, and who asks.
//!
//! A process that has ended stays its parent's child until that has asked for it, unless it said that it never will. One
//! that has lost its parent is the child of the next above who said that it takes such (`PR_SET_CHILD_SUBREAPER`), or of
//! the first process.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use spin::Mutex;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::process::{Ending, FIRST, Process};
use super::signal::{Information, Signal};
use super::thread::UserSide;
use super::wait::WaitQueue;
use super::{groups, number};
use crate::fs::readiness;

/// A process's parent and its children.
pub struct Family {
    parent: Mutex<Weak<Process>>,
    /// The parent's number, at hand for who only asks for that; 0 for none. Changes with the parent.
    parent_number: AtomicU32,
    children: Mutex<Vec<Arc<Process>>>,
    /// Waiting for something to become of a child.
    changed: WaitQueue,
    /// What the parent is sent when it has ended; 0 for nothing.
    told_by: AtomicU8,
    /// What it is sent when the parent ends; 0 for nothing.
    death_signal: AtomicU8,
    /// Whether it takes the children of those below it who end.
    takes_orphans: AtomicBool,
    /// Whether it has ended and nobody can ask for it any more.
    is_forgotten: AtomicBool,
}

/// Whether a process is stopped, and what of that its parent has not asked for.
#[derive(Default)]
pub struct Stop {
    /// The signal that stopped it; 0 while it goes on.
    by: AtomicU8,
    /// Waiting to go on.
    continued: WaitQueue,
    /// What has become of it last; a wait status, 0 for nothing.
    news: AtomicU32,
}

/// What has become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It has ended.
    Ended(Ending),
    /// It has been stopped by a signal.
    Stopped(Signal),
    /// It goes on.
    Continued,
}

/// The wait status of one that goes on.
const CONTINUED: u32 = 0xffff;
/// What the wait status of one that is stopped has in its low byte.
const STOPPED: u32 = 0x7f;

const CLD_EXITED: i32 = 1;
const CLD_KILLED: i32 = 2;
const CLD_STOPPED: i32 = 5;
const CLD_CONTINUED: i32 = 6;

impl Event {
    /// As `wait(2)` tells it.
    pub fn wait_status(self) -> u32 {
        match self {
            Self::Ended(ending) => ending.wait_status(),
            Self::Stopped(signal) => u32::from(signal.number()) << 8 | STOPPED,
            Self::Continued => CONTINUED,
        }
    }

    /// As `siginfo_t` tells it: `si_code` and `si_status`.
    pub fn code_and_status(self) -> (i32, u32) {
        match self {
            Self::Ended(Ending::Exited(status)) => (CLD_EXITED, status.into()),
            Self::Ended(Ending::Killed(signal)) => (CLD_KILLED, signal.number().into()),
            Self::Stopped(signal) => (CLD_STOPPED, signal.number().into()),
            Self::Continued => (CLD_CONTINUED, Signal::CONTINUE.number().into()),
        }
    }
}

/// Which children are asked for, and what about them.
pub struct Asked<'a> {
    /// Which.
    pub which: &'a dyn Fn(&Process) -> bool,
    /// Those that have ended.
    pub ended: bool,
    /// Those that have been stopped.
    pub stopped: bool,
    /// Those that go on again.
    pub continued: bool,
    /// Whether it is not waited for.
    pub at_once: bool,
    /// Whether it stays to be asked for.
    pub keep: bool,
}

impl Family {
    pub(super) fn new(parent: Option<&Arc<Process>>, told_by: Option<Signal>) -> Self {
        Self {
            parent: Mutex::new(parent.map(Arc::downgrade).unwrap_or_default()),
            parent_number: AtomicU32::new(parent.map_or(0, |parent| parent.pid())),
            children: Mutex::new(Vec::new()),
            is_forgotten: AtomicBool::new(false),
            changed: WaitQueue::new(),
            told_by: AtomicU8::new(told_by.map_or(0, Signal::number)),
            death_signal: AtomicU8::new(0),
            takes_orphans: AtomicBool::new(false),
        }
    }

    /// Makes room for one more child.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn make_room(&self) -> Result<()> {
        Ok(self.children.lock().try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?)
    }

    /// Notes a child, for which there is room.
    pub(super) fn add(&self, child: Arc<Process>) {
        self.children.lock().push(child);
    }

    fn set_parent(&self, parent: Option<&Arc<Process>>) {
        let mut place = self.parent.lock();
        *place = parent.map(Arc::downgrade).unwrap_or_default();
        self.parent_number.store(parent.map_or(0, |parent| parent.pid()), Ordering::Relaxed);
    }

    /// The parent, if there is one.
    pub fn parent(&self) -> Option<Arc<Process>> {
        self.parent.lock().upgrade()
    }

    /// What it is sent when the parent ends; 0 for nothing.
    pub fn death_signal(&self) -> u8 {
        self.death_signal.load(Ordering::Relaxed)
    }

    /// Changes that.
    pub fn set_death_signal(&self, number: u8) {
        self.death_signal.store(number, Ordering::Relaxed);
    }

    /// Whether it has ended and nobody can ask for it any more.
    pub fn is_forgotten(&self) -> bool {
        self.is_forgotten.load(Ordering::Relaxed)
    }

    /// Whether it takes the children of those below it who end.
    pub fn takes_orphans(&self) -> bool {
        self.takes_orphans.load(Ordering::Relaxed)
    }

    /// Changes that.
    pub fn set_takes_orphans(&self, on: bool) {
        self.takes_orphans.store(on, Ordering::Relaxed);
    }

    /// What the parent is sent when it has ended; 0 for nothing.
    pub fn told_by(&self) -> u8 {
        self.told_by.load(Ordering::Relaxed)
    }

    /// Goes on as another program: it and its children tell by `SIGCHLD`, whatever those before had agreed on.
    pub(super) fn forget_signals(&self) {
        let tell = |family: &Self| family.told_by.store(Signal::CHILD.number(), Ordering::Relaxed);
        tell(self);
        self.children.lock().iter().for_each(|child| tell(&child.family));
    }

    /// Whether the parent is told by `SIGCHLD` (as opposed to `__WCLONE`'s children).
    pub fn tells_by_child_signal(&self) -> bool {
        self.told_by() == Signal::CHILD.number()
    }
}

impl Stop {
    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        self.by.load(Ordering::Relaxed) != 0
    }

    fn event(&self) -> Option<Event> {
        match self.news.load(Ordering::Relaxed) {
            0 => None,
            CONTINUED => Some(Event::Continued),
            status => Signal::from_number((status >> 8) as u8).map(Event::Stopped),
        }
    }
}

impl Process {
    /// Its parent's number.
    pub fn parent_pid(&self) -> u32 {
        match self.family.parent_number.load(Ordering::Relaxed) {
            0 if self.is_first() => 0,
            0 => FIRST,
            number => number,
        }
    }

    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Stops it; its threads notice on their way to user mode.
    pub(super) fn stop(&self, signal: Signal) {
        if !self.stop.is_stopped() {
            self.stop.by.store(signal.number(), Ordering::Relaxed);
            self.wake_threads();
            self.tell_stop(Event::Stopped(signal));
        }
    }

    /// Lets it go on, if it is stopped.
    pub(super) fn go_on(&self) {
        if self.stop.by.swap(0, Ordering::Relaxed) != 0 {
            self.stop.continued.wake_all();
            self.tell_stop(Event::Continued);
        }
    }

    /// Waits, in one of its threads, until it goes on or that is to end.
    pub(super) fn wait_while_stopped(&self, thread: &UserSide) {
        self.stop.continued.wait_until(|| !self.stop.is_stopped() || thread.is_to_leave());
    }

    /// Tells the parent that it has been stopped, or goes on.
    fn tell_stop(&self, event: Event) {
        self.stop.news.store(event.wait_status(), Ordering::Relaxed);
        let Some(parent) = self.family.parent() else { return };
        if !parent.actions().get(Signal::CHILD).is_for_ends_only() {
            parent.send(self.about(Signal::CHILD, event));
        }
        parent.family.changed.wake_all();
    }

    /// Tells the parent that it has ended; one that is not interested forgets it.
    pub(super) fn tell_ended(&self) {
        let Some(parent) = self.family.parent() else { return };
        let Some(ending) = self.ending() else { return };
        let signal = Signal::from_number(self.family.told_by());
        let forgets = signal == Some(Signal::CHILD) && parent.actions().get(Signal::CHILD).forgets_children();
        if forgets {
            parent.forget_child(self);
        }
        if let Some(signal) = signal {
            parent.send(self.about(signal, Event::Ended(ending)));
        }
        parent.family.changed.wake_all();
    }

    /// What the parent is told.
    pub fn about(&self, signal: Signal, event: Event) -> Information {
        let (code, status) = event.code_and_status();
        Information::new(signal, code, [u64::from(self.pid()) | u64::from(self.user()) << 32, u64::from(status)])
    }

    /// The user that others see it belong to; 0 for one that has ended.
    pub fn user(&self) -> u32 {
        self.place().map_or(0, |place| place.identity.users.real)
    }

    /// Who takes its children when it ends.
    fn heir(&self) -> Option<Arc<Self>> {
        let mut above = self.family.parent();
        while let Some(process) = above {
            if process.family.takes_orphans() && !process.is_to_end() && process.ending().is_none() {
                return Some(process);
            }
            above = process.family.parent();
        }
        number::process(FIRST).filter(|first| !first.is_to_end() && first.ending().is_none())
    }

    /// Gives its children away, for it ends.
    pub(super) fn leave_children(&self) {
        let children = core::mem::take(&mut *self.family.children.lock());
        let heir = self.heir();
        for child in children {
            if let Some(signal) = Signal::from_number(child.family.death_signal()) {
                child.send(Information::of_kernel(signal));
            }
            // Without memory to note one more the child is nobody's.
            let heir = heir.as_ref().filter(|heir| heir.family.make_room().is_ok());
            child.family.set_parent(heir);
            if let Some(heir) = heir {
                child.family.told_by.store(Signal::CHILD.number(), Ordering::Relaxed);
                heir.family.add(child.clone());
                child.tell_ended();
            }
            if self.guards(&child) {
                groups::hang_up_if_orphaned(child.group());
            }
        }
    }

    /// Waits until something asked for has become of a child. `None` when it is not waited for and nothing has.
    ///
    /// # Errors
    /// `ECHILD` where there is no such child; `EINTR`.
    pub fn wait_for_child(&self, asked: &Asked<'_>) -> Result<Option<(Arc<Self>, Event)>> {
        let mut found = self.find_event(asked);
        if !asked.at_once && matches!(found, Ok(None)) {
            self.family.changed.wait(|| {
                found = self.find_event(asked);
                !matches!(found, Ok(None))
            })?;
        }
        let Some((child, event)) = found? else { return Ok(None) };
        match event {
            _ if asked.keep => {}
            Event::Ended(_) => {
                self.used_by_children.add(&child.figures().with(child.figures_of_children()));
                self.forget_child(&child);
            }
            Event::Stopped(_) | Event::Continued => child.stop.news.store(0, Ordering::Relaxed),
        }
        Ok(Some((child, event)))
    }

    fn find_event(&self, asked: &Asked<'_>) -> Result<Option<(Arc<Self>, Event)>> {
        let children = self.family.children.lock();
        let mut candidates = children.iter().filter(|child| (asked.which)(child)).peekable();
        if candidates.peek().is_none() {
            return fail(FileSystemErrorKind::NoChild);
        }
        Ok(candidates.find_map(|child| {
            let event = match child.ending() {
                Some(ending) => Some(Event::Ended(ending)),
                None => child.stop.event(),
            };
            let wanted = |event: &Event| match event {
                Event::Ended(_) => asked.ended,
                Event::Stopped(_) => asked.stopped,
                Event::Continued => asked.continued,
            };
            event.filter(wanted).map(|event| (child.clone(), event))
        }))
    }

    /// Forgets a child that has ended.
    fn forget_child(&self, child: &Self) {
        let mut children = self.family.children.lock();
        let forgotten = children.iter().position(|other| core::ptr::eq(&**other, child));
        let forgotten = forgotten.map(|index| children.swap_remove(index));
        drop(children);
        drop(forgotten);
        child.family.is_forgotten.store(true, Ordering::Relaxed);
        readiness::tell();
    }
}
