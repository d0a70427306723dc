//! The mount tree.

use super::fails;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::manager::mounts::{MountInfo, Propagation, UnmountFlags};
use crate::mount::{MountFlags, Path};
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::string::String;
use alloc::vec::Vec;

fn place(world: &World, path: &str) -> Path {
    world.vfs.resolve(&world.root, path.as_bytes(), Follow::Yes).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

#[track_caller]
fn mount(world: &World, target: &str) {
    world.mount("tmpfs", target, "").unwrap_or_else(|error| panic!("mount {target}: {error}"));
}

fn unmount(world: &World, target: &str) -> crate::error::Result<()> {
    world.vfs.unmount(&world.root, target.as_bytes(), UnmountFlags::empty())
}

fn targets(world: &World) -> Vec<String> {
    let mounts = world.vfs.mounts(&world.root);
    mounts.into_iter().map(|mount| String::from_utf8_lossy(&mount.target).into_owned()).collect()
}

vfs_test! {
    fn a_mount_covers_and_uncovers() {
        let world = World::new();
        world.mkdir("/m").write("/m/below", "");
        mount(&world, "/m");
        assert_eq!(world.list("/m"), "");
        world.write("/m/above", "");
        assert_eq!(unmount(&world, "/m"), Ok(()));
        assert_eq!(world.list("/m"), "below");
        fails(unmount(&world, "/m"), Kind::InvalidArgument);
    }

    fn mounts_stack_on_one_point() {
        let world = World::new();
        world.mkdir("/m");
        for text in ["one", "two", "three"] {
            mount(&world, "/m");
            world.write("/m/which", text);
        }
        assert_eq!(targets(&world), ["/", "/m", "/m", "/m"]);
        assert_eq!(world.read("/m/which"), "three");
        assert_eq!(unmount(&world, "/m"), Ok(()));
        assert_eq!(world.read("/m/which"), "two");
        assert_eq!(unmount(&world, "/m"), Ok(()));
        assert_eq!(world.read("/m/../m/which"), "one");
    }

    /// ```text
    ///   /, /m   file systems, each the whole of it
    ///   /m/n    /a/b of the first, read-only; then /a is renamed
    /// ```
    fn a_mount_says_what_it_shows_and_how() {
        let world = World::new();
        world.mkdir("/a").mkdir("/a/b").mkdir("/m");
        mount(&world, "/m");
        world.mkdir("/m/n");
        assert_eq!(world.vfs.bind(&world.root, &place(&world, "/a/b"), b"/m/n", false), Ok(()));
        let flags = MountFlags::READ_ONLY | MountFlags::NO_EXECUTE;
        assert_eq!(world.vfs.change_mount(&world.root, b"/m/n", flags), Ok(()));
        let shown = |mounts: Vec<MountInfo>| -> Vec<[String; 3]> {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let one = |mount: MountInfo| {
                [text(&mount.target), text(&mount.root), mount.own_options()]
            };
            mounts.into_iter().map(one).collect()
        };
        let all = [["/", "/", "rw,relatime"], ["/m", "/", "rw,relatime"], ["/m/n", "/a/b", "ro,noexec,relatime"]];
        assert_eq!(shown(world.vfs.mounts(&world.root)), all);
        assert_eq!(world.rename("/a", "/c"), Ok(()));
        assert_eq!(shown(world.vfs.mounts(&world.root))[2], ["/m/n", "/c/b", "ro,noexec,relatime"]);
    }

    fn the_way_up_leads_out_of_a_mount() {
        let world = World::new();
        world.mkdir("/m").write("/f", "outer");
        mount(&world, "/m");
        world.mkdir("/m/n");
        mount(&world, "/m/n");
        assert_eq!(world.read("/m/n/../../f"), "outer");
        assert_eq!(world.list("/m/n/.."), "n");
    }

    fn what_is_in_use_stays_mounted() {
        let world = World::new();
        world.mkdir("/m");
        mount(&world, "/m");
        world.mkdir("/m/sub").write("/m/f", "");
        let file = world.open("/m/f", OpenFlags::READ);
        fails(unmount(&world, "/m"), Kind::Busy);
        drop(file);
        let mut inside = world.root.clone();
        assert_eq!(world.vfs.change_directory(&mut inside, b"/m"), Ok(()));
        fails(unmount(&world, "/m"), Kind::Busy);
        drop(inside);
        mount(&world, "/m/sub");
        fails(unmount(&world, "/m"), Kind::Busy);
        assert_eq!(unmount(&world, "/m/sub"), Ok(()));
        assert_eq!(unmount(&world, "/m"), Ok(()));
        fails(unmount(&world, "/"), Kind::Busy);
        fails(world.rmdir("/none"), Kind::NotFound);
    }

    fn a_lazy_unmount_lets_users_finish() {
        let world = World::new();
        world.mkdir("/m");
        mount(&world, "/m");
        world.mkdir("/m/sub").write("/m/f", "text");
        mount(&world, "/m/sub");
        let file = world.open("/m/f", OpenFlags::READ).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(world.vfs.unmount(&world.root, b"/m", UnmountFlags::LAZY), Ok(()));
        assert_eq!(targets(&world), ["/"]);
        assert_eq!(world.probe("/m/f"), "ENOENT");
        assert_eq!(crate::selftest::world::read_all(&file).as_deref(), Ok("text"));
    }

    fn a_mount_point_is_neither_removed_nor_moved() {
        let world = World::new();
        world.mkdir("/m").mkdir("/d");
        mount(&world, "/m");
        fails(world.rmdir("/m"), Kind::Busy);
        fails(world.rename("/m", "/n"), Kind::Busy);
        fails(world.rename("/d", "/m"), Kind::Busy);
    }

    /// ```text
    /// /a/f, tmpfs on /a/sub        bind /a to /b: b/f and an empty b/sub; rbind: the tmpfs as well
    /// ```
    fn a_bind_shows_one_tree_at_two_places() {
        let world = World::new();
        world.mkdir("/a/sub").mkdir("/b").mkdir("/c").write("/a/f", "text").write("/file", "");
        mount(&world, "/a/sub");
        world.write("/a/sub/deep", "");
        assert_eq!(world.vfs.bind(&world.root, &place(&world, "/a"), b"/b", false), Ok(()));
        assert_eq!(world.vfs.bind(&world.root, &place(&world, "/a"), b"/c", true), Ok(()));
        assert_eq!((world.list("/b/sub").as_str(), world.list("/c/sub").as_str()), ("", "deep"));
        world.write("/b/new", "by way of b");
        assert_eq!(world.read("/a/new"), "by way of b");
        assert_eq!(world.stat("/b/f").id, world.stat("/a/f").id);
        fails(world.rename("/a/f", "/b/g"), Kind::CrossDevice);
        fails(world.vfs.link(&world.root, b"/a/f", b"/b/g", Follow::No), Kind::CrossDevice);
        fails(world.vfs.bind(&world.root, &place(&world, "/file"), b"/b", false), Kind::NotADirectory);
        assert_eq!(world.vfs.bind(&world.root, &place(&world, "/a/f"), b"/file", false), Ok(()));
        assert_eq!(world.read("/file"), "text");
    }

    /// Two namespaces of one machine; what one mounts the other does not see, but can bind.
    fn namespaces_have_their_own_mounts_over_shared_file_systems() {
        let world = World::new();
        world.mkdir("/m").mkdir("/shown");
        let (vfs, root) = world.vfs.duplicate(&world.root).unwrap_or_else(|error| panic!("{error:?}"));
        let other = World { vfs, root };
        mount(&other, "/m");
        other.write("/m/secret", "text").write("/shared", "both");
        assert_eq!(world.list("/m"), "");
        assert_eq!(world.read("/shared"), "both");
        let secret = place(&other, "/m");
        assert_eq!(world.vfs.bind(&world.root, &secret, b"/shown", false), Ok(()));
        assert_eq!(world.read("/shown/secret"), "text");
        drop(secret);
        assert_eq!(unmount(&other, "/m"), Ok(()));
        assert_eq!(world.read("/shown/secret"), "text");
    }

    fn a_read_only_mount_can_show_what_another_way_changes() {
        let world = World::new();
        world.mkdir("/a").mkdir("/b").write("/a/f", "one");
        assert_eq!(world.vfs.bind(&world.root, &place(&world, "/a"), b"/b", false), Ok(()));
        let writer = world.open("/b/f", OpenFlags::WRITE);
        let change = |flags| world.vfs.change_mount(&world.root, b"/b", flags);
        fails(change(MountFlags::READ_ONLY), Kind::Busy);
        drop(writer);
        assert_eq!(change(MountFlags::READ_ONLY), Ok(()));
        fails(world.open("/b/f", OpenFlags::WRITE), Kind::ReadOnlyFileSystem);
        fails(world.open("/b/f", OpenFlags::READ | OpenFlags::TRUNCATE), Kind::ReadOnlyFileSystem);
        world.write("/a/f", "two");
        assert_eq!(world.read("/b/f"), "two");
        assert_eq!(change(MountFlags::empty()), Ok(()));
        world.write("/b/f", "three");
    }

    /// ```text
    ///   /a == /b, one file system: /b is made read-only, and so is the file system, by way of /b
    /// ```
    fn a_remount_changes_the_file_system_in_all_its_mounts() {
        let world = World::new();
        world.mkdir("/a").mkdir("/b");
        mount(&world, "/a");
        world.write("/a/f", "text");
        assert_eq!(world.vfs.bind_path(&world.root, b"/a", b"/b", false), Ok(()));
        let remount = |flags| {
            let done = world.vfs.remount(&world.root, b"/b", flags, b"");
            done.map_err(|error| error.error)
        };
        let shown = || -> Vec<[String; 3]> {
            let mounts = world.vfs.mounts(&world.root).into_iter().skip(1);
            mounts.map(|mount| [mount.own_options(), mount.file_system_options(), mount.all_options()]).collect()
        };
        let writer = world.open("/a/f", OpenFlags::WRITE);
        fails(remount(MountFlags::READ_ONLY), Kind::Busy);
        drop(writer);
        assert_eq!(remount(MountFlags::READ_ONLY | MountFlags::NO_ACCESS_TIME), Ok(()));
        fails(world.open("/a/f", OpenFlags::WRITE), Kind::ReadOnlyFileSystem);
        let general = ",size=524288k,nr_inodes=131072";
        let options = |text: &str| alloc::format!("{text}{general}");
        assert_eq!(shown(), [
            ["rw,relatime".into(), options("ro"), options("ro,relatime")],
            ["ro,noatime".into(), options("ro"), options("ro,noatime")],
        ]);
        assert_eq!(remount(MountFlags::LAZY_TIMES | MountFlags::SYNCHRONOUS_DIRECTORIES | MountFlags::NO_SUID), Ok(()));
        assert_eq!(shown()[1], ["rw,nosuid,relatime".into(), options("rw,lazytime"), options("rw,lazytime,nosuid,relatime")]);
        world.write("/a/f", "");
    }

    /// ```text
    ///   strictatime: always    relatime: if it is not younger than the change    nodiratime: as that, but directories
    ///   noatime: never
    /// ```
    fn reading_sets_access_times_as_the_mount_says() {
        let world = World::new();
        world.mkdir("/m");
        mount(&world, "/m");
        world.write("/m/f", "text").mkdir("/m/d");
        let changes = |flags| {
            assert_eq!(world.vfs.change_mount(&world.root, b"/m", flags), Ok(()));
            ["/m/f", "/m/d"].map(|path| {
                [(); 2].map(|()| {
                    let before = world.stat(path).accessed;
                    if path == "/m/f" { world.read(path) } else { world.list(path) };
                    world.stat(path).accessed != before
                })
            })
        };
        assert_eq!(changes(MountFlags::NO_ACCESS_TIME), [[false, false], [false, false]]);
        assert_eq!(changes(MountFlags::NO_DIRECTORY_ACCESS_TIME), [[true, false], [false, false]]);
        assert_eq!(changes(MountFlags::empty()), [[false, false], [true, false]]);
        assert_eq!(changes(MountFlags::STRICT_ACCESS_TIME), [[true, true], [true, true]]);
    }

    fn links_of_a_mount_may_lead_nowhere() {
        let world = World::new();
        world.mkdir("/m");
        mount(&world, "/m");
        world.write("/m/f", "text").symlink("f", "/m/link").symlink("/m/link", "/outside");
        assert_eq!(world.vfs.change_mount(&world.root, b"/m", MountFlags::NO_SYMLINKS), Ok(()));
        assert_eq!((world.read("/m/link").as_str(), world.read("/outside").as_str()), ("ELOOP", "ELOOP"));
        assert_eq!((world.probe("/m/link").as_str(), world.read("/m/f").as_str()), ("found", "text"));
    }

    /// ```text
    /// tmpfs on /new        pivot: /new becomes /, the old root is at /old
    /// ```
    fn pivot_root_trades_the_root() {
        let mut world = World::new();
        world.mkdir("/new").write("/f", "old root");
        mount(&world, "/new");
        world.mkdir("/new/old").write("/new/g", "new root");
        let vfs = world.vfs.clone();
        let mut pivot = |new: &str, old: &str| {
            vfs.pivot_root(&mut world.root, new.as_bytes(), old.as_bytes()).map(|_| ())
        };
        fails(pivot("/", "/new"), Kind::Busy);
        fails(pivot("/new", "/"), Kind::Busy);
        fails(pivot("/new/old", "/new"), Kind::InvalidArgument);
        fails(pivot("/f", "/none"), Kind::NotADirectory);
        assert_eq!(pivot("/new", "/new/old"), Ok(()));
        assert_eq!(world.read("/g"), "new root");
        assert_eq!(world.read("/old/f"), "old root");
        assert_eq!(world.read("/old/../g"), "new root");
        assert_eq!(targets(&world), ["/old", "/"]);
        assert_eq!(world.vfs.unmount(&world.root, b"/old", UnmountFlags::LAZY), Ok(()));
        assert_eq!(world.list("/old"), "");
    }

    /// ```text
    /// tmpfs on /jail, tmpfs on /jail/new       in a chroot to /jail: /jail/new goes to /jail, and jail's on old in it
    /// ```
    fn pivot_root_in_a_chroot_trades_that_root() {
        let mut world = World::new();
        world.mkdir("/jail").write("/f", "outside");
        mount(&world, "/jail");
        world.mkdir("/jail/new").write("/jail/g", "jail");
        mount(&world, "/jail/new");
        world.mkdir("/jail/new/old").write("/jail/new/h", "new");
        let (vfs, outside) = (world.vfs.clone(), world.root.clone());
        assert_eq!(vfs.change_root(&mut world.root, b"/jail"), Ok(()));
        let mut bystander = world.root.clone();
        bystander.cwd = place(&world, "/new");
        let moved = vfs.pivot_root(&mut world.root, b"/new", b"/new/old").unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!((world.read("/h").as_str(), world.read("/old/g").as_str()), ("new", "jail"));
        assert_eq!(world.read("/../h"), "new");
        assert!(moved.follow(&mut bystander) && !moved.follow(&mut outside.clone()));
        assert_eq!(World { vfs: vfs.clone(), root: bystander }.read("/h"), "new");
        let outside = World { vfs, root: outside };
        assert_eq!((outside.read("/f").as_str(), outside.read("/jail/old/g").as_str()), ("outside", "jail"));
    }

    /// ```text
    /// tmpfs on /a, tmpfs on /a/sub        moved to /b: /a is bare, /b and /b/sub are what they were
    /// ```
    fn a_mount_moves_with_what_stands_on_it() {
        let world = World::new();
        world.mkdir("/a").mkdir("/b").write("/file", "");
        mount(&world, "/a");
        world.mkdir("/a/sub").write("/a/f", "text");
        mount(&world, "/a/sub");
        world.write("/a/sub/deep", "");
        let file = world.open("/a/f", OpenFlags::READ);
        let moved = |from: &str, to: &str| world.vfs.move_mount(&world.root, from.as_bytes(), to.as_bytes());
        fails(moved("/a", "/a/sub"), Kind::TooManySymlinks);
        fails(moved("/a", "/file"), Kind::InvalidArgument);
        fails(moved("/b", "/a"), Kind::InvalidArgument);
        fails(moved("/", "/b"), Kind::InvalidArgument);
        fails(moved("", "/b"), Kind::InvalidArgument);
        fails(moved("", "/none"), Kind::NotFound);
        fails(moved("/none", "/b"), Kind::NotFound);
        assert_eq!(moved("/a", "/b"), Ok(()));
        assert_eq!((world.list("/a").as_str(), world.list("/b").as_str(), world.list("/b/sub").as_str()), ("", "f sub", "deep"));
        assert_eq!(targets(&world), ["/", "/b", "/b/sub"]);
        drop(file);
        assert_eq!((unmount(&world, "/b/sub"), unmount(&world, "/b")), (Ok(()), Ok(())));
    }

    /// ```text
    /// tmpfs on /a, tmpfs on /a/no (unbindable), tmpfs on /a/no/below        rbind /a to /b: /b/no is bare
    /// ```
    fn what_is_unbindable_is_shown_nowhere_else() {
        let world = World::new();
        world.mkdir("/a").mkdir("/b").mkdir("/c");
        for target in ["/a", "/a/no", "/a/no/below"] {
            world.mkdir(target);
            mount(&world, target);
        }
        world.write("/a/no/f", "");
        let set = |path: &str, to, below| world.vfs.set_propagation(&world.root, path.as_bytes(), to, below);
        fails(set("/b", Propagation::Unbindable, false), Kind::InvalidArgument);
        assert_eq!(set("/a/no", Propagation::Unbindable, false), Ok(()));
        let bind = |from: &str, to: &str| world.vfs.bind_path(&world.root, from.as_bytes(), to.as_bytes(), true);
        fails(bind("/a/no", "/c"), Kind::InvalidArgument);
        assert_eq!(bind("/a", "/b"), Ok(()));
        assert_eq!((world.list("/b").as_str(), world.list("/b/no").as_str()), ("no", ""));
        // A remount is about other properties.
        assert_eq!(world.vfs.change_mount(&world.root, b"/a/no", MountFlags::NO_SUID), Ok(()));
        fails(bind("/a/no", "/c"), Kind::InvalidArgument);
        assert_eq!(set("/a", Propagation::Slave, true), Ok(()));
        fails(bind("/a/no", "/c"), Kind::InvalidArgument);
        assert_eq!(set("/a", Propagation::Private, true), Ok(()));
        assert_eq!(bind("/a/no", "/c"), Ok(()));
        assert_eq!(world.list("/c"), "below f");
    }

    fn an_expiring_mount_goes_if_nothing_is_opened_on_it_meanwhile() {
        let world = World::new();
        world.mkdir("/m");
        mount(&world, "/m");
        world.write("/m/f", "");
        let expire = |more| world.vfs.unmount(&world.root, b"/m", UnmountFlags::EXPIRE | more);
        fails(expire(UnmountFlags::LAZY), Kind::InvalidArgument);
        fails(expire(UnmountFlags::FORCE), Kind::InvalidArgument);
        fails(world.vfs.unmount(&world.root, b"/", UnmountFlags::EXPIRE), Kind::InvalidArgument);
        let file = world.open("/m/f", OpenFlags::READ);
        fails(expire(UnmountFlags::empty()), Kind::Busy);
        drop(file);
        fails(expire(UnmountFlags::empty()), Kind::WouldBlock);
        assert_eq!(world.read("/m/f"), "");
        fails(expire(UnmountFlags::empty()), Kind::WouldBlock);
        assert_eq!(expire(UnmountFlags::empty()), Ok(()));
        assert_eq!(targets(&world), ["/"]);
    }

    /// As on Linux, a path that is not there is told even to those who may not mount.
    fn mounting_is_for_those_who_may() {
        let world = World::new();
        world.mkdir("/m").mkdir("/n");
        mount(&world, "/m");
        let user = World { vfs: world.vfs.clone(), root: world.user(1, 1) };
        let (vfs, root) = (&user.vfs, &user.root);
        let none = UnmountFlags::empty();
        for (path, kind) in [("/m", Kind::NotPermitted), ("/none", Kind::NotFound)] {
            let path = path.as_bytes();
            fails(vfs.unmount(root, path, none), kind);
            fails(vfs.bind_path(root, b"", path, false), kind);
            fails(vfs.move_mount(root, b"/none", path), kind);
            fails(vfs.set_propagation(root, path, Propagation::Private, false), kind);
            fails(vfs.remount(root, path, MountFlags::empty(), b"").map_err(|error| error.error), kind);
        }
        fails(vfs.pivot_root(&mut root.clone(), b"/none", b"/none").map(|_| ()), Kind::NotPermitted);
        fails(vfs.change_root(&mut root.clone(), b"/m"), Kind::NotPermitted);
        fails(vfs.change_root(&mut root.clone(), b"/none"), Kind::NotFound);
    }

    fn one_view_is_bound_to_a_place_any_number_of_times() {
        let world = World::new();
        world.mkdir("/a").write("/a/f", "text");
        for _ in 0..3 {
            assert_eq!(world.vfs.bind_path(&world.root, b"/a", b"/a", false), Ok(()));
        }
        assert_eq!((targets(&world).len(), world.read("/a/f").as_str()), (4, "text"));
    }

    fn errors_of_mount_name_what_is_wrong() {
        let world = World::new();
        world.mkdir("/m").write("/f", "");
        let error = |result: core::result::Result<(), crate::manager::mounts::MountError>| match result {
            Ok(()) => panic!("mounted"),
            Err(error) => (error.error.kind(), error.message.unwrap_or_default()),
        };
        let (kind, message) = error(world.mount("nonesuch", "/m", ""));
        assert_eq!(kind, Kind::NoSuchDevice);
        assert!(message.contains("nonesuch"), "{message}");
        let (kind, message) = error(world.mount("tmpfs", "/m", "size=1m,colour=blue"));
        assert_eq!(kind, Kind::InvalidArgument);
        assert!(message.contains("colour"), "{message}");
        assert_eq!(error(world.mount("tmpfs", "/f", "")).0, Kind::NotADirectory);
        assert_eq!(error(world.mount("tmpfs", "/none", "")).0, Kind::NotFound);
        let user = World { vfs: world.vfs.clone(), root: world.user(1, 1) };
        assert_eq!(error(user.mount("tmpfs", "/m", "")).0, Kind::NotPermitted);
    }

    /// The last mount of a file system takes it along: nothing keeps it alive in a circle.
    fn unmounting_frees_the_file_system() {
        let world = World::new();
        world.mkdir("/m");
        mount(&world, "/m");
        world.mkdir("/m/a/b/c").write("/m/a/f", "text");
        let weak = alloc::sync::Arc::downgrade(place(&world, "/m").mount.superblock().operations());
        assert!(weak.upgrade().is_some());
        assert_eq!(unmount(&world, "/m"), Ok(()));
        assert!(weak.upgrade().is_none());
    }
}
