//! How threads are scheduled: policies, who may have which, and what is inherited.

use crate::call;
use crate::call::child;

const RESET: u64 = 0x4000_0000;

/// Asks for a policy with a priority.
fn set(policy: u64, priority: u64) -> i64 {
    call!(SYS_sched_setscheduler, 0, policy, &mut [priority])
}

/// The policy, the priority, the nice value and the flags.
fn shown() -> [i64; 5] {
    let (mut attributes, mut priority) = ([0; 7], [0]);
    let got = call!(SYS_sched_getattr, 0, &mut attributes, 56, 0);
    call!(SYS_sched_getparam, 0, &mut priority);
    let policy = call!(SYS_sched_getscheduler, 0);
    assert_eq!(attributes[0] >> 32, policy as u64 & !RESET);
    let (nice, again) = (attributes[2] as i32, attributes[2] >> 32);
    assert_eq!(priority[0], again);
    [got, policy, priority[0] as i64, nice.into(), attributes[1] as i64]
}

/// Asks by a structure of that size.
fn set_attributes(size: u64, policy: u64, flags: u64, nice: i32, priority: u64) -> (i64, u64) {
    let mut words = [0; 10];
    words[0] = size | policy << 32;
    words[1] = flags;
    words[2] = u64::from(nice as u32) | priority << 32;
    let answer = call!(SYS_sched_setattr, 0, &mut words, 0);
    (answer, words[0] as u32 as u64)
}

fn all_of_them() {
    for policy in [0, 1, 2, 3, 4, 5, 8, 99, u64::from(u32::MAX)] {
        let answers = [0, 1, 99, 100].map(|priority| set(policy, priority));
        let bounds = [call!(SYS_sched_get_priority_min, policy), call!(SYS_sched_get_priority_max, policy)];
        println!("policy {policy}: {answers:?} {bounds:?} {:?}", shown());
    }
    for policy in [1, 2] {
        let mut turn = [9, 9];
        set(policy, 7);
        println!("a turn of {policy}: {} {turn:?}", call!(SYS_sched_rr_get_interval, 0, &mut turn));
    }
    println!("another priority: {} {:?}", call!(SYS_sched_setparam, 0, &mut [8]), shown());
    println!("none: {} {:?}", call!(SYS_sched_setparam, 0, &mut [0]), shown());
    println!("wrong: {} {}", call!(SYS_sched_setparam, 0, 0), call!(SYS_sched_setscheduler, 0, 1, 0));
    println!("nobody: {} {}", call!(SYS_sched_setscheduler, -1, 0, &mut [0]), call!(SYS_sched_getscheduler, 99_999));
    println!("a child's: {}", child(|| (shown() == [0, 2, 8, 0, 0]).into()) >> 8);
    println!("reset: {} {:?}", set(1 | RESET, 5), shown());
    println!("a child's: {}", child(|| (shown() == [0; 5]).into()) >> 8);
    println!("as all others: {} {:?}", set(0, 0), shown());
}

fn attributes() {
    for (size, policy, flags, nice, priority) in [
        (48, 0, 0, 5, 0),
        (0, 3, 0, 6, 0),
        (56, 5, 0, 7, 0),
        (56, 1, 1, 3, 10),
        (56, 2, 8, 0, 11),
        (56, 0, 0x10, 4, 9),
        (56, 99, 0x18, 4, 9),
        (56, 0, 0, 40, 0),
        (56, 0, 0, -40, 0),
        (80, 0, 0, 0, 0),
        (47, 0, 0, 0, 0),
        (5000, 0, 0, 0, 0),
        (56, 0, 0x100, 0, 0),
        (56, 1, 0, 0, 0),
        (56, 1 << 31, 0, 0, 0),
    ] {
        println!(
            "{size} {policy} {flags} {nice} {priority}: {:?}",
            set_attributes(size, policy, flags, nice, priority)
        );
        println!("  {:?}", shown());
    }
    let mut words = [u64::MAX; 10];
    words[0] = 80;
    words[1] = 0;
    println!("larger, and not zeros: {} {}", call!(SYS_sched_setattr, 0, &mut words, 0), words[0] as u32);
    println!("flags: {}", call!(SYS_sched_setattr, 0, &mut [48, 0, 0, 0, 0, 0], 1));
    let gets = [47, 48, 56, 80, 5000].map(|size| {
        let mut words = [0; 700];
        (call!(SYS_sched_getattr, 0, &mut words, size, 0), words[0] as u32)
    });
    println!("sizes: {gets:?} {}", call!(SYS_sched_getattr, 0, &mut [0; 7], 56, 1));
}

/// What somebody without privileges may.
fn without_privileges() {
    call!(SYS_setresuid, 1000, 1000, 1000);
    let real_time = [set(1, 5), set(2, 1), set(2 | RESET, 1), set(0, 0)];
    println!("before others: {real_time:?} {:?}", shown());
    let nicer = [1, 0, -5].map(|nice| set_attributes(48, 0, 0, nice, 0).0);
    println!("nicer and back: {nicer:?} {:?}", shown());
    let others = [set(RESET, 0), set(0, 0), set(3 | RESET, 0), set(5 | RESET, 0), set(RESET, 0)];
    println!("after others: {others:?} {:?}", shown());
    println!("somebody else's: {}", call!(SYS_sched_setscheduler, call!(SYS_getppid) as u64, 0, &mut [0]));
}

pub fn all() {
    let subjects: [fn(); 3] = [all_of_them, attributes, without_privileges];
    for subject in subjects {
        let status = child(|| {
            subject();
            0
        });
        assert_eq!(status, 0);
    }
}
