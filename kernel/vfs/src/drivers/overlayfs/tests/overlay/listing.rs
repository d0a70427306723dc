//! What a merged directory lists.

use super::super::{Stage, in_both_formats};
use crate::error::FileSystemErrorKind;
use crate::file::{FileObject, OpenFlags, SeekFrom};
use crate::metadata::FileType;
use crate::vfs_test;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;

/// Up to `count` names that come next, without `.` and `..`.
fn take(file: &FileObject, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    let listed = file.list(&mut |item| {
        if names.len() == count {
            return false;
        }
        if item.name != b"." && item.name != b".." {
            names.push(item.name.escape_ascii().to_string());
        }
        true
    });
    assert_eq!(listed, Ok(()));
    names
}

fn open(stage: &Stage, path: &str) -> alloc::sync::Arc<FileObject> {
    stage.open(path, OpenFlags::READ | OpenFlags::DIRECTORY).expect("a directory opens")
}

vfs_test! {
    /// ```text
    /// u   a   c
    /// 1   a b    -d
    /// 2     b   e d        a b c e, each once
    /// ```
    fn each_name_is_listed_once_and_whiteouts_are_not() {
        in_both_formats(|stage| {
            stage.write("/u/a", "").write("/u/c", "").write("/1/a", "").write("/1/b", "").whiteout("/1/d");
            stage.write("/2/b", "").write("/2/e", "").write("/2/d", "");
            stage.overlay("/1:/2");
            assert_eq!(stage.list("/m"), "a b c e");
            let mut first: Vec<String> = Vec::new();
            open(stage, "/m").list(&mut |item| { first.push(item.name.escape_ascii().to_string()); true }).expect("lists");
            assert_eq!(first[..2], [".", ".."]);
            assert_eq!(first.len(), 6);
        });
    }

    fn numbers_and_types_agree_with_stat() {
        in_both_formats(|stage| {
            stage.write("/1/lower", "").mkdir("/1/d").mkdir("/2/d").symlink("x", "/2/link").write("/1/touched", "");
            stage.write("/u/upper", "").mkdir("/u/d");
            stage.overlay("/1:/2").write("/m/new", "").append("/m/touched", "text");
            assert_eq!(stage.rename("/m/lower", "/m/moved"), Ok(()));
            let mut count = 0;
            let mut items: Vec<(String, u64, FileType)> = Vec::new();
            open(stage, "/m").list(&mut |item| {
                items.push((item.name.escape_ascii().to_string(), item.inode, item.kind));
                true
            }).expect("lists");
            for (name, inode, kind) in items.iter().filter(|(name, ..)| !name.starts_with('.')) {
                let metadata = stage.lstat(&format!("/m/{name}")).expect("a listed name is there");
                assert_eq!((*inode, *kind), (metadata.id.inode, metadata.kind), "{name}");
                count += 1;
            }
            assert_eq!(count, 6);
        });
    }

    /// ```text
    /// 1   f0 … f9      read three, unlink what was read and two that follow, read on:
    /// 2   f5 … f14     the rest, each once, none that is gone
    /// ```
    fn a_stream_goes_on_while_names_go() {
        in_both_formats(|stage| {
            for number in 0..10 {
                stage.write(&format!("/1/f{number:02}"), "").write(&format!("/2/f{:02}", number + 5), "");
            }
            stage.overlay("/1:/2");
            let stream = open(stage, "/m");
            let first = take(&stream, 3);
            let all: Vec<String> = stage.list("/m").split(' ').map(|name| name.to_string()).collect();
            let mut left: Vec<String> = all.iter().filter(|name| !first.contains(name)).cloned().collect();
            for name in first.iter().chain(&left[..2]) {
                assert_eq!(stage.unlink(&format!("/m/{name}")), Ok(()));
            }
            left.drain(..2);
            let mut rest = take(&stream, 100);
            rest.sort();
            assert_eq!(rest, left);
            assert_eq!(take(&stream, 100).len(), 0);
            assert_eq!(stage.list("/m"), left.join(" "));
        });
    }

    /// ```text
    /// 1   f00 … f09    note where each entry ends; remove every third, add others, copy up the rest:
    /// 2   f05 … f14    from each place noted the listing goes on with the entry that followed it, if that is still there
    /// ```
    fn a_place_in_a_listing_leads_to_what_followed_it_whatever_came_and_went() {
        in_both_formats(|stage| {
            for number in 0..10 {
                stage.write(&format!("/1/f{number:02}"), "").write(&format!("/2/f{:02}", number + 5), "");
            }
            stage.overlay("/1:/2");
            let stream = open(stage, "/m");
            let mut noted = Vec::new();
            loop {
                let place = stream.position();
                let [name] = &take(&stream, 1)[..] else { break };
                noted.push((place, name.clone()));
            }
            assert_eq!(noted.len(), 15);
            for (number, (_, name)) in noted.iter().enumerate() {
                match number % 3 {
                    0 => assert_eq!(stage.unlink(&format!("/m/{name}")), Ok(())),
                    1 => assert_eq!(stage.chmod(&format!("/m/{name}"), 0o600), Ok(())),
                    _ => drop(stage.write(&format!("/m/new{number}"), "")),
                }
            }
            // But the first is the beginning, which has all there are now.
            for (number, (place, name)) in noted.iter().enumerate().skip(1).rev() {
                assert_eq!(stream.seek(SeekFrom::Start(*place as i64)), Ok(*place));
                let next = take(&stream, 1);
                // Of what was removed the one behind it follows, which was not.
                let expected = if number % 3 == 0 { &noted[number + 1].1 } else { name };
                assert_eq!(next, core::slice::from_ref(expected), "from the place of {name}");
            }
            assert_eq!(stream.seek(SeekFrom::Start(0)), Ok(0));
            assert_eq!(take(&stream, 100).len(), 15);
        });
    }

    /// Emptying a directory while listing it one name at a time ends, with the directory empty.
    fn rm_r_sees_every_name() {
        in_both_formats(|stage| {
            for number in 0..20 {
                stage.write(&format!("/1/l{number}"), "").write(&format!("/u/u{number}"), "");
            }
            stage.overlay("/1");
            let stream = open(stage, "/m");
            let mut seen = 0;
            while let [name] = &take(&stream, 1)[..] {
                assert_eq!(stage.unlink(&format!("/m/{name}")), Ok(()));
                seen += 1;
            }
            assert_eq!(seen, 40);
            assert_eq!(stage.list("/m"), "");
        });
    }

    /// `for f in *; do mv $f $f.old; done`, one name at a time, meets no name twice and ends.
    fn renaming_all_names_while_listing_ends() {
        let stage = Stage::oci();
        for number in 0..8 {
            stage.write(&format!("/1/f{number}"), "");
        }
        stage.overlay("/1");
        let stream = open(&stage, "/m");
        let mut renamed = 0;
        while let [name] = &take(&stream, 1)[..] {
            assert!(!name.ends_with(".old"), "{name} was met again");
            assert_eq!(stage.rename(&format!("/m/{name}"), &format!("/m/{name}.old")), Ok(()));
            renamed += 1;
        }
        assert_eq!(renamed, 8);
        assert_eq!(stream.seek(SeekFrom::Start(0)), Ok(0));
        assert_eq!(take(&stream, 100).iter().filter(|name| name.ends_with(".old")).count(), 8);
    }

    /// A stream opened before the directory's copy-up goes on after it.
    fn a_stream_follows_the_copy_up_of_its_directory() {
        let stage = Stage::oci();
        stage.mkdir("/1/d");
        for number in 0..6 {
            stage.write(&format!("/1/d/f{number}"), "");
        }
        stage.overlay("/1");
        let stream = open(&stage, "/m/d");
        let mut names = take(&stream, 2);
        stage.write("/m/d/new", "").append("/m/d/f5", "text");
        names.extend(take(&stream, 100).into_iter().filter(|name| name != "new"));
        names.sort();
        assert_eq!(names.join(" "), "f0 f1 f2 f3 f4 f5");
        assert_eq!(stage.list("/m/d"), "f0 f1 f2 f3 f4 f5 new");
    }

    fn a_removed_directory_lists_nothing() {
        let stage = Stage::oci();
        stage.mkdir("/1/d").overlay("/1");
        let stream = open(&stage, "/m/d");
        assert_eq!(stage.rmdir("/m/d"), Ok(()));
        let mut names = 0;
        let listed = stream.list(&mut |_| {
            names += 1;
            true
        });
        assert_eq!((listed, names), (Err(FileSystemErrorKind::NotFound.into()), 0), "not even dots, as on Linux");
    }
}
