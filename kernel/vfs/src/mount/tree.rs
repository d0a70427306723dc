//! The mounts of a namespace, and every change of them.
//!
//! Namespaces that were made from one another are a family: a mount in one may pass on to the others what is mounted on
//! it, so one lock orders the changes of all of them. Who walks takes none but that of the mount it steps from. What
//! comes is put together out of sight and shows at once; nothing is freed while the lock is held.

use super::group::Kinship;
use super::propagation::{self, Arrival};
use super::{MountPoint, Path};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::sync::{Mutex, MutexGuard, RwLock};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// How many mounts a namespace has at most (`/proc/sys/fs/mount-max`).
pub const MOUNTS_MAX: usize = 100_000;

/// What the mounts of a namespace know of it.
pub(crate) struct Namespace {
    /// The lock of its family.
    changes: Arc<Mutex<()>>,
    mounts: AtomicUsize,
    /// Whether it is nobody's: its mounts are to be put somewhere else.
    detached: bool,
}

impl Namespace {
    fn new(changes: Arc<Mutex<()>>, detached: bool) -> Arc<Self> {
        Arc::new(Self { changes, mounts: AtomicUsize::new(0), detached })
    }

    /// Counts mounts that are to come.
    ///
    /// # Errors
    /// `ENOSPC` when they are too many.
    pub fn reserve(&self, mounts: usize) -> Result<()> {
        let enough = |present: usize| present.checked_add(mounts).filter(|all| *all <= MOUNTS_MAX);
        match self.mounts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough) {
            Ok(_) => Ok(()),
            Err(_) => fail(FileSystemErrorKind::NoSpace),
        }
    }

    /// Counts mounts off.
    pub fn release(&self, mounts: usize) {
        self.mounts.fetch_sub(mounts, Ordering::Relaxed);
    }
}

impl MountPoint {
    /// The namespace it is in.
    pub(crate) fn namespace(&self) -> Option<Arc<Namespace>> {
        self.namespace.read().clone()
    }

    /// Notes in which namespace it is, in which it is counted already.
    pub(crate) fn set_namespace(&self, namespace: Option<Arc<Namespace>>) {
        let before = core::mem::replace(&mut *self.namespace.write(), namespace);
        if let Some(before) = before {
            before.release(1);
        }
    }
}

/// Puts a mount on a place where nothing stands.
pub(crate) fn put(mount: Arc<MountPoint>, at: &Path) {
    *mount.place.write() = Some((Arc::downgrade(&at.mount), at.entry.clone()));
    at.entry.add_mount();
    at.mount.standing.write().insert(Arc::as_ptr(&at.entry).addr(), mount);
}

/// Takes a mount off the place where it stands.
pub(crate) fn lift(mount: &MountPoint) -> Option<Arc<MountPoint>> {
    let (parent, entry) = mount.place.write().take()?;
    entry.remove_mount();
    parent.upgrade()?.standing.write().remove(&Arc::as_ptr(&entry).addr())
}

/// `top` and all mounts that stand on it, each before those that stand on itself.
pub(crate) fn subtree(top: &Arc<MountPoint>) -> Vec<Arc<MountPoint>> {
    let mut found = Vec::new();
    let mut waiting = alloc::vec![top.clone()];
    while let Some(mount) = waiting.pop() {
        waiting.extend(mount.children().into_iter().rev());
        found.push(mount);
    }
    found
}

/// Takes mounts and all that stand on them off each other: they go, one by one, with their last users.
pub(super) fn take_apart(mut mounts: Vec<Arc<MountPoint>>) {
    let mut next = 0;
    while next < mounts.len() {
        let standing = core::mem::take(&mut *mounts[next].standing.write());
        for child in standing.into_values() {
            if let Some((_, entry)) = child.place.write().take() {
                entry.remove_mount();
            }
            mounts.push(child);
        }
        next += 1;
    }
    for mount in &mounts {
        mount.leave();
        mount.set_namespace(None);
    }
}

/// Mounts, each with its copy.
type Pairs = Vec<(Arc<MountPoint>, Arc<MountPoint>)>;

/// Copies what is shown from `source` downwards and, where `wanted` says so, the mounts below it; where it does not, also
/// not what stands on them. The first copy is the one that all others stand on; none is in a namespace.
///
/// # Errors
/// `ENOMEM`.
pub(crate) fn copy(source: &Path, kinship: Kinship, wanted: impl Fn(&MountPoint) -> bool) -> Result<Pairs> {
    let top = source.mount.duplicate(&source.entry)?;
    top.become_kin(&source.mount, kinship);
    let mut copies: HashMap<u64, Arc<MountPoint>, FxBuildHasher> = HashMap::with_hasher(FxBuildHasher);
    copies.insert(source.mount.id, top.clone());
    let mut pairs = alloc::vec![(source.mount.clone(), top)];
    for mount in subtree(&source.mount).into_iter().skip(1).filter(|mount| wanted(mount)) {
        let Some(place) = mount.place() else { continue };
        let Some(parent) = copies.get(&place.mount.id) else { continue };
        if Arc::ptr_eq(&place.mount, &source.mount) && !source.entry.is_above(&place.entry) {
            continue;
        }
        let copy = mount.duplicate(&mount.root)?;
        copy.become_kin(&mount, kinship);
        put(copy.clone(), &Path { mount: parent.clone(), entry: place.entry });
        copies.insert(mount.id, copy.clone());
        pairs.push((mount, copy));
    }
    Ok(pairs)
}

/// The mounts of a namespace.
pub struct MountTree {
    root: RwLock<Arc<MountPoint>>,
    namespace: Arc<Namespace>,
}

impl MountTree {
    /// A tree of one mount, in a family of its own.
    pub(crate) fn new(root: Arc<MountPoint>) -> Self {
        let namespace = Namespace::new(Arc::default(), false);
        namespace.mounts.store(1, Ordering::Relaxed);
        root.set_namespace(Some(namespace.clone()));
        Self { root: RwLock::new(root), namespace }
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.namespace.changes.lock()
    }

    /// The mount at the top.
    pub fn root(&self) -> Arc<MountPoint> {
        self.root.read().clone()
    }

    /// All mounts, in the order they were made.
    pub fn mounts(&self) -> Vec<Arc<MountPoint>> {
        let mut all = self.standing_on(&self.root());
        all.sort_unstable_by_key(|mount| mount.id);
        all
    }

    /// The mount and all that stand on it.
    pub(crate) fn standing_on(&self, mount: &Arc<MountPoint>) -> Vec<Arc<MountPoint>> {
        let _change = self.change();
        subtree(mount)
    }

    fn has(&self, mount: &MountPoint) -> bool {
        mount.namespace().is_some_and(|namespace| Arc::ptr_eq(&namespace, &self.namespace))
    }

    /// Requires that a mount is in this namespace.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(crate) fn check(&self, mount: &MountPoint) -> Result<()> {
        if self.has(mount) { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    /// Does something with a mount of this namespace, or of a detached tree, or, with `recursive`, with it and all that
    /// stand on it.
    ///
    /// # Errors
    /// `EINVAL` for one that is in neither; what `act` answers.
    pub(crate) fn with(
        &self,
        mount: &Arc<MountPoint>,
        recursive: bool,
        act: impl FnOnce(&[Arc<MountPoint>]) -> Result<()>,
    ) -> Result<()> {
        let _change = self.change();
        if !self.is_detached(mount) {
            self.check(mount)?;
        }
        act(&if recursive { subtree(mount) } else { alloc::vec![mount.clone()] })
    }

    /// Puts a mount on a place, on top of what stands there already, and copies of it where that is passed on to.
    ///
    /// # Errors
    /// `EINVAL` when the place is no longer in this namespace, `ENOSPC` when a namespace has too many mounts, `ENOMEM`.
    pub(crate) fn attach(&self, mount: &Arc<MountPoint>, at: Path) -> Result<()> {
        let _change = self.change();
        self.attach_tree(mount, &at.crossed())
    }

    /// As [`MountTree::attach`], for a mount with all that stands on it, to a place where nothing stands.
    fn attach_tree(&self, top: &Arc<MountPoint>, at: &Path) -> Result<()> {
        self.check(&at.mount)?;
        let coming = subtree(top);
        let new = if self.has(top) { 0 } else { coming.len() };
        self.namespace.reserve(new)?;
        let mut copies = Vec::new();
        if at.mount.is_shared() {
            let fresh: Vec<_> = coming.iter().filter(|mount| mount.share()).collect();
            match propagation::arrivals(top, at) {
                Ok(arrivals) => copies = arrivals,
                Err(error) => {
                    fresh.into_iter().for_each(|mount| mount.share_no_more());
                    self.namespace.release(new);
                    return Err(error);
                }
            }
        }
        lift(top);
        if new != 0 {
            coming.iter().for_each(|mount| mount.set_namespace(Some(self.namespace.clone())));
        }
        put(top.clone(), at);
        copies.into_iter().for_each(Arrival::arrive);
        Ok(())
    }

    /// Moves a mount with all that stands on it to another place (`MS_MOVE`). It may be the root of a detached tree.
    ///
    /// # Errors
    /// `EINVAL` for the root of the namespace, what else is not in it, what stands on a shared mount, and where something
    /// unbindable would come to a shared mount; `ELOOP` for a place below the mount; `ENOSPC`, `ENOMEM`.
    pub(crate) fn relocate(&self, mount: &Arc<MountPoint>, at: Path) -> Result<()> {
        let _change = self.change();
        let at = at.crossed();
        self.check(&at.mount)?;
        let movable = match mount.place() {
            Some(place) => self.has(mount) && !place.mount.is_shared(),
            None => self.is_detached(mount),
        };
        let unbindable = || subtree(mount).iter().any(|mount| mount.is_unbindable());
        if !movable || at.mount.is_shared() && unbindable() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if Path::root_of(mount.clone()).is_above(&at) {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        self.attach_tree(mount, &at)
    }

    /// Puts a copy of the view from `source` downwards on a place; with `recursive`, of all mounts below it too, but for
    /// those that are unbindable.
    ///
    /// # Errors
    /// As [`MountTree::attach`]; `EINVAL` for what is unbindable.
    pub(crate) fn attach_copy(&self, source: &Path, recursive: bool, at: Path) -> Result<()> {
        let _change = self.change();
        if source.mount.is_unbindable() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let pairs = copy(source, Kinship::Like, |mount| recursive && !mount.is_unbindable())?;
        self.attach_tree(&pairs[0].1, &at.crossed())
    }

    /// Takes a mount away, and its copies where that is passed on to; `users` is how many references to it the caller
    /// holds. With `when_unused` only the second time, if nobody has used it since the first (`MNT_EXPIRE`).
    ///
    /// # Errors
    /// `EINVAL` for what is not in this namespace; `EBUSY` when somebody else uses it or a copy, a mount stands on it, or
    /// it is the root of the namespace; `EAGAIN` the first time.
    pub(crate) fn detach(&self, mount: &Arc<MountPoint>, users: usize, when_unused: bool) -> Result<()> {
        let change = self.change();
        self.check(mount)?;
        let used = Arc::strong_count(mount) > 1 + users || !mount.standing.read().is_empty();
        if used || mount.place().is_none() || propagation::is_copy_used(mount) {
            return fail(FileSystemErrorKind::Busy);
        }
        if when_unused && !mount.expiring.swap(true, Ordering::Relaxed) {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        let gone = propagation::remove(alloc::vec![mount.clone()]);
        drop(change);
        drop(gone);
        Ok(())
    }

    /// Takes a mount and all that stand on it out of the tree, and their copies where that is passed on to, whoever uses
    /// them; they go when the last user does.
    ///
    /// # Errors
    /// `EINVAL` for what is not in this namespace; `EBUSY` for the root of the namespace.
    pub(crate) fn detach_lazily(&self, mount: &Arc<MountPoint>) -> Result<()> {
        let change = self.change();
        self.check(mount)?;
        if mount.place().is_none() {
            return fail(FileSystemErrorKind::Busy);
        }
        let gone = propagation::remove(subtree(mount));
        drop(change);
        drop(gone);
        Ok(())
    }

    /// Puts the mount whose root is `new_root` where `old` stands, or at the top of the tree, and `old` on `put_old`
    /// (`pivot_root(2)`; the manager has checked the rest).
    ///
    /// # Errors
    /// `EINVAL` when one of them is not in this tree.
    pub(crate) fn pivot(&self, old: &Arc<MountPoint>, new_root: &Path, put_old: &Path) -> Result<()> {
        let _change = self.change();
        self.check(old)?;
        self.check(&new_root.mount)?;
        let Some(new) = lift(&new_root.mount) else { return fail(FileSystemErrorKind::InvalidArgument) };
        match old.place() {
            Some(place) => {
                lift(old);
                put(new, &place);
            }
            None => *self.root.write() = new,
        }
        put(old.clone(), put_old);
        Ok(())
    }

    /// A tree of its own with the same mounts, of the same family, and for each path of `paths` the same place in it.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(crate) fn duplicate(&self, paths: &mut [&mut Path]) -> Result<Self> {
        let _change = self.change();
        let pairs = copy(&Path::root_of(self.root()), Kinship::Like, |_| true)?;
        let tree = self.beside(&pairs, false)?;
        for path in paths {
            if let Some((_, mount)) = pairs.iter().find(|(original, _)| Arc::ptr_eq(original, &path.mount)) {
                path.mount = mount.clone();
            }
        }
        Ok(tree)
    }

    /// A tree of the same family that has these copies.
    fn beside(&self, pairs: &Pairs, detached: bool) -> Result<Self> {
        let namespace = Namespace::new(self.namespace.changes.clone(), detached);
        namespace.reserve(pairs.len())?;
        pairs.iter().for_each(|(_, copy)| copy.set_namespace(Some(namespace.clone())));
        Ok(Self { root: RwLock::new(pairs[0].1.clone()), namespace })
    }

    /// A detached tree of the same family, of one mount.
    ///
    /// # Errors
    /// None that is to be expected: one mount is not too many.
    pub(crate) fn detached(&self, mount: Arc<MountPoint>) -> Result<Self> {
        self.beside(&alloc::vec![(mount.clone(), mount)], true)
    }

    /// A detached tree of the same family that is a copy of the view from `source` downwards; with `recursive`, of all
    /// mounts below it too, but for those that are unbindable (`OPEN_TREE_CLONE`).
    ///
    /// # Errors
    /// `EINVAL` for what is unbindable, or neither in this namespace nor detached itself; `ENOMEM`.
    pub(crate) fn detached_copy(&self, source: &Path, recursive: bool) -> Result<Self> {
        let _change = self.change();
        if source.mount.is_unbindable() || !self.has(&source.mount) && !self.is_detached(&source.mount) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let pairs = copy(source, Kinship::Like, |mount| recursive && !mount.is_unbindable())?;
        self.beside(&pairs, true)
    }

    /// Whether a mount is in a detached tree of the same family.
    pub(crate) fn is_detached(&self, mount: &MountPoint) -> bool {
        let same = |changes: &Arc<Mutex<()>>| Arc::ptr_eq(changes, &self.namespace.changes);
        mount.namespace().is_some_and(|namespace| namespace.detached && same(&namespace.changes))
    }

    /// Gives a mount that has nothing to do with others the links of another of the same file system, which shows all
    /// that it shows (`MOVE_MOUNT_SET_GROUP`).
    ///
    /// # Errors
    /// `EINVAL` where one of these is not so.
    pub(crate) fn set_group(&self, from: &MountPoint, to: &Arc<MountPoint>) -> Result<()> {
        let _change = self.change();
        let links = |mount: &MountPoint| mount.is_shared() || mount.links().master.is_some();
        let usable = |mount: &MountPoint| self.has(mount) || self.is_detached(mount);
        let shows = Arc::ptr_eq(&from.superblock, &to.superblock) && from.root.is_above(&to.root);
        if !usable(from) || !usable(to) || !shows || !links(from) || links(to) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        to.become_kin(from, Kinship::Like);
        Ok(())
    }

    /// The private clone of the mounts at and below `path`, as they are now.
    ///
    /// # Errors
    /// `ENOENT` for a name that is bound to nothing.
    pub(crate) fn private(&self, path: &Path) -> Result<crate::private_tree::PrivateTree> {
        let _change = self.change();
        let mut tree = crate::private_tree::PrivateTree::new(path)?;
        let mut order = alloc::vec![path.mount.clone()];
        for mount in subtree(&path.mount).into_iter().skip(1) {
            let Some(place) = mount.place() else { continue };
            if Arc::ptr_eq(&place.mount, &path.mount) && !path.entry.is_above(&place.entry) {
                continue;
            }
            let parent = order.iter().position(|known| Arc::ptr_eq(known, &place.mount));
            if let (Some(parent), Some(at)) = (parent, place.entry.node()) {
                tree.add(parent, at.id(), &mount)?;
                order.push(mount);
            }
        }
        Ok(tree)
    }
}

impl Drop for MountTree {
    fn drop(&mut self) {
        // What was detached may have been put somewhere.
        let root = self.root();
        if self.has(&root) {
            take_apart(alloc::vec![root]);
        }
    }
}
