//! Directory notification (`fcntl(2)`, `F_NOTIFY`): a watch that says no more than that something has happened in a
//! directory, once or again and again.

use super::WATCH_MEMORY;
use super::mask::WatchMask;
use super::watches::{Watch, Watcher};
use crate::error::Result;
use crate::mount::Path;
use alloc::sync::{Arc, Weak};
use bitflags::bitflags;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;

bitflags! {
    /// What is told of, with Linux's values.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct NoticeMask: u32 {
        /// `DN_ACCESS`: read, or listed.
        const ACCESS = 0x01;
        /// `DN_MODIFY`: written or cut.
        const MODIFY = 0x02;
        /// `DN_CREATE`: a name came.
        const CREATE = 0x04;
        /// `DN_DELETE`: a name went.
        const DELETE = 0x08;
        /// `DN_RENAME`: a name became another in the same directory.
        const RENAME = 0x10;
        /// `DN_ATTRIB`: metadata changed.
        const ATTRIB = 0x20;
        /// `DN_MULTISHOT`: more than once.
        const MULTISHOT = 0x8000_0000;
    }
}

/// What a watch is told of each; of a new name that may be another's in the same directory, it is told in two steps.
const EVENTS: [(NoticeMask, WatchMask); 6] = [
    (NoticeMask::ACCESS, WatchMask::ACCESS),
    (NoticeMask::MODIFY, WatchMask::MODIFY),
    (NoticeMask::CREATE, WatchMask::CREATE.union(WatchMask::MOVED_TO)),
    (NoticeMask::DELETE, WatchMask::DELETE.union(WatchMask::MOVED_FROM)),
    (NoticeMask::RENAME, WatchMask::MOVED_FROM.union(WatchMask::MOVED_TO)),
    (NoticeMask::ATTRIB, WatchMask::ATTRIB),
];

impl NoticeMask {
    /// Whether anything is to be told; as on Linux, of what there is not as well.
    pub fn is_of_something(self) -> bool {
        !(self - Self::MULTISHOT).is_empty()
    }

    fn watched(self) -> WatchMask {
        let wanted = EVENTS.iter().filter(|(notice, _)| self.contains(*notice));
        wanted.fold(WatchMask::empty(), |watched, (_, events)| watched | *events)
    }
}

/// A directory that is watched. It is no more when this goes.
pub struct Notice {
    /// Empty when it has told what it was to tell once.
    mask: AtomicU32,
    /// What tells the move that the last name which went from the directory was part of.
    moved: AtomicU32,
    waker: Waker,
    watch: Arc<Watch>,
}

impl Notice {
    /// Watches the directory at that place. `waker` is woken for each thing that has happened; as that of an
    /// [`Inotify`](super::Inotify) it must neither wait nor call a file system.
    ///
    /// # Errors
    /// `ENOENT` for a name that is bound to nothing; `ENOMEM`.
    pub fn new(directory: &Path, mask: NoticeMask, waker: Waker) -> Result<Arc<Self>> {
        let node = directory.node()?;
        page::admit(size_of::<Self>() + WATCH_MEMORY)?;
        let watches = directory.mount.watches();
        let notice = Arc::new_cyclic(|itself: &Weak<Self>| Self {
            mask: AtomicU32::new(mask.bits()),
            moved: AtomicU32::new(0),
            waker,
            watch: Watch::new(0, itself.clone(), watches, node, mask.watched()),
        });
        watches.add(node, notice.watch.clone());
        Ok(notice)
    }

    fn mask(&self) -> NoticeMask {
        NoticeMask::from_bits_retain(self.mask.load(Ordering::Relaxed))
    }

    /// Tells of these things as well; whether it tells anything still.
    pub fn add(&self, mask: NoticeMask) -> bool {
        let add = |present: u32| (present != 0).then_some(present | mask.bits());
        let is_alive = self.mask.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok();
        self.watch.set_mask(self.mask().watched());
        is_alive
    }

    /// How many of the things that are told of these events are.
    fn count(&self, events: WatchMask, cookie: u32) -> usize {
        let is_renamed = events.contains(WatchMask::MOVED_TO) && self.moved.load(Ordering::Relaxed) == cookie;
        if events.contains(WatchMask::MOVED_FROM) {
            self.moved.store(cookie, Ordering::Relaxed);
        }
        let has_come = |(notice, of): &&(NoticeMask, WatchMask)| match *notice {
            NoticeMask::RENAME => is_renamed,
            _ => of.intersects(events),
        };
        let mask = self.mask();
        EVENTS.iter().filter(|(notice, _)| mask.contains(*notice)).filter(has_come).count()
    }
}

impl Watcher for Notice {
    fn tell(&self, watch: &Arc<Watch>, events: WatchMask, cookie: u32, _name: &[u8]) {
        let mut count = self.count(events, cookie);
        if count > 0 && !self.mask().contains(NoticeMask::MULTISHOT) {
            // Whoever comes second has come too late.
            count = usize::from(self.mask.swap(0, Ordering::Relaxed) != 0);
            watch.detach();
        }
        (0..count).for_each(|_| self.waker.wake_by_ref());
    }

    fn end(&self, _watch: &Arc<Watch>) {
        self.mask.store(0, Ordering::Relaxed);
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.watch.detach();
    }
}
