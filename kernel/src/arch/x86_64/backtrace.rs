//! Walking the chain of frame pointers.
//!
//! The kernel is compiled with frame pointers, the prebuilt `core` and `alloc` are not: their frames are skipped, never
//! misread. Every frame is read with [`probe`], so a broken chain ends the walk and nothing else.

use core::arch::asm;

use super::probe;
use super::trap::TrapFrame;

/// The longest walk: more is a loop or a runaway recursion, of which the first frames say enough.
const MAX_FRAMES: usize = 48;

/// Kernel addresses begin here.
const KERNEL_HALF: u64 = 0xffff_8000_0000_0000;

/// Calls `visit` with the address of each call that led here, the innermost first.
pub fn from_here(visit: impl FnMut(u64)) {
    let rbp: u64;
    // SAFETY: reading a register.
    unsafe { asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
    walk(rbp, visit);
}

/// Calls `visit` with the interrupted instruction's address, then with each call's that led to it.
pub fn from_trap(frame: &TrapFrame, mut visit: impl FnMut(u64)) {
    visit(frame.rip);
    walk(frame.rbp, visit);
}

/// What is visited is the last byte of the call instruction, not the return address, which may belong to the next
/// line or even the next function.
fn walk(mut rbp: u64, mut visit: impl FnMut(u64)) {
    for _ in 0..MAX_FRAMES {
        if rbp < KERNEL_HALF || !rbp.is_multiple_of(8) {
            return;
        }
        let (Some(caller), Some(return_address)) = (probe::read(rbp), probe::read(rbp.wrapping_add(8))) else {
            return;
        };
        if return_address < KERNEL_HALF {
            return;
        }
        visit(return_address - 1);
        // Callers lie higher on a stack; anything else is a loop.
        if caller <= rbp {
            return;
        }
        rbp = caller;
    }
}
