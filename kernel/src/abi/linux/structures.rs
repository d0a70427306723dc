//! Layouts of Linux's structures on x86_64, as words of 64 bits.

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::metadata::{DeviceNumber, FileFlags, Metadata, SetTime, Statistics};
use vfs::time::Timestamp;

use core::time::Duration;

/// What `st_blksize` says.
const BLOCK: u64 = page::SIZE as u64;

/// `st_dev` and `st_rdev` (`makedev(3)`).
fn device(device: DeviceNumber) -> u64 {
    let (major, minor) = (u64::from(device.major), u64::from(device.minor));
    minor & 0xff | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
}

/// The device that a number of 32 bits names.
pub fn device_number(number: u32) -> DeviceNumber {
    DeviceNumber::new(number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xf_ff00)
}

/// Two fields of 32 bits.
fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// `struct stat`.
pub fn stat(metadata: &Metadata) -> [u64; 18] {
    let mode = metadata.kind.mode_bits() | metadata.mode;
    let seconds = |time: Timestamp| time.seconds as u64;
    let nanoseconds = |time: Timestamp| u64::from(time.nanoseconds);
    [
        metadata.id.file_system.0,
        metadata.id.inode,
        metadata.links,
        u64::from(mode) | u64::from(metadata.uid) << 32,
        u64::from(metadata.gid),
        device(metadata.device),
        metadata.size,
        BLOCK,
        metadata.blocks,
        seconds(metadata.accessed),
        nanoseconds(metadata.accessed),
        seconds(metadata.modified),
        nanoseconds(metadata.modified),
        seconds(metadata.changed),
        nanoseconds(metadata.changed),
        0,
        0,
        0,
    ]
}

/// What of `struct statx` is filled in, whatever was asked for: `STATX_BASIC_STATS`.
const STATX_KNOWN: u32 = 0x7ff;
/// What is added to a mount's number where it is one that no later mount has either, so that it is taken for no other: as
/// on Linux. Here no later mount has the other either.
pub const UNIQUE_MOUNTS: u64 = 1 << 31;

/// `STATX_MNT_ID`, and `STATX_MNT_ID_UNIQUE`.
const STATX_MNT_ID: u32 = 0x1000;
const STATX_MNT_ID_UNIQUE: u32 = 0x4000;
/// `STATX_BTIME`: when it was made, where that is known.
const STATX_BTIME: u32 = 0x800;
/// `STATX_ATTR_MOUNT_ROOT`.
const STATX_MOUNT_ROOT: u64 = 0x2000;
/// What a file could be besides on every file system of Linux, and never is here: `STATX_ATTR_AUTOMOUNT`, `STATX_ATTR_DAX`.
const STATX_NEVER: u64 = 0x20_1000;

/// `struct statx` of what is on the mount of that number, perhaps its root, for who `asked` for that.
pub fn statx(metadata: &Metadata, asked: u32, mount: u64, is_mount_root: bool) -> [u64; 32] {
    let mut words = [0; 32];
    // The values are those of the flags themselves.
    let shown = FileFlags::PROTECTION | FileFlags::NO_DUMP;
    let shown = |flags: FileFlags| u64::from((flags & shown).bits());
    let (mount_known, first) =
        if asked & STATX_MNT_ID_UNIQUE != 0 { (STATX_MNT_ID_UNIQUE, UNIQUE_MOUNTS) } else { (STATX_MNT_ID, 0) };
    let mode = metadata.kind.mode_bits() | metadata.mode;
    let time = |time: Timestamp| [time.seconds as u64, u64::from(time.nanoseconds)];
    words[0] = pair(STATX_KNOWN | mount_known, BLOCK as u32);
    words[1] = metadata.flags.map_or(0, shown) | if is_mount_root { STATX_MOUNT_ROOT } else { 0 };
    words[2] = pair(metadata.links as u32, metadata.uid);
    words[3] = pair(metadata.gid, mode);
    [words[4], words[5], words[6]] = [metadata.id.inode, metadata.size, metadata.blocks];
    words[8..10].copy_from_slice(&time(metadata.accessed));
    words[7] = STATX_MOUNT_ROOT | STATX_NEVER | metadata.flags.map_or(0, |_| shown(FileFlags::all()));
    if let Some(created) = metadata.created {
        words[0] |= u64::from(STATX_BTIME);
        words[10..12].copy_from_slice(&time(created));
    }
    words[12..14].copy_from_slice(&time(metadata.changed));
    words[14..16].copy_from_slice(&time(metadata.modified));
    // `st_dev` taken apart as `stat` puts it together.
    let file_system = metadata.id.file_system.0;
    let (major, minor) =
        (file_system >> 8 & 0xfff | file_system >> 32 & !0xfff, file_system & 0xff | file_system >> 12 & !0xff);
    words[16] = pair(metadata.device.major, metadata.device.minor);
    words[17] = pair(major as u32, minor as u32);
    words[18] = first + mount;
    words
}

/// `struct statfs`.
pub fn statfs(figures: &Statistics) -> [u64; 15] {
    let free = figures.blocks_free;
    let size = figures.block_size;
    let file_system = 0;
    let mut words = [0; 15];
    words[..10].copy_from_slice(&[
        figures.magic,
        size,
        figures.blocks,
        free,
        free,
        figures.nodes,
        figures.nodes_free,
        file_system,
        figures.name_max,
        size,
    ]);
    words
}

/// In place of nanoseconds: now.
const UTIME_NOW: u64 = 0x3fff_ffff;
/// In place of nanoseconds: as it is.
const UTIME_OMIT: u64 = 0x3fff_fffe;

/// A `struct timespec` that a file's time is set to; `None` leaves it.
///
/// # Errors
/// `EINVAL` for what is no time.
pub fn set_time([seconds, nanoseconds]: [u64; 2]) -> Result<Option<SetTime>> {
    match nanoseconds {
        UTIME_NOW => Ok(Some(SetTime::Now)),
        UTIME_OMIT => Ok(None),
        0..1_000_000_000 => {
            Ok(Some(SetTime::At(Timestamp { seconds: seconds as i64, nanoseconds: nanoseconds as u32 })))
        }
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// `struct timespec`, as time that passes.
///
/// # Errors
/// `EINVAL` for what is no time.
pub fn duration([seconds, nanoseconds]: [u64; 2]) -> Result<Duration> {
    if (seconds as i64) < 0 || nanoseconds >= 1_000_000_000 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Ok(Duration::new(seconds, nanoseconds as u32))
}

/// `struct timespec` of time that has passed.
pub fn timespec(duration: Duration) -> [u64; 2] {
    [duration.as_secs(), u64::from(duration.subsec_nanos())]
}

/// `struct timeval` of time that has passed.
pub fn timeval(duration: Duration) -> [u64; 2] {
    [duration.as_secs(), u64::from(duration.subsec_micros())]
}
