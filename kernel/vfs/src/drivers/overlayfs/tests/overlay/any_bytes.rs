//! Any bytes as a redirect or as a name that begins like a mark's. On the host only, for its property tests; whole
//! layers of any content are in the folder `tests` of the project.

use super::super::{Stage, fails};
use crate::drivers::overlayfs::marks::Redirect;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::node::{NewKind, RenameFlags};
use alloc::string::String;
use alloc::vec::Vec;
use proptest::collection::vec;
use proptest::prelude::*;

/// Values made of what redirects are made of, and of what they must not have.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-c]{1,3}".prop_map(String::into_bytes),
        3 => Just(b"/".to_vec()),
        1 => Just(b".".to_vec()),
        1 => Just(b"..".to_vec()),
        1 => Just(b"\0".to_vec()),
        1 => Just([b'n'; 255].to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A name that begins with `.wh.`, as a user may give it.
fn reserved() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no part of a name", |byte| !b"\0/".contains(byte));
    let rest = prop_oneof![
        Just(b"".to_vec()),
        Just(b".".to_vec()),
        Just(b"..".to_vec()),
        Just(b".wh..opq".to_vec()),
        Just([b'n'; 251].to_vec()),
        vec(byte, 0..=251),
    ];
    rest.prop_map(|rest| [b".wh.", &rest[..]].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// What is taken for a redirect leads downwards by plain names only, and is written as it was read.
    #[test]
    fn a_redirect_is_read_as_it_is_written(value in value()) {
        match Redirect::parse(&value) {
            Ok(redirect) => {
                let written = redirect.value();
                prop_assert_eq!(Some(&written[..]), value.strip_suffix(&[0]).or(Some(&value[..])));
                prop_assert_eq!(Redirect::parse(&written), Ok(redirect.clone()));
                let names = match redirect {
                    Redirect::Name(name) => [name].to_vec(),
                    Redirect::Path(names) => names,
                };
                for name in names {
                    prop_assert!((1..=255).contains(&name.len()) && *name != *b"." && *name != *b"..");
                    prop_assert!(!name.contains(&b'/') && !name.contains(&0));
                }
            }
            Err(error) => prop_assert_eq!(error.kind(), Kind::InvalidArgument),
        }
    }

    /// ```text
    /// 1   d/ f            .wh.ANYTHING is not there, and cannot be made by any operation
    /// ```
    #[test]
    fn no_user_makes_the_name_of_a_mark(name in reserved()) {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/f", "1").overlay("/1");
        let path = [b"/m/d/", &name[..]].concat();
        let (vfs, root) = (&stage.vfs, &stage.root);
        let create = OpenFlags::WRITE | OpenFlags::CREATE;
        fails(vfs.metadata(root, &path, Follow::No), Kind::NotFound);
        fails(vfs.open(root, &path, create, 0o644), Kind::InvalidArgument);
        fails(vfs.open(root, &path, create | OpenFlags::EXCLUSIVE, 0o644), Kind::InvalidArgument);
        fails(vfs.make_directory(root, &path, 0o755), Kind::InvalidArgument);
        fails(vfs.make_symlink(root, b"f", &path), Kind::InvalidArgument);
        fails(vfs.make_node(root, &path, NewKind::Fifo, 0o644), Kind::InvalidArgument);
        fails(vfs.link(root, b"/m/f", &path, Follow::No), Kind::InvalidArgument);
        fails(vfs.rename(root, b"/m/f", &path, RenameFlags::empty()), Kind::InvalidArgument);
        fails(vfs.rename(root, b"/m/f", &path, RenameFlags::NO_REPLACE), Kind::InvalidArgument);
        fails(vfs.rename(root, b"/m/f", &path, RenameFlags::EXCHANGE), Kind::NotFound);
        fails(vfs.rename(root, &path, b"/m/g", RenameFlags::empty()), Kind::NotFound);
        fails(vfs.unlink(root, &path), Kind::NotFound);
        let unnamed = vfs.open(root, b"/m/d", OpenFlags::WRITE | OpenFlags::TEMPORARY, 0o644).expect("it has no name");
        fails(vfs.link_file(root, &unnamed, &path), Kind::InvalidArgument);
        prop_assert_eq!(stage.list("/m/d"), "");
        prop_assert_eq!(stage.list("/m"), "d f");
    }
}
