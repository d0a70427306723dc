//! Words that are waited for: many at once, and locks that are given to who waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use libc::timespec;

use crate::{at, call, handle};

const PRIVATE: u32 = 128;
const LOCK: u32 = 6;
const UNLOCK: u32 = 7;
const TRYLOCK: u32 = 8;
const LOCK2: u32 = 13;
const WAITERS: u32 = 0x8000_0000;
const DIED: u32 = 0x4000_0000;

fn lock(word: &AtomicU32, operation: u32) -> i64 {
    call!(SYS_futex, word.as_ptr(), operation | PRIVATE, 0, 0, 0, 0)
}

fn own() -> u32 {
    call!(SYS_gettid) as u32
}

/// What a word says, with the caller's number as `own`.
fn said(word: &AtomicU32) -> String {
    let value = word.load(Ordering::SeqCst);
    let holder = match value & !(WAITERS | DIED) {
        0 => "nobody",
        number if number == own() => "own",
        _ => "another",
    };
    format!(
        "{holder}{}{}",
        if value & WAITERS != 0 { ", waited for" } else { "" },
        if value & DIED != 0 { ", died" } else { "" }
    )
}

fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

/// A time from now by a clock.
fn after(clock: i32, milliseconds: i64) -> timespec {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    call!(SYS_clock_gettime, clock, at(&mut now));
    let total = now.tv_nsec + milliseconds * 1_000_000;
    timespec { tv_sec: now.tv_sec + total.div_euclid(1_000_000_000), tv_nsec: total.rem_euclid(1_000_000_000) }
}

/// Locks whose word says who has them.
pub fn owned() {
    let word = AtomicU32::new(0);
    println!("owned: {} {}", lock(&word, LOCK), said(&word));
    println!("owned: {} {} {}", lock(&word, LOCK), lock(&word, TRYLOCK), said(&word));
    println!("owned: {} {}", lock(&word, UNLOCK), said(&word));
    println!("owned: {} {}", lock(&word, UNLOCK), lock(&word, TRYLOCK));
    println!("owned: {} {}", said(&word), lock(&word, UNLOCK));
    word.store(4_000_000, Ordering::SeqCst);
    println!("owned: nobody's {} {}", lock(&word, LOCK), lock(&word, TRYLOCK));
    word.store(DIED, Ordering::SeqCst);
    println!("owned: {} {} {}", lock(&word, LOCK), said(&word), lock(&word, UNLOCK));
    println!("owned: odd {}", call!(SYS_futex, word.as_ptr().addr() + 1, LOCK | PRIVATE, 0, 0, 0, 0));
    println!("owned: clock {}", call!(SYS_futex, word.as_ptr(), LOCK | PRIVATE | 256, 0, 0, 0, 0));

    // Another has it: who waits gets it with the word written.
    lock(&word, LOCK);
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let tried = lock(&word, TRYLOCK);
            let foreign = lock(&word, UNLOCK);
            let got = lock(&word, LOCK);
            let has = said(&word);
            format!("{tried} {foreign} {got} {has} {}", lock(&word, UNLOCK))
        });
        pause(40);
        println!("owned: {}", said(&word));
        println!("owned: {}", lock(&word, UNLOCK));
        println!("owned: {:?}", waits.join().ok());
    });
    println!("owned: {}", said(&word));

    // Until a time, by the wall's clock and by the other.
    lock(&word, LOCK);
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let (mut wall, mut other) = (after(libc::CLOCK_REALTIME, 20), after(libc::CLOCK_MONOTONIC, 20));
            let first = call!(SYS_futex, word.as_ptr(), LOCK | PRIVATE, 0, at(&mut wall), 0, 0);
            let second = call!(SYS_futex, word.as_ptr(), LOCK2 | PRIVATE, 0, at(&mut other), 0, 0);
            [first, second]
        });
        println!("owned: in time {:?} {}", waits.join().ok(), said(&word));
    });
    println!("owned: {} {}", lock(&word, UNLOCK), said(&word));

    // In the order of coming.
    lock(&word, LOCK);
    let order = std::sync::Mutex::new(Vec::new());
    thread::scope(|scope| {
        for number in 0..4 {
            let (word, order) = (&word, &order);
            scope.spawn(move || {
                lock(word, LOCK);
                order.lock().map(|mut order| order.push(number)).ok();
                lock(word, UNLOCK);
            });
            pause(30);
        }
        lock(&word, UNLOCK);
    });
    println!("owned: {:?} {}", order.into_inner().ok(), said(&word));

    // Two that wait for each other.
    let other = AtomicU32::new(0);
    lock(&word, LOCK);
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            lock(&other, LOCK);
            let got = lock(&word, LOCK);
            [got, lock(&word, UNLOCK), lock(&other, UNLOCK)]
        });
        pause(40);
        println!("owned: in a circle {}", lock(&other, LOCK));
        lock(&word, UNLOCK);
        println!("owned: {:?}", waits.join().ok());
    });

    // A signal does not end the wait.
    handle(libc::SIGALRM);
    lock(&word, LOCK);
    thread::scope(|scope| {
        let waits = scope.spawn(|| (lock(&word, LOCK), lock(&word, UNLOCK)));
        pause(30);
        call!(SYS_kill, call!(SYS_getpid), libc::SIGALRM);
        pause(30);
        lock(&word, UNLOCK);
        println!("owned: {:?}", waits.join().ok());
    });
}

/// A thread that ends with a lock: who waits gets it, and sees it.
pub fn left_behind() {
    let word = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            lock(&word, LOCK);
            pause(60);
        });
        pause(30);
        println!("left behind: {} {}", lock(&word, LOCK), said(&word));
        println!("left behind: {} {}", lock(&word, UNLOCK), said(&word));
    });
    let ended = thread::spawn(own).join().unwrap_or_default();
    word.store(ended, Ordering::SeqCst);
    println!("left behind: nobody waited {}", lock(&word, LOCK));
}

/// Locks of the C library that lend their priority, and those that tell that a holder has ended.
pub fn of_the_library() {
    for (protocol, robust) in [(libc::PTHREAD_PRIO_INHERIT, false), (libc::PTHREAD_PRIO_INHERIT, true), (0, true)] {
        // SAFETY: the lock is made before it is used, and stays where it is until nobody does.
        unsafe {
            let mut kind = std::mem::zeroed::<libc::pthread_mutexattr_t>();
            libc::pthread_mutexattr_init(&raw mut kind);
            println!("library: {}", libc::pthread_mutexattr_setprotocol(&raw mut kind, protocol));
            if robust {
                libc::pthread_mutexattr_setrobust(&raw mut kind, libc::PTHREAD_MUTEX_ROBUST);
            }
            let mut mutex = Box::new(std::mem::zeroed::<libc::pthread_mutex_t>());
            libc::pthread_mutex_init(&raw mut *mutex, &raw const kind);
            let address = (&raw mut *mutex).expose_provenance();
            let mutex_at = move || std::ptr::with_exposed_provenance_mut::<libc::pthread_mutex_t>(address);
            let sum = Arc::new(AtomicU64::new(0));
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let sum = sum.clone();
                    thread::spawn(move || {
                        for _ in 0..200 {
                            libc::pthread_mutex_lock(mutex_at());
                            let old = sum.load(Ordering::Relaxed);
                            thread::yield_now();
                            sum.store(old + 1, Ordering::Relaxed);
                            libc::pthread_mutex_unlock(mutex_at());
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| drop(thread.join()));
            println!("library: {}", sum.load(Ordering::Relaxed));
            if robust {
                let ended = thread::spawn(move || libc::pthread_mutex_lock(mutex_at()));
                println!("library: {:?}", ended.join().ok());
                let got = libc::pthread_mutex_lock(mutex_at());
                let made_good = libc::pthread_mutex_consistent(mutex_at());
                println!("library: {} {made_good}", got == libc::EOWNERDEAD);
                println!("library: {}", libc::pthread_mutex_unlock(mutex_at()));
            }
        }
    }
}

/// A row of `futex_waitv`.
#[repr(C)]
struct Row {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

const SIZE_U32: u32 = 2;

fn row(word: &AtomicU32, value: u64) -> Row {
    Row { value, address: word.as_ptr().addr() as u64, flags: SIZE_U32 | PRIVATE, reserved: 0 }
}

/// Makes a call that the C library has no number for.
fn numbered(number: libc::c_long, arguments: [usize; 6]) -> i64 {
    // SAFETY: as the head of this program says.
    unsafe { crate::raw(number, arguments) }
}

/// Many words at once, and the calls of one.
pub fn rows() {
    let words = [const { AtomicU32::new(0) }; 3];
    let flags = (SIZE_U32 | PRIVATE) as usize;
    let wait = |rows: &mut [Row], limit: i64| {
        let mut end = after(libc::CLOCK_MONOTONIC, limit);
        numbered(449, [at(rows), rows.len(), 0, at(&mut end), libc::CLOCK_MONOTONIC as usize, 0])
    };
    let wake =
        |word: &AtomicU32, mask: usize, count: usize| numbered(454, [word.as_ptr().addr(), mask, count, flags, 0, 0]);
    let all = || words.iter().map(|word| row(word, 0)).collect::<Vec<_>>();
    println!("words: {}", wait(&mut all(), 20));
    let mut other = all();
    other[1].value = 1;
    println!("words: another value {}", wait(&mut other, 20));
    for (flags, reserved) in [(0, 0), (PRIVATE, 0), (3, 0), (SIZE_U32 | 64, 0), (SIZE_U32, 1)] {
        let mut odd = all();
        (odd[2].flags, odd[2].reserved) = (flags, reserved);
        println!("words: flags {flags} {reserved}: {}", wait(&mut odd, 20));
    }
    let mut large = all();
    large[0].value = 1 << 32;
    println!("words: large {}", wait(&mut large, 20));
    println!("words: none {}", wait(&mut [], 20));
    let mut many: Vec<Row> = (0..129).map(|_| row(&words[0], 0)).collect();
    println!("words: many {} {}", wait(&mut many, 5), wait(&mut many[..128], 5));
    let mut end = after(libc::CLOCK_MONOTONIC, 5);
    println!("words: clock {}", numbered(449, [at(&mut all()[..]), 1, 0, at(&mut end), 7, 0]));
    thread::scope(|scope| {
        let waits = scope.spawn(|| wait(&mut all(), 5000));
        pause(40);
        println!("words: woken {}", wake(&words[1], 1, 5));
        println!("words: {:?}", waits.join().ok());
    });
    println!("words: nobody {} {}", wake(&words[0], 1, 1), wake(&words[0], 0, 1));
    let single = |mask: usize, value: usize| {
        let mut end = after(libc::CLOCK_MONOTONIC, 400);
        numbered(455, [words[0].as_ptr().addr(), value, mask, flags, at(&mut end), libc::CLOCK_MONOTONIC as usize])
    };
    println!("words: one {} {} {}", single(0, 0), single(1, 1), single(1, 1 << 32));
    thread::scope(|scope| {
        let waits = scope.spawn(|| single(2, 0));
        pause(40);
        println!("words: by its bits {} {} {}", wake(&words[0], 1, 1), wake(&words[0], 2, 0), wake(&words[0], 2, 1));
        println!("words: {:?}", waits.join().ok());
    });
    thread::scope(|scope| {
        let waits: Vec<_> = (0..3).map(|_| scope.spawn(|| single(1, 0))).collect();
        pause(60);
        let mut pair = [row(&words[0], 0), row(&words[1], 0)];
        println!("words: moved {}", numbered(456, [at(&mut pair), 0, 1, 5, 0, 0]));
        println!("words: {} {}", wake(&words[0], 1, 5), wake(&words[1], 1, 5));
        println!("words: {:?}", waits.into_iter().map(|waits| waits.join().ok()).collect::<Vec<_>>());
        pair[0].value = 3;
        println!("words: another value {}", numbered(456, [at(&mut pair), 0, 1, 5, 0, 0]));
        println!("words: flags {}", numbered(456, [at(&mut pair), 1, 1, 5, 0, 0]));
    });
}

/// Who waits for a word goes for a lock when it is woken.
pub fn moved_to_locks() {
    let (word, held) = (AtomicU32::new(0), AtomicU32::new(0));
    let wait = |limit: i64| {
        let mut end = after(libc::CLOCK_MONOTONIC, limit);
        call!(SYS_futex, word.as_ptr(), 11 | PRIVATE, 0, at(&mut end), held.as_ptr(), 0)
    };
    println!("moved to locks: {}", wait(20));
    println!("moved to locks: {}", call!(SYS_futex, word.as_ptr(), 11 | PRIVATE, 1, 0, held.as_ptr(), 0));
    println!("moved to locks: {}", call!(SYS_futex, word.as_ptr(), 11 | PRIVATE, 0, 0, word.as_ptr(), 0));
    println!("moved to locks: {}", call!(SYS_futex, word.as_ptr(), 12 | PRIVATE, 2, 1, held.as_ptr(), 0));
    lock(&held, LOCK);
    thread::scope(|scope| {
        let waits: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let woken = wait(5000);
                    let has = said(&held);
                    format!("{woken} {has} {}", lock(&held, UNLOCK))
                })
            })
            .collect();
        pause(60);
        let moved = |value: usize| call!(SYS_futex, word.as_ptr(), 12 | PRIVATE, 1, 5, held.as_ptr(), value);
        println!("moved to locks: {} {}", moved(1), moved(0));
        pause(30);
        println!("moved to locks: {}", lock(&held, UNLOCK));
        println!("moved to locks: {:?}", waits.into_iter().map(|waits| waits.join().ok()).collect::<Vec<_>>());
    });
}
