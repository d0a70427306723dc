//! An upper layer that one system wrote, mounted in the other: copied as a tree, marks and whiteouts and all.

use super::answer::{Node, Side, Tree};
use super::case::{Case, Layout};
use super::compare::{self, Identities};
use super::operation::{Operation, Place, Special, Step, When};
use std::collections::HashMap;
use vfs::file::OpenFlags;
use vfs::metadata::FileType;
use vfs::node::SetXattr;

/// Whether the upper layer says all there is to say. Which names of a lower file with several are one after copy-up is
/// in the work directory, whose index is written in file handles of the system that made it: it cannot be exchanged. Nor
/// does the upper have the same names of it: on Linux that which was used, in Strata one that the file is known by.
pub fn is_exchangeable(case: &Case) -> bool {
    let links_a_lower =
        |operation: &Operation| matches!(operation, Operation::Link { new, .. } if !new.path.starts_with("/u/"));
    !case.layout.index || !case.setup.iter().any(|step| links_a_lower(&step.operation))
}

/// Makes the lower layers of the case, and that upper layer.
///
/// # Errors
/// The step that failed.
pub fn build(side: &mut impl Side, case: &Case, upper: &Tree) -> Result<(), String> {
    for step in &case.setup {
        if !touches_upper(&step.operation) {
            // What failed when the layers were first made fails again.
            let _ = side.apply(step);
        }
    }
    for step in steps_to_make("/u", upper) {
        side.apply(&step).map_err(|errno| format!("copying the upper layer: {step}: {errno:?}"))?;
    }
    Ok(())
}

/// A step of the setup in the upper layer; writes to an open file after a skipped open fail, and are skipped with it.
fn touches_upper(operation: &Operation) -> bool {
    let place = match operation {
        Operation::Open { place, .. }
        | Operation::Mkdir { place, .. }
        | Operation::Symlink { place, .. }
        | Operation::Mknod { place, .. }
        | Operation::SetXattr { place, .. }
        | Operation::Chown { place, .. }
        | Operation::Times { place, .. } => place,
        _ => return false,
    };
    place.path.starts_with("/u/")
}

/// The steps that make a tree.
fn steps_to_make(root: &str, tree: &Tree) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut made: HashMap<(u64, u64), String> = HashMap::new();
    for (path, node) in tree {
        let full = if path.is_empty() { root.to_owned() } else { format!("{root}/{}", String::from_utf8_lossy(path)) };
        let place = Place::absolute(full.clone());
        let identity = (node.stat.device, node.stat.inode);
        if node.stat.kind != FileType::Directory
            && let Some(first) = made.get(&identity)
        {
            let old = Place::absolute(first.clone());
            steps.push(Operation::Link { old, new: place, follow: false }.into());
            continue;
        }
        made.insert(identity, full);
        make_node(&place, node, path.is_empty(), &mut steps);
    }
    // Times last, the deepest first: making an entry changes its directory's.
    for (path, node) in tree.iter().rev() {
        let place = Place::absolute(format!("{root}/{}", String::from_utf8_lossy(path)));
        let when = |time| match time {
            super::answer::Time::Set(seconds) => u32::try_from(seconds).map_or(When::Now, When::Seconds),
            super::answer::Time::Now => When::Now,
        };
        let (accessed, modified) = (when(node.stat.accessed), when(node.stat.modified));
        steps.push(Operation::Times { place, accessed, modified, follow: false }.into());
    }
    steps
}

fn make_node(place: &Place, node: &Node, is_root: bool, steps: &mut Vec<Step>) {
    let (stat, place) = (&node.stat, place.clone());
    let mut step = |operation: Operation| steps.push(operation.into());
    let content = node.content.clone().unwrap_or_default();
    let (major, minor) = stat.rdev;
    let mode = stat.mode;
    match stat.kind {
        FileType::Directory if is_root => {}
        FileType::Directory => step(Operation::Mkdir { place: place.clone(), mode: 0o755 }),
        FileType::Regular => {
            let flags = OpenFlags::WRITE | OpenFlags::CREATE;
            step(Operation::Open { slot: 0, place: place.clone(), flags, mode });
            step(Operation::WriteAt { slot: 0, offset: 0, data: content });
            step(Operation::TruncateOpen { slot: 0, size: stat.size });
            step(Operation::Close { slot: 0 });
        }
        FileType::Symlink => {
            let target = String::from_utf8_lossy(&content).into_owned();
            step(Operation::Symlink { target, place: place.clone() });
        }
        FileType::CharDevice => {
            step(Operation::Mknod { place: place.clone(), kind: Special::Char(major, minor), mode });
        }
        FileType::BlockDevice => {
            step(Operation::Mknod { place: place.clone(), kind: Special::Block(major, minor), mode });
        }
        FileType::Fifo => step(Operation::Mknod { place: place.clone(), kind: Special::Fifo, mode }),
        FileType::Socket => step(Operation::Mknod { place: place.clone(), kind: Special::Socket, mode }),
        // There is none in any tree.
        FileType::Anonymous => {}
    }
    for (name, value) in &node.xattrs {
        let (name, value) = (String::from_utf8_lossy(name).into_owned(), value.clone());
        step(Operation::SetXattr { place: place.clone(), name, value, how: SetXattr::Any, follow: false });
    }
    let (uid, gid) = (Some(stat.uid), Some(stat.gid));
    step(Operation::Chown { place: place.clone(), uid, gid, follow: false });
    if stat.kind != FileType::Symlink {
        step(Operation::Chmod { place, mode });
    }
}

/// Compares the trees of one upper layer in both systems.
///
/// # Errors
/// The difference, in words.
pub fn same(layout: &Layout, one: &Tree, other: &Tree) -> Result<(), String> {
    compare::trees(layout, &mut Identities::default(), one, other)
}
