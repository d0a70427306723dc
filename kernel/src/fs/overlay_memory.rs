//! What an overlay takes of the machine's memory, and what it does where there is none: as tests, for only here is the
//! memory a machine's.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use vfs::content::Bytes;
use vfs::drivers::cpiofs::CpioFs;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::OpenFlags;
use vfs::manager::Follow;
use vfs::manager::mounts::UnmountFlags;
use vfs::mount::MountFlags;
use vfs::node::SetXattr;
use vfs::selftest::world::World;

use crate::ktest;
use crate::mm::frames::{self, Frame};
use crate::mm::pages::data_reserve;
use crate::mm::usage;
use crate::root::tests::entry;

/// How large the large file of the archive is.
const LARGE: usize = 4 << 20;

/// A namespace with an archive on `/1`, a tmpfs of 2 MiB on `/u`, and an overlay of them on `/m`.
///
/// ```text
/// u
/// 1   large (4 MiB)   d/f   d/g   e/
/// ```
fn over_an_archive() -> World {
    let large = "x".repeat(LARGE);
    let archive = [
        entry("large", 0o100_644, &large),
        entry("d", 0o040_755, ""),
        entry("d/f", 0o100_644, "archived"),
        entry("d/g", 0o100_644, "more"),
        entry("e", 0o040_755, ""),
        entry("TRAILER!!!", 0, ""),
    ];
    let world = World::new();
    world.mkdir("/1").mkdir("/u").mkdir("/m");
    let archive = CpioFs::from_archive(Bytes::from_vec(archive.concat())).expect("it is an archive");
    let mounted = world.vfs.mount_file_system(&world.root, b"/1", archive, b"archive", MountFlags::empty());
    assert_eq!(mounted, Ok(()));
    assert!(world.mount("tmpfs", "/u", "size=2m").is_ok());
    assert!(world.mount("overlay", "/m", "lowerdir=/1,upperdir=/u").is_ok());
    world
}

fn unmount(world: &World, target: &str) {
    assert_eq!(world.vfs.unmount(&world.root, target.as_bytes(), UnmountFlags::empty()), Ok(()));
}

/// All that the overlay shows.
fn view(world: &World) -> String {
    let mut text = String::new();
    for directory in ["/m", "/m/d", "/m/e"] {
        text += &format!("{directory}: {}\n", world.list(directory));
    }
    for file in ["/m/d/f", "/m/d/g"] {
        text += &format!("{file}: {:o} {}\n", world.stat(file).mode, world.read(file));
    }
    text
}

/// Takes all frames but so many, until they are given back.
struct Taken(Vec<Frame>);

impl Taken {
    fn all_but(left: usize) -> Self {
        let mut taken = Vec::new();
        taken.try_reserve_exact(usage().total_frames).expect("the list of all frames is small");
        while let Some(frame) = frames::allocate_above(left) {
            taken.push(frame);
        }
        Self(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.drain(..).for_each(frames::free);
    }
}

type Change = fn(&World) -> Result<()>;

/// What changes the overlay, and needs memory for that.
const CHANGES: [(&str, Change); 9] = [
    ("append", |world| world.put("/m/d/f", OpenFlags::WRITE | OpenFlags::APPEND, "+")),
    ("create", |world| world.put("/m/d/new", OpenFlags::WRITE | OpenFlags::CREATE, "")),
    ("chmod", |world| world.vfs.set_mode(&world.root, b"/m/d/g", 0o600, Follow::Yes)),
    ("mkdir", |world| world.vfs.make_directory(&world.root, b"/m/e/new", 0o755)),
    ("symlink", |world| world.vfs.make_symlink(&world.root, b"f", b"/m/d/link")),
    ("link", |world| world.vfs.link(&world.root, b"/m/d/g", b"/m/e/g", Follow::No)),
    ("setxattr", |world| {
        world.vfs.set_xattr(&world.root, b"/m/d/g", b"user.a", &[7; 60_000], SetXattr::Any, Follow::No)
    }),
    ("rename", |world| world.rename("/m/e", "/m/e2")),
    ("unlink", |world| world.unlink("/m/d/g")),
];

ktest! {
    /// One byte written into the middle of the large file: the page it is on, and nothing of the others.
    fn one_byte_written_into_a_large_archived_file_takes_one_frame() {
        let world = over_an_archive();
        let file = world.open("/m/large", OpenFlags::READ | OpenFlags::WRITE).expect("it opens");
        let (pages, before) = (page::in_use(), usage());
        let middle = LARGE as u64 / 2;
        assert_eq!(file.write_at(&world.root.credentials, middle, &mut &b"y"[..]), Ok(1));
        assert_eq!(page::in_use() - pages, 1);
        let heap = usage().heap_bytes - before.heap_bytes;
        assert!(heap < page::SIZE, "{heap} bytes of heap for the way to the page");
        let mut bytes = [0; 3];
        assert_eq!(file.read_at(middle - 1, &mut &mut bytes[..]), Ok(3));
        assert_eq!(&bytes, b"xyx");
        assert_eq!((world.stat("/m/large").size, world.stat("/u/large").blocks), (LARGE as u64, LARGE as u64 / 512));
    }

    /// Copies, new files, directories, whiteouts, redirects, links and attributes, until the upper is full.
    fn an_unmount_gives_back_all_that_an_upper_full_of_changes_took() {
        let world = World::new();
        let before = (usage().other_frames(), page::in_use());
        drop(world);
        for _ in 0..2 {
            let world = over_an_archive();
            for (what, change) in CHANGES {
                assert_eq!(change(&world), Ok(()), "{what}");
            }
            for number in 0..100 {
                world.mkdir(&format!("/m/made{number}")).write(&format!("/m/made{number}/f"), "text");
                assert_eq!(world.rename(&format!("/m/made{number}"), &format!("/m/moved{number}")), Ok(()));
            }
            let full = world.put("/m/filler", OpenFlags::WRITE | OpenFlags::CREATE, &"z".repeat(4 << 20));
            assert_eq!(full, Err(FileSystemErrorKind::NoSpace.into()));
            assert_eq!(world.list("/m").split(' ').count(), 104);
            unmount(&world, "/m");
            unmount(&world, "/u");
            unmount(&world, "/1");
            drop(world);
            let world = World::new();
            assert_eq!((usage().other_frames(), page::in_use()), before);
            drop(world);
        }
    }

    /// There is no frame left for data: what writes any is refused, what is there is read, and names can still be
    /// removed, which is how somebody makes room.
    fn a_machine_without_frames_for_data_reads_and_removes() {
        let world = over_an_archive();
        let file = world.open("/m/large", OpenFlags::READ | OpenFlags::WRITE).expect("it opens");
        let before = view(&world);
        let taken = Taken::all_but(data_reserve());
        let written = file.write_at(&world.root.credentials, 0, &mut &b"y"[..]);
        let appended = world.put("/m/d/f", OpenFlags::WRITE | OpenFlags::APPEND, "+");
        let during = view(&world);
        let removed = world.unlink("/m/d/g");
        drop(taken);
        assert_eq!(written, Err(FileSystemErrorKind::OutOfMemory.into()));
        assert_eq!(appended, Err(FileSystemErrorKind::OutOfMemory.into()));
        assert_eq!(during, before);
        assert_eq!((removed, world.list("/m/d")), (Ok(()), "f".into()));
        assert_eq!(file.write_at(&world.root.credentials, 0, &mut &b"y"[..]), Ok(1));
    }

    /// There is not even memory for names: every change is refused, none is seen, and all are possible when there is
    /// memory again.
    fn a_machine_out_of_memory_refuses_changes_and_goes_on() {
        let world = over_an_archive();
        let before = view(&world);
        let taken = Taken::all_but(data_reserve() / 2 - 1);
        let answers = CHANGES.map(|(_, change)| change(&world));
        drop(taken);
        for ((what, _), answer) in CHANGES.iter().zip(answers) {
            assert_eq!(answer, Err(FileSystemErrorKind::OutOfMemory.into()), "{what}");
        }
        assert_eq!(view(&world), before);
        for (what, change) in CHANGES {
            assert_eq!(change(&world), Ok(()), "{what}, with memory again");
        }
        assert_eq!((world.list("/m"), world.list("/m/d")), ("d e2 large".into(), "f link new".into()));
        assert_eq!(world.read("/m/d/f"), "archived+");
        assert_eq!(world.list("/1/d"), "f g");
    }
}
