//! One case for each entry of the table of deliberate differences: its last step meets it.

use super::case::{Case, Kind, Layout};
use super::operation::{Operation, Place, Special, When};
use vfs::file::{OpenFlags, SeekFrom};
use vfs::node::{RenameFlags, SetXattr};

fn case(kind: Kind, lowers: usize, setup: Vec<Operation>, steps: Vec<Operation>) -> Case {
    let setup = setup.into_iter().map(Into::into).collect();
    Case {
        layout: Layout { kind, lowers, index: kind != Kind::Nested },
        setup,
        steps: steps.into_iter().map(Into::into).collect(),
    }
}

fn place(path: &str) -> Place {
    Place::absolute(path)
}

fn file(path: &str) -> Operation {
    Operation::Mknod { place: place(path), kind: Special::Regular, mode: 0o644 }
}

fn directory(path: &str) -> Operation {
    Operation::Mkdir { place: place(path), mode: 0o755 }
}

/// ```text
///   lower   a: 1, a hole, 2          open a for writing, and seek the hole
/// ```
pub fn hole_in_a_copy() -> Case {
    let write = |offset| Operation::WriteAt { slot: 0, offset, data: b"x".to_vec() };
    let open = |slot, path: &str| Operation::Open { slot, place: place(path), flags: OpenFlags::WRITE, mode: 0 };
    let setup = vec![file("/l0/a"), open(0, "/l0/a"), write(0), write(70_000), Operation::Close { slot: 0 }];
    let steps = vec![open(1, "/mnt/a"), Operation::Seek { slot: 1, to: SeekFrom::Hole(0) }];
    case(Kind::Overlay, 1, setup, steps)
}

/// ```text
///   upper   b          copy from a file beside the overlay into b
/// ```
pub fn copy_from_another_file_system() -> Case {
    let steps = vec![
        Operation::Open { slot: 0, place: place("/inner/a"), flags: OpenFlags::READ, mode: 0 },
        Operation::Open { slot: 1, place: place("/mnt/b"), flags: OpenFlags::WRITE, mode: 0 },
        Operation::CopyRange { slot: 0, offset: 0, to: 1, to_offset: 0, length: 1 },
    ];
    case(Kind::Overlay, 1, vec![file("/inner/a"), file("/u/b")], steps)
}

/// ```text
///   lower   a          open a, unlink a, set the times of what is open
/// ```
pub fn metadata_of_a_removed_file() -> Case {
    let steps = vec![
        Operation::Open { slot: 0, place: place("/mnt/a"), flags: OpenFlags::READ, mode: 0 },
        Operation::Unlink { place: place("/mnt/a") },
        Operation::TimesOpen { slot: 0, accessed: When::Keep, modified: When::Seconds(7) },
    ];
    case(Kind::Overlay, 1, vec![file("/l0/a")], steps)
}

/// ```text
///   lower   a          replace an attribute that a has not, and look for a in the upper layer
/// ```
pub fn copy_left_by_a_failed_change() -> Case {
    let steps = vec![replace_missing_attribute("/mnt/a"), Operation::Lstat { place: place("/u/a") }];
    case(Kind::Overlay, 1, vec![file("/l0/a")], steps)
}

/// ```text
///   lower   a          open a, replace an attribute that it has not, unlink it, look at what is open
/// ```
pub fn removed_after_a_failed_change() -> Case {
    let steps = vec![
        Operation::Open { slot: 0, place: place("/mnt/a"), flags: OpenFlags::READ, mode: 0 },
        replace_missing_attribute("/mnt/a"),
        Operation::Unlink { place: place("/mnt/a") },
        Operation::StatOpen { slot: 0 },
    ];
    case(Kind::Overlay, 1, vec![file("/l0/a")], steps)
}

fn replace_missing_attribute(path: &str) -> Operation {
    Operation::SetXattr {
        place: place(path),
        name: "trusted.three".into(),
        value: b"value".to_vec(),
        how: SetXattr::Replace,
        follow: false,
    }
}

/// ```text
///   inner overlay   l0   (empty)
///                   l1   a/b (whiteout)     rmdir a in the outer overlay
/// ```
pub fn inner_directory_of_whiteouts() -> Case {
    let whiteout = Operation::Mknod { place: place("/l1/a/b"), kind: Special::Char(0, 0), mode: 0 };
    case(Kind::Nested, 2, vec![directory("/l1/a"), whiteout], vec![Operation::Rmdir { place: place("/mnt/a") }])
}

/// ```text
///   inner overlay   l0   a          link a to b, and exchange them
///                   l1   (empty)
/// ```
pub fn exchange_of_two_names() -> Case {
    let steps = vec![
        Operation::Link { old: place("/mnt/a"), new: place("/mnt/b"), follow: false },
        Operation::Rename { old: place("/mnt/a"), new: place("/mnt/b"), flags: RenameFlags::EXCHANGE },
    ];
    case(Kind::Nested, 2, vec![Operation::Symlink { target: "nowhere".into(), place: place("/l0/a") }], steps)
}
