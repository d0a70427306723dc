//! Which directories make no overlay, with which errno, and what the user is told. What is asserted is what Linux 6.18
//! answers, unless the text says otherwise; the words are ours.

use super::super::Stage;
use crate::drivers::overlayfs::{Layer, OverlayFS, OverlayOptions};
use crate::environment::Environment;
use crate::error::FileSystemErrorKind as Kind;
use crate::file_system::FileSystemOperations;
use crate::manager::{Follow, VfsManager};
use crate::mount::MountFlags;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

impl Stage {
    /// Asserts that no overlay is made at `target`, and why.
    #[track_caller]
    fn refused_at(&self, target: &str, options: &str, kind: Kind, message: &str) {
        match self.mount("overlay", target, options) {
            Ok(()) => panic!("mounted with {options}"),
            Err(refusal) => {
                let told = refusal.message.unwrap_or_default();
                assert_eq!((refusal.error.kind(), told), (kind, format!("overlay: {message}")), "{options}");
            }
        }
    }

    #[track_caller]
    fn refused(&self, options: &str, kind: Kind, message: &str) {
        self.refused_at("/m", options, kind, message);
    }

    fn bind(&self, from: &str, to: &str) -> &Self {
        let from = self.vfs.resolve(&self.root, from.as_bytes(), Follow::Yes).expect("it is there");
        self.mkdir(to).vfs.bind(&self.root, &from, to.as_bytes(), false).expect("it binds");
        self
    }
}

vfs_test! {
    /// Linux says `EINVAL` for what is no directory since it looks layers up one by one; `ENOTDIR` tells more.
    fn what_is_no_directory_is_enotdir_or_enoent() {
        let stage = Stage::oci();
        stage.write("/f", "").symlink("/1", "/link").symlink("/none", "/dangling");
        for (options, kind, message) in [
            ("lowerdir=/f,upperdir=/u", Kind::NotADirectory, "/f: not a directory"),
            ("lowerdir=/1,upperdir=/f", Kind::NotADirectory, "/f: not a directory"),
            ("lowerdir=/1,upperdir=/u,workdir=/f", Kind::NotADirectory, "/f: not a directory"),
            ("lowerdir=/1:/f/x", Kind::NotADirectory, "/f/x: Not a directory"),
            ("lowerdir=/1:/none,upperdir=/u", Kind::NotFound, "/none: No such file or directory"),
            ("lowerdir=/1,upperdir=/none", Kind::NotFound, "/none: No such file or directory"),
            ("lowerdir=/1,upperdir=/u,workdir=/none", Kind::NotFound, "/none: No such file or directory"),
            ("lowerdir=/1:/dangling", Kind::NotFound, "/dangling: No such file or directory"),
        ] {
            stage.refused(options, kind, message);
        }
        stage.mount_overlay("lowerdir=/link:/2");
    }

    fn a_layer_given_twice_or_inside_another_is_eloop() {
        let stage = Stage::oci();
        stage.mkdir("/1/in").mkdir("/u/in").mkdir("/w/in").symlink("/1", "/link").bind("/1", "/bound");
        for (options, message) in [
            ("lowerdir=/1:/1", "/1: is the same directory as /1"),
            ("lowerdir=/1:/2:/1", "/1: is the same directory as /1"),
            ("lowerdir=/link:/1", "/link: is the same directory as /1"),
            ("lowerdir=/bound:/1", "/bound: is the same directory as /1"),
            ("lowerdir=/1:/1/in", "/1/in: is inside /1"),
            ("lowerdir=/1/in:/1", "/1/in: is inside /1"),
            ("lowerdir=/1/in:/bound", "/1/in: is inside /bound"),
            ("lowerdir=/1,upperdir=/1", "/1: is the same directory as /1"),
            ("lowerdir=/1,upperdir=/u,workdir=/1", "/1: is the same directory as /1"),
            ("lowerdir=/u/in,upperdir=/u", "/u/in: is inside /u"),
            ("lowerdir=/w/in,upperdir=/u,workdir=/w", "/w/in: is inside /w"),
            ("lowerdir=/w,upperdir=/u,workdir=/w", "/w: is the same directory as /w"),
        ] {
            stage.refused(options, Kind::TooManySymlinks, message);
        }
    }

    /// ```text
    /// 1   up/x (the upper)  work/ (the work directory)  f      this mounts; only what would bite its own tail is refused
    /// ```
    fn an_upper_or_work_directory_inside_a_lower_is_eloop_when_it_is_met() {
        let stage = Stage::oci();
        stage.mkdir("/1/up/x").mkdir("/1/work").write("/1/f", "f");
        stage.mount_overlay("lowerdir=/1,upperdir=/1/up,workdir=/1/work");
        assert_eq!(stage.list("/m"), "f up work x");
        assert_eq!(stage.read("/m/f"), "f");
        for path in ["/m/up", "/m/up/x", "/m/work"] {
            assert_eq!(stage.probe(path), "ELOOP", "{path}");
        }
    }

    /// ```text
    /// /u   the upper, and where the overlay is mounted: what is below a mount is not part of it
    /// ```
    fn an_overlay_covers_its_own_layers() {
        for target in ["/1", "/u", "/w", "/1/in"] {
            let stage = Stage::oci();
            stage.mkdir("/1/in").write("/1/f", "f");
            assert!(stage.mount("overlay", target, "lowerdir=/1,upperdir=/u,workdir=/w").is_ok(), "{target}");
            assert_eq!((stage.list(target), stage.read(&format!("{target}/f"))), ("f in".into(), "f".into()));
            stage.append(&format!("{target}/f"), "+").write(&format!("{target}/in/g"), "g");
            assert_eq!(stage.read(&format!("{target}/f")), "f+");
            assert_eq!(stage.list(&format!("{target}/in")), "g");
        }
    }

    /// Linux refuses it with `index=on`, which is our default.
    fn an_upper_or_work_directory_of_another_overlay_is_ebusy() {
        let stage = Stage::oci();
        stage.mkdir("/m2").mkdir("/u2").mkdir("/w2").overlay("/1").bind("/u", "/bound");
        for (options, path) in [
            ("lowerdir=/2,upperdir=/u", "/u"),
            ("lowerdir=/2,upperdir=/bound", "/bound"),
            ("lowerdir=/2,upperdir=/u2,workdir=/w", "/w"),
            ("lowerdir=/2,upperdir=/w", "/w"),
            ("lowerdir=/2,upperdir=/u2,workdir=/u", "/u"),
        ] {
            stage.refused_at("/m2", options, Kind::Busy, &format!("{path}: another overlay writes there"));
        }
        assert!(stage.mount("overlay", "/m2", "lowerdir=/u:/2").is_ok(), "to read it is free");
        stage.unmount();
        assert!(stage.mount("overlay", "/m", "lowerdir=/2,upperdir=/u,workdir=/w").is_ok());
    }

    fn upper_and_work_are_separate_and_on_one_mount() {
        let stage = Stage::oci();
        stage.mkdir("/u/work").mkdir("/w/up").mkdir("/other").mount("tmpfs", "/other", "").expect("a tmpfs mounts");
        stage.mkdir("/other/u").mkdir("/other/w").bind("/w", "/bound");
        for (options, message) in [
            ("lowerdir=/1,upperdir=/u,workdir=/u/work", "/u/work: is inside /u"),
            ("lowerdir=/1,upperdir=/w/up,workdir=/w", "/w/up: is inside /w"),
            ("lowerdir=/1,upperdir=/u,workdir=/u", "/u: is the same directory as /u"),
            ("lowerdir=/1,upperdir=/u,workdir=/other/w", "/other/w: is not on the mount that /u is on"),
            ("lowerdir=/1,upperdir=/u,workdir=/bound", "/bound: is not on the mount that /u is on"),
        ] {
            stage.refused(options, Kind::InvalidArgument, message);
        }
        stage.mount_overlay("lowerdir=/1,upperdir=/other/u,workdir=/other/w");
    }

    /// ```text
    /// /m      an overlay of /1      is a fine lower
    /// /m/d    merged                is no upper: an overlay cannot publish several names in one step
    /// /ro     a tmpfs, read-only    is no upper, and a fine lower
    /// ```
    fn what_cannot_be_written_is_no_upper() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "f").overlay("/1").write("/m/d/g", "g").mkdir("/m2").bind("/3", "/ro");
        let message = "/m/d: a file system of type overlay cannot be an upper layer";
        stage.refused_at("/m2", "lowerdir=/2,upperdir=/m/d", Kind::InvalidArgument, message);
        stage.write("/3/g", "").vfs.remount(&stage.root, b"/ro", MountFlags::READ_ONLY, b"").expect("it remounts");
        stage.refused_at("/m2", "lowerdir=/2,upperdir=/ro", Kind::InvalidArgument, "/ro: is mounted read-only");
        assert!(stage.mount("overlay", "/m2", "lowerdir=/m:/ro").is_ok());
        assert_eq!((stage.list("/m2"), stage.list("/m2/d")), ("d g".into(), "f g".into()));
    }

    fn without_an_upper_there_are_two_lowers_and_no_changes() {
        let stage = Stage::oci();
        let message = "option 'lowerdir' needs at least two layers where 'upperdir' is missing";
        stage.refused("lowerdir=/1", Kind::InvalidArgument, message);
        stage.refused("lowerdir=/1,workdir=/w", Kind::InvalidArgument, message);
        stage.write("/1/f", "f").mkdir("/2/d").mount_overlay("lowerdir=/1:/2,workdir=/w,volatile");
        assert_eq!((stage.list("/w"), stage.list("/m")), (String::new(), "d f".into()));
        let change = stage.chmod("/m/f", 0o600);
        for result in [stage.unlink("/m/f"), stage.rmdir("/m/d"), stage.try_mkdir("/m/x"), change] {
            assert_eq!(result, Err(Kind::ReadOnlyFileSystem.into()));
        }
    }

    fn another_type_is_enodev() {
        let stage = Stage::oci();
        let refusal = stage.mount("overlayfs2", "/m", "lowerdir=/1:/2").expect_err("there is no such type");
        assert_eq!(refusal.error.kind(), Kind::NoSuchDevice);
    }

    /// ```text
    /// 500 layers, each with a file of its own in d     one more is refused, as it was given and in words
    /// ```
    fn five_hundred_lowers_are_possible() {
        let stage = Stage::oci();
        let mut options = String::from("upperdir=/u");
        for number in 0..500 {
            let path = format!("/layers/{number}");
            stage.mkdir(&format!("{path}/d")).write(&format!("{path}/d/{number}"), "");
            options += &format!(",lowerdir+={path}");
        }
        stage.mount_overlay(&options);
        assert_eq!(stage.list("/m/d").split(' ').count(), 500);
        assert_eq!(stage.unlink("/m/d/499"), Ok(()));
        assert_eq!(stage.probe("/m/d/499"), "ENOENT");
        let more = format!("{options},lowerdir+=/1");
        let message = "option 'lowerdir' has 501 layers, at most 500 are possible";
        stage.unmount().refused(&more, Kind::InvalidArgument, message);
    }

    /// ```text
    /// m8 on m7 on … on m1 on tmpfs: works, also changes at the top; a ninth is EINVAL. (Linux: two, the third is EINVAL)
    /// ```
    fn eight_overlays_stand_on_each_other_and_no_more() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "bottom");
        let mut below = String::from("/1");
        for level in 1..=9 {
            let (upper, on) = (format!("/up{level}"), format!("/m{level}"));
            stage.mkdir(&upper).mkdir(&on);
            let options = format!("lowerdir={below},upperdir={upper}");
            if level == 9 {
                let message = "/m8: more than 8 overlays on top of each other";
                stage.refused_at(&on, &options, Kind::InvalidArgument, message);
                stage.refused_at(&on, "lowerdir=/2:/m8", Kind::InvalidArgument, message);
                stage.refused_at(&on, "lowerdir=/2::/m8", Kind::InvalidArgument, message);
            } else {
                assert!(stage.mount("overlay", &on, &options).is_ok(), "level {level}");
                below = on;
            }
        }
        assert_eq!(stage.read("/m8/d/f"), "bottom");
        stage.append("/m8/d/f", "+top");
        assert_eq!((stage.read("/m8/d/f"), stage.read("/m7/d/f")), ("bottom+top".into(), "bottom".into()));
        assert_eq!(stage.unlink("/m8/d/f"), Ok(()));
        assert_eq!(stage.rename("/m8/d", "/m8/e"), Ok(()));
        assert_eq!((stage.list("/m8"), stage.list("/m8/e"), stage.list("/m7/d")), ("e".into(), "".into(), "f".into()));
    }

    /// The same for overlays that are put together by calls, whose layers are on no mount.
    fn nine_overlays_are_refused_to_programs_too() {
        let environment = Environment::detached();
        let stage = Stage::oci();
        stage.write("/1/f", "bottom");
        let mut below: Arc<dyn FileSystemOperations> = stage.root.root.mount.superblock().operations().clone();
        let mut add = || -> crate::error::Result<()> {
            let upper = crate::drivers::tmpfs::Tmpfs::new(Default::default(), &environment);
            let lowers = alloc::vec![Layer::of_file_system(b"lower", below.clone())];
            let upper = Layer::of_file_system(b"upper", upper);
            below = OverlayFS::new(Some(upper), lowers, OverlayOptions::default())?;
            Ok(())
        };
        for _ in 0..8 {
            assert_eq!(add(), Ok(()));
        }
        assert_eq!(add(), Err(Kind::InvalidArgument.into()));
        assert_eq!(World::on(VfsManager::new(below, environment.clone())).read("/1/f"), "bottom");
    }
}
