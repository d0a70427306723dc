//! Nothing stays behind, and nothing deep overflows the stack.

use super::super::Stage;
use crate::drivers::overlayfs::OverlayFS;
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::manager::mounts::UnmountFlags;
use crate::vfs_test;
use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

fn watch(stage: &Stage) -> Weak<OverlayFS> {
    Arc::downgrade(&stage.file_system())
}

vfs_test! {
    fn an_unmounted_overlay_is_gone() {
        let stage = Stage::oci();
        stage.mkdir("/1/a/b").write("/1/a/b/f", "").overlay("/1").append("/m/a/b/f", "+").write("/m/new", "");
        assert_eq!(stage.rename("/m/a", "/m/c"), Ok(()));
        assert_eq!(stage.list("/m/c/b"), "f");
        let overlay = watch(&stage);
        stage.unmount();
        assert!(overlay.upgrade().is_none(), "a cycle of references keeps it");
        assert_eq!(stage.rename("/u/c", "/u/moved"), Ok(()));
    }

    fn an_open_file_keeps_it_until_it_is_closed() {
        let stage = Stage::oci();
        stage.write("/1/f", "lower").overlay("/1");
        let overlay = watch(&stage);
        let file = stage.open("/m/f", OpenFlags::READ | OpenFlags::WRITE).expect("opens");
        assert_eq!(stage.vfs.unmount(&stage.root, b"/m", UnmountFlags::LAZY), Ok(()));
        assert_eq!(file.write(&stage.root.credentials, &mut &b"still"[..]), Ok(5));
        assert_eq!(stage.read("/u/f"), "still");
        drop(file);
        assert!(overlay.upgrade().is_none());
    }

    fn nodes_nobody_uses_are_forgotten() {
        let stage = Stage::oci();
        for number in 0..50 {
            stage.write(&format!("/1/{number}"), "");
        }
        stage.overlay("/1");
        assert_eq!(stage.list("/m").split(' ').count(), 50);
        for number in 0..50 {
            assert_eq!(stage.probe(&format!("/m/{number}")), "found");
        }
        let overlay = stage.file_system();
        assert!(overlay.nodes_in_use() >= 50);
        let mount = stage.vfs.resolve(&stage.root, b"/m", Follow::Yes).expect("it is there").mount;
        mount.superblock().set_cache_bound(0);
        assert_eq!(overlay.nodes_in_use(), 1);
    }

    /// A path of any length by steps of `cd`; its nodes hold each other upwards.
    fn a_very_deep_directory_is_let_go_of_in_a_loop() {
        const DEPTH: usize = 3_000;
        let stage = Stage::oci();
        stage.overlay("/1");
        let mut inside = stage.root.clone();
        assert_eq!(stage.vfs.change_directory(&mut inside, b"/m"), Ok(()));
        let mut open = Vec::new();
        for _ in 0..DEPTH {
            assert_eq!(stage.vfs.make_directory(&inside, b"d", 0o755), Ok(()));
            assert_eq!(stage.vfs.change_directory(&mut inside, b"d"), Ok(()));
        }
        open.push(inside);
        let mount = stage.vfs.resolve(&stage.root, b"/m", Follow::Yes).expect("it is there").mount;
        mount.superblock().set_cache_bound(0);
        drop(open);
        assert_eq!(stage.file_system().nodes_in_use(), 1);
    }
}
