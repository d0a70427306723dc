//! `st_ino` and `st_dev`.

use super::super::{Stage, in_both_formats};
use crate::vfs_test;
use alloc::format;
use alloc::vec::Vec;

vfs_test! {
    fn numbers_are_constant_across_copy_up_rename_and_remount() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d/e").write("/1/d/f", "").write("/1/g", "").symlink("x", "/1/l").overlay("/1:/2");
            let before: Vec<u64> =
                ["/m/d", "/m/d/e", "/m/d/f", "/m/g", "/m/l"].map(|path| stage.lstat(path).expect("there").id.inode).into();
            stage.append("/m/d/f", "+").write("/m/d/e/new", "");
            assert_eq!(stage.chown("/m/l", 1, 1), Ok(()));
            assert_eq!(stage.rename("/m/d", "/m/d2"), Ok(()));
            assert_eq!(stage.rename("/m/g", "/m/d2/e/g2"), Ok(()));
            let paths = ["/m/d2", "/m/d2/e", "/m/d2/f", "/m/d2/e/g2", "/m/l"];
            for round in 0..3 {
                let after: Vec<u64> = paths.map(|path| stage.lstat(path).expect("there").id.inode).into();
                assert_eq!(after, before, "{round}");
                stage.unmount().overlay("/1:/2");
            }
        });
    }

    /// ```text
    /// u   on one tmpfs, 1 and 2 on two others: equal inode numbers there are different ones here
    /// ```
    fn numbers_are_unique_with_layers_on_several_file_systems() {
        let stage = Stage::oci();
        for layer in ["/1", "/2", "/3"] {
            stage.mount("tmpfs", layer, "").expect("a tmpfs mounts");
            for number in 0..20 {
                stage.write(&format!("{layer}/{}{number}", &layer[1..]), "");
            }
        }
        stage.overlay("/1:/2:/3").write("/m/new", "").append("/m/15", "copied up");
        let names = stage.list("/m");
        let mut numbers: Vec<u64> = names.split(' ').map(|name| stage.stat(&format!("/m/{name}")).id.inode).collect();
        numbers.push(stage.stat("/m").id.inode);
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!((all, numbers.len()), (62, 62));
    }

    fn everything_is_on_the_overlays_device() {
        let stage = Stage::oci();
        stage.mount("tmpfs", "/2", "").expect("a tmpfs mounts");
        stage.mkdir("/1/d").write("/2/f", "").overlay("/1:/2").write("/m/new", "");
        let device = stage.stat("/m").id.file_system;
        for path in ["/m/d", "/m/f", "/m/new"] {
            assert_eq!(stage.stat(path).id.file_system, device);
        }
        assert_ne!(stage.stat("/1").id.file_system, device);
    }

    fn with_all_layers_on_one_file_system_numbers_are_the_origins() {
        let stage = Stage::oci();
        stage.write("/1/f", "").mkdir("/2/d").overlay("/1:/2").append("/m/f", "+");
        assert_eq!(stage.stat("/m/f").id.inode, stage.stat("/1/f").id.inode);
        assert_eq!(stage.stat("/m/d").id.inode, stage.stat("/2/d").id.inode);
    }

    /// ```text
    /// u   a (origin: 1's f)  b (origin: 1's f)       a hostile upper: three files, three numbers
    /// 1   f
    /// ```
    fn one_origin_claimed_twice_still_gives_two_inodes() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").overlay("/1").append("/m/f", "+");
            assert_eq!(stage.rename("/m/f", "/m/a"), Ok(()));
            stage.unmount();
            let origin = stage
                .vfs
                .get_xattr(&stage.root, b"/u/a", b"trusted.overlay.origin", crate::manager::Follow::No)
                .expect("copy-up remembers the origin");
            stage.write("/u/b", "other");
            let how = crate::node::SetXattr::Any;
            let follow = crate::manager::Follow::No;
            let set = stage.vfs.set_xattr(&stage.root, b"/u/b", b"trusted.overlay.origin", &origin, how, follow);
            assert_eq!(set, Ok(()));
            assert_eq!(stage.unlink(&stage.whiteout_path("/u", "f")), Ok(()));
            stage.overlay("/1");
            let mut numbers = ["/m/a", "/m/b", "/m/f"].map(|path| stage.stat(path).id.inode);
            numbers.sort_unstable();
            assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2], "{numbers:?}");
            assert_eq!(stage.read("/m/a"), "lower+");
            assert_eq!(stage.read("/m/b"), "other");
            assert_eq!(stage.read("/m/f"), "lower");
        });
    }
}
