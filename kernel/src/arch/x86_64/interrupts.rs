//! The table of 256 gates and the way in and out of every one.
//!
//! Each gate's stub pushes the vector (and a zero where the processor pushes no error code) and joins the common
//! entry, which saves the registers as a [`TrapFrame`](super::trap::TrapFrame) and calls `interrupt_dispatch` in
//! [`super::trap`]. Handlers run with interrupts off.

use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::interrupts as processor;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::idt::{Entry, HandlerFunc};
use x86_64::{PrivilegeLevel, VirtAddr};

use super::trap::{restore_registers, save_registers};
use super::{gdt, pic, pit, serial};

const GATES: usize = 256;

/// Bytes from one stub to the next.
const STUB_SIZE: u64 = 16;

const VECTOR_NMI: usize = 2;
const VECTOR_BREAKPOINT: usize = 3;
const VECTOR_DOUBLE_FAULT: usize = 8;
const VECTOR_MACHINE_CHECK: usize = 18;

/// COM2's and COM1's interrupt lines.
const LINE_COM2: u8 = 3;
const LINE_COM1: u8 = 4;

global_asm!(
    r#"
    .text
    .balign 16
.global interrupt_stubs
interrupt_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    # These vectors come with an error code of the processor's own.
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp interrupt_entry
    .set vector, vector + 1
    .endr

    .balign 16
interrupt_entry:
    "#,
    save_registers!(),
    r#"
    # Whatever user mode left in the flags: no direction, and no access to its memory (alignment-check flag, under SMAP).
    pushq $2
    popfq
    # The processor aligned the stack before its five words; two more and fifteen registers keep it aligned for the call.
    movq %rsp, %rdi
    call interrupt_dispatch
    "#,
    restore_registers!(),
    r#"
    addq $16, %rsp
    iretq
    "#,
    options(att_syntax)
);

unsafe extern "C" {
    static interrupt_stubs: u8;
}

#[repr(C, align(16))]
struct Table(UnsafeCell<[Entry<HandlerFunc>; GATES]>);

// SAFETY: written only by `init`, once, before it is loaded; after that only the processor reads it.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([const { Entry::missing() }; GATES]));

/// How often each line of the interrupt controllers has called.
static COUNTS: [AtomicU64; pic::LINES] = [const { AtomicU64::new(0) }; pic::LINES];

/// Fills and loads the table, and sets up the interrupt controllers with every line closed.
pub(super) fn init() {
    // SAFETY: this is the only access from code, before the table is loaded.
    let table = unsafe { &mut *TABLE.0.get() };
    let stubs = VirtAddr::from_ptr(&raw const interrupt_stubs);
    for (vector, gate) in table.iter_mut().enumerate() {
        // SAFETY: the stub at this address ends in `iretq`, and leaves the stack as the gate made it.
        let options = unsafe { gate.set_handler_addr(stubs + vector as u64 * STUB_SIZE) };
        if vector == VECTOR_BREAKPOINT {
            // A program may say it; any other gate it must not enter by itself.
            options.set_privilege_level(PrivilegeLevel::Ring3);
        }
        let stack = match vector {
            VECTOR_DOUBLE_FAULT => gdt::DOUBLE_FAULT_STACK,
            VECTOR_NMI => gdt::NMI_STACK,
            VECTOR_MACHINE_CHECK => gdt::MACHINE_CHECK_STACK,
            _ => continue,
        };
        // SAFETY: `gdt::init` has given these entries of the stack table a stack, each to one vector only.
        unsafe { options.set_stack_index(stack) };
    }
    let pointer =
        DescriptorTablePointer { limit: (size_of_val(table) - 1) as u16, base: VirtAddr::from_ptr(TABLE.0.get()) };
    // SAFETY: the table is static and complete.
    unsafe { lidt(&pointer) };
    pic::init();
    open_line(LINE_COM1);
    open_line(LINE_COM2);
}

/// Lets interrupts of `line` through; [`on_line`] must know it.
pub(super) fn open_line(line: u8) {
    pic::unmask(line);
}

/// Handles an interrupt of one of the controllers' lines.
pub(super) fn on_line(line: u8) {
    if pic::is_spurious(line) {
        return;
    }
    COUNTS[usize::from(line)].fetch_add(1, Ordering::Relaxed);
    match line {
        pit::LINE => pit::on_interrupt(),
        LINE_COM1 => {
            serial::COM1.on_interrupt();
            crate::console::on_input();
        }
        LINE_COM2 => serial::COM2.on_interrupt(),
        _ => {}
    }
    pic::acknowledge(line);
}

/// Every line that has a handler: its number, how often it called, and what it is.
pub fn counts() -> impl Iterator<Item = (u8, u64, &'static str)> {
    [(pit::LINE, "timer"), (LINE_COM2, "COM2"), (LINE_COM1, "COM1")]
        .into_iter()
        .map(|(line, name)| (line, COUNTS[usize::from(line)].load(Ordering::Relaxed), name))
}

/// Runs `body` with interrupts off, and leaves them as they were.
pub fn without<R>(body: impl FnOnce() -> R) -> R {
    processor::without_interrupts(body)
}

/// Lets interrupts in.
pub fn enable() {
    processor::enable();
}

/// Keeps interrupts out, for good.
pub fn disable() {
    processor::disable();
}

/// Whether interrupts are let in.
#[cfg(test)]
pub fn are_enabled() -> bool {
    processor::are_enabled()
}

/// Sleeps until an interrupt has come; they are off before and after.
pub fn sleep() {
    processor::enable_and_hlt();
    processor::disable();
}
