//! Layouts of Linux's structures on x86_64, as words of 64 bits.

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::metadata::{DeviceNumber, Metadata};
use vfs::time::Timestamp;

use core::time::Duration;

/// What `st_blksize` says.
const BLOCK: u64 = page::SIZE as u64;

/// `st_dev` and `st_rdev` (`makedev(3)`).
fn device(device: DeviceNumber) -> u64 {
    let (major, minor) = (u64::from(device.major), u64::from(device.minor));
    minor & 0xff | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
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
