//! Clocks, waiting by them, and timers that send signals (`timer_create(2)`).

use std::time::{Duration, Instant};

use crate::call;
use crate::call::{begin, child, wait};

const USR1: i32 = libc::SIGUSR1;
/// The first signal that comes as often as it is sent.
const QUEUED: i32 = 34;
const ABSOLUTE: i32 = libc::TIMER_ABSTIME;
const MILLISECOND: u64 = 1_000_000;
const THREAD_ID: u64 = 4;

/// Clocks by number, the last of which are not there.
const CLOCKS: [i32; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 11, 10, 12, 99, -2, -1];

/// The clock of a process's or a thread's time on the processor.
fn clock_of(number: i64, kind: i64) -> i32 {
    (!number << 3 | kind) as i32
}

fn now(clock: i32) -> Result<Duration, i64> {
    let mut time = [0; 2];
    match call!(SYS_clock_gettime, clock, &mut time) {
        0 => Ok(Duration::new(time[0], time[1] as u32)),
        error => Err(error),
    }
}

/// What has come of signals that are held back: the number, `si_code`, the timer, how often more, the value.
fn taken(patience: u64) -> [i64; 5] {
    let mut set = [1 << (USR1 - 1) | 1 << (QUEUED - 1) | 1 << (libc::SIGALRM - 1)];
    let (mut information, mut limit) = ([0; 16], [patience / 1000, patience % 1000 * MILLISECOND]);
    let signal = call!(SYS_rt_sigtimedwait, &mut set, &mut information, &mut limit, 8);
    let [_, code, who, value, ..] = information;
    [signal, code as i32 as i64, who as u32 as i64, (who >> 32) as i64, value as i64]
}

/// A new timer: its number or an error.
fn create(clock: i32, event: Option<[u64; 3]>) -> i64 {
    let mut id = [0];
    let mut words = [0; 8];
    let made = match event {
        None => call!(SYS_timer_create, clock, 0, &mut id),
        Some(event) => {
            words[..3].copy_from_slice(&event);
            call!(SYS_timer_create, clock, &mut words, &mut id)
        }
    };
    if made == 0 { id[0] as u32 as i64 } else { made }
}

/// A timer that sends a signal with a value.
fn sending(clock: i32, signal: i32, value: u64) -> i64 {
    create(clock, Some([value, signal as u64, 0]))
}

fn set(id: i64, flags: i32, next: u64, interval: u64) -> i64 {
    let split = |time: u64| [time / 1_000_000_000, time % 1_000_000_000];
    let ([a, b], [c, d]) = (split(interval), split(next));
    call!(SYS_timer_settime, id as u64, flags, &mut [a, b, c, d], 0)
}

/// How long until a timer's time comes, and how often, in whole tenths of a second, rounded up.
fn left(id: i64) -> Result<[u64; 2], i64> {
    let mut words = [0; 4];
    match call!(SYS_timer_gettime, id as u64, &mut words) {
        0 => {
            Ok([[words[2], words[3]], [words[0], words[1]]].map(|[s, n]| (s * 1_000_000_000 + n).div_ceil(100_000_000)))
        }
        error => Err(error),
    }
}

/// Is busy for so many milliseconds of its own time.
fn work(milliseconds: u64) {
    let start = now(libc::CLOCK_THREAD_CPUTIME_ID);
    let past = || now(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or_default() - start.unwrap_or_default();
    while past() < Duration::from_millis(milliseconds) {
        (0..100_000).for_each(|number| {
            std::hint::black_box(number);
        });
    }
}

fn clocks() {
    for clock in CLOCKS {
        let mut resolution = [0; 2];
        let shown = now(clock).map(|_| ());
        let told = call!(SYS_clock_getres, clock, &mut resolution);
        let at_once = call!(SYS_clock_nanosleep, clock, ABSOLUTE, &mut [0, 1], 0);
        let made = create(clock, Some([0, 1 << 32, 0]));
        println!("clock {clock}: {shown:?} {told} {at_once} {}", made.min(0));
    }
    let own = i64::from(std::process::id());
    for kind in [0, 1, 2, 3, 4, 5, 6, 7] {
        let of = [0, own, call!(SYS_getppid), 99_999].map(|number| {
            let clock = clock_of(number, kind);
            let at_once = call!(SYS_clock_nanosleep, clock, ABSOLUTE, &mut [0, 0], 0);
            (now(clock).map(|_| ()).err(), at_once, create(clock, Some([0, 1 << 32, 0])).min(0))
        });
        println!("of somebody, kind {kind}: {of:?}");
    }
}

fn sleeping() {
    let pid = begin(|| {
        work(400);
        0
    });
    let clock = clock_of(pid, 2);
    let slept = call!(SYS_clock_nanosleep, clock, 0, &mut [0, 50 * MILLISECOND], 0);
    println!("until a child has worked: {slept} {}", now(clock) >= Ok(Duration::from_millis(50)));
    let until = call!(SYS_clock_nanosleep, clock, ABSOLUTE, &mut [0, 100 * MILLISECOND], 0);
    println!("until it has worked for long: {until} {}", now(clock) >= Ok(Duration::from_millis(100)));
    println!("and it ends: {}", wait(pid));
    println!("no time: {}", call!(SYS_clock_nanosleep, 1, 0, &mut [0, 1_000_000_000], 0));
    println!("an unknown flag: {}", call!(SYS_clock_nanosleep, 1, 2, &mut [0, 1], 0));
}

fn creating() {
    let own = i64::from(std::process::id()) as u64;
    println!("numbers: {:?}", [0; 3].map(|_| create(1, None)));
    println!("deleted: {} {}", call!(SYS_timer_delete, 1), call!(SYS_timer_delete, 1));
    println!("and not used again: {}", create(1, None));
    let events = [(0, 0), (0, 65), (64, 0), (0, 1), (10, 2), (10, 3), (10, 5), (10, 8), (0, 2)];
    for (signal, notice) in events {
        println!("signal {signal}, notice {notice}: {}", create(1, Some([0, signal | notice << 32, 0])).min(0));
    }
    for number in [own, 1, 0, 99_999] {
        println!("to a thread {}: {}", number == own, create(1, Some([0, 10 | THREAD_ID << 32, number])).min(0));
    }
    for id in [99, -1] {
        let mut words = [0; 4];
        let answers = [
            set(id, 0, 1, 0),
            call!(SYS_timer_gettime, id as u64, &mut words),
            call!(SYS_timer_getoverrun, id as u64),
            call!(SYS_timer_delete, id as u64),
        ];
        println!("timer {id}: {answers:?}");
    }
    println!("no setting: {}", call!(SYS_timer_settime, 0, 0, 0, 0));
    println!("no time: {}", set(0, 0, 1, 0) + call!(SYS_timer_settime, 0, 0, &mut [0, 0, 0, 1_000_000_000], 0));
    println!("unknown flags: {}", set(0, 0xff0, 0, 0));
    println!("bad addresses: {} {}", call!(SYS_timer_create, 1, 8, 8), call!(SYS_timer_create, 1, 0, 8));
    let unshown = [call!(SYS_timer_gettime, 0, 8), call!(SYS_timer_settime, 0, 0, &mut [0; 4], 8)];
    println!("likewise: {unshown:?}");
    println!("a child has none: {}", child(|| (set(0, 0, 0, 0) == -22).into()) >> 8);
}

fn expiring() {
    let alarm = create(libc::CLOCK_MONOTONIC, None);
    println!("set: {} {:?}", set(alarm, 0, 500_000_000, 0), left(alarm));
    println!("set again: {} {:?}", set(alarm, 0, 20 * MILLISECOND, 0), taken(5000));
    println!("once: {:?} {:?} {}", taken(50), left(alarm), call!(SYS_timer_getoverrun, alarm as u64));
    for clock in [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME, libc::CLOCK_TAI] {
        let timer = sending(clock, QUEUED, 7);
        let past = now(clock).unwrap_or_default().as_nanos() as u64;
        println!("clock {clock}, at a time: {}", set(timer, ABSOLUTE, past + 30 * MILLISECOND, 0));
        println!(
            "  {:?} {}",
            &taken(5000)[3..],
            now(clock).unwrap_or_default().as_nanos() as u64 >= past + 30 * MILLISECOND
        );
        println!("  in the past: {} {:?}", set(timer, ABSOLUTE, 1, 0), &taken(5000)[..2]);
        call!(SYS_timer_delete, timer as u64);
    }
    let [one, other] = [3, 4].map(|value| sending(libc::CLOCK_MONOTONIC, USR1, value));
    set(one, 0, 10 * MILLISECOND, 0);
    set(other, 0, 10 * MILLISECOND, 0);
    let mut both = [taken(5000), taken(5000)].map(|told| (told[0], told[4]));
    both.sort_unstable();
    println!("two of one signal: {both:?}");
    set(one, 0, 10 * MILLISECOND, 0);
    std::thread::sleep(Duration::from_millis(50));
    println!("deleted before it is taken: {} {:?}", call!(SYS_timer_delete, one as u64), taken(20));
    set(other, 0, 10 * MILLISECOND, 0);
    std::thread::sleep(Duration::from_millis(50));
    println!("set before it is taken: {} {:?}", set(other, 0, 0, 0), taken(20));
    let silent = create(libc::CLOCK_MONOTONIC, Some([0, 1 << 32, 0]));
    println!("one that tells nobody: {} {:?}", set(silent, 0, 10 * MILLISECOND, 200 * MILLISECOND), taken(50));
    println!("  {:?} {}", left(silent), call!(SYS_timer_getoverrun, silent as u64));
    println!("  once: {} {:?}", set(silent, 0, MILLISECOND, 0), taken(20));
    println!("  {:?}", left(silent));
    println!("stopped: {} {:?}", set(silent, 0, 0, 5), left(silent));
}

fn repeating() {
    let timer = sending(libc::CLOCK_MONOTONIC, QUEUED, 9);
    let start = Instant::now();
    set(timer, 0, 40 * MILLISECOND, 40 * MILLISECOND);
    std::thread::sleep(Duration::from_millis(500));
    let told = taken(5000);
    let times = start.elapsed().as_millis() as i64 / 40;
    let overrun = call!(SYS_timer_getoverrun, timer as u64);
    let near = |count: i64| (count - times).abs() <= 2;
    println!("often, and taken late: {} {} {} {}", told[1], near(told[3] + 1), told[3] == overrun, told[4]);
    println!("then again: {:?}", &taken(5000)[..2]);
    println!("every: {:?}", left(timer));
    let mut set_of = [1 << (QUEUED - 1)];
    let mut ignore = [1, 0, 0, 0];
    call!(SYS_rt_sigaction, QUEUED, &mut ignore, 0, 8);
    call!(SYS_rt_sigprocmask, libc::SIG_UNBLOCK, &mut set_of, 0, 8);
    std::thread::sleep(Duration::from_millis(100));
    call!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &mut set_of, 0, 8);
    let mut default = [0, 0, 0, 0];
    call!(SYS_rt_sigaction, QUEUED, &mut default, 0, 8);
    println!("after it was ignored: {:?}", &taken(5000)[..2]);
    println!("stopped: {} {:?}", set(timer, 0, 0, 0), taken(60)[0]);
}

fn working() {
    let own = i64::from(std::process::id());
    for clock in [libc::CLOCK_PROCESS_CPUTIME_ID, libc::CLOCK_THREAD_CPUTIME_ID, clock_of(own, 1)] {
        let timer = sending(clock, USR1, 5);
        set(timer, 0, 50 * MILLISECOND, 0);
        std::thread::sleep(Duration::from_millis(150));
        print!("clock {}: {} ", clock.max(-1), taken(1)[0]);
        work(200);
        println!("{:?} {:?}", taken(5000)[0], left(timer));
    }
    let pid = begin(|| {
        work(400);
        0
    });
    let timer = sending(clock_of(pid, 2), USR1, 6);
    println!("of a child: {} {:?}", set(timer, 0, 50 * MILLISECOND, 0), &taken(5000)[..2]);
    println!("  {}", wait(pid));
}

pub fn all() {
    let mut set = [1 << (USR1 - 1) | 1 << (QUEUED - 1) | 1 << (libc::SIGALRM - 1)];
    call!(SYS_rt_sigprocmask, libc::SIG_BLOCK, &mut set, 0, 8);
    let subjects: [fn(); 6] = [clocks, sleeping, creating, expiring, repeating, working];
    for subject in subjects {
        let status = child(|| {
            subject();
            0
        });
        assert_eq!(status, 0);
    }
    call!(SYS_rt_sigprocmask, libc::SIG_UNBLOCK, &mut set, 0, 8);
}
