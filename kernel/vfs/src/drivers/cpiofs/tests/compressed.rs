//! gzip, alone and among other things.

use super::sample::{Sample, gzip, mount, names, read, refused, show};
use crate::file_system::FileSystemOperations;
use crate::vfs_test;
use alloc::string::ToString;
use alloc::vec::Vec;

fn archive(name: &str, data: &[u8]) -> Vec<u8> {
    Sample::new().file(name, data).finish()
}

/// What mounting says of a gzip member that was changed at `at`.
fn changed(at: usize, by: u8) -> alloc::string::String {
    let mut member = gzip(&archive("f", b"data"));
    let at = if at < 20 { at } else { member.len() - (100 - at) };
    member[at] = member[at].wrapping_add(by);
    refused(member).to_string()
}

vfs_test! {
    fn a_compressed_archive_is_read() {
        let big: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        let fs = mount(gzip(&archive("big", &big)));
        assert_eq!(read(&fs, "big"), big);
    }

    /// `find . | sort | cpio -o -H newc -R 0:0 --reproducible | gzip -9n`, by GNU cpio 2.13: Huffman codes and
    /// references back, which the writer of samples does not make.
    fn an_archive_by_gnu_cpio_and_gzip_is_read() {
        let fs = mount(include_bytes!("gnu.cpio.gz").to_vec());
        let text = "hello from GNU cpio\n";
        let expected = alloc::format!(
            "/d Directory 755 3 \n\
             /d/e Directory 755 2 \n\
             /d/e/first Regular 644 2 {text}\n\
             /d/link Symlink 777 1 e/first\n\
             /d/pipe Fifo 644 1 \n\
             /d/second Regular 644 2 {text}\n\
             /zeros Regular 4755 1 {zeros}\n",
            zeros = "\0".repeat(100_000)
        );
        assert_eq!(show(&fs), expected);
    }

    fn every_optional_part_of_a_gzip_header_is_understood() {
        let plain = gzip(&archive("f", b"data"));
        let mut member = plain[..10].to_vec();
        member[3] = 0b1_1111;
        member.extend([3, 0, 1, 2, 3]);
        member.extend(b"name\0comment\0");
        let checksum = crc32fast::hash(&member) as u16;
        member.extend(checksum.to_le_bytes());
        let header = member.len();
        member.extend(&plain[10..]);
        assert_eq!(read(&mount(member.clone()), "f"), b"data");
        for length in 2..header {
            assert_eq!(refused(member[..length].to_vec()).to_string(), "offset 0x0: the archive ends inside a gzip member");
        }
        member[header - 1] ^= 1;
        assert_eq!(refused(member).to_string(), "offset 0x0: the gzip header does not fit its checksum");
    }

    fn plain_and_compressed_archives_follow_each_other() {
        let mut all = archive("one", b"1");
        all.extend([0; 8]);
        all.extend(gzip(&archive("two", b"2")));
        all.extend([0; 5]);
        all.extend(gzip(&archive("three", b"3")));
        all.extend([0; 2]);
        all.extend(archive("four", b"4"));
        let fs = mount(all);
        assert_eq!(names(&*fs.root()), ["one", "two", "three", "four"]);
        for (name, data) in [("one", b"1"), ("two", b"2"), ("three", b"3"), ("four", b"4")] {
            assert_eq!(read(&fs, name), data);
        }
    }

    fn members_side_by_side_are_one_stream_wherever_it_was_cut() {
        let whole = archive("file", b"some data");
        for cut in 0..=whole.len() {
            let (one, other) = whole.split_at(cut);
            let fs = mount([gzip(one), gzip(other)].concat());
            assert_eq!(read(&fs, "file"), b"some data");
        }
        let fs = mount([gzip(&whole), gzip(&archive("next", b""))].concat());
        assert_eq!(names(&*fs.root()), ["file", "next"]);
    }

    fn a_damaged_member_is_refused_with_its_place() {
        assert_eq!(changed(2, 1), "offset 0x0: gzip method 9; only 8 (deflate) is known");
        assert_eq!(changed(3, 0x20), "offset 0x0: unknown gzip flags 0x20");
        assert_eq!(changed(10, 6), "offset 0x0: the gzip data is corrupt");
        let checksum = changed(92, 1);
        assert!(checksum.starts_with("offset 0x0: the gzip member's CRC is 0x"), "{checksum}");
        let length = changed(96, 1);
        assert!(length.starts_with("offset 0x0: the gzip member unpacks to 240 bytes, its end says 241"), "{length}");
        let mut all = archive("one", b"1");
        let offset = all.len();
        all.extend(gzip(&archive("two", b"2")));
        all[offset + 2] = 7;
        let expected = alloc::format!("offset {offset:#x}: gzip method 7; only 8 (deflate) is known");
        assert_eq!(refused(all).to_string(), expected);
    }

    fn a_cut_member_is_refused_wherever_it_was_cut() {
        let member = gzip(&archive("f", b"data"));
        for length in 2..member.len() {
            let shown = refused(member[..length].to_vec()).to_string();
            assert_eq!(shown, "offset 0x0: the archive ends inside a gzip member", "{length}");
        }
    }

    fn a_fault_inside_names_the_offset_in_what_was_unpacked() {
        let mut inner = archive("f", b"data");
        inner[5] = b'3';
        let mut all = archive("one", b"1");
        let member = all.len();
        all.extend(gzip(&inner));
        let expected =
            alloc::format!("offset 0x0 of what the gzip data at {member:#x} unpacks to: bad magic \"070703\"");
        assert_eq!(refused(all).to_string(), expected);
    }

    fn a_member_of_nothing_is_no_archive() {
        assert_eq!(refused(gzip(b"")).to_string(), "offset 0x0: there is no archive here");
    }

    fn other_compressions_are_named() {
        let xz = b"\xfd7zXZ\0and so on".to_vec();
        assert_eq!(refused(xz).to_string(), "offset 0x0: compressed with xz; only gzip is read");
        let zstd = b"\x28\xb5\x2f\xfdand so on".to_vec();
        assert_eq!(refused(zstd).to_string(), "offset 0x0: compressed with zstd; only gzip is read");
        let twice = refused(gzip(&gzip(&archive("f", b"data")))).to_string();
        assert!(twice.ends_with("compressed with gzip twice; only gzip is read"), "{twice}");
    }
}
