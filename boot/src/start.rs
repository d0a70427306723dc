//! The first Rust: from the loader's tables to the kernel's front door.

use core::ptr::addr_of;

use bootloader_api::BootInfo;
use bootloader_api::info::{MemoryRegion, MemoryRegionKind, Optional};

use crate::loader::{Loaded, read};
use crate::{KERNEL_BASE, PHYSICAL_MEMORY_OFFSET, multiboot2, pvh};

/// The longest command line that is passed on, in bytes; the rest is cut off.
const COMMAND_LINE_MAX: usize = 4096;

/// The size of ACPI's root pointer; its first version is shorter, and what follows it does no harm.
const RSDP_SIZE: usize = 36;

/// Memory below this is the firmware's and the old devices', whatever the map says.
const LOW_MEMORY_END: u64 = 0x10_0000;

/// Memory that must outlive this crate's code: what `BootInfo` and the command line point to.
struct Handover {
    boot_info: Option<BootInfo>,
    regions: [MemoryRegion; 128],
    command_line: [u8; COMMAND_LINE_MAX],
    rsdp: [u8; RSDP_SIZE],
}

static mut HANDOVER: Handover = Handover {
    boot_info: None,
    regions: [MemoryRegion::empty(); 128],
    command_line: [0; COMMAND_LINE_MAX],
    rsdp: [0; RSDP_SIZE],
};

unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
    static boot_stack_bottom: u8;
    static boot_stack_top: u8;
    static boot_entry_ticks: u64;
}

unsafe extern "Rust" {
    /// The kernel's side of [`crate::entry_point!`].
    fn strata_kernel_main(boot_info: &'static mut BootInfo, command_line: &'static str) -> !;
}

/// Called by the trampoline, once, with what the loader left in `eax` (0 for PVH) and `ebx`.
#[unsafe(no_mangle)]
extern "C" fn boot_main(magic: u32, info: u32) -> ! {
    let info = u64::from(info);
    // SAFETY: the trampoline passes on what the loader left in `ebx`, and 0 as magic only at the PVH door.
    let loaded = unsafe {
        match magic {
            0 => pvh::load(info),
            multiboot2::MAGIC => Some(multiboot2::load(info)),
            _ => None,
        }
    };
    let Some(loaded) = loaded else {
        // There is no console yet and no one to tell: a loader that keeps neither protocol cannot be served.
        halt()
    };
    let handover = &raw mut HANDOVER;
    // SAFETY: this function runs once, on the only processor, so this is the only reference ever made.
    hand_over(loaded, unsafe { &mut *handover })
}

fn hand_over(mut loaded: Loaded, handover: &'static mut Handover) -> ! {
    let kernel_start = addr_of!(__image_start) as u64;
    let kernel_end = addr_of!(__image_end) as u64 - KERNEL_BASE;
    let length = copy_command_line(loaded.command_line, &mut handover.command_line);

    let memory = &mut loaded.memory;
    memory.mark(0, LOW_MEMORY_END, MemoryRegionKind::Bootloader);
    memory.mark(kernel_start, kernel_end, MemoryRegionKind::Bootloader);
    if let Some((start, end)) = loaded.ramdisk {
        memory.mark(start, end, MemoryRegionKind::Bootloader);
    }
    let count = memory.regions().len();
    handover.regions[..count].copy_from_slice(memory.regions());

    let regions: &'static mut [MemoryRegion] = &mut handover.regions[..count];
    let mut boot_info = BootInfo::new(regions.into());
    boot_info.physical_memory_offset = Optional::Some(PHYSICAL_MEMORY_OFFSET);
    if let Some(address) = loaded.rsdp {
        // Copied, because a multiboot2 loader leaves it in memory that is free for use.
        // SAFETY: the loader says that the root pointer lies there.
        handover.rsdp = unsafe { read(address) };
        boot_info.rsdp_addr = Optional::Some(handover.rsdp.as_ptr() as u64 - KERNEL_BASE);
    }
    if let Some((start, end)) = loaded.ramdisk {
        boot_info.ramdisk_addr = Optional::Some(PHYSICAL_MEMORY_OFFSET + start);
        boot_info.ramdisk_len = end - start;
    }
    boot_info.kernel_addr = kernel_start;
    boot_info.kernel_len = kernel_end - kernel_start;
    boot_info.kernel_image_offset = KERNEL_BASE;
    boot_info.kernel_stack_bottom = addr_of!(boot_stack_bottom) as u64;
    boot_info.kernel_stack_len = addr_of!(boot_stack_top) as u64 - boot_info.kernel_stack_bottom;

    let command_line = utf8_prefix(&handover.command_line[..length]);
    let boot_info = handover.boot_info.insert(boot_info);
    // SAFETY: `entry_point!` defines this function with exactly this signature.
    unsafe { strata_kernel_main(boot_info, command_line) }
}

/// Copies the NUL-terminated string at `address` and returns its length.
fn copy_command_line(address: Option<u64>, buffer: &mut [u8]) -> usize {
    let Some(address) = address else { return 0 };
    for (index, slot) in buffer.iter_mut().enumerate() {
        // SAFETY: the string is the loader's, below 4 GiB, and no byte before this one was its end.
        let byte: u8 = unsafe { read(address + index as u64) };
        if byte == 0 {
            return index;
        }
        *slot = byte;
    }
    buffer.len()
}

fn utf8_prefix(bytes: &'static [u8]) -> &'static str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

pub(crate) fn entry_ticks() -> u64 {
    let low = addr_of!(boot_entry_ticks) as u64;
    // SAFETY: the trampoline wrote this variable before any Rust ran, and nothing writes it again. It is linked at its
    // physical address, and read through the direct map because the identity map goes away.
    unsafe { read(low) }
}

fn halt() -> ! {
    loop {
        // SAFETY: stopping the processor touches no memory.
        unsafe { core::arch::asm!("cli", "hlt", options(nomem, nostack)) };
    }
}
