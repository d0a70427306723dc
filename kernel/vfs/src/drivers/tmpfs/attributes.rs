//! Mode, owner, marks and times of a node.

use crate::metadata::{FileFlags, Permissions, SetAttributes, SetTime};
use crate::node::NewNode;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::time::Timestamp;

/// A day, after which `relatime` sets an access time again.
const DAY: i64 = 86_400;

/// What of a node its kind does not decide.
pub(super) struct Attributes {
    /// Permission bits, and from [`FLAGS_SHIFT`] on what it is marked with.
    mode: AtomicU32,
    /// Owner in the upper half, group in the lower: they change together.
    owner: AtomicU64,
    pub created: Timestamp,
    times: Mutex<Times>,
}

#[derive(Clone, Copy)]
pub(super) struct Times {
    pub accessed: Timestamp,
    pub modified: Timestamp,
    pub changed: Timestamp,
}

impl Attributes {
    pub fn new(new: &NewNode<'_>, flags: FileFlags, now: Timestamp) -> Self {
        Self {
            mode: AtomicU32::new(with_flags(new.mode, flags)),
            owner: AtomicU64::new(pack(new.uid, new.gid)),
            created: now,
            times: Mutex::new(Times { accessed: now, modified: now, changed: now }),
        }
    }

    pub fn permissions(&self) -> Permissions {
        let owner = self.owner.load(Ordering::Acquire);
        let mode = self.mode.load(Ordering::Acquire);
        let flags = FileFlags::from_bits_truncate(mode >> FLAGS_SHIFT);
        Permissions { mode: mode & MODE_BITS, uid: (owner >> 32) as u32, gid: owner as u32, flags }
    }

    pub fn times(&self) -> Times {
        *self.times.lock()
    }

    /// Changes all but the size, whose change is seen here by the modification time.
    pub fn set(&self, set: &SetAttributes, now: Timestamp) {
        // Both under the lock of the times, so that two changes do not mix. The mode first: when set-id bits go with a
        // change of owner, nobody sees them with the new one.
        let mut times = self.times.lock();
        let present = self.permissions();
        if set.mode.is_some() || set.flags.is_some() {
            let (mode, flags) = (set.mode.unwrap_or(present.mode), set.flags.unwrap_or(present.flags));
            self.mode.store(with_flags(mode, flags), Ordering::Release);
        }
        if set.uid.is_some() || set.gid.is_some() {
            let owner = pack(set.uid.unwrap_or(present.uid), set.gid.unwrap_or(present.gid));
            self.owner.store(owner, Ordering::Release);
        }
        let at = |time| match time {
            SetTime::Now => now,
            SetTime::At(time) => time,
        };
        if let Some(time) = set.accessed {
            times.accessed = at(time);
        }
        match set.modified {
            Some(time) => times.modified = at(time),
            None if set.size.is_some() => times.modified = now,
            None => {}
        }
        times.changed = now;
    }

    /// Sets the change time.
    pub fn touch_changed(&self, now: Timestamp) {
        self.times.lock().changed = now;
    }

    /// Sets modification and change time.
    pub fn touch_modified(&self, now: Timestamp) {
        let mut times = self.times.lock();
        times.modified = now;
        times.changed = now;
    }

    /// Sets the access time where [`VfsNode::note_access`](crate::node::VfsNode::note_access) says.
    pub fn note_access(&self, now: Timestamp, strictly: bool) {
        if self.permissions().flags.contains(FileFlags::NO_ACCESS_TIME) {
            return;
        }
        let mut times = self.times.lock();
        if strictly
            || times.accessed <= times.modified
            || times.accessed <= times.changed
            || now.seconds - times.accessed.seconds >= DAY
        {
            times.accessed = now;
        }
    }
}

const MODE_BITS: u32 = 0o7777;
const FLAGS_SHIFT: u32 = 16;

const fn with_flags(mode: u32, flags: FileFlags) -> u32 {
    mode & MODE_BITS | flags.bits() << FLAGS_SHIFT
}

const fn pack(uid: u32, gid: u32) -> u64 {
    (uid as u64) << 32 | gid as u64
}
