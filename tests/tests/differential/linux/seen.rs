//! What can be seen of files: metadata, listings, contents, extended attributes.

use crate::answer::{CONTENT_MAX, Errno, Listing, Node, Stat, Time};
use rustix::fs::{AtFlags, Mode, OFlags, RawDir};
use rustix::io::Errno as Code;
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use vfs::metadata::FileType;

/// All that can be seen of a node.
pub(super) fn node(path: &[u8], listed: Option<(FileType, u64)>) -> Result<Node, Errno> {
    let stat = stat_of(&rustix::fs::lstat(path)?);
    let content = match stat.kind {
        FileType::Regular => {
            let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::NOATIME, Mode::empty())?;
            let mut bytes = vec![0; usize::try_from(stat.size).unwrap_or(CONTENT_MAX).min(CONTENT_MAX)];
            let mut filled = 0;
            while filled < bytes.len() {
                match rustix::io::read(&file, &mut bytes[filled..])? {
                    0 => break,
                    count => filled += count,
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        }
        FileType::Symlink => Ok(rustix::fs::readlink(path, Vec::new())?.into_bytes()),
        _ => Ok(Vec::new()),
    };
    let mut names = vec![0; 1 << 16];
    let count = rustix::fs::llistxattr(path, &mut names[..])?;
    names.truncate(count);
    let mut xattrs = BTreeMap::new();
    for name in split_names(&names) {
        let mut value = vec![0; 1 << 16];
        let count = rustix::fs::lgetxattr(path, &name[..], &mut value[..])?;
        value.truncate(count);
        xattrs.insert(name, value);
    }
    Ok(Node { stat, listed, content, xattrs })
}

pub(super) fn split_names(names: &[u8]) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> =
        names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
    names.sort();
    names
}

pub(super) fn listing(directory: &OwnedFd) -> Result<Listing, Errno> {
    let mut entries = Listing::new();
    let mut buffer = [MaybeUninit::uninit(); 1 << 14];
    let mut items = RawDir::new(directory, &mut buffer);
    while let Some(item) = items.next() {
        let item = item?;
        let name = item.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = kind_of(item.file_type());
        // Where nothing is merged Linux lists whiteouts, and then does not find them (see `deliberate`).
        let look = |name| rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        if kind != FileType::CharDevice || look(item.file_name()).err() != Some(Code::NOENT) {
            entries.insert(name.to_vec(), (kind, item.ino()));
        }
    }
    Ok(entries)
}

fn kind_of(kind: rustix::fs::FileType) -> FileType {
    FileType::from_mode(kind.as_raw_mode()).unwrap_or(FileType::Regular)
}

pub(super) fn stat_of(stat: &rustix::fs::Stat) -> Stat {
    Stat {
        device: stat.st_dev,
        inode: stat.st_ino,
        kind: FileType::from_mode(stat.st_mode).unwrap_or(FileType::Regular),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        links: stat.st_nlink,
        rdev: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
        size: stat.st_size.cast_unsigned(),
        blocks: stat.st_blocks.cast_unsigned(),
        accessed: Time::of(stat.st_atime),
        modified: Time::of(stat.st_mtime),
    }
}
