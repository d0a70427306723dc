//! Making and removing names.

use super::super::{Stage, fails, in_both_formats};
use crate::drivers::overlayfs::Format;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::selftest::errno_tables;
use crate::vfs_test;
use alloc::format;

const EXCLUSIVE: OpenFlags = OpenFlags::CREATE.union(OpenFlags::EXCLUSIVE);

vfs_test! {
    /// ```text
    /// u   the tree    or  -
    /// 1   -               the tree        which errno wins is what the tables say, whichever layer has the tree
    /// ```
    fn the_errnos_of_names_and_opens_are_those_of_linux() {
        for layer in ["/u/t", "/1/t"] {
            for format in [Format::Oci, Format::Linux] {
                errno_tables::check(&|| {
                    let stage = Stage::new(format);
                    errno_tables::make_tree(&stage, layer);
                    stage.overlay("/1");
                    stage.world
                });
            }
        }
    }

    /// ```text
    /// u                     unlink f:   u  -f
    /// 1   f                             1   f
    /// ```
    fn removing_a_lower_file_leaves_a_whiteout() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").overlay("/1");
            assert_eq!(stage.unlink("/m/f"), Ok(()));
            assert_eq!(stage.probe("/m/f"), "ENOENT");
            assert_eq!(stage.list("/m"), "");
            assert_eq!(stage.upper(""), "-f");
            assert_eq!(stage.read("/1/f"), "lower");
            stage.unmount().overlay("/1");
            assert_eq!(stage.probe("/m/f"), "ENOENT");
        });
    }

    /// ```text
    /// u                              unlink d/e/f by its path, through the link, from inside, and after a move of d/e:
    /// 1   d/e/f  d/f  f  l -> d/e    the whiteout is beside the name, and no other f goes
    /// ```
    fn a_whiteout_is_in_the_directory_of_its_name_whatever_path_leads_there() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d/e");
            for path in ["/1/d/e/f", "/1/d/e/g", "/1/d/e/h", "/1/d/e/i"] {
                let name = &path["/1/d/e".len()..];
                stage.write(path, "").write(&format!("/1/d{name}"), "").write(&format!("/1{name}"), "");
            }
            stage.symlink("d/e", "/1/l").overlay("/1");
            let inside = stage.vfs.resolve(&stage.root, b"/m/d/e", Follow::Yes).map(|place| stage.root.at(place));
            assert_eq!(stage.unlink("/m/d/e/f"), Ok(()));
            assert_eq!(stage.unlink("/m/l/g"), Ok(()));
            assert_eq!(stage.vfs.unlink(&inside.expect("it is there"), b"../e/./h"), Ok(()));
            assert_eq!(stage.upper(""), "d");
            assert_eq!(stage.upper("/d"), "e");
            assert_eq!(stage.upper("/d/e"), "-f -g -h");
            assert_eq!(stage.rename("/m/d/e", "/m/e2"), Ok(()));
            assert_eq!(stage.unlink("/m/e2/i"), Ok(()));
            assert_eq!((stage.upper("/d"), stage.upper("/e2")), ("-e".into(), "-f -g -h -i".into()));
            assert_eq!((stage.list("/m/d"), stage.list("/m/e2")), ("f g h i".into(), "".into()));
            assert_eq!(stage.list("/m"), "d e2 f g h i l");
        });
    }

    /// ```text
    /// u   x (file)   y/a        removed, neither shows what it hid; and a directory made at x is empty
    /// 1   x/b        y (file)
    /// ```
    fn what_hides_another_type_in_a_lower_hides_it_also_once_removed() {
        in_both_formats(|stage| {
            stage.write("/u/x", "file").mkdir("/u/y").write("/u/y/a", "a").mkdir("/1/x").write("/1/x/b", "");
            stage.write("/1/y", "file").overlay("/1");
            assert_eq!((stage.read("/m/x"), stage.probe("/m/x/b")), ("file".into(), "ENOTDIR".into()));
            assert_eq!((stage.list("/m/y"), stage.read("/m/y/a")), ("a".into(), "a".into()));
            assert_eq!(stage.unlink("/m/x"), Ok(()));
            assert_eq!((stage.unlink("/m/y/a"), stage.rmdir("/m/y")), (Ok(()), Ok(())));
            for _ in 0..2 {
                assert_eq!(stage.list("/m"), "");
                assert_eq!(["/m/x", "/m/x/b", "/m/y"].map(|path| stage.probe(path)), ["ENOENT"; 3]);
                stage.unmount().overlay("/1");
            }
            assert_eq!(stage.upper(""), "-x -y");
            stage.mkdir("/m/x").write("/m/y", "again");
            for _ in 0..2 {
                assert_eq!((stage.list("/m/x"), stage.read("/m/y")), ("".into(), "again".into()));
                stage.unmount().overlay("/1");
            }
        });
    }

    fn removing_what_only_the_upper_has_leaves_nothing() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").overlay("/1").write("/m/f", "").write("/m/d/f", "").mkdir("/m/e");
            assert_eq!(stage.unlink("/m/f"), Ok(()));
            assert_eq!(stage.unlink("/m/d/f"), Ok(()));
            assert_eq!(stage.rmdir("/m/e"), Ok(()));
            assert_eq!(stage.upper(""), "d");
            assert_eq!(stage.upper("/d"), "");
        });
    }

    fn a_copied_up_file_leaves_a_whiteout_as_well() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").overlay("/1").append("/m/f", "+");
            assert_eq!(stage.unlink("/m/f"), Ok(()));
            assert_eq!(stage.upper(""), "-f");
        });
    }

    fn removing_twice_is_enoent() {
        in_both_formats(|stage| {
            stage.write("/1/f", "").mkdir("/1/d").overlay("/1");
            assert_eq!(stage.unlink("/m/f"), Ok(()));
            assert_eq!(stage.rmdir("/m/d"), Ok(()));
            for _ in 0..3 {
                fails(stage.unlink("/m/f"), Kind::NotFound);
                fails(stage.rmdir("/m/d"), Kind::NotFound);
            }
            for round in 0..3 {
                assert_eq!(stage.try_write("/m/f", EXCLUSIVE, "again"), Ok(()), "{round}");
                assert_eq!(stage.read("/m/f"), "again");
                assert_eq!(stage.unlink("/m/f"), Ok(()), "{round}");
                assert_eq!(stage.probe("/m/f"), "ENOENT");
            }
            assert_eq!(stage.upper(""), "-d -f");
        });
    }

    fn creating_over_a_lower_name_is_eexist() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").mkdir("/1/d").overlay("/1");
            fails(stage.try_write("/m/f", EXCLUSIVE, ""), Kind::AlreadyExists);
            fails(stage.try_mkdir("/m/f"), Kind::AlreadyExists);
            fails(stage.try_mkdir("/m/d"), Kind::AlreadyExists);
            fails(stage.device("/m/f", 1, 3), Kind::AlreadyExists);
            fails(stage.vfs.make_symlink(&stage.root, b"x", b"/m/f"), Kind::AlreadyExists);
            fails(stage.link("/m/f", "/m/d"), Kind::AlreadyExists);
            assert_eq!(stage.list("/u"), "");
        });
    }

    /// ```text
    /// u                     unlink a/b/f, make it again:  u  a/b/f "new"
    /// 1   a/b/f "old"
    /// ```
    fn a_deleted_name_in_a_sub_directory_can_be_made_again() {
        in_both_formats(|stage| {
            stage.mkdir("/1/a/b").write("/1/a/b/f", "old").overlay("/1");
            assert_eq!(stage.unlink("/m/a/b/f"), Ok(()));
            assert_eq!(stage.upper("/a/b"), "-f");
            assert_eq!(stage.try_write("/m/a/b/f", EXCLUSIVE, "new"), Ok(()));
            assert_eq!(stage.read("/m/a/b/f"), "new");
            assert_eq!(stage.upper("/a/b"), "f");
            assert_eq!(stage.list("/m/a/b"), "f");
        });
    }

    /// ```text
    /// u                     rm -r d, mkdir d:   u  d!
    /// 1   d/old                                 1  d/old
    /// ```
    fn a_directory_made_again_does_not_get_its_old_content_back() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d/sub").write("/1/d/old", "").overlay("/1").write("/m/d/new", "");
            for name in ["/m/d/old", "/m/d/new"] {
                assert_eq!(stage.unlink(name), Ok(()));
            }
            assert_eq!(stage.rmdir("/m/d/sub"), Ok(()));
            assert_eq!(stage.rmdir("/m/d"), Ok(()));
            assert_eq!(stage.upper(""), "-d");
            assert_eq!(stage.try_mkdir("/m/d"), Ok(()));
            assert_eq!(stage.list("/m/d"), "");
            assert_eq!(stage.probe("/m/d/old"), "ENOENT");
            assert_eq!(stage.upper(""), "d!");
            stage.unmount().overlay("/1");
            assert_eq!(stage.list("/m/d"), "");
        });
    }

    fn a_new_directory_that_hides_nothing_is_not_opaque() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").overlay("/1").mkdir("/m/new").mkdir("/m/d/new");
            assert_eq!(stage.upper(""), "d new");
            assert_eq!(stage.upper("/d"), "new");
        });
    }

    fn rmdir_of_a_directory_with_lower_content_is_enotempty() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/f", "").mkdir("/2/d").write("/2/d/g", "").overlay("/1:/2");
            fails(stage.rmdir("/m/d"), Kind::DirectoryNotEmpty);
            assert_eq!(stage.unlink("/m/d/f"), Ok(()));
            fails(stage.rmdir("/m/d"), Kind::DirectoryNotEmpty);
            assert_eq!(stage.unlink("/m/d/g"), Ok(()));
            assert_eq!(stage.rmdir("/m/d"), Ok(()));
            assert_eq!(stage.probe("/m/d"), "ENOENT");
            assert_eq!(stage.upper(""), "-d");
        });
    }

    /// ```text
    /// u   d/-f              rmdir d succeeds, whichever layer has the whiteouts
    /// 1   d/f     e/-g
    /// 2           e/g
    /// ```
    fn a_directory_with_only_whiteouts_is_empty() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/f", "").mkdir("/u/d").whiteout("/u/d/f");
            stage.mkdir("/1/e").whiteout("/1/e/g").mkdir("/2/e").write("/2/e/g", "").overlay("/1:/2");
            assert_eq!(stage.rmdir("/m/d"), Ok(()));
            assert_eq!(stage.rmdir("/m/e"), Ok(()));
            assert_eq!(stage.list("/m"), "");
            assert_eq!(stage.upper(""), "-d -e");
        });
    }

    /// A directory made in the overlay, filled, emptied and removed leaves nothing, and its name is free again.
    fn a_removed_upper_directory_leaves_no_whiteout_and_no_content() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").overlay("/1").mkdir("/m/d/new/deep").write("/m/d/new/deep/f", "");
            fails(stage.rmdir("/m/d/new"), Kind::DirectoryNotEmpty);
            assert_eq!(stage.unlink("/m/d/new/deep/f"), Ok(()));
            assert_eq!(stage.rmdir("/m/d/new/deep"), Ok(()));
            assert_eq!(stage.rmdir("/m/d/new"), Ok(()));
            assert_eq!(stage.upper("/d"), "");
            stage.mkdir("/m/d/new");
            assert_eq!(stage.list("/m/d/new"), "");
        });
    }

    /// ```text
    /// u   d (whiteout)      the upper says that d is gone; what is in it cannot be reached by any path
    /// 1   d/e/f
    /// ```
    fn children_of_a_whited_out_directory_cannot_be_reached() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d/e").write("/1/d/e/f", "").whiteout("/u/d").overlay("/1");
            for path in ["/m/d", "/m/d/e", "/m/d/e/f", "/m/d/.", "/m/d/../d/e"] {
                assert_eq!(stage.probe(path), "ENOENT", "{path}");
                fails(stage.try_write(path, OpenFlags::empty(), "x"), Kind::NotFound);
            }
        });
    }

    fn a_directory_in_use_has_no_names_after_its_removal() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").overlay("/1");
            let inside = stage.root.at(stage.vfs.resolve(&stage.root, b"/m/d", Follow::Yes).expect("found"));
            assert_eq!(stage.rmdir("/m/d"), Ok(()));
            stage.write("/1/d/late", "");
            fails(stage.vfs.open(&inside, b"new", EXCLUSIVE | OpenFlags::WRITE, 0o644), Kind::NotFound);
            fails(stage.vfs.make_directory(&inside, b"new", 0o755), Kind::NotFound);
            fails(stage.vfs.resolve(&inside, b"late", Follow::Yes), Kind::NotFound);
        });
    }

    fn a_device_0_0_cannot_be_made() {
        in_both_formats(|stage| {
            stage.overlay("/1");
            fails(stage.device("/m/c", 0, 0), Kind::NotPermitted);
            assert_eq!(stage.device("/m/c", 1, 3), Ok(()));
            assert_eq!(stage.list("/m"), "c");
        });
    }

    fn links_are_made_of_lower_and_of_upper_files() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").write("/1/gone", "").overlay("/1").write("/m/new", "upper");
            assert_eq!(stage.unlink("/m/gone"), Ok(()));
            assert_eq!(stage.link("/m/f", "/m/f2"), Ok(()));
            assert_eq!(stage.link("/m/new", "/m/gone"), Ok(()));
            assert_eq!(stage.stat("/m/f").id, stage.stat("/m/f2").id);
            assert_eq!(stage.stat("/m/f").links, 2);
            assert_eq!(stage.stat("/m/gone").links, 2);
            stage.append("/m/f2", "+");
            assert_eq!(stage.read("/m/f"), "lower+");
            assert_eq!(stage.read("/m/gone"), "upper");
            assert_eq!(stage.upper(""), "f f2 gone new");
        });
    }

    /// O_TMPFILE: the file is nowhere until it gets a name, also one that was deleted.
    /// ```text
    /// u                open f, remove it, link what is open to d/g:    u  (whiteout of f)
    /// 1   f, d/                                                        1  f, d/     ENOENT, and d is not copied up
    /// ```
    fn a_removed_file_gets_no_name_and_the_attempt_leaves_nothing() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/f", "lower").overlay("/1");
            let lower = stage.open("/m/f", OpenFlags::READ).unwrap_or_else(|error| panic!("{error:?}"));
            let upper = stage.open("/m/h", OpenFlags::READ | OpenFlags::CREATE);
            let upper = upper.unwrap_or_else(|error| panic!("{error:?}"));
            assert_eq!((stage.unlink("/m/f"), stage.unlink("/m/h")), (Ok(()), Ok(())));
            fails(stage.vfs.link_file(&stage.root, &lower, b"/m/d/g"), Kind::NotFound);
            fails(stage.vfs.link_file(&stage.root, &upper, b"/m/d/g"), Kind::NotFound);
            assert_eq!(stage.probe("/u/d"), "ENOENT");
        });
    }

    fn an_unnamed_file_gets_a_name_by_a_link() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/f", "old").overlay("/1");
            assert_eq!(stage.unlink("/m/d/f"), Ok(()));
            let file = stage.open("/m/d", OpenFlags::TEMPORARY | OpenFlags::WRITE).expect("O_TMPFILE");
            assert_eq!(file.write(&stage.root.credentials, &mut &b"text"[..]), Ok(4));
            assert_eq!(stage.list("/m/d"), "");
            assert_eq!(stage.vfs.link_file(&stage.root, &file, b"/m/d/f"), Ok(()));
            assert_eq!(stage.read("/m/d/f"), "text");
            assert_eq!(stage.stat("/m/d/f").id, file.node().id());
            drop(stage.open("/m/d", OpenFlags::TEMPORARY | OpenFlags::WRITE).expect("O_TMPFILE"));
            assert_eq!(stage.upper("/d"), "f");
        });
    }

    /// ```text
    /// u   f  and its own whiteout       f is seen; after its removal 1's f stays hidden
    /// 1   f
    /// ```
    fn an_upper_file_with_its_own_stale_whiteout_stays_deleted_once_removed() {
        let stage = Stage::oci();
        stage.write("/1/f", "lower").write("/u/f", "upper").whiteout("/u/f").overlay("/1");
        assert_eq!(stage.read("/m/f"), "upper");
        stage.append("/m/f", "+");
        assert_eq!(stage.unlink("/m/f"), Ok(()));
        assert_eq!(stage.probe("/m/f"), "ENOENT");
        assert_eq!(stage.upper(""), "-f");
        stage.write("/m/f", "new");
        assert_eq!(stage.read("/m/f"), "new");
        assert_eq!(stage.upper(""), "f");
    }

    fn a_new_file_belongs_to_who_made_it() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").overlay("/1");
        assert_eq!(stage.chmod("/m/d", 0o2777), Ok(()));
        assert_eq!(stage.chown("/m/d", 0, 50), Ok(()));
        let user = stage.user(1000, 1000);
        assert_eq!(stage.vfs.make_directory(&user, b"/m/d/e", 0o755), Ok(()));
        let made = stage.stat("/m/d/e");
        assert_eq!((made.uid, made.gid, made.mode), (1000, 50, 0o2755));
        assert_eq!(stage.stat("/u/d/e").uid, 1000);
    }

    /// Unlike copy-up, which keeps them.
    fn a_change_of_names_sets_the_times_of_the_directory() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "");
        assert_eq!(stage.set_times("/1/d", 1, 1), Ok(()));
        stage.overlay("/1");
        assert_eq!(stage.stat("/m/d").modified.seconds, 1);
        assert_eq!(stage.unlink("/m/d/f"), Ok(()));
        assert!(stage.stat("/m/d").modified.seconds > 1);
    }
}
