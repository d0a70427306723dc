//! The kernel's own page tables: what is mapped, and with what rights.
//!
//! Built once, from the image's bounds and the memory map, and then only changed where the heap grows and shrinks. See
//! [`super`] for the address space's plan.

use core::ops::Range;
use core::ptr::addr_of;
use core::sync::atomic::{AtomicUsize, Ordering};

use bootloader_api::BootInfo;
use bootloader_api::info::MemoryRegionKind;
use spin::{Mutex, Once};

use super::frames::{self, Frame};
use super::{HEAP_START, PAGE_SIZE};
use crate::arch::page_table::{LARGE_PAGE_SIZE, NoFrame, PageTables, Rights};
use crate::arch::stack_guards;

unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
    static __data_start: u8;
    static __image_end: u8;
}

/// The kernel's tables, from [`init`] on.
static TABLES: Once<Mutex<PageTables>> = Once::new();

/// How many frames the tables consist of.
static TABLE_FRAMES: AtomicUsize = AtomicUsize::new(0);

/// Where the parts of the kernel's image are linked.
struct Image {
    text: Range<u64>,
    constants: Range<u64>,
    data: Range<u64>,
}

impl Image {
    fn new() -> Self {
        let text = addr_of!(__text_start) as u64;
        let constants = addr_of!(__text_end) as u64;
        let data = addr_of!(__data_start) as u64;
        let end = addr_of!(__image_end) as u64;
        Self {
            text: text..constants,
            constants: constants..data,
            data: data..end,
        }
    }

    /// The physical addresses of all parts, from the first to the last.
    fn physical(&self) -> Range<u64> {
        self.text.start - boot::KERNEL_BASE..self.data.end - boot::KERNEL_BASE
    }

    /// What the direct map allows at the physical address `physical`: the image's text and constants must not be writable by
    /// a second name.
    fn direct_rights(&self, physical: u64) -> Rights {
        let linked = physical + boot::KERNEL_BASE;
        if self.text.contains(&linked) || self.constants.contains(&linked) {
            Rights::Read
        } else {
            Rights::ReadWrite
        }
    }
}

/// Builds the tables and switches to them.
///
/// # Panics
/// When there is not enough memory for the tables.
pub(super) fn init(boot_info: &BootInfo) {
    let tables = build(boot_info).expect("there is memory for the kernel's page tables");
    // SAFETY: the image, with the running code, its data and the boot stack, is mapped where it is linked.
    unsafe { tables.activate() };
    TABLES.call_once(|| Mutex::new(tables));
}

fn build(boot_info: &BootInfo) -> Result<PageTables, NoFrame> {
    // SAFETY: frames come from the allocator, which gives each once, and lie in the boot code's direct map as in this one.
    let mut tables = unsafe { PageTables::new(allocate_table)? };
    let image = Image::new();
    map_image(
        &mut tables,
        &image,
        boot_info.kernel_stack_bottom - PAGE_SIZE as u64,
    )?;
    map_physical(&mut tables, &image, end_of_memory(boot_info))?;
    // The heap's topmost entry is there from the start, so that every address space can share it.
    tables.prepare(HEAP_START)?;
    Ok(tables)
}

/// Maps the kernel's image, but for the pages under its stacks.
fn map_image(tables: &mut PageTables, image: &Image, boot_stack_guard: u64) -> Result<(), NoFrame> {
    let parts = [
        (&image.text, Rights::ReadExecute),
        (&image.constants, Rights::Read),
        (&image.data, Rights::ReadWrite),
    ];
    for (part, rights) in parts {
        for address in part.clone().step_by(PAGE_SIZE) {
            let is_guard =
                address == boot_stack_guard || stack_guards().any(|guard| guard == address);
            if !is_guard {
                tables.map(address, address - boot::KERNEL_BASE, rights)?;
            }
        }
    }
    Ok(())
}

/// Maps physical memory up to `end` (rounded up): in large pages, but in small ones where the image lies.
fn map_physical(tables: &mut PageTables, image: &Image, end: u64) -> Result<(), NoFrame> {
    let occupied = image.physical();
    for start in (0..end).step_by(LARGE_PAGE_SIZE as usize) {
        let next = start + LARGE_PAGE_SIZE;
        let page = boot::PHYSICAL_MEMORY_OFFSET + start;
        if next <= occupied.start || occupied.end <= start {
            tables.map_large(page, start, Rights::ReadWrite)?;
            continue;
        }
        for physical in (start..next).step_by(PAGE_SIZE) {
            let page = boot::PHYSICAL_MEMORY_OFFSET + physical;
            tables.map(page, physical, image.direct_rights(physical))?;
        }
    }
    Ok(())
}

/// Where memory ends: the firmware's tables count, what lies between memory and 4 GiB (devices) does not.
fn end_of_memory(boot_info: &BootInfo) -> u64 {
    const FIRMWARE_ACPI_TABLES: MemoryRegionKind = MemoryRegionKind::UnknownBios(3);
    const FIRMWARE_ACPI_STORAGE: MemoryRegionKind = MemoryRegionKind::UnknownBios(4);
    let is_memory = |kind| {
        matches!(
            kind,
            MemoryRegionKind::Usable
                | MemoryRegionKind::Bootloader
                | FIRMWARE_ACPI_TABLES
                | FIRMWARE_ACPI_STORAGE
        )
    };
    let memory = boot_info
        .memory_regions
        .iter()
        .filter(|region| is_memory(region.kind));
    memory.map(|region| region.end).max().unwrap_or(0)
}

/// Maps the page at `page` to `frame`, readable and writable. Fails when there is no frame for a table on the way.
pub(super) fn map(page: u64, frame: Frame) -> Result<(), NoFrame> {
    let tables = TABLES.get().ok_or(NoFrame)?;
    tables.lock().map(page, frame.address(), Rights::ReadWrite)
}

/// Takes away what is mapped at `page` and returns it.
pub(super) fn unmap(page: u64) -> Option<Frame> {
    TABLES.get()?.lock().unmap(page).map(Frame::containing)
}

/// Where `address` is mapped to (physically), and what may be done there. `None` when it is not mapped.
pub fn lookup(address: u64) -> Option<(u64, Rights)> {
    TABLES.get()?.lock().lookup(address)
}

/// How many frames the kernel's tables consist of.
pub fn table_frames() -> usize {
    TABLE_FRAMES.load(Ordering::Relaxed)
}

fn allocate_table() -> Option<u64> {
    let frame = frames::allocate()?;
    TABLE_FRAMES.fetch_add(1, Ordering::Relaxed);
    Some(frame.address())
}
