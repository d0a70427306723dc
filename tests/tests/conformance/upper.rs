//! Compares the upper layer as ours left it with the one that Linux left.

use super::fixture::Fixture;
use super::replay::{letter, octal};
use std::collections::BTreeMap;
use vfs::error::Result;
use vfs::file::OpenFlags;
use vfs::manager::Follow;
use vfs::metadata::{DeviceNumber, FileType, Metadata};

const UPPER: &str = "/upper";
const PREFIX: &str = "trusted.overlay.";

/// What the upper layer holds under a path.
struct Entry {
    metadata: Metadata,
    /// The overlay's marks, by name without prefix; such as only save work are left out.
    marks: BTreeMap<String, String>,
}

/// The differences, each with the line of the recording.
pub fn compare(fixture: &Fixture, lines: &[(usize, String)]) -> Vec<(usize, String)> {
    let last = lines.last().map_or(0, |line| line.0);
    let mut ours = match read(fixture) {
        Ok(ours) => ours,
        Err(error) => return vec![(last, format!("reading our upper layer: {error:?}"))],
    };
    let mut differences = Vec::new();
    for (number, line) in lines {
        // LAYER path = …
        let parts = line.split_once(' ').and_then(|(_, rest)| rest.split_once(" = "));
        let Some((path, expected)) = parts else {
            differences.push((*number, format!("no such line: {line}")));
            continue;
        };
        match ours.remove(path) {
            None => differences.push((*number, format!("up {line}\n    not in our upper layer"))),
            Some(entry) => {
                let lower = has_lower_directory(fixture, path);
                if !matches(&entry, expected, lower) {
                    let Entry { metadata, marks } = entry;
                    differences.push((*number, format!("up {line}\n    {metadata:?} {marks:?}")));
                }
            }
        }
    }
    for (path, Entry { metadata, marks }) in ours {
        // A directory that Linux did not need to copy up would be more than Linux left.
        differences.push((last, format!("only in our upper layer: {path}: {:?} {marks:?}", metadata.kind)));
    }
    differences
}

/// Everything in the upper layer, by path.
fn read(fixture: &Fixture) -> Result<BTreeMap<String, Entry>> {
    let (vfs, root) = (&fixture.vfs, &fixture.root);
    let mut entries = BTreeMap::new();
    let mut pending = vec![String::new()];
    while let Some(directory) = pending.pop() {
        let full = format!("{UPPER}{directory}");
        let open = vfs.open(root, full.as_bytes(), OpenFlags::READ | OpenFlags::DIRECTORY, 0)?;
        let mut names = Vec::new();
        open.list(&mut |item| {
            if item.name != b"." && item.name != b".." {
                names.push(String::from_utf8_lossy(item.name).into_owned());
            }
            true
        })?;
        for name in names {
            let path = format!("{directory}/{name}");
            let full = format!("{UPPER}{path}");
            let metadata = vfs.metadata(root, full.as_bytes(), Follow::No)?;
            let mut marks = BTreeMap::new();
            for name in vfs.list_xattrs(root, full.as_bytes(), Follow::No)? {
                let value = vfs.get_xattr(root, full.as_bytes(), &name, Follow::No)?;
                let name = String::from_utf8_lossy(&name).into_owned();
                let name = name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
                if !is_optimisation(&name) {
                    marks.insert(name, String::from_utf8_lossy(&value).into_owned());
                }
            }
            if metadata.kind == FileType::Directory {
                pending.push(path.clone());
            }
            entries.insert(path.trim_start_matches('/').to_owned(), Entry { metadata, marks });
        }
    }
    Ok(entries)
}

fn is_optimisation(mark: &str) -> bool {
    matches!(mark, "impure" | "origin")
}

fn has_lower_directory(fixture: &Fixture, path: &str) -> bool {
    let full = format!("/lower/{path}");
    let found = fixture.vfs.metadata(&fixture.root, full.as_bytes(), Follow::No);
    found.is_ok_and(|found| found.kind == FileType::Directory)
}

/// Whether an entry is what the line says: `r mode=0644 size=4 nlink=1 xattr=a="b",c`, or `whiteout`.
fn matches(entry: &Entry, expected: &str, lower: bool) -> bool {
    let Entry { metadata, marks } = entry;
    if expected == "whiteout" {
        return metadata.kind == FileType::CharDevice && metadata.device == DeviceNumber::new(0, 0);
    }
    let mut expected_marks = BTreeMap::new();
    let mut same = true;
    for (index, word) in expected.split(' ').enumerate() {
        let (name, value) = word.split_once('=').unwrap_or(("", word));
        same &= match name {
            "" => index == 0 && value == letter(metadata.kind),
            "mode" => octal(value) == metadata.mode,
            "size" => value == metadata.size.to_string(),
            "nlink" => value == metadata.links.to_string(),
            "xattr" => {
                for mark in value.split(',') {
                    let (name, value) = mark.split_once('=').unwrap_or((mark, ""));
                    if !is_optimisation(name) {
                        expected_marks.insert(name.to_owned(), value.trim_matches('"').to_owned());
                    }
                }
                true
            }
            _ => false,
        };
    }
    let mut marks = marks.clone();
    if !lower {
        // Where no lower layer has the directory, the mark changes nothing.
        expected_marks.remove("opaque");
        marks.remove("opaque");
    }
    same && marks == expected_marks
}
