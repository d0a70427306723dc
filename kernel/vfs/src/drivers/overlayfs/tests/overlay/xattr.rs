//! Extended attributes: the users' and the overlay's own.

use super::super::{Stage, fails, in_both_formats};
use crate::error::FileSystemErrorKind as Kind;
use crate::manager::Follow;
use crate::node::SetXattr;
use crate::vfs_test;
use alloc::format;

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

    /// What Linux says of names that leave no room for the escape, and of the bare prefix.
    fn names_that_cannot_be_kept_a_level_deeper_are_refused() {
        in_both_formats(|stage| {
            stage.write("/1/f", "").overlay("/1");
            let name = |length: usize| format!("trusted.overlay.{}", "a".repeat(length - 16));
            for (length, kind) in [(255, Kind::NotSupported), (248, Kind::NotSupported), (16, Kind::InvalidArgument)] {
                let name = name(length);
                assert_eq!(stage.set_xattr("/m/f", &name, "1"), Err(kind.into()), "{name}");
                assert_eq!(stage.xattr("/m/f", &name), Err(kind.into()), "{name}");
                fails(stage.vfs.remove_xattr(&stage.root, b"/m/f", name.as_bytes(), Follow::No), kind);
            }
            assert_eq!(stage.list("/u"), "", "nothing was copied up for that");
            for name in [&name(247)[..], "trusted.overlay", "trusted.overlayx", "user.overlay.a"] {
                assert_eq!(stage.set_xattr("/m/f", name, "1"), Ok(()), "{name}");
                assert_eq!(stage.xattr("/m/f", name).as_deref(), Ok("1"), "{name}");
            }
            assert_eq!(stage.xattr("/u/f", "trusted.overlayx").as_deref(), Ok("1"));
        });
    }

    /// ```text
    /// m2   the inner overlay: a is gone, c of 3 is there
    /// ├ m  the outer overlay: just shows d/a and d/b
    /// │ 1  d/a (overlay.whiteout)  d/b      d (overlay.opaque=x): as seen through m, where they are the inner one's own
    /// └ 3  d/a d/c
    /// ```
    fn marks_of_a_nested_overlay_are_read_by_that_one_alone() {
        let stage = Stage::new(crate::drivers::overlayfs::Format::Linux);
        stage.mkdir("/1/d").write("/1/d/a", "").write("/1/d/b", "").mkdir("/2/d").write("/2/d/a", "2");
        stage.mkdir("/3/d").write("/3/d/a", "3").write("/3/d/c", "3").mkdir("/m2").mkdir("/m3");
        assert_eq!(stage.set_xattr("/1/d", "trusted.overlay.overlay.opaque", "x"), Ok(()));
        assert_eq!(stage.set_xattr("/1/d/a", "trusted.overlay.overlay.whiteout", ""), Ok(()));
        stage.overlay("/1:/2");
        assert_eq!((stage.list("/m/d"), stage.xattrs("/m/d/a")), ("a b".into(), "trusted.overlay.whiteout".into()));
        assert!(stage.mount("overlay", "/m2", "lowerdir=/m:/3,whiteout=linux").is_ok());
        assert_eq!((stage.list("/m2/d"), stage.probe("/m2/d/a")), ("b c".into(), "ENOENT".into()));
        assert_eq!(stage.xattrs("/m2/d"), "", "they are the inner overlay's own");
        assert_eq!(stage.set_xattr("/m/d", "trusted.overlay.overlay.opaque", "y"), Ok(()));
        assert_eq!(stage.xattr("/u/d", "trusted.overlay.overlay.overlay.opaque").as_deref(), Ok("y"));
        assert_eq!(stage.xattr("/m2/d", "trusted.overlay.opaque").as_deref(), Ok("y"));
        assert!(stage.mount("overlay", "/m3", "lowerdir=/m2:/3,whiteout=linux").is_ok());
        assert_eq!(stage.list("/m3/d"), "b c", "a third level finds its own, two levels deeper in the layer");
        stage.write("/3/d/late", "");
        assert_eq!((stage.list("/m2/d"), stage.list("/m3/d")), ("b c late".into(), "b c late".into()));
    }

    fn with_userxattr_they_are_under_user() {
        let stage = Stage::new(crate::drivers::overlayfs::Format::Linux);
        stage.mkdir("/1/d").write("/1/d/f", "").write("/1/f", "").mount_overlay("lowerdir=/1,upperdir=/u,userxattr");
        for name in ["user.overlay.a", "user.b", "trusted.overlay.mine"] {
            assert_eq!(stage.set_xattr("/m/f", name, "1"), Ok(()));
        }
        assert_eq!(stage.xattrs("/m/f"), "trusted.overlay.mine user.b user.overlay.a");
        assert_eq!(stage.xattrs("/u/f"), "trusted.overlay.mine user.b user.overlay.origin user.overlay.overlay.a");
        fails(stage.xattr("/m/f", "user.overlay.origin"), Kind::NoData);
        assert_eq!((stage.unlink("/m/d/f"), stage.rmdir("/m/d"), stage.try_mkdir("/m/d")), (Ok(()), Ok(()), Ok(())));
        assert_eq!(stage.xattrs("/u/d"), "user.overlay.opaque");
        assert_eq!(stage.xattr("/u/d", "user.overlay.opaque").as_deref(), Ok("y"));
    }

    /// ```text
    /// 1   o (user.overlay.opaque=y)   x (=x)/g (user.overlay.whiteout)   t (trusted.overlay.opaque=y)
    /// 2   o/h                         x/g                                t/q
    /// ```
    fn with_userxattr_marks_under_user_are_read_and_only_those() {
        let stage = Stage::new(crate::drivers::overlayfs::Format::Linux);
        for (path, prefix, value) in [("/1/o", "user", "y"), ("/1/x", "user", "x"), ("/1/t", "trusted", "y")] {
            assert_eq!(stage.mkdir(path).set_xattr(path, &format!("{prefix}.overlay.opaque"), value), Ok(()));
        }
        assert_eq!(stage.write("/1/x/g", "").set_xattr("/1/x/g", "user.overlay.whiteout", ""), Ok(()));
        stage.mkdir("/2/o").write("/2/o/h", "").mkdir("/2/x").write("/2/x/g", "").mkdir("/2/t").write("/2/t/q", "");
        stage.mount_overlay("lowerdir=/1:/2,userxattr");
        assert_eq!(["/m/o", "/m/x", "/m/t"].map(|path| stage.list(path)), ["", "", "q"]);
    }

    /// Whoever owns a file in a layer can set its `user.` attributes. They must not show him what he may not read.
    ///
    /// ```text
    /// u     dir -> s   copy (metacopy)   stolen (metacopy) -> /secret         EPERM, each
    /// 1     s/t        copy  secret (both of mode 0600)
    /// ::d1  blob                                  1/data (metacopy) -> /blob: data-only layers are for that
    /// ```
    fn with_userxattr_nothing_is_believed_that_shows_what_is_elsewhere() {
        let stage = Stage::new(crate::drivers::overlayfs::Format::Linux);
        stage.mkdir("/1/s").write("/1/s/t", "").write("/1/secret", "secret").write("/1/copy", "secret");
        stage.write("/1/data", "").mkdir("/1/e").mkdir("/u/dir").write("/u/copy", "").write("/u/stolen", "");
        stage.mkdir("/d1").write("/d1/blob", "blob");
        for (path, metacopy, redirect) in
            [("/u/dir", false, "s"), ("/u/copy", true, ""), ("/u/stolen", true, "/secret"), ("/1/data", true, "/blob")]
        {
            if metacopy {
                assert_eq!(stage.set_xattr(path, "user.overlay.metacopy", ""), Ok(()));
            }
            if !redirect.is_empty() {
                assert_eq!(stage.set_xattr(path, "user.overlay.redirect", redirect), Ok(()));
            }
        }
        assert_eq!(stage.vfs.truncate(&stage.root, b"/1/data", 4), Ok(()));
        stage.mount_overlay("lowerdir=/1::/d1,upperdir=/u,userxattr");
        for path in ["/m/dir", "/m/copy", "/m/stolen"] {
            assert_eq!((stage.probe(path), stage.read(path)), ("EPERM".into(), "EPERM".into()), "{path}");
            assert_eq!(stage.unlink(path), Err(Kind::NotPermitted.into()));
        }
        assert_eq!(stage.read("/m/data"), "blob");
        assert_eq!(stage.rename("/m/e", "/m/moved"), Err(Kind::CrossDevice.into()), "no redirect is written either");
    }
}
