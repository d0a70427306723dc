//! Touching an address that may fault.
//!
//! The two instructions below are known to the exception handler: a fault at one of them makes the function return "no"
//! instead of ending the machine. The backtrace reads frames this way, and tests look at page rights with it.

use core::arch::global_asm;

use super::trap::TrapFrame;

global_asm!(
    r#"
    .text
.global probe_read
.global probe_read_access
probe_read:                     # rdi: address, rsi: where the value goes
probe_read_access:
    movq (%rdi), %rax
    movq %rax, (%rsi)
    movl $1, %eax
    ret
.global probe_write
.global probe_write_access
probe_write:                    # rdi: address, sil: the byte
probe_write_access:
    movb %sil, (%rdi)
    movl $1, %eax
    ret
.global probe_failed
probe_failed:
    xorl %eax, %eax
    ret
    "#,
    options(att_syntax)
);

unsafe extern "C" {
    fn probe_read(address: u64, value: &mut u64) -> u32;
    #[cfg(test)]
    fn probe_write(address: u64, value: u8) -> u32;
    static probe_read_access: u8;
    static probe_write_access: u8;
    static probe_failed: u8;
}

/// The eight bytes at `address`, or `None` when they cannot be read.
pub fn read(address: u64) -> Option<u64> {
    let mut value = 0;
    // SAFETY: the read is of plain bytes, and a fault is caught.
    (unsafe { probe_read(address, &mut value) } == 1).then_some(value)
}

/// Writes one byte. Returns whether that was possible.
///
/// # Safety
/// If the address can be written, nothing else may depend on what is there.
#[cfg(test)]
pub unsafe fn write(address: u64, value: u8) -> bool {
    // SAFETY: a fault is caught; for the rest the caller vouches.
    unsafe { probe_write(address, value) == 1 }
}

/// Called on a fault: if it was one of the probes', lets that probe return "no" and says so.
pub(super) fn recover(frame: &mut TrapFrame) -> bool {
    let at = [&raw const probe_read_access as u64, &raw const probe_write_access as u64];
    let is_probe = at.contains(&frame.rip);
    if is_probe {
        frame.rip = &raw const probe_failed as u64;
    }
    is_probe
}
