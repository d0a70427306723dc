//! Making, linking and removing.

use super::fails;
use crate::context::Context;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::metadata::{DeviceNumber, FileType};
use crate::mount::MountFlags;
use crate::node::NewKind;
use crate::selftest::errno_tables;
use crate::selftest::world::World;
use crate::vfs_test;

vfs_test! {
    /// Which errno wins, in every operation on names and in open: Linux's tables, here on a tmpfs.
    fn the_errnos_of_names_and_opens_are_those_of_linux() {
        errno_tables::check(&|| {
            let world = World::new();
            world.mkdir("/m");
            assert!(world.mount("tmpfs", "/m", "").is_ok());
            errno_tables::make_tree(&world, "/m/t");
            world
        });
    }

    fn a_name_that_exists_cannot_be_made_again() {
        let world = World::new();
        world.mkdir("/d").write("/f", "").symlink("nowhere", "/l");
        for path in [&b"/d"[..], b"/f", b"/l", b"/", b"/d/.", b"/d/..", b"/f"] {
            fails(world.vfs.make_directory(&world.root, path, 0o755), Kind::AlreadyExists);
        }
        fails(world.vfs.make_symlink(&world.root, b"x", b"/f"), Kind::AlreadyExists);
        fails(world.vfs.make_node(&world.root, b"/new/", NewKind::Fifo, 0o644), Kind::NotFound);
        assert_eq!(world.vfs.make_directory(&world.root, b"/new/", 0o755), Ok(()));
    }

    fn every_kind_of_node_is_what_it_was_made() {
        let world = World::new();
        let device = DeviceNumber::new(1, 3);
        for (path, kind, file_type) in [
            ("/char", NewKind::CharDevice(device), FileType::CharDevice),
            ("/block", NewKind::BlockDevice(device), FileType::BlockDevice),
            ("/fifo", NewKind::Fifo, FileType::Fifo),
            ("/socket", NewKind::Socket, FileType::Socket),
            ("/file", NewKind::Regular, FileType::Regular),
        ] {
            assert_eq!(world.vfs.make_node(&world.root, path.as_bytes(), kind, 0o666), Ok(()));
            let metadata = world.stat(path);
            assert_eq!((metadata.kind, metadata.mode, metadata.links), (file_type, 0o644, 1), "{path}");
        }
        assert_eq!(world.stat("/char").device, device);
        let user = world.user(1, 1);
        fails(world.vfs.make_node(&user, b"/c", NewKind::CharDevice(device), 0o666), Kind::NotPermitted);
        fails(world.vfs.make_node(&world.root, b"/d", NewKind::Directory, 0o755), Kind::NotPermitted);
    }

    fn removal_tells_files_from_directories() {
        let world = World::new();
        world.mkdir("/d/sub").write("/f", "");
        fails(world.unlink("/d"), Kind::IsADirectory);
        fails(world.rmdir("/f"), Kind::NotADirectory);
        fails(world.unlink("/f/"), Kind::NotADirectory);
        fails(world.unlink("/none"), Kind::NotFound);
        fails(world.rmdir("/d"), Kind::DirectoryNotEmpty);
        fails(world.rmdir("/d/."), Kind::InvalidArgument);
        fails(world.rmdir("/d/sub/.."), Kind::DirectoryNotEmpty);
        fails(world.rmdir("/"), Kind::Busy);
        fails(world.unlink("/"), Kind::IsADirectory);
        assert_eq!(world.rmdir("/d/sub/"), Ok(()));
        assert_eq!(world.rmdir("/d"), Ok(()));
        assert_eq!(world.unlink("/f"), Ok(()));
        fails(world.unlink("/f"), Kind::NotFound);
    }

    fn a_hard_link_is_the_same_file() {
        let world = World::new();
        world.mkdir("/d").write("/f", "text");
        assert_eq!(world.vfs.link(&world.root, b"/f", b"/d/g", Follow::No), Ok(()));
        assert_eq!(world.stat("/f"), world.stat("/d/g"));
        assert_eq!(world.stat("/f").links, 2);
        assert_eq!(world.unlink("/f"), Ok(()));
        assert_eq!(world.read("/d/g"), "text");
        assert_eq!(world.stat("/d/g").links, 1);
        fails(world.vfs.link(&world.root, b"/d", b"/e", Follow::No), Kind::NotPermitted);
        fails(world.vfs.link(&world.root, b"/d/g", b"/d/g", Follow::No), Kind::AlreadyExists);
        fails(world.vfs.link(&world.root, b"/none", b"/e", Follow::No), Kind::NotFound);
    }

    /// A sticky directory: who owns neither it nor the file does not remove it.
    fn sticky_directories_protect_the_files_of_others() {
        let world = World::new();
        world.mkdir("/tmp");
        assert_eq!(world.vfs.set_mode(&world.root, b"/tmp", 0o1777, Follow::Yes), Ok(()));
        let (owner, other) = (world.user(1, 1), world.user(2, 2));
        assert_eq!(world.vfs.make_node(&owner, b"/tmp/mine", NewKind::Regular, 0o666), Ok(()));
        fails(world.vfs.unlink(&other, b"/tmp/mine"), Kind::NotPermitted);
        assert_eq!(world.vfs.unlink(&owner, b"/tmp/mine"), Ok(()));
    }

    /// A program for the directory's group is not made by who is not in it: it would be if the umask, which takes the
    /// right to execute it, were looked at first.
    fn a_umask_does_not_save_a_set_gid_bit() {
        let world = World::new();
        world.mkdir("/d");
        assert_eq!(world.vfs.set_owner(&world.root, b"/d", None, Some(9), Follow::Yes), Ok(()));
        assert_eq!(world.vfs.set_mode(&world.root, b"/d", 0o2777, Follow::Yes), Ok(()));
        let made = |gid, name: &str| {
            let context = Context { umask: 0o077, ..world.user(1, gid) };
            let flags = OpenFlags::WRITE | OpenFlags::CREATE;
            assert!(world.vfs.open(&context, name.as_bytes(), flags, 0o2755).is_ok());
            (world.stat(name).gid, world.stat(name).mode)
        };
        assert_eq!(made(1, "/d/stranger"), (9, 0o700));
        assert_eq!(made(9, "/d/member"), (9, 0o2700));
    }

    fn a_set_gid_directory_hands_down_its_group() {
        let world = World::new();
        world.mkdir("/d");
        assert_eq!(world.vfs.set_owner(&world.root, b"/d", Some(1), Some(7), Follow::Yes), Ok(()));
        assert_eq!(world.vfs.set_mode(&world.root, b"/d", 0o2755, Follow::Yes), Ok(()));
        let user = world.user(1, 1);
        assert_eq!(world.vfs.make_directory(&user, b"/d/sub", 0o755), Ok(()));
        assert_eq!(world.vfs.make_node(&user, b"/d/f", NewKind::Regular, 0o644), Ok(()));
        let (sub, file) = (world.stat("/d/sub"), world.stat("/d/f"));
        assert_eq!((sub.mode, sub.gid), (0o2755, 7));
        assert_eq!((file.mode, file.gid), (0o644, 7));
    }

    fn the_umask_takes_permission_bits_away() {
        let mut world = World::new();
        world.root.umask = 0o077;
        assert_eq!(world.vfs.make_directory(&world.root, b"/d", 0o777), Ok(()));
        assert_eq!(world.vfs.make_node(&world.root, b"/f", NewKind::Regular, 0o666), Ok(()));
        world.symlink("x", "/l");
        assert_eq!(world.stat("/d").mode, 0o700);
        assert_eq!(world.stat("/f").mode, 0o600);
        assert_eq!(world.lstat("/l").map(|metadata| metadata.mode), Ok(0o777));
    }

    /// EEXIST wins over EROFS, as on Linux; a removal is EROFS before anything else.
    fn a_read_only_mount_refuses_every_change_of_names() {
        let world = World::new();
        world.mkdir("/d").write("/d/f", "");
        let place = world.vfs.resolve(&world.root, b"/d", Follow::Yes).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(world.vfs.bind(&world.root, &place, b"/d", false), Ok(()));
        assert!(world.vfs.remount(&world.root, b"/d", MountFlags::READ_ONLY, b"").is_ok());
        fails(world.vfs.make_directory(&world.root, b"/d/f", 0o755), Kind::AlreadyExists);
        fails(world.vfs.make_directory(&world.root, b"/d/new", 0o755), Kind::ReadOnlyFileSystem);
        fails(world.unlink("/d/none"), Kind::ReadOnlyFileSystem);
        fails(world.unlink("/d/f"), Kind::ReadOnlyFileSystem);
        fails(world.rename("/d/f", "/d/g"), Kind::ReadOnlyFileSystem);
        fails(world.vfs.truncate(&world.root, b"/d/f", 0), Kind::ReadOnlyFileSystem);
        fails(world.vfs.set_mode(&world.root, b"/d/f", 0o600, Follow::Yes), Kind::ReadOnlyFileSystem);
    }
}
