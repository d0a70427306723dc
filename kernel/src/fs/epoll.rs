//! Waiting for many files that are named once (`epoll(7)`).
//!
//! An instance knows the files by their numbers and by what they are; one that nobody has open any more is forgotten.
//! Who waits looks at all of them whenever any file changes, as everybody does ([`readiness`]); whether something is new
//! for who wants to be told of that only, a file's count of its changes says.
//!
//! Locks: an instance's `items` → those of instances that it watches, which cannot come back to it. They are held while
//! nothing is waited for and nothing is let go of that may be the last of its kind but a turn ([`turn`]), whose lock is a
//! leaf.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bitflags::bitflags;
use spin::Mutex;
use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};

mod turn;

use self::turn::Turn;
use super::anonymous::{self, Anonymous};
use super::readiness;

/// The most files of one instance.
const ITEMS_MAX: usize = 4096;
/// How deep instances watch each other (Linux's `EP_MAX_NESTS`), and how many one may watch that nobody watches, and any
/// other: who looks at the first looks at all of them.
const DEPTH_MAX: usize = 4;
const NESTED_MAX: usize = 500;
const NESTED_DEEPER_MAX: usize = 8;

/// `EPOLLERR` and `EPOLLHUP`: told whether asked for or not.
const ALWAYS_TOLD: u32 = 0x18;

/// Bytes of heap that an instance takes, about.
const MEMORY: usize = 256;

bitflags! {
    /// How a file is watched.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Mode: u8 {
        /// Told of what is new only (`EPOLLET`).
        const EDGE = 1;
        /// Told of once, until it is asked for again (`EPOLLONESHOT`).
        const ONCE = 2;
        /// Of several instances that wait one is told (`EPOLLEXCLUSIVE`).
        const EXCLUSIVE = 4;
    }
}

/// What is asked of a file.
#[derive(Clone, Copy)]
pub struct Asked {
    /// Which states are told; those who wait see them as `events`.
    pub ready: Ready,
    /// The caller's own.
    pub events: u32,
    /// The caller's own too.
    pub data: u64,
    /// How it is watched.
    pub mode: Mode,
}

/// A file that is ready.
pub struct Told {
    /// What was asked of it.
    pub asked: Asked,
    /// What it is ready for, whether asked for or not.
    pub ready: Ready,
}

struct Item {
    number: u32,
    file: Weak<FileObject>,
    asked: Asked,
    /// Whether it is not told of until it is asked for again.
    is_off: bool,
    /// What the file's count of changes was when it was told of last.
    told_at: Option<u64>,
    /// Whose turn it is where one of several instances is told.
    turn: Option<Arc<Turn>>,
    /// The count of changes that another instance was told of instead.
    passed_at: Option<u64>,
}

impl Item {
    /// What there is to be told of it.
    fn told(&self) -> Option<Told> {
        if self.is_off {
            return None;
        }
        let file = self.file.upgrade()?;
        let ready = file.ready();
        if !ready.intersects(self.asked.ready) {
            return None;
        }
        if self.passed_at.is_some() && self.passed_at == self.now(&file) {
            return None;
        }
        let is_new = !self.asked.mode.contains(Mode::EDGE) || self.told_at.is_none() || self.told_at != self.now(&file);
        is_new.then_some(Told { asked: self.asked, ready })
    }

    /// What there is to be told of it to `waiter`, who has waited for it: if it is not that one's turn, nothing until
    /// there is something new.
    fn told_to(&mut self, waiter: &Epoll) -> Option<Told> {
        let told = self.told()?;
        let now = self.file.upgrade().and_then(|file| self.now(&file));
        if let (Some(turn), Some(now)) = (&self.turn, now)
            && !turn.take(core::ptr::from_ref(waiter).addr(), now)
        {
            self.passed_at = Some(now);
            return None;
        }
        Some(told)
    }

    fn now(&self, file: &FileObject) -> Option<u64> {
        file.changes(self.asked.ready)
    }

    fn is(&self, number: u32, file: &Arc<FileObject>) -> bool {
        self.number == number && core::ptr::eq(self.file.as_ptr(), Arc::as_ptr(file))
    }
}

struct Items {
    all: Vec<Item>,
    /// Where who asks next begins, so that everybody's turn comes.
    next: usize,
    /// How many instances there may be above this one.
    above: usize,
}

/// An instance.
pub struct Epoll {
    items: Mutex<Items>,
}

/// A new instance as an open file.
///
/// # Errors
/// `ENOMEM`.
pub fn open() -> Result<Arc<FileObject>> {
    page::admit(MEMORY)?;
    let epoll = Arc::new(Epoll { items: Mutex::new(Items { all: Vec::new(), next: 0, above: 0 }) });
    anonymous::of_stream(Anonymous::Epoll, OpenFlags::READ | OpenFlags::WRITE, epoll)
}

/// Held by who lets one instance watch another: the depth is looked at and changed in one.
static NESTING: Mutex<()> = Mutex::new(());

impl Epoll {
    /// Watches a file by a number (`EPOLL_CTL_ADD`).
    ///
    /// # Errors
    /// `EEXIST`, `EPERM` for what is always ready, `ELOOP` for instances that watch each other or too deep, `EINVAL` for
    /// too many of them, `ENOSPC`, `ENOMEM`.
    pub fn add(&self, number: u32, file: &Arc<FileObject>, asked: Asked) -> Result<()> {
        if !file.can_wait() {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        page::admit(2 * size_of::<Item>() * (self.items.lock().all.len() + 1))?;
        let turn = if asked.mode.contains(Mode::EXCLUSIVE) { Some(Turn::of(file)?) } else { None };
        let nested = file.stream_as::<Self>();
        let _nesting = nested.map(|_| NESTING.lock());
        if let Some(nested) = nested {
            self.check_nesting(nested)?;
        }
        let mut items = self.items.lock();
        // What nobody has open any more makes room.
        items.all.retain(|item| item.file.strong_count() > 0);
        if items.all.iter().any(|item| item.is(number, file)) {
            return fail(FileSystemErrorKind::AlreadyExists);
        }
        if items.all.len() >= ITEMS_MAX {
            return fail(FileSystemErrorKind::NoSpace);
        }
        items.all.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        let file = Arc::downgrade(file);
        items.all.push(Item { number, file, asked, is_off: false, told_at: None, turn, passed_at: None });
        let above = items.above;
        drop(items);
        if let Some(nested) = nested {
            nested.raise(above + 1);
        }
        readiness::tell();
        Ok(())
    }

    /// Asks something else of a file (`EPOLL_CTL_MOD`).
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn change(&self, number: u32, file: &Arc<FileObject>, asked: Asked) -> Result<()> {
        let mut items = self.items.lock();
        let item = items.all.iter_mut().find(|item| item.is(number, file)).ok_or(FileSystemErrorKind::NotFound)?;
        (item.asked, item.is_off, item.told_at) = (asked, false, None);
        drop(items);
        readiness::tell();
        Ok(())
    }

    /// All files, by their numbers, and what is asked of them.
    fn shown(&self) -> Result<Vec<(Weak<FileObject>, u32, Asked)>> {
        let items = self.items.lock();
        page::admit(items.all.len() * size_of::<(Weak<FileObject>, u32, Asked)>())?;
        Ok(items.all.iter().map(|item| (item.file.clone(), item.number, item.asked)).collect())
    }

    /// Watches a file no more (`EPOLL_CTL_DEL`).
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn remove(&self, number: u32, file: &Arc<FileObject>) -> Result<()> {
        let mut items = self.items.lock();
        let at = items.all.iter().position(|item| item.is(number, file)).ok_or(FileSystemErrorKind::NotFound)?;
        items.all.remove(at);
        Ok(())
    }

    /// Waits until a file is ready, or until `end` (since boot); up to `count` that are, none when the time is over.
    ///
    /// # Errors
    /// `EINTR`, `ENOMEM`.
    pub fn wait(&self, count: usize, end: Option<Duration>) -> Result<Vec<Told>> {
        let room = count.min(self.items.lock().all.len().max(1));
        page::admit(room * size_of::<Told>())?;
        let mut told = Vec::with_capacity(room);
        loop {
            self.take(&mut told, room);
            if !told.is_empty() || !readiness::CHANGED.wait_before(end, || self.has_told_to_who_waits())? {
                return Ok(told);
            }
        }
    }

    fn has_told(&self) -> bool {
        self.items.lock().all.iter().any(|item| item.told().is_some())
    }

    fn has_told_to_who_waits(&self) -> bool {
        // All of them: what is another's to be told is told nobody here later.
        self.items.lock().all.iter_mut().filter_map(|item| item.told_to(self)).count() > 0
    }

    /// Takes what there is to be told of up to `count` files.
    fn take(&self, told: &mut Vec<Told>, count: usize) {
        let mut items = self.items.lock();
        let items = &mut *items;
        let all = items.all.len();
        for step in 0..all {
            let index = (items.next + step) % all;
            let item = &mut items.all[index];
            let Some(what) = item.told() else { continue };
            item.is_off = item.asked.mode.contains(Mode::ONCE);
            item.told_at = item.file.upgrade().and_then(|file| item.now(&file));
            told.push(what);
            if told.len() == count {
                items.next = (index + 1) % all;
                return;
            }
        }
        items.next = 0;
    }

    /// Does something with each instance that it watches.
    fn each_nested(&self, body: &mut dyn FnMut(&Self) -> Result<()>) -> Result<()> {
        let items = self.items.lock();
        for file in items.all.iter().filter_map(|item| item.file.upgrade()) {
            if let Some(nested) = file.stream_as::<Self>() {
                body(nested)?;
            }
        }
        Ok(())
    }

    /// How many instances there are below it, one watched by the other.
    fn depth(&self) -> Result<usize> {
        let mut depth = 0;
        self.each_nested(&mut |nested| {
            depth = depth.max(1 + nested.depth()?);
            Ok(())
        })?;
        Ok(depth)
    }

    fn check_nesting(&self, nested: &Self) -> Result<()> {
        if nested.leads_to(self) {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        let above = self.items.lock().above;
        let most = if above == 0 { NESTED_MAX } else { NESTED_DEEPER_MAX };
        if above + 1 + nested.depth()? > DEPTH_MAX {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        if self.count_nested() >= most || nested.count_nested() > NESTED_DEEPER_MAX {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        Ok(())
    }

    fn count_nested(&self) -> usize {
        let mut count = 0;
        let _ = self.each_nested(&mut |_| {
            count += 1;
            Ok(())
        });
        count
    }

    /// Whether it is that one, or watches it, be it by others.
    fn leads_to(&self, other: &Self) -> bool {
        let mut leads = core::ptr::eq(self, other);
        let _ = self.each_nested(&mut |nested| {
            leads |= nested.leads_to(other);
            Ok(())
        });
        leads
    }

    /// Notes that there are so many above it, and one more above those that it watches.
    fn raise(&self, above: usize) {
        let mut items = self.items.lock();
        items.above = items.above.max(above);
        drop(items);
        let _ = self.each_nested(&mut |nested| {
            nested.raise(above + 1);
            Ok(())
        });
    }
}

impl OpenStream for Epoll {
    fn read(&self, _offset: u64, _sink: &mut dyn Sink) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        // Whatever goes meanwhile goes without the lock.
        let Ok(items) = self.shown() else { return Err(fmt::Error) };
        for (file, number, asked) in items {
            let Some(file) = file.upgrade() else { continue };
            let (position, id) = (file.position(), file.node().id());
            let (events, data) = (asked.events | ALWAYS_TOLD, asked.data);
            write!(out, "tfd: {number:8} events: {events:8x} data: {data:16x}  ")?;
            writeln!(out, "pos:{position} ino:{:x} sdev:{:x}", id.inode, id.file_system.0)?;
        }
        Ok(())
    }

    fn ready(&self) -> Ready {
        if self.has_told() { Ready::READ } else { Ready::empty() }
    }
}
