//! What a name is bound to.

use super::super::{Stage, fails, in_both_formats};
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::metadata::FileType;
use crate::vfs_test;
use alloc::format;

vfs_test! {
    /// ```text
    /// u   b                 a comes from 1, b from u (which hides 1's), c from 2
    /// 1   a b
    /// 2   a   c
    /// ```
    fn a_name_comes_from_the_topmost_layer_that_has_it() {
        in_both_formats(|stage| {
            stage.write("/u/b", "u").write("/1/a", "1").write("/1/b", "1").write("/2/a", "2").write("/2/c", "2");
            stage.overlay("/1:/2");
            assert_eq!(stage.read("/m/a"), "1");
            assert_eq!(stage.read("/m/b"), "u");
            assert_eq!(stage.read("/m/c"), "2");
            assert_eq!(stage.probe("/m/d"), "ENOENT");
            assert_eq!(stage.read("/m/../m/c/../c"), "ENOTDIR");
        });
    }

    /// ```text
    /// 1   d/ (mode 700)     d/ is both, with 1's mode
    /// 2   d/ (mode 755)
    /// ```
    fn directories_merge_with_the_metadata_of_the_topmost() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").mkdir("/2/d/e").write("/1/d/one", "").write("/2/d/two", "").write("/2/d/e/f", "deep");
        assert_eq!(stage.chmod("/1/d", 0o700), Ok(()));
        stage.read_only("/1:/2");
        assert_eq!(stage.stat("/m/d").mode, 0o700);
        assert_eq!(stage.stat("/m/d").links, 1);
        assert_eq!(stage.list("/m/d"), "e one two");
        assert_eq!(stage.read("/m/d/e/f"), "deep");
    }

    /// ```text
    /// 1   x (file)   y/a           x is a file, y a directory with only a
    /// 2   x/b        y (file)
    /// 3              y/c
    /// ```
    fn a_file_over_a_directory_and_a_directory_over_a_file_end_the_merge() {
        let stage = Stage::oci();
        stage.write("/1/x", "file").mkdir("/2/x").write("/2/x/b", "");
        stage.mkdir("/1/y").write("/1/y/a", "").write("/2/y", "file").mkdir("/3/y").write("/3/y/c", "");
        stage.read_only("/1:/2:/3");
        assert_eq!(stage.read("/m/x"), "file");
        assert_eq!(stage.probe("/m/x/b"), "ENOTDIR");
        assert_eq!(stage.list("/m/y"), "a");
        assert_eq!(stage.probe("/m/y/c"), "ENOENT");
    }

    /// ```text
    /// 1   -a  -d            neither a, nor d, nor anything below d
    /// 2    a   d/e/f
    /// ```
    fn a_whiteout_in_a_lower_layer_hides_what_is_below_it() {
        in_both_formats(|stage| {
            stage.whiteout("/1/a").whiteout("/1/d").write("/2/a", "").mkdir("/2/d/e").write("/2/d/e/f", "");
            stage.read_only("/1:/2");
            assert_eq!(stage.list("/m"), "");
            assert_eq!(stage.probe("/m/a"), "ENOENT");
            assert_eq!(stage.probe("/m/d"), "ENOENT");
            assert_eq!(stage.probe("/m/d/e"), "ENOENT");
            assert_eq!(stage.probe("/m/d/e/f"), "ENOENT");
        });
    }

    /// ```text
    /// 1    d/one            d has one and two; three and what 3's two hides stay away
    /// 2    d!/two
    /// 3    d/three
    /// ```
    fn an_opaque_middle_layer_keeps_its_own_entries() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/one", "1");
            stage.opaque("/2/d").write("/2/d/two", "2");
            stage.mkdir("/3/d").write("/3/d/three", "3").write("/3/d/two", "3");
            stage.read_only("/1:/2:/3");
            assert_eq!(stage.list("/m/d"), "one two");
            assert_eq!(stage.read("/m/d/two"), "2");
            assert_eq!(stage.probe("/m/d/three"), "ENOENT");
        });
    }

    /// ```text
    /// 1   f  .wh.f          the whiteout is for the layers below: f is 1's
    /// 2   f                 d is 1's alone
    /// 1   d/a  .wh.d
    /// 2   d/b
    /// ```
    fn a_mark_does_not_hide_what_is_beside_it() {
        let stage = Stage::oci();
        stage.write("/1/f", "1").write("/1/.wh.f", "").write("/2/f", "2");
        stage.mkdir("/1/d").write("/1/d/a", "").write("/1/.wh.d", "").mkdir("/2/d").write("/2/d/b", "");
        stage.read_only("/1:/2");
        assert_eq!(stage.list("/m"), "d f");
        assert_eq!(stage.read("/m/f"), "1");
        assert_eq!(stage.list("/m/d"), "a");
        assert_eq!(stage.probe("/m/d/b"), "ENOENT");
    }

    fn names_of_marks_are_hidden_and_cannot_be_made() {
        let stage = Stage::oci();
        stage.write("/1/.wh.gone", "").write("/1/f", "").opaque("/1/d").write("/u/.wh.old", "").overlay("/1");
        for name in [".wh.gone", ".wh.old", ".wh.new", ".wh.", "d/.wh..wh..opq"] {
            assert_eq!(stage.probe(&format!("/m/{name}")), "ENOENT", "{name}");
            fails(stage.try_write(&format!("/m/{name}"), OpenFlags::CREATE, ""), Kind::InvalidArgument);
            fails(stage.try_mkdir(&format!("/m/{name}")), Kind::InvalidArgument);
            fails(stage.rename("/m/f", &format!("/m/{name}")), Kind::InvalidArgument);
            fails(stage.link("/m/f", &format!("/m/{name}")), Kind::InvalidArgument);
            fails(stage.device(&format!("/m/{name}"), 1, 3), Kind::InvalidArgument);
            let (manager, path) = (&stage.vfs, format!("/m/{name}"));
            fails(manager.make_symlink(&stage.root, b"f", path.as_bytes()), Kind::InvalidArgument);
            let unnamed = stage.open("/m", OpenFlags::WRITE | OpenFlags::TEMPORARY).expect("O_TMPFILE");
            fails(manager.link_file(&stage.root, &unnamed, path.as_bytes()), Kind::InvalidArgument);
            fails(stage.unlink(&path), Kind::NotFound);
        }
        assert_eq!(stage.list("/m"), "d f");
        assert_eq!(stage.list("/m/d"), "");
    }

    fn with_linux_marks_a_dot_wh_name_is_like_any_other() {
        let stage = Stage::new(crate::drivers::overlayfs::Format::Linux);
        stage.write("/1/.wh.f", "lower").write("/2/f", "2").overlay("/1:/2");
        assert_eq!(stage.list("/m"), ".wh.f f");
        assert_eq!(stage.read("/m/.wh.f"), "lower");
        stage.write("/m/.wh.new", "upper");
        assert_eq!(stage.read("/u/.wh.new"), "upper");
    }

    /// ```text
    /// 1   -f -d             by 0:0 devices, d2 by attribute; both are read under whiteout=oci too
    /// 2    f  d/x
    /// ```
    fn linux_marks_are_read_in_the_other_format_too() {
        let stage = Stage::oci();
        stage.device("/1/f", 0, 0).expect("a whiteout");
        stage.write("/2/f", "").mkdir("/1/d2").mkdir("/2/d2").write("/2/d2/x", "");
        assert_eq!(stage.set_xattr("/1/d2", "trusted.overlay.opaque", "y"), Ok(()));
        stage.read_only("/1:/2");
        assert_eq!(stage.list("/m"), "d2");
        assert_eq!(stage.probe("/m/f"), "ENOENT");
        assert_eq!(stage.list("/m/d2"), "");
    }

    /// ```text
    /// 1   d/ (opaque=x)  d/f (empty, attribute whiteout)  e/f (the same, in a directory not marked)
    /// 2   d/f                                             e/f
    /// ```
    fn whiteouts_by_attribute_count_in_marked_directories() {
        in_both_formats(|stage| {
            for directory in ["d", "e"] {
                stage.mkdir(&format!("/1/{directory}")).mkdir(&format!("/2/{directory}"));
                stage.write(&format!("/1/{directory}/f"), "").write(&format!("/2/{directory}/f"), "2");
                assert_eq!(stage.set_xattr(&format!("/1/{directory}/f"), "trusted.overlay.whiteout", "y"), Ok(()));
            }
            assert_eq!(stage.set_xattr("/1/d", "trusted.overlay.opaque", "x"), Ok(()));
            stage.read_only("/1:/2");
            assert_eq!(stage.list("/m/d"), "");
            assert_eq!(stage.probe("/m/d/f"), "ENOENT");
            assert_eq!(stage.list("/m/e"), "f");
            assert_eq!(stage.read("/m/e/f"), "");
        });
    }

    /// ```text
    /// u   new/ -> old            new shows what 1 has at old/, and the path is followed from the roots
    /// u   there/ -> /a/b
    /// 1   old/f    a/b/g
    /// ```
    fn redirects_are_followed_by_name_and_by_path() {
        in_both_formats(|stage| {
            stage.mkdir("/1/old").write("/1/old/f", "f").mkdir("/1/a/b").write("/1/a/b/g", "g");
            stage.mkdir("/u/new").mkdir("/u/there");
            stage.whiteout("/u/old");
            assert_eq!(stage.set_xattr("/u/new", "trusted.overlay.redirect", "old"), Ok(()));
            assert_eq!(stage.set_xattr("/u/there", "trusted.overlay.redirect", "/a/b"), Ok(()));
            stage.overlay("/1");
            assert_eq!(stage.read("/m/new/f"), "f");
            assert_eq!(stage.read("/m/there/g"), "g");
            assert_eq!(stage.probe("/m/old"), "ENOENT");
        });
    }

    fn redirects_that_are_none_are_refused() {
        for value in ["", "/", "..", ".", "a/b", "/a/../b", "//a", "/a/", "a\0b"] {
            let stage = Stage::oci();
            stage.mkdir("/1/d").mkdir("/u/d");
            assert_eq!(stage.set_xattr("/u/d", "trusted.overlay.redirect", value), Ok(()));
            stage.overlay("/1");
            assert_eq!(stage.probe("/m/d"), "EINVAL", "{value:?}");
        }
    }

    /// ```text
    /// u   f (metacopy, mode 600)      f has 1's data under u's mode; a write fetches the data
    /// 1   f "data"
    /// ```
    fn a_file_with_only_metadata_in_the_upper_reads_from_below() {
        in_both_formats(|stage| {
            stage.write("/1/f", "data").write("/u/f", "");
            stage.vfs.truncate(&stage.root, b"/u/f", 4).expect("the upper can be written");
            assert_eq!(stage.chmod("/u/f", 0o600), Ok(()));
            assert_eq!(stage.set_xattr("/u/f", "trusted.overlay.metacopy", ""), Ok(()));
            stage.overlay("/1");
            assert_eq!(stage.read("/m/f"), "data");
            assert_eq!(stage.stat("/m/f").mode, 0o600);
            stage.append("/m/f", "+more");
            assert_eq!(stage.read("/m/f"), "data+more");
            assert_eq!(stage.read("/u/f"), "data+more");
            assert_eq!(stage.xattr("/u/f", "trusted.overlay.metacopy"), Err(Kind::NoData.into()));
            assert_eq!(stage.read("/1/f"), "data");
        });
    }

    fn metadata_without_data_is_an_error() {
        let stage = Stage::oci();
        stage.write("/u/f", "");
        assert_eq!(stage.set_xattr("/u/f", "trusted.overlay.metacopy", ""), Ok(()));
        stage.overlay("/1");
        assert_eq!(stage.probe("/m/f"), "EIO");
    }

    fn dot_dot_at_the_root_of_the_overlay_leaves_it() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/f", "").write("/beside", "").overlay("/1");
        assert_eq!(stage.probe("/m/d/../f"), "found");
        assert_eq!(stage.probe("/m/d/../../beside"), "found");
    }

    /// A change made straight in a layer shows in the next operation: added, removed, replaced, another type.
    fn changes_made_in_a_layer_show_at_once() {
        in_both_formats(|stage| {
            stage.write("/1/f", "old").mkdir("/1/d").write("/2/g", "g").overlay("/1:/2");
            assert_eq!(stage.read("/m/f"), "old");
            assert_eq!(stage.probe("/m/new"), "ENOENT");
            assert_eq!(stage.list("/m"), "d f g");

            stage.write("/1/new", "new");
            assert_eq!(stage.unlink("/1/f"), Ok(()));
            assert_eq!(stage.rmdir("/1/d"), Ok(()));
            stage.write("/1/d", "a file now").whiteout("/1/g");
            assert_eq!(stage.read("/m/new"), "new");
            assert_eq!(stage.probe("/m/f"), "ENOENT");
            assert_eq!(stage.read("/m/d"), "a file now");
            assert_eq!(stage.probe("/m/g"), "ENOENT");
            assert_eq!(stage.list("/m"), "d new");

            assert_eq!(stage.unlink("/1/d"), Ok(()));
            stage.mkdir("/1/d").write("/1/d/x", "x").mkdir("/2/d").write("/2/d/y", "y");
            assert_eq!(stage.list("/m/d"), "x y");
        });
    }

    fn a_link_in_a_layer_is_followed_in_the_overlay() {
        let stage = Stage::oci();
        stage.write("/1/target", "1").symlink("target", "/2/link").symlink("loop", "/2/loop").write("/u/target", "u");
        stage.overlay("/1:/2");
        assert_eq!(stage.read("/m/link"), "u");
        assert_eq!(stage.lstat("/m/link").map(|metadata| metadata.kind), Ok(FileType::Symlink));
        assert_eq!(stage.read("/m/loop"), "ELOOP");
    }

    /// A name that leaves no room for `.wh.` before it is hidden by a device instead.
    fn the_longest_names_can_be_deleted() {
        let stage = Stage::oci();
        for length in [250, 251, 252, 255] {
            let name = "n".repeat(length);
            stage.write(&format!("/1/{name}"), "");
        }
        stage.overlay("/1");
        for length in [250, 251, 252, 255] {
            let path = format!("/m/{}", "n".repeat(length));
            assert_eq!(stage.unlink(&path), Ok(()), "{length}");
            assert_eq!(stage.probe(&path), "ENOENT", "{length}");
            stage.write(&path, "again");
            assert_eq!(stage.read(&path), "again");
            assert_eq!(stage.unlink(&path), Ok(()), "{length}");
        }
        assert_eq!(stage.list("/m"), "");
        assert_eq!(stage.probe(&format!("/m/{}", "n".repeat(256))), "ENAMETOOLONG");
    }
}
