//! Copying between open files.

use super::fails;
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::{FileObject, OpenFlags, SeekFrom};
use crate::manager::Follow;
use crate::selftest::world::World;
use crate::vfs_test;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;
const P: u64 = 4096;

fn open(world: &World, path: &str, flags: OpenFlags) -> Arc<FileObject> {
    world.open(path, flags).unwrap_or_else(|error| panic!("open {path}: {error:?}"))
}

/// Makes a file of `pages` pages, whose bytes count pages, and opens it.
fn counted(world: &World, path: &str, pages: u8) -> Arc<FileObject> {
    let file = open(world, path, READ | WRITE | OpenFlags::CREATE);
    for page in 0..pages {
        assert_eq!(file.write(&world.root.credentials, &mut &[page + 1; P as usize][..]), Ok(P as usize));
    }
    file
}

fn bytes(file: &FileObject) -> Result<Vec<u8>> {
    let mut bytes = vec![0xee; file.metadata()?.size as usize];
    let count = file.read_at(0, &mut &mut bytes[..])?;
    assert_eq!(count, bytes.len());
    Ok(bytes)
}

vfs_test! {
    /// ```text
    ///   from   1 2 3 4                      from   1 2 3 4
    ///   to     (empty)   pages 1 to 3 →     to     2 3 4      no page more than before
    ///                    write into to →    to     2 x 4      one page more
    /// ```
    fn whole_pages_are_shared_until_one_side_writes() {
        let world = World::new();
        let writer = &world.root.credentials;
        let from = counted(&world, "/from", 4);
        let to = open(&world, "/to", READ | WRITE | OpenFlags::CREATE);
        let before = page::faults::pages();
        assert_eq!(from.copy_range(writer, P, &to, 0, 100 * P), Ok(3 * P));
        assert_eq!(page::faults::pages() - before, 0);
        assert_eq!(bytes(&to).map(|bytes| (bytes.len() as u64, bytes[0], bytes[3 * P as usize - 1])), Ok((3 * P, 2, 4)));
        assert_eq!(to.write_at(writer, P, &mut &b"x"[..]), Ok(1));
        assert_eq!(page::faults::pages() - before, 1);
        assert_eq!(bytes(&to).map(|bytes| bytes[P as usize]), Ok(b'x'));
        assert_eq!(bytes(&from).map(|bytes| bytes[2 * P as usize]), Ok(3));
    }

    fn any_range_is_copied_byte_for_byte() {
        let world = World::new();
        let writer = &world.root.credentials;
        let from = counted(&world, "/from", 3);
        let expected = bytes(&from).unwrap_or_default();
        for (offset, at, length) in [(1, 0, 5000), (0, 1, 5000), (P, P, P), (P - 1, 3 * P + 7, 2), (10, P + 10, 2 * P)] {
            let to = open(&world, "/to", READ | WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE);
            assert_eq!(from.copy_range(writer, offset, &to, at, length), Ok(length));
            let copied = bytes(&to).unwrap_or_default();
            assert!(copied[..at as usize].iter().all(|&byte| byte == 0));
            assert_eq!(copied[at as usize..], expected[offset as usize..(offset + length) as usize]);
        }
    }

    fn holes_stay_holes_and_hide_what_was_there() {
        let world = World::new();
        let writer = &world.root.credentials;
        let from = counted(&world, "/from", 1);
        assert_eq!(from.truncate(writer, 8 * P), Ok(()));
        let to = counted(&world, "/to", 4);
        assert_eq!(from.copy_range(writer, 0, &to, 0, 8 * P), Ok(8 * P));
        assert_eq!(to.metadata().map(|metadata| (metadata.size, metadata.blocks)), Ok((8 * P, 8)));
        assert_eq!(to.seek(SeekFrom::Hole(0)), Ok(P));
        assert_eq!(bytes(&to).map(|bytes| bytes[P as usize..].iter().all(|&byte| byte == 0)), Ok(true));
    }

    fn within_one_file_ranges_must_not_overlap() {
        let world = World::new();
        let writer = &world.root.credentials;
        let file = counted(&world, "/f", 4);
        fails(file.copy_range(writer, 0, &file, P, 2 * P), Kind::InvalidArgument);
        fails(file.copy_range(writer, 2 * P, &file, P, 2 * P), Kind::InvalidArgument);
        assert_eq!(file.copy_range(writer, 0, &file, 2 * P, 2 * P), Ok(2 * P));
        assert_eq!(bytes(&file).map(|bytes| [0, 1, 2, 3].map(|page| bytes[page * P as usize])), Ok([1, 2, 1, 2]));
    }

    /// In the order in which Linux asks (copy_file_range(2)).
    fn what_cannot_be_copied_is_told() {
        let world = World::new();
        let writer = &world.root.credentials;
        let file = counted(&world, "/f", 1);
        world.mkdir("/d");
        let directory = open(&world, "/d", READ);
        let append = open(&world, "/a", WRITE | OpenFlags::CREATE | OpenFlags::APPEND);
        let read_only = open(&world, "/f", READ);
        let empty = open(&world, "/e", READ | WRITE | OpenFlags::CREATE);
        fails(directory.copy_range(writer, 0, &file, 0, 1), Kind::IsADirectory);
        fails(file.copy_range(writer, 0, &directory, 0, 1), Kind::IsADirectory);
        fails(append.copy_range(writer, 0, &file, 0, 1), Kind::BadFileDescriptor);
        fails(file.copy_range(writer, 0, &append, 0, 1), Kind::BadFileDescriptor);
        fails(file.copy_range(writer, 0, &read_only, P, 1), Kind::BadFileDescriptor);
        fails(file.copy_range(writer, 0, &empty, u64::MAX, 2), Kind::Overflow);
        fails(file.copy_range(writer, 0, &empty, i64::MAX as u64, 1), Kind::FileTooLarge);
        assert_eq!(file.copy_range(writer, P, &empty, 0, 1), Ok(0));
        assert_eq!(file.copy_range(writer, 7 * P, &empty, 0, 1), Ok(0));
        fails(file.clone_content(writer, &directory), Kind::IsADirectory);
        fails(append.clone_content(writer, &file), Kind::BadFileDescriptor);
    }

    fn a_copy_stops_where_space_ends_and_says_how_far_it_came() {
        let world = World::new();
        let writer = &world.root.credentials;
        world.mkdir("/small");
        assert!(world.mount("tmpfs", "/small", "size=8k").is_ok());
        let from = counted(&world, "/from", 4);
        let to = open(&world, "/small/to", READ | WRITE | OpenFlags::CREATE);
        assert_eq!(from.copy_range(writer, 0, &to, 0, 4 * P), Ok(2 * P));
        fails(from.copy_range(writer, 2 * P, &to, 2 * P, P), Kind::NoSpace);
        assert_eq!(bytes(&to).map(|bytes| (bytes.len() as u64, bytes[0], bytes[P as usize])), Ok((2 * P, 1, 2)));
    }

    fn a_clone_replaces_the_whole_content_and_takes_set_id_bits_away() {
        let world = World::new();
        let from = counted(&world, "/from", 4);
        world.write("/to", "text");
        assert_eq!(world.vfs.set_owner(&world.root, b"/to", Some(5), None, Follow::Yes), Ok(()));
        assert_eq!(world.vfs.set_mode(&world.root, b"/to", 0o4755, Follow::Yes), Ok(()));
        let to = world.vfs.open(&world.user(5, 5), b"/to", WRITE, 0).unwrap_or_else(|error| panic!("{error:?}"));
        let before = page::faults::pages();
        assert_eq!(to.clone_content(&world.user(5, 5).credentials, &from), Ok(()));
        // The page that held the text went.
        assert_eq!(before - page::faults::pages(), 1);
        assert_eq!(to.metadata().map(|metadata| (metadata.size, metadata.mode)), Ok((4 * P, 0o755)));
    }
}
