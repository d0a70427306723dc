//! What happens to a lower file that is changed.

use super::super::{Stage, fails, in_both_formats};
use crate::context::{AccessMode, Context};
use crate::error::{FileSystemErrorKind as Kind, Result};
use crate::file::{FileObject, OpenFlags, SeekFrom};
use crate::manager::Follow;
use crate::metadata::{DeviceNumber, FileType, Metadata};
use crate::node::{Allocate, NewKind};
use crate::selftest::world::read_all;
use crate::usage::Run;
use crate::vfs_test;
use alloc::format;

const RW: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

/// What a copy-up must keep.
fn kept(metadata: &Metadata) -> impl PartialEq + core::fmt::Debug + use<> {
    let Metadata { kind, mode, uid, gid, device, size, accessed, modified, .. } = *metadata;
    (kind, mode, uid, gid, device, size, accessed, modified)
}

vfs_test! {
    /// ```text
    /// u             append to d/f:   u  d/f "lower+"
    /// 1   d/f                        1  d/f "lower"
    /// ```
    fn the_first_write_copies_up() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/f", "lower").overlay("/1");
            stage.append("/m/d/f", "+");
            assert_eq!(stage.read("/m/d/f"), "lower+");
            assert_eq!(stage.read("/u/d/f"), "lower+");
            assert_eq!(stage.read("/1/d/f"), "lower");
            assert_eq!(stage.list("/m/d"), "f");
        });
    }

    /// A program that runs from a lower layer is not written, so it is not copied up either.
    fn what_runs_is_not_copied_up() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").overlay("/1");
            let open = |flags| stage.vfs.open(&stage.root, b"/m/f", flags, 0);
            let node = open(OpenFlags::READ).unwrap().node().clone();
            let running = [0; 2].map(|_| Run::new(&node).unwrap());
            for flags in [OpenFlags::WRITE, RW | OpenFlags::TRUNCATE, OpenFlags::READ | OpenFlags::TRUNCATE] {
                fails(open(flags), Kind::TextFileBusy);
            }
            fails(stage.vfs.truncate(&stage.root, b"/m/f", 1), Kind::TextFileBusy);
            assert_eq!((stage.list("/u").as_str(), stage.read("/m/f").as_str()), ("", "lower"));
            drop(running);
            let writer = open(RW).unwrap();
            fails(Run::new(&node), Kind::TextFileBusy);
            drop(writer);
            drop(Run::new(&node).unwrap());
            stage.append("/m/f", "+");
            assert_eq!(stage.read("/u/f"), "lower+");
        });
    }

    fn reading_looking_and_opening_to_read_do_not() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/f", "lower").overlay("/1");
            assert_eq!(stage.read("/m/d/f"), "lower");
            assert_eq!(stage.list("/m/d"), "f");
            assert_eq!(stage.stat("/m/d/f").size, 5);
            fails(stage.vfs.remove_xattr(&stage.root, b"/m/d/f", b"user.none", Follow::Yes), Kind::NoData);
            fails(stage.unlink("/m/d/none"), Kind::NotFound);
            fails(stage.try_write("/m/d/f", OpenFlags::CREATE | OpenFlags::EXCLUSIVE, ""), Kind::AlreadyExists);
            assert_eq!(stage.list("/u"), "");
        });
    }

    /// A mapping, or a program that is started, takes the content and reads: that is no write, whatever may be written.
    fn what_is_mapped_or_executed_is_not_copied_up() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower");
            assert_eq!(stage.chmod("/1/f", 0o755), Ok(()));
            stage.overlay("/1");
            let file = stage.open("/m/f", OpenFlags::READ).expect("opens");
            assert_eq!(stage.vfs.check_access(&stage.root, b"/m/f", AccessMode::EXECUTE, Follow::Yes), Ok(()));
            let before = page::faults::pages();
            let mapped = file.node().content().expect("a regular file has content");
            let mut bytes = [0; 5];
            assert_eq!(mapped.read(0, &mut &mut bytes[..]), Ok(5));
            assert_eq!((&bytes, page::faults::pages() - before), (b"lower", 0));
            assert_eq!((stage.list("/u"), stage.read("/1/f")), ("".into(), "lower".into()));
        });
    }

    fn mode_owner_times_and_attributes_are_kept() {
        in_both_formats(|stage| {
            stage.mkdir("/1/d").write("/1/d/f", "lower");
            assert_eq!(stage.chown("/1/d/f", 1000, 100), Ok(()));
            assert_eq!(stage.chmod("/1/d/f", 0o4751), Ok(()));
            assert_eq!(stage.set_xattr("/1/d/f", "user.colour", "blue"), Ok(()));
            assert_eq!(stage.set_xattr("/1/d/f", "trusted.t", "x"), Ok(()));
            assert_eq!(stage.set_xattr("/1/d/f", "security.capability", "caps"), Ok(()));
            assert_eq!(stage.set_times("/1/d/f", 11, 22), Ok(()));
            assert_eq!(stage.set_times("/1/d", 33, 44), Ok(()));
            assert_eq!(stage.chmod("/1/d", 0o1711), Ok(()));
            stage.overlay("/1");
            let (file, directory, root) = (stage.stat("/m/d/f"), stage.stat("/m/d"), stage.stat("/u"));
            drop(stage.open("/m/d/f", RW).expect("opens"));
            assert_eq!(kept(&stage.stat("/u/d/f")), kept(&file));
            assert_eq!(kept(&stage.stat("/m/d/f")), kept(&file));
            assert_eq!(kept(&stage.stat("/u/d")), kept(&directory));
            assert_eq!(stage.stat("/u").modified, root.modified, "the parent keeps its times");
            assert_eq!(stage.xattr("/m/d/f", "user.colour").as_deref(), Ok("blue"));
            assert_eq!(stage.xattrs("/m/d/f"), "security.capability trusted.t user.colour");
        });
    }

    fn every_kind_of_file_can_be_copied_up() {
        in_both_formats(|stage| {
            let node = |path: &str, kind| stage.vfs.make_node(&stage.root, path.as_bytes(), kind, 0o640);
            let char_device = NewKind::CharDevice(DeviceNumber::new(1, 3));
            assert_eq!(node("/1/char", char_device), Ok(()));
            assert_eq!(node("/1/block", NewKind::BlockDevice(DeviceNumber::new(8, 1))), Ok(()));
            assert_eq!(node("/1/fifo", NewKind::Fifo), Ok(()));
            assert_eq!(node("/1/socket", NewKind::Socket), Ok(()));
            stage.symlink("where/ever", "/1/link").mkdir("/1/directory");
            for name in ["char", "block", "fifo", "socket", "link", "directory"] {
                assert_eq!(stage.set_times(&format!("/1/{name}"), 5, 6), Ok(()), "{name}");
            }
            stage.overlay("/1");
            for name in ["char", "block", "fifo", "socket", "link", "directory"] {
                let path = format!("/m/{name}");
                let before = stage.lstat(&path).expect("it is there");
                assert_eq!(stage.chown(&path, 7, 8), Ok(()), "{name}");
                let after = stage.lstat(&path).expect("it is there");
                assert_eq!(kept(&after), kept(&Metadata { uid: 7, gid: 8, ..before }), "{name}");
                assert_eq!(after.id, before.id, "{name}");
                assert_eq!(stage.lstat(&format!("/u/{name}")).map(|found| found.kind), Ok(before.kind));
            }
            assert_eq!(stage.read_link("/m/link"), "where/ever");
            assert_eq!(stage.stat("/m/directory").kind, FileType::Directory);
        });
    }

    fn truncating_opens_start_empty_and_appending_ones_at_the_end() {
        in_both_formats(|stage| {
            stage.write("/1/t", "to be cut").write("/1/a", "kept").write("/1/c", "also cut").overlay("/1");
            assert_eq!(stage.try_write("/m/t", OpenFlags::TRUNCATE, "new"), Ok(()));
            assert_eq!(stage.read("/m/t"), "new");
            assert_eq!(stage.try_write("/m/a", OpenFlags::APPEND, "+"), Ok(()));
            assert_eq!(stage.read("/m/a"), "kept+");
            assert_eq!(stage.try_write("/m/c", OpenFlags::TRUNCATE | OpenFlags::CREATE, ""), Ok(()));
            assert_eq!(stage.read("/m/c"), "");
            assert_eq!(stage.vfs.truncate(&stage.root, b"/m/t", 1), Ok(()));
            assert_eq!(stage.read("/m/t"), "n");
            assert_eq!(stage.read("/1/t"), "to be cut");
        });
    }

    /// `truncate` to a size in the middle, beyond the end, and of what is no regular file.
    fn truncate_cuts_and_extends_lower_files() {
        let stage = Stage::oci();
        stage.write("/1/short", "12345678").write("/1/long", "ab").mkdir("/1/d").overlay("/1");
        assert_eq!(stage.vfs.truncate(&stage.root, b"/m/short", 3), Ok(()));
        assert_eq!(stage.read("/m/short"), "123");
        assert_eq!(stage.vfs.truncate(&stage.root, b"/m/long", 4), Ok(()));
        assert_eq!(stage.read("/m/long"), "ab\\x00\\x00");
        fails(stage.vfs.truncate(&stage.root, b"/m/d", 0), Kind::IsADirectory);
        assert_eq!(stage.list("/u"), "long short");
    }

    fn a_descriptor_opened_before_the_copy_up_sees_what_is_written_after_it() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").overlay("/1");
            let before = stage.open("/m/f", OpenFlags::READ).expect("opens");
            stage.append("/m/f", "+upper");
            assert_eq!(read_all(&before).as_deref(), Ok("lower+upper"));
            assert_eq!(before.metadata().map(|metadata| metadata.size), Ok(11));
            assert_eq!(stage.rename("/m/f", "/m/g"), Ok(()));
            stage.append("/m/g", "!");
            assert_eq!(before.seek(SeekFrom::Start(0)), Ok(0));
            assert_eq!(read_all(&before).as_deref(), Ok("lower+upper!"));
        });
    }

    /// A file whose last name is gone can still be changed through a descriptor; that shows nowhere else.
    fn an_unlinked_lower_file_is_changed_without_coming_back() {
        in_both_formats(|stage| {
            stage.write("/1/f", "lower").overlay("/1");
            let open = stage.open("/m/f", OpenFlags::READ).expect("opens");
            assert_eq!(stage.unlink("/m/f"), Ok(()));
            let attributes = crate::metadata::SetAttributes { mode: Some(0o600), ..Default::default() };
            assert_eq!(open.node().set_attributes(&attributes), Ok(()));
            assert_eq!(open.metadata().map(|metadata| metadata.mode), Ok(0o600));
            assert_eq!(read_all(&open).as_deref(), Ok("lower"));
            assert_eq!(stage.probe("/m/f"), "ENOENT");
            assert_eq!(stage.upper(""), "-f");
            assert_eq!(stage.stat("/1/f").mode, 0o644);
        });
    }

    /// ```text
    /// 1   a/b/c/f           chmod a/b/c/f: the chain is copied, each with its own mode and times
    /// ```
    fn parents_are_copied_from_the_top_down() {
        in_both_formats(|stage| {
            stage.mkdir("/1/a/b/c").write("/1/a/b/c/f", "");
            for (index, path) in ["/1/a", "/1/a/b", "/1/a/b/c"].iter().enumerate() {
                assert_eq!(stage.chmod(path, 0o711 + index as u32 * 0o10), Ok(()));
                assert_eq!(stage.set_times(path, 100 + index as i64, 200), Ok(()));
            }
            stage.overlay("/1");
            let before = ["/m/a", "/m/a/b", "/m/a/b/c"].map(|path| kept(&stage.stat(path)));
            assert_eq!(stage.chmod("/m/a/b/c/f", 0o600), Ok(()));
            assert_eq!(["/m/a", "/m/a/b", "/m/a/b/c"].map(|path| kept(&stage.stat(path))), before);
            assert_eq!(["/u/a", "/u/a/b", "/u/a/b/c"].map(|path| kept(&stage.stat(path))), before);
            assert_eq!(stage.stat("/u/a/b/c/f").mode, 0o600);
        });
    }

    fn fallocate_and_seek_go_to_the_copy() {
        let stage = Stage::oci();
        stage.write("/1/f", &"x".repeat(3 * 4096)).overlay("/1");
        let file = stage.open("/m/f", RW).expect("opens");
        assert_eq!(file.allocate(&stage.root.credentials, Allocate::PunchHole, 4096, 4096), Ok(()));
        assert_eq!(file.seek(SeekFrom::Hole(0)), Ok(4096));
        assert_eq!(file.seek(SeekFrom::Data(4096)), Ok(8192));
        assert_eq!(stage.stat("/m/f").size, 3 * 4096);
        assert_eq!(stage.stat("/1/f").blocks, 24);
    }

    /// ```text
    /// u                                          where data and holes are shows alike through a descriptor from before
    /// 1   f: page 0, a hole, page 4, a hole      the copy-up, one from after it, and before and after it
    /// ```
    fn holes_are_the_same_before_and_after_the_copy_up() {
        const P: i64 = 4096;
        in_both_formats(|stage| {
            let writer = &stage.root.credentials;
            stage.write("/1/f", "data");
            let lower = stage.open("/1/f", RW).expect("opens");
            assert_eq!(lower.write_at(writer, 4 * P as u64, &mut &b"data"[..]), Ok(4));
            assert_eq!(lower.truncate(writer, 8 * P as u64), Ok(()));
            drop(lower);
            stage.overlay("/1");
            let holes = |file: &FileObject| {
                let seek = |to| file.seek(to).map_err(|error| error.kind());
                assert_eq!([0, 1, P - 1].map(|at| seek(SeekFrom::Hole(at))), [Ok(P as u64); 3]);
                assert_eq!([P, 3 * P].map(|at| seek(SeekFrom::Data(at))), [Ok(4 * P as u64); 2]);
                assert_eq!(seek(SeekFrom::Data(7)), Ok(7));
                assert_eq!(seek(SeekFrom::Hole(4 * P)), Ok(5 * P as u64));
                let beyond = Err(Kind::NoSuchDeviceOrAddress);
                assert_eq!([5 * P, 8 * P].map(|at| seek(SeekFrom::Data(at))), [beyond; 2]);
                assert_eq!(seek(SeekFrom::Hole(8 * P)), beyond);
                assert_eq!(seek(SeekFrom::Data(-1)), beyond);
            };
            let before = stage.open("/m/f", OpenFlags::READ).expect("opens");
            holes(&before);
            assert_eq!(stage.list("/u"), "");
            let after = stage.open("/m/f", RW).expect("opens");
            assert_eq!(stage.list("/u"), "f");
            holes(&before);
            holes(&after);
            assert_eq!(stage.stat("/u/f").blocks, 16);

            assert_eq!(after.write_at(writer, 2 * P as u64, &mut &b"x"[..]), Ok(1));
            assert_eq!(before.seek(SeekFrom::Data(P)), Ok(2 * P as u64));
            assert_eq!(after.allocate(writer, Allocate::PunchHole, 2 * P as u64, P as u64), Ok(()));
            holes(&before);
            assert_eq!(after.allocate(writer, Allocate::Reserve { keep_size: true }, 8 * P as u64, 1), Ok(()));
            assert_eq!(stage.stat("/m/f").size, 8 * P as u64, "kept");
            assert_eq!(after.allocate(writer, Allocate::Zero { keep_size: false }, 0, 9 * P as u64), Ok(()));
            assert_eq!(stage.stat("/m/f").size, 9 * P as u64);
            assert!(stage.read("/m/f").split("\\x00").all(str::is_empty), "zeros");
            assert_eq!(stage.stat("/1/f").size, 8 * P as u64);
        });
    }

    /// ```text
    /// u                      a user changes the content, or anybody the owner: the copy has lost the bits, and the
    /// 1   f (mode 6777)      lower file keeps them; a superuser's write leaves them in the copy too
    /// ```
    fn set_id_bits_go_with_the_change_that_copies_up() {
        type Change = fn(&Stage, &Context) -> Result<()>;
        let changes: [(&str, Change, u32); 6] = [
            ("write", |stage, who| {
                let file = stage.vfs.open(who, b"/m/f", OpenFlags::WRITE, 0)?;
                file.write(&who.credentials, &mut &b"x"[..]).map(drop)
            }, 0o6777),
            ("O_TRUNC", |stage, who| {
                stage.vfs.open(who, b"/m/f", OpenFlags::WRITE | OpenFlags::TRUNCATE, 0).map(drop)
            }, 0o6777),
            ("truncate", |stage, who| stage.vfs.truncate(who, b"/m/f", 2), 0o6777),
            ("fallocate", |stage, who| {
                let file = stage.vfs.open(who, b"/m/f", OpenFlags::WRITE, 0)?;
                file.allocate(&who.credentials, Allocate::PunchHole, 0, 1)
            }, 0o6777),
            // Whoever does it.
            ("chown", |stage, who| stage.vfs.set_owner(who, b"/m/f", None, Some(5), Follow::Yes), 0o777),
            ("open alone", |stage, who| stage.vfs.open(who, b"/m/f", OpenFlags::WRITE, 0).map(drop), 0o6777),
        ];
        for (what, change, by_root) in changes {
            for user in [false, true] {
                let stage = Stage::oci();
                stage.write("/1/f", "lower");
                assert_eq!((stage.chown("/1/f", 5, 5), stage.chmod("/1/f", 0o6777)), (Ok(()), Ok(())));
                stage.overlay("/1");
                let who = if user { stage.user(5, 5) } else { stage.root.clone() };
                assert_eq!(change(&stage, &who), Ok(()), "{what}");
                let expected = if user && what != "open alone" { 0o777 } else { by_root };
                assert_eq!([stage.stat("/m/f").mode, stage.stat("/u/f").mode], [expected; 2], "{what}, by a user: {user}");
                assert_eq!(stage.stat("/1/f").mode, 0o6777, "{what}");
            }
        }
    }

    /// Copy-up shares the pages: a large lower file costs what is written, not what it holds.
    fn data_is_not_copied() {
        let stage = Stage::oci();
        let size = 64 * 4096;
        stage.write("/1/f", &"x".repeat(size)).overlay("/1");
        let before = page::faults::pages();
        stage.append("/m/f", "y");
        assert_eq!(page::faults::pages() - before, 1);
        assert_eq!(stage.stat("/m/f").size, size as u64 + 1);
    }

    fn a_write_to_an_upper_that_is_read_only_is_refused() {
        let stage = Stage::oci();
        stage.write("/1/f", "lower").read_only("/1:/2");
        for flags in [OpenFlags::empty(), OpenFlags::TRUNCATE, OpenFlags::APPEND, OpenFlags::CREATE] {
            fails(stage.try_write("/m/f", flags, "x"), Kind::ReadOnlyFileSystem);
        }
        fails(stage.chmod("/m/f", 0o600), Kind::ReadOnlyFileSystem);
        fails(stage.chown("/m/f", 1, 1), Kind::ReadOnlyFileSystem);
        fails(stage.set_times("/m/f", 1, 1), Kind::ReadOnlyFileSystem);
        fails(stage.set_xattr("/m/f", "user.a", ""), Kind::ReadOnlyFileSystem);
        fails(stage.vfs.truncate(&stage.root, b"/m/f", 0), Kind::ReadOnlyFileSystem);
        fails(stage.link("/m/f", "/m/g"), Kind::ReadOnlyFileSystem);
        fails(stage.rename("/m/f", "/m/g"), Kind::ReadOnlyFileSystem);
        fails(stage.unlink("/m/f"), Kind::ReadOnlyFileSystem);
        fails(stage.try_mkdir("/m/d"), Kind::ReadOnlyFileSystem);
        fails(stage.device("/m/n", 1, 3), Kind::ReadOnlyFileSystem);
        fails(stage.rmdir("/m/none"), Kind::ReadOnlyFileSystem);
        assert_eq!(stage.read("/m/f"), "lower");
        assert_eq!(stage.list("/m"), "f");
    }

    /// ```text
    /// u                   copy pages 1 and 2 of `from`       u  to
    /// 1  from 1 2 3, to   over page 0 of `to`           →    1  from 1 2 3, to    both ways through the overlay
    /// ```
    fn a_range_is_copied_through_the_overlay_by_sharing() {
        in_both_formats(|stage| {
            stage.write("/1/from", &"1".repeat(4096)).append("/1/from", &"2".repeat(4096)).append("/1/from", "3");
            stage.write("/1/to", "lower").overlay("/1");
            let from = stage.open("/m/from", OpenFlags::READ).unwrap_or_else(|error| panic!("{error:?}"));
            let to = stage.open("/m/to", RW).unwrap_or_else(|error| panic!("{error:?}"));
            let before = page::faults::pages();
            assert_eq!(from.copy_range(&stage.root.credentials, 4096, &to, 0, 10_000), Ok(4097));
            // The page of "2" is shared; the one byte behind it needs a page.
            assert_eq!(page::faults::pages() - before, 1);
            assert_eq!(stage.read("/m/to"), format!("{}3", "2".repeat(4096)));
            assert_eq!(stage.read("/1/to"), "lower");
            assert_eq!(stage.list("/u"), "to");
        });
    }
}
