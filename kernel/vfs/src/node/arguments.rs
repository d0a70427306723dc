//! What the operations of a node are told, and what a listing tells.

use super::NodeRef;
use crate::metadata::{DeviceNumber, FileType};
use bitflags::bitflags;

/// What a new node is, with what its kind needs.
#[derive(Clone, Copy, Debug)]
pub enum NewKind<'a> {
    /// An empty regular file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link to this target (1 to 4095 bytes).
    Symlink(&'a [u8]),
    /// A character device.
    CharDevice(DeviceNumber),
    /// A block device.
    BlockDevice(DeviceNumber),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl NewKind<'_> {
    /// The type of the node this makes.
    pub const fn file_type(&self) -> FileType {
        match self {
            Self::Regular => FileType::Regular,
            Self::Directory => FileType::Directory,
            Self::Symlink(_) => FileType::Symlink,
            Self::CharDevice(_) => FileType::CharDevice,
            Self::BlockDevice(_) => FileType::BlockDevice,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
        }
    }
}

/// A node to make: final mode (umask and set-gid inheritance are already applied by the manager) and owner.
#[derive(Clone, Copy, Debug)]
pub struct NewNode<'a> {
    /// What it is.
    pub kind: NewKind<'a>,
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

bitflags! {
    /// How `renameat2(2)` treats the new name.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct RenameFlags: u32 {
        /// `RENAME_NOREPLACE`: `EEXIST` if the new name exists.
        const NO_REPLACE = 1;
        /// `RENAME_EXCHANGE`: both names exist and trade places.
        const EXCHANGE = 2;
        /// `RENAME_WHITEOUT`: a character device 0:0 takes the old name's place in the same step.
        const WHITEOUT = 4;
    }
}

/// One rename, as the manager has resolved it.
///
/// The manager has checked: both directories are on one file system, types fit (`EISDIR`, `ENOTDIR`), neither is
/// moved below itself (`EINVAL`), the flags are not contradictory. The node checks, as part of its atomic step, that
/// `name` is still `source` and `to_name` still `target` (`ESTALE`; the manager looks again), and that a replaced
/// directory is empty (`ENOTEMPTY`).
#[derive(Clone, Copy)]
pub struct Rename<'a> {
    /// The old name, in the directory the operation is called on.
    pub name: &'a [u8],
    /// What the old name is bound to.
    pub source: &'a NodeRef,
    /// The new directory (may be the same).
    pub to_directory: &'a NodeRef,
    /// The new name.
    pub to_name: &'a [u8],
    /// What the new name is bound to, if anything.
    pub target: Option<&'a NodeRef>,
    /// How to treat the new name.
    pub flags: RenameFlags,
}

/// Whether [`VfsNode::set_xattr`](super::VfsNode::set_xattr) may create or replace (`setxattr(2)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetXattr {
    /// Either.
    Any,
    /// `XATTR_CREATE`: `EEXIST` if the attribute exists.
    Create,
    /// `XATTR_REPLACE`: `ENODATA` if it does not.
    Replace,
}

/// Where a write starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteAt {
    /// At this byte.
    Offset(u64),
    /// At the end, found and written in one step (`O_APPEND`).
    End,
}

/// What `fallocate(2)` does with a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allocate {
    /// Takes memory now, so that later writes cannot fail for space; grows the file unless `keep_size`.
    Reserve {
        /// `FALLOC_FL_KEEP_SIZE`.
        keep_size: bool,
    },
    /// Gives the range back: it reads as zeros, the size stays.
    PunchHole,
    /// Makes the range read as zeros and grows the file unless `keep_size`.
    Zero {
        /// `FALLOC_FL_KEEP_SIZE`.
        keep_size: bool,
    },
}

/// What `SEEK_DATA` and `SEEK_HOLE` look for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// The next byte that has data.
    Data,
    /// The next byte that has none; the end of the file counts as one.
    Hole,
}

bitflags! {
    /// What an open file may do.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Access: u8 {
        /// Read.
        const READ = 1;
        /// Write.
        const WRITE = 2;
    }
}

/// One entry of a listing.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryItem<'a> {
    /// The name.
    pub name: &'a [u8],
    /// Its inode number (`d_ino`), the one `stat` shows.
    pub inode: u64,
    /// Its type (`d_type`).
    pub kind: FileType,
    /// The cursor from which a listing goes on after this entry.
    pub next: u64,
}

/// The first cursor a node may give out: 0 and 1 stand for `.` and `..`, which the open file adds.
pub const FIRST_CURSOR: u64 = 2;

/// What a listing calls for each entry; `false` means that it took nothing and the listing ends before the entry.
pub type EmitItem<'a> = dyn FnMut(DirectoryItem<'_>) -> bool + 'a;
