//! The instance: numbers, masks, the queue, the bytes, the end of a watch.

use super::{ALL, Watcher, done};
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::inotify::{Inotify, InotifyLimits, WatchMask};
use crate::manager::mounts::UnmountFlags;
use crate::manager::tests::fails;
use crate::manager::{Follow, VfsManager};
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicUsize, Ordering};

const OPEN: u32 = WatchMask::OPEN.bits();

struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn open(world: &World, path: &str) {
    drop(done(world.open(path, OpenFlags::READ)));
}

vfs_test! {
    fn numbers_go_up_and_masks_are_replaced_or_added_to() {
        let world = World::new();
        world.write("/a", "").write("/b", "");
        let mut watcher = Watcher::of(&world, &[]);
        assert_eq!(watcher.watch(&world, "/a", OPEN), 1);
        assert_eq!(watcher.watch(&world, "/b", OPEN), 2);
        assert_eq!(watcher.inotify.remove_watch(2), Ok(()));
        assert_eq!(watcher.seen(), "/b IGNORED");
        fails(watcher.inotify.remove_watch(2), Kind::InvalidArgument);
        assert_eq!(watcher.watch(&world, "/b", OPEN), 3);
        assert_eq!(watcher.watch(&world, "/a", WatchMask::CLOSE_NOWRITE.bits()), 1);
        assert_eq!(watcher.during(|| open(&world, "/a")), "/a CLOSE_NOWRITE");
        assert_eq!(watcher.watch(&world, "/a", OPEN | WatchMask::MASK_ADD.bits()), 1);
        assert_eq!(watcher.during(|| open(&world, "/a")), "/a OPEN, /a CLOSE_NOWRITE");
        fails(watcher.try_watch(&world, "/a", OPEN | WatchMask::MASK_CREATE.bits()), Kind::AlreadyExists);
    }

    fn what_cannot_be_watched() {
        let world = World::new();
        world.mkdir("/d").write("/f", "").symlink("f", "/l");
        let watcher = Watcher::of(&world, &[]);
        let add = |path: &str, mask: u32| watcher.try_watch(&world, path, mask);
        fails(add("/f", 0), Kind::InvalidArgument);
        fails(add("/f", 0x1000), Kind::InvalidArgument);
        fails(add("/f", 0x3000_0000 | OPEN), Kind::InvalidArgument);
        fails(add("/missing", OPEN), Kind::NotFound);
        fails(add("/f", OPEN | WatchMask::ONLY_DIRECTORY.bits()), Kind::NotADirectory);
        assert_eq!(add("/d", OPEN | WatchMask::ONLY_DIRECTORY.bits()), Ok(1));
        assert_eq!(add("/l", OPEN), Ok(2));
        assert_eq!(add("/f", OPEN), Ok(2));
        assert_eq!(add("/l", OPEN | WatchMask::DONT_FOLLOW.bits()), Ok(3));
        done(world.vfs.set_mode(&world.root, b"/f", 0o600, Follow::Yes));
        let user = world.user(5, 5);
        fails(world.vfs.add_watch(&user, &watcher.inotify, b"/f", OPEN), Kind::PermissionDenied);
        let few = Watcher::bounded(InotifyLimits { events: 8, watches: 1 });
        assert_eq!(few.try_watch(&world, "/f", OPEN), Ok(1));
        fails(few.try_watch(&world, "/d", OPEN), Kind::NoSpace);
        assert_eq!(few.try_watch(&world, "/f", ALL), Ok(1));
    }

    fn a_watch_for_one_event_ends_with_it() {
        let world = World::new();
        world.write("/f", "");
        let mut watcher = Watcher::of(&world, &[]);
        watcher.watch(&world, "/f", OPEN | WatchMask::ONESHOT.bits());
        assert_eq!(watcher.during(|| open(&world, "/f")), "/f OPEN, /f IGNORED");
        assert_eq!(watcher.during(|| open(&world, "/f")), "");
        assert_eq!(watcher.watch(&world, "/f", OPEN), 2);
    }

    /// What says the same as the event before it is not queued, until that was read.
    fn equal_neighbours_are_one() {
        let world = World::new();
        world.write("/f", "");
        let mut watcher = Watcher::of(&world, &[]);
        watcher.watch(&world, "/f", OPEN);
        watcher.watch(&world, "/", WatchMask::CREATE.bits());
        open(&world, "/f");
        open(&world, "/f");
        assert_eq!(watcher.seen(), "/f OPEN");
        open(&world, "/f");
        world.write("/g", "").write("/h", "");
        open(&world, "/f");
        assert_eq!(watcher.seen(), "/f OPEN, / CREATE g, / CREATE h, /f OPEN");
    }

    /// ```text
    /// room for 2    a, b, a, b are opened: the third has no room, and that is told once
    /// ```
    fn a_full_queue_says_so_once() {
        let world = World::new();
        world.write("/a", "").write("/b", "");
        let mut watcher = Watcher::bounded(InotifyLimits { events: 2, watches: 8 });
        watcher.watch(&world, "/a", OPEN);
        watcher.watch(&world, "/b", OPEN);
        let both = || {
            open(&world, "/a");
            open(&world, "/b");
        };
        both();
        both();
        assert_eq!(watcher.seen(), "/a OPEN, /b OPEN, - OVERFLOW");
        both();
        assert_eq!(watcher.seen(), "/a OPEN, /b OPEN");
    }

    fn without_memory_for_an_event_the_queue_says_so() {
        let world = World::new();
        world.write("/f", "");
        let watcher = Watcher::of(&world, &["/"]);
        let file = done(world.open("/f", OpenFlags::READ | OpenFlags::WRITE));
        watcher.seen();
        let armed = page::faults::fail_nth(1);
        done(world.vfs.set_mode(&world.root, b"/f", 0o600, Follow::Yes));
        assert!(armed.fired());
        drop(armed);
        drop(file);
        assert_eq!(watcher.seen(), "- OVERFLOW, / CLOSE_WRITE f");
        let armed = page::faults::fail_nth(1);
        fails(watcher.try_watch(&world, "/f", OPEN), Kind::OutOfMemory);
        assert!(armed.fired());
    }

    /// Only whole events are read; for one that does not fit there is no room at all.
    fn a_read_gives_whole_events() {
        let world = World::new();
        world.write("/f", "").write("/a-name-of-sixteen", "");
        let mut watcher = Watcher::of(&world, &["/"]);
        watcher.watch(&world, "/", OPEN);
        fails(watcher.inotify.read(&mut &mut [0; 64][..]), Kind::WouldBlock);
        open(&world, "/");
        open(&world, "/f");
        open(&world, "/a-name-of-sixteen");
        // A header; a header and 16 bytes; a header and 32, for the NUL has no room in 16.
        assert_eq!((watcher.inotify.readable_bytes(), watcher.inotify.is_readable()), (16 + 32 + 48, true));
        fails(watcher.inotify.read(&mut &mut [0; 15][..]), Kind::InvalidArgument);
        let mut bytes = [0xff; 50];
        assert_eq!(watcher.inotify.read(&mut &mut bytes[..]), Ok(48));
        let mut expected = [0; 48];
        expected[0] = 1;
        expected[4..8].copy_from_slice(&0x4000_0020_u32.to_le_bytes());
        expected[16] = 1;
        expected[20..24].copy_from_slice(&0x20_u32.to_le_bytes());
        expected[28] = 16;
        expected[32] = b'f';
        assert_eq!(bytes[..48], expected);
        assert_eq!(watcher.seen(), "/ OPEN a-name-of-sixteen");
        assert_eq!((watcher.inotify.readable_bytes(), watcher.inotify.is_readable()), (0, false));
    }

    fn who_waits_is_woken() {
        let world = World::new();
        world.write("/f", "");
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let inotify = done(Inotify::new(InotifyLimits::default(), wakes.clone().into()));
        let number = done(world.vfs.add_watch(&world.root, &inotify, b"/f", OPEN));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
        open(&world, "/f");
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(inotify.remove_watch(number), Ok(()));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
        open(&world, "/f");
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    }

    /// Two instances see the same, each in its own time; one that is gone leaves nothing behind.
    fn instances_are_independent() {
        let world = World::new();
        world.write("/f", "");
        let (one, other) = (Watcher::of(&world, &["/f"]), Watcher::of(&world, &["/f"]));
        open(&world, "/f");
        drop(one);
        assert_eq!(other.seen(), "/f OPEN, /f CLOSE_NOWRITE");
        drop(other);
        assert!(!world.root.root.mount.watches().any());
    }

    /// A watch keeps no mount busy; it ends with the last mount.
    fn an_unmount_ends_the_watches() {
        let world = World::new();
        world.mkdir("/m");
        assert!(world.mount("tmpfs", "/m", "").is_ok());
        world.write("/m/f", "");
        let watcher = Watcher::of(&world, &["/m/f", "/m"]);
        let unmount = || done(world.vfs.unmount(&world.root, b"/m", UnmountFlags::empty()));
        let seen = watcher.during(unmount);
        let mut seen: alloc::vec::Vec<_> = seen.split(", ").collect();
        seen.sort_unstable();
        assert_eq!(seen, ["/m IGNORED", "/m UNMOUNT|DIRECTORY", "/m/f IGNORED", "/m/f UNMOUNT"]);
        assert_eq!(watcher.during(|| open(&world, "/m")), "");
    }

    /// Nodes that lose their name while nobody watches can be watched by who has them open.
    fn an_open_file_without_a_name_can_be_watched() {
        let world = World::new();
        world.write("/f", "");
        let file = done(world.open("/f", OpenFlags::READ));
        assert_eq!(world.unlink("/f"), Ok(()));
        let mut watcher = Watcher::of(&world, &[]);
        let number = done(VfsManager::add_watch_at(&world.root.credentials, &watcher.inotify, file.path(), ALL));
        watcher.paths.insert(number, "f".into());
        assert_eq!(watcher.during(|| drop(file)), "f CLOSE_NOWRITE, f DELETE_SELF, f IGNORED");
    }
}
