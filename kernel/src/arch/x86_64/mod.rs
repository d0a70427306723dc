//! The x86-64 PC.
//!
//! | module | what it does |
//! |---|---|
//! | [`serial`] | COM1 and COM2: output, and input by interrupt |
//! | [`gdt`] | segments and the stacks that exceptions get |
//! | [`interrupts`] | the table of 256 gates, their common entry, the interrupt controller, counters |
//! | [`trap`] | what the entry saves, the exceptions' names, and what is done about them |
//! | [`page_table`] | the page tables' format |
//! | [`probe`] | reading an address that may fault |
//! | [`switch`] | going from one stack to another |
//! | [`user`] | user mode: system calls |
//! | [`vdso`] | the time in user mode, without one |
//! | [`floating_point`] | the registers that only programs use |
//! | [`user_copy`] | copying between the kernel and user memory |
//! | [`user_tables`] | the page tables of a program |
//! | [`backtrace`] | walking frame pointers |
//! | [`pit`], [`clock`], [`rtc`] | the tick, the monotonic clock, the wall clock |
//! | [`fw_cfg`] | what the emulator has for its guest |
//! | [`random`] | unpredictable numbers |
//! | [`acpi`] | how the machine is switched off |
//! | [`exit`] | ending: power off, reboot, an exit code for the emulator |
//!
//! One processor is used. What an interrupt handler and ordinary code share is either atomic or behind a lock that
//! ordinary code takes only with interrupts off ([`interrupts::without`]).

pub mod acpi;
pub mod backtrace;
pub mod clock;
pub mod cpu;
pub mod exit;
pub mod floating_point;
pub mod fw_cfg;
mod gdt;
pub mod interrupts;
pub mod page_table;
mod pic;
pub mod pit;
pub mod probe;
pub mod random;
pub mod rtc;
pub mod serial;
pub mod switch;
pub mod trap;
pub mod user;
pub mod user_copy;
pub mod user_tables;
pub mod vdso;

/// Makes exceptions reportable and the tick run, and lets interrupts in. To be called once, before anything that may
/// fault on purpose; needs no heap.
pub fn init() {
    gdt::init();
    interrupts::init();
    user::init();
    floating_point::init();
    user_copy::init();
    pit::start();
    interrupts::enable();
}

/// The addresses of the pages under the exceptions' stacks, which must not be mapped.
pub fn stack_guards() -> impl Iterator<Item = u64> {
    gdt::guard_pages()
}

/// Finds the clock's rate. Takes some milliseconds.
pub fn init_clock() {
    clock::calibrate();
}

/// The time-stamp counter: instructions executed when the emulator counts them (`-icount shift=0`), else cycles.
pub fn instructions() -> u64 {
    // SAFETY: reading the counter has no effect on memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}
