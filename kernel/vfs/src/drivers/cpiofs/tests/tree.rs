//! From entries to a tree.

use super::sample::{DIRECTORY, FILE, Fields, SYMLINK, Sample, TIME, mount, names, node, read, show, stat};
use crate::error::FileSystemErrorKind;
use crate::file_system::FileSystemOperations;
use crate::metadata::{DeviceNumber, FileType};
use crate::node::FIRST_CURSOR;
use crate::time::Timestamp;
use crate::vfs_test;
use alloc::vec::Vec;

const LINKED: Fields = Fields { inode: 7, links: 2, ..FILE };

vfs_test! {
    fn entries_of_every_type_are_there_with_their_attributes() {
        let device = Fields { mode: 0o020_620, special: (4, 64), ..FILE };
        let fs = mount(
            Sample::new()
                .entry("d", Fields { mode: 0o041_777, uid: 1, gid: 2, ..DIRECTORY }, b"")
                .entry("d/f", Fields { mode: 0o104_755, uid: 1000, gid: 100, ..FILE }, b"data")
                .symlink("l", "d/f")
                .entry("c", device, b"")
                .entry("b", Fields { mode: 0o060_660, special: (8, 1), ..FILE }, b"")
                .entry("p", Fields { mode: 0o010_600, ..FILE }, b"")
                .entry("s", Fields { mode: 0o140_600, ..FILE }, b"")
                .finish(),
        );
        let directory = stat(&fs, "d");
        assert_eq!((directory.kind, directory.mode), (FileType::Directory, 0o1777));
        assert_eq!((directory.uid, directory.gid, directory.links), (1, 2, 2));
        let file = stat(&fs, "d/f");
        assert_eq!((file.kind, file.mode), (FileType::Regular, 0o4755));
        assert_eq!((file.uid, file.gid, file.links, file.size, file.blocks), (1000, 100, 1, 4, 1));
        let time = Timestamp::from_seconds(i64::from(TIME));
        assert_eq!((file.accessed, file.modified, file.changed), (time, time, time));
        assert_eq!(read(&fs, "d/f"), b"data");
        let link = stat(&fs, "l");
        assert_eq!((link.kind, link.size), (FileType::Symlink, 3));
        assert_eq!(&*node(&fs, "l").and_then(|node| node.read_link()).expect("a link"), b"d/f");
        assert_eq!((stat(&fs, "c").kind, stat(&fs, "c").device), (FileType::CharDevice, DeviceNumber::new(4, 64)));
        assert_eq!((stat(&fs, "b").kind, stat(&fs, "b").device), (FileType::BlockDevice, DeviceNumber::new(8, 1)));
        assert_eq!(stat(&fs, "p").kind, FileType::Fifo);
        assert_eq!(stat(&fs, "s").kind, FileType::Socket);
        assert_eq!(stat(&fs, "").links, 3);
    }

    fn names_are_found_however_they_are_written() {
        let padded = Fields { nuls: 2000, ..FILE };
        let fs = mount(
            Sample::new()
                .entry(".", Fields { mode: 0o040_700, uid: 5, ..DIRECTORY }, b"")
                .file("./dotted", b"1")
                .file("/absolute", b"2")
                .directory("d//e/")
                .file("d//e/./doubled", b"3")
                .entry("padded", padded, b"4")
                .file("d/e/...", b"5")
                .finish(),
        );
        assert_eq!((stat(&fs, "").mode, stat(&fs, "").uid), (0o700, 5));
        assert_eq!(read(&fs, "dotted"), b"1");
        assert_eq!(read(&fs, "absolute"), b"2");
        assert_eq!(read(&fs, "d/e/doubled"), b"3");
        assert_eq!(read(&fs, "padded"), b"4");
        assert_eq!(read(&fs, "d/e/..."), b"5");
        assert_eq!(names(&*fs.root()), ["dotted", "absolute", "d", "padded"]);
    }

    fn missing_parents_are_made() {
        let fs = mount(Sample::new().file("a/b/c", b"deep").finish());
        for path in ["a", "a/b"] {
            let made = stat(&fs, path);
            assert_eq!((made.kind, made.mode, made.uid, made.gid), (FileType::Directory, 0o755, 0, 0));
            assert_eq!(made.modified.seconds, i64::from(TIME));
        }
        assert_eq!((stat(&fs, "").links, stat(&fs, "a").links, stat(&fs, "a/b").links), (3, 3, 2));
        assert_eq!(read(&fs, "a/b/c"), b"deep");
    }

    fn a_late_directory_header_keeps_the_children() {
        let late = Fields { mode: 0o040_500, uid: 3, ..DIRECTORY };
        let fs = mount(Sample::new().file("a/b", b"x").entry("a", late, b"").file("a/c", b"y").finish());
        assert_eq!((stat(&fs, "a").mode, stat(&fs, "a").uid), (0o500, 3));
        assert_eq!(names(&*node(&fs, "a").expect("a")), ["b", "c"]);
    }

    /// ```text
    /// first   f = old    d/child    g      l -> d
    /// later   f = new    d = file   g/x    l = file
    /// ```
    fn later_entries_replace_earlier_ones_of_any_type() {
        let fs = mount(
            Sample::new()
                .file("f", b"old")
                .file("d/child", b"gone")
                .file("g", b"was a file")
                .symlink("l", "d")
                .file("f", b"new")
                .file("d", b"now a file")
                .directory("g")
                .file("g/x", b"inside")
                .file("l", b"no link")
                .finish(),
        );
        let expected = "/f Regular 644 1 new\n\
                        /d Regular 644 1 now a file\n\
                        /g Directory 755 2 \n\
                        /g/x Regular 644 1 inside\n\
                        /l Regular 644 1 no link\n";
        assert_eq!(show(&fs), expected);
        assert_eq!(stat(&fs, "").links, 3);
        assert_eq!(fs.statistics().expect("figures").nodes, 6);
    }

    fn a_directory_that_comes_back_is_empty() {
        let fs = mount(Sample::new().file("d/old", b"").file("d", b"").file("d/new", b"").finish());
        assert_eq!(names(&*node(&fs, "d").expect("d")), ["new"]);
        let gone = node(&fs, "d/old").err().map(|error| error.kind());
        assert_eq!(gone, Some(FileSystemErrorKind::NotFound));
    }

    fn hard_links_get_the_data_that_comes_with_the_last_name() {
        let fs = mount(
            Sample::new().entry("a", LINKED, b"").file("between", b"").entry("d/b", LINKED, b"shared").finish(),
        );
        assert_eq!(stat(&fs, "a").id, stat(&fs, "d/b").id);
        assert_eq!((stat(&fs, "a").links, stat(&fs, "between").links), (2, 1));
        assert_eq!((read(&fs, "a"), read(&fs, "d/b")), (b"shared".to_vec(), b"shared".to_vec()));
    }

    fn hard_links_get_the_data_that_comes_with_the_first_name() {
        let fs = mount(Sample::new().entry("a", LINKED, b"shared").entry("b", LINKED, b"").finish());
        assert_eq!((read(&fs, "a"), read(&fs, "b")), (b"shared".to_vec(), b"shared".to_vec()));
    }

    fn hard_links_need_one_device_one_inode_one_type_and_one_archive() {
        let fifo = Fields { mode: 0o010_600, ..LINKED };
        let link = Fields { mode: 0o120_777, ..LINKED };
        let mut archive = Sample::new()
            .entry("a", LINKED, b"1")
            .entry("other device", Fields { device: (8, 2), ..LINKED }, b"2")
            .entry("other inode", Fields { inode: 8, ..LINKED }, b"3")
            .entry("single", Fields { links: 1, ..LINKED }, b"4")
            .entry("l1", Fields { inode: 9, ..link }, b"here")
            .entry("l2", Fields { inode: 9, ..link }, b"here")
            .entry("l3", Fields { inode: 9, ..link }, b"there")
            .entry("p1", Fields { inode: 10, ..fifo }, b"")
            .entry("p2", Fields { inode: 10, ..fifo }, b"")
            .entry("other type", Fields { inode: 10, ..LINKED }, b"5")
            .finish();
        archive.extend(Sample::new().entry("other archive", LINKED, b"6").finish());
        let fs = mount(archive);
        for (name, data) in [("a", b"1"), ("other device", b"2"), ("other inode", b"3"), ("single", b"4")] {
            assert_eq!((read(&fs, name), stat(&fs, name).links), (data.to_vec(), 1), "{name}");
        }
        for (name, data) in [("other type", b"5"), ("other archive", b"6")] {
            assert_eq!((read(&fs, name), stat(&fs, name).links), (data.to_vec(), 1), "{name}");
        }
        assert_eq!((stat(&fs, "l1").id, stat(&fs, "l1").links), (stat(&fs, "l2").id, 2));
        assert_eq!(&*node(&fs, "l3").and_then(|node| node.read_link()).expect("a link"), b"there");
        assert_eq!((stat(&fs, "p1").id, stat(&fs, "p1").links), (stat(&fs, "p2").id, 2));
    }

    fn replacing_one_of_two_names_leaves_the_other() {
        let fs = mount(
            Sample::new().entry("a", LINKED, b"").entry("b", LINKED, b"shared").file("a", b"its own").finish(),
        );
        assert_eq!((read(&fs, "a"), stat(&fs, "a").links), (b"its own".to_vec(), 1));
        assert_eq!((read(&fs, "b"), stat(&fs, "b").links), (b"shared".to_vec(), 1));
    }

    fn symbolic_links_on_the_way_are_followed_within_the_tree() {
        let fs = mount(
            Sample::new()
                .directory("usr/lib")
                .symlink("lib", "usr/lib")
                .symlink("abs", "/usr")
                .symlink("usr/up", "../../../usr")
                .symlink("chain", "abs/up")
                .symlink("dangling", "made/here")
                .file("lib/one", b"1")
                .file("abs/lib/two", b"2")
                .file("chain/lib/three", b"3")
                .file("dangling/four", b"4")
                .finish(),
        );
        assert_eq!(names(&*node(&fs, "usr/lib").expect("usr/lib")), ["one", "two", "three"]);
        assert_eq!(read(&fs, "made/here/four"), b"4");
        assert_eq!(stat(&fs, "lib").kind, FileType::Symlink);
    }

    fn concatenated_archives_are_one_tree() {
        let mut archive = Sample::new().directory("d").file("d/a", b"first").file("keep", b"kept").finish();
        archive.resize(archive.len().next_multiple_of(512), 0);
        archive.extend(Sample::new().file("d/a", b"second").file("d/b", b"added").finish());
        let fs = mount(archive);
        assert_eq!(read(&fs, "d/a"), b"second");
        assert_eq!(read(&fs, "d/b"), b"added");
        assert_eq!(read(&fs, "keep"), b"kept");
    }

    fn an_archive_may_start_anywhere_after_another() {
        let mut archive = Sample::new().file("odd", b"1").finish();
        archive.extend([0; 3]);
        archive.extend(Sample::new().file("names", b"22").file("of any length", b"333").finish());
        let fs = mount(archive);
        assert_eq!(names(&*fs.root()), ["odd", "names", "of any length"]);
        assert_eq!(read(&fs, "of any length"), b"333");
    }

    fn a_checked_archive_is_read() {
        let checked = Fields { magic: "070702", checksum: 0x1bd, ..FILE };
        let link = Fields { magic: "070702", ..SYMLINK };
        let fs = mount(Sample::new().entry("f", checked, b"sum!\n=").entry("l", link, b"target").finish());
        assert_eq!(read(&fs, "f"), b"sum!\n=");
        assert_eq!(stat(&fs, "l").kind, FileType::Symlink);
    }

    fn a_target_ends_at_its_first_nul() {
        let fs = mount(Sample::new().entry("l", SYMLINK, b"to\0\0").finish());
        assert_eq!(&*node(&fs, "l").and_then(|node| node.read_link()).expect("a link"), b"to");
        assert_eq!(stat(&fs, "l").size, 2);
    }

    fn a_listing_goes_on_from_any_entry() {
        let all = ["e", "d", "c", "b", "a"];
        let fs = mount(all.iter().fold(Sample::new(), |sample, name| sample.file(name, b"")).finish());
        for taken in 0..=all.len() {
            let mut cursor = FIRST_CURSOR;
            let mut seen = Vec::new();
            let root = fs.root();
            let mut room = taken;
            for _ in 0..2 {
                cursor = root
                    .list(cursor, &mut |item| {
                        if room == 0 {
                            return false;
                        }
                        room -= 1;
                        seen.push(item.name.to_vec());
                        true
                    })
                    .expect("a directory");
                room = usize::MAX;
            }
            assert_eq!(seen, all.map(|name| name.as_bytes().to_vec()));
            assert_eq!(root.list(cursor, &mut |_| panic!("nothing is left")), Ok(cursor));
        }
        assert_eq!(fs.root().list(u64::MAX, &mut |_| panic!("nothing is there")), Ok(u64::MAX));
    }

    fn inode_numbers_are_unique_and_the_same_in_listing_and_stat() {
        let fs = mount(Sample::new().file("a/x", b"").file("a/y", b"").directory("b").finish());
        let mut inodes = [stat(&fs, "").id.inode].to_vec();
        for path in ["", "a"] {
            let directory = node(&fs, path).expect("a directory");
            let list = &mut |item: crate::node::DirectoryItem<'_>| {
                let child = directory.lookup(item.name).expect("a listed name");
                assert_eq!((child.id().inode, child.kind()), (item.inode, item.kind));
                inodes.push(item.inode);
                true
            };
            directory.list(FIRST_CURSOR, list).expect("a directory");
        }
        inodes.sort_unstable();
        inodes.dedup();
        assert_eq!(inodes.len(), 5);
    }
}
