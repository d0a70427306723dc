//! Mounts, and the tree they form in a namespace.
//!
//! A [`MountPoint`] shows a superblock, from some entry of it downwards, at a place in another mount. The
//! [`MountTree`] of a namespace knows which mount stands on which place. A second mount on the same path stands on the
//! root of the first, so a stack of them needs nothing special.
//!
//! Locks: the tree's lock is the namespace lock, the outermost of all; a mount's place is a leaf.

use crate::entry::VfsEntry;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::inotify::Watches;
use crate::node::NodeRef;
use crate::superblock::SuperBlock;
use crate::sync::RwLock;
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use bitflags::bitflags;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

bitflags! {
    /// Properties of one mount (`mount(2)`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct MountFlags: u32 {
        /// Nothing is changed through this mount (`ro`).
        const READ_ONLY = 1 << 0;
        /// Set-id bits of programs do not count (`nosuid`).
        const NO_SUID = 1 << 1;
        /// Device nodes do not open (`nodev`).
        const NO_DEVICES = 1 << 2;
        /// Programs do not run (`noexec`).
        const NO_EXECUTE = 1 << 3;
        /// Reading sets no access time (`noatime`).
        const NO_ACCESS_TIME = 1 << 10;
        /// It is shown at no second place (`MS_UNBINDABLE`). A remount leaves it as it is.
        const UNBINDABLE = 1 << 17;
    }
}

/// A mount.
pub struct MountPoint {
    id: u64,
    superblock: Arc<SuperBlock>,
    /// Those on the superblock, at hand for every read and write.
    watches: Arc<Watches>,
    root: Arc<VfsEntry>,
    source: Box<[u8]>,
    flags: AtomicU32,
    /// Files open for writing through this mount: while there are any it cannot become read-only.
    writers: AtomicU32,
    /// Whether it goes the next time that is asked for, if nobody uses it before (`MNT_EXPIRE`).
    expiring: AtomicBool,
    /// Where it stands; `None` for the root of a namespace and for what is not in a tree.
    place: RwLock<Option<(Weak<MountPoint>, Arc<VfsEntry>)>>,
}

impl MountPoint {
    pub(crate) fn new(superblock: Arc<SuperBlock>, root: Arc<VfsEntry>, source: &[u8], flags: MountFlags) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            watches: superblock.watches().clone(),
            superblock,
            root,
            source: source.into(),
            flags: AtomicU32::new(flags.bits()),
            writers: AtomicU32::new(0),
            expiring: AtomicBool::new(false),
            place: RwLock::new(None),
        })
    }

    /// The same view once more, in no tree yet.
    fn duplicate(&self) -> Arc<Self> {
        Self::new(self.superblock.clone(), self.root.clone(), &self.source, self.flags())
    }

    /// Its number, unique among all mounts there ever were.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What it shows.
    pub fn superblock(&self) -> &Arc<SuperBlock> {
        &self.superblock
    }

    /// Who watches nodes of what it shows.
    #[inline]
    pub(crate) fn watches(&self) -> &Arc<Watches> {
        &self.watches
    }

    /// From where downwards it shows it.
    pub fn root(&self) -> &Arc<VfsEntry> {
        &self.root
    }

    /// What was mounted, as the user named it.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// Its properties.
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_truncate(self.flags.load(Ordering::Acquire))
    }

    /// Changes its properties.
    ///
    /// # Errors
    /// `EBUSY` when it is to become read-only and a file is open for writing.
    pub(crate) fn set_flags(&self, flags: MountFlags) -> Result<()> {
        let flags = (flags - MountFlags::UNBINDABLE) | (self.flags() & MountFlags::UNBINDABLE);
        let previous = self.flags.swap(flags.bits(), Ordering::AcqRel);
        if flags.contains(MountFlags::READ_ONLY) && self.writers.load(Ordering::Acquire) != 0 {
            self.flags.store(previous, Ordering::Release);
            return fail(FileSystemErrorKind::Busy);
        }
        Ok(())
    }

    /// Lets it be shown at no second place, or again at any.
    pub(crate) fn set_unbindable(&self, on: bool) {
        let bit = MountFlags::UNBINDABLE.bits();
        if on {
            self.flags.fetch_or(bit, Ordering::AcqRel);
        } else {
            self.flags.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// Notes that a file was opened on it: it does not go as unused then.
    pub(crate) fn note_use(&self) {
        if self.expiring.load(Ordering::Relaxed) {
            self.expiring.store(false, Ordering::Relaxed);
        }
    }

    /// Whether something may be changed through it.
    ///
    /// # Errors
    /// `EROFS`.
    pub fn check_writable(&self) -> Result<()> {
        if self.flags().contains(MountFlags::READ_ONLY) || self.superblock.operations().read_only() {
            return fail(FileSystemErrorKind::ReadOnlyFileSystem);
        }
        Ok(())
    }

    /// Counts a file that is open for writing.
    ///
    /// # Errors
    /// `EROFS`.
    pub(crate) fn add_writer(&self) -> Result<()> {
        self.writers.fetch_add(1, Ordering::AcqRel);
        self.check_writable().inspect_err(|_| self.remove_writer())
    }

    /// Counts it off.
    pub(crate) fn remove_writer(&self) {
        self.writers.fetch_sub(1, Ordering::AcqRel);
    }

    /// The place it stands on.
    pub fn place(&self) -> Option<Path> {
        let place = self.place.read();
        let (mount, entry) = place.as_ref()?;
        Some(Path { mount: mount.upgrade()?, entry: entry.clone() })
    }
}

/// A place in a namespace: an entry, seen through a mount.
#[derive(Clone)]
pub struct Path {
    /// The mount.
    pub mount: Arc<MountPoint>,
    /// The entry.
    pub entry: Arc<VfsEntry>,
}

impl Path {
    /// The root of a mount.
    pub fn root_of(mount: Arc<MountPoint>) -> Self {
        let entry = mount.root.clone();
        Self { mount, entry }
    }

    /// The node.
    ///
    /// # Errors
    /// `ENOENT` for a name that is bound to nothing.
    pub fn node(&self) -> Result<&NodeRef> {
        self.entry.node().ok_or(FileSystemErrorKind::NotFound.into())
    }

    /// Whether both are the same place.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entry, &other.entry) && Arc::ptr_eq(&self.mount, &other.mount)
    }

    /// Whether it is the root of its mount.
    pub fn is_mount_root(&self) -> bool {
        Arc::ptr_eq(&self.entry, &self.mount.root)
    }

    /// Whether `self` is `other` or above it, through mounts too.
    pub fn is_above(&self, other: &Self) -> bool {
        let mut at = other.clone();
        loop {
            if Arc::ptr_eq(&self.mount, &at.mount) {
                return self.entry.is_above(&at.entry);
            }
            match at.mount.place() {
                Some(place) => at = place,
                None => return false,
            }
        }
    }
}

/// A mount and the entry it stands on.
type Place = (u64, usize);

fn place_of(path: &Path) -> Place {
    (path.mount.id, Arc::as_ptr(&path.entry).addr())
}

/// The mounts of a namespace.
pub struct MountTree {
    state: RwLock<State>,
}

struct State {
    root: Arc<MountPoint>,
    /// Every other mount, by the place it stands on. The only strong reference the tree holds.
    standing: HashMap<Place, Arc<MountPoint>, FxBuildHasher>,
}

impl State {
    fn attach(&mut self, mount: Arc<MountPoint>, at: &Path) {
        *mount.place.write() = Some((Arc::downgrade(&at.mount), at.entry.clone()));
        at.entry.add_mount();
        self.standing.insert(place_of(at), mount);
    }

    fn detach(&mut self, mount: &MountPoint) -> Option<Arc<MountPoint>> {
        let (parent, entry) = mount.place.write().take()?;
        entry.remove_mount();
        self.standing.remove(&(parent.upgrade()?.id, Arc::as_ptr(&entry).addr()))
    }

    /// The mounts that stand on `mount` itself.
    fn children<'a>(&'a self, mount: &'a MountPoint) -> impl Iterator<Item = &'a Arc<MountPoint>> {
        self.standing.iter().filter(|((parent, _), _)| *parent == mount.id).map(|(_, child)| child)
    }

    /// `top` and all mounts below it, each before those that stand on it.
    fn subtree(&self, top: &Arc<MountPoint>) -> Vec<Arc<MountPoint>> {
        let mut found = alloc::vec![top.clone()];
        let mut next = 0;
        while next < found.len() {
            let mount = found[next].clone();
            found.extend(self.children(&mount).cloned());
            next += 1;
        }
        found
    }

    fn cross(&self, mut path: Path) -> Path {
        while path.entry.is_mounted_on() {
            match self.standing.get(&place_of(&path)) {
                Some(mount) => path = Path::root_of(mount.clone()),
                None => break,
            }
        }
        path
    }
}

impl Drop for State {
    fn drop(&mut self) {
        for (_, mount) in self.standing.drain() {
            if let Some((_, entry)) = mount.place.write().take() {
                entry.remove_mount();
            }
        }
    }
}

impl MountTree {
    pub(crate) fn new(root: Arc<MountPoint>) -> Self {
        Self { state: RwLock::new(State { root, standing: HashMap::with_hasher(FxBuildHasher) }) }
    }

    /// The mount at the top.
    pub fn root(&self) -> Arc<MountPoint> {
        self.state.read().root.clone()
    }

    /// The place one gets to by stepping onto `path`: the root of the topmost mount that stands there, or itself.
    pub(crate) fn cross(&self, path: Path) -> Path {
        if path.entry.is_mounted_on() { self.state.read().cross(path) } else { path }
    }

    /// Whether a mount of this namespace stands on the entry as `path` sees it.
    pub(crate) fn is_mounted_on(&self, path: &Path) -> bool {
        path.entry.is_mounted_on() && self.state.read().standing.contains_key(&place_of(path))
    }

    /// All mounts, in the order they were made.
    pub fn mounts(&self) -> Vec<Arc<MountPoint>> {
        let state = self.state.read();
        let mut all: Vec<_> = core::iter::once(&state.root).chain(state.standing.values()).cloned().collect();
        all.sort_by_key(|mount| mount.id);
        all
    }

    /// Puts a mount on a place, on top of what stands there already.
    ///
    /// # Errors
    /// `EINVAL` when the place is no longer in this namespace.
    pub(crate) fn attach(&self, mount: Arc<MountPoint>, at: Path) -> Result<()> {
        let mut state = self.state.write();
        let at = state.cross(at);
        Self::check_in_tree(&state, &at.mount)?;
        state.attach(mount, &at);
        Ok(())
    }

    /// Moves a mount with all that stands on it to another place (`MS_MOVE`).
    ///
    /// # Errors
    /// `EINVAL` for the root of the namespace, or what is not in it; `ELOOP` for a place below the mount.
    pub(crate) fn relocate(&self, mount: &Arc<MountPoint>, at: Path) -> Result<()> {
        let mut state = self.state.write();
        let at = state.cross(at);
        Self::check_in_tree(&state, mount)?;
        Self::check_in_tree(&state, &at.mount)?;
        if Arc::ptr_eq(&state.root, mount) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if Path::root_of(mount.clone()).is_above(&at) {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        if let Some(moved) = state.detach(mount) {
            state.attach(moved, &at);
        }
        Ok(())
    }

    /// The mount and, with `recursive`, all that stand on it.
    pub(crate) fn standing_on(&self, mount: &Arc<MountPoint>, recursive: bool) -> Vec<Arc<MountPoint>> {
        if recursive { self.state.read().subtree(mount) } else { alloc::vec![mount.clone()] }
    }

    fn check_in_tree(state: &State, mount: &Arc<MountPoint>) -> Result<()> {
        let known = Arc::ptr_eq(&state.root, mount)
            || mount.place().is_some_and(|place| {
                state.standing.get(&place_of(&place)).is_some_and(|found| Arc::ptr_eq(found, mount))
            });
        if known { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    /// Puts a copy of the view from `source` downwards on a place; with `recursive`, of all mounts below it too.
    ///
    /// # Errors
    /// As [`MountTree::attach`].
    pub(crate) fn attach_copy(&self, from: &Self, source: &Path, name: &[u8], recursive: bool, at: Path) -> Result<()> {
        let copy = MountPoint::new(
            source.mount.superblock.clone(),
            source.entry.clone(),
            if name.is_empty() { &source.mount.source } else { name },
            source.mount.flags(),
        );
        // What is below is read before anything is written: both may be one tree, and one lock.
        let below = if recursive { from.below(source) } else { Vec::new() };
        let mut copies = alloc::vec![(source.mount.clone(), copy.clone())];
        self.attach(copy, at)?;
        let mut state = self.state.write();
        // What is unbindable is left out, and so is what stands on it.
        for (mount, place) in below.into_iter().filter(|(mount, _)| !mount.flags().contains(MountFlags::UNBINDABLE)) {
            let parent = copies.iter().find(|(original, _)| Arc::ptr_eq(original, &place.mount));
            if let Some((_, parent)) = parent {
                let copy = mount.duplicate();
                let at = Path { mount: parent.clone(), entry: place.entry };
                copies.push((mount, copy.clone()));
                state.attach(copy, &at);
            }
        }
        Ok(())
    }

    /// The mounts below a place, each with where it stands, each after the one it stands on.
    fn below(&self, path: &Path) -> Vec<(Arc<MountPoint>, Path)> {
        let state = self.state.read();
        let mut found = Vec::new();
        for mount in state.subtree(&path.mount).into_iter().skip(1) {
            let Some(place) = mount.place() else { continue };
            let inside = if Arc::ptr_eq(&place.mount, &path.mount) {
                path.entry.is_above(&place.entry)
            } else {
                found.iter().any(|(parent, _): &(Arc<MountPoint>, Path)| Arc::ptr_eq(parent, &place.mount))
            };
            if inside {
                found.push((mount, place));
            }
        }
        found
    }

    /// Takes a mount away; `users` is how many references to it the caller holds. With `when_unused` only the second
    /// time, if nobody has used it since the first (`MNT_EXPIRE`).
    ///
    /// # Errors
    /// `EBUSY` when somebody else uses it, a mount stands on it, or it is the root of the namespace; `EAGAIN` the first
    /// time.
    pub(crate) fn detach(&self, mount: &Arc<MountPoint>, users: usize, when_unused: bool) -> Result<()> {
        let mut state = self.state.write();
        Self::check_in_tree(&state, mount)?;
        if Arc::ptr_eq(&state.root, mount)
            || state.children(mount).next().is_some()
            || Arc::strong_count(mount) > 1 + users
        {
            return fail(FileSystemErrorKind::Busy);
        }
        if when_unused && !mount.expiring.swap(true, Ordering::Relaxed) {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        let gone = state.detach(mount);
        drop(state);
        drop(gone);
        Ok(())
    }

    /// Takes a mount and all that stand on it out of the tree, whoever uses them; they go when the last user does.
    ///
    /// # Errors
    /// `EBUSY` for the root of the namespace.
    pub(crate) fn detach_lazily(&self, mount: &Arc<MountPoint>) -> Result<()> {
        let mut state = self.state.write();
        Self::check_in_tree(&state, mount)?;
        if Arc::ptr_eq(&state.root, mount) {
            return fail(FileSystemErrorKind::Busy);
        }
        let all = state.subtree(mount);
        let gone: Vec<_> = all.iter().rev().filter_map(|mount| state.detach(mount)).collect();
        drop(state);
        drop(gone);
        Ok(())
    }

    /// Puts the mount whose root is `new_root` where `old` stands, or at the top of the tree, and `old` on `put_old`
    /// (`pivot_root(2)`; the manager has checked the rest).
    ///
    /// # Errors
    /// `EINVAL` when one of them is not in this tree.
    pub(crate) fn pivot(&self, old: &Arc<MountPoint>, new_root: &Path, put_old: &Path) -> Result<()> {
        let mut state = self.state.write();
        Self::check_in_tree(&state, old)?;
        Self::check_in_tree(&state, &new_root.mount)?;
        let Some(new) = state.detach(&new_root.mount) else { return fail(FileSystemErrorKind::InvalidArgument) };
        match old.place() {
            Some(place) => {
                state.detach(old);
                state.attach(new, &place);
            }
            None => state.root = new,
        }
        state.attach(old.clone(), put_old);
        Ok(())
    }

    /// A tree of its own with the same mounts, and for each path of `paths` the same place in it.
    pub(crate) fn duplicate(&self, paths: &mut [&mut Path]) -> Self {
        let state = self.state.read();
        let root = state.root.duplicate();
        let mut copies = alloc::vec![(state.root.clone(), root.clone())];
        let mut copy = State { root, standing: HashMap::with_hasher(FxBuildHasher) };
        for mount in state.subtree(&state.root).into_iter().skip(1) {
            let Some(place) = mount.place() else { continue };
            let parent = copies.iter().find(|(original, _)| Arc::ptr_eq(original, &place.mount));
            let Some((_, parent)) = parent else { continue };
            let at = Path { mount: parent.clone(), entry: place.entry };
            let duplicate = mount.duplicate();
            copies.push((mount, duplicate.clone()));
            copy.attach(duplicate, &at);
        }
        for path in paths {
            if let Some((_, mount)) = copies.iter().find(|(original, _)| Arc::ptr_eq(original, &path.mount)) {
                path.mount = mount.clone();
            }
        }
        Self { state: RwLock::new(copy) }
    }

    /// The private clone of the mounts at and below `path`, as they are now.
    ///
    /// # Errors
    /// `ENOENT` for a name that is bound to nothing.
    pub(crate) fn private(&self, path: &Path) -> Result<crate::private_tree::PrivateTree> {
        let mut tree = crate::private_tree::PrivateTree::new(path)?;
        let mut order = alloc::vec![path.mount.clone()];
        for (mount, place) in self.below(path) {
            let parent = order.iter().position(|known| Arc::ptr_eq(known, &place.mount));
            if let (Some(parent), Some(at)) = (parent, place.entry.node()) {
                tree.add(parent, at.id(), &mount)?;
                order.push(mount);
            }
        }
        Ok(tree)
    }
}
