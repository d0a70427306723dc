//! Threads in every way that the standard library has them: what is printed does not depend on who runs first, so that two
//! systems can be compared by it.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, RwLock};
use std::thread;
use std::time::{Duration, Instant};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("again") {
        println!("again: another program, in one thread");
        return;
    }
    counters();
    conditions();
    channels();
    locals();
    scopes();
    barriers_and_once();
    many_readers();
    times();
    floating_point();
    many();
    children();
    // The last: others still wait when it ends.
    thread::spawn(thread::park);
    thread::spawn(|| std::process::exit(7));
    thread::sleep(Duration::from_secs(60));
    println!("nobody ended the process");
}

/// Many add to one number, with a lock and without.
fn counters() {
    let (locked, atomic) = (Arc::new(Mutex::new(0u64)), Arc::new(AtomicU64::new(0)));
    let threads: Vec<_> = (0..8u64)
        .map(|number| {
            let (locked, atomic) = (locked.clone(), atomic.clone());
            thread::spawn(move || {
                for step in 0..500 {
                    *locked.lock().expect("nobody panics") += step;
                    if step % 50 == 0 {
                        thread::yield_now();
                    }
                    atomic.fetch_add(number, Ordering::Relaxed);
                }
                number
            })
        })
        .collect();
    let sum: u64 = threads.into_iter().map(|thread| thread.join().expect("it ends")).sum();
    println!("counters: {} {} {sum}", locked.lock().expect("nobody panics"), atomic.load(Ordering::Relaxed));
}

/// Two take turns.
fn conditions() {
    let turns = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
    let players = ["ping", "pong"].map(|word| {
        let turns = turns.clone();
        thread::spawn(move || {
            let (said, changed) = &*turns;
            for _ in 0..20 {
                let mut said = changed
                    .wait_while(said.lock().expect("nobody panics"), |said: &mut Vec<&str>| {
                        said.len() % 2 != usize::from(word == "pong")
                    })
                    .expect("nobody panics");
                said.push(word);
                changed.notify_all();
            }
        })
    });
    players.into_iter().for_each(|player| player.join().expect("it ends"));
    let said = turns.0.lock().expect("nobody panics");
    println!("conditions: {} of {:?}", said.len(), &said[..3]);
}

/// Several send, one receives; a channel that is full, one that is left.
fn channels() {
    let (sender, receiver) = mpsc::sync_channel(2);
    for number in 0..4u64 {
        let sender = sender.clone();
        thread::spawn(move || (0..100).for_each(|value| sender.send((number, value)).expect("it is received")));
    }
    drop(sender);
    let mut last = BTreeMap::new();
    let in_order = receiver.iter().filter(|&(number, value)| last.insert(number, value).is_none_or(|old| old < value));
    println!("channels: {} in order", in_order.count());
    let (sender, receiver) = mpsc::channel::<()>();
    let timeout = receiver.recv_timeout(Duration::from_millis(20));
    println!("channels: {:?}", timeout.map_err(|error| error == RecvTimeoutError::Timeout));
    let sending = thread::spawn(move || drop(sender));
    println!("channels: {:?}", receiver.recv().map_err(|error| error.to_string()));
    sending.join().expect("it ends");
}

thread_local! {
    static OWN: Cell<u64> = const { Cell::new(1) };
    static DROPPED: Noting = const { Noting };
}

static DROPS: AtomicU64 = AtomicU64::new(0);

struct Noting;

impl Drop for Noting {
    fn drop(&mut self) {
        DROPS.fetch_add(1, Ordering::Relaxed);
    }
}

/// Each has its own, and drops it at its end.
fn locals() {
    let threads: Vec<_> = (0..5)
        .map(|number| {
            thread::Builder::new().name(format!("local {number}")).stack_size(256 << 10).spawn(move || {
                DROPPED.with(|_| ());
                OWN.set(OWN.get() + number);
                thread::sleep(Duration::from_millis(2));
                (thread::current().name().map(str::to_owned), OWN.get())
            })
        })
        .collect();
    for thread in threads {
        println!("locals: {:?}", thread.expect("it begins").join().expect("it ends"));
    }
    println!("locals: {} here, {} dropped", OWN.get(), DROPS.load(Ordering::Relaxed));
}

/// Threads that borrow from who began them.
fn scopes() {
    let mut parts = [1u64, 2, 3, 4, 5, 6];
    thread::scope(|scope| {
        for (number, part) in parts.iter_mut().enumerate() {
            scope.spawn(move || *part *= number as u64);
        }
    });
    println!("scopes: {parts:?}");
}

fn barriers_and_once() {
    static FIRST: Once = Once::new();
    static LAZY: LazyLock<u64> = LazyLock::new(|| DROPS.fetch_add(100, Ordering::Relaxed));
    let (barrier, begun) = (Barrier::new(6), AtomicU64::new(0));
    let leaders: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    FIRST.call_once(|| {
                        begun.fetch_add(1, Ordering::Relaxed);
                    });
                    LazyLock::force(&LAZY);
                    u64::from(barrier.wait().is_leader()) + 10 * begun.load(Ordering::Relaxed)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).sum()
    });
    println!("barriers: {leaders} {}", DROPS.load(Ordering::Relaxed) / 100);
}

fn many_readers() {
    let table = RwLock::new(BTreeMap::new());
    let seen: usize = thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|number| {
                scope.spawn({
                    let table = &table;
                    move || {
                        (0..50).for_each(|key| {
                            table.write().expect("nobody panics").insert((number, key), key);
                        })
                    }
                })
            })
            .collect();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    (0..50).all(|_| {
                        thread::yield_now();
                        table.read().expect("nobody panics").iter().all(|(key, value)| key.1 == *value)
                    })
                })
            })
            .collect();
        writers.into_iter().for_each(|thread| thread.join().expect("it ends"));
        readers.into_iter().map(|thread| usize::from(thread.join().expect("it ends"))).sum()
    });
    println!("readers: {seen} saw no half of a change, {} at the end", table.read().expect("nobody panics").len());
}

/// A wait ends in time, not before, and not because of others.
fn times() {
    let (lock, never) = (Mutex::new(()), Condvar::new());
    let before = Instant::now();
    let waited = never.wait_timeout(lock.lock().expect("nobody panics"), Duration::from_millis(30));
    println!(
        "times: {} {}",
        waited.expect("nobody panics").1.timed_out(),
        before.elapsed() >= Duration::from_millis(30)
    );
    let parked = thread::spawn(|| {
        thread::park();
        "unparked"
    });
    parked.thread().unpark();
    println!("times: {}", parked.join().expect("it ends"));
}

/// Numbers stay each thread's own, however often another runs.
fn floating_point() {
    let sums = thread::scope(|scope| {
        let threads: Vec<_> = (1..5u32)
            .map(|number| {
                scope.spawn(move || {
                    let mut values = [f64::from(number); 16];
                    for round in 0..20_000 {
                        values.iter_mut().for_each(|value| *value = *value * 1.000_01 + 0.5);
                        if round % 1000 == 0 {
                            thread::yield_now();
                        }
                    }
                    values.iter().sum::<f64>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect::<Vec<_>>()
    });
    println!("floating point: {sums:.6?}");
}

/// More than a few, one after the other and at once.
fn many() {
    let one_by_one: u64 = (0..100).map(|number| thread::spawn(move || number).join().expect("it ends")).sum();
    let threads: Vec<_> = (0..64u64).map(|number| thread::spawn(move || number)).collect();
    let at_once: u64 = threads.into_iter().map(|thread| thread.join().expect("it ends")).sum();
    println!("many: {one_by_one} {at_once}");
}

/// Programs begun by threads, whose ends are each its own.
fn children() {
    let own = std::env::current_exe().expect("there is one");
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let own = own.clone();
            thread::spawn(move || Command::new(own).arg("again").output())
        })
        .collect();
    for thread in threads {
        let output = thread.join().expect("it ends").expect("it runs");
        println!("children: {} {}", output.status, String::from_utf8_lossy(&output.stdout).trim_end());
    }
}
