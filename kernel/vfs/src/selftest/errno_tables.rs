//! Which errno wins where several are true: what Linux answers, as tables, for any file system that can be written.
//!
//! ```text
//! d/x   e/   f   lf -> f   ld -> d   ln -> none   ll -> ll      a path a row, an operation a column; `-`: it works
//! ```
//!
//! The tables are what Linux says, of its tmpfs and of its overlay alike. `/` is the root of another mount.

use super::world::World;
use crate::context::Context;
use crate::error::Result;
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::mount::MountFlags;
use crate::node::{NewKind, RenameFlags};
use alloc::format;
use alloc::string::{String, ToString};

/// Makes what the tables are about.
pub fn make_tree(world: &World, top: &str) {
    let at = |name: &str| format!("{top}/{name}");
    world.mkdir(&at("d")).write(&at("d/x"), "").mkdir(&at("e")).write(&at("f"), "");
    for (link, target) in [("lf", "f"), ("ld", "d"), ("ln", "none"), ("ll", "ll")] {
        world.symlink(target, &at(link));
    }
}

/// Compares every cell of every table; `prepare` gives a namespace with a mount on `/m` and the tree in `/m/t`.
pub fn check(prepare: &dyn Fn() -> World) {
    let writable = Mount { prepare, read_only: false };
    let read_only = Mount { prepare, read_only: true };
    writable.check("open", OPEN, open);
    read_only.check("open", OPEN_READ_ONLY, open);
    writable.check("names", NAMES, name);
    read_only.check("names", NAMES_READ_ONLY, name);
    writable.check("rename", RENAME, |world, at, old, new| rename(world, at, old, new, RenameFlags::empty()));
    read_only
        .check("rename", RENAME_READ_ONLY, |world, at, old, new| rename(world, at, old, new, RenameFlags::empty()));
    writable.check("RENAME_NOREPLACE", NO_REPLACE, |world, at, old, new| {
        rename(world, at, old, new, RenameFlags::NO_REPLACE)
    });
    writable
        .check("RENAME_EXCHANGE", EXCHANGE, |world, at, old, new| rename(world, at, old, new, RenameFlags::EXCHANGE));
}

/// What a table is about.
struct Mount<'a> {
    prepare: &'a dyn Fn() -> World,
    read_only: bool,
}

impl Mount<'_> {
    /// A fresh one, and the superuser in the tree.
    fn make(&self) -> (World, Context) {
        let world = (self.prepare)();
        if self.read_only {
            let done = world.vfs.remount(&world.root, b"/m", MountFlags::READ_ONLY, b"");
            assert!(done.is_ok(), "the mount becomes read-only");
        }
        let inside = world.vfs.resolve(&world.root, b"/m/t", Follow::Yes).map(|place| world.root.at(place));
        let inside = inside.unwrap_or_else(|error| panic!("/m/t: {error:?}"));
        (world, inside)
    }

    fn check(&self, what: &str, table: &str, apply: fn(&World, &Context, &str, &str) -> Result<()>) {
        let mut lines = table.lines().filter(|line| !line.is_empty());
        let columns = lines.next().unwrap_or_default();
        let mut made = None;
        for line in lines {
            let (row, cells) = line.split_once(' ').unwrap_or((line, ""));
            assert_eq!(columns.split_whitespace().count(), cells.split_whitespace().count(), "{what}, {row}");
            for (column, expected) in columns.split_whitespace().zip(cells.split_whitespace()) {
                // What was refused has changed nothing, so the next cell can have the same tree.
                let (world, inside) = made.take().unwrap_or_else(|| self.make());
                let answer = apply(&world, &inside, row, column);
                let told: String = answer.map_or_else(|error| error.kind().name().to_string(), |()| "-".to_string());
                assert_eq!(told, expected, "{what}, read-only: {}, {row}, {column}", self.read_only);
                made = answer.is_err().then_some((world, inside));
            }
        }
    }
}

/// A column's letters: **r**ead, **w**rite, **c**reate, e**x**clusive, **t**runcate, **d**irectory, **n**ofollow,
/// **T**MPFILE.
fn open(world: &World, at: &Context, path: &str, letters: &str) -> Result<()> {
    let flags = letters.chars().map(|letter| match letter {
        'r' => OpenFlags::READ,
        'w' => OpenFlags::WRITE,
        'c' => OpenFlags::CREATE,
        'x' => OpenFlags::EXCLUSIVE,
        't' => OpenFlags::TRUNCATE,
        'd' => OpenFlags::DIRECTORY,
        'n' => OpenFlags::NO_FOLLOW,
        'T' => OpenFlags::TEMPORARY,
        other => panic!("{other} stands for no flag"),
    });
    let flags = flags.fold(OpenFlags::empty(), OpenFlags::union);
    // As in `open(2)`, what does not write reads.
    let flags = if flags.contains(OpenFlags::WRITE) { flags } else { flags | OpenFlags::READ };
    world.vfs.open(at, path.as_bytes(), flags, 0o644).map(drop)
}

fn name(world: &World, at: &Context, path: &str, operation: &str) -> Result<()> {
    let (vfs, path) = (&world.vfs, path.as_bytes());
    match operation {
        "mkdir" => vfs.make_directory(at, path, 0o755),
        "mknod" => vfs.make_node(at, path, NewKind::Regular, 0o644),
        "symlink" => vfs.make_symlink(at, b"x", path),
        "link" => vfs.link(at, b"f", path, Follow::No),
        // Of a directory.
        "linkd" => vfs.link(at, b"d", path, Follow::No),
        "unlink" => vfs.unlink(at, path),
        "rmdir" => vfs.remove_directory(at, path),
        "truncate" => vfs.truncate(at, path, 0),
        "chmod" => vfs.set_mode(at, path, 0o755, Follow::Yes),
        other => panic!("{other} is no operation"),
    }
}

fn rename(world: &World, at: &Context, old: &str, new: &str, flags: RenameFlags) -> Result<()> {
    world.vfs.rename(at, old.as_bytes(), new.as_bytes(), flags)
}

const OPEN: &str = "
       r       w       rt      wt      rd      wd      rn      c       cw      ct      cx      cn      wT
f      -       -       -       -       ENOTDIR ENOTDIR -       -       -       -       EEXIST  -       ENOTDIR
f/     ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ENOTDIR
f/x    ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR
d      -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  -
d/     -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  -
d/.    -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  -
d/..   -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  -
e      -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  -
none   ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  -       -       -       -       -       ENOENT
none/  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ENOENT
none/x ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT
lf     -       -       -       -       ENOTDIR ENOTDIR ELOOP   -       -       -       EEXIST  ELOOP   ENOTDIR
lf/    ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ENOTDIR
ld     -       EISDIR  EISDIR  EISDIR  -       EISDIR  ELOOP   EISDIR  EISDIR  EISDIR  EEXIST  ELOOP   -
ld/    -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  -
ln     ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ELOOP   -       -       -       EEXIST  ELOOP   ENOENT
ln/    ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ENOENT
ll     ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   EEXIST  ELOOP   ELOOP
ll/    ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ELOOP
.      -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  -
/      -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  -
";

const OPEN_READ_ONLY: &str = "
       r       w       rt      wt      rd      wd      rn      c       cw      ct      cx      cn      wT
f      -       EROFS   EROFS   EROFS   ENOTDIR ENOTDIR -       -       EROFS   EROFS   EEXIST  -       ENOTDIR
f/     ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ENOTDIR
f/x    ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR
d      -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  EROFS
d/     -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  EROFS
d/.    -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  EROFS
d/..   -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  EROFS
e      -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  EROFS
none   ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  EROFS   EROFS   EROFS   EROFS   EROFS   ENOENT
none/  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ENOENT
none/x ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT
lf     -       EROFS   EROFS   EROFS   ENOTDIR ENOTDIR ELOOP   -       EROFS   EROFS   EEXIST  ELOOP   ENOTDIR
lf/    ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ENOTDIR
ld     -       EISDIR  EISDIR  EISDIR  -       EISDIR  ELOOP   EISDIR  EISDIR  EISDIR  EEXIST  ELOOP   EROFS
ld/    -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  EROFS
ln     ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ELOOP   EROFS   EROFS   EROFS   EEXIST  ELOOP   ENOENT
ln/    ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ENOENT
ll     ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   EEXIST  ELOOP   ELOOP
ll/    ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   ELOOP   EISDIR  EISDIR  EISDIR  EISDIR  EISDIR  ELOOP
.      -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  EROFS
/      -       EISDIR  EISDIR  EISDIR  -       EISDIR  -       EISDIR  EISDIR  EISDIR  EEXIST  EISDIR  -
";

const NAMES: &str = "
       mkdir   mknod   symlink link    linkd   unlink  rmdir     truncate chmod
f      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  -       ENOTDIR   -        -
f/     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  ENOTDIR ENOTDIR   ENOTDIR  ENOTDIR
f/x    ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR   ENOTDIR  ENOTDIR
d      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  ENOTEMPTY EISDIR   -
d/     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  ENOTEMPTY EISDIR   -
d/.    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  EINVAL    EISDIR   -
d/..   EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  ENOTEMPTY EISDIR   -
e      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  -         EISDIR   -
none   -       -       -       -       EPERM   ENOENT  ENOENT    ENOENT   ENOENT
none/  -       ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT    ENOENT   ENOENT
none/x ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT    ENOENT   ENOENT
lf     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  -       ENOTDIR   -        -
lf/    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  ENOTDIR ENOTDIR   ENOTDIR  ENOTDIR
ld     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  -       ENOTDIR   EISDIR   -
ld/    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  ENOTDIR ENOTDIR   EISDIR   -
ln     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  -       ENOTDIR   ENOENT   ENOENT
ln/    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  ENOTDIR ENOTDIR   ENOENT   ENOENT
ll     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  -       ENOTDIR   ELOOP    ELOOP
ll/    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  ENOTDIR ENOTDIR   ELOOP    ELOOP
.      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  EINVAL    EISDIR   -
/      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  EBUSY     EISDIR   -
";

const NAMES_READ_ONLY: &str = "
       mkdir   mknod   symlink link    linkd   unlink  rmdir     truncate chmod
f      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     EROFS    EROFS
f/     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     ENOTDIR  ENOTDIR
f/x    ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR   ENOTDIR  ENOTDIR
d      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     EISDIR   EROFS
d/     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     EISDIR   EROFS
d/.    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  EINVAL    EISDIR   EROFS
d/..   EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  ENOTEMPTY EISDIR   EROFS
e      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     EISDIR   EROFS
none   EROFS   EROFS   EROFS   EROFS   EROFS   EROFS   EROFS     ENOENT   ENOENT
none/  EROFS   ENOENT  ENOENT  ENOENT  ENOENT  EROFS   EROFS     ENOENT   ENOENT
none/x ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT    ENOENT   ENOENT
lf     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     EROFS    EROFS
lf/    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     ENOTDIR  ENOTDIR
ld     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     EISDIR   EROFS
ld/    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     EISDIR   EROFS
ln     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     ENOENT   ENOENT
ln/    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     ENOENT   ENOENT
ll     EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     ELOOP    ELOOP
ll/    EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EROFS   EROFS     ELOOP    ELOOP
.      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  EINVAL    EISDIR   EROFS
/      EEXIST  EEXIST  EEXIST  EEXIST  EEXIST  EISDIR  EBUSY     EISDIR   -
";

const RENAME: &str = "
       f       f/      d         d/        d/x     d/n     e       e/      none    none/   ld      d/.    ..
f      -       ENOTDIR EISDIR    ENOTDIR   -       -       EISDIR  ENOTDIR -       ENOTDIR -       EBUSY  EBUSY
f/     ENOTDIR ENOTDIR ENOTDIR   ENOTDIR   ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR EBUSY  EBUSY
d      ENOTDIR ENOTDIR -         -         EINVAL  EINVAL  -       -       -       -       ENOTDIR EBUSY  EBUSY
d/     ENOTDIR ENOTDIR -         -         EINVAL  EINVAL  -       -       -       -       ENOTDIR EBUSY  EBUSY
d/x    -       ENOTDIR ENOTEMPTY ENOTDIR   -       -       EISDIR  ENOTDIR -       ENOTDIR -       EBUSY  EBUSY
d/.    EBUSY   EBUSY   EBUSY     EBUSY     EBUSY   EBUSY   EBUSY   EBUSY   EBUSY   EBUSY   EBUSY   EBUSY  EBUSY
e      ENOTDIR ENOTDIR ENOTEMPTY ENOTEMPTY ENOTDIR -       -       -       -       -       ENOTDIR EBUSY  EBUSY
none   ENOENT  ENOENT  ENOENT    ENOENT    ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  EBUSY  EBUSY
none/x ENOENT  ENOENT  ENOENT    ENOENT    ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT ENOENT
ld     -       ENOTDIR EISDIR    ENOTDIR   -       -       EISDIR  ENOTDIR -       ENOTDIR -       EBUSY  EBUSY
.      EBUSY   EBUSY   EBUSY     EBUSY     EBUSY   EBUSY   EBUSY   EBUSY   EBUSY   EBUSY   EBUSY   EBUSY  EBUSY
/      EXDEV   EXDEV   EXDEV     EXDEV     EXDEV   EXDEV   EXDEV   EXDEV   EXDEV   EXDEV   EXDEV   EXDEV  EXDEV
";

const RENAME_READ_ONLY: &str = "
       f      none   none/  d/.    ..
f      EROFS  EROFS  EROFS  EBUSY  EBUSY
f/     EROFS  EROFS  EROFS  EBUSY  EBUSY
d      EROFS  EROFS  EROFS  EBUSY  EBUSY
d/     EROFS  EROFS  EROFS  EBUSY  EBUSY
d/x    EROFS  EROFS  EROFS  EBUSY  EBUSY
d/.    EBUSY  EBUSY  EBUSY  EBUSY  EBUSY
e      EROFS  EROFS  EROFS  EBUSY  EBUSY
none   EROFS  EROFS  EROFS  EBUSY  EBUSY
none/x ENOENT ENOENT ENOENT ENOENT ENOENT
ld     EROFS  EROFS  EROFS  EBUSY  EBUSY
.      EBUSY  EBUSY  EBUSY  EBUSY  EBUSY
/      EXDEV  EXDEV  EXDEV  EXDEV  EXDEV
";

const NO_REPLACE: &str = "
       f      f/     d      d/     d/x    d/n     e      e/     none    none/   ld     d/.    ..
f      EEXIST EEXIST EEXIST EEXIST EEXIST -       EEXIST EEXIST -       ENOTDIR EEXIST EEXIST EEXIST
f/     EEXIST EEXIST EEXIST EEXIST EEXIST ENOTDIR EEXIST EEXIST ENOTDIR ENOTDIR EEXIST EEXIST EEXIST
d      EEXIST EEXIST EEXIST EEXIST EEXIST EINVAL  EEXIST EEXIST -       -       EEXIST EEXIST EEXIST
d/     EEXIST EEXIST EEXIST EEXIST EEXIST EINVAL  EEXIST EEXIST -       -       EEXIST EEXIST EEXIST
d/x    EEXIST EEXIST EEXIST EEXIST EEXIST -       EEXIST EEXIST -       ENOTDIR EEXIST EEXIST EEXIST
d/.    EBUSY  EBUSY  EBUSY  EBUSY  EBUSY  EBUSY   EBUSY  EBUSY  EBUSY   EBUSY   EBUSY  EBUSY  EBUSY
e      EEXIST EEXIST EEXIST EEXIST EEXIST -       EEXIST EEXIST -       -       EEXIST EEXIST EEXIST
none   ENOENT ENOENT ENOENT ENOENT ENOENT ENOENT  ENOENT ENOENT ENOENT  ENOENT  ENOENT EEXIST EEXIST
none/x ENOENT ENOENT ENOENT ENOENT ENOENT ENOENT  ENOENT ENOENT ENOENT  ENOENT  ENOENT ENOENT ENOENT
ld     EEXIST EEXIST EEXIST EEXIST EEXIST -       EEXIST EEXIST -       ENOTDIR EEXIST EEXIST EEXIST
.      EBUSY  EBUSY  EBUSY  EBUSY  EBUSY  EBUSY   EBUSY  EBUSY  EBUSY   EBUSY   EBUSY  EBUSY  EBUSY
/      EXDEV  EXDEV  EXDEV  EXDEV  EXDEV  EXDEV   EXDEV  EXDEV  EXDEV   EXDEV   EXDEV  EXDEV  EXDEV
";

const EXCHANGE: &str = "
       f       f/      d       d/      d/x     d/n    e       e/      none   none/  ld      d/.    ..
f      -       ENOTDIR -       -       -       ENOENT -       -       ENOENT ENOENT -       EBUSY  EBUSY
f/     ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOTDIR ENOENT ENOTDIR ENOTDIR ENOENT ENOENT ENOTDIR EBUSY  EBUSY
d      -       ENOTDIR -       -       EINVAL  ENOENT -       -       ENOENT ENOENT -       EBUSY  EBUSY
d/     -       ENOTDIR -       -       EINVAL  ENOENT -       -       ENOENT ENOENT -       EBUSY  EBUSY
d/x    -       ENOTDIR EINVAL  EINVAL  -       ENOENT -       -       ENOENT ENOENT -       EBUSY  EBUSY
d/.    EBUSY   EBUSY   EBUSY   EBUSY   EBUSY   EBUSY  EBUSY   EBUSY   EBUSY  EBUSY  EBUSY   EBUSY  EBUSY
e      -       ENOTDIR -       -       -       ENOENT -       -       ENOENT ENOENT -       EBUSY  EBUSY
none   ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT ENOENT  ENOENT  ENOENT ENOENT ENOENT  EBUSY  EBUSY
none/x ENOENT  ENOENT  ENOENT  ENOENT  ENOENT  ENOENT ENOENT  ENOENT  ENOENT ENOENT ENOENT  ENOENT ENOENT
ld     -       ENOTDIR -       -       -       ENOENT -       -       ENOENT ENOENT -       EBUSY  EBUSY
.      EBUSY   EBUSY   EBUSY   EBUSY   EBUSY   EBUSY  EBUSY   EBUSY   EBUSY  EBUSY  EBUSY   EBUSY  EBUSY
/      EXDEV   EXDEV   EXDEV   EXDEV   EXDEV   EXDEV  EXDEV   EXDEV   EXDEV  EXDEV  EXDEV   EXDEV  EXDEV
";
