//! How a path becomes a place (`path_resolution(7)`).

use super::fails;
use crate::error::FileSystemErrorKind;
use crate::manager::Follow;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;

vfs_test! {
    /// ```text
    /// /a/b/f
    /// ```
    fn dots_slashes_and_the_way_up() {
        let world = World::new();
        world.mkdir("/a/b").write("/a/b/f", "text");
        for path in ["/a/b/f", "//a//b///f", "/./a/./b/./f", "/a/../a/b/../b/f", "a/b/f", "/../../a/b/f"] {
            assert_eq!(world.read(path), "text", "{path}");
        }
        assert_eq!(world.probe("/a/b/f/.."), "ENOTDIR");
        assert_eq!(world.probe("/a/x/../b"), "ENOENT");
    }

    fn a_trailing_slash_wants_a_directory() {
        let world = World::new();
        world.mkdir("/d").write("/f", "").symlink("d", "/to_d").symlink("f", "/to_f");
        assert_eq!(world.probe("/d/"), "found");
        assert_eq!(world.probe("/f/"), "ENOTDIR");
        assert_eq!(world.probe("/to_f/"), "ENOTDIR");
        // The slash has the link followed even by lstat.
        let followed = world.lstat("/to_d/").map(|metadata| metadata.kind);
        assert_eq!(followed, Ok(crate::metadata::FileType::Directory));
    }

    /// ```text
    /// /one -> two -> three -> file        /loop -> loop        /away -> /nowhere
    /// ```
    fn symbolic_links_are_followed_and_loops_end() {
        let world = World::new();
        world.write("/file", "end").symlink("file", "/three").symlink("three", "/two").symlink("two", "/one");
        world.symlink("loop", "/loop").symlink("/nowhere", "/away");
        assert_eq!(world.read("/one"), "end");
        assert_eq!(world.read("/loop"), "ELOOP");
        assert_eq!(world.read("/away"), "ENOENT");
        assert_eq!(world.probe("/away"), "found");
        assert_eq!(world.probe("/loop/x"), "ELOOP");
    }

    /// `link1 -> file`, `link2 -> link1`, …: forty may be followed, one more may not.
    fn forty_links_are_the_limit() {
        let world = World::new();
        world.write("/link0", "end");
        for index in 1..=41 {
            world.symlink(&format!("link{}", index - 1), &format!("/link{index}"));
        }
        assert_eq!(world.read("/link40"), "end");
        assert_eq!(world.read("/link41"), "ELOOP");
    }

    fn names_and_paths_have_limits() {
        let world = World::new();
        let longest = "n".repeat(255);
        world.write(&format!("/{longest}"), "x");
        assert_eq!(world.read(&format!("/{longest}")), "x");
        assert_eq!(world.probe(&format!("/{longest}n")), "ENAMETOOLONG");
        let path: String = "/.".repeat(2047) + "/";
        assert_eq!(path.len(), 4095);
        assert_eq!(world.probe(&path), "found");
        assert_eq!(world.probe(&(path + ".")), "ENAMETOOLONG");
        assert_eq!(world.probe(""), "ENOENT");
    }

    /// ```text
    /// /jail/inside        /outside        /jail/out -> /outside        /jail/up -> ../outside
    /// ```
    fn nothing_leads_out_of_a_changed_root() {
        let world = World::new();
        world.mkdir("/jail/inside").write("/outside", "").symlink("/outside", "/jail/out");
        world.symlink("../outside", "/jail/up");
        let mut jailed = world.root.clone();
        assert_eq!(world.vfs.change_root(&mut jailed, b"/jail"), Ok(()));
        assert_eq!(world.vfs.change_directory(&mut jailed, b"/"), Ok(()));
        for path in ["/out", "/up", "/../outside", "../../outside", "/inside/../../outside"] {
            fails(world.vfs.metadata(&jailed, path.as_bytes(), Follow::Yes), FileSystemErrorKind::NotFound);
        }
        assert!(world.vfs.metadata(&jailed, b"/../inside", Follow::Yes).is_ok());
        let here = world.vfs.path_name(&jailed, &jailed.cwd.clone());
        assert_eq!(here.as_deref(), Ok(&b"/"[..]));
    }

    fn the_current_directory_has_a_name_until_it_is_removed() {
        let world = World::new();
        world.mkdir("/a/b");
        let mut context = world.root.clone();
        assert_eq!(world.vfs.change_directory(&mut context, b"/a/b"), Ok(()));
        assert_eq!(world.vfs.path_name(&context, &context.cwd).as_deref(), Ok(&b"/a/b"[..]));
        assert_eq!(world.rename("/a", "/z"), Ok(()));
        assert_eq!(world.vfs.path_name(&context, &context.cwd).as_deref(), Ok(&b"/z/b"[..]));
        assert_eq!(world.rmdir("/z/b"), Ok(()));
        fails(world.vfs.path_name(&context, &context.cwd), FileSystemErrorKind::NotFound);
        fails(world.vfs.make_directory(&context, b"new", 0o755), FileSystemErrorKind::NotFound);
        assert_eq!(world.vfs.change_directory(&mut context, b".."), Ok(()));
        assert_eq!(world.vfs.path_name(&context, &context.cwd).as_deref(), Ok(&b"/z"[..]));
    }

    fn searching_a_directory_needs_its_x_bit() {
        let world = World::new();
        world.mkdir("/shut/in").write("/shut/in/f", "");
        let user = world.user(1000, 1000);
        assert!(world.vfs.metadata(&user, b"/shut/in/f", Follow::Yes).is_ok());
        assert_eq!(world.vfs.set_mode(&world.root, b"/shut", 0o644, Follow::Yes), Ok(()));
        fails(world.vfs.metadata(&user, b"/shut/in/f", Follow::Yes), FileSystemErrorKind::PermissionDenied);
        fails(world.vfs.metadata(&user, b"/shut/nothing", Follow::Yes), FileSystemErrorKind::PermissionDenied);
        assert!(world.vfs.metadata(&world.root, b"/shut/in/f", Follow::Yes).is_ok());
    }
}
