//! What an operation says, in Linux's words.

use crate::operation::When;
use rustix::fs::{OFlags, RenameFlags as LinuxRename, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, XattrFlags};
use vfs::file::OpenFlags;
use vfs::node::{RenameFlags, SetXattr};

pub(super) fn timestamps(accessed: When, modified: When) -> Timestamps {
    let time = |when: When| match when {
        When::Keep => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        When::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        When::Seconds(seconds) => Timespec { tv_sec: i64::from(seconds), tv_nsec: 0 },
    };
    Timestamps { last_access: time(accessed), last_modification: time(modified) }
}

pub(super) fn xattr_flags(how: SetXattr) -> XattrFlags {
    match how {
        SetXattr::Any => XattrFlags::empty(),
        SetXattr::Create => XattrFlags::CREATE,
        SetXattr::Replace => XattrFlags::REPLACE,
    }
}

pub(super) fn rename_flags(flags: RenameFlags) -> LinuxRename {
    let mut linux = LinuxRename::empty();
    linux.set(LinuxRename::NOREPLACE, flags.contains(RenameFlags::NO_REPLACE));
    linux.set(LinuxRename::EXCHANGE, flags.contains(RenameFlags::EXCHANGE));
    linux.set(LinuxRename::WHITEOUT, flags.contains(RenameFlags::WHITEOUT));
    linux
}

pub(super) fn open_flags(flags: OpenFlags) -> OFlags {
    let mut linux = match (flags.contains(OpenFlags::READ), flags.contains(OpenFlags::WRITE)) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    linux.set(OFlags::CREATE, flags.contains(OpenFlags::CREATE));
    linux.set(OFlags::EXCL, flags.contains(OpenFlags::EXCLUSIVE));
    linux.set(OFlags::TRUNC, flags.contains(OpenFlags::TRUNCATE));
    linux.set(OFlags::APPEND, flags.contains(OpenFlags::APPEND));
    linux.set(OFlags::DIRECTORY, flags.contains(OpenFlags::DIRECTORY));
    linux.set(OFlags::NOFOLLOW, flags.contains(OpenFlags::NO_FOLLOW));
    if flags.contains(OpenFlags::TEMPORARY) {
        // Two bits, one of which is O_DIRECTORY's.
        linux |= OFlags::TMPFILE;
    }
    linux.set(OFlags::NOATIME, flags.contains(OpenFlags::NO_ACCESS_TIME));
    linux.set(OFlags::NONBLOCK, flags.contains(OpenFlags::NON_BLOCKING));
    linux | OFlags::CLOEXEC
}
