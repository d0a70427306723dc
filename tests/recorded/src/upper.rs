//! Compares the upper layer as a system left it with the one that Linux left.

use std::collections::BTreeMap;

use crate::fixture::{LOWER, UPPER};
use crate::replay::octal;
use crate::system::{Answer, Stat, System};

const PREFIX: &str = "trusted.overlay.";

/// What the upper layer holds under a path.
struct Entry {
    stat: Stat,
    /// The overlay's marks, by name without prefix; such as only save work are left out.
    marks: BTreeMap<String, String>,
}

/// The differences, each with the line of the recording.
pub fn compare<S: System>(system: &S, lines: &[(usize, String)]) -> Vec<(usize, String)> {
    let last = lines.last().map_or(0, |line| line.0);
    let mut found = match read(system) {
        Ok(found) => found,
        Err(error) => return vec![(last, format!("reading the upper layer: {error}"))],
    };
    let mut differences = Vec::new();
    for (number, line) in lines {
        // LAYER path = …
        let parts = line.split_once(' ').and_then(|(_, rest)| rest.split_once(" = "));
        let Some((path, expected)) = parts else {
            differences.push((*number, format!("no such line: {line}")));
            continue;
        };
        match found.remove(path) {
            None => differences.push((*number, format!("up {line}\n    not in the upper layer"))),
            Some(entry) => {
                let below = system.lstat(&format!("{LOWER}/{path}"));
                if !matches(&entry, expected, below.is_ok_and(|below| below.kind == 'd')) {
                    let Entry { stat, marks } = entry;
                    differences.push((*number, format!("up {line}\n    {stat:?} {marks:?}")));
                }
            }
        }
    }
    for (path, Entry { stat, marks }) in found {
        // A directory that Linux did not need to copy up would be more than Linux left.
        differences.push((last, format!("in the upper layer, and not in Linux's: {path}: {} {marks:?}", stat.kind)));
    }
    differences
}

/// Everything in the upper layer, by path.
fn read<S: System>(system: &S) -> Answer<BTreeMap<String, Entry>> {
    let mut entries = BTreeMap::new();
    let mut pending = vec![String::new()];
    while let Some(directory) = pending.pop() {
        for name in system.list(&format!("{UPPER}{directory}"))? {
            let path = format!("{directory}/{name}");
            let full = format!("{UPPER}{path}");
            let stat = system.lstat(&full)?;
            let marks = system.xattrs(&full)?.into_iter().map(|(name, value)| {
                let name = name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
                (name, value)
            });
            let marks = marks.filter(|(name, _)| !is_optimisation(name)).collect();
            if stat.kind == 'd' {
                pending.push(path.clone());
            }
            entries.insert(path.trim_start_matches('/').to_owned(), Entry { stat, marks });
        }
    }
    Ok(entries)
}

fn is_optimisation(mark: &str) -> bool {
    matches!(mark, "impure" | "origin")
}

/// Whether an entry is what the line says: `r mode=0644 size=4 nlink=1 xattr=a="b",c`, or `whiteout`.
fn matches(entry: &Entry, expected: &str, lower_directory: bool) -> bool {
    let Entry { stat, marks } = entry;
    if expected == "whiteout" {
        return stat.kind == 'c' && stat.device == (0, 0);
    }
    let mut expected_marks = BTreeMap::new();
    let mut same = true;
    for (index, word) in expected.split(' ').enumerate() {
        let (name, value) = word.split_once('=').unwrap_or(("", word));
        same &= match name {
            "" => index == 0 && value == stat.kind.to_string(),
            "mode" => octal(value) == stat.mode,
            "size" => value == stat.size.to_string(),
            "nlink" => value == stat.links.to_string(),
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
    if !lower_directory {
        // Where no lower layer has the directory, the mark changes nothing.
        expected_marks.remove("opaque");
        marks.remove("opaque");
    }
    same && marks == expected_marks
}
