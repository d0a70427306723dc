//! The image builder, GNU cpio and cpiofs must all say the same of one tree.
//!
//! ```text
//!   directory --mkimage--> archive --cpiofs--> compared
//!   directory --mkimage--> archive --cpio -i-> compared
//!   directory --cpio -o--> archive --cpiofs--> compared
//! ```

use rustix::fs::{CWD, FileType, Mode, Timespec, Timestamps};
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tools::check::{self, Record, Records};
use tools::image::{self, Options, Tree};

/// A tree with everything that can go wrong: each type of file, hard links (one of them to a file outside), names
/// that are no UTF-8, set-id bits, empty, small and page-sized files. Devices only where the user may make them.
fn tree() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir_all(at("usr/lib/deep/er")).unwrap();
    fs::create_dir(at("empty directory")).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("usr/small"), "small").unwrap();
    fs::write(at("usr/lib/page"), [b'p'; 4096]).unwrap();
    fs::write(at("usr/lib/large"), (0..300_000_u32).map(|number| (number % 253) as u8).collect::<Vec<_>>()).unwrap();
    fs::hard_link(at("usr/lib/large"), at("a link to it")).unwrap();
    fs::hard_link(at("usr/lib/large"), at("usr/lib/deep/another")).unwrap();
    symlink("usr/lib", at("lib")).unwrap();
    symlink("/nowhere/at all", at("usr/dangling")).unwrap();
    fs::hard_link(at("usr/dangling"), at("usr/the same link")).unwrap();
    fs::write(directory.path().join(OsStr::from_bytes(b"not \xff UTF-8 \x01")), "bytes").unwrap();
    fs::write(at("usr/\u{fc}nicode \u{1f980}"), "crab").unwrap();
    fs::write(at("usr/setuid"), "#!").unwrap();
    fs::set_permissions(at("usr/setuid"), Permissions::from_mode(0o6755)).unwrap();
    fs::set_permissions(at("usr/lib/deep"), Permissions::from_mode(0o1777)).unwrap();
    rustix::fs::mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    if rustix::process::geteuid().is_root() {
        let node = |name, kind, major, minor| {
            let device = rustix::fs::makedev(major, minor);
            rustix::fs::mknodat(CWD, at(name), kind, Mode::from_raw_mode(0o640), device).unwrap();
            rustix::fs::chown(at(name), Some(rustix::fs::Uid::from_raw(12)), Some(rustix::fs::Gid::from_raw(34)))
                .unwrap();
        };
        node("console", FileType::CharacterDevice, 5, 1);
        node("disk", FileType::BlockDevice, 259, 70_000);
    }
    age(directory.path());
    directory
}

/// Gives everything below `path` a time of its own, children first.
fn age(path: &Path) {
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            age(&entry.unwrap().path());
        }
    }
    let seconds = 1_600_000_000 + path.as_os_str().as_bytes().iter().map(|byte| i64::from(*byte)).sum::<i64>();
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn pack(directory: &Path, options: &Options) -> Vec<u8> {
    let mut archive = Vec::new();
    Tree::scan(directory).unwrap().write(&mut archive, options, &mut |_| ()).unwrap();
    archive
}

fn records(archive: Vec<u8>) -> Records {
    check::mounted(&*check::mount(archive).unwrap()).unwrap()
}

fn assert_same(expected: &Records, found: &Records) {
    let differences = check::differences(expected, found);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(expected.len() > 5);
}

/// Runs GNU cpio in `directory` with that input; `None` (and a word about it) where there is none.
fn cpio(directory: &Path, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new("cpio")
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: GNU cpio is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "cpio {arguments:?}: {errors}");
    Some(output.stdout)
}

/// The names in a tree as `find . -print0` gives them.
fn find(directory: &Path) -> Vec<u8> {
    Command::new("find").args([".", "-print0"]).current_dir(directory).output().unwrap().stdout
}

#[test]
fn cpiofs_shows_what_was_packed() {
    let tree = tree();
    for gzip in [false, true] {
        for owner in [None, Some((0, 0)), Some((1000, 65_534))] {
            let options = Options { owner, gzip };
            let expected = check::on_disk(tree.path(), &options).unwrap();
            assert_same(&expected, &records(pack(tree.path(), &options)));
        }
    }
}

#[test]
fn cpiofs_shows_what_gnu_cpio_packed() {
    let tree = tree();
    let expected = check::on_disk(tree.path(), &Options::default()).unwrap();
    for format in ["newc", "crc"] {
        let arguments = ["--create", "--null", "--quiet", "--format", format];
        let Some(archive) = cpio(tree.path(), &arguments, &find(tree.path())) else { return };
        assert_same(&expected, &records(archive));
    }
}

#[test]
fn gnu_cpio_unpacks_what_was_packed() {
    let tree = tree();
    let options = Options::default();
    let unpacked = tempfile::tempdir().unwrap();
    let arguments = ["--extract", "--preserve-modification-time", "--quiet"];
    if cpio(unpacked.path(), &arguments, &pack(tree.path(), &options)).is_none() {
        return;
    }
    let expected = check::on_disk(tree.path(), &options).unwrap();
    let mut found = check::on_disk(unpacked.path(), &options).unwrap();
    // It knows no hard links between symbolic links, sets no times of them, and those of directories before it makes
    // the last hard links in them.
    for (name, record) in &mut found {
        match record.mode & 0o170_000 {
            0o120_000 => *record = Record { mode: record.mode, digest: record.digest, ..expected[name].clone() },
            0o040_000 => record.modified = expected[name].modified,
            _ => {}
        }
    }
    assert_same(&expected, &found);
}

#[test]
fn one_tree_makes_one_archive_whatever_the_disk_says() {
    let (one, other) = (tree(), tempfile::tempdir().unwrap());
    let copied = Command::new("cp").args(["-a", "-T"]).args([one.path(), other.path()]).status().unwrap();
    assert!(copied.success());
    for gzip in [false, true] {
        let options = Options { owner: None, gzip };
        assert!(pack(one.path(), &options) == pack(other.path(), &options), "gzip: {gzip}");
    }
}

#[test]
fn directories_come_before_what_is_in_them_and_names_are_sorted() {
    let tree = tempfile::tempdir().unwrap();
    for name in ["b/x", "a-", "a/z", "a/b/c", "c"] {
        let path = tree.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap();
    }
    let listing = cpio(tree.path(), &["--list", "--quiet"], &pack(tree.path(), &Options::default()));
    let Some(listing) = listing else { return };
    assert_eq!(String::from_utf8(listing).unwrap(), ".\na\na/b\na/b/c\na/z\na-\nb\nb/x\nc\n");
}

#[test]
fn sockets_and_the_image_itself_are_left_out() {
    let tree = tempfile::tempdir().unwrap();
    let _socket = UnixListener::bind(tree.path().join("socket")).unwrap();
    fs::write(tree.path().join("file"), "stays").unwrap();
    let out = tree.path().join("image.cpio");
    let mut reported = 0;
    for first in [true, false] {
        let skipped = image::build(tree.path(), &out, &Options::default(), &mut |_| reported += 1).unwrap();
        let mut names: Vec<_> = skipped.iter().map(|skipped| skipped.path.file_name().unwrap()).collect();
        names.sort();
        assert_eq!(names, if first { vec!["socket"] } else { vec!["image.cpio", "socket"] });
        let found = records(fs::read(&out).unwrap());
        assert_eq!(found.keys().map(|name| &name[..]).collect::<Vec<_>>(), [&b""[..], b"file"]);
    }
    assert!(reported > 0);
}

#[test]
fn what_cannot_be_packed_is_named() {
    let nowhere = Path::new("/nowhere/at/all");
    let error = image::build(nowhere, Path::new("/tmp/unused"), &Options::default(), &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nowhere/at/all");
    let tree = tempfile::tempdir().unwrap();
    let large = File::create(tree.path().join("large")).unwrap();
    large.set_len(1 << 32).unwrap();
    let out = tree.path().join("out");
    let error = image::build(tree.path(), &out, &Options::default(), &mut |_| ()).unwrap_err();
    let expected = format!("{}/large is too large for cpio (4 GiB and more)", tree.path().display());
    assert_eq!(error.to_string(), expected);
    assert!(!out.exists());
}

/// The program, from end to end.
#[test]
fn mkimage_packs_and_checks() {
    let tree = tree();
    let out = tempfile::tempdir().unwrap();
    for name in ["image.cpio", "image.cpio.gz"] {
        let image = out.path().join(name);
        let mkimage = Command::new(env!("CARGO_BIN_EXE_mkimage"))
            .args(["--check", "--owner", "0:0", "--out"])
            .args([&image, tree.path()])
            .output()
            .unwrap();
        assert!(mkimage.status.success() && mkimage.stderr.is_empty(), "{}", String::from_utf8_lossy(&mkimage.stderr));
        let archive = fs::read(&image).unwrap();
        assert_eq!(archive.starts_with(&[0x1f, 0x8b]), name.ends_with(".gz"));
        assert!(records(archive).values().all(|record| record.owner == (0, 0)));
    }
    let refused = Command::new(env!("CARGO_BIN_EXE_mkimage")).args(["--out", "/nowhere/x"]).arg(tree.path()).output();
    let refused = refused.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("mkimage: cannot write /nowhere/x: "));
}
