//! Watching in an overlay: what is watched is the merged file, wherever it is.

use super::{Watcher, chmod, done};
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::selftest::world::World;
use crate::vfs_test;

/// ```text
/// u
/// l   d/f "text", d/s/g
/// ```
fn merged() -> World {
    let world = World::new();
    world.mkdir("/l/d/s").write("/l/d/f", "text").write("/l/d/s/g", "g").mkdir("/u").mkdir("/m");
    assert!(world.mount("overlay", "/m", "lowerdir=/l,upperdir=/u").is_ok());
    world
}

vfs_test! {
    /// ```text
    /// u   d/f "text+"       copied up by the write
    /// l   d/f "text"
    /// ```
    fn events_go_on_over_a_copy_up() {
        let world = merged();
        let watcher = Watcher::of(&world, &["/m/d", "/m/d/f"]);
        let before = done(world.open("/m/d/f", OpenFlags::READ));
        watcher.seen();
        let seen = watcher.during(|| world.append("/m/d/f", "+"));
        assert_eq!(
            seen,
            "/m/d OPEN f, /m/d/f OPEN, /m/d MODIFY f, /m/d/f MODIFY, /m/d CLOSE_WRITE f, /m/d/f CLOSE_WRITE"
        );
        assert_eq!(world.read("/u/d/f"), "text+");
        let read = || assert_eq!(before.read(&mut &mut [0; 8][..]), Ok(5));
        assert_eq!(watcher.during(read), "/m/d ACCESS f, /m/d/f ACCESS");
        assert_eq!(watcher.during(|| chmod(&world, "/m/d/f", 0o600)), "/m/d ATTRIB f, /m/d/f ATTRIB");
    }

    /// A watch set before a directory was copied up sees what is made in it after.
    fn a_merged_directory_is_watched_as_one() {
        let world = merged();
        let watcher = Watcher::of(&world, &["/m/d", "/m/d/s"]);
        assert_eq!(watcher.during(|| world.symlink("x", "/m/d/l")), "/m/d CREATE l");
        let seen = watcher.during(|| assert_eq!(world.rename("/m/d/s", "/m/t"), Ok(())));
        assert_eq!(seen, "/m/d MOVED_FROM|DIRECTORY s, /m/d/s MOVE_SELF");
        assert_eq!(watcher.during(|| world.symlink("x", "/m/t/l")), "/m/d/s CREATE l");
    }

    /// The removal of a lower file makes a whiteout; to who watches, it is a removal.
    fn removed_lower_files_and_directories_end() {
        let world = merged();
        let watcher = Watcher::of(&world, &["/m/d", "/m/d/f", "/m/d/s", "/m/d/s/g"]);
        let seen = watcher.during(|| assert_eq!(world.unlink("/m/d/f"), Ok(())));
        assert_eq!(seen, "/m/d/f ATTRIB, /m/d/f DELETE_SELF, /m/d/f IGNORED, /m/d DELETE f");
        let seen = watcher.during(|| assert_eq!(world.unlink("/m/d/s/g"), Ok(())));
        assert_eq!(seen, "/m/d/s/g ATTRIB, /m/d/s/g DELETE_SELF, /m/d/s/g IGNORED, /m/d/s DELETE g");
        let seen = watcher.during(|| assert_eq!(world.rmdir("/m/d/s"), Ok(())));
        assert_eq!(seen, "/m/d/s DELETE_SELF, /m/d/s IGNORED, /m/d DELETE|DIRECTORY s");
        assert_eq!(watcher.during(|| assert_eq!(world.rmdir("/m/d"), Ok(()))), "/m/d DELETE_SELF, /m/d IGNORED");
    }

    /// A lower file with two names, copied up under one, is watched under both.
    fn hard_links_are_one_watched_file() {
        let world = World::new();
        world.mkdir("/l").write("/l/a", "text").mkdir("/u").mkdir("/m").mkdir("/w");
        done(world.vfs.link(&world.root, b"/l/a", b"/l/b", Follow::No));
        assert!(world.mount("overlay", "/m", "lowerdir=/l,upperdir=/u,workdir=/w,index=on").is_ok());
        let watcher = Watcher::of(&world, &["/m/a"]);
        let written = "/m/a OPEN, /m/a MODIFY, /m/a CLOSE_WRITE";
        assert_eq!(watcher.during(|| world.append("/m/b", "+")), written);
        assert_eq!(watcher.during(|| world.append("/m/a", "+")), written);
        assert_eq!(watcher.during(|| assert_eq!(world.unlink("/m/b"), Ok(()))), "/m/a ATTRIB");
        let seen = watcher.during(|| assert_eq!(world.unlink("/m/a"), Ok(())));
        assert_eq!(seen, "/m/a ATTRIB, /m/a DELETE_SELF, /m/a IGNORED");
    }

    /// A layer is watched for itself: what the overlay does in it is no event there, and the reverse.
    fn a_layer_and_the_overlay_are_watched_apart() {
        let world = merged();
        let watcher = Watcher::of(&world, &["/u", "/m"]);
        assert_eq!(watcher.during(|| world.symlink("x", "/m/l")), "/m CREATE l");
        assert_eq!(watcher.during(|| world.symlink("x", "/u/k")), "/u CREATE k");
    }
}
