//! A mounted archive: read-only, without copies, and from a file.

use super::super::CpioFs;
use super::sample::{FILE, Fields, Sample, gzip, mount, node, stat};
use crate::content::Bytes;
use crate::environment::Environment;
use crate::error::{FileSystemError, FileSystemErrorKind, Result};
use crate::file::OpenFlags;
use crate::file_system::FileSystemOperations;
use crate::io::Sink;
use crate::manager::VfsManager;
use crate::manager::mounts::MountArguments;
use crate::metadata::SetAttributes;
use crate::mount::MountFlags;
use crate::node::{Allocate, Extent, NewKind, NewNode, Rename, RenameFlags, SetXattr, WriteAt};
use crate::vfs_test;
use alloc::vec::Vec;
use core::ops::Range;

/// A sink that remembers where the bytes it was given lie.
struct Where(Vec<Range<*const u8>>);

impl Sink for Where {
    fn room(&self) -> usize {
        usize::MAX
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.push(bytes.as_ptr_range());
        Ok(())
    }
}

vfs_test! {
    fn data_is_read_where_the_archive_lies() {
        let archive = Bytes::from_vec(Sample::new().file("f", b"not copied").finish());
        let lies = archive.as_slice().as_ptr_range();
        let fs = CpioFs::from_archive(archive).expect("a good archive");
        let file = node(&fs, "f").expect("f");
        for content in [false, true] {
            let mut sink = Where(Vec::new());
            let count = if content {
                file.content().and_then(|content| content.read(0, &mut sink))
            } else {
                file.read(0, &mut sink)
            };
            assert_eq!(count, Ok(10));
            assert!(sink.0.iter().all(|piece| lies.start < piece.start && piece.end < lies.end));
        }
    }

    fn a_node_outlives_its_file_system() {
        let file = node(&mount(Sample::new().file("f", b"still there").finish()), "f").expect("f");
        let mut data = [0; 11];
        assert_eq!(file.read(0, &mut &mut data[..]), Ok(11));
        assert_eq!(&data, b"still there");
        assert_eq!(file.file_system().expect("its file system").id(), file.id().file_system);
    }

    fn reads_end_at_the_end() {
        let fs = mount(Sample::new().file("f", b"0123456789").finish());
        let file = node(&fs, "f").expect("f");
        for (offset, expected) in [(0, "0123"), (7, "789"), (10, ""), (11, ""), (u64::MAX, "")] {
            let mut data = [0; 4];
            let count = file.read(offset, &mut &mut data[..]).expect("a regular file");
            assert_eq!(&data[..count], expected.as_bytes());
        }
        let is_directory = fs.root().read(0, &mut &mut [0; 4][..]).map_err(FileSystemError::kind);
        assert_eq!(is_directory, Err(FileSystemErrorKind::IsADirectory));
    }

    fn data_goes_all_the_way_and_a_hole_follows() {
        let fs = mount(Sample::new().file("f", b"0123").file("empty", b"").finish());
        let file = node(&fs, "f").expect("f");
        assert_eq!((file.seek_extent(Extent::Data, 1), file.seek_extent(Extent::Hole, 1)), (Ok(1), Ok(4)));
        let beyond = Err(FileSystemErrorKind::NoSuchDeviceOrAddress.into());
        assert_eq!((file.seek_extent(Extent::Data, 4), file.seek_extent(Extent::Hole, 4)), (beyond, beyond));
        assert_eq!(node(&fs, "empty").expect("empty").seek_extent(Extent::Hole, 0), beyond);
    }

    fn every_change_is_refused() {
        let fs = mount(Sample::new().file("f", b"data").directory("d").finish());
        let (root, file, directory) = (fs.root(), node(&fs, "f").expect("f"), node(&fs, "d").expect("d"));
        let new = NewNode { kind: NewKind::Regular, mode: 0o644, uid: 0, gid: 0 };
        let rename = Rename {
            name: b"f",
            source: &file,
            to_directory: &root,
            to_name: b"g",
            target: None,
            flags: RenameFlags::empty(),
        };
        let answers = [
            root.create(b"new", &new).map(drop),
            root.create_unnamed(&new).map(drop),
            root.link(b"new", &file),
            root.unlink(b"f", &file),
            root.remove_directory(b"d", &directory),
            root.rename(&rename),
            file.write(WriteAt::End, &mut &b"more"[..]).map(drop),
            file.allocate(Allocate::PunchHole, 0, 1),
            file.set_attributes(&SetAttributes::default()),
            file.set_content(Default::default()),
            file.set_xattr(b"user.a", b"", SetXattr::Any),
            file.remove_xattr(b"user.a"),
        ];
        for answer in answers {
            assert_eq!(answer, Err(FileSystemErrorKind::ReadOnlyFileSystem.into()));
        }
        assert!(fs.read_only());
    }

    /// The archive in the tree holds an archive:
    /// ```text
    /// /inner.cpio   { hello = "inside" }
    /// /mnt          where it is mounted
    /// ```
    fn an_archive_is_mounted_from_a_file() {
        let inner = Sample::new().file("hello", b"inside").finish();
        let mut bad = inner.clone();
        bad[0] = b'1';
        let outer = Sample::new().file("inner.cpio", &inner).file("bad.cpio", &bad).directory("mnt").finish();
        let manager = VfsManager::new(mount(outer), Environment::detached());
        let context = manager.root_context();
        let arguments = |source: &'static str, options: &'static str| MountArguments {
            source: source.as_bytes(),
            target: b"/mnt",
            type_name: "cpiofs",
            flags: MountFlags::READ_ONLY,
            options: options.as_bytes(),
        };
        let refused = |source, options| {
            let error = manager.mount(&context, &arguments(source, options)).expect_err("a mount that must fail");
            (error.error.kind(), error.message.expect("a reason"))
        };
        assert_eq!(
            refused("/bad.cpio", ""),
            (FileSystemErrorKind::InvalidArgument, "/bad.cpio: offset 0x0: bad magic \"170701\"".into())
        );
        assert_eq!(
            refused("/none", ""),
            (FileSystemErrorKind::NotFound, "/none: No such file or directory".into())
        );
        assert_eq!(refused("/mnt", ""), (FileSystemErrorKind::IsADirectory, "/mnt: Is a directory".into()));
        assert_eq!(
            refused("/inner.cpio", "size=1"),
            (FileSystemErrorKind::InvalidArgument, "unknown option 'size=1'".into())
        );
        manager.mount(&context, &arguments("/inner.cpio", "")).expect("a good archive");
        let file = manager.open(&context, b"/mnt/hello", OpenFlags::READ, 0).expect("a file in the archive");
        let mut data = [0; 10];
        assert_eq!(file.read(&mut &mut data[..]), Ok(6));
        assert_eq!(&data[..6], b"inside");
        let refused = manager.open(&context, b"/mnt/new", OpenFlags::WRITE | OpenFlags::CREATE, 0o644).err();
        assert_eq!(refused.map(FileSystemError::kind), Some(FileSystemErrorKind::ReadOnlyFileSystem));
    }

    /// However early memory ends, mounting says so and keeps nothing.
    fn every_lack_of_memory_is_an_error() {
        let mut archive = Sample::new().file("d/f", b"data").symlink("l", "d");
        for number in 0..200 {
            archive = archive.entry(&alloc::format!("d/{number}"), Fields { inode: number, links: 2, ..FILE }, b"");
        }
        let archive = gzip(&archive.finish());
        for nth in 1.. {
            let bytes = Bytes::from_vec(archive.clone());
            let armed = page::faults::fail_nth(nth);
            let mounted = CpioFs::from_archive(bytes);
            if !armed.fired() {
                assert!(mounted.is_ok(), "nothing was left to fail");
                assert!(nth > 10, "mounting asks before it takes");
                break;
            }
            let error = mounted.err().map(FileSystemError::from).map(FileSystemError::kind);
            assert_eq!(error, Some(FileSystemErrorKind::OutOfMemory), "admission {nth}");
        }
    }

    fn figures_count_what_has_a_name() {
        let fs = mount(Sample::new().file("a", b"").file("a", b"").file("d/b", b"").finish());
        let figures = fs.statistics().expect("figures");
        assert_eq!((figures.nodes, figures.nodes_free, figures.blocks_free, figures.name_max), (4, 0, 0, 255));
        assert_eq!(stat(&fs, "").blocks, 0);
    }
}
