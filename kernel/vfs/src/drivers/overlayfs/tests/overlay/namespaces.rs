//! Layers that contain mounts, and layers from other namespaces.

use super::super::{Stage, fails};
use crate::drivers::overlayfs::{OverlayFS, OverlayOptions};
use crate::error::FileSystemErrorKind as Kind;
use crate::manager::Follow;
use crate::manager::mounts::UnmountFlags;
use crate::mount::MountFlags;
use crate::selftest::world::World;
use crate::vfs_test;

fn mount(world: &World, overlay: alloc::sync::Arc<OverlayFS>) {
    world
        .vfs
        .mount_file_system(&world.root, b"/m", overlay, b"overlay", MountFlags::empty())
        .expect("an overlay mounts");
}

vfs_test! {
    /// ```text
    /// 1   a/  sub/ <- tmpfs with x/f, and in it deep/ <- tmpfs with g
    /// 2   sub/below                        all of it lists, opens and is copied up
    /// ```
    fn mounts_inside_a_layer_are_part_of_it() {
        let stage = Stage::oci();
        stage.mkdir("/1/a").mkdir("/1/sub").mount("tmpfs", "/1/sub", "").expect("a tmpfs mounts");
        stage.mkdir("/1/sub/x").write("/1/sub/x/f", "inner").mkdir("/1/sub/deep");
        stage.mount("tmpfs", "/1/sub/deep", "").expect("a tmpfs mounts");
        stage.write("/1/sub/deep/g", "deep").mkdir("/2/sub").write("/2/sub/below", "2").overlay("/1:/2");
        assert_eq!(stage.list("/m"), "a sub");
        assert_eq!(stage.list("/m/sub"), "below deep x");
        assert_eq!(stage.read("/m/sub/x/f"), "inner");
        assert_eq!(stage.list("/m/sub/deep"), "g");
        assert_eq!(stage.read("/m/sub/deep/g"), "deep");
        stage.append("/m/sub/deep/g", "+");
        assert_eq!(stage.read("/u/sub/deep/g"), "deep+");
        assert_eq!(stage.read("/1/sub/deep/g"), "deep");
        assert_eq!(stage.unlink("/m/sub/x/f"), Ok(()));
        assert_eq!(stage.read("/1/sub/x/f"), "inner");
        assert_ne!(stage.stat("/m/sub/x").id.inode, stage.stat("/m/sub/deep").id.inode);
    }

    fn a_mount_made_later_in_a_layer_does_not_show() {
        let stage = Stage::oci();
        stage.mkdir("/1/sub").write("/1/sub/f", "").overlay("/1");
        stage.mount("tmpfs", "/1/sub", "").expect("a tmpfs mounts");
        stage.write("/1/sub/later", "");
        assert_eq!(stage.list("/m/sub"), "f");
        assert_eq!(stage.vfs.unmount(&stage.root, b"/1/sub", UnmountFlags::empty()), Ok(()));
        assert_eq!(stage.list("/m/sub"), "f");
    }

    fn a_layers_mount_stays_while_the_overlay_uses_it() {
        let stage = Stage::oci();
        stage.mkdir("/1/sub").mount("tmpfs", "/1/sub", "").expect("a tmpfs mounts");
        stage.write("/1/sub/f", "kept").overlay("/1");
        assert_eq!(stage.vfs.unmount(&stage.root, b"/1/sub", UnmountFlags::LAZY), Ok(()));
        assert_eq!(stage.list("/1/sub"), "");
        assert_eq!(stage.read("/m/sub/f"), "kept");
    }

    /// ```text
    /// u   data/ <- tmpfs     changes below data go to that tmpfs; the mount point itself does not move or go
    /// 1   data/f
    /// ```
    fn mounts_inside_the_upper_are_written_to() {
        let stage = Stage::oci();
        stage.mkdir("/u/data").mkdir("/1/data").write("/1/data/f", "lower");
        stage.mount("tmpfs", "/u/data", "").expect("a tmpfs mounts");
        stage.overlay("/1");
        stage.append("/m/data/f", "+").write("/m/data/new", "").write("/m/top", "");
        assert_eq!(stage.list("/u/data"), "f new");
        assert_eq!(stage.vfs.unmount(&stage.root, b"/u/data", UnmountFlags::LAZY), Ok(()));
        assert_eq!(stage.list("/u/data"), "");
        assert_eq!(stage.read("/m/data/f"), "lower+");
        fails(stage.rename("/m/data", "/m/moved"), Kind::Busy);
        fails(stage.rename("/m/top", "/m/data/top"), Kind::CrossDevice);
    }

    /// ```text
    /// namespace A   /base/f         an overlay in A with a lower from B and an upper from A
    /// namespace B   /b/g
    /// ```
    fn two_namespaces_in_one_overlay() {
        let (a, b) = (World::new(), World::new());
        a.mkdir("/m").mkdir("/up").mkdir("/base").write("/base/f", "a");
        b.mkdir("/b/d").write("/b/g", "b").write("/b/d/h", "h");
        let lowers: [(&_, &[u8]); 2] = [(&b.vfs, b"/b"), (&a.vfs, b"/base")];
        let overlay = OverlayFS::new_from_paths_and_vfs(Some((&a.vfs, b"/up")), &lowers, OverlayOptions::default());
        mount(&a, overlay.expect("layers of two namespaces"));
        assert_eq!(a.list("/m"), "d f g");
        assert_eq!(a.read("/m/d/h"), "h");
        a.append("/m/g", "+a");
        assert_eq!(a.read("/up/g"), "b+a");
        assert_eq!(b.read("/b/g"), "b");
        assert_eq!(a.unlink("/m/d/h"), Ok(()));
        assert_eq!(b.read("/b/d/h"), "h");
    }

    /// ```text
    /// A: upper    B: a lower with a tmpfs in it    C: a lower; mounted in a fourth
    /// ```
    fn three_namespaces_in_one_overlay() {
        let worlds = [World::new(), World::new(), World::new(), World::new()];
        let [a, b, c, here] = &worlds;
        a.mkdir("/up");
        b.mkdir("/l/tmp").mount("tmpfs", "/l/tmp", "").expect("a tmpfs mounts");
        b.write("/l/tmp/t", "b").write("/l/only-b", "b").write("/l/both", "b");
        c.mkdir("/l/tmp").write("/l/tmp/c", "c").write("/l/only-c", "c").write("/l/both", "c");
        here.mkdir("/m");
        let lowers: [(&_, &[u8]); 2] = [(&b.vfs, b"/l"), (&c.vfs, b"/l")];
        let overlay = OverlayFS::new_from_paths_and_vfs(Some((&a.vfs, b"/up")), &lowers, OverlayOptions::default());
        mount(here, overlay.expect("layers of three namespaces"));
        assert_eq!(here.list("/m"), "both only-b only-c tmp");
        assert_eq!(here.list("/m/tmp"), "c t");
        assert_eq!(here.read("/m/both"), "b");
        assert_eq!(here.unlink("/m/both"), Ok(()));
        assert_eq!(here.rename("/m/tmp", "/m/temporary"), Ok(()));
        assert_eq!(here.list("/m/temporary"), "c t");
        assert_eq!(here.list("/m"), "only-b only-c temporary");
        assert_eq!(a.list("/up"), ".wh.both .wh.tmp temporary");
        assert_eq!(b.list("/l"), "both only-b tmp");
    }

    /// ```text
    /// /data bound to /1/bound; the overlay hides bound/f by a whiteout; what is bound elsewhere is not touched
    /// ```
    fn a_bound_lower_gets_a_whiteout_later() {
        let stage = Stage::oci();
        stage.mkdir("/data").write("/data/f", "data").write("/data/g", "g").mkdir("/1/bound");
        let data = stage.vfs.resolve(&stage.root, b"/data", Follow::Yes).expect("it is there");
        stage.vfs.bind(&stage.root, &data, b"/1/bound", false).expect("it binds");
        stage.overlay("/1");
        assert_eq!(stage.list("/m/bound"), "f g");
        assert_eq!(stage.unlink("/m/bound/f"), Ok(()));
        assert_eq!(stage.list("/m/bound"), "g");
        assert_eq!(stage.upper("/bound"), "-f");
        assert_eq!(stage.read("/data/f"), "data");
        assert_eq!(stage.read("/1/bound/f"), "data");
    }

    fn from_paths_in_one_namespace() {
        let world = World::new();
        world.mkdir("/l").mkdir("/u").mkdir("/m").write("/l/f", "lower");
        let lowers: [&[u8]; 1] = [b"/l"];
        let overlay = OverlayFS::new_from_paths(&world.vfs, &world.root, Some(b"/u"), &lowers, OverlayOptions::default());
        mount(&world, overlay.expect("layers by path"));
        world.append("/m/f", "+");
        assert_eq!(world.read("/u/f"), "lower+");
        let none = OverlayFS::new_from_paths(&world.vfs, &world.root, None, &[], OverlayOptions::default());
        assert_eq!(none.err().map(|error| error.kind()), Some(Kind::InvalidArgument));
    }
}
