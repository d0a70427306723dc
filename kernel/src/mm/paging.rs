//! The kernel's own page tables: what is mapped, and with what rights.
//!
//! Built once, from the image's bounds and the memory map, and then only changed where the heap grows and shrinks. See
//! [`super`] for the address space's plan.

use core::ops::Range;
use core::ptr::addr_of;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bootloader_api::BootInfo;
use bootloader_api::info::MemoryRegionKind;
use spin::{Mutex, Once};

use super::frames::{self, Frame};
use super::{HEAP_START, PAGE_SIZE, STACKS_START, stacks};
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

/// The page under the boot stack, which stays the kernel's own stack.
static BOOT_STACK_GUARD: AtomicU64 = AtomicU64::new(0);

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
        Self { text: text..constants, constants: constants..data, data: data..end }
    }

    /// The physical addresses of all parts, from the first to the last.
    fn physical(&self) -> Range<u64> {
        self.text.start - boot::KERNEL_BASE..self.data.end - boot::KERNEL_BASE
    }

    /// What the direct map allows at the physical address `physical`: the image's text and constants must not be
    /// writable by a second name.
    fn direct_rights(&self, physical: u64) -> Rights {
        let linked = physical + boot::KERNEL_BASE;
        if self.text.contains(&linked) || self.constants.contains(&linked) { Rights::Read } else { Rights::ReadWrite }
    }
}

/// Builds the tables and switches to them.
///
/// # Panics
/// When there is not enough memory for the tables.
pub(super) fn init(boot_info: &BootInfo) {
    let guard = boot_info.kernel_stack_bottom - PAGE_SIZE as u64;
    BOOT_STACK_GUARD.store(guard, Ordering::Relaxed);
    let tables = build(boot_info).expect("there is memory for the kernel's page tables");
    // SAFETY: the image, with the running code, its data and the boot stack, is mapped where it is linked.
    unsafe { tables.activate() };
    TABLES.call_once(|| Mutex::new(tables));
}

fn build(boot_info: &BootInfo) -> Result<PageTables, NoFrame> {
    // SAFETY: frames come from the allocator, which gives each once, and lie in the boot code's direct map as in this
    // one.
    let mut tables = unsafe { PageTables::new(allocate_table)? };
    let image = Image::new();
    map_image(&mut tables, &image)?;
    map_physical(&mut tables, &image, end_of_memory(boot_info))?;
    // Their topmost entries are there from the start, so that every address space can share them.
    tables.prepare(HEAP_START)?;
    tables.prepare(STACKS_START)?;
    Ok(tables)
}

/// Maps the kernel's image, but for the pages under its stacks.
fn map_image(tables: &mut PageTables, image: &Image) -> Result<(), NoFrame> {
    let parts =
        [(&image.text, Rights::ReadExecute), (&image.constants, Rights::Read), (&image.data, Rights::ReadWrite)];
    for (part, rights) in parts {
        for address in part.clone().step_by(PAGE_SIZE) {
            if !is_stack_guard(address) {
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
            MemoryRegionKind::Usable | MemoryRegionKind::Bootloader | FIRMWARE_ACPI_TABLES | FIRMWARE_ACPI_STORAGE
        )
    };
    let memory = boot_info.memory_regions.iter().filter(|region| is_memory(region.kind));
    memory.map(|region| region.end).max().unwrap_or(0)
}

/// Whether `address` lies in the page under one of the kernel's stacks.
pub fn is_stack_guard(address: u64) -> bool {
    let page = address - address % PAGE_SIZE as u64;
    page == BOOT_STACK_GUARD.load(Ordering::Relaxed)
        || stacks::is_guard(address)
        || stack_guards().any(|guard| guard == page)
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

#[cfg(test)]
mod tests {
    use super::{BOOT_STACK_GUARD, Image, Rights, addr_of, is_stack_guard, lookup};
    use crate::arch::{probe, stack_guards};
    use crate::ktest;
    use crate::mm::PAGE_SIZE;
    use core::hint::black_box;
    use core::sync::atomic::Ordering;

    /// A constant and a variable, to be looked at.
    static CONSTANT: u64 = 42;
    static mut VARIABLE: u64 = 0xc3c3_c3c3_c3c3_c3c3;

    /// What `address` and its name in the direct map allow.
    fn rights_of(address: u64) -> (Rights, Rights) {
        let (physical, rights) = lookup(address).expect("it is mapped");
        let (_, direct) = lookup(boot::PHYSICAL_MEMORY_OFFSET + physical).expect("all memory is in the direct map");
        (rights, direct)
    }

    fn each_page(mut check: impl FnMut(u64, Rights)) {
        let image = Image::new();
        for address in (image.text.start..image.data.end).step_by(PAGE_SIZE) {
            if let Some((_, rights)) = lookup(address) {
                check(address, rights);
            }
        }
    }

    /// Runs on until the stack is used up.
    fn recurse(depth: u64) -> u64 {
        let room = black_box([depth; 64]);
        if depth == u64::MAX {
            return 0;
        }
        room[depth as usize % 64] + recurse(black_box(depth + 1))
    }

    ktest! {
        fn text_is_executed_and_never_written() {
            let (rights, direct) = rights_of(rights_of as fn(u64) -> (Rights, Rights) as usize as u64);
            assert_eq!((rights, direct), (Rights::ReadExecute, Rights::Read));
        }

        fn constants_are_only_read() {
            assert_eq!(rights_of(addr_of!(CONSTANT) as u64), (Rights::Read, Rights::Read));
            assert_eq!(rights_of("text" .as_ptr() as u64), (Rights::Read, Rights::Read));
        }

        fn data_is_written_and_never_executed() {
            assert_eq!(rights_of(&raw const VARIABLE as u64), (Rights::ReadWrite, Rights::ReadWrite));
        }

        fn no_page_of_the_image_is_writable_and_executable() {
            let mut pages = 0;
            each_page(|address, rights| {
                assert_ne!(rights, Rights::ReadWriteExecute, "{address:#x}");
                pages += 1;
            });
            assert!(pages > 100, "only {pages} pages were looked at");
        }

        /// The rights in the tables are the ones the processor enforces.
        fn writing_text_and_constants_faults() {
            let text = rights_of as fn(u64) -> (Rights, Rights) as usize as u64;
            // SAFETY: neither can be written; that is what is tested.
            unsafe {
                assert!(!probe::write(text, 0xcc));
                assert!(!probe::write(addr_of!(CONSTANT) as u64, 1));
            }
            assert_eq!(CONSTANT, 42);
            let physical = lookup(text).expect("text is mapped").0;
            // SAFETY: as above.
            assert!(!unsafe { probe::write(boot::PHYSICAL_MEMORY_OFFSET + physical, 0xcc) });
        }

        fn executing_data_faults() panics "execute" {
            let address = &raw const VARIABLE;
            // SAFETY: the bytes there are `ret` instructions, but the page is not executable: the call faults.
            let function: extern "C" fn() = unsafe { core::mem::transmute(address) };
            function();
        }

        fn nothing_is_mapped_at_zero_nor_in_the_lower_half() {
            for address in [0, 8, 0xfff, 0x10_0000, 0x7fff_ffff_f000] {
                assert_eq!(probe::read(address), None, "{address:#x}");
            }
        }

        fn reading_through_a_null_pointer_is_reported() panics "read of 0x0 in kernel mode, page not present" {
            let null = black_box(core::ptr::null::<u64>());
            // SAFETY: it is not safe; it faults, which is what is tested.
            black_box(unsafe { null.read_volatile() });
        }

        fn the_page_under_every_stack_is_missing() {
            let guards = stack_guards().chain([BOOT_STACK_GUARD.load(Ordering::Relaxed)]);
            for guard in guards {
                assert!(is_stack_guard(guard + 100));
                assert_eq!(lookup(guard), None);
                assert_eq!(probe::read(guard), None);
                assert!(probe::read(guard + PAGE_SIZE as u64).is_some(), "the stack itself is mapped");
            }
        }

        fn a_stack_overflow_ends_in_the_guard_page() panics "the stack ran into its guard page" {
            black_box(recurse(0));
        }

        fn large_pages_translate_with_their_offset() {
            let address = boot::PHYSICAL_MEMORY_OFFSET + (32 << 20) + 0x12345;
            assert_eq!(lookup(address), Some(((32 << 20) + 0x12345, Rights::ReadWrite)));
        }
    }
}
