//! Everything before the kernel's own first instruction.
//!
//! Two doors lead in: the PVH note (QEMU's `-kernel`, Xen, Cloud Hypervisor) and the multiboot2 header (GRUB, on BIOS
//! and UEFI). Both arrive in 32-bit protected mode at `trampoline.s`, which makes early page tables and jumps to
//! 64-bit Rust; `start.rs` reads the loader's tables (`pvh.rs` or `multiboot2.rs`), draws up the memory map
//! (`memory.rs`) and calls the kernel with a standard [`BootInfo`] and the command line.
//!
//! What holds when the kernel is called:
//! - the first 4 GiB of physical memory are mapped three times with all rights: at 0 (only for the jump), at
//!   [`PHYSICAL_MEMORY_OFFSET`], and their first GiB at [`KERNEL_BASE`]. The kernel is expected to make its own tables;
//! - interrupts are off; the stack is the 256 KiB in `BootInfo::kernel_stack_bottom` and `kernel_stack_len`, and the page
//!   under it is nobody's: a guard page, once the kernel's own tables leave it out;
//! - `BootInfo::memory_regions` is sorted and without overlaps. `Usable` regions contain neither the kernel's image, nor
//!   the ramdisk, nor the first MiB, and start and end on page boundaries;
//! - `BootInfo::ramdisk_addr` is an address in the direct map.
//!
//! This crate knows nothing of the kernel but the function it calls: see [`entry_point!`].
//!
//! On the host only what needs no machine is built: the memory map, for its tests.
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(target_os = "none")]
mod loader;
#[cfg(any(target_os = "none", test))]
mod memory;
#[cfg(target_os = "none")]
mod multiboot2;
#[cfg(target_os = "none")]
mod pvh;
#[cfg(target_os = "none")]
mod start;

#[cfg(target_os = "none")]
core::arch::global_asm!(include_str!("trampoline.s"));

/// Where the direct map of physical memory begins: physical address `p` is readable at `PHYSICAL_MEMORY_OFFSET + p`.
pub const PHYSICAL_MEMORY_OFFSET: u64 = 0xffff_8000_0000_0000;

/// The difference between a kernel symbol's address and where it lies in physical memory (the linker script's own).
pub const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;

/// The function that [`entry_point!`] names: it takes the machine as described in the crate's documentation, and the
/// loader's command line (empty when there was none; bytes that are not UTF-8 end it).
pub type KernelMain = fn(&'static mut BootInfo, &'static str) -> !;

/// The time-stamp counter at the kernel's very first instruction, before any table was read.
#[cfg(target_os = "none")]
pub fn entry_ticks() -> u64 {
    start::entry_ticks()
}

/// Names the function to be called when the machine has been brought to 64-bit mode. To be used once, in the kernel.
///
/// ```ignore
/// boot::entry_point!(kernel_main);
/// fn kernel_main(boot_info: &'static mut BootInfo, command_line: &'static str) -> ! { loop {} }
/// ```
#[macro_export]
macro_rules! entry_point {
    ($path:path) => {
        /// What the boot code calls: checks the function's type and passes on.
        #[unsafe(no_mangle)]
        fn strata_kernel_main(boot_info: &'static mut $crate::BootInfo, command_line: &'static str) -> ! {
            const MAIN: $crate::KernelMain = $path;
            MAIN(boot_info, command_line)
        }
    };
}

/// What the kernel is handed, re-exported for [`entry_point!`].
pub use bootloader_api::BootInfo;
