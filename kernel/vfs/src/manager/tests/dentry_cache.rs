//! The cache: never stale, whoever changes a directory and how, and bounded.

use super::fails;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::file_system::{DirectoryTimes, NameChange};
use crate::manager::Follow;
use crate::node::{NewKind, NewNode};
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::sync::Arc;

const FILE: NewNode<'static> = NewNode { kind: NewKind::Regular, mode: 0o644, uid: 0, gid: 0 };

vfs_test! {
    /// The directory is changed at its node, below the cache, as an overlay changes its upper layer.
    fn a_change_below_the_cache_shows_at_once() {
        let world = World::new();
        world.mkdir("/d");
        assert_eq!(world.probe("/d/f"), "ENOENT");
        let place = world.vfs.resolve(&world.root, b"/d", Follow::Yes);
        let directory = place.and_then(|place| place.node().cloned()).unwrap_or_else(|error| panic!("{error:?}"));
        let made = directory.create(b"f", &FILE).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(world.probe("/d/f"), "found");
        assert_eq!(directory.unlink(b"f", &made), Ok(()));
        assert_eq!(world.probe("/d/f"), "ENOENT");
        assert!(directory.create(b"f", &FILE).is_ok());
        assert_ne!(world.stat("/d/f").id, made.id());
    }

    /// ```text
    /// /a/sub (somebody's current directory)    moved below the cache to /b/sub: `..` from there is /b
    /// ```
    fn a_directory_moved_below_the_cache_keeps_its_entry() {
        let world = World::new();
        world.mkdir("/a/sub").mkdir("/b");
        let mut inside = world.root.clone();
        assert_eq!(world.vfs.change_directory(&mut inside, b"/a/sub"), Ok(()));
        let node = |path: &[u8]| {
            let place = world.vfs.resolve(&world.root, path, Follow::Yes);
            place.and_then(|place| place.node().cloned()).unwrap_or_else(|error| panic!("{error:?}"))
        };
        let (from, to, sub) = (node(b"/a"), node(b"/b"), node(b"/a/sub"));
        let changes = [
            NameChange { directory: &from, name: b"sub", old: Some(&sub), new: None },
            NameChange { directory: &to, name: b"sub", old: None, new: Some(&sub) },
        ];
        let file_system = from.file_system().unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(file_system.commit(&changes, DirectoryTimes::Touch), Ok(()));
        assert_eq!(world.probe("/a/sub"), "ENOENT");
        assert_eq!(world.probe("/b/sub"), "found");
        assert_eq!(world.vfs.path_name(&inside, &inside.cwd).as_deref(), Ok(&b"/b/sub"[..]));
    }

    /// ```text
    /// /d (open, removed)         names looked for in it do not keep it once it is closed
    /// ```
    fn a_removed_directory_is_not_kept_by_what_was_looked_for_in_it() {
        let world = World::new();
        world.mkdir("/d");
        let file = world.open("/d", OpenFlags::READ).unwrap_or_else(|error| panic!("{error:?}"));
        let node = Arc::downgrade(file.node());
        assert_eq!(world.probe("/d/before"), "ENOENT");
        assert_eq!(world.rmdir("/d"), Ok(()));
        let inside = world.root.at(file.path().clone());
        fails(world.vfs.resolve(&inside, b"after", Follow::Yes), Kind::NotFound);
        drop(inside);
        assert!(node.upgrade().is_some());
        drop(file);
        assert!(node.upgrade().is_none());
    }

    fn the_cache_stays_within_its_bound_and_answers_all_the_same() {
        let world = World::new();
        world.mkdir("/d/e");
        for index in 0..400 {
            world.write(&format!("/d/e/{index}"), "x");
        }
        let tree = world.vfs.tree().root();
        tree.superblock().set_cache_bound(50);
        assert!(tree.superblock().cached_entries() <= 50);
        for round in 0..3 {
            for index in 0..400 {
                assert_eq!(world.probe(&format!("/d/e/{index}")), "found", "round {round}");
                assert_eq!(world.probe(&format!("/d/e/no{index}")), "ENOENT", "round {round}");
            }
            assert!(tree.superblock().cached_entries() <= 50);
        }
    }

    /// The cache must not keep what has no name any more: a full file system has room again at once.
    fn what_was_removed_is_given_back_at_once() {
        let world = World::new();
        let free = || world.vfs.statistics(&world.root, b"/").map(|now| (now.blocks_free, now.nodes_free));
        let before = free();
        for round in 0..3 {
            world.mkdir("/d").write("/d/f", "x").write("/d/g", "y").write("/h", "z");
            assert_eq!(world.probe("/d/missing"), "ENOENT");
            assert_eq!(world.rename("/d/g", "/d/f"), Ok(()), "round {round}");
            assert_eq!(world.rename("/h", "/d/f"), Ok(()));
            assert_eq!(world.unlink("/d/f"), Ok(()));
            assert_eq!(world.rmdir("/d"), Ok(()));
            assert_eq!(free(), before);
        }
    }

    /// A chain of entries that only its deepest holds is let go without recursion.
    fn a_deep_chain_of_entries_goes_without_recursion() {
        const DEPTH: usize = 20_000;
        let world = World::new();
        let mut context = world.root.clone();
        for _ in 0..DEPTH {
            assert_eq!(world.vfs.make_directory(&context, b"d", 0o755), Ok(()));
            assert_eq!(world.vfs.change_directory(&mut context, b"d"), Ok(()));
        }
        world.vfs.tree().root().superblock().set_cache_bound(0);
        let name = world.vfs.path_name(&context, &context.cwd);
        assert_eq!(name.map(|name| name.len()), Ok(2 * DEPTH));
    }
}
