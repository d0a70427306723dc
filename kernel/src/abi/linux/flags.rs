//! Flags of Linux's interface, and what they are here.

use vfs::file::OpenFlags;
use vfs::manager::Follow;

/// In place of a directory's number: the current one.
pub const AT_FDCWD: u32 = -100i32 as u32;
/// A link itself, not what it leads to.
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
/// `unlinkat`: a directory.
pub const AT_REMOVEDIR: u32 = 0x200;
/// `faccessat2`: with the rights of the effective user.
pub const AT_EACCESS: u32 = 0x200;
/// `linkat`: what a link leads to.
pub const AT_SYMLINK_FOLLOW: u32 = 0x400;
/// Nothing is mounted on the way: nothing is, here.
pub const AT_NO_AUTOMOUNT: u32 = 0x800;
/// An empty path is the file whose number is given.
pub const AT_EMPTY_PATH: u32 = 0x1000;

/// Whether a file is not given to another program.
pub const O_CLOEXEC: u32 = 0o2_000_000;
/// A terminal that is opened does not become the caller's.
pub const O_NOCTTY: u32 = 0o400;
/// What would wait fails with `EAGAIN`.
pub const O_NONBLOCK: u32 = 0o4_000;
const O_WRONLY: u32 = 1;
const O_RDWR: u32 = 2;
const O_LARGEFILE: u32 = 0o100_000;
/// A file is made where there is none.
pub const O_CREAT: u32 = 0o100;
/// A file without a name is made.
pub const O_TMPFILE: u32 = 0o20_000_000;
/// A place only.
pub const O_PATH: u32 = 0o10_000_000;
/// All flags that there are, for who is to know them all (`openat2(2)`).
pub const OPEN_KNOWN: u32 = 0o37_777_703;
/// What a place can be opened with besides: `O_DIRECTORY`, `O_NOFOLLOW`, `O_CLOEXEC`.
pub const O_PATH_KNOWN: u32 = O_PATH | 0o2_600_000;

/// Linux's bits and ours, but for the rights to read and write. (`O_TMPFILE` includes `O_DIRECTORY`.)
const OPEN_FLAGS: [(u32, OpenFlags); 14] = [
    (0o100, OpenFlags::CREATE),
    (0o200, OpenFlags::EXCLUSIVE),
    (0o1_000, OpenFlags::TRUNCATE),
    (0o2_000, OpenFlags::APPEND),
    (O_NONBLOCK, OpenFlags::NON_BLOCKING),
    (0o20_000, OpenFlags::ASYNC),
    (0o200_000, OpenFlags::DIRECTORY),
    (0o400_000, OpenFlags::NO_FOLLOW),
    (0o1_000_000, OpenFlags::NO_ACCESS_TIME),
    (0o10_000, OpenFlags::DATA_SYNC),
    (0o4_000_000, OpenFlags::SYNC),
    (O_LARGEFILE, OpenFlags::LARGE),
    (O_PATH, OpenFlags::PATH),
    (O_TMPFILE, OpenFlags::TEMPORARY),
];

/// What `open(2)`'s flags mean. Like Linux, it knows nothing of flags it does not know.
pub fn open_flags(linux: u32) -> OpenFlags {
    let mut flags = match linux & 3 {
        0 => OpenFlags::READ,
        O_WRONLY => OpenFlags::WRITE,
        _ => OpenFlags::READ | OpenFlags::WRITE,
    };
    for (bit, flag) in OPEN_FLAGS {
        flags.set(flag, linux & bit != 0);
    }
    if flags.contains(OpenFlags::TEMPORARY) {
        flags -= OpenFlags::DIRECTORY;
    }
    flags
}

/// What `F_GETFL` shows of flags.
pub fn shown_flags(flags: OpenFlags) -> u32 {
    let access = match (flags.contains(OpenFlags::READ), flags.contains(OpenFlags::WRITE)) {
        (true, true) => O_RDWR,
        (false, true) => O_WRONLY,
        _ => 0,
    };
    let gone = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
    let kept = OPEN_FLAGS.iter().filter(|(_, flag)| (flags - gone).contains(*flag));
    kept.fold(access, |shown, (bit, _)| shown | bit)
}

/// Whether links are followed, by a flag that says they are not.
pub fn follow_unless(flags: u32, not: u32) -> Follow {
    if flags & not == 0 { Follow::Yes } else { Follow::No }
}
