//! Where mounts may be moved that are of no namespace yet, or to beneath another (`move_mount`), and copies that are
//! changed before anyone sees them (`open_tree_attr`), below the current directory.

use std::fs;

use crate::mounts::{CLONE, CWD, FROM_EMPTY, RECURSIVE, close, command, mount, open, set, show, tree};
use crate::{at, call, text};

const SYS_OPEN_TREE_ATTR: libc::c_long = 467;

const TO_EMPTY: u32 = 0x40;
const SET_GROUP: u32 = 0x100;
const BENEATH: u32 = 0x200;

const CREATE: u32 = 6;

const READ_ONLY: u64 = 1;
const NO_SUID: u64 = 2;
const NO_EXEC: u64 = 8;
const UNBINDABLE: u64 = 1 << 17;
const PRIVATE: u64 = 1 << 18;
const SLAVE: u64 = 1 << 19;
const SHARED: u64 = 1 << 20;

/// A detached tmpfs of that source.
fn detached(source: &str) -> i64 {
    let file = open("tmpfs");
    call!(SYS_fsconfig, file, 1, text("source"), text(source), 0);
    command(file, CREATE);
    let mounted = mount(file, 0);
    close(file);
    mounted
}

fn tmpfs(source: &str, path: &str) -> i64 {
    call!(SYS_mount, text(source), text(path), text("tmpfs"), 0, 0)
}

fn bind(source: &str, path: &str, flags: u64) -> i64 {
    call!(SYS_mount, text(source), text(path), 0, libc::MS_BIND | flags, 0)
}

fn unmount(path: &str) -> i64 {
    call!(SYS_umount2, text(path), 0)
}

fn relocate(from: i64, path: &str, to: i64, place: &str, flags: u32) -> i64 {
    call!(SYS_move_mount, from, text(path), to, text(place), flags)
}

/// To a path below the current directory.
fn put(from: i64, place: &str, flags: u32) -> i64 {
    relocate(from, "", CWD, place, FROM_EMPTY | flags)
}

/// Whether a name is there.
fn has(directory: i64, path: &str) -> i64 {
    call!(SYS_faccessat, directory, text(path), 0)
}

fn make(directory: i64, path: &str) -> i64 {
    call!(SYS_mkdirat, directory, text(path), 0o755)
}

/// The answer to a call for a file, which is closed again: 0 for any.
fn opened(answer: i64) -> i64 {
    close(answer);
    answer.min(0)
}

fn tree_with(path: &str, flags: u32, change: usize, size: usize) -> i64 {
    // SAFETY: as the head of this program says.
    unsafe { crate::raw(SYS_OPEN_TREE_ATTR, [CWD as usize, text(path), flags as usize, change, size, 0]) }
}

/// Copies, and mounts that are there, changed as they are opened.
fn changed() {
    println!("mounts {} {} {}", tmpfs("one", "a"), make(CWD, "a/sub"), tmpfs("two", "a/sub"));
    let with = |path: &str, flags, mut change: [u64; 4]| tree_with(path, flags, at(&mut change), 32);
    println!("no change {} {}", opened(tree_with("a", 0, 0, 0)), tree_with("a", 0, 0, 32));
    let sizes = [0, 31, 4097].map(|size| tree_with("a", 0, at(&mut [0u64; 600]), size));
    println!("sizes {sizes:?} bad {}", tree_with("a", 0, 8, 32));
    println!("nothing {} {}", opened(with("a", 0, [0; 4])), opened(with("a/sub/..", 0, [0; 4])));
    println!("flags {} {}", with("a", RECURSIVE, [READ_ONLY, 0, 0, 0]), with("a", 0x10, [READ_ONLY, 0, 0, 0]));
    println!("none {} {}", with("none", 0, [READ_ONLY, 0, 0, 0]), with("b", 0, [READ_ONLY, 0, 0, 0]));
    println!("unknown {} {}", with("a", CLONE, [1 << 40, 0, 0, 0]), with("none", CLONE, [1 << 40, 0, 0, 0]));
    println!("itself {}", opened(with("a", 0, [NO_SUID, 0, 0, 0])));
    show();
    let alone = with("a", CLONE, [READ_ONLY, NO_SUID, 0, 0]);
    println!("copy {} {}", put(alone, "b", 0), make(alone, "new"));
    let all = with("a", CLONE | RECURSIVE, [NO_EXEC, 0, SHARED, 0]);
    println!("copies {}", put(all, "m", 0));
    show();
    println!("directory {}", opened(with("a/sub/..", CLONE, [READ_ONLY, 0, 0, 0])));
    close(alone);
    close(all);
    for path in ["m/sub", "m", "b", "a/sub", "a"] {
        println!("umount {path} {}", unmount(path));
    }
}

/// Beneath what is there.
fn beneath() {
    let file = detached("below");
    println!("no mount {} {}", put(file, "m", BENEATH), put(file, "/", BENEATH));
    println!("mount {} beneath {}", tmpfs("above", "m"), put(file, "m", BENEATH));
    show();
    println!("again {}", put(file, "m", BENEATH));
    println!("covered {} {}", make(file, "below"), has(CWD, "m/below"));
    println!("umount {} {}", unmount("m"), has(CWD, "m/below"));
    show();
    println!("mounts {} {}", tmpfs("own", "a"), tmpfs("top", "m"));
    println!("own {}", relocate(CWD, "a", CWD, "m", BENEATH));
    show();
    println!("itself {} top {}", relocate(CWD, "m", CWD, "m", BENEATH), put(file, "m", 0));
    println!("on it {} {}", make(CWD, "m/sub"), tmpfs("deep", "m/sub"));
    println!("from on it {}", relocate(CWD, "m/sub", CWD, "m", BENEATH));
    println!("below itself {}", relocate(CWD, "m", CWD, "m/sub", BENEATH));
    let low = call!(SYS_openat, CWD, text("m/sub"), libc::O_PATH);
    println!("cover {}", tmpfs("cover", "m/sub"));
    let third = detached("third");
    println!("topmost {}", relocate(third, "", low, "", FROM_EMPTY | TO_EMPTY | BENEATH));
    show();
    let covered = detached("covered");
    println!("inside {}", make(covered, "inside"));
    let more = detached("more");
    println!("on a root {}", relocate(more, "", covered, "", FROM_EMPTY | TO_EMPTY));
    println!("covered {} a file {}", put(covered, "m", BENEATH), put(covered, "m/file", BENEATH));
    for file in [low, third, covered, more, file] {
        close(file);
    }
    for path in ["m", "m"] {
        println!("umount {path} {}", call!(SYS_umount2, text(path), libc::MNT_DETACH));
    }
    println!("left {}", unmount("m"));
    show();
}

/// Beneath what stands on a shared mount.
fn beneath_shared() {
    println!("mounts {} {} {}", tmpfs("s", "a"), set("a", 0, [0, 0, SHARED, 0]), bind("a", "b", 0));
    println!("sub {} {}", make(CWD, "a/sub"), tmpfs("above", "a/sub"));
    let file = detached("below");
    println!("beneath {}", put(file, "a/sub", BENEATH));
    close(file);
    show();
    let own = tmpfs("own", "m");
    println!("unbindable {own} {}", set("m", 0, [0, 0, UNBINDABLE, 0]));
    println!("to shared {}", relocate(CWD, "m", CWD, "a/sub", BENEATH));
    println!("from shared {}", relocate(CWD, "b/sub", CWD, "m", BENEATH));
    println!("umount {} {}", unmount("a/sub"), unmount("b/sub"));
    show();
    println!("its own {} {}", make(CWD, "a/own"), bind("a/own", "a/own", 0));
    let file = detached("below");
    println!("passed to {}", put(file, "a/own", BENEATH));
    println!("slave {} {}", set("a/own", 0, [0, 0, SLAVE, 0]), put(file, "a/own", BENEATH));
    println!("private {} {}", set("a/own", 0, [0, 0, PRIVATE, 0]), put(file, "a/own", BENEATH));
    show();
    close(file);
    println!("copy {} {}", make(CWD, "a/copy"), tmpfs("above", "a/copy"));
    println!("from {} {}", bind("a/copy", "m", 0), relocate(CWD, "m", CWD, "a/copy", BENEATH));
    show();
    for path in ["b", "a", "m"] {
        println!("umount {path} {}", call!(SYS_umount2, text(path), libc::MNT_DETACH));
    }
    println!("left {}", unmount("m"));
    show();
}

/// To detached trees, and out of them.
fn onto_detached() {
    let outer = detached("outer");
    let inner = detached("inner");
    println!("inside {} {}", make(outer, "in"), make(inner, "deep"));
    println!("itself {}", relocate(outer, "", outer, "in", FROM_EMPTY));
    println!("on it {}", relocate(inner, "", outer, "in", FROM_EMPTY));
    println!("seen {} {}", has(outer, "in/deep"), make(inner, "other"));
    println!("again {} {}", put(inner, "a", 0), relocate(outer, "in", CWD, "a", 0));
    println!("back {}", relocate(outer, "", inner, "deep", FROM_EMPTY));
    println!("mount {} {}", tmpfs("own", "m"), relocate(CWD, "m", outer, "in", 0));
    let beneath = detached("beneath");
    println!("beneath {}", relocate(beneath, "", outer, "in", FROM_EMPTY | BENEATH));
    println!("seen {} {}", has(outer, "in/deep"), has(outer, "in/other"));
    let whole = call!(SYS_open_tree, outer, text(""), CLONE | RECURSIVE | libc::AT_EMPTY_PATH as u32);
    let alone = call!(SYS_open_tree, outer, text("in"), CLONE);
    println!("copies {} {} {}", has(whole, "in/deep"), has(alone, "deep"), has(alone, "in"));
    let change = |file, path: &str, flags, mut change: [u64; 4]| {
        call!(SYS_mount_setattr, file, text(path), flags | 0x1000, at(&mut change), 32)
    };
    println!("changes {} {}", change(outer, "", 0, [NO_SUID, 0, 0, 0]), change(outer, "in", 0, [NO_EXEC, 0, 0, 0]));
    println!("all {}", change(outer, "", RECURSIVE, [READ_ONLY, 0, 0, 0]));
    println!("pass on {}", change(whole, "", RECURSIVE, [0, 0, SHARED, 0]));
    let here = call!(SYS_openat, CWD, text("."), libc::O_PATH);
    println!("there {}", call!(SYS_fchdir, outer));
    println!("mount {} unmount {} {}", tmpfs("more", "in"), unmount("in"), unmount("."));
    println!("bind {} {}", bind("in", "in", 0), bind("/tmp", "in", 0));
    println!("move {}", call!(SYS_mount, text("in"), text("/tmp/a"), 0, libc::MS_MOVE, 0));
    println!("bind out {}", bind("in", "/tmp/a", 0));
    println!("remount {}", call!(SYS_mount, 0, text("in"), 0, libc::MS_REMOUNT | libc::MS_BIND, 0));
    println!("private {}", call!(SYS_mount, 0, text("in"), 0, libc::MS_PRIVATE, 0));
    println!("at {:?}", std::env::current_dir().map_err(|error| error.raw_os_error()));
    println!("back {}", call!(SYS_fchdir, here));
    println!("place {} {}", put(outer, "a", 0), put(whole, "b", 0));
    show();
    let shared = detached("on shared");
    println!("to a shared one {}", relocate(shared, "", CWD, "b/in", FROM_EMPTY));
    show();
    for file in [outer, inner, beneath, whole, alone, here, shared] {
        close(file);
    }
    for path in ["a", "a", "b", "m"] {
        println!("umount {path} {}", call!(SYS_umount2, text(path), libc::MNT_DETACH));
    }
}

/// What a detached tree passes on, and what is left of what stood on one that is gone.
fn passed_on() {
    println!("mounts {} {} {}", tmpfs("s", "a"), make(CWD, "a/sub"), set("a", 0, [0, 0, SHARED, 0]));
    let copy = tree("a", CLONE);
    let file = detached("passed");
    println!("on a copy {}", relocate(file, "", copy, "sub", FROM_EMPTY));
    show();
    println!("on what is shared {}", tmpfs("back", "a/sub"));
    show();
    println!("seen {} {} {}", make(CWD, "a/sub/new"), has(copy, "sub/new"), has(file, "new"));
    println!("group {}", relocate(copy, "", CWD, "a", FROM_EMPTY | SET_GROUP));
    println!("alone {}", set("a", 0, [0, 0, PRIVATE, 0]));
    println!("back {}", relocate(copy, "", CWD, "a", FROM_EMPTY | SET_GROUP));
    let alone = tree("a", CLONE);
    let mut change = [0, 0, PRIVATE, 0];
    println!("alone {}", call!(SYS_mount_setattr, alone, text(""), 0x1000, at(&mut change), 32));
    println!("group {}", relocate(CWD, "a", alone, "", TO_EMPTY | SET_GROUP));
    println!("both {}", relocate(CWD, "a", alone, "", TO_EMPTY | SET_GROUP | BENEATH));
    println!("passed {} {} {}", make(CWD, "a/more"), tmpfs("more", "a/more"), make(CWD, "a/more/new"));
    println!("seen {} {}", has(copy, "more/new"), has(alone, "more/new"));
    close(alone);
    close(copy);
    show();
    println!("gone {} {}", put(file, "m", 0), make(file, "left"));
    println!("of what is gone {}", opened(call!(SYS_open_tree, file, text(""), CLONE | libc::AT_EMPTY_PATH as u32)));
    let onto = detached("onto");
    println!("onto what is gone {}", relocate(onto, "", file, "left", FROM_EMPTY));
    close(onto);
    close(file);
    for path in ["a/more", "a/sub", "a/sub", "a"] {
        println!("umount {path} {}", unmount(path));
    }
    show();
}

/// From another namespace: what was made without one may be used, and what is a copy of one's own.
fn elsewhere() {
    println!("mounts {} {}", tmpfs("here", "a"), make(CWD, "a/sub"));
    let copy = tree("a", CLONE);
    let again = call!(SYS_open_tree, copy, text(""), CLONE | libc::AT_EMPTY_PATH as u32);
    let made = detached("made");
    println!("inside {}", make(made, "in"));
    println!("unshare {}", call!(SYS_unshare, libc::CLONE_NEWNS));
    let file = detached("file");
    println!(
        "on copies {} {}",
        relocate(file, "", copy, "sub", FROM_EMPTY),
        relocate(file, "", again, "sub", FROM_EMPTY)
    );
    println!("on a made one {}", relocate(file, "", made, "in", FROM_EMPTY));
    println!("copy {}", opened(call!(SYS_open_tree, copy, text(""), CLONE | libc::AT_EMPTY_PATH as u32)));
    let mut change = [NO_SUID, 0, 0, 0];
    println!("change {}", call!(SYS_mount_setattr, copy, text(""), 0x1000, at(&mut change), 32));
    println!("put {} {} {}", put(copy, "b", 0), put(again, "b", 0), put(made, "m", 0));
    show();
    for file in [copy, again, made, file] {
        close(file);
    }
}

/// All of them, below the current directory, which has directories for them; the last leaves the namespace.
pub fn rows() {
    let _ = fs::write("file", "");
    changed();
    beneath();
    beneath_shared();
    onto_detached();
    passed_on();
    elsewhere();
}
