//! Where Strata and Linux differ on purpose: the one table, and what it does to a comparison.

use super::answer::{Answer, Stat, Time, Tree, Value};
use super::case::{Case, Kind, Layout};
use super::examples;
use super::operation::{Operation, Step};
use vfs::error::FileSystemErrorKind;
use vfs::file::SeekFrom;
use vfs::metadata::FileType;

/// What a step met.
pub struct Situation<'a> {
    pub layout: &'a Layout,
    pub step: &'a Step,
    pub ours: &'a Answer,
    pub theirs: &'a Answer,
}

/// A difference in answers that is meant to be.
pub struct Difference {
    /// What differs.
    pub what: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Whether this is it.
    pub covers: fn(&Situation<'_>) -> bool,
    /// Whether the two sides are in different states now, so that the case ends here.
    pub parts: bool,
    /// A case whose last step meets it: an entry that no case meets any more has to go.
    pub example: fn() -> Case,
}

/// The differences in answers.
pub const ANSWERS: &[Difference] = &[
    Difference {
        what: "where the next hole is in a file that was copied up",
        reason: "Linux fills holes of less than a MiB when it copies up; Strata's copy shares pages and keeps every hole",
        covers: |situation| {
            matches!(situation.step.operation, Operation::Seek { to: SeekFrom::Data(_) | SeekFrom::Hole(_), .. })
                && situation.layout.kind != Kind::Plain
                && !matches!(situation.theirs, Err(errno) if *errno != FileSystemErrorKind::NoSuchDeviceOrAddress.into())
        },
        parts: true,
        example: examples::hole_in_a_copy,
    },
    Difference {
        what: "copying a range from one file system to another",
        reason: "Linux shares pages of no two file systems and says EXDEV; Strata's share the same pages",
        covers: |situation| {
            matches!(situation.step.operation, Operation::CopyRange { .. })
                && situation.ours.is_ok()
                && *situation.theirs == Err(FileSystemErrorKind::CrossDevice.into())
        },
        parts: true,
        example: examples::copy_from_another_file_system,
    },
    Difference {
        what: "metadata of a removed lower file, through a descriptor",
        reason: "Linux cannot copy up what has no name any more (EEXIST); Strata can",
        covers: |situation| {
            situation.step.operation.changes_metadata_of().is_some()
                && situation.layout.kind != Kind::Plain
                && !matches!(situation.ours, Err(errno) if *errno != FileSystemErrorKind::NoData.into())
                && *situation.theirs == Err(FileSystemErrorKind::AlreadyExists.into())
        },
        parts: false,
        example: examples::metadata_of_a_removed_file,
    },
    Difference {
        what: "a copy that only Linux's upper layer has",
        reason: "Linux copies up before some checks, and leaves the copies when they fail",
        covers: |situation| {
            // A file's copy, or a name below one, or below a link that leads to itself.
            let below = [FileSystemErrorKind::NotADirectory, FileSystemErrorKind::TooManySymlinks];
            let copy = match situation.theirs {
                Ok(Value::Stat(stat)) => !is_whiteout(stat),
                theirs => below.iter().any(|kind| *theirs == Err((*kind).into())),
            };
            copy && looks_into_layer(situation.step) && *situation.ours == Err(FileSystemErrorKind::NotFound.into())
        },
        parts: false,
        example: examples::copy_left_by_a_failed_change,
    },
    Difference {
        what: "removing a directory of an inner overlay that holds nothing but whiteouts",
        reason: "Linux's inner overlay lists them, and its outer one then believes that they are names",
        covers: |situation| {
            situation.layout.kind == Kind::Nested
                && matches!(situation.step.operation, Operation::Rmdir { .. } | Operation::Rename { .. })
                && *situation.ours == Ok(Value::Nothing)
                && *situation.theirs == Err(FileSystemErrorKind::DirectoryNotEmpty.into())
        },
        parts: true,
        example: examples::inner_directory_of_whiteouts,
    },
    Difference {
        what: "moving one name of a file of an inner overlay onto another of its names",
        reason: "Linux takes them for different files there, and for one only later (ESTALE, EINVAL)",
        covers: |situation| {
            situation.layout.kind == Kind::Nested
                && matches!(situation.step.operation, Operation::Rename { .. })
                && *situation.ours == Ok(Value::Nothing)
                && [FileSystemErrorKind::Stale, FileSystemErrorKind::InvalidArgument]
                    .iter()
                    .any(|kind| *situation.theirs == Err((*kind).into()))
        },
        parts: true,
        example: examples::exchange_of_two_names,
    },
    Difference {
        what: "the link count of a removed file that only Linux had copied up",
        reason: "for a lower file both show the layer's own count; a change that failed copied it up on Linux before",
        covers: |situation| match (situation.ours, situation.theirs) {
            (Ok(Value::Stat(ours)), Ok(Value::Stat(theirs))) => {
                situation.step.operation.shows_metadata_of().is_some()
                    && situation.layout.kind != Kind::Plain
                    && (ours.links, theirs.links) == (1, 0)
                    && comparable(situation.layout, &Stat { links: 0, ..ours.clone() })
                        == comparable(situation.layout, theirs)
            }
            _ => false,
        },
        parts: false,
        example: examples::removed_after_a_failed_change,
    },
];

/// Whether Linux's inode numbers are not constant: only with all layers on one file system.
pub fn has_unstable_numbers(layout: &Layout) -> bool {
    layout.kind == Kind::Nested
}

/// Whether the step looks at a layer directly.
pub fn looks_into_layer(step: &Step) -> bool {
    matches!(&step.operation, Operation::Lstat { place } if !place.path.starts_with("/mnt") && place.at.is_none())
}

/// A field of `stat` that is not compared, and where.
pub struct Field {
    /// Which, and on what.
    pub what: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Whether it is left out for this node.
    pub covers: fn(&Layout, &Stat) -> bool,
    /// Makes it the same on both sides.
    pub clear: fn(&mut Stat),
}

/// The fields that are not compared.
pub const FIELDS: &[Field] = &[
    Field {
        what: "a directory's size and blocks",
        reason: "each file system has its own unit (POSIX leaves it open)",
        covers: |_, stat| stat.kind == FileType::Directory,
        clear: |stat| (stat.size, stat.blocks) = (0, 0),
    },
    Field {
        what: "link count of directories in an overlay",
        reason: "1 for merged ones in Linux, whose tools take that as 'unknown'; a count of subdirectories would need \
                 the whole listing",
        covers: |layout, stat| layout.kind != Kind::Plain && stat.kind == FileType::Directory,
        clear: |stat| stat.links = 0,
    },
    Field {
        what: "blocks",
        reason: "what holes cost differs: Strata's copy-up shares pages and keeps every hole, and punching gives back a \
                 page that is all zeros",
        covers: |_, _| true,
        clear: |stat| stat.blocks = 0,
    },
    Field {
        what: "everything of whiteouts in an upper layer but that they are",
        reason: "Linux links all to one inode, whose group is what its first directory said",
        covers: |layout, stat| layout.kind != Kind::Plain && is_whiteout(stat),
        clear: |stat| {
            let none = Time::Now;
            (stat.links, stat.mode, stat.uid, stat.gid) = (1, 0, 0, 0);
            (stat.accessed, stat.modified) = (none, none);
        },
    },
    Field {
        what: "access time in an overlay",
        reason: "Linux's overlay sets none on lower files; Strata's layers keep their own, as relatime says",
        covers: |layout, _| layout.kind != Kind::Plain,
        clear: |stat| stat.accessed = Time::Now,
    },
    Field {
        what: "access time of directories and links",
        reason: "when a listing or a walk counts as access is left open; a test that looks would change it",
        covers: |_, stat| matches!(stat.kind, FileType::Directory | FileType::Symlink),
        clear: |stat| stat.accessed = Time::Now,
    },
];

/// What is evened out where it is read, or not tried at all.
pub const ELSEWHERE: &[(&str, &str)] = &[
    (
        "whiteouts listed in a directory where nothing is merged",
        "Linux passes the layer's listing on there, names that it then does not find included; Strata lists what is there",
    ),
    (
        "inode numbers in a nested overlay, from one look to the next",
        "Linux's are constant only with all layers on one file system",
    ),
    (
        "directories and files only in Linux's upper layer",
        "Linux copies up before some checks, and leaves the copies when they fail",
    ),
    (
        "one name of several, parted from the others by a change that failed, with index=off",
        "as above; after such a step its access time is set on both sides, so that both have the copy",
    ),
    ("identity and link count of whiteouts in an upper layer", "Linux links all to one inode"),
    (
        "the upper layer, and its exchange, with index=on where a lower layer has hard links",
        "which names are one file after copy-up is in an index whose form is each system's own, and so is which of them \
         the upper layer has; with index=off all that is compared",
    ),
    (
        "metadata of a removed lower directory, through a descriptor",
        "Linux copies it up over whatever has its name by now, and the merged directory cannot be listed after that; it \
         also empties what it removed of whiteouts, which sets times",
    ),
    (
        "hard links in a nested overlay",
        "Linux takes two names of a file of an inner overlay for two files after a while: what is changed through one is \
         not seen through the other",
    ),
    ("opening FIFOs and devices", "what is behind them is no matter of a file system"),
    (
        "hard links made by a user",
        "refused for another's file by a setting of Linux (fs.protected_hardlinks), not by its file systems",
    ),
    ("RENAME_WHITEOUT by a user", "Linux's tmpfs gives the whiteout to the user, Strata's to the superuser"),
    ("FALLOC_FL_ZERO_RANGE", "Linux's tmpfs has none"),
    ("SEEK_DATA after fallocate", "Linux's tmpfs takes memory that was only set aside for a hole, Strata for data"),
];

/// Marks in an upper layer that only save work, or are meaningful to their writer alone.
pub const MARKS: &[(&str, &str)] = &[
    ("trusted.overlay.impure", "says that d_ino must be corrected; Strata always looks"),
    ("trusted.overlay.origin", "a file handle of the writer's kernel"),
    ("trusted.overlay.opaque", "also set where no lower directory is, as an optimisation; what counts is the tree"),
    ("trusted.overlay.nlink", "link counts relative to the index in the writer's work directory"),
    ("trusted.overlay.uuid", "identity of Linux's overlay, in the upper root"),
];

/// The entry of the table that has it.
pub fn find(situation: &Situation<'_>) -> Option<&'static Difference> {
    ANSWERS.iter().find(|difference| (difference.covers)(situation))
}

/// What is compared of `stat`; identity is compared apart.
pub fn comparable(layout: &Layout, stat: &Stat) -> Stat {
    let mut stat = Stat { device: 0, inode: 0, ..stat.clone() };
    let fields: Vec<_> = FIELDS.iter().filter(|field| (field.covers)(layout, &stat)).collect();
    for field in fields {
        (field.clear)(&mut stat);
    }
    stat
}

/// A whiteout in Linux's format.
pub fn is_whiteout(stat: &Stat) -> bool {
    stat.kind == FileType::CharDevice && stat.rdev == (0, 0)
}

/// Takes the marks away, and what is not comparable in a layer that two systems wrote.
pub fn drop_optimisations(tree: &mut Tree) {
    let last = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
    for (path, node) in tree {
        node.xattrs.retain(|name, value| {
            if name == b"trusted.overlay.redirect" {
                // A name in the same directory can be told as such, or as the path to it; that both lead to the same
                // is seen in the tree.
                *value = last(value);
                // A redirect to where the directory is anyway is left behind by a rename that failed.
                return *value != last(path);
            }
            !MARKS.iter().any(|(mark, _)| mark.as_bytes() == name)
        });
        node.listed = None;
    }
}
