//! Events of the file system, for those who watch (`inotify(7)`).
//!
//! An [`Inotify`] is what `inotify_init1(2)` makes: watches, each with a number, and a bounded queue of events, read in
//! Linux's format. What is watched is a node as its user sees it: of an overlay the merged file, so that events go on
//! when it is copied up. Events are told where everybody enters, by the namespace's operations and by the open file:
//! what an overlay does in its layers is nobody's event, and neither is what is changed in a layer an event of the
//! overlay. Which operation is which event, and in which order they come, is Linux's.
//!
//! A watch holds its node, but no file system: where the last mount goes, so do the watches.
//!
//! | module | what it is |
//! |---|---|
//! | [`mask`] | the bits |
//! | [`notice`] | watching a directory without a queue (`F_NOTIFY`) |
//! | `queue` | the events that wait, and their format |
//! | `watches` | who watches the nodes of a superblock, and the telling |
//!
//! Locks: an instance's own, then that of a superblock's watches; both are leaves for everybody else, and no node is
//! let go of, and nobody woken, while one is held.

pub mod mask;
pub mod notice;
mod queue;
#[cfg(any(test, feature = "selftest"))]
mod tests;
mod watches;

pub use mask::WatchMask;
pub(crate) use watches::{Watches, next_cookie};

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::io::Sink;
use crate::node::NodeRef;
use crate::sync::Mutex;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::task::Waker;
use hashbrown::HashMap;
use queue::{Event, Queue};
use rustc_hash::FxBuildHasher;
use watches::{Watch, Watcher};

/// How much one instance may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InotifyLimits {
    /// Events that wait to be read (`fs.inotify.max_queued_events`).
    pub events: usize,
    /// Watches.
    pub watches: usize,
}

impl Default for InotifyLimits {
    /// As many events as on Linux, and a watch for each of 65 536 nodes.
    fn default() -> Self {
        Self { events: 16_384, watches: 65_536 }
    }
}

/// Bytes of heap that a watch takes, about: it is known by its number and by its node.
const WATCH_MEMORY: usize = 256;

/// Watches, and the events that they have seen.
pub struct Inotify {
    limits: InotifyLimits,
    /// Woken when there is something to read.
    waker: Waker,
    state: Mutex<State>,
}

struct State {
    /// An event is queued for a watch only while it is here.
    watches: HashMap<i32, Arc<Watch>, FxBuildHasher>,
    /// The number that was given out last. As on Linux they go up, so that what is still to be read of a watch that is
    /// gone is not taken for another's.
    last: i32,
    queue: Queue,
}

impl State {
    /// A number that nobody has.
    fn number(&mut self) -> i32 {
        loop {
            self.last = if self.last == i32::MAX { 1 } else { self.last + 1 };
            if !self.watches.contains_key(&self.last) {
                return self.last;
            }
        }
    }

    /// Ends a watch, and says so, unless that has happened.
    fn end(&mut self, watch: &Arc<Watch>) -> bool {
        let ended = self.has(watch);
        if ended {
            self.watches.remove(&watch.number);
            self.queue.push(Event::of(watch.number, WatchMask::IGNORED));
        }
        ended
    }

    fn has(&self, watch: &Arc<Watch>) -> bool {
        self.watches.get(&watch.number).is_some_and(|known| Arc::ptr_eq(known, watch))
    }
}

impl Inotify {
    /// An instance without watches. `waker` is woken after each event that comes, with no lock held that a reader
    /// needs; events come wherever a file system's operation ends, so it must neither wait nor call one.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(limits: InotifyLimits, waker: Waker) -> Result<Arc<Self>> {
        page::admit(size_of::<Self>())?;
        let watches = HashMap::with_hasher(FxBuildHasher);
        let state = Mutex::new(State { watches, last: 0, queue: Queue::new(limits.events)? });
        Ok(Arc::new(Self { limits, waker, state }))
    }

    /// Watches a node of the superblock whose watches these are, or changes what is watched of it; returns the watch's
    /// number.
    ///
    /// # Errors
    /// `EEXIST` under `IN_MASK_CREATE` when it is watched, `ENOSPC`, `ENOMEM`.
    pub(crate) fn watch(self: &Arc<Self>, watches: &Arc<Watches>, node: &NodeRef, mask: WatchMask) -> Result<i32> {
        let mut state = self.state.lock();
        if let Some(watch) = watches.of_node(node, self) {
            if mask.contains(WatchMask::MASK_CREATE) {
                return fail(FileSystemErrorKind::AlreadyExists);
            }
            let kept = if mask.contains(WatchMask::MASK_ADD) { watch.mask() } else { WatchMask::empty() };
            watch.set_mask(kept | mask.kept());
            return Ok(watch.number);
        }
        if state.watches.len() >= self.limits.watches {
            return fail(FileSystemErrorKind::NoSpace);
        }
        page::admit(WATCH_MEMORY)?;
        let owner: Weak<dyn Watcher> = Arc::<Self>::downgrade(self);
        let watch = Watch::new(state.number(), owner, watches, node, mask.kept());
        let number = watch.number;
        state.watches.insert(number, watch.clone());
        watches.add(node, watch);
        Ok(number)
    }

    /// Ends a watch (`inotify_rm_watch(2)`).
    ///
    /// # Errors
    /// `EINVAL` for a number that is no watch's.
    pub fn remove_watch(&self, number: i32) -> Result<()> {
        let watch = self.state.lock().watches.get(&number).cloned().ok_or(FileSystemErrorKind::InvalidArgument)?;
        self.end(&watch);
        watch.detach();
        Ok(())
    }

    /// Reads events, as many as there is room for and only whole ones (`read(2)`).
    ///
    /// # Errors
    /// `EAGAIN` when there is none; `EINVAL` when there is no room for the next; `EFAULT` from the sink, and the event
    /// is lost then.
    pub fn read(&self, sink: &mut dyn Sink) -> Result<usize> {
        let mut count = 0;
        loop {
            let next = self.state.lock().queue.take(sink.room());
            match next {
                Ok(Some(event)) => {
                    event.write(sink)?;
                    count += event.size();
                }
                Ok(None) if count == 0 => return fail(FileSystemErrorKind::WouldBlock),
                Err(error) if count == 0 => return Err(error),
                Ok(None) | Err(_) => return Ok(count),
            }
        }
    }

    /// Writes what is watched, each with its number, the file and the mask, as `/proc/PID/fdinfo` shows it; but for handles
    /// of the files.
    ///
    /// # Errors
    /// Those of `out`; when there is no memory.
    pub fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let state = self.state.lock();
        page::admit(state.watches.len() * size_of::<Arc<Watch>>()).map_err(|_| fmt::Error)?;
        let mut watches: Vec<_> = state.watches.values().cloned().collect();
        drop(state);
        watches.sort_unstable_by_key(|watch| core::cmp::Reverse(watch.number));
        for watch in watches {
            let (number, node, mask) = (watch.number, watch.node(), watch.mask());
            let (inode, device) = (node.inode, node.file_system.0);
            writeln!(
                out,
                "inotify wd:{number:x} ino:{inode:x} sdev:{device:x} mask:{:x} ignored_mask:0 ",
                mask.bits()
            )?;
        }
        Ok(())
    }

    /// Whether there is something to read (`POLLIN`).
    pub fn is_readable(&self) -> bool {
        !self.state.lock().queue.is_empty()
    }

    /// How many bytes there are to read (`FIONREAD`).
    pub fn readable_bytes(&self) -> usize {
        self.state.lock().queue.size()
    }
}

impl Watcher for Inotify {
    /// Queues what happened for a watch that is still one; it ends when it was for one event.
    fn tell(&self, watch: &Arc<Watch>, events: WatchMask, cookie: u32, name: &[u8]) {
        let mut state = self.state.lock();
        if !state.has(watch) {
            return;
        }
        state.queue.push(Event::named(watch.number, events, cookie, name));
        let ended = watch.mask().contains(WatchMask::ONESHOT) && state.end(watch);
        drop(state);
        if ended {
            watch.detach();
        }
        self.waker.wake_by_ref();
    }

    fn end(&self, watch: &Arc<Watch>) {
        if self.state.lock().end(watch) {
            self.waker.wake_by_ref();
        }
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        self.state.get_mut().watches.drain().for_each(|(_, watch)| watch.detach());
    }
}
