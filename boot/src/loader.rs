//! What a loader says about the machine, in one form for both doors.

use crate::PHYSICAL_MEMORY_OFFSET;
use crate::memory::MemoryMap;

/// The loader's tables, read. Addresses are physical.
pub(crate) struct Loaded {
    /// The machine's memory as the firmware describes it.
    pub(crate) memory: MemoryMap,
    /// The NUL-terminated command line, if there is one.
    pub(crate) command_line: Option<u64>,
    /// The first module, start and end: the initramfs.
    pub(crate) ramdisk: Option<(u64, u64)>,
    /// ACPI's root pointer.
    pub(crate) rsdp: Option<u64>,
}

/// Copies a value out of physical memory, whatever its alignment.
///
/// # Safety
/// `address` must lie in the first 4 GiB and hold `T` in a valid form there.
pub(crate) unsafe fn read<T: Copy>(address: u64) -> T {
    let pointer = (PHYSICAL_MEMORY_OFFSET + address) as *const T;
    // SAFETY: the trampoline maps the first 4 GiB at PHYSICAL_MEMORY_OFFSET; the caller vouches for the contents.
    unsafe { pointer.read_unaligned() }
}
