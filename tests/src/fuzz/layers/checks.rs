//! What must hold of whatever an overlay shows.

use super::CANARY;
use std::collections::{BTreeMap, BTreeSet};
use vfs::context::Context;
use vfs::drivers::overlayfs::OverlayFS;
use vfs::error::{FileSystemError, FileSystemErrorKind, Result};
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, Metadata};
use vfs::mount::Path;

/// What is shown under each path: all that a copy-up or a remount must keep.
pub type Tree = BTreeMap<Vec<u8>, Shown>;

/// What one path shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// A name that is listed and cannot be used.
    Refused(FileSystemErrorKind),
    /// A node: what `stat` shows but for times of access and change, identity and space, then its content.
    Node(String, Result<Vec<u8>>),
}

/// How deep a tree may be: deeper than any that the steps of an input can make, if what is shown ends at all.
const DEPTH_MAX: usize = super::STEPS_MAX;

/// How many nodes are looked at: layers that lead to others many times show more than is worth it.
const NODES_MAX: usize = 300;

/// Numbers that an overlay gives to nodes that claim to be what another one is.
const REPLACED: u64 = 1 << 63;

/// An errno that a listed name of a hostile layer can have; any other is a fault.
pub fn explained(error: FileSystemError) -> Result<()> {
    match error.kind() {
        // Metadata without its data; a redirect that is none; one that is not to be followed.
        FileSystemErrorKind::Io | FileSystemErrorKind::InvalidArgument | FileSystemErrorKind::NotPermitted => Ok(()),
        _ => Err(error),
    }
}

/// All that follows an open file's position.
pub fn content(file: &FileObject) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = file.read(&mut &mut buffer[..])?;
        if count == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}

/// All below a context's root, as it is.
pub fn tree(manager: &VfsManager, context: &Context) -> Tree {
    look(manager, context, &mut |_, _, _| {})
}

/// All below the root of an overlay; a listing, lookups and `stat` must agree about it, for the names it has and for
/// others. A directory in use keeps its number when its layers are changed under it, so `d_ino` is not compared then.
pub fn walk(manager: &VfsManager, context: &Context, others: &BTreeSet<Vec<u8>>, live: bool) -> Tree {
    let overlay = context.root.mount.superblock().operations().clone();
    let overlay = overlay.as_any().downcast_ref::<OverlayFS>().expect("it is an overlay");
    look(manager, context, &mut |directory, listed, path| {
        let here = context.at(directory.clone());
        let node = directory.node().expect("it is open");
        for name in others.iter().filter(|name| !matches!(name.as_slice(), b"" | b"." | b"..")) {
            if listed.contains_key(name) {
                continue;
            }
            let shown = manager.metadata(&here, name, Follow::No).map_err(|error| error.kind());
            let expected =
                if name.len() > 255 { FileSystemErrorKind::NameTooLong } else { FileSystemErrorKind::NotFound };
            let name = name.escape_ascii();
            assert_eq!(shown.err(), Some(expected), "/{}/{name} is not listed", path.escape_ascii());
        }
        for name in listed.keys().chain(others) {
            let explanation = overlay.explain(node, name);
            if let Err(error) = explanation.map(drop).or_else(explained) {
                panic!("why /{}/{} is shown: {error:?}", path.escape_ascii(), name.escape_ascii());
            }
        }
        for (name, (inode, kind)) in listed {
            let Ok(metadata) = manager.metadata(&here, name, Follow::No) else { continue };
            let path = || format!("/{}/{}", path.escape_ascii(), name.escape_ascii());
            assert_eq!(metadata.kind, *kind, "d_type of {}", path());
            if metadata.id.inode < REPLACED && !live {
                assert_eq!(metadata.id.inode, *inode, "d_ino of {}", path());
            }
        }
    })
}

type Listed = BTreeMap<Vec<u8>, (u64, FileType)>;

fn look(manager: &VfsManager, context: &Context, visit: &mut dyn FnMut(&Path, &Listed, &[u8])) -> Tree {
    let mut tree = Tree::new();
    let mut pending = vec![(Vec::new(), context.root.clone(), 0)];
    while let Some((path, place, depth)) = pending.pop() {
        assert!(depth < DEPTH_MAX, "what is shown has no end");
        let here = context.at(place.clone());
        let listed = match list(manager, &here, &path) {
            Ok(listed) => listed,
            Err(error) => {
                explained(error).expect("a listing's errno is explained");
                continue;
            }
        };
        visit(&place, &listed, &path);
        for name in listed.keys() {
            let below = if path.is_empty() { name.clone() } else { [&path[..], b"/", name].concat() };
            let found =
                manager.resolve(&here, name, Follow::No).and_then(|found| Ok((found.node()?.metadata()?, found)));
            let shown = match found {
                Ok((metadata, found)) => {
                    let shown = show(manager, &here, name, &metadata);
                    if metadata.kind == FileType::Directory && tree.len() < NODES_MAX {
                        pending.push((below.clone(), found, depth + 1));
                    }
                    shown
                }
                Err(error) => {
                    explained(error).unwrap_or_else(|error| panic!("/{}: {error:?}", below.escape_ascii()));
                    Shown::Refused(error.kind())
                }
            };
            tree.insert(below, shown);
        }
    }
    tree
}

/// The names of a directory, each of which is listed once.
fn list(manager: &VfsManager, here: &Context, path: &[u8]) -> Result<Listed> {
    let mut listed = Listed::new();
    let directory = manager.open(here, b".", OpenFlags::READ | OpenFlags::DIRECTORY, 0)?;
    directory.list(&mut |item| {
        if item.name != b"." && item.name != b".." {
            let twice = listed.insert(item.name.to_vec(), (item.inode, item.kind));
            assert!(twice.is_none(), "/{}/{} is listed twice", path.escape_ascii(), item.name.escape_ascii());
        }
        true
    })?;
    Ok(listed)
}

fn show(manager: &VfsManager, here: &Context, name: &[u8], metadata: &Metadata) -> Shown {
    let Metadata { kind, mode, uid, gid, device, size, modified, .. } = metadata;
    let size = if *kind == FileType::Directory { 0 } else { *size };
    let mut text = format!("{kind:?} {mode:o} {uid}:{gid} {device:?} {size} {modified:?}");
    let mut names = manager.list_xattrs(here, name, Follow::No).expect("attributes can be listed");
    names.sort();
    for attribute in names {
        let value = manager.get_xattr(here, name, &attribute, Follow::No).expect("a listed attribute has a value");
        text = format!("{text} {}={}", attribute.escape_ascii(), value.escape_ascii());
    }
    let content = match kind {
        FileType::Regular => {
            manager.open(here, name, OpenFlags::READ | OpenFlags::NO_FOLLOW, 0).and_then(|file| content(&file))
        }
        FileType::Symlink => manager.read_link(here, name).map(|target| target.to_vec()),
        _ => Ok(Vec::new()),
    };
    assert_ne!(content.as_deref(), Ok(CANARY), "{} is beside the layers", name.escape_ascii());
    Shown::Node(text, content)
}
