//! Modes, owners, times, sizes.

use super::fails;
use crate::context::{AccessMode, Credentials};
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::{FileObject, OpenFlags};
use crate::manager::Follow;
use crate::metadata::SetTime;
use crate::node::Allocate;
use crate::selftest::world::World;
use crate::time::Timestamp;
use crate::vfs_test;

const FOLLOW: Follow = Follow::Yes;

vfs_test! {
    fn only_the_owner_sets_the_mode() {
        let world = World::new();
        world.write("/f", "").symlink("f", "/l");
        assert_eq!(world.vfs.set_owner(&world.root, b"/f", Some(1), Some(1), FOLLOW), Ok(()));
        let (owner, other) = (world.user(1, 1), world.user(2, 2));
        assert_eq!(world.vfs.set_mode(&owner, b"/l", 0o640, FOLLOW), Ok(()));
        assert_eq!(world.stat("/f").mode, 0o640);
        fails(world.vfs.set_mode(&other, b"/f", 0o777, FOLLOW), Kind::NotPermitted);
        fails(world.vfs.set_mode(&world.root, b"/l", 0o777, Follow::No), Kind::NotSupported);
    }

    /// The set-gid bit of a group one is not in does not stick.
    fn set_gid_needs_the_group() {
        let world = World::new();
        world.write("/f", "");
        assert_eq!(world.vfs.set_owner(&world.root, b"/f", Some(1), Some(9), FOLLOW), Ok(()));
        assert_eq!(world.vfs.set_mode(&world.user(1, 1), b"/f", 0o2755, FOLLOW), Ok(()));
        assert_eq!(world.stat("/f").mode, 0o755);
        assert_eq!(world.vfs.set_mode(&world.user(1, 9), b"/f", 0o2755, FOLLOW), Ok(()));
        assert_eq!(world.stat("/f").mode, 0o2755);
    }

    fn owners_change_by_privilege_groups_by_membership() {
        let world = World::new();
        world.write("/f", "");
        assert_eq!(world.vfs.set_owner(&world.root, b"/f", Some(1), Some(1), FOLLOW), Ok(()));
        let owner = world.user(1, 1);
        fails(world.vfs.set_owner(&owner, b"/f", Some(2), None, FOLLOW), Kind::NotPermitted);
        fails(world.vfs.set_owner(&owner, b"/f", None, Some(2), FOLLOW), Kind::NotPermitted);
        assert_eq!(world.vfs.set_owner(&owner, b"/f", Some(1), Some(1), FOLLOW), Ok(()));
        let mut member = owner;
        member.credentials.groups = alloc::sync::Arc::from([2]);
        assert_eq!(world.vfs.set_owner(&member, b"/f", None, Some(2), FOLLOW), Ok(()));
        assert_eq!((world.stat("/f").uid, world.stat("/f").gid), (1, 2));
    }

    fn a_new_owner_or_new_content_clears_set_id_bits() {
        let world = World::new();
        world.write("/f", "text");
        let set = |mode| assert_eq!(world.vfs.set_mode(&world.root, b"/f", mode, FOLLOW), Ok(()));
        set(0o6755);
        assert_eq!(world.vfs.set_owner(&world.root, b"/f", Some(1), None, FOLLOW), Ok(()));
        assert_eq!(world.stat("/f").mode, 0o755);
        set(0o6777);
        let user = world.user(2, 2);
        let file = world.vfs.open(&user, b"/f", OpenFlags::WRITE, 0).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(file.write(&user.credentials, &mut &b""[..]), Ok(0));
        assert_eq!(world.stat("/f").mode, 0o6777);
        assert_eq!(file.write(&user.credentials, &mut &b"T"[..]), Ok(1));
        assert_eq!(world.stat("/f").mode, 0o777);
        set(0o6777);
        assert_eq!(world.vfs.truncate(&user, b"/f", 0), Ok(()));
        assert_eq!(world.stat("/f").mode, 0o777);
        set(0o6777);
        world.append("/f", "by root");
        assert_eq!(world.stat("/f").mode, 0o6777);
    }

    /// Every change of the content through a descriptor asks who makes it, not who opened the file: root's leaves the
    /// bits (`CAP_FSETID`) though a user opened it, a user's takes them though root did.
    fn set_id_bits_go_by_the_writer_whoever_opened_the_file() {
        let world = World::new();
        world.write("/f", "text").write("/from", "other");
        let user = world.user(2, 2);
        let mode = |mode| assert_eq!(world.vfs.set_mode(&world.root, b"/f", mode, FOLLOW), Ok(()));
        let from = world.open("/from", OpenFlags::READ).unwrap_or_else(|error| panic!("{error:?}"));
        type Change = fn(&Credentials, &FileObject, &FileObject) -> Result<()>;
        let changes: [(&str, Change); 8] = [
            ("write", |who, file, _| file.write(who, &mut &b"T"[..]).map(drop)),
            ("pwrite", |who, file, _| file.write_at(who, 2, &mut &b"T"[..]).map(drop)),
            ("ftruncate", |who, file, _| file.truncate(who, 1)),
            ("fallocate", |who, file, _| file.allocate(who, Allocate::Reserve { keep_size: false }, 0, 9)),
            ("zero range", |who, file, _| file.allocate(who, Allocate::Zero { keep_size: true }, 0, 9)),
            ("punch", |who, file, _| file.allocate(who, Allocate::PunchHole, 0, 9)),
            ("copy_file_range", |who, file, from| from.copy_range(who, 0, file, 0, 1).map(drop)),
            ("clone", |who, file, from| file.clone_content(who, from)),
        ];
        for (what, change) in changes {
            mode(0o6777);
            let opened = |context| {
                world.vfs.open(context, b"/f", OpenFlags::WRITE, 0).unwrap_or_else(|error| panic!("{error:?}"))
            };
            let (users, roots) = (opened(&user), opened(&world.root));
            assert_eq!(change(&world.root.credentials, &users, &from), Ok(()), "{what}");
            assert_eq!(world.stat("/f").mode, 0o6777, "{what} by root through a user's descriptor");
            assert_eq!(change(&user.credentials, &roots, &from), Ok(()), "{what}");
            assert_eq!(world.stat("/f").mode, 0o777, "{what} by a user through root's descriptor");
        }
    }

    fn times_are_set_by_the_owner_or_to_now_by_a_writer() {
        let world = World::new();
        world.write("/f", "");
        let then = Some(SetTime::At(Timestamp { seconds: -5, nanoseconds: 7 }));
        let now = Some(SetTime::Now);
        assert_eq!(world.vfs.set_times(&world.root, b"/f", then, None, FOLLOW), Ok(()));
        assert_eq!(world.stat("/f").accessed, Timestamp { seconds: -5, nanoseconds: 7 });
        assert!(world.stat("/f").modified.seconds > 0);
        let other = world.user(3, 3);
        fails(world.vfs.set_times(&other, b"/f", then, then, FOLLOW), Kind::NotPermitted);
        fails(world.vfs.set_times(&other, b"/f", now, now, FOLLOW), Kind::PermissionDenied);
        assert_eq!(world.vfs.set_mode(&world.root, b"/f", 0o666, FOLLOW), Ok(()));
        assert_eq!(world.vfs.set_times(&other, b"/f", now, now, FOLLOW), Ok(()));
        assert!(world.stat("/f").accessed.seconds > 0);
    }

    fn reading_sets_the_access_time_once() {
        let world = World::new();
        world.write("/f", "text");
        let made = world.stat("/f").accessed;
        assert_eq!(world.read("/f"), "text");
        let read = world.stat("/f").accessed;
        assert!(read > made);
        assert_eq!(world.read("/f"), "text");
        assert_eq!(world.stat("/f").accessed, read, "relatime: not again until the content changes");
        world.write("/f", "more");
        assert_eq!(world.read("/f"), "more");
        assert!(world.stat("/f").accessed > read);
    }

    /// What has no data and keeps its size: truncate(2) leaves its times, ftruncate(2) and O_TRUNC do not.
    fn truncation_to_the_same_size_sets_the_time_through_a_descriptor_only() {
        let world = World::new();
        let aged = || {
            let time = Some(SetTime::At(Timestamp::from_seconds(77)));
            assert_eq!(world.vfs.set_times(&world.root, b"/f", time, time, Follow::Yes), Ok(()));
        };
        let modified = || world.stat("/f").modified.seconds;
        world.write("/f", "");
        aged();
        assert_eq!(world.vfs.truncate(&world.root, b"/f", 0), Ok(()));
        assert_eq!(modified(), 77);
        let file = world.open("/f", OpenFlags::WRITE).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(file.truncate(&world.root.credentials, 0), Ok(()));
        assert_ne!(modified(), 77);
        aged();
        assert!(world.open("/f", OpenFlags::WRITE | OpenFlags::TRUNCATE).is_ok());
        assert_ne!(modified(), 77);
    }

    fn truncation_cuts_and_extends_with_zeros() {
        let world = World::new();
        world.mkdir("/d").write("/f", "0123456789");
        assert_eq!(world.vfs.truncate(&world.root, b"/f", 4), Ok(()));
        assert_eq!(world.vfs.truncate(&world.root, b"/f", 6), Ok(()));
        assert_eq!(world.read("/f"), "0123\\x00\\x00");
        fails(world.vfs.truncate(&world.root, b"/d", 0), Kind::IsADirectory);
        fails(world.vfs.truncate(&world.user(1, 1), b"/f", 0), Kind::PermissionDenied);
        fails(world.vfs.truncate(&world.root, b"/f", 1 << 63), Kind::FileTooLarge);
    }

    fn access_is_asked_with_the_callers_rights() {
        let world = World::new();
        world.write("/f", "");
        let user = world.user(1, 1);
        let ask = |context, mode| world.vfs.check_access(context, b"/f", mode, FOLLOW);
        assert_eq!(ask(&user, AccessMode::empty()), Ok(()));
        assert_eq!(ask(&user, AccessMode::READ), Ok(()));
        fails(ask(&user, AccessMode::WRITE), Kind::PermissionDenied);
        assert_eq!(ask(&world.root, AccessMode::WRITE), Ok(()));
        fails(ask(&world.root, AccessMode::EXECUTE), Kind::PermissionDenied);
    }
}
