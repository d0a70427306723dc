//! A tree as lines, one a file: walked on the host, or read from what the guest's `manifest` command prints.
//!
//! What a cpio archive carries is compared: type, mode, owner, link count, size, modification time, content. Directories are
//! compared without size and link count, which every file system counts in its own way.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// All that is compared of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `f`, `d`, `l`, `c`, `b`, `p` or `s`, as `find -type` has them.
    pub kind: char,
    /// Permission and set-id bits.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Names of the same file; 0 for a directory.
    pub links: u64,
    /// Size in bytes; 0 for a directory.
    pub size: u64,
    /// Modification time, in seconds.
    pub mtime: i64,
    /// The digest of a file's content, the target of a link, else nothing.
    pub content: String,
}

/// A tree: what there is under each path, the paths escaped as by [`escape`] and relative to the tree's root.
pub type Manifest = BTreeMap<String, Entry>;

/// A name in ASCII: every byte that is not printable ASCII, a blank or a backslash becomes `\xNN`.
pub fn escape(name: &[u8]) -> String {
    let mut escaped = String::new();
    for &byte in name {
        if byte.is_ascii_graphic() && byte != b'\\' {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

/// Walks a tree of the host.
///
/// # Errors
/// The tree cannot be read.
pub fn of_host(root: &Path) -> Result<Manifest> {
    let mut manifest = Manifest::new();
    walk(root, root, &mut manifest)?;
    Ok(manifest)
}

fn walk(root: &Path, path: &Path, manifest: &mut Manifest) -> Result<()> {
    let context = || format!("{}", path.display());
    let metadata = fs::symlink_metadata(path).with_context(context)?;
    let kind = match metadata.mode() & 0o170_000 {
        0o100_000 => 'f',
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o020_000 => 'c',
        0o060_000 => 'b',
        0o010_000 => 'p',
        _ => 's',
    };
    let is_directory = kind == 'd';
    let content = match kind {
        'f' => digest(&fs::read(path).with_context(context)?),
        'l' => escape(fs::read_link(path).with_context(context)?.as_os_str().as_bytes()),
        _ => String::new(),
    };
    let entry = Entry {
        kind,
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        links: if is_directory { 0 } else { metadata.nlink() },
        size: if is_directory { 0 } else { metadata.size() },
        mtime: metadata.mtime(),
        content,
    };
    let name = path.strip_prefix(root).with_context(context)?;
    manifest.insert(escape(name.as_os_str().as_bytes()), entry);
    if is_directory {
        for entry in fs::read_dir(path).with_context(context)? {
            walk(root, &entry.with_context(context)?.path(), manifest)?;
        }
    }
    Ok(())
}

fn digest(content: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
