//! Names that match a pattern with slashes: one directory listing for each part that has pattern characters.

use crate::language::expansion::Field;
use crate::language::pattern::{Pattern, is_active};
use crate::names::Names;
use alloc::vec::Vec;
use vfs::context::Context;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::FileType;

/// Adds to `words` the paths that the field matches, sorted; the field itself where it is no pattern or matches none.
pub fn expand(manager: &VfsManager, context: &Context, field: &Field, words: &mut Vec<Vec<u8>>) {
    if !is_active(field) {
        words.push(field.text());
        return;
    }
    let mut paths = Vec::from([Vec::new()]);
    let parts: Vec<&[(u8, bool)]> = field.bytes.split(|&(byte, _)| byte == b'/').collect();
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        let pattern = Pattern::new(part);
        let mut found = Vec::new();
        for path in paths {
            if pattern.is_literal() {
                let mut path = path;
                path.extend(part.iter().map(|&(byte, _)| byte));
                found.push(path);
            } else {
                matches(manager, context, &path, &pattern, !last, &mut found);
            }
        }
        if !last {
            found.iter_mut().for_each(|path| path.push(b'/'));
        }
        paths = found;
    }
    // A literal part after a pattern has not been looked up yet.
    paths.retain(|path| manager.metadata(context, path, Follow::No).is_ok());
    paths.sort_unstable();
    if paths.is_empty() {
        words.push(field.text());
    }
    words.append(&mut paths);
}

/// Adds to `found` what matches in the directory `path`; a directory that cannot be listed has nothing that matches.
fn matches(
    manager: &VfsManager,
    context: &Context,
    path: &[u8],
    pattern: &Pattern,
    only_directories: bool,
    found: &mut Vec<Vec<u8>>,
) {
    let directory: &[u8] = if path.is_empty() { b"." } else { path };
    let Ok(names) = Names::read(manager, context, directory) else { return };
    for (name, kind) in names.iter() {
        let hidden = name.first() == Some(&b'.') && !pattern.begins_with_dot();
        let leads_on = !only_directories || matches!(kind, FileType::Directory | FileType::Symlink);
        if !hidden && leads_on && pattern.matches(name) {
            found.push([path, name].concat());
        }
    }
}
