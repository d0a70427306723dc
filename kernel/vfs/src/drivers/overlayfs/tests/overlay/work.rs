//! The work directory, and what `volatile` leaves in it.

use super::super::{Stage, fails};
use crate::drivers::overlayfs::{Layer, OverlayFS, OverlayOptions, options::Fsync};
use crate::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use crate::environment::Environment;
use crate::error::FileSystemErrorKind as Kind;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;

const OPTIONS: &str = "lowerdir=/1,upperdir=/u,workdir=/w";

#[track_caller]
fn refused(stage: &Stage, options: &str) -> (Kind, String) {
    match stage.mount("overlay", "/m", options) {
        Ok(()) => panic!("mounted with {options}"),
        Err(refusal) => (refusal.error.kind(), refusal.message.unwrap_or_default()),
    }
}

vfs_test! {
    /// ```text
    /// w   work/incompat/volatile/dirty      left by the mount, stays after the unmount; nobody mounts over it, whatever
    /// ```                                   the options; who removes it can
    fn volatile_leaves_a_mark_that_blocks_the_next_mount() {
        for spelling in ["volatile", "fsync=volatile", "fsync=strict,volatile"] {
            let stage = Stage::oci();
            stage.write("/1/f", "lower").mount_overlay(&format!("{OPTIONS},{spelling}"));
            let shown = stage.vfs.mounts(&stage.root).into_iter().last().map(|mount| mount.file_system_options());
            assert_eq!(shown.as_deref(), Some("rw,lowerdir=/1,upperdir=/u,workdir=/w,fsync=volatile"));
            assert_eq!(stage.list("/w/work/incompat/volatile"), "dirty");
            stage.append("/m/f", "+").unmount();
            assert_eq!(stage.list("/w/work/incompat/volatile"), "dirty");
            for options in [OPTIONS.into(), format!("{OPTIONS},volatile"), format!("{OPTIONS},whiteout=linux")] {
                let (kind, message) = refused(&stage, &options);
                assert_eq!(kind, Kind::InvalidArgument);
                assert!(message.contains("/w/work/incompat/volatile: ") && message.contains("remove"), "{message}");
                assert_eq!(stage.list("/m"), "");
            }
            assert_eq!(stage.unlink("/w/work/incompat/volatile/dirty"), Ok(()));
            assert_eq!(stage.rmdir("/w/work/incompat/volatile"), Ok(()));
            stage.mount_overlay(OPTIONS);
            assert_eq!(stage.read("/m/f"), "lower+");
        }
    }

    fn the_last_word_about_syncing_counts() {
        let stage = Stage::oci();
        stage.mount_overlay(&format!("{OPTIONS},volatile,fsync=auto"));
        assert_eq!(stage.list("/w"), "");
    }

    fn volatile_needs_a_place_for_its_mark() {
        let stage = Stage::oci();
        let (kind, message) = refused(&stage, "lowerdir=/1,upperdir=/u,volatile");
        assert_eq!((kind, message.contains("workdir")), (Kind::InvalidArgument, true), "{message}");
        stage.mount_overlay("lowerdir=/1:/2,volatile");
        let tmpfs = |name| Layer::of_file_system(name, Tmpfs::new(TmpfsOptions::default(), &Environment::detached()));
        let options = OverlayOptions { fsync: Fsync::Volatile, ..OverlayOptions::default() };
        fails(OverlayFS::new(Some(tmpfs(b"u")), alloc::vec![tmpfs(b"l")], options), Kind::InvalidArgument);
    }

    /// ```text
    /// w   work/a/b/c/f  work/#1f  other      what an interrupted mount on Linux left is taken away, other things stay
    /// ```
    fn left_overs_are_cleaned() {
        let stage = Stage::oci();
        stage.mkdir("/w/work/a/b/c").write("/w/work/a/b/c/f", "").mkdir("/w/work/incompat").write("/w/other", "");
        assert_eq!(stage.device("/w/work/#1f", 0, 0), Ok(()));
        stage.mount_overlay(OPTIONS);
        assert_eq!((stage.list("/w"), stage.list("/w/work")), ("other work".into(), "".into()));
        stage.unmount();
        assert_eq!((stage.rmdir("/w/work"), stage.unlink("/w/other")), (Ok(()), Ok(())));
        stage.write("/w/work", "a file").mount_overlay(OPTIONS);
        assert_eq!(stage.list("/w/work"), "");
    }

    /// ```text
    /// w   work/incompat/NAME                  whatever it is that cannot be understood
    /// ```
    fn unknown_marks_block_the_mount_too() {
        let stage = Stage::oci();
        stage.mkdir("/w/work/incompat/later");
        let (kind, message) = refused(&stage, OPTIONS);
        assert_eq!((kind, message.contains("/w/work/incompat/later")), (Kind::InvalidArgument, true), "{message}");
        assert_eq!(stage.rmdir("/w/work/incompat/later"), Ok(()));
        stage.mount_overlay(OPTIONS);
    }

    fn a_work_directory_is_one_overlays() {
        let stage = Stage::oci();
        stage.mkdir("/m2").mkdir("/u2").mount_overlay(OPTIONS);
        for options in ["lowerdir=/1,upperdir=/u2,workdir=/w", "lowerdir=/1,upperdir=/w"] {
            let refusal = stage.mount("overlay", "/m2", options).expect_err("it is in use");
            assert_eq!(refusal.error.kind(), Kind::Busy);
            assert!(refusal.message.is_some_and(|message| message.contains("/w:")));
        }
        stage.unmount();
        assert!(stage.mount("overlay", "/m2", "lowerdir=/1,upperdir=/u2,workdir=/w").is_ok());
    }
}
