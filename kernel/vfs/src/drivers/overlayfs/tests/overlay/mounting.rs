//! Which layers make an overlay, and what the user is told otherwise.

use super::super::Stage;
use crate::drivers::overlayfs::{Layer, OverlayFS, OverlayOptions};
use crate::environment::Environment;
use crate::error::FileSystemErrorKind as Kind;
use crate::file_system::FileSystemOperations;
use crate::manager::mounts::UnmountFlags;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

/// The errno and the words with which a mount is refused.
#[track_caller]
fn refused(stage: &Stage, options: &str) -> (Kind, String) {
    match stage.mount("overlay", "/m", options) {
        Ok(()) => panic!("mounted with {options}"),
        Err(refusal) => (refusal.error.kind(), refusal.message.unwrap_or_default()),
    }
}

vfs_test! {
    /// The script of the project's documents, step by step.
    fn the_first_example_works() {
        let stage = Stage::oci();
        stage.mkdir("/t/base").mkdir("/t/diff").mkdir("/t/overlay").mkdir("/t/workdir").write("/t/base/test1", "test data\n");
        let mut root = stage.root.clone();
        assert_eq!(stage.vfs.change_directory(&mut root, b"/t"), Ok(()));
        let mounted = stage.vfs.mount(&root, &crate::manager::mounts::MountArguments {
            source: b"overlay",
            target: b"overlay",
            type_name: "overlay",
            flags: crate::mount::MountFlags::empty(),
            options: b"lowerdir=base,upperdir=diff,workdir=workdir",
        });
        assert!(mounted.is_ok());
        stage.write("/t/overlay/test2", "");
        assert_eq!(stage.list("/t/overlay"), "test1 test2");
        assert_eq!(stage.list("/t/diff"), "test2");
        stage.append("/t/overlay/test1", "modified test data\n");
        assert_eq!(stage.read("/t/diff/test1"), "test data\nmodified test data\n");
        assert_eq!(stage.read("/t/base/test1"), "test data\n");
        assert_eq!(stage.vfs.unmount(&stage.root, b"/t/overlay", UnmountFlags::empty()), Ok(()));
        assert_eq!(stage.list("/t/overlay"), "");
    }

    fn layers_that_are_no_directories_are_named() {
        let stage = Stage::oci();
        stage.write("/f", "");
        assert_eq!(refused(&stage, "lowerdir=/f,upperdir=/u"), (Kind::NotADirectory, "overlay: /f: not a directory".into()));
        let (kind, message) = refused(&stage, "lowerdir=/1:/none,upperdir=/u");
        assert_eq!((kind, message.as_str()), (Kind::NotFound, "overlay: /none: No such file or directory"));
        assert_eq!(refused(&stage, "lowerdir=/1,upperdir=/f").0, Kind::NotADirectory);
    }

    fn one_layer_inside_another_is_eloop() {
        let stage = Stage::oci();
        stage.mkdir("/1/in").mkdir("/u/in").mkdir("/w/in");
        for options in [
            "lowerdir=/1:/1", "lowerdir=/1:/1/in", "lowerdir=/1/in:/1", "lowerdir=/1,upperdir=/1",
            "lowerdir=/u/in,upperdir=/u", "lowerdir=/w/in,upperdir=/u,workdir=/w", "lowerdir=/w,upperdir=/u,workdir=/w",
        ] {
            let (kind, message) = refused(&stage, options);
            assert_eq!(kind, Kind::TooManySymlinks, "{options}");
            assert!(message.contains("/1") || message.contains("/u") || message.contains("/w"), "{message}");
        }
    }

    /// ```text
    /// 1   up/ (the upper)  f         as on Linux this mounts, and only what would bite its own tail is refused
    /// ```
    fn an_upper_inside_a_lower_is_eloop_when_it_is_met() {
        let stage = Stage::oci();
        stage.mkdir("/1/up/x").write("/1/f", "f").mount_overlay("lowerdir=/1,upperdir=/1/up");
        assert_eq!(stage.list("/m"), "f up x");
        assert_eq!(stage.read("/m/f"), "f");
        assert_eq!(stage.probe("/m/up"), "ELOOP");
        assert_eq!(stage.probe("/m/up/x"), "ELOOP");
    }

    fn an_upper_has_one_overlay_at_a_time() {
        let stage = Stage::oci();
        stage.mkdir("/m2").overlay("/1");
        let (kind, message) = match stage.mount("overlay", "/m2", "lowerdir=/2,upperdir=/u") {
            Err(refusal) => (refusal.error.kind(), refusal.message.unwrap_or_default()),
            Ok(()) => panic!("one upper in two overlays"),
        };
        assert_eq!((kind, message.as_str()), (Kind::Busy, "overlay: /u: another overlay writes there"));
        stage.unmount();
        assert!(stage.mount("overlay", "/m2", "lowerdir=/2,upperdir=/u").is_ok());
    }

    fn upper_and_work_are_separate() {
        let stage = Stage::oci();
        stage.mkdir("/u/work").mkdir("/w/up");
        for options in [
            "lowerdir=/1,upperdir=/u,workdir=/u/work",
            "lowerdir=/1,upperdir=/w/up,workdir=/w",
            "lowerdir=/1,upperdir=/u,workdir=/u",
        ] {
            let (kind, message) = refused(&stage, options);
            assert_eq!((kind, message.contains("workdir")), (Kind::InvalidArgument, true), "{options}: {message}");
        }
        stage.mkdir("/other").mount("tmpfs", "/other", "").expect("a tmpfs mounts");
        assert_eq!(refused(&stage, "lowerdir=/1,upperdir=/u,workdir=/other").0, Kind::InvalidArgument);
    }

    /// ```text
    /// overlay 8 on overlay 7 on … on overlay 1 on tmpfs: works, also changes at the top; a ninth is EINVAL
    /// ```
    fn eight_overlays_stand_on_each_other_and_no_more() {
        let environment = Environment::detached();
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "bottom");
        let mut below: Arc<dyn FileSystemOperations> = stage.root.root.mount.superblock().operations().clone();
        for level in 1..=8 {
            let upper = crate::drivers::tmpfs::Tmpfs::new(Default::default(), &environment);
            let layers = (Layer::of_file_system(b"upper", upper), Layer::of_file_system(b"lower", below));
            let overlay = OverlayFS::new(Some(layers.0), alloc::vec![layers.1], OverlayOptions::default());
            below = overlay.unwrap_or_else(|error| panic!("level {level}: {error:?}"));
        }
        let world = crate::selftest::world::World::on(crate::manager::VfsManager::new(below.clone(), environment.clone()));
        assert_eq!(world.read("/1/d/f"), "bottom");
        world.append("/1/d/f", "+top");
        assert_eq!(world.unlink("/1/d/f"), Ok(()));
        assert_eq!(world.rename("/1", "/one"), Ok(()));
        assert_eq!(world.list("/one/d"), "");
        let upper = Layer::of_file_system(b"upper", crate::drivers::tmpfs::Tmpfs::new(Default::default(), &environment));
        let ninth = OverlayFS::new(Some(upper), alloc::vec![Layer::of_file_system(b"lower", below)], OverlayOptions::default());
        assert_eq!(ninth.err().map(|error| error.kind()), Some(Kind::InvalidArgument));
    }

    /// ```text
    /// /m      an overlay of /1      is a fine lower
    /// /m/d    merged                is no upper: an overlay cannot publish several names in one step
    /// ```
    fn a_merged_directory_is_a_lower_but_no_upper() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "f").overlay("/1").write("/m/d/g", "g").mkdir("/m2");
        let (kind, message) = match stage.mount("overlay", "/m2", "lowerdir=/2,upperdir=/m/d") {
            Err(refusal) => (refusal.error.kind(), refusal.message.unwrap_or_default()),
            Ok(()) => panic!("a merged directory is an upper"),
        };
        assert_eq!(kind, Kind::InvalidArgument);
        assert!(message.contains("/m/d") && message.contains("overlay"), "{message}");
        assert!(stage.mount("overlay", "/m2", "lowerdir=/m:/2").is_ok());
        assert_eq!(stage.list("/m2/d"), "f g");
    }

    /// ```text
    /// /m          an overlay of /1, upper /u
    /// /m/diff     made there, so it is /u/diff and nothing else: that is the upper of the overlay on /m2
    /// ```
    fn a_directory_made_on_an_overlay_is_an_upper() {
        let stage = Stage::oci();
        stage.write("/1/f", "f").overlay("/1").mkdir("/m/base/sub").mkdir("/m/diff").mkdir("/m/work").mkdir("/m2");
        stage.write("/m/base/a", "a").write("/m/base/b", "b");
        assert_eq!(stage.list("/m/diff"), "", "the empty directory is cached");
        stage.world.mount("overlay", "/m2", "lowerdir=/m/base,upperdir=/m/diff,workdir=/m/work").expect("it mounts");
        stage.append("/m2/a", "+").write("/m2/new", "n").write("/m2/sub/c", "c");
        assert_eq!(stage.unlink("/m2/b"), Ok(()));
        assert_eq!(stage.rename("/m2/sub", "/m2/moved"), Ok(()));
        assert_eq!(stage.list("/m2"), "a moved new");
        assert_eq!((stage.list("/m/diff"), stage.read("/m/diff/a")), ("a moved new".into(), "a+".into()));
        assert_eq!(stage.list("/m/base"), "a b sub");
        assert_eq!(stage.read("/u/diff/moved/c"), "c");
        let (kind, _) = match stage.mount("overlay", "/1", "lowerdir=/2,upperdir=/u/diff") {
            Err(refusal) => (refusal.error.kind(), refusal.message),
            Ok(()) => panic!("an upper of two overlays, under two names"),
        };
        assert_eq!(kind, Kind::Busy);
        assert_eq!(stage.vfs.unmount(&stage.root, b"/m2", UnmountFlags::empty()), Ok(()));
        assert_eq!(stage.list("/m"), "base diff f work");
    }

    fn an_upper_that_is_mounted_read_only_makes_a_read_only_overlay() {
        let stage = Stage::oci();
        stage.mkdir("/ro").write("/u/f", "f");
        let bound = stage.vfs.resolve(&stage.root, b"/u", crate::manager::Follow::Yes).expect("it is there");
        stage.vfs.bind(&stage.root, &bound, b"/ro", false).expect("it binds");
        stage.vfs.remount(&stage.root, b"/ro", crate::mount::MountFlags::READ_ONLY, b"").expect("it remounts");
        stage.mount_overlay("lowerdir=/1,upperdir=/ro");
        assert_eq!(stage.read("/m/f"), "f");
        assert_eq!(stage.unlink("/m/f"), Err(Kind::ReadOnlyFileSystem.into()));
    }

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
        stage.unmount();
        assert_eq!(refused(&stage, &more).0, Kind::InvalidArgument);
    }

    fn the_options_are_shown() {
        let stage = Stage::oci();
        stage.mkdir("/a:b").mkdir("/c,d");
        stage.mount_overlay("lowerdir=/a\\:b:/1,upperdir=/c\\,d,workdir=/w,redirect_dir=nofollow");
        let mounts = stage.vfs.mounts(&stage.root);
        let shown = mounts.iter().find(|mount| mount.type_name == "overlay").map(|mount| mount.options.as_str());
        assert_eq!(shown, Some("rw,lowerdir=/a\\:b:/1,upperdir=/c\\,d,workdir=/w,redirect_dir=nofollow"));
    }

    fn statfs_shows_the_uppers_figures() {
        let stage = Stage::oci();
        stage.mount("tmpfs", "/u", "size=1m").expect("a tmpfs mounts");
        stage.mount_overlay("lowerdir=/1,upperdir=/u");
        let (shown, upper) = (stage.vfs.statistics(&stage.root, b"/m"), stage.vfs.statistics(&stage.root, b"/u"));
        let (shown, upper) = (shown.expect("statfs"), upper.expect("statfs"));
        assert_eq!((shown.magic, shown.blocks, shown.name_max), (0x794c_7630, upper.blocks, 255));
    }
}
