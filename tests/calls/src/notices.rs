//! Signals when something happens in a directory (`F_NOTIFY`), below `/tmp`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::{at, call, text};

const SETOWN: i32 = 8;
const GETOWN: i32 = 9;
const SETSIG: i32 = 10;
const GETSIG: i32 = 11;
const NOTIFY: i32 = 1026;

const CREATE: u64 = 4;
const DELETE: u64 = 8;
const AGAIN: u64 = 0x8000_0000;
const EVENTS: [(&str, u64); 6] =
    [("access", 1), ("modify", 2), ("create", CREATE), ("delete", DELETE), ("rename", 0x10), ("attrib", 0x20)];

/// A signal that is queued.
const QUEUED: i32 = 40;

/// The signals that have come since the last call: which, why, of what events and of which file.
pub fn told() -> Vec<[i32; 4]> {
    let mut set = 1u64 << (libc::SIGIO - 1) | 1 << (QUEUED - 1);
    let mut seen = Vec::new();
    let mut information = [0i32; 32];
    let mut limit = [0u64; 2];
    while call!(SYS_rt_sigtimedwait, at(&mut set), at(&mut information), at(&mut limit), 8) > 0 {
        let [signal, _, code, _, events, _, file, ..] = information;
        // Without a reason there are neither.
        seen.push(if code > 0x7f { [signal, code, 0, 0] } else { [signal, code, events, file] });
    }
    seen
}

/// Holds them back, so that [`told`] takes them.
pub fn hold_back() {
    let mut set = 1u64 << (libc::SIGIO - 1) | 1 << (QUEUED - 1);
    call!(SYS_rt_sigprocmask, libc::SIG_BLOCK, at(&mut set), 0, 8);
}

fn open(path: &str) -> i64 {
    call!(SYS_open, text(path), libc::O_RDONLY)
}

fn notify(file: i64, mask: u64) -> i64 {
    call!(SYS_fcntl, file, NOTIFY, mask)
}

fn make(path: &str) {
    fs::write(path, "").unwrap_or_else(|error| println!("{path}: {error}"));
}

/// Something that happens.
type Act = fn() -> std::io::Result<()>;

/// What happens in `a`, and beside it in `b`.
const ACTS: [(&str, Act); 18] = [
    ("make", || fs::write("a/x", "")),
    ("write", || fs::write("a/x", "hello")),
    ("read", || fs::read("a/x").map(drop)),
    ("mode", || fs::set_permissions("a/x", fs::Permissions::from_mode(0o600))),
    ("rename", || fs::rename("a/x", "a/y")),
    ("move out", || fs::rename("a/y", "b/y")),
    ("move in", || fs::rename("b/y", "a/y")),
    ("link", || fs::hard_link("a/y", "a/z")),
    ("more", || fs::write("a/o", "")),
    ("rename over", || fs::rename("a/o", "a/z")),
    ("remove", || fs::remove_file("a/y").and(fs::remove_file("a/z"))),
    ("mode of itself", || fs::set_permissions("a", fs::Permissions::from_mode(0o700))),
    ("list", || fs::read_dir("a").map(|names| names.for_each(drop))),
    ("make directory", || fs::create_dir("a/d")),
    ("mode of directory", || fs::set_permissions("a/d", fs::Permissions::from_mode(0o700))),
    ("make below", || fs::write("a/d/x", "").and(fs::remove_file("a/d/x"))),
    ("remove directory", || fs::remove_dir("a/d")),
    ("move itself", || fs::rename("a", "c").and(fs::rename("c", "a"))),
];

/// Which of them are told, of each kind of event, in the two directories.
fn kinds([a, b]: [i64; 2]) {
    for (event, mask) in EVENTS {
        for (name, file) in [("a", a), ("b", b)] {
            println!("notices: {event} in {name}: {}", notify(file, mask | AGAIN));
            for (what, act) in ACTS {
                let done = act().is_ok();
                println!("notices:   {what} {done}: {:?}", told());
            }
            notify(file, 0);
        }
    }
}

pub fn rows() {
    hold_back();
    for directory in ["a", "b"] {
        fs::create_dir(directory).unwrap_or_else(|error| println!("{directory}: {error}"));
    }
    let (a, b) = (open("a"), open("b"));
    for file in [a, b] {
        call!(SYS_fcntl, file, SETSIG, QUEUED);
    }
    kinds([a, b]);
    println!("notices: {:?}", call!(SYS_fcntl, a, GETOWN) == call!(SYS_getpid));
    let once = |masks: &[u64], acts: &[&str]| {
        let set: Vec<_> = masks.iter().map(|mask| notify(a, *mask)).collect();
        let told: Vec<_> = acts.iter().map(|path| (make(path), fs::remove_file(path).is_ok(), told())).collect();
        println!("notices: {masks:x?} {set:?} {told:?}");
        notify(a, 0);
    };
    once(&[CREATE], &["a/1", "a/2"]);
    once(&[CREATE, DELETE], &["a/1", "a/2"]);
    once(&[CREATE | DELETE | AGAIN], &["a/1", "a/2"]);
    once(&[CREATE | AGAIN, AGAIN], &["a/1", "a/2"]);
    once(&[CREATE | AGAIN, DELETE], &["a/1", "a/2"]);
    once(&[CREATE | AGAIN, 0x40], &["a/1"]);
    once(&[0x7fff_ffc0], &["a/1"]);
    // Which number it is called by, and what the end of any number ends.
    notify(a, CREATE | AGAIN);
    let other = call!(SYS_dup, a);
    notify(other, CREATE | AGAIN);
    make("a/1");
    println!("notices: {:?}", told());
    call!(SYS_close, other);
    make("a/2");
    println!("notices: {:?}", told());
    // Who has numbers of its own ends nothing by closing its own.
    notify(a, CREATE | AGAIN);
    // SAFETY: nothing else runs, and the child makes calls only.
    let child = unsafe { libc::fork() };
    if child == 0 {
        call!(SYS_close, a);
        call!(SYS_exit_group, 0);
    }
    call!(SYS_wait4, child, 0, 0, 0);
    make("a/3");
    println!("notices: {:?}", told());
    // Without a signal of one's choice.
    println!("notices: {} {}", call!(SYS_fcntl, a, SETSIG, 0), call!(SYS_fcntl, a, GETSIG));
    make("a/4");
    println!("notices: {:?}", told());
    // Nobody, as it was said once.
    println!("notices: {}", call!(SYS_fcntl, a, SETOWN, 0));
    make("a/5");
    println!("notices: {:?} {}", told(), notify(a, CREATE | AGAIN));
    make("a/6");
    println!("notices: {:?}", told());
    // A directory that goes.
    let removed = (notify(b, 0x3f | AGAIN), fs::remove_dir("b").is_ok());
    println!("notices: {removed:?} {:?}", told());
    let (plain, place) = (open("a/1"), call!(SYS_open, text("a"), libc::O_PATH));
    println!("notices: {:?}", [plain, place, -1].map(|file| [notify(file, CREATE), notify(file, 0)]));
    for file in [a, b, plain, place] {
        call!(SYS_close, file);
    }
    make("a/7");
    println!("notices: {:?}", told());
}
