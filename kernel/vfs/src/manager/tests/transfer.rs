//! Flags of an open file and of one write to it; places in a listing; times of birth.

use super::fails;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::{FileObject, OpenFlags, SeekFrom, TransferFlags};
use crate::manager::Follow;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;

fn opened(world: &World, path: &str, flags: OpenFlags) -> Arc<FileObject> {
    world.open(path, flags).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

vfs_test! {
    /// ```text
    /// f "0123", position 1     RWF_APPEND at 0: the position stays; without an offset it moves behind what was written
    /// ```
    fn one_write_can_go_to_the_end() {
        let world = World::new();
        world.write("/f", "0123");
        let root = &world.root.credentials;
        let file = opened(&world, "/f", WRITE);
        assert_eq!(file.seek(SeekFrom::Start(1)), Ok(1));
        let append = |offset, mut text: &[u8]| file.write_with(root, offset, TransferFlags::APPEND, &mut text);
        assert_eq!((append(Some(0), b"ab"), file.position()), (Ok(2), 1));
        assert_eq!((append(None, b"cd"), file.position()), (Ok(2), 8));
        assert_eq!(world.read("/f"), "0123abcd");
    }

    /// RWF_NOAPPEND: where it is meant to go although the file was opened to append.
    fn one_write_can_go_elsewhere_than_to_the_end() {
        let world = World::new();
        world.write("/f", "0123");
        let root = &world.root.credentials;
        let file = opened(&world, "/f", WRITE | OpenFlags::APPEND);
        let place = |offset, mut text: &[u8]| file.write_with(root, offset, TransferFlags::NO_APPEND, &mut text);
        assert_eq!((place(Some(1), b"x"), file.position()), (Ok(1), 0));
        assert_eq!((place(None, b"y"), file.position()), (Ok(1), 1));
        assert_eq!(file.write_at(root, 0, &mut &b"z"[..]), Ok(1));
        assert_eq!(world.read("/f"), "yx23z");
    }

    /// What a tmpfs of Linux answers.
    fn flags_of_a_transfer_that_are_none() {
        for known in [0x1, 0x2, 0x4, 0x10, 0x20] {
            assert!(TransferFlags::from_linux(known).is_ok(), "{known:#x}");
        }
        for unknown in [0x8, 0x40, 0x80, 0x8000_0000] {
            fails(TransferFlags::from_linux(unknown), Kind::NotSupported);
        }
        fails(TransferFlags::from_linux(0x30), Kind::InvalidArgument);
    }

    /// F_SETFL changes some flags, and only the owner may leave access times alone.
    fn flags_that_can_be_changed_later() {
        let world = World::new();
        world.write("/f", "");
        assert_eq!(world.vfs.set_mode(&world.root, b"/f", 0o666, Follow::Yes), Ok(()));
        let file = opened(&world, "/f", WRITE | OpenFlags::SYNC);
        let (user, stays) = (world.user(5, 5).credentials, WRITE | OpenFlags::SYNC | OpenFlags::LARGE);
        let asked = OpenFlags::APPEND | OpenFlags::DIRECT | OpenFlags::NO_ACCESS_TIME | OpenFlags::DATA_SYNC | READ;
        fails(file.set_flags(&user, asked), Kind::NotPermitted);
        assert_eq!(file.flags(), stays);
        assert_eq!(file.set_flags(&world.root.credentials, asked), Ok(()));
        let changed = OpenFlags::APPEND | OpenFlags::DIRECT | OpenFlags::NO_ACCESS_TIME;
        assert_eq!(file.flags(), stays | changed);
        // To keep it is not to ask for it.
        assert_eq!(file.set_flags(&user, OpenFlags::NO_ACCESS_TIME), Ok(()));
        assert_eq!(file.flags(), stays | OpenFlags::NO_ACCESS_TIME);
    }

    /// ```text
    /// m (overlay): u d/{00..09}, l d/{10..19}      each entry's cursor leads to what came after it
    /// ```
    fn a_place_in_a_listing_can_be_gone_back_to() {
        let world = World::new();
        world.mkdir("/u/d").mkdir("/l/d").mkdir("/m");
        for index in 0..10 {
            world.write(&format!("/u/d/0{index}"), "").write(&format!("/l/d/1{index}"), "");
        }
        assert!(world.mount("overlay", "/m", "lowerdir=/l,upperdir=/u").is_ok());
        for path in ["/l/d", "/m/d"] {
            let directory = opened(&world, path, READ);
            let list = || {
                let mut items: Vec<(String, u64)> = Vec::new();
                let listed = directory.list(&mut |item| {
                    items.push((item.name.escape_ascii().to_string(), item.next));
                    true
                });
                assert_eq!(listed, Ok(()));
                items
            };
            let all = list();
            assert_eq!(all.len(), if path == "/m/d" { 22 } else { 12 });
            for (index, (name, next)) in all.iter().enumerate() {
                assert_eq!(directory.seek(SeekFrom::Start(next.cast_signed())), Ok(*next));
                assert_eq!(list(), all[index + 1..], "after {name} of {path}");
            }
        }
    }

    /// ```text
    /// m (overlay): nobody knows when a merged file was made, for a copy is younger than the file
    /// ```
    fn a_node_knows_when_it_was_made() {
        let world = World::new();
        world.mkdir("/l/d").mkdir("/u").mkdir("/m");
        let made = world.stat("/l/d");
        assert!(made.created > world.stat("/l").created && made.created <= Some(made.changed));
        assert_eq!(world.vfs.set_mode(&world.root, b"/l/d", 0o700, Follow::Yes), Ok(()));
        assert_eq!(world.rename("/l/d", "/l/e"), Ok(()));
        assert_eq!(world.stat("/l/e").created, made.created);
        assert_ne!(world.stat("/l/e").changed, made.changed);
        assert!(world.mount("overlay", "/m", "lowerdir=/l,upperdir=/u").is_ok());
        assert_eq!(world.stat("/m/e").created, None);
    }
}
