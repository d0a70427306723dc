//! Extended attributes (`xattr(7)`).

use super::fails;
use crate::error::FileSystemErrorKind as Kind;
use crate::manager::Follow;
use crate::node::SetXattr;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::vec;
use alloc::vec::Vec;

const FOLLOW: Follow = Follow::Yes;

vfs_test! {
    fn attributes_are_set_replaced_listed_and_removed() {
        let world = World::new();
        world.write("/f", "");
        let (vfs, root) = (&world.vfs, &world.root);
        let set = |value: &[u8], how| vfs.set_xattr(root, b"/f", b"user.a", value, how, FOLLOW);
        fails(set(b"1", SetXattr::Replace), Kind::NoData);
        assert_eq!(set(b"1", SetXattr::Create), Ok(()));
        fails(set(b"2", SetXattr::Create), Kind::AlreadyExists);
        assert_eq!(set(b"", SetXattr::Any), Ok(()));
        assert_eq!(vfs.get_xattr(root, b"/f", b"user.a", FOLLOW), Ok(Vec::new()));
        assert_eq!(vfs.list_xattrs(root, b"/f", FOLLOW), Ok(vec![b"user.a".to_vec()]));
        assert_eq!(vfs.remove_xattr(root, b"/f", b"user.a", FOLLOW), Ok(()));
        fails(vfs.remove_xattr(root, b"/f", b"user.a", FOLLOW), Kind::NoData);
        fails(vfs.get_xattr(root, b"/f", b"user.a", FOLLOW), Kind::NoData);
    }

    fn names_and_values_have_limits() {
        let world = World::new();
        world.write("/f", "");
        let set = |name: &[u8], value: &[u8]| world.vfs.set_xattr(&world.root, b"/f", name, value, SetXattr::Any, FOLLOW);
        fails(set(b"", b""), Kind::OutOfRange);
        fails(set(&[&b"user."[..], &[b'x'; 251]].concat(), b""), Kind::OutOfRange);
        fails(set(b"user.", b""), Kind::InvalidArgument);
        fails(set(b"colour", b""), Kind::NotSupported);
        fails(set(b"user.big", &[0; 65_537]), Kind::ArgumentListTooLong);
        assert_eq!(set(b"user.big", &[7; 65_536]), Ok(()));
    }

    fn each_namespace_has_its_own_rule() {
        let world = World::new();
        world.write("/f", "").symlink("f", "/l");
        let user = world.user(1, 1);
        let (vfs, root) = (&world.vfs, &world.root);
        assert_eq!(vfs.set_xattr(root, b"/f", b"trusted.t", b"1", SetXattr::Any, FOLLOW), Ok(()));
        assert_eq!(vfs.set_xattr(root, b"/f", b"user.u", b"1", SetXattr::Any, FOLLOW), Ok(()));
        assert_eq!(vfs.list_xattrs(&user, b"/f", FOLLOW), Ok(vec![b"user.u".to_vec()]));
        fails(vfs.get_xattr(&user, b"/f", b"trusted.t", FOLLOW), Kind::NoData);
        assert_eq!(vfs.get_xattr(&user, b"/f", b"user.u", FOLLOW), Ok(b"1".to_vec()));
        fails(vfs.set_xattr(&user, b"/f", b"trusted.t", b"2", SetXattr::Any, FOLLOW), Kind::NotPermitted);
        fails(vfs.set_xattr(&user, b"/f", b"user.u", b"2", SetXattr::Any, FOLLOW), Kind::PermissionDenied);
        fails(vfs.set_xattr(root, b"/l", b"user.u", b"2", SetXattr::Any, Follow::No), Kind::NotPermitted);
        assert_eq!(vfs.set_xattr(root, b"/l", b"trusted.t", b"2", SetXattr::Any, Follow::No), Ok(()));
    }
}
