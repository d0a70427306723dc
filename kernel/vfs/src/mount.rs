//! Mounts: what is shown where, and how.
//!
//! A [`MountPoint`] shows a superblock, from some entry of it downwards, at a place in another mount, and holds what
//! stands on itself. A second mount on the same path stands on the root of the first, so a stack of them needs nothing
//! special.
//!
//! | file | subject |
//! |---|---|
//! | [`tree`] | the mounts of a namespace, and every change of them |
//! | [`moving`] | one of them: from one place to another |
//! | [`namespace`] | what they know of their namespace, and it of them |
//! | [`group`] | which mounts pass on to which what is mounted on them |
//! | [`propagation`] | what that means for a mount that comes or goes |
//!
//! Locks: that of a family of namespaces ([`tree`]) is the outermost of all; a mount's own locks are leaves.

pub(crate) mod group;
mod moving;
pub(crate) mod namespace;
pub(crate) mod propagation;
pub mod tree;

use self::group::Links;
use self::namespace::Namespace;
pub use self::tree::MountTree;
use self::tree::take_apart;
use crate::entry::VfsEntry;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::inotify::Watches;
use crate::metadata::FileType;
use crate::node::NodeRef;
use crate::superblock::SuperBlock;
use crate::sync::RwLock;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use bitflags::bitflags;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

bitflags! {
    /// Properties of a mount, and of the file system that it shows, with the values of `mount(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct MountFlags: u32 {
        /// Nothing is changed through this mount, or on this file system (`ro`).
        const READ_ONLY = 1 << 0;
        /// Set-id bits of programs do not count (`nosuid`).
        const NO_SUID = 1 << 1;
        /// Device nodes do not open (`nodev`).
        const NO_DEVICES = 1 << 2;
        /// Programs do not run (`noexec`).
        const NO_EXECUTE = 1 << 3;
        /// What is written is written through at once (`sync`), as it always is in memory.
        const SYNCHRONOUS = 1 << 4;
        /// Some locks bind everybody (`mand`); it means nothing any more.
        const MANDATORY_LOCKS = 1 << 6;
        /// Changes of directories are written through at once (`dirsync`), as they always are in memory.
        const SYNCHRONOUS_DIRECTORIES = 1 << 7;
        /// Symbolic links are not followed (`nosymfollow`).
        const NO_SYMLINKS = 1 << 8;
        /// Reading sets no access time (`noatime`).
        const NO_ACCESS_TIME = 1 << 10;
        /// Listing a directory sets no access time (`nodiratime`).
        const NO_DIRECTORY_ACCESS_TIME = 1 << 11;
        /// Reading sets the access time always (`strictatime`), and not only where it would be older than a change, or a
        /// day old (`relatime`, which is what is done without this or the above).
        const STRICT_ACCESS_TIME = 1 << 24;
        /// Times are written through later (`lazytime`).
        const LAZY_TIMES = 1 << 25;
    }
}

impl MountFlags {
    /// Those that a file system has, in all its mounts.
    pub const OF_FILE_SYSTEM: Self = Self::READ_ONLY
        .union(Self::SYNCHRONOUS)
        .union(Self::MANDATORY_LOCKS)
        .union(Self::SYNCHRONOUS_DIRECTORIES)
        .union(Self::LAZY_TIMES);
    /// Those that each mount has for itself.
    pub const OF_MOUNT: Self = Self::all().difference(Self::OF_FILE_SYSTEM).union(Self::READ_ONLY);
    /// Those that say when reading sets access times.
    pub const ACCESS_TIMES: Self =
        Self::NO_ACCESS_TIME.union(Self::NO_DIRECTORY_ACCESS_TIME).union(Self::STRICT_ACCESS_TIME);

    /// The properties of a mount as `/proc/mounts` shows them, each with a leading comma, but for `ro` and `rw`.
    pub fn show(self) -> String {
        let plain = !self.intersects(Self::NO_ACCESS_TIME | Self::STRICT_ACCESS_TIME);
        let words = [
            (self.contains(Self::NO_SUID), ",nosuid"),
            (self.contains(Self::NO_DEVICES), ",nodev"),
            (self.contains(Self::NO_EXECUTE), ",noexec"),
            (self.contains(Self::NO_ACCESS_TIME), ",noatime"),
            (self.contains(Self::NO_DIRECTORY_ACCESS_TIME), ",nodiratime"),
            (plain, ",relatime"),
            (self.contains(Self::NO_SYMLINKS), ",nosymfollow"),
        ];
        words.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect()
    }

    /// The same for the properties of a file system.
    pub fn show_of_file_system(self) -> String {
        let words = [
            (Self::SYNCHRONOUS, ",sync"),
            (Self::SYNCHRONOUS_DIRECTORIES, ",dirsync"),
            (Self::MANDATORY_LOCKS, ",mand"),
            (Self::LAZY_TIMES, ",lazytime"),
        ];
        words.into_iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, word)| word).collect()
    }
}

/// A change of properties: these are set and all others cleared, or but some of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlagChange {
    /// What is set.
    pub set: MountFlags,
    /// What is cleared before.
    pub clear: MountFlags,
}

impl From<MountFlags> for FlagChange {
    fn from(set: MountFlags) -> Self {
        Self { set, clear: MountFlags::all() }
    }
}

impl FlagChange {
    /// What becomes of `flags`.
    pub fn apply(self, flags: MountFlags) -> MountFlags {
        (flags - self.clear) | self.set
    }
}

/// Bytes of heap that a mount takes with all that hangs on it, about.
const MEMORY: usize = 1024;

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
    /// What stands on it, by the address of the entry that it stands on. The only strong reference a tree holds.
    standing: RwLock<HashMap<usize, Arc<MountPoint>, FxBuildHasher>>,
    /// The namespace it is in, if it is in any.
    namespace: RwLock<Option<Arc<Namespace>>>,
    /// Whom it passes on to what is mounted on it, and from whom it gets that.
    links: RwLock<Links>,
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
            flags: AtomicU32::new((flags & MountFlags::OF_MOUNT).bits()),
            writers: AtomicU32::new(0),
            expiring: AtomicBool::new(false),
            place: RwLock::new(None),
            standing: RwLock::new(HashMap::with_hasher(FxBuildHasher)),
            namespace: RwLock::new(None),
            links: RwLock::default(),
        })
    }

    /// As [`MountPoint::new`], as long as there is memory for it.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(crate) fn admitted(
        superblock: Arc<SuperBlock>,
        root: Arc<VfsEntry>,
        source: &[u8],
        flags: MountFlags,
    ) -> Result<Arc<Self>> {
        page::admit(MEMORY + source.len())?;
        Ok(Self::new(superblock, root, source, flags))
    }

    /// The view from `root` downwards once more, in no tree yet and with no links.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn duplicate(&self, root: &Arc<VfsEntry>) -> Result<Arc<Self>> {
        Self::admitted(self.superblock.clone(), root.clone(), &self.source, self.flags())
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
        let previous = self.flags.swap((flags & MountFlags::OF_MOUNT).bits(), Ordering::AcqRel);
        if flags.contains(MountFlags::READ_ONLY) && self.writers.load(Ordering::Acquire) != 0 {
            self.flags.store(previous, Ordering::Release);
            return fail(FileSystemErrorKind::Busy);
        }
        Ok(())
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
        if self.flags().contains(MountFlags::READ_ONLY) || self.superblock.is_read_only() {
            return fail(FileSystemErrorKind::ReadOnlyFileSystem);
        }
        Ok(())
    }

    /// Sets a node's access time after somebody has read it through this mount, if that is to be done.
    pub(crate) fn note_access(&self, node: &NodeRef) {
        let flags = self.flags();
        let quiet = flags.intersects(MountFlags::NO_ACCESS_TIME | MountFlags::READ_ONLY)
            || flags.contains(MountFlags::NO_DIRECTORY_ACCESS_TIME) && node.kind() == FileType::Directory
            || self.superblock.is_read_only();
        if !quiet {
            node.note_access(flags.contains(MountFlags::STRICT_ACCESS_TIME));
        }
    }

    /// Counts a file that is open for writing.
    ///
    /// # Errors
    /// `EROFS`.
    pub(crate) fn add_writer(&self) -> Result<()> {
        self.writers.fetch_add(1, Ordering::AcqRel);
        self.superblock.add_writer();
        self.check_writable().inspect_err(|_| self.remove_writer())
    }

    /// Counts it off.
    pub(crate) fn remove_writer(&self) {
        self.superblock.remove_writer();
        self.writers.fetch_sub(1, Ordering::AcqRel);
    }

    /// The place it stands on.
    pub fn place(&self) -> Option<Path> {
        let place = self.place.read();
        let (mount, entry) = place.as_ref()?;
        Some(Path { mount: mount.upgrade()?, entry: entry.clone() })
    }

    /// What stands on one of its entries.
    fn standing_at(&self, entry: &Arc<VfsEntry>) -> Option<Arc<Self>> {
        self.standing.read().get(&Arc::as_ptr(entry).addr()).cloned()
    }

    /// What stands on it, in the order it was made.
    fn children(&self) -> Vec<Arc<Self>> {
        let mut children: Vec<_> = self.standing.read().values().cloned().collect();
        children.sort_unstable_by_key(|child| child.id);
        children
    }
}

impl Drop for MountPoint {
    fn drop(&mut self) {
        take_apart(self.standing.get_mut().drain().map(|(_, child)| child).collect());
        self.leave();
        self.leave_namespace();
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

    /// The place one gets to by stepping onto it: the root of the topmost mount that stands there, or itself.
    pub(crate) fn crossed(mut self) -> Self {
        while self.entry.is_mounted_on() {
            match self.mount.standing_at(&self.entry) {
                Some(mount) => self = Self::root_of(mount),
                None => break,
            }
        }
        self
    }

    /// Whether a mount stands on it.
    pub(crate) fn is_mounted_on(&self) -> bool {
        self.entry.is_mounted_on() && self.mount.standing_at(&self.entry).is_some()
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
