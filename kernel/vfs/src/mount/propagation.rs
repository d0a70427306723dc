//! What peers and slaves mean for a mount that comes or goes (`mount_namespaces(7)`; the kernel's `sharedsubtree`).
//!
//! ```text
//!   P == Q          a mount comes to a place on P: a copy, its peer, comes to the same place on Q, a slave of those
//!   |               to R (in a group of its own, since R passes on), and a slave of that one to S. Where the place is
//!   v               not shown through R, S's copy is a slave of the first two.
//!   R --> S
//! ```
//!
//! All of this is under the lock of the family of namespaces ([`super::tree`]).

use super::group::{Kinship, Links, PeerGroup};
use super::namespace::Namespace;
use super::tree::{copy, lift, put, put_beneath};
use super::{MountPoint, Path};
use crate::entry::VfsEntry;
use crate::error::Result;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

/// The mounts of a group, or one slave that is in none.
struct Level {
    mounts: Vec<Arc<MountPoint>>,
    group: Option<Arc<PeerGroup>>,
    /// The level that it gets from; itself for the first.
    above: usize,
}

/// Everyone to whom a group passes on, itself first, each level after the one that it gets from.
fn levels(first: Arc<PeerGroup>) -> Vec<Level> {
    let mut known: HashSet<u64, FxBuildHasher> = HashSet::from_iter([first.id()]);
    let mut levels = alloc::vec![Level { mounts: first.members(), group: Some(first), above: 0 }];
    let mut above = 0;
    while above < levels.len() {
        let slaves = levels[above].group.as_ref().map_or_else(Vec::new, |group| group.slaves());
        for slave in slaves {
            match slave.group() {
                None => levels.push(Level { mounts: alloc::vec![slave], group: None, above }),
                Some(group) if known.insert(group.id()) => {
                    levels.push(Level { mounts: group.members(), group: Some(group), above });
                }
                Some(_) => {}
            }
        }
        above += 1;
    }
    levels
}

/// What stands on that entry of the mounts that a group passes on to, itself first.
fn copies(group: Arc<PeerGroup>, entry: &Arc<VfsEntry>) -> impl Iterator<Item = Arc<MountPoint>> {
    levels(group).into_iter().flat_map(|level| level.mounts).filter_map(|mount| mount.standing_at(entry))
}

/// A copy that comes to where a mount is passed on to.
pub(super) struct Arrival {
    mounts: Vec<Arc<MountPoint>>,
    at: Path,
    namespace: Arc<Namespace>,
}

/// Copies of `top` and what stands on it, all shared, for the places to which the mount `at` is on passes it on.
///
/// # Errors
/// `ENOSPC` when a namespace has too many mounts, `ENOMEM`.
pub(super) fn arrivals(top: &Arc<MountPoint>, at: &Path) -> Result<Vec<Arrival>> {
    let mut arrivals = Vec::new();
    let result = plan(top, at, &mut arrivals);
    if result.is_err() {
        arrivals.iter().for_each(|arrival| arrival.namespace.release(arrival.mounts.len()));
    }
    result.map(|()| arrivals)
}

fn plan(top: &Arc<MountPoint>, at: &Path, arrivals: &mut Vec<Arrival>) -> Result<()> {
    let levels = at.mount.group().map_or_else(Vec::new, levels);
    // What each level got, or the one above it where it got nothing.
    let mut given: Vec<Arc<MountPoint>> = Vec::new();
    for (index, level) in levels.iter().enumerate() {
        let mut peer = (index == 0).then(|| top.clone());
        for mount in &level.mounts {
            // What is in no namespace has not come yet itself, or is gone. As on Linux, nothing is passed on to what is
            // detached.
            let Some(namespace) = mount.namespace().filter(|namespace| !namespace.detached) else { continue };
            if Arc::ptr_eq(mount, &at.mount) || !mount.root.is_above(&at.entry) {
                continue;
            }
            let (source, kinship) = match (&peer, &level.group) {
                (Some(peer), _) => (peer, Kinship::Like),
                (None, Some(_)) => (&given[level.above], Kinship::SharedSlave),
                (None, None) => (&given[level.above], Kinship::Slave),
            };
            let pairs = copy(&Path::root_of(source.clone()), kinship, |_| true)?;
            namespace.reserve(pairs.len())?;
            let mounts: Vec<_> = pairs.into_iter().map(|(_, copy)| copy).collect();
            peer.get_or_insert_with(|| mounts[0].clone());
            let at = Path { mount: mount.clone(), entry: at.entry.clone() };
            arrivals.push(Arrival { mounts, at, namespace });
        }
        given.push(peer.unwrap_or_else(|| given[level.above].clone()));
    }
    Ok(())
}

impl Arrival {
    /// Lets it come: below what stands there already, which then stands on it.
    pub fn arrive(self) {
        let Some(top) = self.mounts.first() else { return };
        self.mounts.iter().for_each(|mount| mount.join(&self.namespace));
        put_beneath(top, &self.at);
    }
}

/// Whether what comes to a place is passed on to the root of that mount, and covers it.
pub(super) fn covers(at: &Path, mount: &MountPoint) -> bool {
    let Some(group) = at.mount.group().filter(|_| Arc::ptr_eq(&mount.root, &at.entry)) else { return false };
    let Links { group: own, master, .. } = mount.links();
    own.into_iter().chain(PeerGroup::from_upwards(master)).any(|one| Arc::ptr_eq(&one, &group))
}

/// Whether somebody uses one of the mounts that go along when `mount` does.
pub(super) fn is_copy_used(mount: &MountPoint) -> bool {
    let Some(place) = mount.place() else { return false };
    let copies: Vec<_> = place.mount.group().map_or_else(Vec::new, |group| copies(group, &place.entry).collect());
    copies.iter().filter(|copy| copy.id != mount.id).any(|copy| {
        // One that something else stands on stays; one that is wholly covered goes.
        let bare = copy.standing.read().is_empty() || copy.standing_at(&copy.root).is_some();
        // The place where it stands, and the list.
        bare && Arc::strong_count(copy) > 2
    })
}

/// Takes mounts away that are all that stand on each other, and their copies where that is passed on to. A copy that
/// something else stands on stays, and so does what it stands on itself; where that something covers a copy wholly, the
/// copy goes, and it sinks to the copy's place. All that are gone: for the caller to drop when it holds no lock.
pub(super) fn remove(mut going: Vec<Arc<MountPoint>>) -> Vec<Arc<MountPoint>> {
    let mut known: HashSet<u64, FxBuildHasher> = going.iter().map(|mount| mount.id).collect();
    let asked: HashSet<u64, FxBuildHasher> = known.clone();
    let mut coming_along = Vec::new();
    // Many may stand on one place, as members of one group see it.
    let mut places: HashSet<(u64, usize), FxBuildHasher> = HashSet::default();
    for place in going.iter().filter_map(|mount| mount.place()) {
        let Some(group) = place.mount.group() else { continue };
        if places.insert((group.id(), Arc::as_ptr(&place.entry).addr())) {
            coming_along.extend(copies(group, &place.entry).filter(|copy| known.insert(copy.id)));
        }
    }
    let mut staying: HashSet<u64, FxBuildHasher> = HashSet::default();
    for copy in &coming_along {
        let others: Vec<_> = copy.children().into_iter().filter(|child| !known.contains(&child.id)).collect();
        if others.iter().any(|other| other.place().is_some_and(|place| !place.is_mount_root())) {
            staying.insert(copy.id);
        }
        if others.is_empty() {
            continue;
        }
        let mut at = copy.place();
        while let Some(place) = at.filter(|place| known.contains(&place.mount.id) && !asked.contains(&place.mount.id)) {
            if !place.is_mount_root() {
                staying.insert(place.mount.id);
            }
            at = place.mount.place();
        }
    }
    going.extend(coming_along.into_iter().filter(|copy| !staying.contains(&copy.id)));
    let gone: HashSet<u64, FxBuildHasher> = going.iter().map(|mount| mount.id).collect();
    let sinking: Vec<_> = going.iter().filter_map(|mount| sink(mount, &gone)).collect();
    for mount in &going {
        lift(mount);
        mount.leave();
        mount.leave_namespace();
    }
    for (mount, place) in sinking {
        lift(&mount);
        put(mount, &place);
    }
    going
}

/// What stays of those that stand on `mount`, which goes, and where it comes to stand.
fn sink(mount: &Arc<MountPoint>, gone: &HashSet<u64, FxBuildHasher>) -> Option<(Arc<MountPoint>, Path)> {
    let cover = mount.standing_at(&mount.root).filter(|cover| !gone.contains(&cover.id))?;
    let mut place = mount.place()?;
    while gone.contains(&place.mount.id) {
        place = place.mount.place()?;
    }
    Some((cover, place))
}
