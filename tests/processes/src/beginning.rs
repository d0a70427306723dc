//! What processes have in common when they begin (`clone(2)`), and no longer have afterwards (`unshare(2)`).

use std::env;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::process;

use crate::call;
use crate::call::{child, wait};
use crate::executing;

const CHILD: i32 = libc::SIGCHLD;
const USR1: i32 = libc::SIGUSR1;
const CLOSE_RANGE_UNSHARE: i32 = 2;
const CLOSE_RANGE_CLOEXEC: i32 = 4;
const EXIT_SIGNAL: usize = 4;
const PIDFD: usize = 1;
const NUMBERS: usize = 8;
const COUNT: usize = 9;

/// Lets a child begin by `clone` and end with what `body` says; its number or an error.
fn begin(flags: i32, body: impl FnOnce() -> i32) -> i64 {
    match call!(SYS_clone, flags as u32 as u64, 0, 0, 0, 0) {
        0 => process::exit(body()),
        pid => pid,
    }
}

/// The same by `clone3`, with these of its words.
fn begin3(flags: u64, words: &[(usize, u64)], body: impl FnOnce() -> i32) -> i64 {
    let mut all = [0; 11];
    all[0] = flags;
    words.iter().for_each(|&(index, word)| all[index] = word);
    match call!(SYS_clone3, &mut all, 88) {
        0 => process::exit(body()),
        pid => pid,
    }
}

fn is_open(number: i32) -> bool {
    call!(SYS_fcntl, number, libc::F_GETFD) >= 0
}

fn umask(mask: i32) -> i64 {
    call!(SYS_umask, mask)
}

fn directory() -> String {
    env::current_dir().expect("there is one").display().to_string()
}

/// Goes on as another program.
fn execute() -> i32 {
    let mut arguments = [c"first", executing::AGAIN_TEXT].map(|text| text.as_ptr() as u64).to_vec();
    arguments.push(0);
    call!(SYS_execve, c"/processes", arguments.as_mut_slice(), 0) as i32
}

fn files() {
    let file = File::open("/processes").expect("it is there");
    let number = file.as_raw_fd();
    let pid = begin(libc::CLONE_FILES | CHILD, || {
        call!(SYS_dup3, number, 50, libc::O_CLOEXEC);
        call!(SYS_dup3, number, 51, 0);
        0
    });
    println!("a child's files: {} {} {}", wait(pid), is_open(50), is_open(51));
    let pid = begin(libc::CLONE_FILES | CHILD, || call!(SYS_close, 51) as i32);
    println!("and closed by one: {} {}", wait(pid), is_open(51));
    println!("kept over another's program: {} {}", wait(begin(libc::CLONE_FILES | CHILD, execute)), is_open(50));
    let pid = begin(libc::CLONE_FILES | CHILD, || {
        let own = call!(SYS_unshare, libc::CLONE_FILES);
        call!(SYS_close, 50);
        own as i32
    });
    println!("no longer a child's: {} {}", wait(pid), is_open(50));
    let pid = begin(libc::CLONE_FILES | CHILD, || {
        let closed = call!(SYS_close_range, 40, 60, CLOSE_RANGE_UNSHARE);
        i32::from(is_open(50)) - closed as i32
    });
    println!("closed for oneself: {} {}", wait(pid), is_open(50));
    let pid = begin(libc::CLONE_FILES | CHILD, || {
        call!(SYS_dup2, number, 60);
        call!(SYS_close_range, 45, 55, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) as i32
    });
    println!("or kept from programs: {} {}", wait(pid), is_open(60));
    println!("a range in the wrong order: {}", call!(SYS_close_range, 60, 40, 0));
    println!("an unknown flag: {}", call!(SYS_close_range, 40, 60, 1));
    let mut limit = [2048, 4096];
    call!(SYS_setrlimit, libc::RLIMIT_NOFILE, &mut limit);
    call!(SYS_dup2, number, 2000);
    println!("to the end: {} {} {}", call!(SYS_close_range, 40, u64::MAX, 0), is_open(60), is_open(2000));
}

fn places() {
    let pid = begin(libc::CLONE_FS | CHILD, || {
        umask(0o77);
        env::set_current_dir("/tmp").map_or(1, |()| 0)
    });
    println!("where a child goes: {} {} {:o}", wait(pid), directory(), umask(0o22));
    let pid = begin(libc::CLONE_FS | CHILD, || {
        let alone = call!(SYS_unshare, libc::CLONE_FS);
        umask(0o7);
        env::set_current_dir("/proc").map_or(1, |()| alone as i32)
    });
    println!("alone it goes elsewhere: {} {} {:o}", wait(pid), directory(), umask(0o22));
    let pid = begin(libc::CLONE_FS | CHILD, || {
        let pid = begin(libc::CLONE_FS | CHILD, || {
            call!(SYS_setresuid, 1000, 1000, 1000);
            env::set_current_dir("/").map_or(1, |()| 0)
        });
        wait(pid) as i32
    });
    println!("and a grandchild of another's: {} {} {}", wait(pid), directory(), call!(SYS_geteuid));
    let pid = begin(libc::CLONE_FS | CHILD, || call!(SYS_unshare, libc::CLONE_NEWNS) as i32);
    println!("a namespace of its own: {}", wait(pid));
    for flags in [libc::CLONE_SIGHAND, libc::CLONE_VM, libc::CLONE_THREAD, libc::CLONE_SYSVSEM, 0, 1] {
        println!("unshare {flags:#x}: {}", call!(SYS_unshare, flags));
    }
}

fn relatives() {
    let own = i64::from(process::id());
    let mut sister = [0];
    let (mut ends, numbers) = ([0], process::id());
    call!(SYS_pipe2, &mut ends, 0);
    let [reader, writer] = [ends[0] as u32 as u64, ends[0] >> 32];
    let pid = begin(CHILD, || {
        let mut sister = [begin(libc::CLONE_PARENT | USR1, || {
            let parent = call!(SYS_getppid);
            i32::from(parent != own)
        }) as u64];
        let stranger = call!(SYS_wait4, sister[0], 0, libc::__WALL, 0);
        println!("a sister is nobody's child: {stranger}");
        call!(SYS_write, writer, &mut sister, 8);
        0
    });
    call!(SYS_read, reader, &mut sister, 8);
    println!("the child: {}, its sister: {}", wait(pid), wait(sister[0] as i64));
    let number = begin3(libc::CLONE_PARENT as u64, &[(EXIT_SIGNAL, 17)], || 0);
    println!("the parent's signal is the caller's: {number} {}", numbers == process::id());
}

/// What is told by a signal, which is held back: its number, code and status.
fn told(signal: i32) -> [i64; 3] {
    let mut set = [1 << (signal - 1)];
    let mut information = [0; 16];
    let mut limit = [0, 0];
    let taken = call!(SYS_rt_sigtimedwait, &mut set, &mut information, &mut limit, 8);
    [taken, information[1] as i32 as i64, information[3] as i32 as i64]
}

/// Waits until a child has ended, of whichever kind, and leaves it to be asked for.
fn await_end(pid: i64) {
    call!(SYS_waitid, libc::P_PID, pid as u64, 0, libc::WEXITED | libc::WNOWAIT | libc::__WALL, 0);
}

fn signals() {
    let mut set = [1 << (USR1 - 1) | 1 << (CHILD - 1)];
    call!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &mut set, 0, 8);
    told(CHILD);
    for signal in [USR1, 0, CHILD] {
        let pid = begin(signal, || 3);
        let mut status = [0];
        await_end(pid);
        let plain = call!(SYS_wait4, pid as u64, &mut status, 0, 0);
        let clone = call!(SYS_wait4, pid as u64, &mut status, libc::__WCLONE, 0);
        println!("tells by {signal}: {} {} {}", plain == pid, clone == pid, status[0]);
        println!("  {:?} {:?}", told(USR1), told(CHILD));
    }
    let pid = begin(USR1, execute);
    await_end(pid);
    println!("another program tells by SIGCHLD: {}", call!(SYS_wait4, pid as u64, 0, 0, 0) == pid);
    println!("  {:?} {:?}", told(USR1), told(CHILD));
    call!(SYS_rt_sigprocmask, libc::SIG_UNBLOCK, &mut set, 0, 8);
}

fn descriptors() {
    let mut descriptor = [u64::MAX];
    let pid = match call!(SYS_clone, libc::CLONE_PIDFD | CHILD, 0, &mut descriptor, 0, 0) {
        0 => process::exit(4),
        pid => pid,
    };
    let number = descriptor[0] as u32;
    println!("a descriptor: {:#x}, {}", descriptor[0] >> 32, call!(SYS_fcntl, number, libc::F_GETFD));
    let mut entry = [u64::from(number) | 1 << 32];
    println!("  can be waited for: {}", call!(SYS_poll, &mut entry, 1, 10_000));
    let mut information = [0; 16];
    let waited = call!(SYS_waitid, libc::P_PIDFD, number, &mut information, libc::WEXITED, 0);
    println!("  {waited} {} {}", information[1] as i32, information[2] as u32 as i64 == pid);
    println!("  gone: {}", call!(SYS_pidfd_send_signal, number, 0, 0, 0));
    call!(SYS_close, number);
    println!("a bad address: {}", call!(SYS_clone, libc::CLONE_PIDFD | CHILD, 0, 8, 0, 0));
    println!("  nobody began: {}", call!(SYS_wait4, u64::MAX, 0, libc::__WALL, 0));
    println!("  and no number is taken: {}", is_open(number as i32));
    let both = libc::CLONE_PIDFD | libc::CLONE_PARENT_SETTID;
    println!("at one place with the number: {}", begin(both | CHILD, || 0));
    let mut place = [0];
    let at = place.as_mut_ptr() as u64;
    println!("likewise: {}", begin3(both as u64, &[(PIDFD, at), (3, at), (EXIT_SIGNAL, 17)], || 0));
    println!("detached: {}", begin(libc::CLONE_PIDFD | libc::CLONE_DETACHED | CHILD, || 0));
}

fn numbers() {
    let chosen = |number: u64, flags: u64| {
        let mut numbers = [number];
        let words = [(NUMBERS, numbers.as_mut_ptr() as u64), (COUNT, 1), (EXIT_SIGNAL, 17)];
        begin3(flags, &words, || i32::from(i64::from(process::id()) != number as i64))
    };
    let pid = chosen(7777, 0);
    println!("a chosen number: {pid}, taken: {}, {}", chosen(7777, 0), wait(pid));
    println!("again: {}", wait(chosen(7777, 0)));
    for number in [0, 1, 4_194_304, u64::from(u32::MAX)] {
        println!("number {number}: {}", chosen(number, 0));
    }
    println!("without a place: {}", begin3(0, &[(COUNT, 1), (EXIT_SIGNAL, 17)], || 0));
    println!("without a count: {}", begin3(0, &[(NUMBERS, 8), (EXIT_SIGNAL, 17)], || 0));
    println!("too many: {}", begin3(0, &[(NUMBERS, 8), (COUNT, 33), (EXIT_SIGNAL, 17)], || 0));
    println!("a bad address: {}", begin3(0, &[(NUMBERS, 8), (COUNT, 1), (EXIT_SIGNAL, 17)], || 0));
    let refused = child(|| {
        call!(SYS_setresuid, 1000, 1000, 1000);
        -chosen(7777, 0) as i32
    });
    println!("for who may not choose: {}", refused >> 8);
}

pub fn all() {
    let subjects: [fn(); 6] = [files, places, relatives, signals, descriptors, numbers];
    // Each in a process of its own, which has nothing of the others'.
    for subject in subjects {
        let status = child(|| {
            subject();
            0
        });
        assert_eq!(status, 0);
    }
    for flags in [
        libc::CLONE_SIGHAND,
        libc::CLONE_THREAD,
        libc::CLONE_FS | libc::CLONE_NEWNS,
        libc::CLONE_SIGHAND | libc::CLONE_THREAD,
    ] {
        println!("clone {flags:#x}: {}", begin(flags | CHILD, || 0));
    }
    for flags in [libc::CLONE_IO, libc::CLONE_UNTRACED, libc::CLONE_PTRACE, libc::CLONE_SYSVSEM, libc::CLONE_DETACHED] {
        println!("clone {flags:#x}: {}", wait(begin(flags | CHILD, || 5)));
    }
}
