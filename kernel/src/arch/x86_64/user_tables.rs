//! The page tables of a program: the user's half its own, the kernel's half shared with all.
//!
//! An entry is only a note of where a page is; who keeps the frame is the address space's business. Entries may be
//! forgotten at any time, for a fault brings them back.

use core::ops::Range;

use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::page_table::{PageTableEntry, PageTableLevel};
use x86_64::structures::paging::{PageTable, PageTableFlags, PhysFrame};
use x86_64::{PhysAddr, VirtAddr};

use super::page_table::{NoFrame, kernel_root};

/// Gives a frame for a table, and takes it back.
#[derive(Clone, Copy)]
pub struct TableFrames {
    /// A frame's physical address; what is in it is undefined.
    pub allocate: fn() -> Option<u64>,
    /// Takes back what `allocate` gave.
    pub free: fn(u64),
}

/// What a program may do with a page; reading always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRights {
    /// It may be written.
    pub write: bool,
    /// It may be executed.
    pub execute: bool,
}

/// Entries of the topmost table that are the user's.
const USER_ENTRIES: usize = 256;

/// A program's tables.
pub struct UserTables {
    root: u64,
    frames: TableFrames,
    /// How many pages are mapped, and were at most.
    pages: u64,
    pages_max: u64,
}

/// What the processor is told of a program's tables.
#[derive(Clone, Copy)]
pub struct UserRoot(u64);

impl UserRoot {
    /// Makes the processor use the tables.
    ///
    /// # Safety
    /// They must still be there.
    pub unsafe fn activate(self) {
        let frame = PhysFrame::containing_address(PhysAddr::new(self.0));
        if Cr3::read().0 != frame {
            // SAFETY: the tables are there, and the kernel's half is what it is in all tables.
            unsafe { Cr3::write(frame, Cr3Flags::empty()) };
        }
    }
}

fn table_at<'a>(physical: u64) -> &'a mut PageTable {
    // SAFETY: called with the addresses of tables of the hierarchy that the caller has to itself, all of which lie in
    // the direct map.
    unsafe { &mut *((boot::PHYSICAL_MEMORY_OFFSET + physical) as *mut PageTable) }
}

impl UserTables {
    /// Tables in which nothing is mapped for the user.
    ///
    /// # Errors
    /// [`NoFrame`].
    pub fn new(frames: TableFrames) -> Result<Self, NoFrame> {
        let root = (frames.allocate)().ok_or(NoFrame)?;
        let table = table_at(root);
        let kernel = table_at(kernel_root().ok_or(NoFrame)?);
        for (index, entry) in table.iter_mut().enumerate() {
            *entry = if index < USER_ENTRIES { PageTableEntry::new() } else { kernel[index].clone() };
        }
        Ok(Self { root, frames, pages: 0, pages_max: 0 })
    }

    /// How many pages are mapped, and were at most.
    pub fn pages(&self) -> [u64; 2] {
        [self.pages, self.pages_max]
    }

    /// How the processor is told of them.
    pub fn root(&self) -> UserRoot {
        UserRoot(self.root)
    }

    /// Maps the page at `page` to the frame at `physical`.
    ///
    /// # Errors
    /// [`NoFrame`] when there is none for a table on the way.
    pub fn map(&mut self, page: u64, physical: u64, rights: UserRights) -> Result<(), NoFrame> {
        let address = VirtAddr::new(page);
        let mut table = table_at(self.root);
        for index in [address.p4_index(), address.p3_index(), address.p2_index()] {
            let entry = &mut table[index];
            if entry.is_unused() {
                let frame = (self.frames.allocate)().ok_or(NoFrame)?;
                table_at(frame).zero();
                let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::USER_ACCESSIBLE;
                entry.set_addr(PhysAddr::new(frame), flags);
            }
            table = table_at(entry.addr().as_u64());
        }
        let mut flags = PageTableFlags::PRESENT | PageTableFlags::USER_ACCESSIBLE;
        flags.set(PageTableFlags::WRITABLE, rights.write);
        flags.set(PageTableFlags::NO_EXECUTE, !rights.execute);
        let entry = &mut table[address.p1_index()];
        self.pages += u64::from(entry.is_unused());
        self.pages_max = self.pages_max.max(self.pages);
        entry.set_addr(PhysAddr::new(physical), flags);
        x86_64::instructions::tlb::flush(address);
        Ok(())
    }

    /// Does something with the bytes of the page that has `address`, if one is mapped there and may be written if that is
    /// to be; whether it was. Whoever takes the page away tells these tables first.
    pub fn with_page(&mut self, address: u64, write: bool, body: impl FnOnce(&mut [u8])) -> bool {
        let page = address - address % SIZE;
        let mut found = None;
        walk(self.root, PageTableLevel::Four, 0, &(page..page + SIZE), &mut |_, entry| {
            if !write || entry.flags().contains(PageTableFlags::WRITABLE) {
                found = Some(entry.addr().as_u64());
            }
        });
        let Some(physical) = found else { return false };
        // SAFETY: the frame is the program's, in the direct map, and stays until it is forgotten here, which `self` is
        // held for; the program itself does not run meanwhile.
        body(unsafe {
            core::slice::from_raw_parts_mut((boot::PHYSICAL_MEMORY_OFFSET + physical) as *mut u8, SIZE as usize)
        });
        true
    }

    /// Lets nothing that is mapped in `range` be written until it is mapped again.
    pub fn protect(&mut self, range: Range<u64>) {
        self.for_each(range, |entry| entry.set_flags(entry.flags() - PageTableFlags::WRITABLE));
    }

    /// Forgets what is mapped in `range`.
    pub fn unmap(&mut self, range: Range<u64>) {
        let mut gone = 0;
        self.for_each(range, |entry| {
            entry.set_unused();
            gone += 1;
        });
        self.pages -= gone;
    }

    /// Does something with each entry in `range` that maps a page.
    fn for_each(&mut self, range: Range<u64>, mut body: impl FnMut(&mut PageTableEntry)) {
        let mut flushed = 0;
        walk(self.root, PageTableLevel::Four, 0, &range, &mut |page, entry| {
            body(entry);
            flushed += 1;
            if flushed <= FLUSHED_ONE_BY_ONE {
                x86_64::instructions::tlb::flush(VirtAddr::new(page));
            }
        });
        if flushed > FLUSHED_ONE_BY_ONE {
            x86_64::instructions::tlb::flush_all();
        }
    }
}

/// Bytes of a page.
const SIZE: u64 = 4096;

/// With more entries than these the whole translation cache goes at once.
const FLUSHED_ONE_BY_ONE: usize = 32;

/// The bytes that an entry of a table covers.
fn span(level: PageTableLevel) -> u64 {
    level.entry_address_space_alignment()
}

fn walk(
    table: u64,
    level: PageTableLevel,
    start: u64,
    range: &Range<u64>,
    visit: &mut impl FnMut(u64, &mut PageTableEntry),
) {
    let span = span(level);
    let entries = if level == PageTableLevel::Four { USER_ENTRIES } else { 512 };
    let first = range.start.saturating_sub(start) / span;
    for index in first as usize..entries {
        let page = start + index as u64 * span;
        if page >= range.end {
            return;
        }
        let entry = &mut table_at(table)[index];
        if entry.is_unused() {
            continue;
        }
        match level.next_lower_level() {
            Some(below) => walk(entry.addr().as_u64(), below, page, range, visit),
            None => visit(page, entry),
        }
    }
}

impl Drop for UserTables {
    fn drop(&mut self) {
        fn free(table: u64, level: PageTableLevel, frames: TableFrames) {
            if let Some(below) = level.next_lower_level() {
                let entries = if level == PageTableLevel::Four { USER_ENTRIES } else { 512 };
                for index in 0..entries {
                    let entry = &table_at(table)[index];
                    if !entry.is_unused() {
                        free(entry.addr().as_u64(), below, frames);
                    }
                }
            }
            (frames.free)(table);
        }
        let frame = PhysFrame::containing_address(PhysAddr::new(self.root));
        if Cr3::read().0 == frame
            && let Some(kernel) = kernel_root()
        {
            // SAFETY: the kernel's own tables map everything that the kernel uses.
            unsafe { Cr3::write(PhysFrame::containing_address(PhysAddr::new(kernel)), Cr3Flags::empty()) };
        }
        free(self.root, PageTableLevel::Four, self.frames);
    }
}
