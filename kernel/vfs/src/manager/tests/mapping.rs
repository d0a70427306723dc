//! Memory that shows the pages of a file, and what it is told.

use super::fails;
use crate::content::{Mapped, PageMapper, Shown};
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::{FileObject, OpenFlags};
use crate::node::{Access, Allocate};
use crate::selftest::world::World;
use crate::sync::Mutex;
use crate::vfs_test;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::ops::Range;

const P: u64 = 4096;
const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

/// Notes what it is told.
#[derive(Default)]
struct Memory {
    told: Mutex<String>,
}

impl Memory {
    fn note(&self, what: &str, pages: Range<u64>) {
        let end = if pages.end == u64::MAX { "".to_string() } else { pages.end.to_string() };
        self.told.lock().push_str(&format!("{what} {}..{end} ", pages.start));
    }

    /// What it was told since it was asked last.
    fn told(&self) -> String {
        core::mem::take(&mut *self.told.lock()).trim_end().to_string()
    }
}

impl PageMapper for Memory {
    fn forget(&self, pages: Range<u64>) {
        self.note("forget", pages);
    }

    fn protect(&self, pages: Range<u64>) {
        self.note("protect", pages);
    }

    fn cut(&self, from: u64) {
        self.note("cut", from..u64::MAX);
    }
}

/// A file, and memory that shows it.
struct Shared {
    file: Arc<FileObject>,
    memory: Arc<Memory>,
    mapper: Arc<dyn PageMapper>,
}

impl Shared {
    fn new(file: Arc<FileObject>) -> Self {
        let memory = Arc::new(Memory::default());
        Self { file, mapper: memory.clone(), memory }
    }

    /// The first byte of a page as it is shown.
    fn show(&self, index: u64, write: bool) -> Result<(Mapped, Option<u8>)> {
        let mut first = None;
        let mapped = self.file.node().map_page(index, write, &self.mapper, &mut |shown| {
            first = Some(match shown {
                Shown::Page(page) => page.bytes()[0],
                Shown::Bytes(bytes) => bytes[0],
                Shown::Zeros => 0,
            });
            Ok(())
        })?;
        Ok((mapped, first))
    }

    fn read(&self, index: u64) -> u8 {
        self.show(index, false).unwrap().1.unwrap()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.file.node().forget_mapper(&self.mapper);
    }
}

/// A file of pages that count from 1.
fn counted(world: &World, path: &str, pages: u8) -> Arc<FileObject> {
    let file = world.open(path, BOTH | OpenFlags::CREATE).unwrap();
    for page in 1..=pages {
        assert_eq!(file.write(&world.root.credentials, &mut &[page; P as usize][..]), Ok(P as usize));
    }
    file
}

fn write(world: &World, file: &FileObject, offset: u64, bytes: &[u8]) {
    assert_eq!(file.write_at(&world.root.credentials, offset, &mut &*bytes), Ok(bytes.len()));
}

vfs_test! {
    /// ```text
    ///   write in place             nothing: the page is the same
    ///   clone                      protect all
    ///   write what is shared       forget that page
    ///   punch, cut                 forget what goes, and the page that is cut through
    /// ```
    fn whoever_shows_pages_is_told_before_they_change() {
        let world = World::new();
        let writer = &world.root.credentials;
        let shared = Shared::new(counted(&world, "/f", 6));
        assert_eq!(shared.show(6, false), Ok((Mapped::BehindEnd, None)));
        assert_eq!(shared.show(1, true), Ok((Mapped::Shown, Some(2))));
        write(&world, &shared.file, P, b"x");
        assert_eq!((shared.memory.told(), shared.read(1)), (String::new(), b'x'));
        let snapshot = shared.file.node().content().unwrap();
        assert_eq!(shared.memory.told(), "protect 0..");
        write(&world, &shared.file, P, b"yy");
        assert_eq!((shared.memory.told(), shared.read(1)), ("forget 1..2".to_string(), b'y'));
        assert_eq!(snapshot.page(1).unwrap().bytes()[0], b'x');
        let second = shared.file.node().content().unwrap();
        assert_eq!(shared.memory.told(), "protect 0..");
        assert_eq!(shared.show(1, true), Ok((Mapped::Shown, Some(b'y'))));
        assert_eq!(shared.memory.told(), "forget 1..2", "the page that is shown is another");
        drop((snapshot, second, shared.file.node().content().unwrap()));
        assert_eq!(shared.memory.told(), "protect 0..", "who is shown the other is told of it");
        shared.file.allocate(writer, Allocate::PunchHole, P, 2 * P).unwrap();
        assert_eq!((shared.memory.told(), shared.read(1)), ("forget 1..3".to_string(), 0));
        write(&world, &shared.file, P + 1, b"z");
        assert_eq!(shared.memory.told(), "forget 1..2", "the hole is shown no more");
        write(&world, &shared.file, P + 2, b"z");
        assert_eq!(shared.memory.told(), "", "who shows nothing hears nothing");
        assert_eq!(shared.read(4), 5);
        shared.file.truncate(writer, 3 * P + 10).unwrap();
        assert_eq!(shared.memory.told(), "forget 3..");
        assert_eq!(shared.show(4, false), Ok((Mapped::BehindEnd, None)));
        assert_eq!(shared.read(0), 1);
        let from = counted(&world, "/g", 2);
        shared.file.clone_content(writer, &from).unwrap();
        assert_eq!((shared.memory.told(), shared.read(1)), ("forget 0..".to_string(), 2));
    }

    /// Behind the end a page reads as zeros, whatever was there, and whatever was written there through memory.
    fn the_last_page_ends_in_zeros() {
        let world = World::new();
        let writer = &world.root.credentials;
        let shared = Shared::new(counted(&world, "/f", 2));
        shared.file.truncate(writer, P + 4).unwrap();
        let tail = |index| {
            let mut tail = None;
            let mut look = |shown: Shown<'_>| {
                tail = if let Shown::Page(page) = shown { Some(page.bytes()[3..6].to_vec()) } else { None };
                Ok(())
            };
            shared.file.node().map_page(index, true, &shared.mapper, &mut look).unwrap();
            tail
        };
        assert_eq!(tail(1), Some([2, 0, 0].to_vec()));
        shared.memory.told();
        // What memory wrote behind the end must not be there when the end moves on, nor come later.
        shared.file.truncate(writer, P + 100).unwrap();
        assert_eq!(shared.memory.told(), "protect 1..2");
        write(&world, &shared.file, P + 200, b"x");
        assert_eq!(shared.memory.told(), "", "nobody can have written since");
    }

    /// ```text
    ///   upper             │  f'        opened for writing: the mapping of f is told, and shows f' from then on
    ///   lower    f        │  f
    /// ```
    fn memory_that_shows_a_merged_file_follows_its_copy_up() {
        let world = World::new();
        world.mkdir("/l").mkdir("/u").mkdir("/m");
        let lower = counted(&world, "/l/f", 2);
        assert!(world.mount("overlay", "/m", "lowerdir=/l,upperdir=/u").is_ok());
        let shared = Shared::new(world.open("/m/f", OpenFlags::READ).unwrap());
        assert_eq!(shared.read(1), 2);
        write(&world, &lower, P, b"l");
        assert_eq!((shared.memory.told(), shared.read(1)), (String::new(), b'l'));
        assert_eq!(shared.show(1, true), Ok((Mapped::Busy, None)), "it is copied up first");
        shared.file.node().open(Access::WRITE).unwrap();
        assert_eq!(shared.memory.told(), "protect 0.. forget 0..");
        assert_eq!(shared.show(1, true), Ok((Mapped::Shown, Some(b'l'))));
        write(&world, &lower, P, b"m");
        assert_eq!((shared.memory.told(), shared.read(1)), (String::new(), b'l'), "nothing of the lower any more");
        let upper = world.open("/u/f", BOTH).unwrap();
        write(&world, &upper, P, b"u");
        assert_eq!(shared.read(1), b'u');
    }

    fn who_works_on_a_file_is_not_waited_for() {
        struct Inside<'a>(&'a Shared);
        impl crate::io::Sink for Inside<'_> {
            fn room(&self) -> usize {
                1
            }
            fn put(&mut self, _bytes: &[u8]) -> Result<()> {
                assert_eq!(self.0.show(0, false), Ok((Mapped::Busy, None)));
                Ok(())
            }
        }
        let world = World::new();
        let shared = Shared::new(counted(&world, "/f", 1));
        assert_eq!(shared.file.read_at(0, &mut Inside(&shared)), Ok(1));
    }

    /// Who keeps copies is told as long as it is there, for a file that is cut takes them with it.
    fn who_stays_is_told_of_what_it_does_not_show() {
        let world = World::new();
        let writer = &world.root.credentials;
        let shared = Shared::new(counted(&world, "/f", 4));
        shared.file.node().note_mapper(&shared.mapper, 1..3).unwrap();
        for _ in 0..2 {
            let clone = shared.file.node().content().unwrap();
            write(&world, &shared.file, P, b"x");
            assert_eq!(shared.memory.told(), "protect 0.. forget 1..2");
            drop(clone);
        }
        shared.file.truncate(writer, 2 * P + 1).unwrap();
        assert_eq!(shared.memory.told(), "forget 2..");
        shared.file.truncate(writer, P).unwrap();
        assert_eq!(shared.memory.told(), "forget 1.. cut 1..");
        let (longer, shorter) = (counted(&world, "/longer", 4), counted(&world, "/shorter", 2));
        shared.file.clone_content(writer, &longer).unwrap();
        assert_eq!(shared.memory.told(), "forget 0..");
        shared.file.clone_content(writer, &shorter).unwrap();
        assert_eq!(shared.memory.told(), "forget 0.. cut 2..");
        shared.file.node().forget_mapper(&shared.mapper);
        shared.file.truncate(writer, 0).unwrap();
        assert_eq!(shared.memory.told(), "");
    }

    fn what_has_no_pages_is_not_mapped() {
        let world = World::new();
        world.mkdir("/d");
        let shared = Shared::new(world.open("/d", OpenFlags::READ).unwrap());
        assert!(!shared.file.node().is_mappable());
        fails(shared.show(0, false), Kind::NoSuchDevice);
    }
}
