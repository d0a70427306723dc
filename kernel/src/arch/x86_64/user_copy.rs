//! Copying between the kernel and user memory, which may fault at any byte.
//!
//! The one instruction that touches user memory is known to the exception handler. A fault there is first shown to
//! whoever resolves faults (a page that comes on demand); if nobody can, the copy ends and says how much is missing.
//! Where the processor can, it keeps the kernel from touching user memory anywhere else (SMAP) and from executing it
//! (SMEP).

use core::arch::global_asm;
use core::arch::x86_64::__cpuid_count;

use x86_64::registers::control::{Cr4, Cr4Flags};

use super::interrupts;
use super::trap::{PageFault, TrapFrame};
use super::user::USER_END;

global_asm!(
    r#"
    .bss
.global user_access_is_guarded
user_access_is_guarded: .byte 0
    .text
.global copy_user_bytes
.global copy_user_access
.global copy_user_failed
copy_user_bytes:                # rdi: to, rsi: from, rdx: how many, rcx: whether a fault may wait; returns how many
    movq %rcx, %r8              # are missing
    movq %rdx, %rcx
    cmpb $0, user_access_is_guarded(%rip)
    jne 2f
copy_user_access:
    rep movsb
copy_user_failed:
    movq %rcx, %rax
    ret
2:  stac
    call copy_user_access
    clac
    ret
    "#,
    options(att_syntax)
);

unsafe extern "C" {
    fn copy_user_bytes(to: u64, from: u64, count: usize, may_wait: u64) -> usize;
    static copy_user_access: u8;
    static copy_user_failed: u8;
    static mut user_access_is_guarded: u8;
}

/// CPUID leaf 7, ebx.
const SMEP: u32 = 1 << 7;
/// As [`SMEP`].
const SMAP: u32 = 1 << 20;

/// Lets the processor guard user memory, as far as it can.
pub(super) fn init() {
    let features = if __cpuid_count(0, 0).eax >= 7 { __cpuid_count(7, 0).ebx } else { 0 };
    let mut flags = Cr4Flags::empty();
    flags.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, features & SMEP != 0);
    flags.set(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, features & SMAP != 0);
    // SAFETY: the kernel touches user memory only by `copy_user_bytes`, which is told, and executes none of it.
    unsafe {
        (&raw mut user_access_is_guarded).write(u8::from(features & SMAP != 0));
        Cr4::update(|all| *all |= flags);
    }
}

/// Whether `count` bytes from `address` on are addresses of the user's.
fn is_of_user(address: u64, count: usize) -> bool {
    address.checked_add(count as u64).is_some_and(|end| end <= USER_END)
}

/// Whether a fault may wait until nobody works on the file whose page it needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// It may: the caller holds nothing that such a one may wait for.
    Waits,
    /// It may not, and the copy ends where it would.
    Never,
}

/// Copies from user memory at `from` as much of `into` as can be read; returns how many bytes are missing.
pub fn read(from: u64, into: &mut [u8], patience: Patience) -> usize {
    if !is_of_user(from, into.len()) {
        return into.len();
    }
    // SAFETY: the target is the slice; the source is of the user half, where no memory of the kernel's is, and a fault
    // ends the copy.
    unsafe { copy_user_bytes(into.as_mut_ptr() as u64, from, into.len(), u64::from(patience == Patience::Waits)) }
}

/// Copies as much of `bytes` to user memory at `to` as can be written; returns how many bytes are missing.
pub fn write(to: u64, bytes: &[u8], patience: Patience) -> usize {
    if !is_of_user(to, bytes.len()) {
        return bytes.len();
    }
    // SAFETY: as for `read`, the other way round: nothing of the kernel's depends on what is in user memory.
    unsafe { copy_user_bytes(to, bytes.as_ptr() as u64, bytes.len(), u64::from(patience == Patience::Waits)) }
}

/// Lets the page come that such an access would fault at, if none is there; whether the access can be. Waits.
pub fn bring(fault: PageFault) -> bool {
    fault.address < USER_END && crate::task::trap::on_kernel_fault(fault, Patience::Waits)
}

/// Called on a fault in the kernel: if a copy made it, lets the page come, or ends the copy, and says so.
pub(super) fn recover(frame: &mut TrapFrame) -> bool {
    if frame.rip != &raw const copy_user_access as u64 {
        return false;
    }
    let resolved = frame.is_page_fault() && {
        let fault = frame.page_fault();
        if frame.had_interrupts() {
            interrupts::enable();
        }
        let patience = if frame.r8 == 0 { Patience::Never } else { Patience::Waits };
        let resolved = fault.address < USER_END && crate::task::trap::on_kernel_fault(fault, patience);
        interrupts::disable();
        resolved
    };
    if !resolved {
        frame.rip = &raw const copy_user_failed as u64;
    }
    true
}
