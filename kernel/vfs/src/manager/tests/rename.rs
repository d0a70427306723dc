//! `renameat2(2)`.

use super::fails;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::metadata::{DeviceNumber, FileType};
use crate::node::RenameFlags;
use crate::selftest::world::World;
use crate::vfs_test;

vfs_test! {
    fn a_file_moves_and_replaces() {
        let world = World::new();
        world.mkdir("/d").write("/f", "new").write("/d/g", "old");
        let moved = world.stat("/f").id;
        assert_eq!(world.rename("/f", "/d/g"), Ok(()));
        assert_eq!(world.probe("/f"), "ENOENT");
        assert_eq!(world.read("/d/g"), "new");
        assert_eq!(world.stat("/d/g").id, moved);
    }

    /// ```text
    /// /a/b/f    rename /a to /c:    /c/b/f
    /// ```
    fn a_directory_takes_everything_along() {
        let world = World::new();
        world.mkdir("/a/b").mkdir("/elsewhere").write("/a/b/f", "text");
        assert_eq!(world.rename("/a", "/elsewhere/c"), Ok(()));
        assert_eq!(world.read("/elsewhere/c/b/f"), "text");
        assert_eq!(world.probe("/a"), "ENOENT");
        assert_eq!(world.probe("/a/b/f"), "ENOENT");
        assert_eq!(world.probe("/elsewhere/c/../c/b/../b/f"), "found");
    }

    fn kinds_must_fit_and_directories_be_empty() {
        let world = World::new();
        world.mkdir("/d").mkdir("/full/x").mkdir("/empty").write("/f", "");
        fails(world.rename("/f", "/d"), Kind::IsADirectory);
        fails(world.rename("/d", "/f"), Kind::NotADirectory);
        fails(world.rename("/d", "/full"), Kind::DirectoryNotEmpty);
        fails(world.rename("/none", "/x"), Kind::NotFound);
        fails(world.rename("/f", "/x/"), Kind::NotADirectory);
        fails(world.rename("/f/", "/x"), Kind::NotADirectory);
        fails(world.rename("/d/.", "/x"), Kind::Busy);
        fails(world.rename("/d", "/full/.."), Kind::Busy);
        assert_eq!(world.rename("/d/", "/empty/"), Ok(()));
        assert_eq!(world.list("/"), "empty f full");
    }

    fn nothing_moves_below_itself() {
        let world = World::new();
        world.mkdir("/a/b/c");
        fails(world.rename("/a", "/a/b/c/d"), Kind::InvalidArgument);
        fails(world.rename("/a", "/a/x"), Kind::InvalidArgument);
        fails(world.rename("/a/b/c", "/a"), Kind::DirectoryNotEmpty);
        let exchange = RenameFlags::EXCHANGE;
        fails(world.vfs.rename(&world.root, b"/a/b/c", b"/a", exchange), Kind::InvalidArgument);
        assert_eq!(world.rename("/a", "/a"), Ok(()));
    }

    fn two_names_of_one_file_stay_as_they_are() {
        let world = World::new();
        world.write("/f", "");
        assert_eq!(world.vfs.link(&world.root, b"/f", b"/g", Follow::No), Ok(()));
        assert_eq!(world.rename("/f", "/g"), Ok(()));
        assert_eq!(world.list("/"), "f g");
    }

    fn noreplace_keeps_what_is_there() {
        let world = World::new();
        world.write("/f", "f").write("/g", "g");
        fails(world.vfs.rename(&world.root, b"/f", b"/g", RenameFlags::NO_REPLACE), Kind::AlreadyExists);
        assert_eq!(world.vfs.rename(&world.root, b"/f", b"/h", RenameFlags::NO_REPLACE), Ok(()));
        assert_eq!(world.list("/"), "g h");
    }

    /// ```text
    /// /d/x  /f      exchange /d and /f:      /d is the file, /f the directory with x
    /// ```
    fn exchange_trades_places_whatever_the_kinds() {
        let world = World::new();
        world.mkdir("/p/d").mkdir("/q").write("/p/d/x", "x").write("/q/f", "f");
        assert_eq!(world.vfs.rename(&world.root, b"/p/d", b"/q/f", RenameFlags::EXCHANGE), Ok(()));
        assert_eq!(world.read("/p/d"), "f");
        assert_eq!(world.read("/q/f/x"), "x");
        assert_eq!(world.stat("/p").links, 2);
        assert_eq!(world.stat("/q").links, 3);
        fails(world.vfs.rename(&world.root, b"/p/d", b"/none", RenameFlags::EXCHANGE), Kind::NotFound);
        let both = RenameFlags::EXCHANGE | RenameFlags::NO_REPLACE;
        fails(world.vfs.rename(&world.root, b"/p/d", b"/q/f", both), Kind::InvalidArgument);
    }

    fn whiteout_takes_the_old_name_in_the_same_step() {
        let world = World::new();
        world.write("/f", "text");
        assert_eq!(world.vfs.rename(&world.root, b"/f", b"/g", RenameFlags::WHITEOUT), Ok(()));
        let whiteout = world.stat("/f");
        assert_eq!((whiteout.kind, whiteout.device), (FileType::CharDevice, DeviceNumber::new(0, 0)));
        assert_eq!(world.read("/g"), "text");
    }

    /// ```text
    /// /a/d    open, then removed:    /a     mv /a into d     ENOENT, though d was below it
    /// ```
    fn a_removed_directory_takes_no_name_whatever_else_is_wrong() {
        let world = World::new();
        world.mkdir("/a/d").write("/f", "");
        let place = world.vfs.resolve(&world.root, b"/a/d", Follow::Yes).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(world.rmdir("/a/d"), Ok(()));
        let inside = world.root.at(place);
        let long = [b'n'; 300];
        let rename = |old: &[u8], new: &[u8], flags| world.vfs.rename(&inside, old, new, flags);
        fails(rename(b"/a", b"x", RenameFlags::empty()), Kind::NotFound);
        fails(rename(b"/f", b"x", RenameFlags::NO_REPLACE), Kind::NotFound);
        fails(rename(b"/f", &long, RenameFlags::empty()), Kind::NotFound);
        fails(rename(&long, b"/g", RenameFlags::empty()), Kind::NotFound);
        fails(world.vfs.remove_directory(&inside, &long), Kind::NotFound);
        fails(world.vfs.unlink(&inside, &long), Kind::NotFound);
        fails(world.vfs.metadata(&inside, &long, Follow::No), Kind::NotFound);
        fails(world.vfs.make_directory(&inside, &long, 0o755), Kind::NotFound);
        let user = world.user(5, 5).at(inside.cwd.clone());
        fails(world.vfs.make_directory(&user, b"x", 0o755), Kind::NotFound);
        fails(world.vfs.open(&user, b"x", OpenFlags::WRITE | OpenFlags::CREATE, 0o644), Kind::NotFound);
        fails(world.vfs.link(&user, b"/f", b"x", Follow::No), Kind::NotFound);
        fails(rename(b"/g", b"x", RenameFlags::empty()), Kind::NotFound);
    }
}
