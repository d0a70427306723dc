//! User mode: going there, and coming back by `syscall`.
//!
//! A system call saves the same [`TrapFrame`] as an interrupt does, at the top of the thread's stack, so that whatever
//! looks at or changes a program's registers finds them in one place. The kernel is compiled without floating-point
//! registers: a program's stay in the processor until another program runs.

use core::arch::global_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::VirtAddr;
use x86_64::registers::control::{Efer, EferFlags};
use x86_64::registers::model_specific::{FsBase, GsBase, LStar, SFMask, Star};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::gdt::SegmentSelector;

use super::gdt;
use super::trap::{TrapFrame, restore_registers, save_registers};

/// In place of an interrupt's vector: the frame is a system call's.
pub const SYSTEM_CALL: u64 = 0x100;

/// Bytes of the `syscall` instruction, which a program is taken back to when it is to make its call again.
pub const SYSTEM_CALL_LENGTH: u64 = 2;

/// The first address that is not the user's.
pub const USER_END: u64 = 0x0000_7fff_ffff_f000;

global_asm!(
    r#"
    .bss
    .balign 8
user_stack: .quad 0
.global kernel_stack
kernel_stack: .quad 0

    .text
    .balign 16
.global system_call_entry
system_call_entry:
    movq %rsp, user_stack(%rip)
    movq kernel_stack(%rip), %rsp
    pushq ${data}
    pushq user_stack(%rip)
    pushq %r11
    pushq ${code}
    pushq %rcx
    pushq $0
    pushq ${vector}
    "#,
    save_registers!(),
    r#"
    movq %rsp, %rdi
    call system_call_dispatch
    # What `sysret` cannot restore goes by `iret`: the dispatcher says so.
    testb %al, %al
    "#,
    restore_registers!(),
    r#"
    jnz 1f
    movq 16(%rsp), %rcx
    movq 32(%rsp), %r11
    movq 40(%rsp), %rsp
    sysretq
1:  addq $16, %rsp
    iretq

.global enter_user_mode
enter_user_mode:                # rdi: the frame
    movq %rdi, %rsp
    "#,
    restore_registers!(),
    r#"
    addq $16, %rsp
    iretq
    "#,
    data = const gdt::USER_DATA,
    code = const gdt::USER_CODE,
    vector = const SYSTEM_CALL,
    options(att_syntax)
);

unsafe extern "C" {
    static system_call_entry: u8;
    static mut kernel_stack: u64;
    fn enter_user_mode(frame: &TrapFrame) -> !;
}

/// Makes `syscall` lead here.
pub(super) fn init() {
    let code = SegmentSelector(gdt::KERNEL_CODE);
    let data = SegmentSelector(gdt::KERNEL_CODE + 8);
    Star::write(SegmentSelector(gdt::USER_CODE), SegmentSelector(gdt::USER_DATA), code, data)
        .expect("the segments lie in the order that `sysret` wants");
    LStar::write(VirtAddr::from_ptr(&raw const system_call_entry));
    SFMask::write(
        RFlags::INTERRUPT_FLAG
            | RFlags::DIRECTION_FLAG
            | RFlags::TRAP_FLAG
            | RFlags::ALIGNMENT_CHECK
            | RFlags::NESTED_TASK
            | RFlags::IOPL_LOW
            | RFlags::IOPL_HIGH,
    );
    // SAFETY: the entry is set.
    unsafe { Efer::update(|flags| *flags |= EferFlags::SYSTEM_CALL_EXTENSIONS) };
}

/// Goes to user mode with these registers; the next entry into the kernel begins at the top of the stack again.
///
/// # Safety
/// The frame must be of user mode (its segments are), its addresses the user's, and the running thread's address space
/// the one they are meant in.
pub unsafe fn enter(frame: &TrapFrame) -> ! {
    // SAFETY: the frame ends with what `iret` takes; the caller vouches for what is in it.
    unsafe { enter_user_mode(frame) }
}

/// Whether `sysret` can take a program back to where a frame says: it wants an address that is the user's, and sets
/// neither the trap flag nor other registers.
pub fn returns_plainly(frame: &TrapFrame) -> bool {
    frame.rip < USER_END && frame.vector == SYSTEM_CALL && frame.rflags & RFlags::TRAP_FLAG.bits() == 0
}

/// A frame with which a program begins at `entry` with its stack at `stack`.
pub fn first_frame(entry: u64, stack: u64) -> TrapFrame {
    TrapFrame {
        rip: entry,
        rsp: stack,
        cs: u64::from(gdt::USER_CODE),
        ss: u64::from(gdt::USER_DATA),
        rflags: RFlags::INTERRUPT_FLAG.bits() | 2,
        // What `sysret` does not restore a new program must not depend on.
        vector: 0,
        ..TrapFrame::default()
    }
}

/// The flags that a program may set (Linux's `FIX_EFLAGS`): of computing, of direction, of single steps and of alignment.
const PROGRAM_FLAGS: RFlags = RFlags::ALIGNMENT_CHECK
    .union(RFlags::OVERFLOW_FLAG)
    .union(RFlags::DIRECTION_FLAG)
    .union(RFlags::TRAP_FLAG)
    .union(RFlags::SIGN_FLAG)
    .union(RFlags::ZERO_FLAG)
    .union(RFlags::AUXILIARY_CARRY_FLAG)
    .union(RFlags::PARITY_FLAG)
    .union(RFlags::CARRY_FLAG)
    .union(RFlags::RESUME_FLAG);

/// The flags that a program goes on with that wants `wanted`.
pub fn program_flags(wanted: u64) -> u64 {
    wanted & PROGRAM_FLAGS.bits() | RFlags::INTERRUPT_FLAG.bits() | 2
}

/// The flags that a handler begins with that interrupts a program with these.
pub fn handler_flags(interrupted: u64) -> u64 {
    interrupted & !(RFlags::DIRECTION_FLAG | RFlags::RESUME_FLAG | RFlags::TRAP_FLAG).bits()
}

/// Lets entries from user mode begin at `top`. Interrupts must be off.
pub fn set_kernel_stack(top: u64) {
    gdt::set_kernel_stack(top);
    // SAFETY: only the entry reads it, in user mode's place, and interrupts are off.
    unsafe { (&raw mut kernel_stack).write(top) };
}

/// Where thread-local storage begins (`arch_prctl(ARCH_SET_FS)`).
pub fn set_thread_base(address: u64) {
    FsBase::write(VirtAddr::new_truncate(address));
}

/// Where the memory begins that programs reach by `gs` (`arch_prctl(ARCH_SET_GS)`), which the kernel does not use. Few do:
/// the register is left alone while it stays the same.
pub fn set_second_base(address: u64) {
    static NOW: AtomicU64 = AtomicU64::new(0);
    if NOW.swap(address, Ordering::Relaxed) != address {
        GsBase::write(VirtAddr::new_truncate(address));
    }
}
