//! Failures in the middle: nothing has happened, and nothing is left.

use super::super::faulty::{Faults, Faulty};
use super::super::{Stage, fails, in_both_formats};
use super::fail_nth::tree;
use crate::drivers::overlayfs::{Layer, OverlayFS, OverlayOptions};
use crate::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use crate::environment::Environment;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::file_system::FileSystemOperations;
use crate::manager::{Follow, VfsManager};
use crate::mount::MountFlags;
use crate::node::{RenameFlags, SetXattr};
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

vfs_test! {
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
