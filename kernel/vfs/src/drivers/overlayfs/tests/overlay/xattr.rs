//! Extended attributes: the users' and the overlay's own.

use super::super::{Stage, fails, in_both_formats};
use crate::error::FileSystemErrorKind as Kind;
use crate::manager::Follow;
use crate::node::SetXattr;
use crate::vfs_test;

vfs_test! {
    fn setting_one_copies_up_and_shows() {
        in_both_formats(|stage| {
            stage.write("/1/f", "").mkdir("/1/d").overlay("/1");
            assert_eq!(stage.set_xattr("/m/f", "user.a", "1"), Ok(()));
            assert_eq!(stage.set_xattr("/m/d", "user.b", "2"), Ok(()));
            assert_eq!(stage.xattr("/m/f", "user.a").as_deref(), Ok("1"));
            assert_eq!(stage.xattr("/u/d", "user.b").as_deref(), Ok("2"));
            assert_eq!(stage.xattrs("/1/f"), "");
            assert_eq!(stage.vfs.remove_xattr(&stage.root, b"/m/f", b"user.a", Follow::No), Ok(()));
            assert_eq!(stage.xattrs("/m/f"), "");
        });
    }

    fn what_cannot_be_is_refused_without_a_copy() {
        let stage = Stage::oci();
        stage.write("/1/f", "");
        assert_eq!(stage.set_xattr("/1/f", "user.a", "1"), Ok(()));
        stage.overlay("/1");
        let set = |name: &[u8], how| stage.vfs.set_xattr(&stage.root, b"/m/f", name, b"", how, Follow::No);
        fails(set(b"user.a", SetXattr::Create), Kind::AlreadyExists);
        fails(set(b"user.b", SetXattr::Replace), Kind::NoData);
        fails(stage.vfs.remove_xattr(&stage.root, b"/m/f", b"user.b", Follow::No), Kind::NoData);
        assert_eq!(stage.list("/u"), "");
        assert_eq!(stage.vfs.remove_xattr(&stage.root, b"/m/f", b"user.a", Follow::No), Ok(()));
        assert_eq!(stage.xattrs("/m/f"), "");
        assert_eq!(stage.xattrs("/1/f"), "user.a");
    }

    fn the_overlays_own_are_hidden() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/f", "").overlay("/1").append("/m/d/f", "+");
            assert_eq!(stage.rename("/m/d", "/m/e"), Ok(()));
            assert_eq!(stage.xattrs("/m/e"), "");
            assert_eq!(stage.xattrs("/m/e/f"), "");
            assert_eq!(stage.xattrs("/u/e"), "trusted.overlay.redirect");
            fails(stage.xattr("/m/e", "trusted.overlay.redirect"), Kind::NoData);
        });
    }

    /// A user's `trusted.overlay.x` is kept one level deeper, so that an overlay in an overlay has its own.
    fn those_of_a_nested_overlay_are_kept_apart() {
        in_both_formats(|stage| {
            stage.write("/1/f", "").mkdir("/1/d").mkdir("/2/d").write("/2/d/x", "").overlay("/1:/2");
            assert_eq!(stage.set_xattr("/m/d", "trusted.overlay.opaque", "y"), Ok(()));
            assert_eq!(stage.set_xattr("/m/f", "trusted.overlay.overlay.deep", "z"), Ok(()));
            assert_eq!(stage.xattr("/u/d", "trusted.overlay.overlay.opaque").as_deref(), Ok("y"));
            assert_eq!(stage.xattr("/m/d", "trusted.overlay.opaque").as_deref(), Ok("y"));
            assert_eq!(stage.xattrs("/m/d"), "trusted.overlay.opaque");
            assert_eq!(stage.xattrs("/m/f"), "trusted.overlay.overlay.deep");
            assert_eq!(stage.xattr("/u/f", "trusted.overlay.overlay.overlay.deep").as_deref(), Ok("z"));
            stage.unmount().overlay("/1:/2");
            assert_eq!(stage.list("/m/d"), "x", "it is the nested overlay's mark, not this one's");
            assert_eq!(stage.rename("/m/d", "/m/e"), Ok(()));
            assert_eq!(stage.xattrs("/m/e"), "trusted.overlay.opaque");
        });
    }

    fn with_userxattr_they_are_under_user() {
        let stage = Stage::new(crate::drivers::overlayfs::Format::Linux);
        stage.mkdir("/1/d").write("/1/d/f", "").mount_overlay("lowerdir=/1,upperdir=/u,userxattr");
        assert_eq!(stage.rename("/m/d", "/m/e"), Ok(()));
        assert_eq!(stage.xattrs("/u/e"), "user.overlay.redirect");
        assert_eq!(stage.xattrs("/m/e"), "");
        assert_eq!(stage.set_xattr("/m/e", "trusted.overlay.mine", "1"), Ok(()));
        assert_eq!(stage.xattr("/u/e", "trusted.overlay.mine").as_deref(), Ok("1"));
        assert_eq!(stage.list("/m/e"), "f");
    }
}
