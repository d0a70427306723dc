//! Watching a directory without a queue.

use super::{chmod, done};
use crate::file::{FileObject, OpenFlags};
use crate::inotify::notice::{Notice, NoticeMask};
use crate::node::RenameFlags;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicU32, Ordering};

/// How often it was woken.
#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A directory that is watched.
struct Watched {
    world: World,
    directory: Arc<FileObject>,
    bell: Arc<Bell>,
}

impl Watched {
    fn new() -> Self {
        let world = World::new();
        world.mkdir("/d").mkdir("/e").write("/d/f", "text");
        let directory = done(world.open("/d", OpenFlags::READ));
        Self { world, directory, bell: Arc::default() }
    }

    fn watch(&self, mask: NoticeMask) -> Arc<Notice> {
        done(Notice::new(self.directory.path(), mask, self.bell.clone().into()))
    }

    /// How often it is told during that.
    fn during(&self, act: impl FnOnce(&World)) -> u32 {
        let before = self.bell.0.load(Ordering::Relaxed);
        act(&self.world);
        self.bell.0.load(Ordering::Relaxed) - before
    }
}

fn rename(world: &World, from: &str, to: &str) {
    done(world.vfs.rename(&world.root, from.as_bytes(), to.as_bytes(), RenameFlags::empty()));
}

vfs_test! {
    fn a_notice_is_given_once_unless_asked_for_again_and_again() {
        let watched = Watched::new();
        let once = watched.watch(NoticeMask::ATTRIB);
        assert_eq!(watched.during(|world| chmod(world, "/d/f", 0o600)), 1);
        assert_eq!(watched.during(|world| chmod(world, "/d/f", 0o644)), 0);
        assert!(!once.add(NoticeMask::MODIFY), "it has told what it was to tell");
        assert_eq!(watched.during(|world| { world.append("/d/f", "+"); }), 0);
        let again = watched.watch(NoticeMask::ATTRIB | NoticeMask::MULTISHOT);
        assert_eq!(watched.during(|world| chmod(world, "/d/f", 0o600)), 1);
        assert!(again.add(NoticeMask::MODIFY));
        assert_eq!(watched.during(|world| chmod(world, "/d/f", 0o644)), 1);
        assert_eq!(watched.during(|world| { world.append("/d/f", "+"); }), 1);
        drop(again);
        assert_eq!(watched.during(|world| chmod(world, "/d/f", 0o600)), 0);
    }

    /// A name that becomes another in the same directory is one thing; one that goes to another directory is not.
    fn a_rename_is_within_the_directory() {
        let watched = Watched::new();
        let renames = watched.watch(NoticeMask::RENAME | NoticeMask::MULTISHOT);
        assert_eq!(watched.during(|world| rename(world, "/d/f", "/d/g")), 1);
        assert_eq!(watched.during(|world| rename(world, "/d/g", "/e/g")), 0);
        assert_eq!(watched.during(|world| rename(world, "/e/g", "/d/g")), 0);
        assert!(renames.add(NoticeMask::CREATE | NoticeMask::DELETE));
        assert_eq!(watched.during(|world| rename(world, "/d/g", "/d/f")), 3);
    }

    /// A directory that goes is not told of, nor anything after that.
    fn a_notice_ends_with_its_directory() {
        let watched = Watched::new();
        let notice = watched.watch(NoticeMask::all());
        let seen = watched.during(|world| done(world.vfs.unlink(&world.root, b"/d/f")));
        assert_eq!(seen, 1);
        assert_eq!(watched.during(|world| done(world.vfs.remove_directory(&world.root, b"/d"))), 0);
        drop(notice);
    }
}
