//! The multiboot2 door: the tags that GRUB leaves.
//!
//! The layout is the Multiboot2 Specification 2.0, section 3.6. All addresses in it are physical.

use crate::loader::{Loaded, read};
use crate::memory::MemoryMap;

/// What a multiboot2 loader leaves in `eax`.
pub(crate) const MAGIC: u32 = 0x36d7_6289;

const TAG_END: u32 = 0;
const TAG_COMMAND_LINE: u32 = 1;
const TAG_MODULE: u32 = 3;
const TAG_MEMORY_MAP: u32 = 6;
const TAG_RSDP_V1: u32 = 14;
const TAG_RSDP_V2: u32 = 15;

/// Type and size come before every tag's contents; the memory map's own header takes another eight bytes.
const TAG_HEADER: u64 = 8;

#[derive(Clone, Copy)]
#[repr(C)]
struct TagHeader {
    kind: u32,
    size: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct MemoryMapEntry {
    start: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// Reads the tags at `address`.
///
/// # Safety
/// `address` must be what a multiboot2 loader left in `ebx`.
pub(crate) unsafe fn load(address: u64) -> Loaded {
    // SAFETY: the information begins with its total size.
    let total: u32 = unsafe { read(address) };
    let end = address + u64::from(total);
    let mut loaded = Loaded { memory: MemoryMap::new(), command_line: None, ramdisk: None, rsdp: None };
    let mut tag = address + TAG_HEADER;
    while tag + TAG_HEADER <= end {
        // SAFETY: the tag's header lies before the end of the information.
        let header: TagHeader = unsafe { read(tag) };
        if header.kind == TAG_END || u64::from(header.size) < TAG_HEADER {
            break;
        }
        let contents = tag + TAG_HEADER;
        match header.kind {
            TAG_COMMAND_LINE => loaded.command_line = Some(contents),
            TAG_MODULE if loaded.ramdisk.is_none() => {
                // SAFETY: a module's tag begins with its first and last address.
                let (start, end): (u32, u32) = unsafe { (read(contents), read(contents + 4)) };
                loaded.ramdisk = Some((u64::from(start), u64::from(end)));
            }
            TAG_MEMORY_MAP => {
                // SAFETY: the memory map's tag begins with the size of its entries.
                let entry_size = u64::from(unsafe { read::<u32>(contents) });
                if entry_size >= size_of::<MemoryMapEntry>() as u64 {
                    let mut at = contents + TAG_HEADER;
                    while at + entry_size <= tag + u64::from(header.size) {
                        // SAFETY: this entry lies within its tag.
                        let entry: MemoryMapEntry = unsafe { read(at) };
                        let end = entry.start.saturating_add(entry.size);
                        loaded.memory.add(entry.start, end, entry.kind);
                        at += entry_size;
                    }
                }
            }
            TAG_RSDP_V1 | TAG_RSDP_V2 => loaded.rsdp = Some(contents),
            _ => {}
        }
        tag += u64::from(header.size).next_multiple_of(8);
    }
    loaded
}
