//! Tests that go wrong on purpose, each in its own way, so that the harness can be tested.
//!
//! They are run, instead of all others, when `ktest.faulty` is on the kernel's command line. What must come of each is in its
//! name: the host's tests look whether it does.

use alloc::boxed::Box;
use core::arch::asm;
use core::hint::{black_box, spin_loop};

use super::Test;
use crate::mm::frames;

/// The tests, in the order of their names.
pub(super) const TESTS: [Test; 8] = [
    Test { path: "ktest::faulty::a_panic_fails_and_the_next_still_runs", run: panic_at_once, panics: None },
    Test { path: "ktest::faulty::b_exception_fails", run: divide_by_zero, panics: None },
    Test { path: "ktest::faulty::c_heap_leak_fails", run: leak_heap, panics: None },
    Test { path: "ktest::faulty::d_frame_leak_fails", run: leak_frames, panics: None },
    Test { path: "ktest::faulty::e_missing_panic_fails", run: do_nothing, panics: Some("anything") },
    Test { path: "ktest::faulty::f_other_panic_fails", run: panic_at_once, panics: Some("something else") },
    Test { path: "ktest::faulty::g_hang_is_named_by_the_watchdog", run: hang, panics: None },
    Test { path: "ktest::faulty::h_triple_fault_ends_without_a_verdict", run: triple_fault, panics: None },
];

fn panic_at_once() {
    panic!("on purpose")
}

fn divide_by_zero() {
    // SAFETY: the exception ends the test.
    unsafe { asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _) };
}

fn leak_heap() {
    black_box(Box::leak(Box::new(0u64)));
}

fn leak_frames() {
    black_box(frames::allocate());
}

fn do_nothing() {}

fn hang() {
    loop {
        spin_loop();
    }
}

fn triple_fault() {
    let no_table = [0u8; 10];
    // SAFETY: with an interrupt table of no entries, the next exception resets the machine: nothing runs after it.
    unsafe { asm!("lidt [{}]", "ud2", in(reg) &no_table) };
}
