//! What open files are said to be like (`/proc/PID/fdinfo`, `fstat`).

use std::fs;

use crate::{at, call, text};

/// `/proc/self/fdinfo` of a file, without what is another's each time: the mount's number, the file's, and the device's.
fn info(file: i64) -> String {
    let all = fs::read_to_string(format!("/proc/self/fdinfo/{file}")).unwrap_or_else(|error| format!("{error}\n"));
    let own = format!(" {} ", std::process::id());
    let word = |word: &str| match word {
        word if word.starts_with("ino:") || word.starts_with("sdev:") => String::new(),
        word if word.matches(':').count() == 2 => "FILE".into(),
        word => word.to_string(),
    };
    let all: Vec<_> = all
        .lines()
        .map(|line| match line.starts_with("lock:") {
            true => line.replacen(&own, " OWN ", 1),
            false => line.to_string(),
        })
        .collect();
    let known = |line: &&str| {
        !["mnt_id:", "ino:", "eventfd-id:", "it_value:", "scm_fds:"].iter().any(|head| line.starts_with(head))
    };
    // Which handle a watched file has is not said everywhere.
    let lines =
        all.iter().map(String::as_str).filter(known).map(|line| line.split(" fhandle").next().unwrap_or_default());
    let lines: Vec<_> = lines.map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")).collect();
    lines.join(" | ")
}

fn show(name: &str, file: i64) {
    println!("shown: {name}: {}", info(file));
}

/// What `fstat` says of a file besides, and what cannot be done with one of no type.
fn stat(name: &str, file: i64) {
    // SAFETY: a structure of zeros is one.
    let mut seen: libc::stat = unsafe { std::mem::zeroed() };
    let stated = call!(SYS_fstat, file, at(&mut seen));
    let (mode, links, size) = (seen.st_mode, seen.st_nlink, seen.st_size);
    println!(
        "shown: {name}: {stated} {mode:o} {links} {size} {:?}",
        fs::read_link(format!("/proc/self/fd/{file}")).ok()
    );
    let again = text(&format!("/proc/self/fd/{file}"));
    let refused = [
        call!(SYS_fchmod, file, 0o644),
        call!(SYS_fchown, file, 0, 0),
        call!(SYS_fsync, file),
        call!(SYS_fchdir, file),
        call!(SYS_fcntl, file, libc::F_GET_SEALS),
        call!(SYS_mmap, 0, 4096, libc::PROT_READ, libc::MAP_PRIVATE, file, 0),
    ];
    println!("shown: {name}: {refused:?}");
    if mode == 0o600 {
        let refused = [
            call!(SYS_sync_file_range, file, 0, 0, 0),
            call!(SYS_ftruncate, file, 0),
            call!(SYS_fallocate, file, 0, 0, 1),
            call!(SYS_open, again, libc::O_RDONLY),
        ];
        println!("shown: {name}: {refused:?}");
    }
}

fn open(path: &str, flags: i32) -> i64 {
    call!(SYS_open, text(path), flags, 0o600)
}

fn lock(file: i64, command: i32, kind: i32, start: i64, length: i64) {
    let mut wanted = [kind as u64, start as u64, length as u64, 0];
    call!(SYS_fcntl, file, command, at(&mut wanted));
}

fn locks() {
    let file = open("shown", libc::O_RDWR | libc::O_CREAT);
    let other = open("shown", libc::O_RDWR);
    let mut bytes = *b"0123456789";
    call!(SYS_write, file, at(&mut bytes), 10);
    call!(SYS_flock, file, libc::LOCK_SH);
    lock(file, libc::F_SETLK, libc::F_WRLCK, 1, 3);
    lock(file, libc::F_SETLK, libc::F_RDLCK, 5, 0);
    lock(other, libc::F_OFD_SETLK, libc::F_RDLCK, 6, 2);
    show("locked", file);
    show("locked too", other);
    call!(SYS_close, file);
    call!(SYS_close, other);
    let file = open("shown", libc::O_RDONLY | libc::O_CLOEXEC);
    for kind in [libc::F_RDLCK, libc::F_WRLCK] {
        call!(SYS_fcntl, file, libc::F_SETLEASE, kind);
        show("lease", file);
        call!(SYS_open, text("shown"), libc::O_RDONLY | libc::O_NONBLOCK);
        show("lease", file);
        call!(SYS_open, text("shown"), libc::O_WRONLY | libc::O_NONBLOCK);
        show("lease", file);
        call!(SYS_fcntl, file, libc::F_SETLEASE, libc::F_UNLCK);
    }
    call!(SYS_close, file);
}

pub fn rows() {
    locks();
    let file = open("shown", libc::O_WRONLY | libc::O_APPEND | libc::O_NONBLOCK | libc::O_CLOEXEC);
    show("file", file);
    call!(SYS_lseek, file, 7, 0);
    show("moved", file);
    show("place", open("shown", libc::O_PATH));
    show("directory", open(".", libc::O_DIRECTORY));
    let mut ends = [0i32; 2];
    call!(SYS_pipe2, at(&mut ends), libc::O_NONBLOCK);
    show("pipe", ends[0].into());
    show("pipe", ends[1].into());
    show("socket", call!(SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0));
    let event = call!(SYS_eventfd2, 31, 1);
    show("event", event);
    show("event", call!(SYS_eventfd2, 0, 0));
    stat("event", event);
    let mut set = 0x202u64;
    show("signals", call!(SYS_signalfd4, -1i64, at(&mut set), 8, 0));
    for clock in [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME] {
        let timer = call!(SYS_timerfd_create, clock, 0);
        show("timer", timer);
        let mut setting = [5u64, 6, 0, 1];
        call!(SYS_timerfd_settime, timer, 1, at(&mut setting), 0);
        show("timer", timer);
        stat("timer", timer);
    }
    let epoll = call!(SYS_epoll_create1, 0);
    show("epoll", epoll);
    let mut events = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 0xabcd };
    call!(SYS_epoll_ctl, epoll, libc::EPOLL_CTL_ADD, event, at(&mut events));
    show("epoll", epoll);
    stat("epoll", epoll);
    let watches = call!(SYS_inotify_init1, 0);
    call!(SYS_inotify_add_watch, watches, text("."), 0x302);
    call!(SYS_inotify_add_watch, watches, text("shown"), 0x8000_0002u32);
    show("watches", watches);
    stat("watches", watches);
    // SAFETY: nothing else runs, and the child makes one call.
    let child = unsafe { libc::fork() };
    if child == 0 {
        call!(SYS_exit_group, 0);
    }
    let process = call!(SYS_pidfd_open, child, 0);
    call!(SYS_waitid, libc::P_PID, child, 0, libc::WEXITED | libc::WNOWAIT, 0);
    println!("shown: process: {}", info(process).replace(&child.to_string(), "CHILD"));
    call!(SYS_wait4, child, 0, 0, 0);
    show("process", process);
    stat("process", process);
    show("nothing", -1);
    show("nothing", 100_000);
    let mut names: Vec<_> = fs::read_dir("/proc/self/fdinfo").into_iter().flatten().flatten().collect();
    names.sort_by_key(fs::DirEntry::file_name);
    println!("shown: {:?} {}", names.first().map(fs::DirEntry::file_name), names.len());
}
