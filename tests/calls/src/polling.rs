//! Waiting for many files: what is new, which of several is told, how deep instances watch each other.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use libc::epoll_event;

use crate::{at, call};

const EDGE: u32 = libc::EPOLLET as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;
const IN: u32 = libc::EPOLLIN as u32;

fn instance() -> i64 {
    call!(SYS_epoll_create1, 0)
}

fn watch(instance: i64, file: i64, events: u32) -> i64 {
    let mut event = epoll_event { events, u64: 7 };
    call!(SYS_epoll_ctl, instance, libc::EPOLL_CTL_ADD, file, at(&mut event))
}

/// How many files are ready, and for what the first is.
fn wait(instance: i64, limit: i32) -> (i64, u32) {
    let mut events = [epoll_event { events: 0, u64: 0 }; 4];
    let count = call!(SYS_epoll_wait, instance, at(&mut events), 4, limit);
    (count, events[0].events)
}

fn close(files: &[i64]) {
    for file in files {
        call!(SYS_close, *file);
    }
}

/// A signal that comes is told of once, though it is not read.
pub fn signals() {
    let mut set = 1u64 << (libc::SIGUSR1 - 1) | 1 << (libc::SIGUSR2 - 1);
    call!(SYS_rt_sigprocmask, libc::SIG_BLOCK, at(&mut set), 0, 8);
    let file = call!(SYS_signalfd4, -1i32, at(&mut set), 8, libc::SFD_NONBLOCK);
    let (edge, level) = (instance(), instance());
    println!("signals: {} {}", watch(edge, file, IN | EDGE), watch(level, file, IN));
    let own = call!(SYS_getpid);
    let both = || format!("{:?} {:?}", wait(edge, 0), wait(level, 0));
    println!("signals: {}", both());
    for signal in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGUSR2] {
        call!(SYS_kill, own, signal);
        println!("signals: {}", both());
        println!("signals: {}", both());
    }
    let mut told = [0u8; 128];
    println!("signals: {} {}", call!(SYS_read, file, at(&mut told), 128), both());
    call!(SYS_kill, own, libc::SIGUSR1);
    println!("signals: {}", both());
    println!("signals: {}", call!(SYS_read, file, at(&mut told), 128));
    println!("signals: {} {}", call!(SYS_read, file, at(&mut told), 128), both());
    println!("signals: {} {}", call!(SYS_read, file, at(&mut told), 128), both());
    close(&[file, edge, level]);
}

/// An end is told of once, and once more when nobody can ask for it any more.
pub fn processes() {
    // SAFETY: nothing else runs, and the child makes one call.
    let child = unsafe { libc::fork() };
    if child == 0 {
        call!(SYS_exit_group, 3);
    }
    let file = call!(SYS_pidfd_open, child, 0);
    let (edge, level) = (instance(), instance());
    watch(edge, file, IN | EDGE);
    watch(level, file, IN);
    println!("processes: {:?} {:?}", wait(edge, 5000), wait(level, 0));
    println!("processes: {:?} {:?}", wait(edge, 0), wait(level, 0));
    println!("processes: {}", call!(SYS_waitid, libc::P_PID, child, 0, libc::WEXITED, 0) == 0);
    println!("processes: {:?} {:?}", wait(edge, 0), wait(level, 0));
    println!("processes: {:?} {:?}", wait(edge, 0), wait(level, 0));
    close(&[file, edge, level]);
}

/// Of several that wait one is told, and all if they ask for that; who did not wait may see it too.
pub fn exclusive() {
    for (events, name) in [(IN | EXCLUSIVE, "one"), (IN, "all")] {
        let mut ends = [0i32; 2];
        call!(SYS_pipe2, at(&mut ends), 0);
        let instances = [instance(), instance(), instance()];
        let woken = AtomicU32::new(0);
        thread::scope(|scope| {
            for instance in instances {
                watch(instance, i64::from(ends[0]), events);
                let woken = &woken;
                scope.spawn(move || {
                    if wait(instance, 400).0 == 1 {
                        woken.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            thread::sleep(Duration::from_millis(100));
            call!(SYS_write, ends[1], b"x".as_ptr(), 1);
        });
        println!("exclusive: {name}, {} woken", woken.load(Ordering::Relaxed));
        let fresh = instance();
        println!("exclusive: {} {:?}", watch(fresh, i64::from(ends[0]), events), wait(fresh, 0));
        close(&instances);
        close(&[fresh, i64::from(ends[0]), i64::from(ends[1])]);
    }
}

/// How deep, in which order, and how many.
pub fn nested() {
    let chain: Vec<i64> = (0..8).map(|_| instance()).collect();
    let links: Vec<i64> = chain.windows(2).map(|pair| watch(pair[0], pair[1], IN)).collect();
    println!("nested: {links:?}");
    close(&chain);
    let chain: Vec<i64> = (0..8).map(|_| instance()).collect();
    let links: Vec<i64> = chain.windows(2).map(|pair| watch(pair[1], pair[0], IN)).collect();
    println!("nested: upwards {links:?}");
    println!("nested: circle {} {}", watch(chain[0], chain[2], IN), watch(chain[1], chain[1], IN));
    close(&chain);
    let (outer, number) = (instance(), call!(SYS_eventfd2, 1, 0));
    let inner: Vec<i64> = (0..40).map(|_| instance()).collect();
    let added: Vec<i64> = inner.iter().map(|inner| watch(*inner, number, IN) + watch(outer, *inner, IN)).collect();
    println!("nested: wide {} {:?}", added.iter().all(|added| *added == 0), wait(outer, 0));
    println!("nested: twice {}", watch(outer, inner[0], IN));
    close(&inner);
    println!("nested: closed {:?}", wait(outer, 0));
    close(&[outer, number]);
}
