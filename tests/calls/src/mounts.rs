//! Mounts made step by step (`fsopen`, `fsconfig`, `fsmount`, `fspick`, `open_tree`, `move_mount`, `mount_setattr`), below
//! the current directory.

use std::fs;
use std::os::fd::AsRawFd;

use crate::{at, call, text};

pub const CWD: i64 = libc::AT_FDCWD as i64;
pub const RECURSIVE: u32 = 0x8000;
pub const CLONE: u32 = 1;

const FLAG: u32 = 0;
const STRING: u32 = 1;
const BINARY: u32 = 2;
const PATH: u32 = 3;
const PATH_OR_NONE: u32 = 4;
const FILE: u32 = 5;
const CREATE: u32 = 6;
const RECONFIGURE: u32 = 7;
const CREATE_EXCLUSIVELY: u32 = 8;

pub const FROM_EMPTY: u32 = 4;
const TO_EMPTY: u32 = 0x40;
const SET_GROUP: u32 = 0x100;

const READ_ONLY: u64 = 1;
const NO_SUID: u64 = 2;
const NO_EXEC: u64 = 8;
const NO_ACCESS_TIME: u64 = 0x10;
const ACCESS_TIMES: u64 = 0x70;
const SHARED: u64 = 1 << 20;
const PRIVATE: u64 = 1 << 18;

pub fn open(type_name: &str) -> i64 {
    call!(SYS_fsopen, text(type_name), 0)
}

/// An option, by what it is given.
fn configure(file: i64, command: u32, name: &str, value: &str, number: i64) -> i64 {
    let (name, text_value) = (text(name), text(value));
    let value = if command == FLAG || command == FILE { 0 } else { text_value };
    call!(SYS_fsconfig, file, command, name, value, number)
}

pub fn command(file: i64, command: u32) -> i64 {
    call!(SYS_fsconfig, file, command, 0, 0, 0)
}

pub fn mount(file: i64, attributes: u64) -> i64 {
    call!(SYS_fsmount, file, 0, attributes)
}

pub fn tree(path: &str, flags: u32) -> i64 {
    call!(SYS_open_tree, CWD, text(path), flags)
}

fn relocate(from: i64, path: &str, to: &str, flags: u32) -> i64 {
    call!(SYS_move_mount, from, text(path), CWD, text(to), flags)
}

pub fn set(path: &str, flags: u32, mut change: [u64; 4]) -> i64 {
    call!(SYS_mount_setattr, CWD, text(path), flags, at(&mut change), 32)
}

pub fn close(file: i64) {
    call!(SYS_close, file);
}

/// What the file system in the making has to say.
fn messages(file: i64) {
    let mut buffer = [0u8; 256];
    loop {
        let count = call!(SYS_read, file, at(&mut buffer), buffer.len());
        match usize::try_from(count) {
            Ok(count) => println!("  says {:?}", String::from_utf8_lossy(&buffer[..count])),
            Err(_) => break println!("  says no more: {count}"),
        }
    }
}

/// A mount as it is shown.
pub struct Shown {
    /// Where it is, what of its file system it shows, and its options.
    pub mount: String,
    /// What it has to do with others, by kind and number.
    pub links: Vec<String>,
    pub file_system: String,
}

/// The mounts below the current directory, in the order they were made, without what limits a tmpfs has that nobody gave
/// it.
pub fn shown() -> Vec<Shown> {
    let all = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let here = std::env::current_dir().map(|path| format!("{}/", path.display())).unwrap_or_default();
    let one = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let name = words[4].strip_prefix(&here)?;
        let end = words.iter().position(|word| *word == "-").unwrap_or(words.len());
        let options = words[end + 3].split(',').filter(|option| {
            !["size=", "nr_inodes=", "inode64", "uuid=", "index=", "mode="].iter().any(|word| option.starts_with(word))
        });
        let options = options.collect::<Vec<_>>().join(",");
        Some(Shown {
            mount: format!("{name} {} {}", words[3], words[5]),
            links: words[6..end].iter().map(|word| (*word).to_owned()).collect(),
            file_system: format!("{} {} {options}", words[end + 1], words[end + 2]),
        })
    };
    all.lines().filter_map(one).collect()
}

/// Shows them; groups are numbered as they come.
pub fn show() {
    let mut groups: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for Shown { mut mount, links, file_system } in shown() {
        for (kind, group) in links.iter().filter_map(|word| word.split_once(':')) {
            let number = groups.iter().position(|known| known == group).unwrap_or_else(|| {
                groups.push(group.to_owned());
                groups.len() - 1
            });
            mount += &format!(" {kind}:{number}");
        }
        lines.push(format!("{mount} {file_system}"));
    }
    println!("{}", lines.join("\n"));
}

/// Options of a tmpfs, good and bad, and in which order things may be done.
fn options() {
    println!("fsopen {} {}", open("nonesuch"), call!(SYS_fsopen, text("tmpfs"), 2));
    let file = open("tmpfs");
    messages(file);
    let long = "x".repeat(300);
    for (kind, name, value, number) in [
        (STRING, "foo", "bar", 0),
        (FLAG, "foo", "", 0),
        (FLAG, "nosuid", "", 0),
        (FLAG, "", "", 0),
        (STRING, "size", "bar", 0),
        (STRING, "size", "", 0),
        (STRING, "size", "1m,nr_inodes=3", 0),
        (FLAG, "size", "", 0),
        (FILE, "size", "", file),
        (FILE, "size", "", 99),
        (BINARY, "size", "abc", 3),
        (PATH, "size", ".", CWD),
        (STRING, "size", "1m", 0),
        (STRING, "size", "1m", 1),
        (STRING, "source", "from", 0),
        (STRING, "source", "from", 0),
        (FLAG, "source", "", 0),
        (FLAG, "ro", "", 0),
        (STRING, "rw", "value", 0),
        (FLAG, "sync", "", 0),
        (FLAG, &long, "", 0),
        (STRING, "size", &long, 0),
        (99, "size", "1m", 0),
    ] {
        println!("{kind} {:.8} {:.20} {}", name, value, configure(file, kind, name, value, number));
        messages(file);
    }
    let given = |kind, value: usize, number| call!(SYS_fsconfig, file, kind, text("size"), value, number);
    println!("bad bytes {} {}", given(BINARY, 8, 4), given(BINARY, text("x"), 1 << 20));
    println!("bad paths {} {} {}", given(PATH, 8, CWD), given(PATH, text(""), CWD), given(PATH_OR_NONE, 8, CWD));
    println!("long {} {}", given(PATH, text(&"x".repeat(5000)), CWD), given(PATH_OR_NONE, text(""), CWD));
    messages(file);
    println!("early {} {}", mount(file, 0), command(file, RECONFIGURE));
    println!("create {} {}", command(file, CREATE), command(file, CREATE));
    println!("late {}", configure(file, STRING, "size", "1m", 0));
    println!("fsmount {} {} {}", call!(SYS_fsmount, file, 2, 0), mount(file, 1 << 30), mount(file, 0x30));
    let mounted = mount(file, NO_SUID | NO_ACCESS_TIME);
    println!("again {}", mount(file, 0));
    println!("inside {}", call!(SYS_mkdirat, mounted, text("inside"), 0o755));
    println!(
        "places {} {} {}",
        relocate(mounted, "", "a", 0),
        relocate(mounted, "inside", "a", 0),
        relocate(mounted, "", "a", 0x800)
    );
    println!("move {}", relocate(mounted, "", "a", FROM_EMPTY));
    show();
    println!("and on {}", relocate(mounted, "", "b", FROM_EMPTY));
    close(mounted);
    show();
    println!("more {} {}", configure(file, FLAG, "ro", "", 0), command(file, RECONFIGURE));
    show();
    println!("less {}", configure(file, STRING, "nr_inodes", "1", 0));
    println!("refused {} {}", command(file, RECONFIGURE), command(file, RECONFIGURE));
    close(file);
    println!("other files {} {}", configure(CWD, FLAG, "ro", "", 0), configure(98, FLAG, "ro", "", 0));
    let plain = fs::File::open(".").map(|file| (configure(i64::from(file.as_raw_fd()), FLAG, "ro", "", 0), file));
    println!("a directory {:?}", plain.map(|(answer, _)| answer).ok());
    println!("umount {}", call!(SYS_umount2, text("b"), 0));
}

/// What nobody puts anywhere goes with its file.
fn forgotten() {
    let file = open("tmpfs");
    println!("exclusively {}", command(file, CREATE_EXCLUSIVELY));
    let mounted = mount(file, 0);
    close(file);
    close(mounted);
    let file = open("tmpfs");
    println!("without a source {}", command(file, CREATE));
    let mounted = mount(file, READ_ONLY);
    println!("read-only {}", call!(SYS_mkdirat, mounted, text("d"), 0o755));
    println!("place {}", relocate(mounted, "", "a", FROM_EMPTY));
    show();
    println!("in use {}", call!(SYS_umount2, text("a"), 0));
    close(mounted);
    println!("unused {}", call!(SYS_umount2, text("a"), 0));
}

/// A file system that is mounted is picked and changed.
fn picked() {
    let pick = |path: &str, flags| call!(SYS_fspick, CWD, text(path), flags);
    println!("fspick {} {} {}", pick("a", 0), pick("none", 0), pick("a", 0x100));
    println!("mount {}", call!(SYS_mount, text("x"), text("a"), text("tmpfs"), 0, 0));
    let file = pick("a", 0);
    println!("of a new one {} {}", command(file, CREATE), mount(file, 0));
    println!("ro {} {}", configure(file, FLAG, "ro", "", 0), command(file, RECONFIGURE));
    show();
    println!("rw {} {}", configure(file, FLAG, "rw", "", 0), configure(file, FLAG, "lazytime", "", 0));
    println!("both {}", command(file, RECONFIGURE));
    show();
    println!("unmounted meanwhile {}", call!(SYS_umount2, text("a"), 0));
    close(file);
}

/// An overlay by texts and by numbers of files.
fn overlay() {
    for name in ["l1", "l2", "u", "w", "m", "with,comma"] {
        let _ = fs::create_dir(name);
    }
    let _ = (fs::write("l1/one", "1"), fs::write("l2/two", "2"), fs::write("with,comma/three", "3"));
    let file = open("overlay");
    for (kind, name, value) in [
        (STRING, "foo", "bar"),
        (STRING, "redirect_dir", "nonsense"),
        (STRING, "upperdir", "none"),
        (STRING, "lowerdir+", "none"),
        (FLAG, "upperdir", ""),
        (STRING, "upperdir", "l1/one"),
        (STRING, "lowerdir+", "l1"),
        (STRING, "lowerdir+", "with,comma"),
        (STRING, "redirect_dir", "on"),
    ] {
        println!("{kind} {name} {value} {}", configure(file, kind, name, value, 0));
        messages(file);
    }
    let opened =
        |path: &str| fs::File::open(path).map_or(-1, |file| i64::from(std::os::fd::IntoRawFd::into_raw_fd(file)));
    for (name, path) in [("lowerdir+", "l2"), ("upperdir", "u"), ("workdir", "w")] {
        let directory = opened(path);
        println!("{name} by number {}", configure(file, FILE, name, "", directory));
        close(directory);
    }
    println!("create {}", command(file, CREATE));
    messages(file);
    let mounted = mount(file, 0);
    println!("move {}", relocate(mounted, "", "m", FROM_EMPTY));
    let mut names: Vec<_> = fs::read_dir("m").into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    println!("{names:?} {:?}", fs::write("m/new", "").and_then(|()| fs::read_dir("u")).map(Iterator::count).ok());
    close(mounted);
    close(file);
    println!("umount {}", call!(SYS_umount2, text("m"), 0));
}

/// Copies of what is shown, and where they may go.
fn copies() {
    let tmpfs = |path: &str| call!(SYS_mount, text("x"), text(path), text("tmpfs"), 0, 0);
    println!("mounts {} {:?} {}", tmpfs("a"), fs::create_dir("a/sub").is_ok(), tmpfs("a/sub"));
    let _ = (fs::write("a/file", "text"), fs::create_dir("a/dir"), fs::write("a/sub/deep", ""));
    println!("flags {} {}", tree("a", RECURSIVE), tree("a", 0x10));
    let place = tree("a/file", 0);
    println!("a place {}", call!(SYS_read, place, at(&mut [0u8; 4]), 4));
    close(place);
    let alone = tree("a", CLONE);
    let whole = tree("a", CLONE | RECURSIVE);
    let deep = |file| call!(SYS_faccessat, file, text("sub/deep"), 0);
    println!("alone {} whole {}", deep(alone), deep(whole));
    println!("moves {} {}", relocate(alone, "", "b", FROM_EMPTY), relocate(whole, "", "b", FROM_EMPTY));
    show();
    close(alone);
    close(whole);
    let part = tree("a/dir", CLONE);
    println!("part {}", relocate(part, "", "m", FROM_EMPTY));
    println!("to itself {}", relocate(part, "", "m", FROM_EMPTY));
    show();
    close(part);
    let file = tree("a/file", CLONE);
    println!("a file {}", relocate(file, "", "m", FROM_EMPTY));
    close(file);
    println!("below itself {} not a mount {}", relocate(CWD, "b", "b/sub", 0), relocate(CWD, "b/dir", "m", 0));
    let target = tree("m", 0);
    let source = tree("b", 0);
    let to = text("");
    println!("by numbers {}", call!(SYS_move_mount, source, to, target, to, FROM_EMPTY | TO_EMPTY));
    close(source);
    close(target);
    show();
    for path in ["m", "m", "b"] {
        println!("umount {path} {}", call!(SYS_umount2, text(path), libc::MNT_DETACH));
    }
}

/// Properties of mounts, of one or of all that stand on it.
fn attributes() {
    show();
    println!("nothing {}", set("none", 0, [0; 4]));
    println!("no mount {} {}", set("a/dir", 0, [READ_ONLY, 0, 0, 0]), set("none", 0, [READ_ONLY, 0, 0, 0]));
    println!("unknown {} {}", set("a", 0, [1 << 40, 0, 0, 0]), set("a", 0x10, [READ_ONLY, 0, 0, 0]));
    println!("times {} {}", set("a", 0, [NO_ACCESS_TIME, 0, 0, 0]), set("a", 0, [0, 0x10, 0, 0]));
    println!("propagation {} {}", set("a", 0, [0, 0, SHARED | PRIVATE, 0]), set("a", 0, [0, 0, 1, 0]));
    println!(
        "sizes {:?}",
        [0usize, 31, 4097].map(|size| { call!(SYS_mount_setattr, CWD, text("a"), 0, at(&mut [0u64; 600]), size) })
    );
    println!("newer {}", call!(SYS_mount_setattr, CWD, text("a"), 0, at(&mut [0u64, 0, 0, 0, 1]), 40));
    println!("all {}", set("a", RECURSIVE, [NO_SUID | NO_ACCESS_TIME, ACCESS_TIMES, 0, 0]));
    show();
    println!("one {}", set("a", 0, [NO_EXEC, NO_SUID, SHARED, 0]));
    show();
    let writer = fs::File::create("a/sub/written");
    println!("busy {}", set("a", RECURSIVE, [READ_ONLY, 0, 0, 0]));
    show();
    drop(writer);
    println!("unused {}", set("a", RECURSIVE, [READ_ONLY, ACCESS_TIMES, PRIVATE, 0]));
    show();
    println!("back {}", set("a", RECURSIVE, [0, READ_ONLY, 0, 0]));
}

/// The group of one mount for another; detached copies are peers of what they are copies of.
fn groups() {
    println!("shared {}", set("a", 0, [0, 0, SHARED, 0]));
    let copy = tree("a", CLONE);
    println!("move {}", relocate(copy, "", "b", FROM_EMPTY));
    show();
    println!("own group {}", relocate(CWD, "a", "b", SET_GROUP));
    println!("private {}", set("b", 0, [0, 0, PRIVATE, 0]));
    println!("group {} {}", relocate(CWD, "a", "b", SET_GROUP), relocate(CWD, "a/sub", "b", SET_GROUP));
    show();
    println!("of a shared mount {}", relocate(CWD, "a/sub", "m", 0));
    close(copy);
    for path in ["b", "a"] {
        println!("umount {path} {}", call!(SYS_umount2, text(path), libc::MNT_DETACH));
    }
}

/// All of them, below `/tmp`.
pub fn rows() {
    let moved = std::env::set_current_dir("/tmp");
    println!("at {}", moved.is_ok());
    for name in ["a", "b", "m"] {
        println!("mkdir {}", fs::create_dir(name).is_ok());
    }
    options();
    forgotten();
    picked();
    overlay();
    copies();
    attributes();
    groups();
    crate::mount_numbers::rows();
    crate::moves::rows();
}
