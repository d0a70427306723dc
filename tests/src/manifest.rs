//! A tree as lines, one a file: walked on the host, or read from what the guest's `manifest` command prints.
//!
//! The form is the guest's (`help manifest` there): `TYPE MODE UID GID NLINK SIZE MTIME SHA256 PATH [-> TARGET]`, with
//! `-` for the size and the link count of a directory, which every file system counts in its own way.

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
    /// The fields before the time: type, mode, owner, group, link count, size.
    pub attributes: String,
    /// When it was last modified, in seconds.
    pub mtime: i64,
    /// The digest of its content; the target of a symbolic link.
    pub content: String,
}

/// A tree: what there is under each path; paths and targets in ASCII, as by [`escape`].
pub type Manifest = BTreeMap<String, Entry>;

/// A name in ASCII: every other byte, blanks and the backslash become `\xNN`.
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

/// Reads what the guest prints.
///
/// # Errors
/// A line is not of the form.
pub fn parse(text: &str) -> Result<Manifest> {
    text.lines()
        .map(|line| {
            let entry = entry_of(line).with_context(|| format!("not a line of a manifest: {line:?}"))?;
            Ok(entry)
        })
        .collect()
}

fn entry_of(line: &str) -> Option<(String, Entry)> {
    let (attributes, rest) = line.match_indices(' ').nth(5).map(|(at, _)| (&line[..at], &line[at + 1..]))?;
    let mut rest = rest.splitn(3, ' ');
    let mtime = rest.next()?.parse().ok()?;
    let digest = rest.next()?;
    let (path, content) = rest.next()?.split_once(" -> ").unwrap_or_else(|| (path_of(line), digest));
    Some((path.to_owned(), Entry { attributes: attributes.to_owned(), mtime, content: content.to_owned() }))
}

/// A path has no blanks in it: they are escaped.
fn path_of(line: &str) -> &str {
    line.rsplit_once(' ').map_or(line, |(_, path)| path)
}

/// Walks a tree of the host. The directory itself is not in the manifest.
///
/// # Errors
/// The tree cannot be read.
pub fn of_host(root: &Path) -> Result<Manifest> {
    let mut manifest = Manifest::new();
    walk(root, root, &mut manifest)?;
    Ok(manifest)
}

fn walk(root: &Path, directory: &Path, manifest: &mut Manifest) -> Result<()> {
    let listing = fs::read_dir(directory).with_context(|| format!("{}", directory.display()))?;
    for item in listing {
        let path = item.with_context(|| format!("{}", directory.display()))?.path();
        let context = || format!("{}", path.display());
        let metadata = fs::symlink_metadata(&path).with_context(context)?;
        let name = path.strip_prefix(root).with_context(context)?;
        manifest.insert(escape(name.as_os_str().as_bytes()), describe(&path, &metadata).with_context(context)?);
        if metadata.is_dir() {
            walk(root, &path, manifest)?;
        }
    }
    Ok(())
}

fn describe(path: &Path, metadata: &fs::Metadata) -> Result<Entry> {
    let (links, size) = (metadata.nlink().to_string(), metadata.size().to_string());
    let (kind, links, size) = match metadata.mode() & 0o170_000 {
        0o100_000 => ('f', links, size),
        0o040_000 => ('d', "-".to_owned(), "-".to_owned()),
        0o120_000 => ('l', links, size),
        0o010_000 => ('p', links, size),
        0o140_000 => ('s', links, size),
        _ => anyhow::bail!("a device: no package brings one"),
    };
    let content = match kind {
        'f' => digest(&fs::read(path)?),
        'l' => escape(fs::read_link(path)?.as_os_str().as_bytes()),
        _ => "-".to_owned(),
    };
    let mode = metadata.mode() & 0o7777;
    let attributes = format!("{kind} {mode:04o} {} {} {links} {size}", metadata.uid(), metadata.gid());
    Ok(Entry { attributes, mtime: metadata.mtime(), content })
}

fn digest(content: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// How two trees differ, a line for each difference; empty if they are the same.
///
/// Two times that both lie at or after `since` count as the same: the host and the guest did the same thing, at slightly
/// different moments.
pub fn differences(host: &Manifest, guest: &Manifest, since: i64) -> Vec<String> {
    let same = |a: &Entry, b: &Entry| {
        let time = a.mtime == b.mtime || (a.mtime >= since && b.mtime >= since);
        time && a.attributes == b.attributes && a.content == b.content
    };
    let mut found = Vec::new();
    for (path, expected) in host {
        match guest.get(path) {
            None => found.push(format!("{path}: missing in the guest")),
            Some(entry) if !same(expected, entry) => {
                found.push(format!("{path}:\n  host  {expected:?}\n  guest {entry:?}"));
            }
            Some(_) => {}
        }
    }
    found
        .extend(guest.keys().filter(|path| !host.contains_key(*path)).map(|path| format!("{path}: only in the guest")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_line_of_the_guests_is_read_field_by_field() {
        let text =
            "f 4755 0 42 2 12 1700000000 abcdef usr/bin/x\\x20y\nl 0777 0 0 1 3 5 - a -> ../b\nd 0755 0 0 - - 6 - d\n";
        let manifest = parse(text).expect("three lines");
        assert_eq!(
            manifest["usr/bin/x\\x20y"],
            Entry { attributes: "f 4755 0 42 2 12".into(), mtime: 1_700_000_000, content: "abcdef".into() }
        );
        assert_eq!(manifest["a"].content, "../b");
        assert_eq!(manifest["d"].attributes, "d 0755 0 0 - -");
        assert!(parse("cat: /nope: No such file or directory").is_err());
    }

    #[test]
    fn the_hosts_tree_has_the_same_form() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ő x");
        fs::write(&file, "abc").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("its mode");
        symlink("ő", directory.path().join("link")).expect("a link");
        let manifest = of_host(directory.path()).expect("a tree");
        let entry = &manifest["\\xc5\\x91\\x20x"];
        assert!(entry.attributes.starts_with("f 0640 ") && entry.attributes.ends_with(" 1 3"), "{entry:?}");
        assert_eq!(entry.content, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(manifest["link"].content, "\\xc5\\x91");
    }

    #[test]
    fn every_difference_is_named() {
        let host = parse(
            "f 0644 0 0 1 1 10 aa same\nf 0644 0 0 1 1 10 aa mode\nf 0644 0 0 1 1 90 aa now\nd 0755 0 0 - - 1 - gone\n",
        )
        .expect("a manifest");
        let guest = parse(
            "f 0644 0 0 1 1 10 aa same\nf 0600 0 0 1 1 10 aa mode\nf 0644 0 0 1 1 95 aa now\nd 0755 0 0 - - 1 - new\n",
        )
        .expect("a manifest");
        let found = differences(&host, &guest, 90);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].starts_with("gone: missing") && found[1].starts_with("mode:") && found[2].starts_with("new: only")
        );
        assert_eq!(differences(&host, &guest, 91).len(), 4);
    }
}
