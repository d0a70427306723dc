//! Who is sent a signal when an open file can be read or written (`F_SETOWN`, `O_ASYNC`), or has something else to tell
//! ([`Message`]).
//!
//! What makes a file ready only says so ([`on_change`]), be it an interrupt handler: whoever is next on the way to user
//! mode, or finds nobody who can run, looks at those files whose owners are to be told, and sends the signals. That is
//! before the call that made it so has answered. Nobody is told of what is gone by then: a line of the terminal that
//! somebody has waited for and read. Where nobody is to be told, nothing is looked at.
//!
//! Locks: [`ALL`] → an owner's `state` → those that asking a file whether it is ready and sending a signal take.

use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use spin::Mutex;
use vfs::environment::Ready;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::FileObject;

use super::notices::Notices;
use super::pipe::End;
use super::terminal;
use super::watching::Watching;
use crate::socket::SocketStream;
use crate::task::alarm;
use crate::task::groups;
use crate::task::identity::Ids;
use crate::task::number::{self, Number};
use crate::task::process::Process;
use crate::task::signal::sending::send_to_thread;
use crate::task::signal::{Information, Signal};

/// Bytes of heap that one takes, about.
const MEMORY: usize = 256;

/// Of all open files that have, or have had, an owner.
static ALL: Mutex<Vec<Weak<Owner>>> = Mutex::new(Vec::new());

/// How many of them are to be told.
static TOLD: AtomicUsize = AtomicUsize::new(0);

/// Whether some file may have become ready since it was looked.
static CHANGED: AtomicBool = AtomicBool::new(false);

/// What a number that an owner goes by is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A thread.
    #[default]
    Thread,
    /// A process.
    Process,
    /// A group of processes.
    Group,
}

/// What a file's owner is told, with the signal that was asked for (`si_code`, and the events as `poll(2)` names them).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    In,
    Out,
    Message,
    HungUp,
}

impl Reason {
    fn code_and_events(self) -> (i32, u64) {
        match self {
            Self::In => (1, 0x41),
            Self::Out => (2, 0x304),
            Self::Message => (3, 0x441),
            Self::HungUp => (6, 0x18),
        }
    }
}

/// In place of a reason, with a signal that has reasons of its own (`SI_SIGIO`).
const NO_REASON: i32 = -5;

/// Signals that have: `SIGILL`, `SIGTRAP`, `SIGBUS`, `SIGFPE`, `SIGSEGV`, `SIGCHLD`, `SIGSYS`.
const WITH_REASONS: [u8; 7] = [4, 5, 7, 8, 11, 17, 31];

/// Something that a file's owner is told of whenever it is woken, be it with locks of a file system held.
#[derive(Default)]
pub struct Message {
    /// How often it has come since the owner was told.
    count: AtomicU32,
    /// The number of the file when that was asked for.
    number: AtomicU32,
}

impl Message {
    /// Has the file called by that number from now on.
    pub fn set_number(&self, number: u32) {
        self.number.store(number, Ordering::Relaxed);
    }

    /// Has it told.
    pub(super) fn come(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        CHANGED.store(true, Ordering::Relaxed);
        alarm::look_again();
    }
}

impl Wake for Message {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.come();
    }
}

/// Whom an open file tells, and how.
pub struct Owner {
    pub(super) file: Weak<FileObject>,
    state: Mutex<State>,
    /// Of the directory that the file is (`F_NOTIFY`).
    pub(super) notices: Notices,
    /// That somebody waits for the file's lease (`F_SETLEASE`).
    pub(super) lease: Message,
}

#[derive(Default)]
struct State {
    kind: Kind,
    number: Weak<Number>,
    /// Real and effective user of who has said so.
    users: [u32; 2],
    /// `None` for `SIGIO` that says no more.
    signal: Option<Signal>,
    /// Where it is told: the number of the file when that was asked for.
    told: Option<Told>,
}

/// What was seen of a file when it was last looked.
struct Told {
    number: u32,
    changes: Option<u64>,
    ready: Ready,
}

impl Told {
    fn now(file: &FileObject, number: u32) -> Self {
        Self { number, changes: file.changes(Ready::READ), ready: file.ready() }
    }

    /// What has come since the last.
    fn reasons_after(&self, last: &Self) -> impl Iterator<Item = Reason> + use<> {
        let new = self.ready - last.ready;
        let hung_up = new.contains(Ready::HUNG_UP) && self.ready.contains(Ready::WRITE);
        let came = self.changes != last.changes && self.ready.intersects(Ready::READ | Ready::HUNG_UP);
        let has_room = new.intersects(Ready::WRITE | Ready::BROKEN);
        let reasons = [(Reason::HungUp, hung_up), (Reason::In, came && !hung_up), (Reason::Out, has_room && !hung_up)];
        reasons.into_iter().filter(|(_, is_so)| *is_so).map(|(reason, _)| reason)
    }
}

/// Whether there are owners that can be told of a file: of a pipe, a socket, a terminal, of watches.
pub fn can_tell(file: &FileObject) -> bool {
    file.is_terminal()
        || file.stream_as::<End>().is_some()
        || file.stream_as::<SocketStream>().is_some()
        || file.stream_as::<Watching>().is_some()
}

/// Says that some file may have become ready. An interrupt handler may.
pub fn on_change() {
    if TOLD.load(Ordering::Relaxed) > 0 {
        CHANGED.store(true, Ordering::Relaxed);
        alarm::look_again();
    }
}

/// Sends the signals that are due.
pub fn send_due() {
    if CHANGED.swap(false, Ordering::Relaxed) {
        ALL.lock().iter().filter_map(Weak::upgrade).for_each(|owner| owner.look());
    }
}

impl Owner {
    /// That of an open file, if it has ever had one.
    pub fn of(file: &FileObject) -> Option<Arc<Self>> {
        file.kept()
    }

    /// That of an open file, which may be nobody.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn make(file: &Arc<FileObject>) -> Result<Arc<Self>> {
        // Not while the list is locked: finding memory may wait.
        let others = ALL.lock().len();
        page::admit(MEMORY + 2 * size_of::<Weak<Self>>() * (others + 1))?;
        if let Some(owner) = Self::of(file) {
            return Ok(owner);
        }
        let mut all = ALL.lock();
        all.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        let file_itself = Arc::downgrade(file);
        let (notices, lease) = (Notices::default(), Message::default());
        let owner = Arc::new(Self { file: file_itself, state: Mutex::default(), notices, lease });
        all.push(Arc::downgrade(&owner));
        drop(all);
        file.keep(owner.clone());
        Ok(owner)
    }

    /// What kind it is, and its number; 0 where there is nobody, or nobody any more.
    pub fn get(&self) -> (Kind, u32) {
        let state = self.state.lock();
        let (kind, number) = (state.kind, state.number.upgrade());
        drop(state);
        let value = number.map_or(0, |number| number.value());
        let is_there = match kind {
            Kind::Thread => number::thread(value).is_some(),
            Kind::Process => number::process(value).is_some(),
            Kind::Group => groups::members(value).next().is_some(),
        };
        (kind, if is_there { value } else { 0 })
    }

    /// Has who goes by that number told, of that kind; 0 for nobody. `users` are those of who says so.
    ///
    /// # Errors
    /// `ESRCH`.
    pub fn set(&self, kind: Kind, number: u32, users: Ids) -> Result<()> {
        let number = match number {
            0 => Weak::new(),
            _ => Arc::downgrade(&number::find(number).ok_or(FileSystemErrorKind::NoProcess)?),
        };
        let mut state = self.state.lock();
        (state.kind, state.number, state.users) = (kind, number, [users.real, users.effective]);
        Ok(())
    }

    /// Has `process` told unless somebody is.
    pub fn set_unless_set(&self, process: &Process) {
        if self.state.lock().number.strong_count() == 0 {
            // Who runs has a number.
            let _ = process.place().and_then(|place| self.set(Kind::Process, process.pid(), place.identity.users));
        }
    }

    /// Has nobody told any more, nor by a signal of anybody's choice.
    pub(super) fn forget(&self) {
        let mut state = self.state.lock();
        *state = State { told: state.told.take(), ..State::default() };
    }

    /// By which signal it is told; `None` for `SIGIO` without a reason.
    pub fn signal(&self) -> Option<Signal> {
        self.state.lock().signal
    }

    /// Changes that.
    pub fn set_signal(&self, signal: Option<Signal>) {
        self.state.lock().signal = signal;
    }

    /// Has it told of the file from now on, which `process` has by that number; without one no more. Of a terminal that
    /// has no owner it is those in the foreground.
    pub fn tell(&self, process: &Process, number: Option<u32>) {
        let Some(file) = self.file.upgrade() else { return };
        if number.is_some() && file.is_terminal() && self.state.lock().number.strong_count() == 0 {
            let (kind, number) = match terminal::jobs::foreground() {
                Some(group) => (Kind::Group, group),
                None => (Kind::Process, process.pid()),
            };
            // Without anybody there nobody is told.
            let _ = process.place().and_then(|place| self.set(kind, number, place.identity.users));
        }
        let told = number.map(|number| Told::now(&file, number));
        let is_told = told.is_some();
        let old = core::mem::replace(&mut self.state.lock().told, told);
        match (old.is_some(), is_told) {
            (false, true) => TOLD.fetch_add(1, Ordering::Relaxed),
            (true, false) => TOLD.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
    }

    /// Sends what there is to be told of since it was last looked.
    fn look(&self) {
        self.notices.look(|message| self.look_at(message));
        self.look_at(&self.lease);
        let mut state = self.state.lock();
        let Some((last, file)) = state.told.as_ref().zip(self.file.upgrade()) else { return };
        let now = Told::now(&file, last.number);
        let (reasons, number) = (now.reasons_after(last), now.number);
        state.told = Some(now);
        reasons.for_each(|reason| state.send(reason, number));
    }

    fn look_at(&self, message: &Message) {
        let number = message.number.load(Ordering::Relaxed);
        (0..message.count.swap(0, Ordering::Relaxed)).for_each(|_| self.state.lock().send(Reason::Message, number));
    }
}

impl State {
    /// Tells of the file, which goes by the number `file`.
    fn send(&self, reason: Reason, file: u32) {
        let Some(number) = self.number.upgrade() else { return };
        let plain = Information::of_kernel(Signal::IO);
        let information = self.signal.map_or(plain, |signal| {
            let (code, events) = reason.code_and_events();
            let code = if WITH_REASONS.contains(&signal.number()) { NO_REASON } else { code };
            Information::new(signal, code, [events, u64::from(file)])
        });
        // One too many to queue comes as one that does not.
        let send_to = |process: Arc<Process>| {
            if self.may_tell(&process) && process.try_send(information).is_err() {
                process.send(plain);
            }
        };
        match self.kind {
            Kind::Group => groups::members(number.value()).for_each(send_to),
            Kind::Process => number::process(number.value()).into_iter().for_each(send_to),
            Kind::Thread => {
                let Some(thread) = number::thread(number.value()) else { return };
                let may = thread.user().is_some_and(|user| self.may_tell(&user.process));
                if may && send_to_thread(&thread, information).is_err() {
                    // That kind is never refused for want of room in the queue.
                    let _ = send_to_thread(&thread, plain);
                }
            }
        }
    }

    /// Whether who has named the owner may send that one signals.
    fn may_tell(&self, process: &Process) -> bool {
        let Ok(place) = process.place() else { return false };
        let theirs = place.identity.users;
        self.users[1] == 0 || self.users.iter().any(|&user| user == theirs.real || user == theirs.saved)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.state.get_mut().told.is_some() {
            TOLD.fetch_sub(1, Ordering::Relaxed);
        }
        let mut all = ALL.lock();
        all.retain(|owner| owner.strong_count() > 0);
        if all.is_empty() {
            // An empty list keeps memory otherwise.
            *all = Vec::new();
        }
    }
}
