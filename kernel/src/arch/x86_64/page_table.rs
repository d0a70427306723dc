//! The page tables' format: four levels of 512 entries, walked through the direct map.
//!
//! What is mapped where is `mm`'s business; here is how.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::page_table::PageTableEntry;
use x86_64::structures::paging::{PageTable, PageTableFlags, PhysFrame};
use x86_64::{PhysAddr, structures::paging::PageTableIndex};

/// The size of a large page: one entry of a level-2 table.
pub const LARGE_PAGE_SIZE: u64 = 2 << 20;

/// What the kernel may do with a page; reading always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Neither written nor executed.
    Read,
    /// Written, not executed.
    ReadWrite,
    /// Executed, not written.
    ReadExecute,
    /// Written and executed: nothing is mapped so, and [`PageTables::lookup`] can tell if something is.
    ReadWriteExecute,
}

/// There was no frame for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFrame;

/// Gives a frame's physical address, for a new table; what is in it is undefined.
pub type TableSource = fn() -> Option<u64>;

/// The topmost of the kernel's own tables; zero before there are any.
static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);

/// The physical address of the topmost of the kernel's own tables, from when they were activated.
pub(super) fn kernel_root() -> Option<u64> {
    Some(KERNEL_ROOT.load(Ordering::Relaxed)).filter(|&root| root != 0)
}

/// A hierarchy of tables. Its tables live as long as the kernel: there is no way to take one back.
pub struct PageTables {
    root: PhysAddr,
    source: TableSource,
}

impl PageTables {
    /// An empty hierarchy, whose tables come from `source`, here and later.
    ///
    /// # Safety
    /// The frames that `source` gives must be reachable through the direct map and used by no one else.
    pub unsafe fn new(source: TableSource) -> Result<Self, NoFrame> {
        let root = source().ok_or(NoFrame)?;
        let tables = Self { root: PhysAddr::new(root), source };
        // SAFETY: the frame is the caller's gift, and zero is an empty table.
        unsafe { (boot::PHYSICAL_MEMORY_OFFSET as *mut u8).add(root as usize).cast::<PageTable>().write_bytes(0, 1) };
        Ok(tables)
    }

    /// Makes the processor use these tables.
    ///
    /// # Safety
    /// They must map the running code, its data and its stack where they are now.
    pub unsafe fn activate(&self) {
        KERNEL_ROOT.store(self.root.as_u64(), Ordering::Relaxed);
        // SAFETY: the root is a table of this hierarchy; for the rest the caller vouches.
        unsafe { Cr3::write(PhysFrame::containing_address(self.root), Cr3Flags::empty()) };
    }

    /// Maps the page at `page` to the frame at `physical`. Whatever was mapped there is forgotten.
    pub fn map(&mut self, page: u64, physical: u64, rights: Rights) -> Result<(), NoFrame> {
        let address = VirtAddr::new(page);
        let table = self.table(address, 1)?;
        table[address.p1_index()].set_addr(PhysAddr::new(physical), flags(rights));
        tlb::flush(address);
        Ok(())
    }

    /// Maps the large page at `page` to the memory at `physical`, both divisible by [`LARGE_PAGE_SIZE`], where
    /// nothing has been mapped yet.
    pub fn map_large(&mut self, page: u64, physical: u64, rights: Rights) -> Result<(), NoFrame> {
        let address = VirtAddr::new(page);
        let table = self.table(address, 2)?;
        table[address.p2_index()].set_addr(PhysAddr::new(physical), flags(rights) | PageTableFlags::HUGE_PAGE);
        Ok(())
    }

    /// Makes the tables that lead to `page`, so that mapping there cannot fail any more and the topmost entry stays
    /// what it is.
    pub fn prepare(&mut self, page: u64) -> Result<(), NoFrame> {
        self.table(VirtAddr::new(page), 1).map(|_| ())
    }

    /// Takes away what is mapped at `page`; returns the frame's physical address if something was. Not for large pages.
    pub fn unmap(&mut self, page: u64) -> Option<u64> {
        let address = VirtAddr::new(page);
        let mut table = self.root();
        for index in [address.p4_index(), address.p3_index(), address.p2_index()] {
            table = existing(&mut table[index])?;
        }
        let entry = &mut table[address.p1_index()];
        let mapped = entry.flags().contains(PageTableFlags::PRESENT).then(|| entry.addr().as_u64());
        entry.set_unused();
        tlb::flush(address);
        mapped
    }

    /// Where `address` is mapped to, and with what rights. `None` when nothing is mapped there.
    pub fn lookup(&mut self, address: u64) -> Option<(u64, Rights)> {
        let address = VirtAddr::new(address);
        let mut table = self.root();
        let indexes = [address.p4_index(), address.p3_index(), address.p2_index(), address.p1_index()];
        let (mut writable, mut executable) = (true, true);
        for (depth, index) in indexes.into_iter().enumerate() {
            let entry = &mut table[index];
            let flags = entry.flags();
            if !flags.contains(PageTableFlags::PRESENT) {
                return None;
            }
            writable &= flags.contains(PageTableFlags::WRITABLE);
            executable &= !flags.contains(PageTableFlags::NO_EXECUTE);
            let page_bits = 12 + 9 * (3 - depth);
            if depth == 3 || flags.contains(PageTableFlags::HUGE_PAGE) {
                let offset = address.as_u64() & ((1 << page_bits) - 1);
                let rights = match (writable, executable) {
                    (false, false) => Rights::Read,
                    (true, false) => Rights::ReadWrite,
                    (false, true) => Rights::ReadExecute,
                    (true, true) => Rights::ReadWriteExecute,
                };
                return Some((entry.addr().as_u64() + offset, rights));
            }
            table = existing(entry)?;
        }
        None
    }

    /// The level-`level` table (1 or 2) that has `address`'s entry; makes what is missing on the way.
    fn table(&mut self, address: VirtAddr, level: u8) -> Result<&mut PageTable, NoFrame> {
        let source = self.source;
        let mut table = self.root();
        let indexes: [PageTableIndex; 3] = [address.p4_index(), address.p3_index(), address.p2_index()];
        for index in &indexes[..4 - usize::from(level)] {
            let entry = &mut table[*index];
            if entry.is_unused() {
                let frame = source().ok_or(NoFrame)?;
                // SAFETY: `new`'s caller promised that the frame is reachable and no one else's; zero is an empty
                // table.
                unsafe { ((boot::PHYSICAL_MEMORY_OFFSET + frame) as *mut PageTable).write_bytes(0, 1) };
                entry.set_addr(PhysAddr::new(frame), PageTableFlags::PRESENT | PageTableFlags::WRITABLE);
            }
            table = existing(entry).ok_or(NoFrame)?;
        }
        Ok(table)
    }

    fn root(&mut self) -> &mut PageTable {
        // SAFETY: the root is a table of this hierarchy, which `self` owns, and lies in the direct map.
        unsafe { &mut *((boot::PHYSICAL_MEMORY_OFFSET + self.root.as_u64()) as *mut PageTable) }
    }
}

/// The table that `entry` leads to. `None` when it leads nowhere or to a large page.
fn existing(entry: &mut PageTableEntry) -> Option<&mut PageTable> {
    let leads_on =
        entry.flags().contains(PageTableFlags::PRESENT) && !entry.flags().contains(PageTableFlags::HUGE_PAGE);
    // SAFETY: a present entry of an upper level leads to a table of the same hierarchy, which lies in the direct map;
    // the borrow of the entry is a borrow of the hierarchy.
    leads_on.then(|| unsafe { &mut *((boot::PHYSICAL_MEMORY_OFFSET + entry.addr().as_u64()) as *mut PageTable) })
}

fn flags(rights: Rights) -> PageTableFlags {
    PageTableFlags::PRESENT
        | match rights {
            Rights::Read => PageTableFlags::NO_EXECUTE,
            Rights::ReadWrite => PageTableFlags::NO_EXECUTE | PageTableFlags::WRITABLE,
            Rights::ReadExecute => PageTableFlags::empty(),
            Rights::ReadWriteExecute => PageTableFlags::WRITABLE,
        }
}
