//! What `stat(2)` shows of a node, and what `chmod`, `chown`, `truncate` and `utimensat` change.

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::time::Timestamp;
use bitflags::bitflags;
use core::sync::atomic::{AtomicU64, Ordering};

/// Which file system a node is on: unique among all that were ever made, and what `st_dev` shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct FileSystemId(pub u64);

impl FileSystemId {
    /// An identity nobody else has.
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The identity of a node: its file system and its number there. Two nodes are the same exactly when these are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct NodeId {
    /// The file system (`st_dev`).
    pub file_system: FileSystemId,
    /// The inode number (`st_ino`).
    pub inode: u64,
}

/// The type of a node (`S_IFMT` of `st_mode`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum FileType {
    /// Regular file.
    Regular,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Socket bound to a name.
    Socket,
    /// Of no type: what is nothing but open, and on no file system that can be mounted.
    Anonymous,
}

impl FileType {
    /// The `S_IFMT` bits of `st_mode` (`inode(7)`).
    pub const fn mode_bits(self) -> u32 {
        match self {
            Self::Fifo => 0o010_000,
            Self::CharDevice => 0o020_000,
            Self::Directory => 0o040_000,
            Self::BlockDevice => 0o060_000,
            Self::Regular => 0o100_000,
            Self::Symlink => 0o120_000,
            Self::Socket => 0o140_000,
            Self::Anonymous => 0,
        }
    }

    /// The type that the `S_IFMT` bits of `mode` name; `None` for bits that name none.
    pub const fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & 0o170_000 {
            0o010_000 => Self::Fifo,
            0o020_000 => Self::CharDevice,
            0o040_000 => Self::Directory,
            0o060_000 => Self::BlockDevice,
            0o100_000 => Self::Regular,
            0o120_000 => Self::Symlink,
            0o140_000 => Self::Socket,
            _ => return None,
        })
    }
}

/// A device number as Linux writes it: 12 bits of major, 20 bits of minor (`makedev(3)`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct DeviceNumber {
    /// Which driver.
    pub major: u32,
    /// Which of the driver's devices.
    pub minor: u32,
}

impl DeviceNumber {
    /// The device `major`:`minor`.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

bitflags! {
    /// What a regular file or a directory is marked with (`chattr(1)`); the values of `FS_IOC_GETFLAGS` (`ioctl_iflags(2)`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct FileFlags: u32 {
        /// Nothing of it can be changed, not even by the privileged, until the mark is gone.
        const IMMUTABLE = 0x10;
        /// It can grow, and nothing else of it be changed; of a directory: it can get names and loses none.
        const APPEND_ONLY = 0x20;
        /// Backups leave it out.
        const NO_DUMP = 0x40;
        /// Reading it sets no access time.
        const NO_ACCESS_TIME = 0x80;
    }
}

impl FileFlags {
    /// Those that keep it from being changed.
    pub const PROTECTION: Self = Self::IMMUTABLE.union(Self::APPEND_ONLY);
}

/// What a permission check needs of a node, and nothing more: read on every step of every walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permissions {
    /// Permission bits with set-id and sticky bits (`0o7777`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// What it is marked with.
    pub flags: FileFlags,
}

impl Permissions {
    /// Those of a node that is marked with nothing.
    pub const fn new(mode: u32, uid: u32, gid: u32) -> Self {
        Self { mode, uid, gid, flags: FileFlags::empty() }
    }

    /// That the node may be changed in other ways than by growing.
    ///
    /// # Errors
    /// `EPERM` for what is immutable or append-only.
    pub fn check_unprotected(&self) -> Result<()> {
        if self.flags.intersects(FileFlags::PROTECTION) { fail(FileSystemErrorKind::NotPermitted) } else { Ok(()) }
    }
}

/// What `stat(2)` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// Identity (`st_dev`, `st_ino`).
    pub id: NodeId,
    /// Type (`S_IFMT` of `st_mode`).
    pub kind: FileType,
    /// Permission bits with set-id and sticky bits (`0o7777` of `st_mode`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names (`st_nlink`).
    pub links: u64,
    /// The device that a device node names (`st_rdev`), else 0:0.
    pub device: DeviceNumber,
    /// Bytes of content; for a symlink, of its target.
    pub size: u64,
    /// Units of 512 bytes in use (`st_blocks`).
    pub blocks: u64,
    /// Last access.
    pub accessed: Timestamp,
    /// Last change of the content.
    pub modified: Timestamp,
    /// Last change of the node.
    pub changed: Timestamp,
    /// When the node was made (`stx_btime`), where that is known.
    pub created: Option<Timestamp>,
    /// What it is marked with; `None` where the file system knows no marks, or not for this kind.
    pub flags: Option<FileFlags>,
}

impl Metadata {
    /// That of a node without content, which has one name and was never touched after `time`.
    pub fn untouched(id: NodeId, kind: FileType, permissions: Permissions, time: Timestamp) -> Self {
        let Permissions { mode, uid, gid, .. } = permissions;
        Self {
            id,
            kind,
            mode,
            uid,
            gid,
            links: 1,
            device: DeviceNumber::default(),
            size: 0,
            blocks: 0,
            accessed: time,
            modified: time,
            changed: time,
            created: None,
            flags: None,
        }
    }
}

/// A time to set: `UTIME_NOW`, or the one given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetTime {
    /// What the file system's clock says then.
    Now,
    /// This time.
    At(Timestamp),
}

/// What to change of a node's metadata; `None` leaves a field as it is. Applied as one step, and the change time is set to now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SetAttributes {
    /// Permission bits (`0o7777`).
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Bytes of content: cuts, or extends with a hole. Regular files only.
    pub size: Option<u64>,
    /// Last access.
    pub accessed: Option<SetTime>,
    /// Last change of the content. A change of `size` alone sets it to now.
    pub modified: Option<SetTime>,
    /// What it is marked with, where [`Metadata::flags`] are known.
    pub flags: Option<FileFlags>,
}

/// What `statfs(2)` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// The magic number of the type (`f_type`).
    pub magic: u64,
    /// Bytes of a block (`f_bsize`).
    pub block_size: u64,
    /// All blocks; 0 where there is no limit.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// All nodes; 0 where there is no limit.
    pub nodes: u64,
    /// Free nodes.
    pub nodes_free: u64,
    /// The longest name in bytes.
    pub name_max: u64,
}
