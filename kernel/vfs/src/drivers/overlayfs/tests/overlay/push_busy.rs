//! What cannot be pushed or popped, and what the user is told; and that a failure in the middle changes nothing.

use super::super::faulty::{Faults, Faulty};
use super::super::seen::tree;
use super::super::{Stage, in_both_formats};
use crate::drivers::overlayfs::Format;
use crate::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use crate::environment::Environment;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::mount::MountFlags;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

/// The errno and the words with which a remount is refused.
#[track_caller]
fn refused(stage: &Stage, options: &str) -> (Kind, String) {
    match stage.remount(options) {
        Ok(()) => panic!("remounted with {options}"),
        Err(refusal) => (refusal.error.kind(), refusal.message.unwrap_or_default()),
    }
}

#[track_caller]
fn is_busy(stage: &Stage) {
    assert_eq!(refused(stage, "pop"), (Kind::Busy, "overlay: /u2: something in it is in use".into()));
}

vfs_test! {
    fn what_cannot_be_an_upper_is_named() {
        let stage = Stage::oci();
        stage.mkdir("/full").write("/full/f", "").write("/file", "").mkdir("/ro").mkdir("/used").mkdir("/m2").mkdir("/m3/new");
        stage.mkdir("/u/in").mkdir("/1/in").mkdir("/1/bound").mkdir("/bound").overlay("/1:/2");
        stage.world.mount("overlay", "/m2", "lowerdir=/1,upperdir=/used").expect("it mounts");
        let place = |path: &str| stage.vfs.resolve(&stage.root, path.as_bytes(), crate::manager::Follow::Yes).expect("there");
        stage.vfs.bind(&stage.root, &place("/1/bound"), b"/bound", false).expect("it binds");
        stage.vfs.bind(&stage.root, &place("/2"), b"/ro", false).expect("it binds");
        for (directory, kind, said) in [
            ("/none", Kind::NotFound, "overlay: /none: No such file or directory"),
            ("/file", Kind::NotADirectory, "overlay: /file: not a directory"),
            ("/full", Kind::DirectoryNotEmpty, "overlay: /full: is not empty"),
            ("/used", Kind::Busy, "overlay: /used: another overlay writes there"),
            ("/u", Kind::Busy, "overlay: /u: another overlay writes there"),
            ("/1", Kind::TooManySymlinks, "overlay: /1: is inside one of the layers"),
            ("/ro", Kind::TooManySymlinks, "overlay: /ro: is inside one of the layers"),
            ("/1/in", Kind::TooManySymlinks, "overlay: /1/in: is inside one of the layers"),
            ("/bound", Kind::TooManySymlinks, "overlay: /bound: is inside one of the layers"),
            ("/u/in", Kind::TooManySymlinks, "overlay: /u/in: is inside one of the layers"),
            ("/m/in", Kind::TooManySymlinks, "overlay: /m/in: is inside the overlay itself"),
        ] {
            assert_eq!(refused(&stage, &format!("push={directory}")), (kind, said.into()));
        }
        stage.mkdir("/m/made");
        let (kind, said) = refused(&stage, "push=/m/made");
        assert_eq!((kind, said.as_str()), (Kind::TooManySymlinks, "overlay: /m/made: is inside the overlay itself"));
        stage.mkdir("/other").vfs.remount(&stage.root, b"/ro", MountFlags::READ_ONLY, b"").expect("it remounts");
        stage.world.mount("tmpfs", "/other", "").expect("it mounts");
        assert!(stage.vfs.remount(&stage.root, b"/other", MountFlags::READ_ONLY, b"").is_ok());
        assert_eq!(refused(&stage, "push=/other"), (Kind::InvalidArgument, "overlay: /other: is mounted read-only".into()));
        assert_eq!(stage.list("/m"), "bound in made");
        assert_eq!(refused(&stage, "pop"), (Kind::InvalidArgument, "overlay: no layer has been pushed".into()));
    }

    fn other_options_are_refused_by_name() {
        let stage = Stage::oci();
        stage.mkdir("/u2").overlay("/1");
        for (options, said) in [
            ("lowerdir=/2", "overlay: option 'lowerdir=/2' cannot be changed by a remount"),
            ("pop=1", "overlay: option 'pop=1' cannot be changed by a remount"),
            ("push", "overlay: option 'push' cannot be changed by a remount"),
            ("push=", "overlay: option 'push=' cannot be changed by a remount"),
            ("push=/u2,volatile", "overlay: option 'volatile' cannot be changed by a remount"),
            ("push=/u2,pop", "overlay: a remount pushes or pops one layer"),
        ] {
            assert_eq!(refused(&stage, options), (Kind::InvalidArgument, said.into()));
        }
        assert_eq!(stage.file_system().layers().len(), 2);
        stage.mkdir("/a,b");
        assert!(stage.remount("push=/a\\,b").is_ok());
    }

    /// ```text
    /// 500 lowers, a push more: EINVAL; 499, a push: works, and no more
    /// ```
    fn five_hundred_lowers_are_the_most_also_by_pushing() {
        let stage = Stage::oci();
        let mut options = String::from("upperdir=/u");
        for number in 0..499 {
            stage.mkdir(&format!("/layers/{number}"));
            options += &format!(",lowerdir+=/layers/{number}");
        }
        stage.mount_overlay(&options).push("/u2").mkdir("/u3");
        let (kind, said) = refused(&stage, "push=/u3");
        assert_eq!((kind, said.as_str()), (Kind::InvalidArgument, "overlay: 501 lower layers given, at most 500 are possible"));
    }

    /// ```text
    /// u2   d f      one by one in use: an open file, a directory stream, a current directory, a mount on d, a file
    /// u    k        without a name, a file that was removed there;  and when nobody uses them any more: popped
    /// 1    d l
    /// ```
    fn a_layer_with_something_in_use_is_not_popped() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/x", "").write("/1/l", "").mkdir("/1/r").overlay("/1").write("/m/k", "").push("/u2");
            stage.write("/m/f", "f").write("/m/d/y", "").append("/m/k", "+");
            for (path, flags) in [
                ("/m/f", OpenFlags::READ),
                ("/m/f", OpenFlags::WRITE),
                ("/m/k", OpenFlags::PATH),
                ("/m/d", OpenFlags::READ | OpenFlags::DIRECTORY),
                ("/m/d/y", OpenFlags::READ),
                ("/m", OpenFlags::WRITE | OpenFlags::TEMPORARY),
            ] {
                let file = stage.open(path, flags).unwrap_or_else(|error| panic!("{path}: {error:?}"));
                is_busy(stage);
                drop(file);
            }
            for path in ["/m/l", "/m/k", "/m/f"] {
                let file = stage.open(path, OpenFlags::READ).expect("it opens");
                assert_eq!(stage.unlink(path), Ok(()));
                is_busy(stage);
                drop(file);
            }
            let mut there = stage.root.clone();
            for path in ["/m/d", "/m/r"] {
                assert_eq!(stage.vfs.change_directory(&mut there, path.as_bytes()), Ok(()));
                if path == "/m/r" {
                    assert_eq!(stage.rmdir(path), Ok(()));
                }
                is_busy(stage);
            }
            drop(there);
            stage.world.mount("tmpfs", "/m/d", "").expect("a tmpfs mounts");
            is_busy(stage);
            assert_eq!(stage.vfs.unmount(&stage.root, b"/m/d", crate::manager::mounts::UnmountFlags::empty()), Ok(()));
            stage.pop();
            assert_eq!((stage.list("/m"), stage.list("/m/d"), stage.read("/m/k")), ("d k l r".into(), "x".into(), String::new()));
        });
    }

    /// ```text
    /// u2   d/z/new                in use: the root, files and directories of u and 1, the way to them; popped all the
    /// u    d/f  o (removed there)  same, and they go on
    /// 1    d/z/l  s/
    /// ```
    fn what_is_in_use_below_does_not_hinder_a_pop() {
        in_both_formats(|stage| {
            stage.mkdir("/1/s").mkdir("/1/d/z").write("/1/d/z/l", "l").overlay("/1").write("/m/d/f", "f").write("/m/o", "o");
            let removed = stage.open("/m/o", OpenFlags::READ | OpenFlags::WRITE).expect("it opens");
            assert_eq!(stage.unlink("/m/o"), Ok(()));
            stage.push("/u2").write("/m/d/z/new", "");
            let flags = OpenFlags::READ | OpenFlags::DIRECTORY;
            let root = stage.open("/m", flags).expect("it opens");
            let directory = stage.open("/m/s", flags).expect("it opens");
            let lower = stage.open("/m/d/z/l", OpenFlags::READ).expect("it opens");
            let frozen = stage.open("/m/d/f", OpenFlags::READ).expect("it opens");
            stage.world.mount("tmpfs", "/m/s", "").expect("a tmpfs mounts");
            stage.pop();
            assert_eq!((stage.list("/m"), stage.list("/m/d"), stage.list("/m/d/z")), ("d s".into(), "f z".into(), "l".into()));
            for (file, path) in [(&root, "/m"), (&lower, "/m/d/z/l"), (&frozen, "/m/d/f")] {
                assert_eq!(file.metadata(), stage.lstat(path), "{path}");
            }
            stage.append("/m/d/z/l", "+").append("/m/d/f", "+");
            assert_eq!((stage.read("/u/d/z/l"), stage.read("/u/d/f")), ("l+".into(), "f+".into()));
            assert_eq!(crate::selftest::world::read_all(&lower).as_deref(), Ok("l+"));
            assert_eq!(removed.write(&stage.root.credentials, &mut &b"+"[..]), Ok(1));
            drop(directory);
            assert_eq!(stage.list("/u"), "d");
        });
    }

    /// ```text
    /// u2   d2 -> d        something below d2 in use: without u2 it is below d, so the name it was found by would lie
    /// 1    d/f
    /// ```
    fn a_file_below_a_directory_that_was_moved_is_in_use() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "f").overlay("/1").push("/u2");
        assert_eq!(stage.rename("/m/d", "/m/d2"), Ok(()));
        let file = stage.open("/m/d2/f", OpenFlags::READ).expect("it opens");
        is_busy(&stage);
        drop(file);
        stage.pop();
        assert_eq!((stage.list("/m"), stage.read("/m/d/f")), ("d".into(), "f".into()));
    }

    /// ```text
    /// /m2    an overlay whose upper was made on /m, so lies in /u: neither may freeze it nor take it away
    /// ```
    fn an_upper_inside_the_upper_stays_where_it_is() {
        let stage = Stage::oci();
        stage.mkdir("/u2").mkdir("/m2").overlay("/1").mkdir("/m/diff").world.mkdir("/u3");
        let other = |stage: &Stage| stage.world.mount("overlay", "/m2", "lowerdir=/2,upperdir=/m/diff").expect("it mounts");
        let unmount = |stage: &Stage| {
            assert_eq!(stage.vfs.unmount(&stage.root, b"/m2", crate::manager::mounts::UnmountFlags::empty()), Ok(()));
        };
        let said = "overlay: another overlay has its upper layer in this one's";
        other(&stage);
        assert_eq!(refused(&stage, "push=/u2"), (Kind::Busy, said.into()));
        unmount(&stage);
        stage.push("/u2").mkdir("/m/diff/x").mkdir("/m/again");
        // What is frozen is in two layers now, and no upper any more; what was made since is.
        assert!(stage.world.mount("overlay", "/m2", "lowerdir=/2,upperdir=/m/diff").is_err());
        stage.world.mount("overlay", "/m2", "lowerdir=/2,upperdir=/m/again").expect("it mounts");
        assert_eq!(refused(&stage, "pop"), (Kind::Busy, said.into()));
        unmount(&stage);
        stage.pop();
    }

    /// ```text
    /// frozen: no other overlay's upper;  popped: free for others, and for a push when it is empty
    /// ```
    fn claims_follow_the_layers() {
        let stage = Stage::oci();
        stage.mkdir("/m2").overlay("/1").push("/u2");
        let elsewhere = |upper: &str| {
            let mounted = stage.world.mount("overlay", "/m2", &format!("lowerdir=/2,upperdir={upper}"));
            mounted.map_err(|refusal| refusal.error.kind())
        };
        assert_eq!((elsewhere("/u"), elsewhere("/u2")), (Err(Kind::Busy), Err(Kind::Busy)));
        stage.pop();
        assert_eq!((elsewhere("/u"), elsewhere("/u2")), (Err(Kind::Busy), Ok(())));
        assert_eq!(refused(&stage, "push=/u2").0, Kind::Busy);
    }

    fn only_a_file_system_that_can_be_an_upper_is_pushed() {
        let stage = Stage::oci();
        stage.overlay("/1").mkdir("/other").mkdir("/3/d").mkdir("/m2");
        stage.world.mount("overlay", "/m2", "lowerdir=/3,upperdir=/other").expect("it mounts");
        let (kind, said) = refused(&stage, "push=/m2/d");
        assert_eq!(kind, Kind::InvalidArgument);
        assert_eq!(said, "overlay: /m2/d: a file system of type overlay cannot be an upper layer");
    }

    /// The n-th call into a layer, or the n-th allocation, of a push fails, and of a pop; n = 1, 2, … until it succeeds.
    fn a_push_or_pop_that_fails_changes_nothing() {
        for (format, popping, allocations) in [
            (Format::Oci, false, false), (Format::Oci, true, false), (Format::Linux, false, true), (Format::Linux, true, true),
            (Format::Linux, false, false), (Format::Linux, true, false), (Format::Oci, false, true), (Format::Oci, true, true),
        ] {
            let mut nth = 0;
            loop {
                nth += 1;
                assert!(nth < 500, "it never succeeds");
                let faults: Arc<Faults> = Arc::default();
                let stage = Stage::new(format);
                for layer in ["/1", "/u", "/new"] {
                    let below = Tmpfs::new(TmpfsOptions::default(), &Environment::detached());
                    let faulty = Faulty::new(below, faults.clone());
                    stage.mkdir(layer).vfs.mount_file_system(&stage.root, layer.as_bytes(), faulty, b"", MountFlags::empty()).expect("it mounts");
                }
                stage.mkdir("/1/d").write("/1/d/f", "f").write("/1/l", "l").mkdir("/new/u2").mount_overlay("lowerdir=/1,upperdir=/u");
                assert_eq!(stage.set_xattr("/new/u2", "user.own", "1").and(stage.set_xattr("/m", "user.root", "2")), Ok(()));
                stage.append("/m/d/f", "+").write("/m/new", "");
                if popping {
                    assert!(stage.remount("push=/new/u2").is_ok());
                    stage.append("/m/l", "+").write("/m/d/more", "");
                }
                let lower = stage.open(if popping { "/m/d/f" } else { "/m/l" }, OpenFlags::READ).expect("it opens");
                let before = tree(&stage, "/m");
                let fresh = tree(&stage, "/new");
                let armed = allocations.then(|| page::faults::fail_nth(nth));
                faults.fail_nth(if allocations { 0 } else { nth });
                let result = stage.remount(if popping { "pop" } else { "push=/new/u2" });
                let fired = match armed {
                    Some(armed) => armed.fired(),
                    None => faults.fail_nth(0),
                };
                if !fired {
                    assert!(result.is_ok(), "nothing was left to fail");
                    break;
                }
                let expected = if allocations { Kind::OutOfMemory } else { Kind::Io };
                assert_eq!(result.map_err(|refusal| refusal.error.kind()), Err(expected), "step {nth}");
                assert!(tree(&stage, "/m") == before, "step {nth}");
                assert_eq!(stage.file_system().layers().len(), if popping { 3 } else { 2 });
                let mut left = tree(&stage, "/new");
                for (path, seen) in &fresh {
                    let (now, then) = (left.remove(path).map(|now| now.unchanged()), seen.unchanged());
                    assert_eq!(now, Some(then), "{path}, step {nth}");
                }
                assert!(left.is_empty());
                assert!(stage.remount(if popping { "pop" } else { "push=/new/u2" }).is_ok(), "possible afterwards, step {nth}");
                drop(lower);
            }
        }
    }
}
