//! Nodes by handles. Each answer is what Linux's tmpfs answers.

use super::fails;
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::OpenFlags;
use crate::handles::Handle;
use crate::manager::Follow;
use crate::metadata::FileSystemId;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const READ: OpenFlags = OpenFlags::READ;

fn handle(world: &World, path: &str) -> Handle {
    world.handle(path).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

fn opened(world: &World, handle: Handle) -> Result<String> {
    world.opened("/", handle)
}

vfs_test! {
    /// ```text
    /// /a/b/f    forgotten, renamed and linked: the handle stays that of the file
    /// ```
    fn a_handle_is_the_nodes_whatever_its_names() {
        let world = World::new();
        world.mkdir("/a/b").mkdir("/z").write("/a/b/f", "text").write("/a/g", "");
        let [file, directory, root] = ["/a/b/f", "/a/b", "/"].map(|path| handle(&world, path));
        let expect = |handle, path: &str| assert_eq!(opened(&world, handle).as_deref(), Ok(path));
        expect(file, "/a/b/f");
        world.forget("/");
        expect(file, "/a/b/f");
        expect(directory, "/a/b");
        expect(root, "/");
        assert_eq!(world.rename("/a/b", "/z/c"), Ok(()));
        expect(file, "/z/c/f");
        expect(directory, "/z/c");
        assert_eq!(world.vfs.link(&world.root, b"/z/c/f", b"/z/g", Follow::No), Ok(()));
        assert_eq!(world.unlink("/z/c/f"), Ok(()));
        expect(file, "/z/g");
        world.forget("/");
        expect(file, "/z/g");
        assert_eq!(handle(&world, "/z/g"), file);
    }

    fn what_is_gone_is_stale_once_nobody_has_it_open() {
        let world = World::new();
        world.mkdir("/d").write("/f", "text");
        let handles = ["/d", "/f"].map(|path| handle(&world, path));
        let held = ["/d", "/f"].map(|path| world.open(path, READ));
        assert_eq!((world.rmdir("/d"), world.unlink("/f")), (Ok(()), Ok(())));
        assert_eq!(handles.map(|handle| opened(&world, handle).is_ok()), [true; 2]);
        drop(held);
        for handle in handles {
            fails(opened(&world, handle), Kind::Stale);
        }
        let root = handle(&world, "/");
        fails(opened(&world, Handle { file_system: FileSystemId::fresh(), ..root }), Kind::Stale);
        fails(opened(&world, Handle { inode: u64::MAX, ..root }), Kind::Stale);
    }

    /// ```text
    /// /f = /g    held open by one name, the handle asked for by the other
    /// ```
    fn a_file_is_found_by_whatever_name_it_is_held() {
        let world = World::new();
        world.write("/f", "text");
        assert_eq!(world.vfs.link(&world.root, b"/f", b"/g", Follow::No), Ok(()));
        let (held, file) = (world.open("/f", READ), handle(&world, "/g"));
        assert_eq!((world.unlink("/f"), world.unlink("/g")), (Ok(()), Ok(())));
        assert_eq!(opened(&world, file), Ok(format!("/#{}", file.inode)));
        drop(held);
        fails(opened(&world, file), Kind::Stale);
    }

    fn flags_and_rights_are_those_of_open() {
        let world = World::new();
        world.mkdir("/d").write("/f", "text").symlink("f", "/l");
        let [file, directory, link] = ["/f", "/d", "/l"].map(|path| handle(&world, path));
        let open = |handle, flags| world.vfs.open_handle(&world.root, &world.root.cwd, Some(handle), false, flags).map(|_| ());
        let create = OpenFlags::WRITE | OpenFlags::CREATE;
        assert_eq!([open(file, create), open(link, OpenFlags::PATH), open(directory, READ)], [Ok(()); 3]);
        fails(open(file, create | OpenFlags::EXCLUSIVE), Kind::AlreadyExists);
        fails(open(file, READ | OpenFlags::DIRECTORY), Kind::NotADirectory);
        fails(open(file, OpenFlags::PATH | OpenFlags::DIRECTORY), Kind::NotADirectory);
        fails(open(file, OpenFlags::WRITE | OpenFlags::TEMPORARY), Kind::NotADirectory);
        fails(open(link, READ), Kind::TooManySymlinks);
        fails(open(directory, OpenFlags::WRITE), Kind::IsADirectory);
        fails(open(directory, create), Kind::IsADirectory);
        assert_eq!(world.read("/f"), "text");
        assert_eq!(open(file, OpenFlags::WRITE | OpenFlags::TRUNCATE), Ok(()));
        assert_eq!(world.read("/f"), "");
        let user = world.user(5, 5);
        for handle in [Some(file), None] {
            fails(world.vfs.open_handle(&user, &user.cwd, handle, false, READ), Kind::NotPermitted);
        }
        fails(world.vfs.open_handle(&world.root, &world.root.cwd, None, false, READ), Kind::Stale);
        let directories = |handle| world.vfs.open_handle(&world.root, &world.root.cwd, Some(handle), true, READ);
        assert!(directories(directory).is_ok());
        fails(directories(file), Kind::Stale);
    }

    /// ```text
    /// /0 … /199   directories that nobody has to look into
    /// /a/b/f      renamed, and its directories too; then linked, and the link removed
    /// ```
    fn what_has_its_last_name_is_found_without_a_search() {
        let world = World::new();
        for number in 0..200 {
            world.mkdir(&format!("/{number}"));
        }
        world.mkdir("/a/b").write("/a/b/f", "text");
        let file = handle(&world, "/a/b/f");
        assert_eq!(world.rename("/a/b/f", "/a/b/g"), Ok(()));
        assert_eq!(world.rename("/a/b", "/7/c"), Ok(()));
        let superblock = world.vfs.tree().root().superblock().clone();
        let looked_up = || {
            world.forget("/");
            let path = opened(&world, file);
            (path, superblock.cached_entries())
        };
        assert_eq!(looked_up(), (Ok("/7/c/g".into()), 3));
        assert_eq!(world.vfs.link(&world.root, b"/7/c/g", b"/h", Follow::No), Ok(()));
        assert_eq!(looked_up(), (Ok("/h".into()), 1));
        assert_eq!(world.unlink("/h"), Ok(()));
        let (path, entries) = looked_up();
        assert!(path == Ok("/7/c/g".into()) && entries > 3, "{path:?} after {entries}");
    }

    /// Where the handle was asked for, nothing remembers the node longer than it is there.
    fn nodes_with_handles_are_forgotten_with_their_names() {
        let world = World::new();
        let mut handles = Vec::new();
        for number in 0..100 {
            let path = format!("/{number}");
            world.write(&path, "");
            handles.push(handle(&world, &path));
            assert_eq!(world.unlink(&path), Ok(()));
        }
        handles.into_iter().for_each(|handle| fails(opened(&world, handle), Kind::Stale));
    }
}
