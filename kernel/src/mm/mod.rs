//! Memory: frames, the kernel's page tables, the heap.
//!
//! | where | what | rights |
//! |---|---|---|
//! | 0 … 0x0000_7fff_ffff_ffff | the user's half: a program's memory ([`space`]), with tables of its own | as it asks |
//! | 0xffff_8000_0000_0000 … | [`direct_map`]: all physical memory | read, write; the kernel's text and constants read only |
//! | 0xffff_c000_0000_0000 … | the heap ([`heap`]), as far as it has grown | read, write |
//! | 0xffff_d000_0000_0000 … | threads' stacks ([`stacks`]) | read, write |
//! | 0xffff_ffff_8000_0000 … | the kernel's image, at its physical address and this | text read and execute, constants read, data read and write |
//!
//! Nothing is writable and executable, and nothing at all is mapped at address 0. The page under every stack is
//! unmapped.
//!
//! Frames come from [`frames`] (a buddy system); the heap takes frames as it grows and gives them back as it shrinks.
//! File data takes frames through [`pages`], and only as long as [`pages::data_reserve`] remain: the last frames
//! belong to the kernel itself.
//!
//! Lock order, outermost first: an address space → what stands
//! behind an area; slots of stacks → heap → its blocks → kernel page tables → frames.

use bootloader_api::BootInfo;

mod buddy;
pub mod frames;
pub mod heap;
pub mod pages;
pub mod paging;
pub mod space;
pub mod stacks;
pub mod user_memory;

/// The size of a frame and of a page, in bytes.
pub const PAGE_SIZE: usize = 4096;

/// Where the heap begins; it may grow by [`HEAP_MAX`].
pub const HEAP_START: u64 = 0xffff_c000_0000_0000;

/// The most that the heap may grow to, in bytes of address space: what one entry of the topmost table covers.
pub const HEAP_MAX: u64 = 512 << 30;

/// Where the threads' stacks begin.
pub const STACKS_START: u64 = 0xffff_d000_0000_0000;

/// How much memory is used, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Frames that the kernel was given at boot.
    pub total_frames: usize,
    /// Frames that are free.
    pub free_frames: usize,
    /// Frames that the heap has taken.
    pub heap_frames: usize,
    /// Frames that are threads' stacks.
    pub stack_frames: usize,
    /// Frames that hold the kernel's page tables.
    pub table_frames: usize,
    /// Bytes of the heap that are allocated, as asked for.
    pub heap_bytes: usize,
}

impl Usage {
    /// Frames that are taken for neither the heap nor stacks nor the kernel's page tables: file data and the like.
    pub fn other_frames(&self) -> usize {
        self.total_frames - self.free_frames - self.heap_frames - self.stack_frames - self.table_frames
    }
}

/// Brings up the frames, the kernel's own page tables and the heap. To be called once.
///
/// # Panics
/// When the machine has too little memory for the tables.
pub fn init(boot_info: &BootInfo) {
    frames::init(&boot_info.memory_regions);
    paging::init(boot_info);
    frames::add_high(&boot_info.memory_regions);
    heap::init();
    pages::init();
}

/// The bytes of the initramfs that the loader brought along; empty when it brought none. They stay where they are and
/// never change.
pub fn initramfs(boot_info: &BootInfo) -> &'static [u8] {
    let Some(start) = boot_info.ramdisk_addr.into_option() else {
        return &[];
    };
    // SAFETY: the boot code says that the ramdisk lies there in the direct map, and marks it as no one's in the
    // memory map, so no frame of it is ever handed out and nothing writes to it.
    unsafe { core::slice::from_raw_parts(start as *const u8, boot_info.ramdisk_len as usize) }
}

/// Where the physical address `physical` can be read and written.
pub fn direct_map(physical: u64) -> *mut u8 {
    (boot::PHYSICAL_MEMORY_OFFSET + physical) as *mut u8
}

/// What is used now. The numbers are taken one after the other: with others at work they need not add up.
pub fn usage() -> Usage {
    let counts = frames::counts();
    Usage {
        total_frames: counts.total,
        free_frames: counts.free,
        heap_frames: heap::frames(),
        stack_frames: stacks::frames_in_use(),
        table_frames: paging::table_frames(),
        heap_bytes: heap::bytes_in_use(),
    }
}
