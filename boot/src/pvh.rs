//! The PVH door: `struct hvm_start_info` and the tables it points to.
//!
//! The layout is Xen's `xen/include/public/arch-x86/hvm/start_info.h`. All addresses in it are physical.

use crate::loader::{Loaded, read};
use crate::memory::MemoryMap;

const MAGIC: u32 = 0x336e_c578;

#[derive(Clone, Copy)]
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    module_count: u32,
    modules: u64,
    command_line: u64,
    rsdp: u64,
    /// From version 1 on.
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Module {
    start: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct MemoryMapEntry {
    start: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// Reads the tables at `address`. `None` when they do not carry PVH's magic or are of a version without a memory map.
///
/// # Safety
/// `address` must be what a PVH loader left in `ebx`.
pub(crate) unsafe fn load(address: u64) -> Option<Loaded> {
    // SAFETY: the loader put its start info at this address, below 4 GiB as `ebx` holds it; all fields are integers.
    let info: StartInfo = unsafe { read(address) };
    if info.magic != MAGIC || info.version == 0 {
        return None;
    }
    let mut memory = MemoryMap::new();
    for index in 0..u64::from(info.memory_map_entries) {
        let entry_address = info.memory_map + index * size_of::<MemoryMapEntry>() as u64;
        // SAFETY: the start info says that this many entries lie there.
        let entry: MemoryMapEntry = unsafe { read(entry_address) };
        memory.add(entry.start, entry.start.saturating_add(entry.size), entry.kind);
    }
    let ramdisk = (info.module_count > 0).then(|| {
        // SAFETY: the start info says that there is at least one module.
        let module: Module = unsafe { read(info.modules) };
        (module.start, module.start + module.size)
    });
    Some(Loaded {
        memory,
        command_line: (info.command_line != 0).then_some(info.command_line),
        ramdisk,
        rsdp: (info.rsdp != 0).then_some(info.rsdp),
    })
}
