//! Every step of every operation fails in turn, the n-th call into a layer or the n-th allocation: nothing has happened
//! then, and nothing is left. (Of pushing and popping layers, see `push_busy`.)
//!
//! ```text
//! upper   new  pure/p  bare/  other/a  -gone  -was  hollow/-f  moved (from old)  over
//! lower   d/f  d/e/g  gone  was/  empty/  pair/a = pair/b  other/a = other/b  hollow/f  old/x  old/in/y  over
//! lower   d/e/  d/h  link -> d/f  pair/  other/  old/z
//! ```

use super::super::Stage;
use super::super::faulty::{Faults, Faulty};
use crate::drivers::overlayfs::{Format, Layer, OverlayFS, OverlayOptions};
use crate::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use crate::environment::Environment;
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::{FileObject, OpenFlags};
use crate::file_system::FileSystemOperations;
use crate::manager::{Follow, VfsManager};
use crate::metadata::FileType;
use crate::mount::MountFlags;
use crate::node::{Allocate, NewKind, RenameFlags, SetXattr};
use crate::private_tree::PrivateTree;
use crate::selftest::world::World;
use crate::superblock::SuperBlock;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Everything below a directory, one line a name: type, number, mode, owner, count of names, time, content, attributes.
pub fn tree(world: &World, top: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut pending = alloc::vec![String::from(top)];
    while let Some(path) = pending.pop() {
        let shown = world.lstat(&path).expect("a listed name is there");
        let content = match shown.kind {
            FileType::Regular => world.read(&path),
            FileType::Symlink => format!("{:?}", world.vfs.read_link(&world.root, path.as_bytes())),
            _ => String::new(),
        };
        if shown.kind == FileType::Directory {
            let names = world.list(&path);
            pending.extend(names.split(' ').filter(|name| !name.is_empty()).map(|name| format!("{path}/{name}")));
        }
        let attributes = world.vfs.list_xattrs(&world.root, path.as_bytes(), Follow::No);
        let (kind, inode, modified) = (shown.kind, shown.id.inode, shown.modified);
        // How many names a directory has depends on whether it is merged (`stat(2)` on Linux's overlay).
        let links = if shown.kind == FileType::Directory { 0 } else { shown.links };
        let owner = (shown.mode, shown.uid, shown.gid, links);
        lines.push(format!("{path} {kind:?} #{inode} {owner:?} {modified:?} {content} {attributes:?}"));
    }
    lines.sort();
    lines.join("\n")
}

/// A namespace with an overlay on `/m` whose layers' calls can fail, in the state that every operation starts from.
struct Prepared {
    stage: Stage,
    layers: [Arc<dyn FileSystemOperations>; 3],
    faults: Arc<Faults>,
}

impl Prepared {
    fn new(format: Format) -> Self {
        let layers: [Arc<dyn FileSystemOperations>; 3] = core::array::from_fn(|_| -> Arc<dyn FileSystemOperations> {
            Tmpfs::new(TmpfsOptions::default().with_nodes(NODES), &Environment::detached())
        });
        let [_, first, second] = layers.clone().map(world_on);
        first
            .mkdir("/d/e")
            .write("/d/f", "lower")
            .write("/d/e/g", "g")
            .write("/gone", "")
            .mkdir("/was")
            .mkdir("/empty");
        first.mkdir("/hollow").write("/hollow/f", "").mkdir("/old/in").write("/old/x", "x").write("/old/in/y", "y");
        second.mkdir("/d/e").write("/d/h", "h").symlink("d/f", "/link").mkdir("/old").write("/old/z", "z");
        for pair in ["/pair", "/other"] {
            second.mkdir(pair);
            first.mkdir(pair).write(&format!("{pair}/a"), "one file");
            let [one, another] = ["a", "b"].map(|name| format!("{pair}/{name}"));
            first.vfs.link(&first.root, one.as_bytes(), another.as_bytes(), Follow::No).expect("a link");
        }
        // The upper layer and the work directory are on one file system.
        world_on(layers[0].clone()).mkdir("/u").mkdir("/w");
        first.write("/over", "lower");
        for path in [b"/d/f", &b"/over"[..]] {
            first.vfs.set_xattr(&first.root, path, b"user.a", b"1", SetXattr::Any, Follow::No).expect("an attribute");
        }
        let prepared = Self { stage: Stage::new(format), layers, faults: Arc::default() };
        prepared.mount();
        let stage = &prepared.stage;
        stage.write("/m/new", "new").mkdir("/m/pure").write("/m/pure/p", "p").mkdir("/m/bare");
        stage.append("/m/other/a", "+").append("/m/over", "+");
        let removed = ["/m/gone", "/m/hollow/f"].map(|path| stage.unlink(path));
        assert_eq!((removed, stage.rmdir("/m/was")), ([Ok(()); 2], Ok(())));
        assert_eq!(stage.rename("/m/old", "/m/moved"), Ok(()));
        prepared
    }

    /// The layers as an overlay takes them: the upper, the lowers, and the work directory.
    fn parts(&self) -> (Layer, Vec<Layer>, Layer) {
        let faulty = |layer: &Arc<dyn FileSystemOperations>| {
            Layer::of_file_system(b"layer", Faulty::new(layer.clone(), self.faults.clone()))
        };
        let [upper, first, second] = &self.layers;
        let part = |name: &str| {
            let whole = SuperBlock::new(Faulty::new(upper.clone(), self.faults.clone()));
            let root = whole.operations().root().lookup(name.as_bytes()).expect("it was made");
            Layer::new(name.as_bytes(), PrivateTree::of_node(root, whole, false))
        };
        (part("u"), alloc::vec![faulty(first), faulty(second)], part("w"))
    }

    fn mount_of(&self, (upper, lowers, work): (Layer, Vec<Layer>, Layer)) -> Result<()> {
        let options = OverlayOptions::with_whiteout(self.stage.format);
        let overlay = OverlayFS::build(Some(upper), lowers, Vec::new(), Some(work), options);
        let overlay = overlay.map_err(|refusal| refusal.error)?;
        self.stage.vfs.mount_file_system(&self.stage.root, b"/m", overlay, b"overlay", MountFlags::empty())
    }

    fn mount(&self) {
        assert_eq!(self.mount_of(self.parts()), Ok(()));
    }

    /// Unmounts; what the overlay held is gone, in the layers too, and nothing is left in the work directory.
    fn unmount(&self) {
        let overlay = Arc::downgrade(&self.stage.file_system());
        self.stage.unmount();
        assert!(overlay.upgrade().is_none(), "something keeps the overlay");
        for layer in &self.layers {
            let statistics = layer.statistics().expect("a tmpfs has figures");
            let names = tree(&world_on(layer.clone()), "/").lines().count() as u64;
            assert_eq!(statistics.nodes - statistics.nodes_free, names, "nodes without a name are left");
        }
        assert_eq!(world_on(self.layers[0].clone()).list("/w/work"), "ENOENT");
    }
}

/// So many nodes a layer may have; what counts is that they are counted.
const NODES: u64 = 1000;

fn world_on(layer: Arc<dyn FileSystemOperations>) -> World {
    World::on(VfsManager::new(layer, Environment::detached()))
}

/// What fails, and which of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failing {
    Call(u32),
    Allocation(u32),
}

impl Failing {
    /// Does something while that fails; returns whether it did fail.
    fn during<T>(self, faults: &Faults, act: impl FnOnce() -> T) -> (T, bool) {
        match self {
            Self::Call(nth) => {
                faults.fail_nth(nth);
                let result = act();
                (result, faults.fail_nth(0))
            }
            Self::Allocation(nth) => {
                let armed = page::faults::fail_nth(nth);
                let result = act();
                (result, armed.fired())
            }
        }
    }

    fn errno(self) -> Kind {
        match self {
            Self::Call(_) => Kind::Io,
            Self::Allocation(_) => Kind::OutOfMemory,
        }
    }
}

/// What is known of the overlay when an operation begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Everything: all names were looked up and all directories listed.
    Warm,
    /// Nothing: it was just mounted.
    Cold,
}

type Operation = fn(&Stage) -> Result<()>;
type Operations = &'static [(&'static str, Operation)];

/// Making and removing names of what is in the upper, in a lower, in several, or deleted.
const NAMES: Operations = &[
    ("open to make", |stage| stage.try_write("/m/d/e/x", OpenFlags::CREATE, "")),
    ("open to make again", |stage| stage.try_write("/m/gone", OpenFlags::CREATE, "")),
    ("mknod", |stage| stage.device("/m/d/e/x", 1, 3)),
    ("mknod again", |stage| stage.device("/m/gone", 1, 3)),
    ("mknod in an upper directory", |stage| stage.vfs.make_node(&stage.root, b"/m/pure/fifo", NewKind::Fifo, 0o600)),
    ("mkdir", |stage| stage.try_mkdir("/m/d/e/x")),
    ("mkdir again", |stage| stage.try_mkdir("/m/was")),
    ("mkdir over a whiteout in a lower directory", |stage| stage.try_mkdir("/m/hollow/f")),
    ("symlink", |stage| stage.vfs.make_symlink(&stage.root, b"x", b"/m/d/e/s")),
    ("symlink again", |stage| stage.vfs.make_symlink(&stage.root, b"x", b"/m/gone")),
    ("O_TMPFILE and a link", |stage| name_unnamed(stage, "/m/d/t")),
    ("O_TMPFILE and a link over a whiteout", |stage| name_unnamed(stage, "/m/gone")),
    ("link", |stage| stage.link("/m/d/f", "/m/gone")),
    ("link of a link", |stage| stage.link("/m/link", "/m/d/e/link")),
    ("link of an upper file", |stage| stage.link("/m/new", "/m/d/new")),
    ("one more name", |stage| stage.link("/m/pair/a", "/m/gone")),
    ("unlink of a lower file", |stage| stage.unlink("/m/d/f")),
    ("unlink of an upper file", |stage| stage.unlink("/m/new")),
    ("unlink of a copy", |stage| stage.unlink("/m/over")),
    ("unlink below a moved directory", |stage| stage.unlink("/m/moved/in/y")),
    ("unlink of one of two names", |stage| stage.unlink("/m/pair/a")),
    ("unlink of a lower name of a copy", |stage| stage.unlink("/m/other/b")),
    ("unlink of the upper name of a copy", |stage| stage.unlink("/m/other/a")),
    ("rmdir", |stage| stage.rmdir("/m/empty")),
    ("rmdir of an upper directory", |stage| stage.rmdir("/m/bare")),
    ("rmdir of one that holds a whiteout", |stage| stage.rmdir("/m/hollow")),
];

const RENAMES: Operations = &[
    ("a lower file onto a whiteout", |stage| stage.rename("/m/d/f", "/m/gone")),
    ("a copy", |stage| stage.rename("/m/over", "/m/d/e/over")),
    ("a link", |stage| stage.rename("/m/link", "/m/pure/link")),
    ("an upper file onto a lower one", |stage| stage.rename("/m/new", "/m/d/f")),
    ("a lower file onto an upper one", |stage| stage.rename("/m/d/f", "/m/new")),
    ("a lower name of a copy", |stage| stage.rename("/m/other/b", "/m/gone")),
    ("a file onto one of two names", |stage| stage.rename("/m/new", "/m/pair/a")),
    ("a file onto a lower name of a copy", |stage| stage.rename("/m/new", "/m/other/b")),
    ("a merged directory", |stage| stage.rename("/m/d", "/m/d2")),
    ("a merged directory onto an empty one", |stage| stage.rename("/m/d", "/m/empty")),
    ("a merged directory onto a whiteout", |stage| stage.rename("/m/d", "/m/was")),
    ("a merged directory onto one that holds a whiteout", |stage| stage.rename("/m/d", "/m/hollow")),
    ("a merged directory in its parent", |stage| stage.rename("/m/d/e", "/m/d/e2")),
    ("a merged directory to another parent", |stage| stage.rename("/m/d/e", "/m/pure/e")),
    ("a moved directory", |stage| stage.rename("/m/moved", "/m/d/again")),
    ("a moved directory to where it was", |stage| stage.rename("/m/moved", "/m/old")),
    ("a directory below a moved one", |stage| stage.rename("/m/moved/in", "/m/out")),
    ("an upper directory onto a whiteout", |stage| stage.rename("/m/pure", "/m/was")),
    ("an upper directory onto one that holds a whiteout", |stage| stage.rename("/m/pure", "/m/hollow")),
    ("an upper directory into a merged one", |stage| stage.rename("/m/pure", "/m/d/pure")),
    ("NOREPLACE of a file", |stage| stage.move_with("/m/d/f", "/m/gone", RenameFlags::NO_REPLACE)),
    ("NOREPLACE of a merged directory", |stage| stage.move_with("/m/d", "/m/was", RenameFlags::NO_REPLACE)),
    ("EXCHANGE of a lower file and an upper one", |stage| stage.move_with("/m/d/f", "/m/new", RenameFlags::EXCHANGE)),
    ("EXCHANGE of a directory and a file", |stage| stage.move_with("/m/d", "/m/new", RenameFlags::EXCHANGE)),
    ("EXCHANGE of merged directories", |stage| stage.move_with("/m/d/e", "/m/moved", RenameFlags::EXCHANGE)),
    ("EXCHANGE with an upper directory", |stage| stage.move_with("/m/d", "/m/pure", RenameFlags::EXCHANGE)),
    ("EXCHANGE of names of two files", |stage| stage.move_with("/m/pair/b", "/m/other/b", RenameFlags::EXCHANGE)),
];

const ATTRIBUTES: Operations = &[
    ("chmod of a lower file", |stage| stage.chmod("/m/d/e/g", 0o600)),
    ("chmod of an upper file", |stage| stage.chmod("/m/new", 0o600)),
    ("chmod of a merged directory", |stage| stage.chmod("/m/d/e", 0o700)),
    ("chmod of a moved directory", |stage| stage.chmod("/m/moved", 0o700)),
    ("chmod of the root", |stage| stage.chmod("/m", 0o700)),
    ("chown of a link", |stage| stage.chown("/m/link", 1, 1)),
    ("chown of one of two names", |stage| stage.chown("/m/pair/b", 1, 1)),
    ("chown of a copy", |stage| stage.chown("/m/over", 1, 1)),
    ("utimens of a directory", |stage| stage.set_times("/m/d/e", 1, 2)),
    ("utimens of a file below a moved directory", |stage| stage.set_times("/m/moved/z", 1, 2)),
    ("setxattr of a lower file", |stage| stage.set_xattr("/m/d/f", "user.b", "2")),
    ("setxattr of an upper file", |stage| stage.set_xattr("/m/new", "user.b", "2")),
    ("setxattr of a merged directory", |stage| stage.set_xattr("/m/d", "trusted.overlay.opaque", "y")),
    ("removexattr of a lower file", |stage| remove_attribute(stage, "/m/d/f")),
    ("removexattr of a copy", |stage| remove_attribute(stage, "/m/over")),
];

const CONTENT: Operations = &[
    ("open to write", |stage| stage.try_write("/m/d/f", OpenFlags::APPEND, "")),
    ("open to write one of two names", |stage| stage.try_write("/m/pair/b", OpenFlags::APPEND, "")),
    ("O_TRUNC of a lower file", |stage| stage.try_write("/m/d/f", OpenFlags::TRUNCATE, "")),
    ("O_TRUNC of a copy", |stage| stage.try_write("/m/over", OpenFlags::TRUNCATE | OpenFlags::CREATE, "")),
    ("truncate of a lower file", |stage| stage.vfs.truncate(&stage.root, b"/m/d/f", 2)),
    ("truncate to more", |stage| stage.vfs.truncate(&stage.root, b"/m/moved/x", 9000)),
    ("truncate of a copy", |stage| stage.vfs.truncate(&stage.root, b"/m/over", 2)),
    ("write into a lower file", |stage| stage.try_write("/m/d/e/g", OpenFlags::empty(), "G")),
    ("append to a lower file", |stage| stage.try_write("/m/d/f", OpenFlags::APPEND, "+")),
    ("append to a copy", |stage| stage.try_write("/m/over", OpenFlags::APPEND, "+")),
    ("append to a lower name of a copy", |stage| stage.try_write("/m/other/b", OpenFlags::APPEND, "+")),
    ("fallocate", |stage| allocate(stage, "/m/d/f", Allocate::Reserve { keep_size: false })),
    ("a punched hole", |stage| allocate(stage, "/m/d/f", Allocate::PunchHole)),
    ("a range of zeros in a copy", |stage| allocate(stage, "/m/over", Allocate::Zero { keep_size: true })),
    ("copy_file_range", |stage| {
        let (from, to) = from_and_to(stage)?;
        from.copy_range(&stage.root.credentials, 0, &to, 0, 3).map(drop)
    }),
    ("clone", |stage| {
        let (from, to) = from_and_to(stage)?;
        to.clone_content(&stage.root.credentials, &from)
    }),
];

/// What succeeds though something failed: of a file that was just made only the cache is not told.
const SURVIVORS: [&str; 2] = ["open to make", "open to make again"];

fn name_unnamed(stage: &Stage, path: &str) -> Result<()> {
    let file = stage.open("/m/d", OpenFlags::TEMPORARY | OpenFlags::WRITE)?;
    file.write(&stage.root.credentials, &mut &b"text"[..])?;
    stage.vfs.link_file(&stage.root, &file, path.as_bytes())
}

fn remove_attribute(stage: &Stage, path: &str) -> Result<()> {
    stage.vfs.remove_xattr(&stage.root, path.as_bytes(), b"user.a", Follow::No)
}

fn allocate(stage: &Stage, path: &str, what: Allocate) -> Result<()> {
    let file = stage.open(path, OpenFlags::WRITE)?;
    file.allocate(&stage.root.credentials, what, 1, 3)
}

fn from_and_to(stage: &Stage) -> Result<(Arc<FileObject>, Arc<FileObject>)> {
    Ok((stage.open("/m/d/f", OpenFlags::READ)?, stage.open("/m/d/e/g", OpenFlags::WRITE)?))
}

/// Lets every step of each operation fail, one after the other, until the operation succeeds. After each failure the
/// errno is that of the failure, what is seen is as before, now and after a remount, nothing is left, and the operation
/// is possible.
fn with_every_step_failing(operations: Operations, state: State, failing: fn(u32) -> Failing) {
    for format in [Format::Oci, Format::Linux] {
        for (name, operation) in operations {
            let pages = page::faults::pages();
            let mut nth = 0;
            loop {
                nth += 1;
                assert!(nth < 500, "{name} never succeeds");
                let prepared = Prepared::new(format);
                let stage = &prepared.stage;
                let before = tree(stage, "/m");
                if state == State::Cold {
                    prepared.unmount();
                    prepared.mount();
                }
                let (result, fired) = failing(nth).during(&prepared.faults, || operation(stage));
                if !fired {
                    assert_eq!(result, Ok(()), "{name}: nothing was left to fail");
                    break;
                }
                if result.is_ok() {
                    assert!(SURVIVORS.contains(name), "{name}, {state:?}: nobody is told of {:?}", failing(nth));
                    assert_eq!(operation(stage), Ok(()), "{name}: it is there");
                    continue;
                }
                let errno = failing(nth).errno();
                assert_eq!(result, Err(errno.into()), "{name}, {state:?}, {:?}", failing(nth));
                assert_eq!(tree(stage, "/m"), before, "{name}, {state:?}, {:?}", failing(nth));
                prepared.unmount();
                prepared.mount();
                assert_eq!(tree(stage, "/m"), before, "{name}, {state:?}, {:?}, remounted", failing(nth));
                assert_eq!(operation(stage), Ok(()), "{name} is possible afterwards");
            }
            assert_eq!(page::faults::pages(), pages, "{name} leaves pages behind");
        }
    }
}

vfs_test! {
    fn a_failing_call_undoes_a_change_of_names() {
        with_every_step_failing(NAMES, State::Warm, Failing::Call);
    }

    fn a_failing_call_undoes_a_rename() {
        with_every_step_failing(RENAMES, State::Warm, Failing::Call);
    }

    fn a_failing_call_undoes_a_change_of_attributes() {
        with_every_step_failing(ATTRIBUTES, State::Warm, Failing::Call);
    }

    fn a_failing_call_undoes_a_change_of_content() {
        with_every_step_failing(CONTENT, State::Warm, Failing::Call);
    }

    fn a_failing_allocation_undoes_a_change_of_names() {
        with_every_step_failing(NAMES, State::Warm, Failing::Allocation);
    }

    fn a_failing_allocation_undoes_a_rename() {
        with_every_step_failing(RENAMES, State::Warm, Failing::Allocation);
    }

    fn a_failing_allocation_undoes_a_change_of_attributes() {
        with_every_step_failing(ATTRIBUTES, State::Warm, Failing::Allocation);
    }

    fn a_failing_allocation_undoes_a_change_of_content() {
        with_every_step_failing(CONTENT, State::Warm, Failing::Allocation);
    }

    /// It claims no layer either.
    fn a_failing_step_undoes_a_mount() {
        for (format, failing) in [
            (Format::Oci, Failing::Call as fn(u32) -> Failing),
            (Format::Linux, Failing::Call),
            (Format::Oci, Failing::Allocation),
            (Format::Linux, Failing::Allocation),
        ] {
            let prepared = Prepared::new(format);
            let before = tree(&prepared.stage, "/m");
            for nth in 1.. {
                prepared.unmount();
                let parts = prepared.parts();
                let (result, fired) = failing(nth).during(&prepared.faults, || prepared.mount_of(parts));
                if !fired {
                    assert_eq!(result, Ok(()), "nothing was left to fail");
                    break;
                }
                assert_eq!(result, Err(failing(nth).errno().into()), "{:?}", failing(nth));
                prepared.mount();
                assert_eq!(tree(&prepared.stage, "/m"), before, "{:?}", failing(nth));
            }
        }
    }
}

/// The same where every name has yet to be found, so that the search for it fails too. On the host alone: it takes a
/// while.
#[cfg(test)]
#[test]
fn a_failing_step_undoes_every_operation_on_what_is_not_known_yet() {
    for operations in [NAMES, RENAMES, ATTRIBUTES, CONTENT] {
        with_every_step_failing(operations, State::Cold, Failing::Call);
        with_every_step_failing(operations, State::Cold, Failing::Allocation);
    }
}
