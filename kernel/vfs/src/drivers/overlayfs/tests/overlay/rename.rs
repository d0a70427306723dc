//! Moving names.

use super::super::{Stage, fails, in_both_formats};
use crate::error::FileSystemErrorKind as Kind;
use crate::node::RenameFlags;
use crate::vfs_test;

vfs_test! {
    /// ```text
    /// u                     mv f g:   u  -f  g
    /// 1   f                           1   f
    /// ```
    fn a_lower_file_moves_and_leaves_a_whiteout() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").overlay("/1");
            let id = stage.stat("/m/f").id;
            assert_eq!(stage.rename("/m/f", "/m/g"), Ok(()));
            assert_eq!(stage.probe("/m/f"), "ENOENT");
            assert_eq!(stage.read("/m/g"), "lower");
            assert_eq!(stage.stat("/m/g").id, id);
            assert_eq!(stage.upper(""), "-f g");
            assert_eq!(stage.list("/m"), "g");
        });
    }

    fn an_upper_file_leaves_nothing_where_it_was() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").overlay("/1").write("/m/f", "new");
            assert_eq!(stage.rename("/m/f", "/m/d/f"), Ok(()));
            assert_eq!(stage.upper(""), "d");
            assert_eq!(stage.read("/m/d/f"), "new");
        });
    }

    /// ```text
    /// u                        mv a b:  b has everything, a is gone; after a remount too
    /// 1   a/f  a/sub/g
    /// 2   a/h
    /// ```
    fn a_lower_directory_keeps_its_children() {
        in_both_formats(|stage| {
            stage.mkdir("/1/a/sub").write("/1/a/f", "f").write("/1/a/sub/g", "g").mkdir("/2/a").write("/2/a/h", "h");
            stage.overlay("/1:/2");
            let id = stage.stat("/m/a").id;
            assert_eq!(stage.rename("/m/a", "/m/b"), Ok(()));
            for round in 0..2 {
                assert_eq!(stage.list("/m"), "b", "{round}");
                assert_eq!(stage.list("/m/b"), "f h sub", "{round}");
                assert_eq!(stage.read("/m/b/sub/g"), "g", "{round}");
                assert_eq!(stage.read("/m/b/h"), "h", "{round}");
                assert_eq!(stage.probe("/m/a/f"), "ENOENT", "{round}");
                assert_eq!(stage.stat("/m/b").id.inode, id.inode, "{round}");
                stage.unmount().overlay("/1:/2");
            }
            stage.append("/m/b/sub/g", "+");
            assert_eq!(stage.unlink("/m/b/f"), Ok(()));
            stage.unmount().overlay("/1:/2");
            assert_eq!(stage.list("/m/b"), "h sub");
            assert_eq!(stage.read("/m/b/sub/g"), "g+");
            assert_eq!(stage.list("/1/a"), "f sub");
        });
    }

    /// ```text
    /// 1   x/y/z/f           mv x/y p; mv p/z q/z; mv q r; each found after a remount
    /// ```
    fn directories_move_across_parents_and_again() {
        in_both_formats(|stage| {
            stage.mkdir("/1/x/y/z").write("/1/x/y/z/f", "f").write("/1/x/y/e", "e").overlay("/1").mkdir("/m/q");
            let remounted = || { stage.unmount().overlay("/1"); };
            assert_eq!(stage.rename("/m/x/y", "/m/p"), Ok(()));
            remounted();
            assert_eq!(stage.read("/m/p/z/f"), "f");
            assert_eq!(stage.rename("/m/p/z", "/m/q/z"), Ok(()));
            remounted();
            assert_eq!(stage.list("/m/p"), "e");
            assert_eq!(stage.rename("/m/q", "/m/r"), Ok(()));
            remounted();
            assert_eq!(stage.read("/m/r/z/f"), "f");
            assert_eq!(stage.rename("/m/r/z", "/m/x/y"), Ok(()));
            remounted();
            assert_eq!(stage.list("/m/x/y"), "f");
            assert_eq!(stage.rename("/m/p", "/m/x/y/z"), Ok(()));
            remounted();
            assert_eq!(stage.list("/m/x/y"), "f z");
            assert_eq!(stage.list("/m/x/y/z"), "e");
            assert_eq!(stage.list("/m"), "r x");
        });
    }

    /// ```text
    /// 1   a/b/f             mv a/b a/c (by name), then mv a k: a/c moves along, and b's lowers are still found
    /// ```
    fn a_redirect_by_name_survives_the_move_of_its_parent() {
        in_both_formats(|stage| {
            stage.mkdir("/1/a/b").write("/1/a/b/f", "f").overlay("/1");
            assert_eq!(stage.rename("/m/a/b", "/m/a/c"), Ok(()));
            assert_eq!(stage.xattr("/u/a/c", "trusted.overlay.redirect").as_deref(), Ok("b"));
            assert_eq!(stage.rename("/m/a", "/m/k"), Ok(()));
            stage.unmount().overlay("/1");
            assert_eq!(stage.list("/m/k"), "c");
            assert_eq!(stage.read("/m/k/c/f"), "f");
            stage.mkdir("/m/elsewhere");
            assert_eq!(stage.rename("/m/k/c", "/m/elsewhere/c"), Ok(()));
            assert_eq!(stage.xattr("/u/elsewhere/c", "trusted.overlay.redirect").as_deref(), Ok("/a/b"));
            stage.unmount().overlay("/1");
            assert_eq!(stage.read("/m/elsewhere/c/f"), "f");
        });
    }

    /// ```text
    /// u   new/n             rmdir d; mv new d: d has n alone, for it becomes opaque
    /// 1   d/old             mv a d2 where d2 is a lower directory emptied by whiteouts
    /// ```
    fn a_directory_moved_onto_a_deleted_one_does_not_merge_with_it() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").mkdir("/1/d2").write("/1/d2/old", "").mkdir("/1/a").write("/1/a/f", "f").overlay("/1");
            stage.write("/1/d/old", "").mkdir("/m/new").write("/m/new/n", "n");
            assert_eq!(stage.unlink("/m/d/old"), Ok(()));
            assert_eq!(stage.rmdir("/m/d"), Ok(()));
            assert_eq!(stage.rename("/m/new", "/m/d"), Ok(()));
            assert_eq!(stage.list("/m/d"), "n");
            assert_eq!(stage.upper(""), "d!");
            assert_eq!(stage.unlink("/m/d2/old"), Ok(()));
            assert_eq!(stage.rename("/m/a", "/m/d2"), Ok(()));
            assert_eq!(stage.list("/m/d2"), "f");
            stage.unmount().overlay("/1");
            assert_eq!(stage.list("/m"), "d d2");
            assert_eq!(stage.list("/m/d"), "n");
            assert_eq!(stage.list("/m/d2"), "f");
        });
    }

    fn a_file_moves_onto_files_of_either_layer() {
        in_both_formats(|stage| {
            stage.write("/1/a", "a").write("/1/b", "b").write("/1/c", "c").overlay("/1").write("/m/new", "new");
            assert_eq!(stage.rename("/m/new", "/m/a"), Ok(()));
            assert_eq!(stage.rename("/m/b", "/m/c"), Ok(()));
            assert_eq!(stage.list("/m"), "a c");
            assert_eq!(stage.read("/m/a"), "new");
            assert_eq!(stage.read("/m/c"), "b");
            assert_eq!(stage.upper(""), "-b a c");
            assert_eq!(stage.rename("/m/c", "/m/b"), Ok(()));
            assert_eq!(stage.upper(""), "-c a b");
        });
    }

    fn targets_are_replaced_by_the_usual_rules() {
        in_both_formats(|stage| {
            stage.mkdir("/1/empty").mkdir("/1/full").write("/1/full/x", "").write("/1/f", "").mkdir("/1/d/e").overlay("/1");
            fails(stage.rename("/m/d", "/m/full"), Kind::DirectoryNotEmpty);
            fails(stage.rename("/m/f", "/m/empty"), Kind::IsADirectory);
            fails(stage.rename("/m/empty", "/m/f"), Kind::NotADirectory);
            fails(stage.rename("/m/d", "/m/d/e/below"), Kind::InvalidArgument);
            fails(stage.rename("/m/d/e", "/m/d"), Kind::DirectoryNotEmpty);
            fails(stage.rename("/m/none", "/m/f"), Kind::NotFound);
            fails(stage.move_with("/m/f", "/m/empty", RenameFlags::NO_REPLACE), Kind::AlreadyExists);
            fails(stage.move_with("/m/f", "/m/new", RenameFlags::WHITEOUT), Kind::InvalidArgument);
            fails(stage.move_with("/m/f", "/m/none", RenameFlags::EXCHANGE), Kind::NotFound);
            assert_eq!(stage.rename("/m/d", "/m/empty"), Ok(()));
            assert_eq!(stage.list("/m/empty"), "e");
            assert_eq!(stage.move_with("/m/f", "/m/new", RenameFlags::NO_REPLACE), Ok(()));
            assert_eq!(stage.list("/m"), "empty full new");
        });
    }

    /// ```text
    /// u                     exchange a and b, a directory and a file, two lower directories
    /// 1   a/x  b/y  f
    /// ```
    fn names_trade_places() {
        in_both_formats(|stage| {
            stage.mkdir("/1/a").write("/1/a/x", "x").mkdir("/1/b").write("/1/b/y", "y").write("/1/f", "f").overlay("/1");
            assert_eq!(stage.move_with("/m/a", "/m/b", RenameFlags::EXCHANGE), Ok(()));
            assert_eq!((stage.list("/m/a"), stage.list("/m/b")), ("y".into(), "x".into()));
            assert_eq!(stage.move_with("/m/a", "/m/f", RenameFlags::EXCHANGE), Ok(()));
            assert_eq!((stage.read("/m/a"), stage.list("/m/f")), ("f".into(), "y".into()));
            stage.unmount().overlay("/1");
            assert_eq!(stage.list("/m"), "a b f");
            assert_eq!((stage.read("/m/a"), stage.list("/m/f"), stage.list("/m/b")), ("f".into(), "y".into(), "x".into()));
        });
    }

    /// The cache of names must not answer with what was there before.
    fn what_was_there_before_is_not_answered_again() {
        in_both_formats(|stage| {
            stage.mkdir("/1/a").write("/1/a/f", "one").mkdir("/1/b").write("/1/b/f", "two").overlay("/1");
            assert_eq!((stage.read("/m/a/f"), stage.probe("/m/c/f")), ("one".into(), "ENOENT".into()));
            assert_eq!(stage.rename("/m/a", "/m/c"), Ok(()));
            assert_eq!((stage.probe("/m/a/f"), stage.read("/m/c/f")), ("ENOENT".into(), "one".into()));
            assert_eq!(stage.rename("/m/b", "/m/a"), Ok(()));
            assert_eq!((stage.read("/m/a/f"), stage.read("/m/c/f")), ("two".into(), "one".into()));
            assert_eq!(stage.probe("/m/b/f"), "ENOENT");
        });
    }

    fn a_link_moved_onto_its_other_name_stays() {
        in_both_formats(|stage| {
            stage.write("/1/f", "").overlay("/1");
            assert_eq!(stage.link("/m/f", "/m/g"), Ok(()));
            assert_eq!(stage.rename("/m/f", "/m/g"), Ok(()));
            assert_eq!(stage.list("/m"), "f g");
        });
    }

    /// With redirect_dir=off a directory that has lowers stays (EXDEV, so that `mv` copies); others move.
    fn without_redirects_merged_directories_do_not_move() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "").write("/1/g", "");
        stage.mount_overlay("lowerdir=/1,upperdir=/u,redirect_dir=off").mkdir("/m/new");
        fails(stage.rename("/m/d", "/m/e"), Kind::CrossDevice);
        fails(stage.move_with("/m/new", "/m/d", RenameFlags::EXCHANGE), Kind::CrossDevice);
        assert_eq!(stage.list("/u"), "new");
        assert_eq!(stage.rename("/m/new", "/m/moved"), Ok(()));
        assert_eq!(stage.rename("/m/g", "/m/h"), Ok(()));
        assert_eq!(stage.list("/m"), "d h moved");
    }

    fn redirects_that_may_not_be_followed_are_eperm() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "").overlay("/1");
        assert_eq!(stage.rename("/m/d", "/m/e"), Ok(()));
        stage.unmount().mount_overlay("lowerdir=/1,upperdir=/u,redirect_dir=nofollow");
        assert_eq!(stage.probe("/m/e"), "EPERM");
        stage.unmount().mount_overlay("lowerdir=/1,upperdir=/u,redirect_dir=follow");
        assert_eq!(stage.list("/m/e"), "f");
    }
}
