//! What a system call answers, in a form that both sides share.

use std::collections::BTreeMap;
use std::fmt;
use vfs::error::FileSystemErrorKind;
use vfs::metadata::FileType;

/// An error number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Errno(pub i32);

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match FileSystemErrorKind::ALL.iter().find(|kind| kind.errno() == self.0) {
            Some(kind) => f.write_str(kind.name()),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl From<FileSystemErrorKind> for Errno {
    fn from(kind: FileSystemErrorKind) -> Self {
        Self(kind.errno())
    }
}

/// The result of a step.
pub type Answer = Result<Value, Errno>;

/// What a step yields when it succeeds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Nothing,
    Number(u64),
    Bytes(Vec<u8>),
    Stat(Stat),
    Names(Vec<Vec<u8>>),
    Listing(Listing),
    /// What was to be opened is a FIFO or a device: what that does is no matter of the file system.
    NotOpened(FileType),
}

/// The entries of a directory: type and inode number (`d_type`, `d_ino`).
pub type Listing = BTreeMap<Vec<u8>, (FileType, u64)>;

/// A point in time: exactly, where a step has set it, else "now".
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Time {
    Set(i64),
    Now,
}

impl Time {
    /// A time as `stat` shows it.
    pub fn of(seconds: i64) -> Self {
        if seconds < super::operation::EXPLICIT_TIMES { Self::Set(seconds) } else { Self::Now }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(seconds) => write!(f, "{seconds}"),
            Self::Now => f.write_str("now"),
        }
    }
}

/// What `stat` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Stat {
    pub device: u64,
    pub inode: u64,
    pub kind: FileType,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u64,
    pub rdev: (u32, u32),
    pub size: u64,
    pub blocks: u64,
    pub accessed: Time,
    pub modified: Time,
}

impl fmt::Debug for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inode, kind, mode, uid, gid, links, size, blocks, accessed, modified, rdev, .. } = self;
        write!(f, "{kind:?} #{inode} {mode:04o} {uid}:{gid} links={links} size={size} blocks={blocks} ")?;
        write!(f, "atime={accessed:?} mtime={modified:?}")?;
        if *rdev != (0, 0) || matches!(kind, FileType::CharDevice | FileType::BlockDevice) {
            write!(f, " device={}:{}", rdev.0, rdev.1)?;
        }
        Ok(())
    }
}

/// A node of a tree, with all that can be seen of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    pub stat: Stat,
    /// What its directory says of it; none for the root.
    pub listed: Option<(FileType, u64)>,
    /// The beginning of a regular file, or the target of a link.
    pub content: Result<Vec<u8>, Errno>,
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A whole tree, by path relative to its root.
pub type Tree = BTreeMap<Vec<u8>, Node>;

/// How much of a file is looked at.
pub const CONTENT_MAX: usize = 1 << 17;

/// What can be asked of a side.
pub trait Side {
    /// Does a step.
    fn apply(&mut self, step: &super::operation::Step) -> Answer;

    /// Everything below a directory, as the superuser sees it.
    fn tree(&mut self, root: &str) -> Result<Tree, Errno>;
}
