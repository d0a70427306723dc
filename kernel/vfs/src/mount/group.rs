//! Which mounts pass on to which what is mounted on them: peer groups and slaves (`mount_namespaces(7)`).
//!
//! ```text
//!   A == B          peers, of one group: what is mounted on one is mounted on the other
//!   |
//!   v
//!   C == D          slaves of the first group, all of them: what comes to it comes to them, and not the reverse;
//!                   here they are peers of each other as well
//! ```
//!
//! Invariants: all members of a group have the same master; a group that has lost its last member has no slaves, they
//! went to its master's or are slaves no more. A group knows mounts weakly: a mount leaves when it is unmounted, or
//! when nobody has it any more.
//!
//! Locks: changes are made under the lock of the family of namespaces ([`super::tree`]), but for a mount that goes.
//! Those here are leaves: of two at most, `links` before a group's.

use super::MountPoint;
use crate::sync::Mutex;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicU64, Ordering};

/// Mounts that pass everything on to each other.
pub(crate) struct PeerGroup {
    id: u64,
    members: Mutex<Mounts>,
    slaves: Mutex<Mounts>,
}

/// Mounts by their numbers.
type Mounts = BTreeMap<u64, Weak<MountPoint>>;

/// What a mount has to do with others.
#[derive(Clone, Default)]
pub(crate) struct Links {
    /// Those to whom it passes on, and who pass on to it. Without one it is private.
    pub group: Option<Arc<PeerGroup>>,
    /// Those who pass on to it alone.
    pub master: Option<Arc<PeerGroup>>,
    /// Whether it is shown at no second place.
    pub unbindable: bool,
}

/// What a copy of a mount has to do with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kinship {
    /// All that it has to do with others: its peer, if it is shared, and a slave of the same master.
    Like,
    /// It gets from it, and passes nothing on.
    Slave,
    /// It gets from it, and has a group of its own.
    SharedSlave,
}

fn add(mounts: &Mutex<Mounts>, mount: &Arc<MountPoint>) {
    mounts.lock().insert(mount.id, Arc::downgrade(mount));
}

fn all(mounts: &Mutex<Mounts>) -> Vec<Arc<MountPoint>> {
    mounts.lock().values().filter_map(Weak::upgrade).collect()
}

impl PeerGroup {
    /// The group of that mount alone.
    fn of(mount: &Arc<MountPoint>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let group = Arc::new(Self { id, members: Mutex::default(), slaves: Mutex::default() });
        add(&group.members, mount);
        group
    }

    /// Its number, unique among all groups there ever were.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A group, the one that its members get from, and so on.
    pub fn from_upwards(first: Option<Arc<Self>>) -> impl Iterator<Item = Arc<Self>> {
        core::iter::successors(first, |group| group.members().first()?.links().master)
    }

    pub fn members(&self) -> Vec<Arc<MountPoint>> {
        all(&self.members)
    }

    pub fn slaves(&self) -> Vec<Arc<MountPoint>> {
        all(&self.slaves)
    }

    /// Loses a member. With the last one its slaves become those of `master`. Whether others are left.
    fn lose(&self, member: &MountPoint, master: Option<&Arc<Self>>) -> bool {
        let mut members = self.members.lock();
        members.remove(&member.id);
        let others = members.values().any(|other| other.strong_count() > 0);
        drop(members);
        if !others {
            let slaves = mem::take(&mut *self.slaves.lock());
            for slave in slaves.values().filter_map(Weak::upgrade) {
                slave.links.write().master = master.cloned();
                if let Some(master) = master {
                    add(&master.slaves, &slave);
                }
            }
        }
        others
    }
}

impl MountPoint {
    /// What it has to do with others, now.
    pub(crate) fn links(&self) -> Links {
        self.links.read().clone()
    }

    /// Its group, if it is shared.
    pub(crate) fn group(&self) -> Option<Arc<PeerGroup>> {
        self.links.read().group.clone()
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.links.read().group.is_some()
    }

    pub(crate) fn is_unbindable(&self) -> bool {
        self.links.read().unbindable
    }

    /// Makes it shared, in a group of its own if it has none (`MS_SHARED`). Whether it had none.
    pub(crate) fn share(self: &Arc<Self>) -> bool {
        let mut links = self.links.write();
        links.unbindable = false;
        let fresh = links.group.is_none();
        if fresh {
            links.group = Some(PeerGroup::of(self));
        }
        fresh
    }

    /// Undoes a [`MountPoint::share`] that made a group.
    pub(crate) fn share_no_more(&self) {
        let group = self.links.write().group.take();
        if let Some(group) = group {
            group.lose(self, None);
        }
    }

    /// Makes it pass on nothing: it becomes a slave of those who were its peers. One that was alone in its group keeps
    /// its master, and without one has none; one that is not shared stays as it is (`MS_SLAVE`).
    pub(crate) fn enslave(self: &Arc<Self>) {
        let Links { group, master, .. } = self.links();
        let Some(group) = group else { return };
        let master = if group.lose(self, master.as_ref()) {
            if let Some(master) = master {
                master.slaves.lock().remove(&self.id);
            }
            add(&group.slaves, self);
            Some(group)
        } else {
            master
        };
        let mut links = self.links.write();
        (links.group, links.master) = (None, master);
    }

    /// Has nothing to do with others any more, and may be shown anywhere (`MS_PRIVATE`).
    pub(crate) fn leave(&self) {
        let Links { group, master, .. } = mem::take(&mut *self.links.write());
        if let Some(group) = group {
            group.lose(self, master.as_ref());
        }
        if let Some(master) = master {
            master.slaves.lock().remove(&self.id);
        }
    }

    /// Has nothing to do with others any more, and is shown at no second place (`MS_UNBINDABLE`).
    pub(crate) fn leave_unbindable(&self) {
        self.leave();
        self.links.write().unbindable = true;
    }

    /// Makes what has no links yet the kin of `original`.
    pub(crate) fn become_kin(self: &Arc<Self>, original: &Self, kinship: Kinship) {
        let Links { group, master, unbindable } = original.links();
        let links = match kinship {
            Kinship::Like => Links { group, master, unbindable },
            Kinship::Slave => Links { group: None, master: group, unbindable: false },
            Kinship::SharedSlave => Links { group: Some(PeerGroup::of(self)), master: group, unbindable: false },
        };
        if let Some(group) = links.group.as_ref().filter(|_| kinship == Kinship::Like) {
            add(&group.members, self);
        }
        if let Some(master) = &links.master {
            add(&master.slaves, self);
        }
        *self.links.write() = links;
    }
}
