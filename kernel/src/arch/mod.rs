//! The machine: everything that would be written anew for another processor.
//!
//! The rest of the kernel names what it needs as `arch::serial`, `arch::clock`, …, and never the processor. Device
//! registers, descriptor tables, interrupt entry and the page tables' format live below; policy (what a tick means,
//! what to print, what a fault in user mode does) lives above.

mod x86_64;

#[cfg(test)]
pub use self::x86_64::probe;
pub use self::x86_64::{
    acpi, backtrace, clock, cpu, exit, floating_point, fw_cfg, instructions, interrupts, page_table, pit, random, rtc,
    serial, switch, trap, user, user_copy, user_tables, vdso,
};
pub use self::x86_64::{init, init_clock, stack_guards};
