//! Which operation is which event, on a tmpfs.

use super::{Watcher, chmod, done};
use crate::environment::OpenStream;
use crate::error::{FileSystemErrorKind, Result};
use crate::file::{FileObject, OpenFlags};
use crate::inotify::WatchMask;
use crate::io::{Sink, Source};
use crate::manager::tests::fails;
use crate::manager::{Follow, VfsManager};
use crate::metadata::{DeviceNumber, SetTime};
use crate::node::{Allocate, NewKind, RenameFlags, SetXattr};
use crate::selftest::world::{World, read_all};
use crate::vfs_test;
use alloc::sync::Arc;

const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;

/// ```text
/// d/f "text"        d and d/f are watched, each for everything
/// ```
fn watched() -> (World, Watcher) {
    let world = World::new();
    world.mkdir("/d").write("/d/f", "text");
    let watcher = Watcher::of(&world, &["/d", "/d/f"]);
    (world, watcher)
}

/// A stream of zeros that takes everything.
struct Endless;

impl OpenStream for Endless {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let room = sink.room();
        sink.put_zeros(room).map(|()| room)
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        Ok(source.remaining())
    }
}

vfs_test! {
    /// What is done with a file is told to who watches its directory, with the name, and then to who watches itself.
    fn reading_and_writing() {
        let (world, watcher) = watched();
        let seen = watcher.during(|| assert_eq!(world.read("/d/f"), "text"));
        assert_eq!(
            seen,
            "/d OPEN f, /d/f OPEN, /d ACCESS f, /d/f ACCESS, /d CLOSE_NOWRITE f, /d/f CLOSE_NOWRITE"
        );
        let seen = watcher.during(|| world.append("/d/f", "+"));
        assert_eq!(seen, "/d OPEN f, /d/f OPEN, /d MODIFY f, /d/f MODIFY, /d CLOSE_WRITE f, /d/f CLOSE_WRITE");
        let seen = watcher.during(|| drop(done(world.open("/d/f", WRITE | OpenFlags::TRUNCATE))));
        assert_eq!(seen, "/d OPEN f, /d/f OPEN, /d MODIFY f, /d/f MODIFY, /d CLOSE_WRITE f, /d/f CLOSE_WRITE");
    }

    /// Nothing read, nothing written, a place only: no event.
    fn what_does_nothing_is_not_told() {
        let (world, watcher) = watched();
        let file = done(world.open("/d/f", READ | WRITE));
        assert_eq!(read_all(&file).as_deref(), Ok("text"));
        watcher.seen();
        let seen = watcher.during(|| {
            assert_eq!(file.read(&mut &mut [0; 4][..]), Ok(0));
            assert_eq!(file.write(&world.root.credentials, &mut &b""[..]), Ok(0));
            assert_eq!(file.sync(), Ok(()));
            drop(done(world.open("/d/f", OpenFlags::PATH)));
            world.stat("/d/f");
            fails(
                world.open("/d/f", READ | OpenFlags::DIRECTORY),
                FileSystemErrorKind::NotADirectory,
            );
        });
        assert_eq!(seen, "");
    }

    fn changes_of_content_through_an_open_file() {
        let (world, watcher) = watched();
        world.write("/other", "other");
        let (file, other) = (done(world.open("/d/f", READ | WRITE)), done(world.open("/other", READ | WRITE)));
        watcher.seen();
        let root = &world.root.credentials;
        let modified = "/d MODIFY f, /d/f MODIFY";
        assert_eq!(watcher.during(|| done(file.truncate(root, 2))), modified);
        let reserve = Allocate::Reserve { keep_size: false };
        assert_eq!(watcher.during(|| done(file.allocate(root, reserve, 0, 10))), modified);
        assert_eq!(watcher.during(|| assert_eq!(other.copy_range(root, 0, &file, 0, 3), Ok(3))), modified);
        assert_eq!(watcher.during(|| done(file.clone_content(root, &other))), modified);
        let accessed = "/d ACCESS f, /d/f ACCESS";
        assert_eq!(watcher.during(|| assert_eq!(file.copy_range(root, 0, &other, 0, 3), Ok(3))), accessed);
        assert_eq!(watcher.during(|| done(world.vfs.truncate(&world.root, b"/d/f", 1))), modified);
    }

    fn directories_are_said_to_be_such() {
        let world = World::new();
        world.mkdir("/d/s");
        let watcher = Watcher::of(&world, &["/d", "/d/s"]);
        let seen = watcher.during(|| assert_eq!(world.list("/d/s"), ""));
        assert_eq!(
            seen,
            "/d OPEN|DIRECTORY s, /d/s OPEN|DIRECTORY, /d ACCESS|DIRECTORY s, /d/s ACCESS|DIRECTORY, \
             /d CLOSE_NOWRITE|DIRECTORY s, /d/s CLOSE_NOWRITE|DIRECTORY"
        );
        let seen = watcher.during(|| chmod(&world, "/d/s", 0o700));
        assert_eq!(seen, "/d ATTRIB|DIRECTORY s, /d/s ATTRIB|DIRECTORY");
        let seen = watcher.during(|| assert_eq!(world.rmdir("/d/s"), Ok(())));
        assert_eq!(seen, "/d/s DELETE_SELF, /d/s IGNORED, /d DELETE|DIRECTORY s");
        let seen = watcher.during(|| world.mkdir("/d/s"));
        assert_eq!(seen, "/d CREATE|DIRECTORY s");
    }

    fn changes_of_metadata() {
        let (world, watcher) = watched();
        let (vfs, root) = (&world.vfs, &world.root);
        let (path, follow) = (&b"/d/f"[..], Follow::Yes);
        let attrib = "/d ATTRIB f, /d/f ATTRIB";
        assert_eq!(watcher.during(|| chmod(&world, "/d/f", 0o600)), attrib);
        assert_eq!(watcher.during(|| done(vfs.set_owner(root, path, Some(5), None, follow))), attrib);
        // As on Linux, that is no change.
        assert_eq!(watcher.during(|| done(vfs.set_owner(root, path, None, None, follow))), "");
        let set = |name| done(vfs.set_xattr(root, path, name, b"v", SetXattr::Any, follow));
        assert_eq!(watcher.during(|| set(b"user.a")), attrib);
        assert_eq!(watcher.during(|| done(vfs.remove_xattr(root, path, b"user.a", follow))), attrib);
        let now = Some(SetTime::Now);
        let times = |accessed, modified| done(vfs.set_times(root, path, accessed, modified, follow));
        assert_eq!(watcher.during(|| times(now, now)), attrib);
        assert_eq!(watcher.during(|| times(now, None)), "/d ACCESS f, /d/f ACCESS");
        assert_eq!(watcher.during(|| times(None, now)), "/d MODIFY f, /d/f MODIFY");
        assert_eq!(watcher.during(|| times(None, None)), "");
    }

    /// Set-id bits that go with a write are a change of their own before it; those that go with a cut are told with it.
    fn set_id_bits_that_go() {
        let (world, watcher) = watched();
        let user = world.user(5, 5).credentials;
        let file = done(world.open("/d/f", WRITE));
        chmod(&world, "/d/f", 0o4777);
        watcher.seen();
        let seen = watcher.during(|| assert_eq!(file.write(&user, &mut &b"x"[..]), Ok(1)));
        assert_eq!(seen, "/d ATTRIB f, /d/f ATTRIB, /d MODIFY f, /d/f MODIFY");
        chmod(&world, "/d/f", 0o4777);
        watcher.seen();
        let seen = watcher.during(|| done(file.truncate(&user, 0)));
        assert_eq!(seen, "/d MODIFY|ATTRIB f, /d/f MODIFY|ATTRIB");
    }

    fn names_that_are_made() {
        let (world, watcher) = watched();
        let create = WRITE | OpenFlags::CREATE;
        let seen = watcher.during(|| drop(done(world.open("/d/g", create))));
        assert_eq!(seen, "/d CREATE g, /d OPEN g, /d CLOSE_WRITE g");
        assert_eq!(watcher.during(|| world.symlink("f", "/d/l")), "/d CREATE l");
        let pipe = || done(world.vfs.make_node(&world.root, b"/d/p", NewKind::Fifo, 0o600));
        assert_eq!(watcher.during(pipe), "/d CREATE p");
        let link = || done(world.vfs.link(&world.root, b"/d/f", b"/d/h", Follow::No));
        assert_eq!(watcher.during(link), "/d/f ATTRIB, /d CREATE h");
        let unlink = || assert_eq!(world.unlink("/d/h"), Ok(()));
        assert_eq!(watcher.during(unlink), "/d/f ATTRIB, /d DELETE h");
    }

    /// What a removed file still does is told under the name it had, but not to who has asked not to hear of it.
    fn a_removed_file_ends_with_its_last_user() {
        let (world, mut watcher) = watched();
        let file = done(world.open("/d/f", READ | WRITE));
        watcher.seen();
        assert_eq!(watcher.during(|| assert_eq!(world.unlink("/d/f"), Ok(()))), "/d/f ATTRIB, /d DELETE f");
        let write = || assert_eq!(file.write(&world.root.credentials, &mut &b"x"[..]), Ok(1));
        assert_eq!(watcher.during(write), "/d MODIFY f, /d/f MODIFY");
        watcher.watch(&world, "/d", super::ALL | WatchMask::EXCLUDE_UNLINKED.bits());
        assert_eq!(watcher.during(write), "/d/f MODIFY");
        assert_eq!(watcher.during(|| drop(file)), "/d/f CLOSE_WRITE, /d/f DELETE_SELF, /d/f IGNORED");
    }

    /// ```text
    /// d/f, d/g one file      it ends with its last name
    /// ```
    fn a_file_with_two_names() {
        let (world, watcher) = watched();
        done(world.vfs.link(&world.root, b"/d/f", b"/d/g", Follow::No));
        watcher.seen();
        assert_eq!(watcher.during(|| assert_eq!(world.unlink("/d/f"), Ok(()))), "/d/f ATTRIB, /d DELETE f");
        assert_eq!(watcher.during(|| chmod(&world, "/d/g", 0o600)), "/d ATTRIB g, /d/f ATTRIB");
        let seen = watcher.during(|| assert_eq!(world.unlink("/d/g"), Ok(())));
        assert_eq!(seen, "/d/f ATTRIB, /d/f DELETE_SELF, /d/f IGNORED, /d DELETE g");
    }

    /// A directory that somebody is in ends when they leave.
    fn a_removed_directory_ends_with_its_last_user() {
        let world = World::new();
        world.mkdir("/d");
        let mut inside = world.root.clone();
        done(world.vfs.change_directory(&mut inside, b"/d"));
        let mut watcher = Watcher::of(&world, &["/"]);
        assert_eq!(watcher.during(|| assert_eq!(world.rmdir("/d"), Ok(()))), "/ DELETE|DIRECTORY d");
        // It can still be watched from within.
        let number = done(VfsManager::add_watch_at(
            &inside.credentials,
            &watcher.inotify,
            &inside.cwd,
            super::ALL,
        ));
        watcher.paths.insert(number, "/d".into());
        assert_eq!(watcher.during(|| drop(inside)), "/d DELETE_SELF, /d IGNORED");
    }

    /// ```text
    /// d/f, e/g               rename d/f e/g: one move, two events, one cookie
    /// ```
    fn a_move_over_another_file() {
        let world = World::new();
        world.mkdir("/d").mkdir("/e").write("/d/f", "f").write("/e/g", "g");
        let watcher = Watcher::of(&world, &["/d", "/e", "/d/f", "/e/g"]);
        let file = done(world.open("/d/f", READ));
        watcher.seen();
        assert_eq!(world.rename("/d/f", "/e/g"), Ok(()));
        let events = watcher.read(4096);
        let cookies = events.iter().map(|event| event.cookie);
        assert!(cookies.clone().take(2).all(|cookie| cookie == events[0].cookie && cookie != 0));
        assert!(cookies.skip(2).all(|cookie| cookie == 0));
        let seen: alloc::vec::Vec<_> = events.iter().map(|event| (event.watch, event.mask, &*event.name)).collect();
        assert_eq!(
            seen,
            [
                (1, WatchMask::MOVED_FROM, "f"),
                (2, WatchMask::MOVED_TO, "g"),
                (4, WatchMask::ATTRIB, ""),
                (3, WatchMask::MOVE_SELF, ""),
                (4, WatchMask::DELETE_SELF, ""),
                (4, WatchMask::IGNORED, ""),
            ]
        );
        // Through a file that was open, the name is the one it has now.
        let seen = watcher.during(|| assert_eq!(file.read(&mut &mut [0; 4][..]), Ok(1)));
        assert_eq!(seen, "/e ACCESS g, /d/f ACCESS");
    }

    fn an_exchange_is_two_moves() {
        let world = World::new();
        world.mkdir("/d/s").write("/d/f", "f");
        let watcher = Watcher::of(&world, &["/d", "/d/s", "/d/f"]);
        let exchange = || done(world.vfs.rename(&world.root, b"/d/s", b"/d/f", RenameFlags::EXCHANGE));
        assert_eq!(
            watcher.during(exchange),
            "/d MOVED_FROM|DIRECTORY s, /d MOVED_TO|DIRECTORY f, /d/s MOVE_SELF, \
             /d MOVED_FROM f, /d MOVED_TO s, /d/f MOVE_SELF"
        );
    }

    /// Two names of one file: such a move does nothing. A whiteout left behind is nobody's event.
    fn moves_that_are_less_or_more() {
        let (world, watcher) = watched();
        done(world.vfs.link(&world.root, b"/d/f", b"/d/g", Follow::No));
        watcher.seen();
        assert_eq!(watcher.during(|| assert_eq!(world.rename("/d/f", "/d/g"), Ok(()))), "");
        let whiteout = || done(world.vfs.rename(&world.root, b"/d/f", b"/d/h", RenameFlags::WHITEOUT));
        assert_eq!(watcher.during(whiteout), "/d MOVED_FROM f, /d MOVED_TO h, /d/f MOVE_SELF");
        assert_eq!(world.stat("/d/f").device, DeviceNumber::new(0, 0));
    }

    /// ```text
    /// d/p (FIFO)             whoever may list d is not told when it is read and written
    /// ```
    fn use_of_a_special_file_is_told_to_its_own_watchers_alone() {
        let world = World::new();
        world.mkdir("/d");
        done(world.vfs.make_node(&world.root, b"/d/p", NewKind::Fifo, 0o600));
        let watcher = Watcher::of(&world, &["/d", "/d/p"]);
        let place = done(world.vfs.resolve(&world.root, b"/d/p", Follow::Yes));
        let pipe = done(FileObject::of_stream(place, READ | WRITE, Arc::new(Endless)));
        let root = &world.root.credentials;
        assert_eq!(watcher.during(|| assert_eq!(pipe.read(&mut &mut [0; 4][..]), Ok(4))), "/d/p ACCESS");
        assert_eq!(watcher.during(|| assert_eq!(pipe.write(root, &mut &b"x"[..]), Ok(1))), "/d/p MODIFY");
        assert_eq!(watcher.during(|| chmod(&world, "/d/p", 0o666)), "/d ATTRIB p, /d/p ATTRIB");
        assert_eq!(watcher.during(|| drop(pipe)), "/d CLOSE_WRITE p, /d/p CLOSE_WRITE");
    }

    /// An unnamed file is told of under the number it has.
    fn a_file_that_never_had_a_name() {
        let (world, watcher) = watched();
        let file = done(world.open("/d", READ | WRITE | OpenFlags::TEMPORARY));
        let name = alloc::format!("#{}", file.node().id().inode);
        assert_eq!(watcher.seen(), alloc::format!("/d OPEN {name}"));
        let link = || done(world.vfs.link_file(&world.root, &file, b"/d/g"));
        assert_eq!(watcher.during(link), "/d CREATE g");
        assert_eq!(watcher.during(|| drop(file)), alloc::format!("/d CLOSE_WRITE {name}"));
    }
}
