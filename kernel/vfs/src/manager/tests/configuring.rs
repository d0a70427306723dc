//! File systems put together option by option, and mounts that are nowhere yet.

use super::fails;
use crate::driver::driver;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::FileObject;
use crate::manager::Follow;
use crate::manager::configuring::{Configuration, Given};
use crate::manager::mounts::UnmountFlags;
use crate::mount::{MountFlags, Path};
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

impl World {
    fn place(&self, path: &str) -> Path {
        let place = self.vfs.resolve(&self.root, path.as_bytes(), Follow::Yes);
        place.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    fn tmpfs_on(&self, target: &str) -> &Self {
        self.mkdir(target).mount("tmpfs", target, "").unwrap_or_else(|error| panic!("mount {target}: {error}"));
        self
    }

    fn relocate_to(&self, file: &FileObject, path: &str) -> crate::error::Result<()> {
        self.vfs.relocate(&self.root, file.path(), self.place(path))
    }
}

fn configuration(type_name: &str) -> Configuration {
    Configuration::new(driver(type_name).unwrap_or_else(|error| panic!("{type_name}: {error:?}")))
}

/// All that it has to say.
fn said(of: &mut Configuration) -> String {
    core::iter::from_fn(|| of.take_message()).collect()
}

vfs_test! {
    fn options_are_checked_as_they_come() {
        let world = World::new();
        let mut tmpfs = configuration("tmpfs");
        let mut set = |name: &str, given: Given<'_>| tmpfs.set(&world.vfs, &world.root, name.as_bytes(), &given);
        fails(set("colour", Given::Text(b"blue")), Kind::InvalidArgument);
        fails(set("size", Given::Text(b"blue")), Kind::InvalidArgument);
        fails(set("size", Given::Text(b"1m,mode=700")), Kind::InvalidArgument);
        fails(set("size", Given::Flag), Kind::InvalidArgument);
        fails(set("size", Given::Other), Kind::InvalidArgument);
        fails(set("size", Given::Place(world.place("/"))), Kind::InvalidArgument);
        fails(set("source", Given::Flag), Kind::InvalidArgument);
        assert_eq!(set("size", Given::Text(b"1m")), Ok(()));
        let bad = "e tmpfs: Bad value for 'size'\n".repeat(5);
        assert_eq!(said(&mut tmpfs), format!("e tmpfs: Unknown parameter 'colour'\n{bad}e Non-string source\n"));
    }

    /// ```text
    ///   options │ create │ mount │ and nothing of these again; what fails is the end
    /// ```
    fn each_step_comes_at_its_time() {
        let world = World::new();
        world.mkdir("/m");
        let mut tmpfs = configuration("tmpfs");
        let (vfs, root) = (&world.vfs, &world.root);
        fails(tmpfs.mount(vfs, root, MountFlags::empty()), Kind::InvalidArgument);
        fails(tmpfs.reconfigure(vfs, root), Kind::Busy);
        assert_eq!(tmpfs.set(vfs, root, b"source", &Given::Text(b"here")), Ok(()));
        fails(tmpfs.create(vfs, &world.user(1, 1)), Kind::NotPermitted);
        assert_eq!(tmpfs.create(vfs, root), Ok(()));
        fails(tmpfs.create(vfs, root), Kind::Busy);
        fails(tmpfs.set(vfs, root, b"size", &Given::Text(b"1m")), Kind::Busy);
        let file = tmpfs.mount(vfs, root, MountFlags::NO_SUID).unwrap_or_else(|error| panic!("{error:?}"));
        fails(tmpfs.mount(vfs, root, MountFlags::empty()), Kind::Busy);
        assert_eq!(world.relocate_to(&file, "/m"), Ok(()));
        let info = vfs.mounts(root).pop().unwrap_or_else(|| panic!("it is mounted"));
        assert_eq!((info.own_options().as_str(), &info.source[..]), ("rw,nosuid,relatime", &b"here"[..]));
        world.write("/m/f", "");
        assert_eq!(tmpfs.set(vfs, root, b"nr_inodes", &Given::Text(b"1")), Ok(()));
        fails(tmpfs.reconfigure(vfs, root), Kind::InvalidArgument);
        fails(tmpfs.reconfigure(vfs, root), Kind::Busy);
        let mut overlay = configuration("overlay");
        fails(overlay.create(vfs, root), Kind::InvalidArgument);
        fails(overlay.set(vfs, root, b"lowerdir", &Given::Text(b"/m")), Kind::Busy);
    }

    /// Two directories of one name are the two that were given.
    fn directories_may_be_given_as_open_files() {
        let world = World::new();
        world.mkdir("/l").mkdir("/m").mkdir("/u").write("/l/one", "");
        let mut overlay = configuration("overlay");
        let mut give = |name: &str, path| {
            let given = overlay.set(&world.vfs, &world.root, name.as_bytes(), &Given::Place(world.place(path)));
            assert_eq!(given, Ok(()));
        };
        give("lowerdir+", "/l");
        assert_eq!(world.rename("/l", "/was-l"), Ok(()));
        world.mkdir("/l").write("/l/two", "");
        give("lowerdir+", "/l");
        give("upperdir", "/u");
        fails(overlay.set(&world.vfs, &world.root, b"lowerdir+", &Given::Place(world.place("/l/two"))), Kind::InvalidArgument);
        assert_eq!(said(&mut overlay), "e overlay: /l/two is not a directory\n");
        assert_eq!(overlay.create(&world.vfs, &world.root), Ok(()), "{}", said(&mut overlay));
        let file = overlay.mount(&world.vfs, &world.root, MountFlags::empty()).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(world.relocate_to(&file, "/m"), Ok(()));
        world.write("/m/new", "");
        assert_eq!((world.list("/m").as_str(), world.list("/u").as_str()), ("new one two", "new"));
    }

    /// ```text
    ///   a copy of /a with all below it: it goes with its file, or is where it was put
    /// ```
    fn what_is_detached_goes_with_its_file() {
        let world = World::new();
        world.mkdir("/m").tmpfs_on("/a").mkdir("/a/b").tmpfs_on("/a/b").write("/a/b/f", "text");
        let copy = |recursive| {
            let copied = world.vfs.copy_detached(&world.root, &world.place("/a"), recursive);
            copied.unwrap_or_else(|error| panic!("{error:?}"))
        };
        let weak = Arc::downgrade(&copy(true).path().mount);
        assert!(weak.upgrade().is_none());
        let (alone, whole) = (copy(false), copy(true));
        let inside = |file: &FileObject| world.vfs.resolve(&world.root.at(file.path().clone()), b"b/f", Follow::Yes).is_ok();
        assert!(!inside(&alone) && inside(&whole));
        assert_eq!(world.relocate_to(&whole, "/m"), Ok(()));
        fails(world.relocate_to(&alone, "/m/b/f"), Kind::InvalidArgument);
        drop(whole);
        assert_eq!(world.read("/m/b/f"), "text");
        assert_eq!(world.vfs.unmount(&world.root, b"/m", UnmountFlags::LAZY), Ok(()));
        assert_eq!(world.list("/m"), "");
    }

    /// ```text
    ///   outer            inner comes to outer/in, and a third one beneath it: seen when inner is taken away, and all
    ///   └ in: inner      three go with outer's file
    ///     └ below
    /// ```
    fn a_detached_tree_is_added_to() {
        let world = World::new();
        world.tmpfs_on("/a").mkdir("/a/in").tmpfs_on("/b").write("/b/inner", "").tmpfs_on("/c").write("/c/below", "");
        let copy = |path: &str| {
            let copied = world.vfs.copy_detached(&world.root, &world.place(path), false);
            copied.unwrap_or_else(|error| panic!("{error:?}"))
        };
        let (outer, inner, below) = (copy("/a"), copy("/b"), copy("/c"));
        let at = |name: &[u8]| {
            let found = world.vfs.resolve(&world.root.at(outer.path().clone()), name, Follow::Yes);
            found.unwrap_or_else(|error| panic!("{error:?}"))
        };
        fails(world.vfs.relocate_beneath(&world.root, below.path(), &at(b"in")), Kind::InvalidArgument);
        fails(world.vfs.relocate(&world.root, outer.path(), at(b"in")), Kind::InvalidArgument);
        fails(world.vfs.relocate(&world.root, &world.place("/b"), at(b"in")), Kind::InvalidArgument);
        assert_eq!(world.vfs.relocate(&world.root, inner.path(), at(b"in")), Ok(()));
        assert_eq!(world.vfs.relocate_beneath(&world.root, below.path(), &at(b"in")), Ok(()));
        at(b"in/inner");
        fails(world.relocate_to(&inner, "/a"), Kind::InvalidArgument);
        let weak = [&outer, &inner, &below].map(|file| Arc::downgrade(&file.path().mount));
        assert_eq!(world.relocate_to(&outer, "/a"), Ok(()));
        assert_eq!(world.list("/a/in"), "inner");
        drop(inner);
        assert_eq!(world.vfs.unmount(&world.root, b"/a/in", UnmountFlags::empty()), Ok(()));
        assert_eq!(world.list("/a/in"), "below");
        assert_eq!(world.vfs.unmount(&world.root, b"/a", UnmountFlags::LAZY), Ok(()));
        drop((outer, below));
        assert!(weak.iter().all(|mount| mount.upgrade().is_none()));
    }

    fn nothing_comes_beneath_a_root_or_what_it_stands_on() {
        let world = World::new();
        world.tmpfs_on("/a").tmpfs_on("/b").mkdir("/b/sub").tmpfs_on("/b/sub").mkdir("/m");
        let beneath = |from: &str, to: &str| {
            world.vfs.relocate_beneath(&world.root, &world.place(from), &world.place(to))
        };
        for (from, to) in [("/a", "/"), ("/a", "/m"), ("/a", "/a"), ("/b/sub", "/b"), ("/m", "/b")] {
            fails(beneath(from, to), Kind::InvalidArgument);
        }
        fails(beneath("/b", "/b/sub"), Kind::TooManySymlinks);
        let mut inside = world.root.clone();
        assert_eq!(world.vfs.change_root(&mut inside, b"/b"), Ok(()));
        fails(world.vfs.relocate_beneath(&inside, &world.place("/a"), &inside.root), Kind::InvalidArgument);
        assert_eq!(beneath("/a", "/b"), Ok(()));
        assert_eq!(world.list("/b"), "sub");
    }

    /// ```text
    ///   1: / and /a, numbered as they came     2: copies of both     the first and the last, and none when it is gone
    /// ```
    fn mounts_and_namespaces_are_found_by_their_numbers() {
        let world = World::new();
        world.tmpfs_on("/a");
        let tree = world.vfs.tree();
        let [root, mount] = ["/", "/a"].map(|path| world.place(path).mount.id());
        assert_eq!((tree.count(), tree.mount(mount).map(|found| found.id())), (2, Some(mount)));
        let some = |from, most, last| -> alloc::vec::Vec<u64> {
            tree.some_mounts(from.., most, last).iter().map(|mount| mount.id()).collect()
        };
        assert_eq!((some(0, 9, false), some(0, 1, true)), (alloc::vec![root, mount], alloc::vec![mount]));
        assert_eq!((some(root + 1, 9, false), some(mount + 1, 9, true)), (alloc::vec![mount], alloc::vec![]));
        let own = world.vfs.id();
        let (other, _) = world.vfs.duplicate(&world.root).unwrap_or_else(|error| panic!("{error:?}"));
        let next = || world.vfs.relative(own + 1.., false).map(|found| found.id());
        assert_eq!((next(), other.relative(.., true).map(|found| found.id())), (Some(other.id()), Some(other.id())));
        assert_eq!((other.tree().mount(mount).is_none(), other.tree().count()), (true, 2));
        assert_eq!(other.relative(own..=own, false).map(|found| found.id()), Some(own));
        drop(other);
        assert_eq!(next(), None);
        assert_eq!(world.vfs.unmount(&world.root, b"/a", UnmountFlags::empty()), Ok(()));
        assert!(tree.mount(mount).is_none() && tree.count() == 1);
    }

    fn whose_mounts_these_are_is_asked() {
        let world = World::new();
        world.tmpfs_on("/a").mkdir("/m");
        let user = world.user(1, 1);
        fails(world.vfs.copy_detached(&user, &world.place("/a"), false).map(|_| ()), Kind::NotPermitted);
        fails(world.vfs.relocate(&user, &world.place("/a"), world.place("/m")), Kind::NotPermitted);
        let (other, context) = world.vfs.duplicate(&world.root).unwrap_or_else(|error| panic!("{error:?}"));
        fails(other.copy_detached(&context, &world.place("/a"), false).map(|_| ()), Kind::InvalidArgument);
        fails(other.relocate(&context, &world.place("/a"), context.root.clone()), Kind::InvalidArgument);
    }
}
