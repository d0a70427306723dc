//! A bad archive is refused with the place and the reason, whatever is wrong with it.

use super::sample::{DIRECTORY, FILE, Fields, Sample, refused};
use crate::error::{FileSystemError, FileSystemErrorKind};
use crate::vfs_test;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

/// A good entry first, so that the bad one is not at 0.
fn before() -> Sample {
    Sample::new().file("good", b"entry")
}

/// What mounting an archive says whose second entry is bad, without the offset, which must be the entry's.
fn complaint(name: &str, fields: Fields, data: &[u8]) -> alloc::string::String {
    let offset = before().len();
    let error = refused(before().entry(name, fields, data).finish());
    assert_eq!((error.offset, error.unpacked_from), (offset as u64, None));
    assert_eq!(FileSystemError::from(error).kind(), FileSystemErrorKind::InvalidArgument);
    let shown = error.to_string();
    let prefix = alloc::format!("offset {offset:#x}: ");
    shown.strip_prefix(&prefix).expect("the offset comes first").to_string()
}

/// The same archive with the byte at `at` in the second header changed.
fn with_byte(at: usize, byte: u8) -> Vec<u8> {
    let offset = before().len();
    let mut archive = before().file("next", b"data").finish();
    archive[offset + at] = byte;
    archive
}

vfs_test! {
    fn a_bad_magic_is_shown() {
        assert_eq!(refused(with_byte(5, b'3')).to_string(), "offset 0x7c: bad magic \"070703\"");
        assert_eq!(refused(b"hello world".to_vec()).to_string(), "offset 0x0: bad magic \"hello \"");
        assert_eq!(refused(b"\xff\0\"\n..".to_vec()).to_string(), "offset 0x0: bad magic \"\\xff\\x00\\\"\\n..\"");
    }

    fn old_formats_are_named() {
        let odc = Fields { magic: "070707", ..FILE };
        assert_eq!(complaint("f", odc, b""), "an old cpio format; only newc is read (cpio -H newc)");
        let binary = refused(vec![0xc7, 0x71, 1, 2, 3, 4, 5, 6]);
        assert_eq!(binary.to_string(), "offset 0x0: an old cpio format; only newc is read (cpio -H newc)");
    }

    fn every_digit_of_every_number_is_checked() {
        let fields = [
            "c_ino", "c_mode", "c_uid", "c_gid", "c_nlink", "c_mtime", "c_filesize", "c_devmajor", "c_devminor",
            "c_rdevmajor", "c_rdevminor", "c_namesize", "c_check",
        ];
        for at in 6..110 {
            for byte in *b"gG x+-\0\xff" {
                let error = refused(with_byte(at, byte));
                let shown = error.to_string();
                let expected = alloc::format!("offset 0x7c: {} is \"", fields[(at - 6) / 8]);
                assert!(shown.starts_with(&expected), "{shown}");
                assert!(shown.ends_with("\", not eight hexadecimal digits"), "{shown}");
            }
        }
    }

    fn names_must_be_names() {
        assert_eq!(complaint("", FILE, b""), "an empty name");
        assert_eq!(complaint("", Fields { nuls: 0, ..FILE }, b""), "an empty name");
        assert_eq!(complaint("", Fields { nuls: 4, ..FILE }, b""), "an empty name");
        assert_eq!(complaint("open", Fields { nuls: 0, ..FILE }, b""), "the name \"open\" does not end in a NUL");
        assert_eq!(complaint("a/../b", FILE, b""), "the name \"a/../b\" leads upwards");
        assert_eq!(complaint("..", DIRECTORY, b""), "the name \"..\" leads upwards");
        let limit = "a name of 4097 bytes, the NUL included; 4096 is the limit";
        assert_eq!(complaint("n", Fields { nuls: 4096, ..FILE }, b""), limit);
        let long = "n".repeat(256);
        let shown = alloc::format!("a part of the name \"{}\"... is longer than 255 bytes", "n".repeat(48));
        assert_eq!(complaint(&long, FILE, b""), shown);
        let _longest = super::sample::mount(before().file(&long[1..], b"").finish());
    }

    fn types_must_be_types_and_have_what_is_theirs() {
        assert_eq!(complaint("f", Fields { mode: 0o644, ..FILE }, b""), "mode 0o644 names no type of file");
        assert_eq!(complaint("f", Fields { mode: 0o1_100_644, ..FILE }, b""), "mode 0o1100644 names no type of file");
        assert_eq!(complaint("d", DIRECTORY, b"data"), "a directory with 4 bytes of data");
        assert_eq!(complaint("p", Fields { mode: 0o010_600, ..FILE }, b"12"), "a FIFO with 2 bytes of data");
        let device = Fields { mode: 0o020_600, special: (4096, 0), ..FILE };
        assert_eq!(complaint("c", device, b""), "device number 4096:0 is out of range");
        assert_eq!(complaint(".", FILE, b""), "the root is not a directory");
        assert_eq!(complaint("//", FILE, b""), "the root is not a directory");
    }

    fn symbolic_links_must_lead_somewhere() {
        let link = Fields { mode: 0o120_777, ..FILE };
        assert_eq!(complaint("l", link, b""), "a symbolic link to nothing");
        assert_eq!(complaint("l", link, b"\0x"), "a symbolic link to nothing");
        assert_eq!(complaint("l", link, &[b'x'; 4096]), "a symbolic link to 4096 bytes; 4095 is the limit");
        let circle = Sample::new().symlink("a", "b").symlink("b", "a");
        let offset = circle.len();
        let error = refused(circle.file("a/f", b"").finish());
        assert_eq!(error.offset, offset as u64);
        assert!(error.to_string().contains("too many symbolic links on the way to"), "{error}");
    }

    fn a_checksum_must_fit() {
        let checked = Fields { magic: "070702", checksum: 1, ..FILE };
        let expected = "the data's checksum is 0x00000061, the header says 0x00000001";
        assert_eq!(complaint("f", checked, b"a"), expected);
    }

    /// Cut anywhere, an archive is refused: what is missing must not go unnoticed.
    fn a_cut_archive_is_refused_wherever_it_was_cut() {
        let sample = before().symlink("link", "target").directory("d");
        let trailer = sample.len();
        let archive = sample.finish();
        for length in 0..trailer + 110 + "TRAILER!!!\0".len() {
            let error = refused(archive[..length].to_vec());
            assert!(error.offset <= length as u64, "{error}");
            let shown = error.to_string();
            assert!(shown.contains("the archive ends") || shown.contains("no archive"), "{length}: {shown}");
        }
    }

    fn nothing_at_all_is_no_archive() {
        assert_eq!(refused(Vec::new()).to_string(), "offset 0x0: there is no archive here");
        assert_eq!(refused(vec![0; 1000]).to_string(), "offset 0x0: there is no archive here");
    }

    fn sizes_beyond_the_end_are_refused() {
        let offset = before().len();
        let mut archive = before().file("next", b"data").finish();
        archive[offset + 54..offset + 62].copy_from_slice(b"FFFFFFFF");
        let left = archive.len() - offset - 116;
        let expected = alloc::format!(
            "offset {offset:#x}: the archive ends inside the data of an entry: {left} of 4294967295 bytes are there"
        );
        assert_eq!(refused(archive).to_string(), expected);
    }

    fn junk_between_archives_is_refused() {
        let mut archive = before().finish();
        let end = archive.len();
        archive.extend(b"junk and more");
        assert_eq!(refused(archive).to_string(), alloc::format!("offset {end:#x}: bad magic \"junk a\""));
    }
}
