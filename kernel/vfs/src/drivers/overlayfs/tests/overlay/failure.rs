//! Failures in the middle: nothing has happened, and nothing is left.

use super::super::faulty::{Faults, Faulty};
use super::super::{Stage, fails, in_both_formats};
use crate::drivers::overlayfs::{Format, Layer, OverlayFS, OverlayOptions};
use crate::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use crate::environment::Environment;
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::OpenFlags;
use crate::file_system::FileSystemOperations;
use crate::manager::{Follow, VfsManager};
use crate::metadata::FileType;
use crate::mount::MountFlags;
use crate::node::{RenameFlags, SetXattr};
use crate::private_tree::PrivateTree;
use crate::selftest::world::World;
use crate::superblock::SuperBlock;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Everything below a directory, one line a name: type, mode, size, content, attributes.
fn tree(stage: &Stage, top: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut pending = alloc::vec![String::from(top)];
    while let Some(path) = pending.pop() {
        let metadata = stage.lstat(&path).expect("a listed name is there");
        let content = match metadata.kind {
            FileType::Regular => stage.read(&path),
            FileType::Symlink => stage.read_link(&path),
            _ => String::new(),
        };
        if metadata.kind == FileType::Directory {
            let names = stage.list(&path);
            pending.extend(names.split(' ').filter(|name| !name.is_empty()).map(|name| format!("{path}/{name}")));
        }
        let attributes = stage.xattrs(&path);
        lines.push(format!("{path} {:?} {:o} {} {content} {attributes}", metadata.kind, metadata.mode, metadata.links));
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
            Tmpfs::new(TmpfsOptions::default(), &Environment::detached())
        });
        let [_, first, second] = layers.clone().map(|layer| World::on(VfsManager::new(layer, Environment::detached())));
        first
            .mkdir("/d/e")
            .write("/d/f", "lower")
            .write("/d/e/g", "g")
            .write("/gone", "")
            .mkdir("/was")
            .mkdir("/empty");
        second.mkdir("/d/e").write("/d/h", "h").symlink("d/f", "/link");
        for pair in ["/pair", "/other"] {
            second.mkdir(pair);
            first.mkdir(pair).write(&format!("{pair}/a"), "one file");
            let [one, another] = ["a", "b"].map(|name| format!("{pair}/{name}"));
            first.vfs.link(&first.root, one.as_bytes(), another.as_bytes(), Follow::No).expect("a link");
        }
        // The upper layer and the work directory are on one file system.
        World::on(VfsManager::new(layers[0].clone(), Environment::detached())).mkdir("/u").mkdir("/w");
        let (name, value) = (b"user.a", b"1");
        first.vfs.set_xattr(&first.root, b"/d/f", name, value, SetXattr::Any, Follow::No).expect("an attribute");
        let stage = Stage::new(format);
        let prepared = Self { stage, layers, faults: Arc::default() };
        prepared.mount();
        prepared.stage.write("/m/new", "new").mkdir("/m/pure").write("/m/pure/p", "p").append("/m/other/a", "+");
        assert_eq!(prepared.stage.unlink("/m/gone"), Ok(()));
        assert_eq!(prepared.stage.rmdir("/m/was"), Ok(()));
        prepared
    }

    fn mount(&self) {
        let faulty = |layer: &Arc<dyn FileSystemOperations>| {
            Layer::of_file_system(b"layer", Faulty::new(layer.clone(), self.faults.clone()))
        };
        let [upper, first, second] = &self.layers;
        let lowers = alloc::vec![faulty(first), faulty(second)];
        let part = |name: &str| {
            let whole = SuperBlock::new(Faulty::new(upper.clone(), self.faults.clone()));
            let root = whole.operations().root().lookup(name.as_bytes()).expect("it was made");
            Layer::new(name.as_bytes(), PrivateTree::of_node(root, whole, false))
        };
        let options = OverlayOptions::with_whiteout(self.stage.format);
        let overlay =
            OverlayFS::build(Some(part("u")), lowers, Vec::new(), Some(part("w")), options).expect("an overlay");
        let (vfs, root) = (&self.stage.vfs, &self.stage.root);
        vfs.mount_file_system(root, b"/m", overlay, b"overlay", MountFlags::empty()).expect("it mounts");
    }

    fn remount(&self) {
        self.stage.unmount();
        self.mount();
    }
}

type Operation = fn(&Stage) -> Result<()>;

/// One operation of each kind, on what is in the upper, in a lower, in several, or deleted.
const OPERATIONS: &[(&str, Operation)] = &[
    ("open to write", |stage| stage.try_write("/m/d/f", OpenFlags::APPEND, "")),
    ("chmod", |stage| stage.chmod("/m/d/e/g", 0o600)),
    ("chown of a link", |stage| stage.chown("/m/link", 1, 1)),
    ("truncate", |stage| stage.vfs.truncate(&stage.root, b"/m/d/f", 2)),
    ("utimens of a directory", |stage| stage.set_times("/m/d/e", 1, 2)),
    ("setxattr", |stage| stage.set_xattr("/m/d/f", "user.b", "2")),
    ("removexattr", |stage| stage.vfs.remove_xattr(&stage.root, b"/m/d/f", b"user.a", Follow::No)),
    ("create", |stage| stage.device("/m/d/e/x", 1, 3)),
    ("create again", |stage| stage.device("/m/gone", 1, 3)),
    ("mkdir", |stage| stage.try_mkdir("/m/d/e/x")),
    ("mkdir again", |stage| stage.try_mkdir("/m/was")),
    ("symlink", |stage| stage.vfs.make_symlink(&stage.root, b"x", b"/m/d/e/s")),
    ("unlink of a lower file", |stage| stage.unlink("/m/d/f")),
    ("unlink of an upper file", |stage| stage.unlink("/m/new")),
    ("rmdir", |stage| stage.rmdir("/m/empty")),
    ("link", |stage| stage.link("/m/d/f", "/m/gone")),
    ("write to one of two names", |stage| stage.try_write("/m/pair/b", OpenFlags::APPEND, "")),
    ("one more name", |stage| stage.link("/m/pair/a", "/m/gone")),
    ("unlink of one of two names", |stage| stage.unlink("/m/pair/a")),
    ("unlink of a lower name of a copy", |stage| stage.unlink("/m/other/b")),
    ("unlink of the upper name of a copy", |stage| stage.unlink("/m/other/a")),
    ("rename of a lower name of a copy", |stage| stage.rename("/m/other/b", "/m/gone")),
    ("rename onto one of two names", |stage| stage.rename("/m/new", "/m/pair/a")),
    ("rename onto a lower name of a copy", |stage| stage.rename("/m/new", "/m/other/b")),
    ("exchange of names of two files", |stage| stage.move_with("/m/pair/b", "/m/other/b", RenameFlags::EXCHANGE)),
    ("rename of a file", |stage| stage.rename("/m/d/f", "/m/gone")),
    ("rename onto a file", |stage| stage.rename("/m/new", "/m/d/f")),
    ("rename of a directory", |stage| stage.rename("/m/d", "/m/empty")),
    ("rename of a directory in its parent", |stage| stage.rename("/m/d/e", "/m/d/e2")),
    ("rename of an upper directory", |stage| stage.rename("/m/pure", "/m/was")),
    ("exchange", |stage| stage.move_with("/m/d", "/m/new", RenameFlags::EXCHANGE)),
];

/// Lets every step of each operation fail, one after the other, until the operation succeeds. `arm` makes the n-th step
/// fail; what it returns tells, when called, whether that has happened, and calls the failure off. After each failure
/// the errno must be `expected`, what is seen as before, now and after a remount, and the operation possible.
fn with_every_step_failing<D: FnOnce() -> bool>(expected: Kind, arm: impl Fn(&Prepared, u32) -> D) {
    for format in [Format::Oci, Format::Linux] {
        for (name, operation) in OPERATIONS {
            let mut done = false;
            let mut nth = 0;
            while !done {
                nth += 1;
                assert!(nth < 500, "{name} never succeeds");
                let prepared = Prepared::new(format);
                let stage = &prepared.stage;
                let before = tree(stage, "/m");
                let fired = arm(&prepared, nth);
                let result = operation(stage);
                done = !fired();
                if done {
                    assert_eq!(result, Ok(()), "{name}: nothing was left to fail");
                    break;
                }
                assert_eq!(result, Err(expected.into()), "{name}, step {nth}");
                assert_eq!(tree(stage, "/m"), before, "{name}, step {nth}");
                prepared.remount();
                assert_eq!(tree(stage, "/m"), before, "{name}, step {nth}, remounted");
                assert_eq!(operation(stage), Ok(()), "{name} is possible afterwards");
            }
        }
    }
}

vfs_test! {
    fn a_failure_in_any_call_into_a_layer_leaves_everything_as_it_was() {
        with_every_step_failing(Kind::Io, |prepared, nth| {
            prepared.faults.fail_nth(nth);
            let faults = prepared.faults.clone();
            move || faults.fail_nth(0)
        });
    }

    fn a_failure_in_any_allocation_leaves_everything_as_it_was() {
        with_every_step_failing(Kind::OutOfMemory, |_, nth| {
            let armed = page::faults::fail_nth(nth);
            move || armed.fired()
        });
    }

    /// ```text
    /// u   a/-g                           every change that is refused leaves the upper as it is: no copy, no mark,
    /// 1   a/f  a/g  b/f  c  f (attribute)      and no whiteout gone
    /// ```
    fn what_is_refused_leaves_nothing_in_the_upper() {
        in_both_formats(|stage| {
            stage.mkdir("/1/a").mkdir("/1/b").mkdir("/1/c").write("/1/f", "f");
            stage.write("/1/a/f", "").write("/1/a/g", "").write("/1/b/f", "");
            assert_eq!(stage.set_xattr("/1/f", "user.a", "1"), Ok(()));
            assert_eq!(stage.set_times("/1/a", 1, 2), Ok(()));
            stage.overlay("/1");
            assert_eq!(stage.unlink("/m/a/g"), Ok(()));
            let (seen, upper) = (tree(stage, "/m"), tree(stage, "/u"));
            let times = || [stage.stat("/m/a"), stage.stat("/m"), stage.stat("/m/f")].map(|shown| shown.modified);
            let before = times();
            let (vfs, root, user) = (&stage.vfs, &stage.root, &stage.user(5, 5));
            let exclusive = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
            let set_xattr = |name: &[u8], how| vfs.set_xattr(root, b"/m/f", name, b"2", how, Follow::No);
            for (number, (result, expected)) in [
                (stage.rmdir("/m/a"), Kind::DirectoryNotEmpty),
                (stage.rmdir("/m/b"), Kind::DirectoryNotEmpty),
                (stage.rename("/m/c", "/m/a"), Kind::DirectoryNotEmpty),
                (stage.rename("/m/a", "/m/b"), Kind::DirectoryNotEmpty),
                (stage.rename("/m/a/f", "/m/a"), Kind::DirectoryNotEmpty),
                (stage.rename("/m/f", "/m/c"), Kind::IsADirectory),
                (stage.rename("/m/c", "/m/f"), Kind::NotADirectory),
                (stage.rename("/m/b", "/m/b/below"), Kind::InvalidArgument),
                (stage.rename("/m/f", &format!("/m/{}", "n".repeat(256))), Kind::NameTooLong),
                (stage.move_with("/m/f", "/m/b/f", RenameFlags::NO_REPLACE), Kind::AlreadyExists),
                (stage.move_with("/m/f", "/m/none", RenameFlags::EXCHANGE), Kind::NotFound),
                (stage.move_with("/m/f", "/m/new", RenameFlags::WHITEOUT), Kind::InvalidArgument),
                (stage.rename("/m/f", "/1/new"), Kind::CrossDevice),
                (stage.link("/m/f", "/m/b/f"), Kind::AlreadyExists),
                (stage.link("/m/b", "/m/new"), Kind::NotPermitted),
                (stage.link("/m/f", "/m/b/f/x"), Kind::NotADirectory),
                (stage.unlink("/m/b"), Kind::IsADirectory),
                (stage.try_mkdir("/m/b"), Kind::AlreadyExists),
                (stage.device("/m/b/f", 1, 3), Kind::AlreadyExists),
                (stage.device("/m/new", 0, 0), Kind::NotPermitted),
                (stage.try_write("/m/b/f", exclusive, ""), Kind::AlreadyExists),
                (stage.try_write("/m/b", OpenFlags::empty(), ""), Kind::IsADirectory),
                (stage.try_write("/m/f", OpenFlags::DIRECTORY, ""), Kind::NotADirectory),
                (vfs.truncate(root, b"/m/f", 1 << 63), Kind::FileTooLarge),
                (set_xattr(b"user.a", SetXattr::Create), Kind::AlreadyExists),
                (set_xattr(b"user.b", SetXattr::Replace), Kind::NoData),
                (vfs.remove_xattr(root, b"/m/f", b"user.b", Follow::No), Kind::NoData),
                (vfs.open(user, b"/m/f", OpenFlags::WRITE, 0).map(drop), Kind::PermissionDenied),
                (vfs.truncate(user, b"/m/f", 0), Kind::PermissionDenied),
                (vfs.set_mode(user, b"/m/f", 0o777, Follow::Yes), Kind::NotPermitted),
                (vfs.set_owner(user, b"/m/f", Some(5), None, Follow::Yes), Kind::NotPermitted),
                (vfs.unlink(user, b"/m/b/f"), Kind::PermissionDenied),
                (vfs.rename(user, b"/m/f", b"/m/g", RenameFlags::empty()), Kind::PermissionDenied),
                (vfs.link(user, b"/m/f", b"/m/g", Follow::No), Kind::PermissionDenied),
            ].into_iter().enumerate() {
                assert_eq!(result, Err(expected.into()), "the one with number {number}");
            }
            assert_eq!((tree(stage, "/u"), tree(stage, "/m")), (upper, seen));
            assert_eq!(times(), before);
            assert_eq!(stage.unlink("/m/a/f"), Ok(()));
            assert_eq!(stage.rmdir("/m/a"), Ok(()));
        });
    }

    /// ```text
    /// u   on a tmpfs of a few pages        unlink f, fill the tmpfs, make f again: ENOSPC, and 1's f stays hidden
    /// 1   f
    /// ```
    fn a_create_that_fails_over_a_whiteout_does_not_bring_the_lower_file_back() {
        in_both_formats(|stage| {
            stage.mount("tmpfs", "/u", "nr_inodes=8").expect("a tmpfs mounts");
            stage.write("/1/f", "lower").mkdir("/1/d").write("/1/d/x", "");
            stage.mount_overlay("lowerdir=/1,upperdir=/u");
            assert_eq!(stage.unlink("/m/f"), Ok(()));
            assert_eq!(stage.unlink("/m/d/x"), Ok(()));
            assert_eq!(stage.rmdir("/m/d"), Ok(()));
            let mut filler = 0;
            while stage.try_write(&format!("/m/fill{filler}"), OpenFlags::CREATE, "").is_ok() {
                filler += 1;
            }
            fails(stage.try_write("/m/f", OpenFlags::CREATE, "new"), Kind::NoSpace);
            assert_eq!(stage.probe("/m/f"), "ENOENT");
            fails(stage.try_mkdir("/m/d"), Kind::NoSpace);
            assert_eq!(stage.probe("/m/d"), "ENOENT");
            assert!(stage.upper("").starts_with("-d -f "));
        });
    }

    /// ```text
    /// u   on a tmpfs of 4 pages            write 1's f of 16 pages, which cannot be shared: ENOSPC halfway,
    /// 1   f (of a file system that does not share)      f is as it was, u has nothing
    /// ```
    fn a_copy_up_that_finds_no_space_publishes_nothing() {
        let stage = Stage::oci();
        let lower = unsharing(&[("/d/f", &"x".repeat(16 * 4096))]);
        stage.mount("tmpfs", "/u", "size=16k").expect("a tmpfs mounts");
        let manager = &stage.vfs;
        let upper = manager.resolve(&stage.root, b"/u", Follow::Yes).and_then(|path| manager.private_tree(&path));
        let upper = Layer::new(b"upper", upper.expect("a tree"));
        let overlay = OverlayFS::new(Some(upper), alloc::vec![lower], OverlayOptions::default()).expect("an overlay");
        manager.mount_file_system(&stage.root, b"/m", overlay, b"", MountFlags::empty()).expect("it mounts");
        fails(stage.try_write("/m/d/f", OpenFlags::APPEND, "+"), Kind::NoSpace);
        assert_eq!(stage.stat("/m/d/f").size, 16 * 4096);
        assert_eq!(stage.upper("/d"), "");
        assert_eq!(stage.vfs.truncate(&stage.root, b"/m/d/f", 4097), Ok(()), "of what is cut nothing is copied");
        assert_eq!(stage.stat("/u/d/f").size, 4097);
    }

    /// ```text
    /// 1   f of 64 pages            what cannot be shared is read at most one page at a time, whatever its size
    /// ```
    fn a_copy_goes_through_one_page_however_large_the_file_is() {
        let lower = Tmpfs::new(TmpfsOptions::default(), &Environment::detached());
        World::on(VfsManager::new(lower.clone(), Environment::detached())).write("/f", &"x".repeat(64 * page::SIZE));
        let faults = Faults::sharing_nothing();
        let lower = Layer::of_file_system(b"lower", Faulty::new(lower, faults.clone()));
        let stage = Stage::oci();
        mount_over(&stage, Tmpfs::new(TmpfsOptions::default(), &Environment::detached()), lower);
        assert_eq!(stage.try_write("/m/f", OpenFlags::APPEND, "+"), Ok(()));
        assert_eq!(stage.stat("/m/f").size, 64 * page::SIZE as u64 + 1);
        assert_eq!(faults.largest_read(), page::SIZE);
    }

    /// ```text
    /// u   writes a few bytes at a time       the copy is whole all the same; an upper that takes none at all is full,
    /// 1   f of three pages and a bit         and nothing is published
    /// ```
    fn a_short_write_in_a_copy_up_is_gone_on_with() {
        let text: String = ('a'..='z').cycle().take(3 * page::SIZE + 7).collect();
        for limit in [0, 1, 1000, page::SIZE - 1] {
            let stage = Stage::oci();
            let upper = Tmpfs::new(TmpfsOptions::default(), &Environment::detached());
            let upper = Faulty::new(upper, Faults::writing_at_most(limit));
            mount_over(&stage, upper.clone(), unsharing(&[("/d/f", &text)]));
            let changed = stage.chmod("/m/d/f", 0o600);
            let upper = World::on(VfsManager::new(upper, Environment::detached()));
            if limit == 0 {
                assert_eq!(changed, Err(Kind::NoSpace.into()));
                assert_eq!((upper.list("/d"), stage.stat("/m/d/f").mode), ("".into(), 0o644));
            } else {
                assert_eq!((changed, upper.stat("/d/f").mode), (Ok(()), 0o600));
            }
            assert!(stage.read("/m/d/f") == text, "at most {limit} bytes a write");
        }
    }

    /// ```text
    /// 1   f: data, a hole of 1 MiB, data      copied through one page; the hole stays a hole
    /// ```
    fn what_cannot_be_shared_is_copied_and_holes_stay_holes() {
        let stage = Stage::oci();
        let lower = Tmpfs::new(TmpfsOptions::default(), &Environment::detached());
        let world = World::on(VfsManager::new(lower.clone(), Environment::detached()));
        world.write("/f", "start");
        let file = world.open("/f", OpenFlags::WRITE).expect("opens");
        assert_eq!(file.write_at(&stage.root.credentials, 1 << 20, &mut &b"end"[..]), Ok(3));
        let faults = Faults::sharing_nothing();
        let lower = Layer::of_file_system(b"lower", Faulty::new(lower, faults));
        mount_over(&stage, Tmpfs::new(TmpfsOptions::default(), &Environment::detached()), lower);
        assert_eq!(stage.chmod("/m/f", 0o600), Ok(()));
        let copy = stage.stat("/m/f");
        assert_eq!((copy.size, copy.blocks), ((1 << 20) + 3, 16));
        let copied = stage.open("/m/f", OpenFlags::READ).expect("opens");
        let mut bytes = [0xff; 8];
        assert_eq!(copied.read_at(0, &mut &mut bytes[..]), Ok(8));
        assert_eq!(&bytes, b"start\0\0\0");
        assert_eq!(copied.read_at((1 << 20) - 2, &mut &mut bytes[..]), Ok(5));
        assert_eq!(&bytes[..5], b"\0\0end");
    }
}

/// Mounts an overlay of two layers on `/m`.
fn mount_over(stage: &Stage, upper: Arc<dyn FileSystemOperations>, lower: Layer) {
    let upper = Layer::of_file_system(b"upper", upper);
    let overlay = OverlayFS::new(Some(upper), alloc::vec![lower], OverlayOptions::default()).expect("an overlay");
    stage.vfs.mount_file_system(&stage.root, b"/m", overlay, b"", MountFlags::empty()).expect("it mounts");
}

/// A layer with these files, whose content cannot be shared.
fn unsharing(files: &[(&str, &str)]) -> Layer {
    let inner = Tmpfs::new(TmpfsOptions::default(), &Environment::detached());
    let world = World::on(VfsManager::new(inner.clone(), Environment::detached()));
    for (path, text) in files {
        if let Some((directory, _)) = path.rsplit_once('/') {
            world.mkdir(directory);
        }
        world.write(path, text);
    }
    let faults = Faults::sharing_nothing();
    Layer::of_file_system(b"lower", Faulty::new(inner, faults))
}
