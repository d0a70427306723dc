//! What files are marked with (`chattr(1)`), and what it keeps from being done. Each errno is what Linux's tmpfs answers.

use super::fails;
use crate::context::{AccessMode, Capabilities, Context, Credentials};
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::OpenFlags;
use crate::manager::{Follow, VfsManager};
use crate::metadata::{FileFlags, SetTime};
use crate::node::{Allocate, RenameFlags, SetXattr};
use crate::selftest::world::World;
use crate::time::Timestamp;
use crate::vfs_test;

/// Marks what is at a path.
pub(crate) fn mark(world: &World, path: &str, flags: FileFlags) -> Result<()> {
    mark_as(world, &world.root, path, flags)
}

fn mark_as(world: &World, by: &Context, path: &str, flags: FileFlags) -> Result<()> {
    let path = world.vfs.resolve(&world.root, path.as_bytes(), Follow::No)?;
    VfsManager::set_flags_at(&by.credentials, &path, flags)
}

/// What changes of a file itself are refused, with `EPERM`, under both marks.
#[track_caller]
pub(crate) fn check_file_is_kept(world: &World, path: &str) {
    let (vfs, root, name) = (&world.vfs, &world.root, path.as_bytes());
    let refused = |result: Result<()>| fails(result, Kind::NotPermitted);
    let at = Some(SetTime::At(Timestamp::from_seconds(1)));
    refused(world.unlink(path));
    let other = alloc::format!("{path}.other");
    refused(world.rename(path, &other));
    refused(vfs.link(root, name, other.as_bytes(), Follow::No));
    refused(vfs.set_mode(root, name, 0o600, Follow::No));
    refused(vfs.set_owner(root, name, Some(1), None, Follow::No));
    refused(vfs.set_times(root, name, at, at, Follow::No));
    refused(vfs.set_times(root, name, Some(SetTime::Now), None, Follow::No));
    refused(vfs.set_xattr(root, name, b"user.a", b"", SetXattr::Any, Follow::No));
    refused(vfs.set_xattr(root, name, b"trusted.a", b"", SetXattr::Any, Follow::No));
    refused(vfs.remove_xattr(root, name, b"trusted.none", Follow::No));
    refused(vfs.truncate(root, name, 0));
    refused(world.open(path, OpenFlags::WRITE).map(drop));
    refused(world.open(path, OpenFlags::READ | OpenFlags::TRUNCATE).map(drop));
    refused(world.open(path, OpenFlags::WRITE | OpenFlags::APPEND | OpenFlags::TRUNCATE).map(drop));
    assert_eq!(vfs.set_owner(root, name, None, None, Follow::No), Ok(()), "nothing to change");
    assert!(world.open(path, OpenFlags::READ).is_ok());
}

vfs_test! {
    fn what_is_immutable_stays_as_it_is() {
        let world = World::new();
        world.write("/f", "text").write("/g", "");
        let (vfs, root) = (&world.vfs, &world.root);
        let before = world.open("/f", OpenFlags::WRITE).expect("it is there");
        assert_eq!(mark(&world, "/f", FileFlags::IMMUTABLE), Ok(()));
        check_file_is_kept(&world, "/f");
        fails(world.open("/f", OpenFlags::WRITE | OpenFlags::APPEND), Kind::NotPermitted);
        fails(world.rename("/g", "/f"), Kind::NotPermitted);
        fails(vfs.rename(root, b"/g", b"/f", RenameFlags::EXCHANGE), Kind::NotPermitted);
        fails(vfs.check_access(root, b"/f", AccessMode::WRITE, Follow::Yes), Kind::NotPermitted);
        fails(vfs.set_times(root, b"/f", Some(SetTime::Now), Some(SetTime::Now), Follow::No), Kind::NotPermitted);
        let exclusive = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        fails(world.open("/f", exclusive), Kind::AlreadyExists);
        // Who had it open before may go on, but not allocate.
        assert_eq!(before.write(&root.credentials, &mut &b"T"[..]), Ok(1));
        let reserve = Allocate::Reserve { keep_size: true };
        fails(before.allocate(&root.credentials, reserve, 0, 9), Kind::NotPermitted);
        assert_eq!(before.truncate(&root.credentials, 3), Ok(()));
        assert_eq!(world.read("/f"), "Tex");
        assert_eq!(mark(&world, "/f", FileFlags::empty()), Ok(()));
        assert_eq!(world.unlink("/f"), Ok(()));
    }

    fn what_is_append_only_grows() {
        let world = World::new();
        world.write("/f", "text").write("/g", "");
        let (vfs, root) = (&world.vfs, &world.root);
        let before = world.open("/f", OpenFlags::WRITE).expect("it is there");
        assert_eq!(mark(&world, "/f", FileFlags::APPEND_ONLY), Ok(()));
        check_file_is_kept(&world, "/f");
        world.append("/f", "+");
        fails(world.rename("/g", "/f"), Kind::NotPermitted);
        assert_eq!(vfs.check_access(root, b"/f", AccessMode::WRITE, Follow::Yes), Ok(()));
        assert_eq!(vfs.set_times(root, b"/f", Some(SetTime::Now), Some(SetTime::Now), Follow::No), Ok(()));
        fails(before.truncate(&root.credentials, 9), Kind::NotPermitted);
        assert_eq!(before.allocate(&root.credentials, Allocate::Reserve { keep_size: true }, 0, 9), Ok(()));
        fails(before.allocate(&root.credentials, Allocate::PunchHole, 0, 9), Kind::NotPermitted);
        fails(before.set_flags(&root.credentials, OpenFlags::APPEND), Kind::NotPermitted);
        assert_eq!(before.set_flags(&root.credentials, OpenFlags::NON_BLOCKING), Ok(()));
        let appending = world.open("/f", OpenFlags::WRITE | OpenFlags::APPEND).expect("it may grow");
        fails(appending.set_flags(&root.credentials, OpenFlags::empty()), Kind::NotPermitted);
        assert_eq!(world.read("/f"), "text+");
    }

    fn an_immutable_directory_gets_and_loses_no_names() {
        let world = World::new();
        world.mkdir("/d/sub").write("/d/f", "").write("/g", "");
        assert_eq!(mark(&world, "/d", FileFlags::IMMUTABLE), Ok(()));
        let (vfs, root) = (&world.vfs, &world.root);
        for refused in [
            world.open("/d/new", OpenFlags::WRITE | OpenFlags::CREATE).map(drop),
            world.open("/d", OpenFlags::WRITE | OpenFlags::TEMPORARY).map(drop),
            vfs.make_directory(root, b"/d/new", 0o755),
            vfs.make_symlink(root, b"x", b"/d/new"),
            vfs.link(root, b"/g", b"/d/new", Follow::No),
            world.unlink("/d/f"),
            world.rmdir("/d/sub"),
            world.rename("/d/f", "/d/new"),
            world.rename("/d/f", "/new"),
            world.rename("/g", "/d/new"),
            world.rename("/d", "/e"),
            world.rmdir("/d"),
        ] {
            fails(refused, Kind::NotPermitted);
        }
        fails(vfs.make_directory(root, b"/d/f", 0o755), Kind::AlreadyExists);
        fails(world.unlink("/d/none"), Kind::NotFound);
        world.write("/d/f", "what is in it is not meant").write("/d/sub/new", "");
    }

    fn an_append_only_directory_loses_no_names() {
        let world = World::new();
        world.mkdir("/d").write("/d/f", "").write("/g", "").write("/h", "");
        assert_eq!(mark(&world, "/d", FileFlags::APPEND_ONLY), Ok(()));
        world.write("/d/new", "").append("/d/f", "+");
        assert_eq!(world.rename("/g", "/d/g"), Ok(()));
        for refused in [
            world.unlink("/d/f"),
            world.rename("/d/f", "/d/x"),
            world.rename("/d/f", "/x"),
            world.rename("/h", "/d/f"),
            world.vfs.set_mode(&world.root, b"/d", 0o700, Follow::No),
        ] {
            fails(refused, Kind::NotPermitted);
        }
        assert_eq!(world.list("/d"), "f g new");
    }

    fn who_may_mark_a_file() {
        let world = World::new();
        world.write("/f", "").mkdir("/d").symlink("f", "/l");
        let (owner, other) = (world.user(1, 1), world.user(2, 2));
        let root = &world.root;
        assert_eq!(world.vfs.set_owner(root, b"/f", Some(1), Some(1), Follow::No), Ok(()));
        let (quiet, kept) = (FileFlags::NO_DUMP | FileFlags::NO_ACCESS_TIME, FileFlags::IMMUTABLE);
        assert_eq!(mark_as(&world, &owner, "/f", quiet), Ok(()));
        assert_eq!(world.stat("/f").flags, Some(quiet));
        fails(mark_as(&world, &other, "/f", FileFlags::empty()), Kind::NotPermitted);
        fails(mark_as(&world, &owner, "/f", kept), Kind::NotPermitted);
        assert_eq!(mark(&world, "/f", kept), Ok(()));
        fails(mark_as(&world, &owner, "/f", FileFlags::empty()), Kind::NotPermitted);
        assert_eq!(mark_as(&world, &owner, "/f", kept | quiet), Ok(()), "the mark that is not theirs stays");
        let able = Credentials { capabilities: Capabilities::LINUX_IMMUTABLE, ..Credentials::user(1, 1) };
        let able = Context { credentials: able, ..root.clone() };
        assert_eq!(mark_as(&world, &able, "/f", FileFlags::empty()), Ok(()));
        fails(mark(&world, "/l", FileFlags::NO_DUMP), Kind::NotSupported);
        assert_eq!(world.lstat("/l").expect("it is there").flags, None);
    }

    /// Not what would keep them from being changed.
    fn what_is_made_in_a_directory_is_marked_as_it_is() {
        let world = World::new();
        world.mkdir("/d");
        let quiet = FileFlags::NO_DUMP | FileFlags::NO_ACCESS_TIME;
        assert_eq!(mark(&world, "/d", quiet | FileFlags::APPEND_ONLY), Ok(()));
        world.write("/d/f", "").mkdir("/d/sub").symlink("f", "/d/l");
        let marked = ["/d/f", "/d/sub", "/d/l"].map(|path| world.lstat(path).expect("it is there").flags);
        assert_eq!(marked, [Some(quiet), Some(quiet), None]);
    }

    fn reading_sets_no_access_time_where_that_is_not_wanted() {
        let world = World::new();
        world.write("/f", "x");
        for (flags, changes) in [(FileFlags::NO_ACCESS_TIME, false), (FileFlags::empty(), true)] {
            let old = Some(SetTime::At(Timestamp::from_seconds(1)));
            assert_eq!(world.vfs.set_times(&world.root, b"/f", old, old, Follow::No), Ok(()));
            assert_eq!(mark(&world, "/f", flags), Ok(()));
            assert_eq!(world.read("/f"), "x");
            assert_eq!(world.stat("/f").accessed != Timestamp::from_seconds(1), changes);
        }
    }
}
