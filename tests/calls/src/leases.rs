//! Leases on files (`F_SETLEASE`) and hints of how long what is written lives, in the current directory and on an overlay
//! below it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use crate::notices::{hold_back, told};
use crate::{at, call, text};

const GETOWN: i32 = 9;
const SETSIG: i32 = 10;
const GETSIG: i32 = 11;
const SETLEASE: i32 = 1024;
const GETLEASE: i32 = 1025;
const GET_HINT: i32 = 1035;
const SET_HINT: i32 = 1036;

const READ: i32 = libc::F_RDLCK;
const WRITE: i32 = libc::F_WRLCK;
const NONE: i32 = libc::F_UNLCK;

const NOW: i32 = libc::O_NONBLOCK;

/// A signal that is queued.
const QUEUED: i32 = 40;

fn open(path: &str, flags: i32) -> i64 {
    call!(SYS_open, text(path), flags)
}

fn close(file: i64) {
    call!(SYS_close, file);
}

fn take(file: i64, kind: i32) -> i64 {
    call!(SYS_fcntl, file, SETLEASE, kind)
}

fn held(file: i64) -> i64 {
    call!(SYS_fcntl, file, GETLEASE)
}

/// What opening so answers; it is closed again.
fn opens(path: &str, flags: i32) -> i64 {
    let file = open(path, flags);
    if file < 0 {
        return file;
    }
    close(file);
    0
}

/// What making each kind of lease answers, for each way of having the file open, beside each way in which another has it.
fn kinds(path: &str) {
    const WAYS: [(&str, i32); 4] =
        [("nobody", -1), ("who reads", libc::O_RDONLY), ("who writes", libc::O_WRONLY), ("a place", libc::O_PATH)];
    for (own, flags) in [("read", libc::O_RDONLY), ("write", libc::O_WRONLY), ("both", libc::O_RDWR)] {
        for (beside, others) in WAYS {
            let other = if others < 0 { -1 } else { open(path, others) };
            let file = open(path, flags);
            let row = [READ, WRITE, NONE, 3].map(|kind| (take(file, kind), held(file)));
            println!("leases: {own} beside {beside}: {row:?}");
            close(file);
            close(other);
        }
    }
    let (file, twice) = (open(path, libc::O_RDONLY), open(path, libc::O_RDONLY));
    println!("leases: {:?}", [(file, READ), (twice, READ), (file, WRITE)].map(|(file, kind)| take(file, kind)));
    println!("leases: {:?} {:?}", opens(path, libc::O_WRONLY | NOW), [file, twice].map(held));
    close(twice);
    let same = call!(SYS_dup, file);
    println!("leases: {:?}", [held(same), take(same, NONE), held(file), take(file, NONE)]);
    close(file);
    println!("leases: {:?}", (take(same, WRITE), opens(path, libc::O_RDONLY | NOW), held(same)));
    close(same);
    println!("leases: {}", opens(path, libc::O_RDWR | NOW));
}

/// What the holder is told when somebody would open the file, and what is left of the lease.
fn broken(path: &str) {
    for (kind, signal) in [(READ, 0), (WRITE, 0), (READ, QUEUED), (WRITE, QUEUED)] {
        let ways = [
            ("read", libc::O_RDONLY),
            ("write", libc::O_WRONLY),
            ("cut", libc::O_WRONLY | libc::O_TRUNC),
            ("place", libc::O_PATH),
        ];
        for (way, flags) in ways {
            let file = open(path, libc::O_RDONLY);
            let set = (call!(SYS_fcntl, file, SETSIG, signal), take(file, kind));
            let owner = call!(SYS_fcntl, file, GETOWN) == call!(SYS_getpid);
            let answers = [0; 2].map(|_| opens(path, flags | NOW));
            println!("leases: {kind} {signal} {way}: {set:?} {owner} {answers:?} {} {:?}", held(file), told());
            // With it who is told is gone.
            let back = [take(file, READ), held(file), take(file, NONE), held(file)];
            let owner = [GETOWN, GETSIG].map(|command| call!(SYS_fcntl, file, command));
            println!("leases:   {back:?} {owner:?} {}", opens(path, flags | NOW));
            close(file);
        }
    }
}

/// A child that does something with the file, and what it answers; the parent answers in between.
fn meanwhile(name: &str, act: impl FnOnce() -> i64, answer: impl FnOnce() -> String) {
    // SAFETY: nothing else runs, and the child makes calls only.
    let child = unsafe { libc::fork() };
    if child == 0 {
        call!(SYS_exit_group, -act() & 0xff);
    }
    let mut set = 1u64 << (libc::SIGIO - 1);
    let mut limit = [10u64, 0];
    let seen = call!(SYS_rt_sigtimedwait, at(&mut set), 0, at(&mut limit), 8);
    // Nothing goes on before there is an answer.
    thread::sleep(Duration::from_millis(30));
    let mut status = 0i32;
    let early = call!(SYS_wait4, child, at(&mut status), libc::WNOHANG, 0);
    let answer = answer();
    let done = call!(SYS_wait4, child, at(&mut status), 0, 0) == i64::from(child);
    println!("leases: {name}: {seen} {early} {answer} {done} {}", status >> 8);
}

fn waited_for(path: &str) {
    let lease = |kind| {
        let file = open(path, libc::O_RDONLY);
        (file, take(file, kind))
    };
    for (name, kind, flags) in [
        ("reader of exclusive", WRITE, libc::O_RDONLY),
        ("writer of exclusive", WRITE, libc::O_RDWR),
        ("writer of shared", READ, libc::O_WRONLY),
        ("cutter of shared", READ, libc::O_WRONLY | libc::O_TRUNC),
    ] {
        let (file, taken) = lease(kind);
        let give = || format!("{taken} {:?}", [held(file), take(file, READ), held(file), take(file, NONE)]);
        meanwhile(
            name,
            || {
                close(file);
                opens(path, flags)
            },
            give,
        );
        close(file);
    }
    let (file, _) = lease(READ);
    meanwhile(
        "cut by name",
        || {
            close(file);
            call!(SYS_truncate, text(path), 2)
        },
        || take(file, NONE).to_string(),
    );
    close(file);
    let (file, _) = lease(WRITE);
    meanwhile(
        "closed",
        || {
            close(file);
            opens(path, libc::O_WRONLY)
        },
        || {
            close(file);
            String::new()
        },
    );
    let (file, _) = lease(WRITE);
    let run = || {
        close(file);
        let arguments = [text(path), 0];
        call!(SYS_execve, text(path), arguments.as_ptr().addr(), 0)
    };
    meanwhile("run", run, || format!("{:?}", [held(file), take(file, NONE)]));
    close(file);
    // Who waits can be told to stop, and is told so.
    let (file, _) = lease(WRITE);
    let stopped = || {
        crate::handle(libc::SIGUSR1);
        // SAFETY: an action of zeros is one, and the handler is another's.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGUSR1, std::ptr::null(), &raw mut action);
            action.sa_flags = 0;
            libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
        }
        let parent = call!(SYS_getpid);
        if call!(SYS_fork) == 0 {
            thread::sleep(Duration::from_millis(100));
            call!(SYS_kill, parent, libc::SIGUSR1);
            call!(SYS_exit_group, 0);
        }
        close(file);
        opens(path, libc::O_RDONLY)
    };
    meanwhile("stopped", stopped, || {
        thread::sleep(Duration::from_millis(300));
        held(file).to_string()
    });
    close(file);
}

/// Which files can have leases and hints, and who may say so.
fn refused(path: &str) {
    let mut ends = [0i32; 2];
    call!(SYS_pipe, at(&mut ends));
    let files = [open("/", 0), open("/dev/null", 0), i64::from(ends[0]), open(path, libc::O_PATH), -1];
    println!("leases: {:?}", files.map(|file| (take(file, READ), take(file, NONE), held(file))));
    let file = open(path, libc::O_RDONLY);
    let hint = |value: u64| {
        let (mut value, mut seen) = (value, 7u64);
        (call!(SYS_fcntl, file, SET_HINT, at(&mut value)), call!(SYS_fcntl, file, GET_HINT, at(&mut seen)), seen)
    };
    println!("hints: {:?}", [0, 1, 2, 3, 4, 5, 6, 1 << 32, u64::MAX].map(hint));
    println!(
        "hints: {:?}",
        [GET_HINT, SET_HINT, 1037, 1038, 1039, 1040].map(|command| call!(SYS_fcntl, file, command, 1))
    );
    let mut seen = 7u64;
    println!("hints: {:?} {seen}", files.map(|file| call!(SYS_fcntl, file, GET_HINT, at(&mut seen))));
    let other = open(path, libc::O_WRONLY);
    println!("hints: {} {seen}", call!(SYS_fcntl, other, GET_HINT, at(&mut seen)));
    close(other);
    call!(SYS_setresuid, -1i64, 1000, -1i64);
    println!(
        "hints: {:?} {:?} {:?}",
        hint(1),
        [READ, NONE, 3].map(|kind| take(file, kind)),
        call!(SYS_fcntl, file, SET_HINT, 1)
    );
    call!(SYS_setresuid, -1i64, 0, -1i64);
    files.into_iter().chain([file]).for_each(close);
}

pub fn rows() {
    hold_back();
    let rights = || fs::Permissions::from_mode(0o755);
    let make = |path: &str| fs::write(path, "text").and_then(|()| fs::set_permissions(path, rights())).is_ok();
    let made = ["lower", "upper", "work", "merged"].map(|name| fs::create_dir(name).is_ok());
    println!("leases: {made:?} {:?}", ["file", "lower/f", "lower/g"].map(make));
    let options = text("lowerdir=lower,upperdir=upper,workdir=work");
    println!("leases: {}", call!(SYS_mount, text("overlay"), text("merged"), text("overlay"), 0, options));
    for path in ["file", "merged/f"] {
        println!("leases: of {path}");
        kinds(path);
        broken(path);
        waited_for(path);
        refused(path);
    }
    // What is copied up keeps its lease, and what is said of its writes.
    let (file, mut life) = (open("merged/g", libc::O_RDONLY), 3u64);
    println!("leases: {} {}", take(file, WRITE), call!(SYS_fcntl, file, SET_HINT, at(&mut life)));
    println!("leases: {} {:?}", call!(SYS_chmod, text("merged/g"), 0o600), told());
    life = 7;
    println!("leases: {} {} {life}", held(file), call!(SYS_fcntl, file, GET_HINT, at(&mut life)));
    println!("leases: {} {} {:?}", opens("merged/g", libc::O_WRONLY | NOW), held(file), told());
    close(file);
    let settings = ["dir-notify-enable", "lease-break-time", "leases-enable"];
    println!("leases: {:?}", settings.map(|name| fs::read_to_string(format!("/proc/sys/fs/{name}")).ok()));
}
