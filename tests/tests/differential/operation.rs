//! The vocabulary: what can be done to a file system, as data.
//!
//! A step is printed as a call of the script's interpreter (`script.rs`), so that what a person reads is what a
//! machine can run again.

use super::people::{PEOPLE, Person, ROOT, Who};
use std::fmt;
use vfs::file::{OpenFlags, SeekFrom};
use vfs::node::{RenameFlags, SetXattr};

/// Where a step keeps a file open, from one step to another.
pub type Slot = u8;

/// How many slots there are.
pub const SLOTS: Slot = 4;

/// The user without capabilities that some steps are done as.
pub const USER: u32 = 1000;

/// A path, absolute or relative to an open directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub at: Option<Slot>,
    pub path: String,
}

impl Place {
    /// An absolute path.
    pub fn absolute(path: impl Into<String>) -> Self {
        Self { at: None, path: path.into() }
    }
}

/// A kind of node that `mknod` makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Special {
    Regular,
    Fifo,
    Socket,
    /// A character device; 0:0 is a whiteout.
    Char(u32, u32),
    Block(u32, u32),
}

/// A time to set: as it is, now, or so many seconds after 1970 (below [`EXPLICIT_TIMES`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    Keep,
    Now,
    Seconds(u32),
}

/// Times that steps set are below this one, times of the clock are above it, on both sides: so what was set can be
/// compared exactly, and what is "now" as such.
pub const EXPLICIT_TIMES: i64 = 900_000_000;

/// One system call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    Open {
        slot: Slot,
        place: Place,
        flags: OpenFlags,
        mode: u32,
    },
    Close {
        slot: Slot,
    },
    Read {
        slot: Slot,
        count: usize,
    },
    ReadAt {
        slot: Slot,
        offset: u64,
        count: usize,
    },
    Write {
        slot: Slot,
        data: Vec<u8>,
    },
    WriteAt {
        slot: Slot,
        offset: u64,
        data: Vec<u8>,
    },
    Seek {
        slot: Slot,
        to: SeekFrom,
    },
    TruncateOpen {
        slot: Slot,
        size: u64,
    },
    Reserve {
        slot: Slot,
        keep_size: bool,
        offset: u64,
        length: u64,
    },
    PunchHole {
        slot: Slot,
        offset: u64,
        length: u64,
    },
    /// From one open file to another, both at offsets.
    CopyRange {
        slot: Slot,
        offset: u64,
        to: Slot,
        to_offset: u64,
        length: u64,
    },
    StatOpen {
        slot: Slot,
    },
    ChmodOpen {
        slot: Slot,
        mode: u32,
    },
    ChownOpen {
        slot: Slot,
        uid: Option<u32>,
        gid: Option<u32>,
    },
    TimesOpen {
        slot: Slot,
        accessed: When,
        modified: When,
    },
    SetXattrOpen {
        slot: Slot,
        name: String,
        value: Vec<u8>,
        how: SetXattr,
    },
    Sync {
        slot: Slot,
    },
    /// Goes on with a listing of an open directory, by about so many entries.
    ListOpen {
        slot: Slot,
        count: usize,
    },
    /// Gives an open file, perhaps one without a name, a name.
    LinkOpen {
        slot: Slot,
        new: Place,
    },
    Stat {
        place: Place,
    },
    Lstat {
        place: Place,
    },
    Access {
        place: Place,
        mode: u32,
    },
    ReadLink {
        place: Place,
    },
    List {
        place: Place,
    },
    Mkdir {
        place: Place,
        mode: u32,
    },
    Rmdir {
        place: Place,
    },
    Unlink {
        place: Place,
    },
    Rename {
        old: Place,
        new: Place,
        flags: RenameFlags,
    },
    Link {
        old: Place,
        new: Place,
        follow: bool,
    },
    Symlink {
        target: String,
        place: Place,
    },
    Mknod {
        place: Place,
        kind: Special,
        mode: u32,
    },
    Chmod {
        place: Place,
        mode: u32,
    },
    Chown {
        place: Place,
        uid: Option<u32>,
        gid: Option<u32>,
        follow: bool,
    },
    Times {
        place: Place,
        accessed: When,
        modified: When,
        follow: bool,
    },
    Truncate {
        place: Place,
        size: u64,
    },
    SetXattr {
        place: Place,
        name: String,
        value: Vec<u8>,
        how: SetXattr,
        follow: bool,
    },
    GetXattr {
        place: Place,
        name: String,
        follow: bool,
    },
    RemoveXattr {
        place: Place,
        name: String,
        follow: bool,
    },
    ListXattrs {
        place: Place,
        follow: bool,
    },
    Statfs {
        place: Place,
    },
    /// Closes everything, unmounts, and mounts the same layers again.
    Remount,
}

/// An operation, and who does it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    pub who: Who,
    pub operation: Operation,
}

impl From<Operation> for Step {
    fn from(operation: Operation) -> Self {
        Self { who: ROOT, operation }
    }
}

impl Operation {
    /// The open directory that a path of it is relative to.
    pub fn relative_to(&self) -> Option<Slot> {
        match self {
            Self::Open { place, .. }
            | Self::LinkOpen { new: place, .. }
            | Self::Stat { place }
            | Self::Lstat { place }
            | Self::Access { place, .. }
            | Self::ReadLink { place }
            | Self::List { place }
            | Self::Mkdir { place, .. }
            | Self::Rmdir { place }
            | Self::Unlink { place }
            | Self::Symlink { place, .. }
            | Self::Mknod { place, .. }
            | Self::Chmod { place, .. }
            | Self::Chown { place, .. }
            | Self::Times { place, .. }
            | Self::Truncate { place, .. }
            | Self::SetXattr { place, .. }
            | Self::GetXattr { place, .. }
            | Self::RemoveXattr { place, .. }
            | Self::ListXattrs { place, .. }
            | Self::Statfs { place } => place.at,
            Self::Rename { old, new, .. } | Self::Link { old, new, .. } => old.at.or(new.at),
            _ => None,
        }
    }

    /// The open file whose metadata it shows.
    pub fn shows_metadata_of(&self) -> Option<Slot> {
        match self {
            Self::StatOpen { slot } => Some(*slot),
            _ => None,
        }
    }

    /// The open file whose metadata it changes.
    pub fn changes_metadata_of(&self) -> Option<Slot> {
        match self {
            Self::ChmodOpen { slot, .. }
            | Self::ChownOpen { slot, .. }
            | Self::TimesOpen { slot, .. }
            | Self::SetXattrOpen { slot, .. } => Some(*slot),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            None => write!(f, "{:?}", self.path),
            Some(slot) => write!(f, "at({slot}, {:?})", self.path),
        }
    }
}

/// A bytes literal.
struct Bytes<'a>(&'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.first();
        match first {
            Some(first) if self.0.len() > 32 && self.0.iter().all(|byte| byte == first) => {
                write!(f, "b\"{}\" * {}", [*first].escape_ascii(), self.0.len())
            }
            _ => write!(f, "b\"{}\"", self.0.escape_ascii()),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("KEEP"),
            Self::Now => f.write_str("NOW"),
            Self::Seconds(seconds) => write!(f, "{seconds}"),
        }
    }
}

/// An owner to set; -1 leaves it.
struct Owner(Option<u32>);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "{id}"),
            None => f.write_str("-1"),
        }
    }
}

fn follow_name(follow: bool) -> &'static str {
    if follow { "FOLLOW" } else { "NOFOLLOW" }
}

fn how_name(how: SetXattr) -> &'static str {
    match how {
        SetXattr::Any => "0",
        SetXattr::Create => "CREATE",
        SetXattr::Replace => "REPLACE",
    }
}

/// `open`'s flags, as the script has them.
fn open_flags(flags: OpenFlags) -> String {
    let mut text = String::from(match (flags.contains(OpenFlags::READ), flags.contains(OpenFlags::WRITE)) {
        (true, true) => "O_RDWR",
        (false, true) => "O_WRONLY",
        _ => "O_RDONLY",
    });
    for (flag, name) in [
        (OpenFlags::CREATE, "O_CREAT"),
        (OpenFlags::EXCLUSIVE, "O_EXCL"),
        (OpenFlags::TRUNCATE, "O_TRUNC"),
        (OpenFlags::APPEND, "O_APPEND"),
        (OpenFlags::DIRECTORY, "O_DIRECTORY"),
        (OpenFlags::NO_FOLLOW, "O_NOFOLLOW"),
        (OpenFlags::TEMPORARY, "O_TMPFILE"),
        (OpenFlags::NO_ACCESS_TIME, "O_NOATIME"),
        (OpenFlags::NON_BLOCKING, "O_NONBLOCK"),
    ] {
        if flags.contains(flag) {
            text.push('|');
            text.push_str(name);
        }
    }
    text
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.operation.to_string();
        if self.who == ROOT {
            return f.write_str(&text);
        }
        let Person { uid, gid, groups, capabilities, umask } = &PEOPLE[self.who];
        let comma = if text.ends_with("()") { "" } else { ", " };
        let (text, capabilities) = (text.trim_end_matches(')'), capabilities.bits());
        write!(f, "{text}{comma}who=({uid}, {gid}, {groups:?}, {capabilities:#x}, {umask:#o}))")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { slot, place, flags, mode } => {
                write!(f, "open_file({slot}, {place}, {}, 0o{mode:o})", open_flags(*flags))
            }
            Self::Close { slot } => write!(f, "close({slot})"),
            Self::Read { slot, count } => write!(f, "read({slot}, {count})"),
            Self::ReadAt { slot, offset, count } => write!(f, "pread({slot}, {count}, {offset})"),
            Self::Write { slot, data } => write!(f, "write({slot}, {})", Bytes(data)),
            Self::WriteAt { slot, offset, data } => write!(f, "pwrite({slot}, {}, {offset})", Bytes(data)),
            Self::Seek { slot, to } => {
                let (offset, whence) = match to {
                    SeekFrom::Start(offset) => (offset, "SEEK_SET"),
                    SeekFrom::Current(offset) => (offset, "SEEK_CUR"),
                    SeekFrom::End(offset) => (offset, "SEEK_END"),
                    SeekFrom::Data(offset) => (offset, "SEEK_DATA"),
                    SeekFrom::Hole(offset) => (offset, "SEEK_HOLE"),
                };
                write!(f, "lseek({slot}, {offset}, {whence})")
            }
            Self::TruncateOpen { slot, size } => write!(f, "ftruncate({slot}, {size})"),
            Self::Reserve { slot, keep_size, offset, length } => {
                write!(f, "fallocate({slot}, {}, {offset}, {length})", u8::from(*keep_size))
            }
            Self::PunchHole { slot, offset, length } => write!(f, "fallocate({slot}, 3, {offset}, {length})"),
            Self::CopyRange { slot, offset, to, to_offset, length } => {
                write!(f, "copy_file_range({slot}, {offset}, {to}, {to_offset}, {length})")
            }
            Self::StatOpen { slot } => write!(f, "fstat({slot})"),
            Self::ChmodOpen { slot, mode } => write!(f, "fchmod({slot}, 0o{mode:o})"),
            Self::ChownOpen { slot, uid, gid } => write!(f, "fchown({slot}, {}, {})", Owner(*uid), Owner(*gid)),
            Self::TimesOpen { slot, accessed, modified } => write!(f, "futimens({slot}, {accessed}, {modified})"),
            Self::SetXattrOpen { slot, name, value, how } => {
                write!(f, "fsetxattr({slot}, {name:?}, {}, {})", Bytes(value), how_name(*how))
            }
            Self::Sync { slot } => write!(f, "fsync({slot})"),
            Self::ListOpen { slot, count } => write!(f, "getdents({slot}, {count})"),
            Self::LinkOpen { slot, new } => write!(f, "flink({slot}, {new})"),
            Self::Stat { place } => write!(f, "stat({place})"),
            Self::Lstat { place } => write!(f, "lstat({place})"),
            Self::Access { place, mode } => write!(f, "access({place}, {mode})"),
            Self::ReadLink { place } => write!(f, "readlink({place})"),
            Self::List { place } => write!(f, "ls({place})"),
            Self::Mkdir { place, mode } => write!(f, "mkdir({place}, 0o{mode:o})"),
            Self::Rmdir { place } => write!(f, "rmdir({place})"),
            Self::Unlink { place } => write!(f, "unlink({place})"),
            Self::Rename { old, new, flags } => write!(f, "rename({old}, {new}, {})", flags.bits()),
            Self::Link { old, new, follow } => write!(f, "link({old}, {new}, {})", follow_name(*follow)),
            Self::Symlink { target, place } => write!(f, "symlink({target:?}, {place})"),
            Self::Mknod { place, kind, mode } => match kind {
                Special::Regular => write!(f, "mknod({place}, S_IFREG, 0o{mode:o}, 0, 0)"),
                Special::Fifo => write!(f, "mknod({place}, S_IFIFO, 0o{mode:o}, 0, 0)"),
                Special::Socket => write!(f, "mknod({place}, S_IFSOCK, 0o{mode:o}, 0, 0)"),
                Special::Char(major, minor) => write!(f, "mknod({place}, S_IFCHR, 0o{mode:o}, {major}, {minor})"),
                Special::Block(major, minor) => write!(f, "mknod({place}, S_IFBLK, 0o{mode:o}, {major}, {minor})"),
            },
            Self::Chmod { place, mode } => write!(f, "chmod({place}, 0o{mode:o})"),
            Self::Chown { place, uid, gid, follow } => {
                write!(f, "chown({place}, {}, {}, {})", Owner(*uid), Owner(*gid), follow_name(*follow))
            }
            Self::Times { place, accessed, modified, follow } => {
                write!(f, "utimens({place}, {accessed}, {modified}, {})", follow_name(*follow))
            }
            Self::Truncate { place, size } => write!(f, "truncate({place}, {size})"),
            Self::SetXattr { place, name, value, how, follow } => {
                let (value, how) = (Bytes(value), how_name(*how));
                write!(f, "setxattr({place}, {name:?}, {value}, {how}, {})", follow_name(*follow))
            }
            Self::GetXattr { place, name, follow } => {
                write!(f, "getxattr({place}, {name:?}, {})", follow_name(*follow))
            }
            Self::RemoveXattr { place, name, follow } => {
                write!(f, "removexattr({place}, {name:?}, {})", follow_name(*follow))
            }
            Self::ListXattrs { place, follow } => write!(f, "listxattr({place}, {})", follow_name(*follow)),
            Self::Statfs { place } => write!(f, "statfs({place})"),
            Self::Remount => f.write_str("remount()"),
        }
    }
}
