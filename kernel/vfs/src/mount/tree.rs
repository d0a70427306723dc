//! The mounts of a namespace, and every change of them.
//!
//! Namespaces that were made from one another are a family: a mount in one may pass on to the others what is mounted on
//! it, so one lock orders the changes of all of them. Who walks takes none but that of the mount it steps from. What
//! comes is put together out of sight and shows at once; nothing is freed while the lock is held.

use super::group::Kinship;
use super::namespace::Namespace;
use super::propagation::{self, Arrival};
use super::{MountPoint, Path};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::manager::VfsManager;
use crate::sync::{MutexGuard, RwLock};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::ops::RangeBounds;
use core::sync::atomic::Ordering;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// Puts a mount on a place where nothing stands.
pub(crate) fn put(mount: Arc<MountPoint>, at: &Path) {
    *mount.place.write() = Some((Arc::downgrade(&at.mount), at.entry.clone()));
    at.entry.add_mount();
    at.mount.standing.write().insert(Arc::as_ptr(&at.entry).addr(), mount);
}

/// Puts a mount with all that stands on it on a place, below what stands there already, which then stands on it.
pub(super) fn put_beneath(mount: &Arc<MountPoint>, at: &Path) {
    let above = at.mount.standing_at(&at.entry);
    if let Some(above) = &above {
        lift(above);
    }
    let ceiling = Path::root_of(mount.clone()).crossed();
    put(mount.clone(), at);
    if let Some(above) = above {
        put(above, &ceiling);
    }
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
        mount.leave_namespace();
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
        let namespace = Namespace::new(Arc::default());
        namespace.count.store(1, Ordering::Relaxed);
        root.join(&namespace);
        Self { root: RwLock::new(root), namespace }
    }

    pub(super) fn change(&self) -> MutexGuard<'_, ()> {
        self.namespace.family.changes.lock()
    }

    /// The number of the namespace, which none before it had.
    pub(crate) fn number(&self) -> u64 {
        self.namespace.number
    }

    /// Lets the family know whose tree it is.
    pub(crate) fn announce(&self, manager: &Arc<VfsManager>) {
        self.namespace.family.namespaces.lock().insert(self.number(), Arc::downgrade(manager));
    }

    /// Undoes a [`MountTree::announce`].
    pub(crate) fn withdraw(&self) {
        self.namespace.family.namespaces.lock().remove(&self.number());
    }

    /// The first namespace of the family whose number is in a range; the last one, if asked for that.
    pub(crate) fn relative(&self, numbers: impl RangeBounds<u64>, last: bool) -> Option<Arc<VfsManager>> {
        let namespaces = self.namespace.family.namespaces.lock();
        let mut found = namespaces.range(numbers).filter_map(|(_, manager)| manager.upgrade());
        if last { found.next_back() } else { found.next() }
    }

    /// The mount at the top.
    pub fn root(&self) -> Arc<MountPoint> {
        self.root.read().clone()
    }

    /// All mounts, in the order they were made.
    pub fn mounts(&self) -> Vec<Arc<MountPoint>> {
        self.namespace.mounts.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// The mount of that number.
    pub fn mount(&self, number: u64) -> Option<Arc<MountPoint>> {
        self.namespace.mounts.lock().get(&number).and_then(Weak::upgrade)
    }

    /// How many mounts there are.
    pub fn count(&self) -> usize {
        self.namespace.mounts.lock().len()
    }

    /// The first mounts whose numbers are in a range, at most so many; the last ones, the last first, if asked for that.
    pub fn some_mounts(&self, numbers: impl RangeBounds<u64>, most: usize, last: bool) -> Vec<Arc<MountPoint>> {
        let mounts = self.namespace.mounts.lock();
        let found = mounts.range(numbers).filter_map(|(_, mount)| mount.upgrade());
        if last { found.rev().take(most).collect() } else { found.take(most).collect() }
    }

    pub(super) fn has(&self, mount: &MountPoint) -> bool {
        mount.namespace().is_some_and(|namespace| Arc::ptr_eq(&namespace, &self.namespace))
    }

    /// Requires that a mount is in this namespace.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(crate) fn check(&self, mount: &MountPoint) -> Result<()> {
        if self.has(mount) { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    /// Requires that a mount is in this namespace, or in a detached tree that is not a copy of another's.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(crate) fn check_usable(&self, mount: &MountPoint) -> Result<()> {
        let usable = |namespace: Arc<Namespace>| {
            Arc::ptr_eq(&namespace, &self.namespace)
                || self.is_relative(&namespace) && namespace.detached && [0, self.number()].contains(&namespace.number)
        };
        if mount.namespace().is_some_and(usable) { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    /// Requires that a mount is in any namespace of the family.
    ///
    /// # Errors
    /// `EINVAL`.
    fn check_known(&self, mount: &MountPoint) -> Result<()> {
        let known = mount.namespace().is_some_and(|namespace| self.is_relative(&namespace));
        if known { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    fn is_relative(&self, namespace: &Namespace) -> bool {
        Arc::ptr_eq(&namespace.family, &self.namespace.family)
    }

    /// Whether a mount is the first of a detached tree.
    pub(crate) fn is_detached_root(&self, mount: &MountPoint) -> bool {
        let namespace = mount.namespace();
        namespace.is_some_and(|namespace| namespace.detached && self.is_relative(&namespace)) && mount.place().is_none()
    }

    /// Does something with a mount of any namespace of the family or, with `recursive`, with it and all that stand on it.
    ///
    /// # Errors
    /// `EINVAL` for one that is in none; what `act` answers.
    pub(crate) fn with(
        &self,
        mount: &Arc<MountPoint>,
        recursive: bool,
        act: impl FnOnce(&[Arc<MountPoint>]) -> Result<()>,
    ) -> Result<()> {
        let _change = self.change();
        self.check_known(mount)?;
        act(&if recursive { subtree(mount) } else { alloc::vec![mount.clone()] })
    }

    /// Puts a mount on a place, on top of what stands there already, and copies of it where that is passed on to.
    ///
    /// # Errors
    /// `ENOENT` when the place is in no namespace any more, `EINVAL` when it is not in this one, `ENOSPC` when a
    /// namespace has too many mounts, `ENOMEM`.
    pub(crate) fn attach(&self, mount: &Arc<MountPoint>, at: Path) -> Result<()> {
        let _change = self.change();
        self.attach_tree(mount, &self.own_place(at)?)
    }

    /// Where something comes that is put on a place.
    ///
    /// # Errors
    /// `ENOENT` when that is in no namespace any more.
    pub(super) fn place_on(at: Path) -> Result<Path> {
        let at = at.crossed();
        if at.mount.namespace().is_some() { Ok(at) } else { fail(FileSystemErrorKind::NotFound) }
    }

    /// As [`MountTree::place_on`], in this namespace.
    ///
    /// # Errors
    /// `ENOENT` when it is in none any more, `EINVAL` when it is in another.
    fn own_place(&self, at: Path) -> Result<Path> {
        let at = Self::place_on(at)?;
        self.check(&at.mount)?;
        Ok(at)
    }

    /// Puts a mount with all that stands on it on a place, below what stands there already, and copies of all where that
    /// is passed on to.
    pub(super) fn attach_tree(&self, top: &Arc<MountPoint>, at: &Path) -> Result<()> {
        let namespace = at.mount.namespace().ok_or(FileSystemErrorKind::NotFound)?;
        let coming = subtree(top);
        let is_there = top.namespace().is_some_and(|its| Arc::ptr_eq(&its, &namespace));
        let new = if is_there { 0 } else { coming.len() };
        namespace.reserve(new)?;
        let mut copies = Vec::new();
        if at.mount.is_shared() {
            let fresh: Vec<_> = coming.iter().filter(|mount| mount.share()).collect();
            match propagation::arrivals(top, at) {
                Ok(arrivals) => copies = arrivals,
                Err(error) => {
                    fresh.into_iter().for_each(|mount| mount.share_no_more());
                    namespace.release(new);
                    return Err(error);
                }
            }
        }
        lift(top);
        if new != 0 {
            coming.iter().for_each(|mount| mount.join(&namespace));
        }
        put_beneath(top, at);
        copies.into_iter().for_each(Arrival::arrive);
        Ok(())
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
        let at = self.own_place(at)?;
        let pairs = copy(source, Kinship::Like, |mount| recursive && !mount.is_unbindable())?;
        self.attach_tree(&pairs[0].1, &at)
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
        let tree = Self::of(Namespace::new(self.namespace.family.clone()), pairs.iter().map(|(_, copy)| copy))?;
        for path in paths {
            if let Some((_, mount)) = pairs.iter().find(|(original, _)| Arc::ptr_eq(original, &path.mount)) {
                path.mount = mount.clone();
            }
        }
        Ok(tree)
    }

    /// A tree of these mounts, of which the first is that at the top.
    ///
    /// # Errors
    /// `ENOSPC` when they are too many.
    fn of<'a>(namespace: Arc<Namespace>, mounts: impl ExactSizeIterator<Item = &'a Arc<MountPoint>>) -> Result<Self> {
        namespace.reserve(mounts.len())?;
        let mut top = None;
        for mount in mounts {
            mount.join(&namespace);
            top.get_or_insert(mount);
        }
        let top = top.ok_or(FileSystemErrorKind::InvalidArgument)?;
        Ok(Self { root: RwLock::new(top.clone()), namespace })
    }

    /// A detached tree of the same family, of one mount.
    ///
    /// # Errors
    /// None that is to be expected: one mount is not too many.
    pub(crate) fn detached(&self, mount: &Arc<MountPoint>) -> Result<Self> {
        Self::of(Namespace::build(self.namespace.family.clone(), 0, true), [mount].into_iter())
    }

    /// A detached tree of the same family that is a copy of the view from `source` downwards; with `recursive`, of all
    /// mounts below it too, but for those that are unbindable (`OPEN_TREE_CLONE`).
    ///
    /// # Errors
    /// `EINVAL` for what is unbindable, or neither in this namespace nor detached itself; `ENOMEM`.
    pub(crate) fn detached_copy(&self, source: &Path, recursive: bool) -> Result<Self> {
        let _change = self.change();
        self.check_usable(&source.mount)?;
        let origin = source.mount.namespace().filter(|_| !source.mount.is_unbindable());
        let Some(origin) = origin else { return fail(FileSystemErrorKind::InvalidArgument) };
        let pairs = copy(source, Kinship::Like, |mount| recursive && !mount.is_unbindable())?;
        let namespace = Namespace::build(self.namespace.family.clone(), origin.number, true);
        Self::of(namespace, pairs.iter().map(|(_, copy)| copy))
    }

    /// Gives a mount that has nothing to do with others the links of another of the same file system, which shows all
    /// that it shows (`MOVE_MOUNT_SET_GROUP`).
    ///
    /// # Errors
    /// `EINVAL` where one of these is not so.
    pub(crate) fn set_group(&self, from: &MountPoint, to: &Arc<MountPoint>) -> Result<()> {
        let _change = self.change();
        let links = |mount: &MountPoint| mount.is_shared() || mount.links().master.is_some();
        let shows = Arc::ptr_eq(&from.superblock, &to.superblock) && from.root.is_above(&to.root);
        self.check_known(from)?;
        self.check_known(to)?;
        if !shows || !links(from) || links(to) {
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
