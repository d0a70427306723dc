//! Signals to threads and to processes by their threads' numbers, and what else one process takes of another.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::call;
use crate::call::child;

const USR1: i32 = libc::SIGUSR1;

/// What has come of the signal, which is held back: its number, code and value.
fn taken() -> [i64; 3] {
    let mut set = [1 << (USR1 - 1)];
    let (mut information, mut limit) = ([0; 16], [0, 0]);
    let signal = call!(SYS_rt_sigtimedwait, &mut set, &mut information, &mut limit, 8);
    [signal, information[1] as i32 as i64, information[3] as i64]
}

/// What goes with a signal.
fn information(code: i32) -> [u64; 16] {
    let mut words = [0; 16];
    words[1] = u64::from(code as u32);
    words[3] = 77;
    words
}

/// Sends `pid`'s thread `tid` a signal in every way: as that code, and without.
fn send(pid: u64, tid: u64) -> [i64; 5] {
    [
        call!(SYS_kill, tid, USR1),
        call!(SYS_tkill, tid, USR1),
        call!(SYS_tgkill, pid, tid, USR1),
        call!(SYS_rt_sigqueueinfo, tid, USR1, &mut information(-1)),
        call!(SYS_rt_tgsigqueueinfo, pid, tid, USR1, &mut information(-1)),
    ]
}

fn threads() {
    let pid = u64::from(process::id());
    let ((number, tid), (end, ended)) = (mpsc::channel(), mpsc::channel::<()>());
    let thread = thread::spawn(move || {
        number.send(call!(SYS_gettid) as u64).expect("somebody listens");
        let _ = ended.recv();
        taken()
    });
    let tid = tid.recv().expect("it tells");
    println!("by a thread's number: {:?}", [call!(SYS_kill, tid, 0), call!(SYS_kill, tid, USR1)]);
    println!("  {:?} {:?}", taken(), taken());
    let told = [-1, -6, 0, 5, -2].map(|code| call!(SYS_rt_tgsigqueueinfo, pid, tid, USR1, &mut information(code)));
    println!("with words: {told:?} {:?}", taken());
    let own = [-1, -6, 0].map(|code| (call!(SYS_rt_tgsigqueueinfo, pid, pid, USR1, &mut information(code)), taken()));
    println!("to oneself: {own:?}");
    for (group, thread, signal) in
        [(pid, tid, 65), (0, tid, 0), (pid, 0, 0), (1 << 31, tid, 0), (99_999, tid, 0), (pid, 99_999, 0)]
    {
        let answers = [
            call!(SYS_tgkill, group, thread, signal),
            call!(SYS_rt_tgsigqueueinfo, group, thread, signal, &mut information(-1)),
        ];
        println!("wrong: {answers:?}");
    }
    drop(end);
    println!("the thread's: {:?}", thread.join().expect("it ends"));
}

fn without_a_leader() {
    let pid = u64::from(process::id());
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        println!("to a first thread that has ended: {:?}", send(pid, pid));
        println!("  {:?} {:?}", taken(), taken());
        process::exit(0);
    });
    call!(SYS_exit, 3);
}

fn others() {
    let file = File::open("/processes").expect("it is there");
    let (number, parent) = (file.as_raw_fd(), process::id());
    let status = child(|| {
        call!(SYS_close, number);
        let descriptor = call!(SYS_pidfd_open, parent, 0) as u64;
        let got = call!(SYS_pidfd_getfd, descriptor, number, 0);
        println!("another's file: {}", call!(SYS_fcntl, got as u64, libc::F_GETFD));
        let wrong = [
            call!(SYS_pidfd_getfd, descriptor, 999, 0),
            call!(SYS_pidfd_getfd, descriptor, number, 1),
            call!(SYS_pidfd_getfd, got as u64, number, 0),
        ];
        println!("  wrong: {wrong:?}");
        let (mut head, mut size) = ([0], [0]);
        let list = call!(SYS_get_robust_list, parent, &mut head, &mut size);
        println!("another's locks: {list} {} {}", head[0] != 0, size[0]);
        call!(SYS_setresuid, 1000, 1000, 1000);
        let refused = [
            call!(SYS_pidfd_getfd, descriptor, number, 0),
            call!(SYS_get_robust_list, parent, &mut head, &mut size),
            call!(SYS_get_robust_list, 99_999, &mut head, &mut size),
        ];
        println!("somebody else's: {refused:?}");
        0
    });
    println!("{status}");
}

pub fn all() {
    let mut set = [1 << (USR1 - 1)];
    call!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &mut set, 0, 8);
    let subjects: [fn(); 3] = [threads, without_a_leader, others];
    for subject in subjects {
        let status = child(|| {
            subject();
            0
        });
        println!("{status}");
    }
    call!(SYS_rt_sigprocmask, libc::SIG_UNBLOCK, &mut set, 0, 8);
}
