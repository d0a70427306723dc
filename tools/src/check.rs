//! Compares an image with the tree it was made from, file by file, through the file system that will mount it.

use crate::image::Options;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use vfs::content::Bytes;
use vfs::drivers::cpiofs::CpioFs;
use vfs::file_system::FileSystemOperations;
use vfs::metadata::FileType;
use vfs::node::{FIRST_CURSOR, NodeRef};

/// What is compared of a file. Equal records of both sides are the same file for all purposes.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Type and permission bits.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Seconds since 1970.
    pub modified: i64,
    /// The first of its names: what makes hard links show.
    pub first_name: Vec<u8>,
    /// Number of names; that of a directory is left out, as file systems differ.
    pub links: u64,
    /// Device number of a device node.
    pub device: (u32, u32),
    /// Bytes of a file's content, or of a symbolic link's target.
    pub size: u64,
    /// A hash of the same.
    pub digest: u64,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, owner: (uid, gid), modified, links, device: (major, minor), size, digest, .. } = self;
        write!(f, "mode {mode:o} owner {uid}:{gid} mtime {modified} links {links} device {major}:{minor} ")?;
        write!(f, "first name {} {size} bytes with hash {digest:016x}", self.first_name.escape_ascii())
    }
}

/// A tree: each name with what is there.
pub type Records = BTreeMap<Vec<u8>, Record>;

/// A node, with its name from the root.
type Named = (Vec<u8>, NodeRef);

/// Mounts an image.
///
/// # Errors
/// What is wrong with it.
pub fn mount(archive: Vec<u8>) -> Result<Arc<CpioFs>> {
    CpioFs::from_archive(Bytes::from_vec(archive)).map_err(Into::into)
}

/// Everything in a mounted file system; the root's name is empty.
///
/// # Errors
/// What a node answers, with its name.
pub fn mounted(file_system: &dyn FileSystemOperations) -> Result<Records> {
    let mut records = Records::new();
    let mut first_names = BTreeMap::new();
    let mut waiting = vec![(Vec::new(), file_system.root())];
    while let Some((name, node)) = waiting.pop() {
        let (record, children) = node_record(&node, &name, &mut first_names)
            .with_context(|| format!("cannot read '{}' of the image", name.escape_ascii()))?;
        records.insert(name, record);
        waiting.extend(children);
    }
    settle_first_names(&mut records);
    Ok(records)
}

/// A node's record, and its children with their names.
fn node_record(node: &NodeRef, name: &[u8], first_names: &mut BTreeMap<u64, Vec<u8>>) -> Result<(Record, Vec<Named>)> {
    let metadata = node.metadata()?;
    let mut data = Vec::new();
    let mut children = Vec::new();
    match metadata.kind {
        FileType::Regular => {
            data.resize(usize::try_from(metadata.size)?, 0);
            if node.read(0, &mut &mut data[..])? != data.len() {
                bail!("it is shorter than its size");
            }
        }
        FileType::Symlink => data = node.read_link()?.to_vec(),
        FileType::Directory => {
            let mut names = Vec::new();
            node.list(FIRST_CURSOR, &mut |item| {
                names.push(item.name.to_vec());
                true
            })?;
            for child in names {
                let node = node.lookup(&child)?;
                children.push((joined(name, &child), node));
            }
        }
        _ => {}
    }
    let first_name = first_names.entry(metadata.id.inode).or_insert_with(|| name.to_vec());
    let record = Record {
        mode: metadata.kind.mode_bits() | metadata.mode,
        owner: (metadata.uid, metadata.gid),
        modified: metadata.modified.seconds,
        first_name: first_name.clone(),
        links: if metadata.kind == FileType::Directory { 0 } else { metadata.links },
        device: (metadata.device.major, metadata.device.minor),
        size: data.len() as u64,
        digest: digest(&data),
    };
    Ok((record, children))
}

/// Everything below a directory of the host, as an image of it with these options should have it.
///
/// # Errors
/// What cannot be read, with its path.
pub fn on_disk(directory: &Path, options: &Options) -> Result<Records> {
    let mut records = Records::new();
    let mut first_names = BTreeMap::new();
    let mut waiting = vec![Vec::new()];
    while let Some(name) = waiting.pop() {
        let path =
            if name.is_empty() { directory.to_path_buf() } else { directory.join(std::ffi::OsStr::from_bytes(&name)) };
        let cannot_read = || format!("cannot read {}", path.display());
        let metadata = if name.is_empty() { fs::metadata(&path) } else { fs::symlink_metadata(&path) }
            .with_context(cannot_read)?;
        let kind = metadata.file_type();
        if kind.is_socket() {
            continue;
        }
        let mut data = Vec::new();
        if kind.is_file() {
            data = fs::read(&path).with_context(cannot_read)?;
        } else if kind.is_symlink() {
            data = fs::read_link(&path).with_context(cannot_read)?.into_os_string().into_vec();
        } else if kind.is_dir() {
            for entry in fs::read_dir(&path).with_context(cannot_read)? {
                waiting.push(joined(&name, entry.with_context(cannot_read)?.file_name().as_bytes()));
            }
        }
        let device = if kind.is_char_device() || kind.is_block_device() { metadata.rdev() } else { 0 };
        let identity = (metadata.dev(), metadata.ino());
        let record = Record {
            mode: metadata.mode(),
            owner: options.owner.unwrap_or((metadata.uid(), metadata.gid())),
            modified: metadata.mtime().clamp(0, i64::from(u32::MAX)),
            first_name: first_names.entry(identity).or_insert_with(|| name.clone()).clone(),
            links: u64::from(!kind.is_dir()),
            device: (rustix::fs::major(device), rustix::fs::minor(device)),
            size: data.len() as u64,
            digest: digest(&data),
        };
        records.insert(name, record);
    }
    settle_first_names(&mut records);
    count_links(&mut records);
    Ok(records)
}

/// The hash that a [`Record`] has of its data.
pub fn digest(data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(data);
    hasher.finish()
}

fn joined(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() { name.to_vec() } else { [parent, b"/", name].concat() }
}

/// Both sides walk in an order of their own; the first name in sorted order is the same for both.
fn settle_first_names(records: &mut Records) {
    let mut least: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (name, record) in records.iter() {
        least.entry(record.first_name.clone()).or_insert_with(|| name.clone());
    }
    for record in records.values_mut() {
        if let Some(name) = least.get(&record.first_name) {
            record.first_name.clone_from(name);
        }
    }
}

/// The names of a file that are in the tree: others on the host do not count.
fn count_links(records: &mut Records) {
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for record in records.values() {
        *counts.entry(record.first_name.clone()).or_default() += 1;
    }
    for record in records.values_mut().filter(|record| record.links > 0) {
        record.links = counts.get(&record.first_name).copied().unwrap_or(1);
    }
}

/// What differs between two trees, a line for each name; empty when nothing does.
pub fn differences(expected: &Records, found: &Records) -> Vec<String> {
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        let shown = name.escape_ascii();
        match (expected.get(name), found.get(name)) {
            (Some(_), None) => lines.push(format!("{shown}: missing")),
            (None, Some(_)) => lines.push(format!("{shown}: not in the tree")),
            (Some(one), Some(other)) if one != other => {
                lines.push(format!("{shown}: {other:?} instead of {one:?}"));
            }
            _ => {}
        }
    }
    lines
}
