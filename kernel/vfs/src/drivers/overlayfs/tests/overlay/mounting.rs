//! Mounting by an option string, and what is shown of it. What is refused is in `mount_checks`.

use super::super::Stage;
use crate::error::FileSystemErrorKind as Kind;
use crate::manager::mounts::UnmountFlags;
use crate::vfs_test;

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

    fn the_options_are_shown() {
        let stage = Stage::oci();
        stage.mkdir("/a:b").mkdir("/c,d");
        stage.mount_overlay("lowerdir=/a\\:b:/1,upperdir=/c\\,d,workdir=/w,redirect_dir=nofollow");
        let mounts = stage.vfs.mounts(&stage.root);
        let shown = mounts.iter().find(|mount| mount.type_name == "overlay").map(|mount| mount.file_system_options());
        assert_eq!(shown.as_deref(), Some("rw,lowerdir=/a\\:b:/1,upperdir=/c\\,d,workdir=/w,redirect_dir=nofollow"));
    }

    /// ```text
    /// u   a tmpfs of 1 MiB       with an upper its figures are shown, without one those of the topmost lower; the type
    /// 1   a tmpfs of 2 MiB       is the overlay's
    /// 2
    /// ```
    fn statfs_shows_the_figures_of_the_topmost_layer() {
        let stage = Stage::oci();
        stage.mount("tmpfs", "/u", "size=1m").expect("a tmpfs mounts");
        stage.mount("tmpfs", "/1", "size=2m").expect("a tmpfs mounts");
        stage.write("/1/f", "f").mkdir("/1/d");
        for (options, top) in [("lowerdir=/1:/2,upperdir=/u", "/u"), ("lowerdir=/1:/2", "/1"), ("lowerdir=/2:/1", "/2")] {
            stage.mount_overlay(options);
            let layer = stage.vfs.statistics(&stage.root, top.as_bytes()).expect("statfs");
            for path in ["/m", "/m/f", "/m/d"] {
                let shown = stage.vfs.statistics(&stage.root, path.as_bytes()).expect("statfs");
                assert_eq!((shown.magic, shown.name_max), (0x794c_7630, 255), "{options}");
                assert_eq!((shown.blocks, shown.blocks_free), (layer.blocks, layer.blocks_free), "{options}");
            }
            stage.unmount();
        }
    }
}
