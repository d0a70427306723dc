//! Opening, reading, writing, listing.

use super::fails;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::{OpenFlags, SeekFrom};
use crate::manager::Follow;
use crate::node::NewKind;
use crate::selftest::world::{World, read_all};
use crate::vfs_test;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;

vfs_test! {
    fn create_exclusive_and_truncate() {
        let world = World::new();
        let create = WRITE | OpenFlags::CREATE;
        assert_eq!(world.put("/f", create, "long text"), Ok(()));
        assert_eq!(world.put("/f", create, "LONG"), Ok(()));
        assert_eq!(world.read("/f"), "LONG text");
        fails(world.open("/f", create | OpenFlags::EXCLUSIVE), Kind::AlreadyExists);
        assert_eq!(world.put("/f", WRITE | OpenFlags::TRUNCATE, "x"), Ok(()));
        assert_eq!(world.read("/f"), "x");
        fails(world.open("/g", WRITE), Kind::NotFound);
        fails(world.open("/g/", create), Kind::IsADirectory);
        fails(world.open("/", create), Kind::IsADirectory);
        fails(world.open("/g", create | OpenFlags::DIRECTORY), Kind::InvalidArgument);
    }

    /// A dangling link: O_CREAT makes what it points to, O_EXCL does not follow it.
    fn create_goes_through_a_dangling_link() {
        let world = World::new();
        world.mkdir("/d").symlink("d/target", "/link");
        let create = WRITE | OpenFlags::CREATE;
        fails(world.open("/link", create | OpenFlags::EXCLUSIVE), Kind::AlreadyExists);
        fails(world.open("/link", create | OpenFlags::NO_FOLLOW), Kind::TooManySymlinks);
        assert_eq!(world.put("/link", create, "made"), Ok(()));
        assert_eq!(world.read("/d/target"), "made");
    }

    fn kinds_and_flags_must_fit() {
        let world = World::new();
        world.mkdir("/d").write("/f", "").symlink("f", "/l");
        assert_eq!(world.vfs.make_node(&world.root, b"/s", NewKind::Socket, 0o644), Ok(()));
        fails(world.open("/d", WRITE), Kind::IsADirectory);
        fails(world.open("/f", READ | OpenFlags::DIRECTORY), Kind::NotADirectory);
        fails(world.open("/l", READ | OpenFlags::NO_FOLLOW), Kind::TooManySymlinks);
        fails(world.open("/s", READ), Kind::NoSuchDeviceOrAddress);
        let directory = world.open("/d", READ).unwrap_or_else(|error| panic!("{error:?}"));
        fails(directory.read(&mut &mut [0; 8][..]), Kind::IsADirectory);
        let place = world.open("/l", OpenFlags::PATH | OpenFlags::NO_FOLLOW);
        fails(place.unwrap_or_else(|error| panic!("{error:?}")).read(&mut &mut [0; 8][..]), Kind::BadFileDescriptor);
    }

    fn rights_are_asked_for_at_open_and_kept() {
        let world = World::new();
        world.write("/f", "text");
        assert_eq!(world.vfs.set_mode(&world.root, b"/f", 0o604, Follow::Yes), Ok(()));
        let (group, other) = (world.user(5, 0), world.user(5, 5));
        fails(world.vfs.open(&group, b"/f", READ, 0), Kind::PermissionDenied);
        let file = world.vfs.open(&other, b"/f", READ, 0).unwrap_or_else(|error| panic!("{error:?}"));
        fails(world.vfs.open(&other, b"/f", READ | WRITE, 0), Kind::PermissionDenied);
        fails(world.vfs.open(&other, b"/f", READ | OpenFlags::NO_ACCESS_TIME, 0), Kind::NotPermitted);
        assert_eq!(world.vfs.set_mode(&world.root, b"/f", 0, Follow::Yes), Ok(()));
        assert_eq!(read_all(&file).as_deref(), Ok("text"));
        fails(file.write(&world.root.credentials, &mut &b"x"[..]), Kind::BadFileDescriptor);
    }

    /// Who makes a file may write it although its mode says nobody may.
    fn a_new_file_is_open_for_its_maker_whatever_its_mode() {
        let world = World::new();
        assert_eq!(world.vfs.set_mode(&world.root, b"/", 0o777, Follow::Yes), Ok(()));
        let user = world.user(5, 5);
        let file = world.vfs.open(&user, b"/f", WRITE | OpenFlags::CREATE, 0o400);
        let written = file.and_then(|file| file.write(&world.root.credentials, &mut &b"text"[..]));
        assert_eq!(written, Ok(4));
        fails(world.vfs.open(&user, b"/f", WRITE, 0), Kind::PermissionDenied);
    }

    fn append_writes_at_the_end_wherever_the_position_is() {
        let world = World::new();
        world.write("/f", "one");
        let file = world.open("/f", READ | WRITE | OpenFlags::APPEND).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(file.seek(SeekFrom::Start(1)), Ok(1));
        assert_eq!(file.write(&world.root.credentials, &mut &b"two"[..]), Ok(3));
        assert_eq!(file.position(), 6);
        assert_eq!(file.write_at(&world.root.credentials, 0, &mut &b"three"[..]), Ok(5));
        assert_eq!(world.read("/f"), "onetwothree");
    }

    fn seeks_move_the_position_within_reason() {
        let world = World::new();
        world.write("/f", "0123456789");
        let file = world.open("/f", READ | WRITE).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(file.seek(SeekFrom::End(-3)), Ok(7));
        assert_eq!(file.seek(SeekFrom::Current(1)), Ok(8));
        assert_eq!(read_all(&file).as_deref(), Ok("89"));
        fails(file.seek(SeekFrom::Current(-11)), Kind::InvalidArgument);
        assert_eq!(file.seek(SeekFrom::Start(100)), Ok(100));
        assert_eq!(read_all(&file).as_deref(), Ok(""));
        assert_eq!(file.write(&world.root.credentials, &mut &b"end"[..]), Ok(3));
        assert_eq!(world.stat("/f").size, 103);
        fails(file.seek(SeekFrom::Data(200)), Kind::NoSuchDeviceOrAddress);
    }

    /// O_TMPFILE: nobody sees it until it is linked.
    fn an_unnamed_file_gets_its_name_by_link() {
        let world = World::new();
        world.mkdir("/d");
        let flags = READ | WRITE | OpenFlags::TEMPORARY;
        let file = world.open("/d", flags).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(file.write(&world.root.credentials, &mut &b"text"[..]), Ok(4));
        assert_eq!(world.list("/d"), "");
        assert_eq!(file.metadata().map(|metadata| metadata.links), Ok(0));
        assert_eq!(world.vfs.link_file(&world.root, &file, b"/d/named"), Ok(()));
        assert_eq!(world.read("/d/named"), "text");
        assert_eq!(world.stat("/d/named").links, 1);
        fails(world.open("/d", READ | OpenFlags::TEMPORARY), Kind::InvalidArgument);
        fails(world.open("/d/named", flags), Kind::NotADirectory);
    }

    /// `O_EXCL` with `O_TMPFILE` says that it never gets one.
    fn an_unnamed_file_opened_exclusively_gets_no_name() {
        let world = World::new();
        world.mkdir("/d").write("/f", "");
        let flags = WRITE | OpenFlags::TEMPORARY | OpenFlags::EXCLUSIVE;
        let file = world.open("/d", flags).unwrap_or_else(|error| panic!("{error:?}"));
        fails(world.vfs.link_file(&world.root, &file, b"/d/named"), Kind::NotFound);
        fails(world.vfs.link_file(&world.root, &file, b"/f"), Kind::AlreadyExists);
        assert_eq!(world.list("/d"), "");
    }

    fn writing_nothing_leaves_the_position_also_when_appending() {
        let world = World::new();
        world.write("/f", "text");
        let file = world.open("/f", READ | WRITE | OpenFlags::APPEND).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(file.write(&world.root.credentials, &mut &b""[..]), Ok(0));
        assert_eq!(file.position(), 0);
        assert_eq!(file.write(&world.root.credentials, &mut &b"+"[..]), Ok(1));
        assert_eq!(file.position(), 5);
    }

    fn an_unlinked_file_lives_on_while_open() {
        let world = World::new();
        world.write("/f", "text");
        let file = world.open("/f", READ | WRITE).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(world.unlink("/f"), Ok(()));
        assert_eq!(read_all(&file).as_deref(), Ok("text"));
        assert_eq!(file.write(&world.root.credentials, &mut &b"more"[..]), Ok(4));
        assert_eq!(file.metadata().map(|metadata| (metadata.links, metadata.size)), Ok((0, 8)));
        fails(world.vfs.link_file(&world.root, &file, b"/g"), Kind::NotFound);
    }

    /// Entries are taken one at a time while others come and go: each that was there throughout shows exactly once.
    fn a_listing_survives_changes_between_its_steps() {
        let world = World::new();
        world.mkdir("/d");
        for index in 0..20 {
            world.write(&format!("/d/{index:02}"), "");
        }
        let directory = world.open("/d", READ).unwrap_or_else(|error| panic!("{error:?}"));
        let mut seen: Vec<String> = Vec::new();
        loop {
            let before = seen.len();
            let step = directory.list(&mut |item| {
                let free = seen.len() == before;
                if free {
                    seen.push(item.name.escape_ascii().to_string());
                }
                free
            });
            assert_eq!(step, Ok(()));
            if seen.len() == before {
                break;
            }
            match seen.len() {
                5 => assert_eq!(world.unlink("/d/00"), Ok(())),
                7 => assert_eq!(world.unlink("/d/19"), Ok(())),
                9 => drop(world.write("/d/new", "")),
                _ => {}
            }
        }
        let stayed = seen.iter().filter(|name| !matches!(name.as_str(), "00" | "19" | "new" | "." | "..")).count();
        assert_eq!(stayed, 18);
        seen.sort();
        let all = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), all, "an entry showed twice");
        assert_eq!(directory.seek(SeekFrom::Start(0)), Ok(0));
        let mut again = 0;
        assert_eq!(directory.list(&mut |_| { again += 1; true }), Ok(()));
        assert_eq!(again, 2 + 19);
    }
}
