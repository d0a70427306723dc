//! Nodes by handles. Each answer is what Linux's tmpfs answers.

use super::fails;
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::OpenFlags;
use crate::handles::Handle;
use crate::manager::{Follow, VfsManager};
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::string::String;

const READ: OpenFlags = OpenFlags::READ;

fn handle(world: &World, path: &str) -> Handle {
    let place = world.vfs.resolve(&world.root, path.as_bytes(), Follow::No);
    place.and_then(|place| VfsManager::handle_of(&place)).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

/// Where what is opened by a handle is.
fn opened(world: &World, handle: Handle) -> Result<String> {
    let file = world.vfs.open_handle(&world.root, &world.root.cwd, Some(handle), READ)?;
    Ok(String::from_utf8_lossy(&file.path().entry.path()).into_owned())
}

fn forget(world: &World) {
    world.vfs.tree().root().superblock().forget_unused();
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
        forget(&world);
        expect(file, "/a/b/f");
        expect(directory, "/a/b");
        expect(root, "/");
        assert_eq!(world.rename("/a/b", "/z/c"), Ok(()));
        expect(file, "/z/c/f");
        expect(directory, "/z/c");
        assert_eq!(world.vfs.link(&world.root, b"/z/c/f", b"/z/g", Follow::No), Ok(()));
        assert_eq!(world.unlink("/z/c/f"), Ok(()));
        expect(file, "/z/g");
        forget(&world);
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
        fails(opened(&world, Handle { generation: root.generation ^ 1, ..root }), Kind::Stale);
        fails(opened(&world, Handle { inode: u64::MAX, ..root }), Kind::Stale);
    }

    fn flags_and_rights_are_those_of_open() {
        let world = World::new();
        world.mkdir("/d").write("/f", "text").symlink("f", "/l");
        let [file, directory, link] = ["/f", "/d", "/l"].map(|path| handle(&world, path));
        let open = |handle, flags| world.vfs.open_handle(&world.root, &world.root.cwd, Some(handle), flags).map(|_| ());
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
            fails(world.vfs.open_handle(&user, &user.cwd, handle, READ), Kind::NotPermitted);
        }
        fails(world.vfs.open_handle(&world.root, &world.root.cwd, None, READ), Kind::Stale);
    }

    /// As on Linux without `nfs_export`.
    fn an_overlay_has_none() {
        let world = World::new();
        world.mkdir("/l").mkdir("/u").mkdir("/m").write("/l/f", "");
        assert!(world.mount("overlay", "/m", "lowerdir=/l,upperdir=/u").is_ok());
        let place = world.vfs.resolve(&world.root, b"/m/f", Follow::No);
        fails(place.and_then(|place| VfsManager::handle_of(&place)), Kind::NotSupported);
    }
}
