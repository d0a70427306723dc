//! Going from one kernel stack to another.
//!
//! What a thread needs to go on lies on its stack: the registers that a call preserves, and below them the address to
//! return to. The rest is the caller's, as for any call. Interrupts are off throughout.

use core::arch::global_asm;

global_asm!(
    r#"
    .text
.global switch_stacks
switch_stacks:                  # rdi: where the old stack pointer goes, rsi: the new one
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.global first_step
first_step:                     # r12: the function; it never returns, and no one called it
    xorl %ebp, %ebp
    call *%r12
    ud2
    "#,
    options(att_syntax)
);

unsafe extern "C" {
    fn switch_stacks(old: *mut u64, new: u64);
    static first_step: u8;
}

/// The registers that a new stack begins with, lowest address first.
#[repr(C)]
struct Prepared {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    rbx: u64,
    rbp: u64,
    return_address: u64,
    /// Keeps the stack aligned as a function expects it.
    padding: u64,
}

/// Lays out an unused stack that ends at `top`, so that [`switch`] to what is returned calls `entry` on it.
///
/// # Safety
/// The memory below `top` must be a stack that nobody uses, and `top` divisible by 16.
pub unsafe fn prepare(top: u64, entry: extern "C" fn() -> !) -> u64 {
    let at = top - size_of::<Prepared>() as u64;
    let prepared = Prepared {
        r15: 0,
        r14: 0,
        r13: 0,
        r12: entry as usize as u64,
        rbx: 0,
        rbp: 0,
        return_address: &raw const first_step as u64,
        padding: 0,
    };
    // SAFETY: the caller vouches for the memory below `top`.
    unsafe { (at as *mut Prepared).write(prepared) };
    at
}

/// Leaves the present stack, noting in `old` where, and goes on where `new` was left. Returns when someone switches
/// back.
///
/// # Safety
/// `new` must come from [`prepare`], or have been noted by an earlier switch and not gone on with since; its stack must
/// be mapped. Interrupts must be off.
pub unsafe fn switch(old: *mut u64, new: u64) {
    // SAFETY: the caller vouches.
    unsafe { switch_stacks(old, new) };
}
