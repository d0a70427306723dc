//! The address space of a program: areas, each with something behind it, and the page tables that note what is there.
//!
//! ```text
//!   0x1000 … │text│ │data│bss│ heap →        ← mappings │  guard  │ stack │ … 0x7fff_ffff_f000
//! ```
//!
//! Behind an area stands a [`Content`], as behind a file: memory without a file is an empty one, and a private mapping
//! of a file is a clone of the file's, which takes constant time. Nothing is mapped before it is touched. A page that is
//! read is mapped to be read, as it stands in the content, shared with whoever else has it; one that is written is made
//! the content's own first. So a fork is a clone of each content, and whoever writes first copies the page.
//!
//! # Invariants
//! - Areas do not overlap. Two areas with one private content stand on different pages of it.
//! - The tables map only pages that an area's content holds, or the page of zeros; to be written only pages that nobody
//!   else holds, or that everybody shares.
//!
//! Locks: [`SharedSpace`]'s, then that of what stands behind an area. Nothing waits while they are held, and user
//! memory is not touched: a fault takes them.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::ops::Range;

use bitflags::bitflags;
use page::Page;
use spin::Once;
use vfs::content::{Content, MAX_LEN};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::sync::{Mutex, MutexGuard};

use super::frames::{self, Frame};
use super::{PAGE_SIZE, pages, paging};
use crate::arch::trap::{Access, PageFault};
use crate::arch::user::USER_END;
use crate::arch::user_tables::{TableFrames, UserRights, UserRoot, UserTables};

const PAGE: u64 = PAGE_SIZE as u64;

/// The first page is never mapped, so that a null pointer faults. Linux leaves more (`vm.mmap_min_addr`).
const USER_START: u64 = 0x1_0000;

/// Below this the addresses of mappings are chosen; above lie the stack and its guard.
pub const MAPPINGS_END: u64 = 0x7fff_f000_0000;

/// The most areas that a space may have (Linux's `vm.max_map_count`).
const AREAS_MAX: usize = 65_530;

/// Bytes of heap that an area takes, about.
const AREA_MEMORY: usize = 256;

/// What stands behind an area.
pub type Backing = Arc<Mutex<Content>>;

bitflags! {
    /// What a program may do with an area; the values of `mmap(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Rights: u64 {
        /// `PROT_READ`.
        const READ = 1;
        /// `PROT_WRITE`.
        const WRITE = 2;
        /// `PROT_EXEC`.
        const EXECUTE = 4;
    }
}

/// What is to be mapped.
#[derive(Clone)]
pub struct Mapping {
    backing: Backing,
    /// The page of the content that the mapping begins with.
    first: u64,
    /// The page of the content from which on there is nothing.
    limit: u64,
    rights: Rights,
    /// Whether a fork shares what is written here.
    shared: bool,
}

impl Mapping {
    /// `length` bytes of zeros, which a fork shares or copies.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn anonymous(length: u64, rights: Rights, shared: bool) -> Result<Self> {
        let mut content = Content::new();
        content.set_len(length)?;
        Ok(Self { limit: u64::MAX, ..Self::of_content(content, 0, rights, shared)? })
    }

    /// What a file holds from `offset` on, a multiple of the page's size; what is written stays the program's own. The
    /// last page is filled with zeros, behind it there is nothing.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn private(mut content: Content, offset: u64, rights: Rights) -> Result<Self> {
        if let Some(end) = content.len().checked_next_multiple_of(PAGE).filter(|&end| end <= MAX_LEN) {
            content.set_len(end)?;
        }
        Self::of_content(content, offset / PAGE, rights, false)
    }

    fn of_content(content: Content, first: u64, rights: Rights, shared: bool) -> Result<Self> {
        page::admit(AREA_MEMORY)?;
        let limit = content.len().div_ceil(PAGE);
        Ok(Self { backing: Arc::new(Mutex::new(content)), first, limit, rights, shared })
    }
}

/// Where something is to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Anywhere, if possible at this address.
    Near(u64),
    /// At this address, in place of what is there.
    At(u64),
    /// At this address, if nothing is there.
    IfFree(u64),
}

/// Why an access cannot be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is mapped there.
    NotMapped,
    /// It is mapped, but not for this.
    NotAllowed,
    /// The file ends before.
    BehindEnd,
    /// There is no memory for the page.
    OutOfMemory,
}

struct Area {
    end: u64,
    mapping: Mapping,
}

/// A program's address space.
pub struct AddressSpace {
    areas: BTreeMap<u64, Area>,
    tables: UserTables,
    /// From where the heap begins to where it ends (`brk(2)`).
    heap: Range<u64>,
}

/// An address space as several use it: a process, its threads, and a child that has no program of its own yet.
pub struct SharedSpace {
    root: UserRoot,
    space: Mutex<AddressSpace>,
}

impl SharedSpace {
    /// A space to be shared.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(space: AddressSpace) -> Result<Arc<Self>> {
        page::admit(size_of::<Self>())?;
        Ok(Arc::new(Self { root: space.tables.root(), space: Mutex::new(space) }))
    }

    /// Makes the processor use it. Takes no lock.
    pub fn activate(&self) {
        // SAFETY: the tables belong to the space, which lives as long as `self`; when they go, the processor is told.
        unsafe { self.root.activate() };
    }

    /// The space itself.
    pub fn lock(&self) -> MutexGuard<'_, AddressSpace> {
        self.space.lock()
    }
}

fn table_frames() -> TableFrames {
    TableFrames {
        allocate: || frames::allocate_above(pages::data_reserve()).map(Frame::address),
        free: |address| frames::free(Frame::containing(address)),
    }
}

/// The page that is mapped wherever a hole is read.
fn zeros() -> core::result::Result<u64, Failure> {
    static ZEROS: Once<Page> = Once::new();
    let page = ZEROS.try_call_once(Page::zeroed).map_err(|_| Failure::OutOfMemory)?;
    page.physical().ok_or(Failure::OutOfMemory)
}

/// Where bytes of the kernel's lie, if they are one frame.
fn physical_page(bytes: &[u8; PAGE_SIZE]) -> Option<u64> {
    let address = bytes.as_ptr() as u64;
    address.is_multiple_of(PAGE).then(|| paging::lookup(address)).flatten().map(|(physical, _)| physical)
}

impl AddressSpace {
    /// A space in which nothing is mapped.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        let tables = UserTables::new(table_frames()).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        Ok(Self { areas: BTreeMap::new(), tables, heap: 0..0 })
    }

    /// A space of its own with the same in it: what is private is copied when one of the two writes it.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn fork(&mut self) -> Result<Self> {
        let mut child = Self::new()?;
        child.heap = self.heap.clone();
        page::admit(self.areas.len() * AREA_MEMORY)?;
        // Before a page is shared nobody can write it any more.
        self.tables.protect(0..USER_END);
        let mut clones: BTreeMap<*const Mutex<Content>, Backing> = BTreeMap::new();
        for (&start, Area { end, mapping }) in &self.areas {
            let backing = match mapping.shared {
                true => mapping.backing.clone(),
                false => clones
                    .entry(Arc::as_ptr(&mapping.backing))
                    .or_insert_with(|| Arc::new(Mutex::new(mapping.backing.lock().clone())))
                    .clone(),
            };
            child.areas.insert(start, Area { end: *end, mapping: Mapping { backing, ..mapping.clone() } });
        }
        Ok(child)
    }

    /// Brings the page that an access faulted at, or says why the access cannot be.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn fault(&mut self, fault: PageFault) -> core::result::Result<(), Failure> {
        let (&start, area) = self.areas.range(..=fault.address).next_back().ok_or(Failure::NotMapped)?;
        let wanted = match fault.access {
            Access::Read => Rights::READ,
            Access::Write => Rights::WRITE,
            Access::Execute => Rights::EXECUTE,
        };
        let rights = area.mapping.rights;
        // The processor lets what can be written or executed be read too.
        let allowed = rights.contains(wanted) || wanted == Rights::READ && !rights.is_empty();
        if fault.address >= area.end {
            return Err(Failure::NotMapped);
        }
        if !allowed {
            return Err(Failure::NotAllowed);
        }
        let page = fault.address - fault.address % PAGE;
        let index = area.mapping.first + (page - start) / PAGE;
        if index >= area.mapping.limit {
            return Err(Failure::BehindEnd);
        }
        let mut content = area.mapping.backing.lock();
        // Whole pages of an archive are mapped as they lie in memory.
        let archived = content.base_page(index).and_then(physical_page);
        // What is shared must be one page for all from the first look on.
        let own = area.mapping.shared
            || wanted == Rights::WRITE
            || content.page(index).is_none() && archived.is_none() && !content.is_hole(index);
        let physical = if own {
            content.own_page(index).ok().and_then(Page::physical).ok_or(Failure::OutOfMemory)?
        } else {
            match (content.page(index), archived) {
                (Some(page), _) => page.physical().ok_or(Failure::OutOfMemory)?,
                (None, Some(physical)) => physical,
                (None, None) => zeros()?,
            }
        };
        let rights =
            UserRights { write: own && rights.contains(Rights::WRITE), execute: rights.contains(Rights::EXECUTE) };
        self.tables.map(page, physical, rights).map_err(|_| Failure::OutOfMemory)
    }

    /// Maps `length` bytes, rounded up to pages; returns where.
    ///
    /// # Errors
    /// `EINVAL` for no length or a fixed address that is no page's; `EEXIST` where something is and must not be
    /// replaced; `ENOMEM` where there is no room, or no memory to note it.
    pub fn map(&mut self, place: Place, length: u64, mapping: Mapping) -> Result<u64> {
        let length = rounded(length)?;
        let start = match place {
            Place::Near(hint) => self.free_range(hint, length)?,
            Place::At(start) | Place::IfFree(start) => {
                if !start.is_multiple_of(PAGE) {
                    return fail(FileSystemErrorKind::InvalidArgument);
                }
                if start < USER_START || start.checked_add(length).is_none_or(|end| end > USER_END) {
                    return fail(FileSystemErrorKind::OutOfMemory);
                }
                start
            }
        };
        let range = start..start + length;
        if self.areas.len() >= AREAS_MAX {
            return fail(FileSystemErrorKind::OutOfMemory);
        }
        if !self.is_free(&range) {
            if matches!(place, Place::IfFree(_)) {
                return fail(FileSystemErrorKind::AlreadyExists);
            }
            self.remove(range.clone())?;
        }
        page::admit(AREA_MEMORY)?;
        self.areas.insert(start, Area { end: range.end, mapping });
        Ok(start)
    }

    /// Takes away what is mapped in `length` bytes from `start` on.
    ///
    /// # Errors
    /// `EINVAL` for no length or an address that is no page's or not the user's; `ENOMEM`.
    pub fn unmap(&mut self, start: u64, length: u64) -> Result<()> {
        self.remove(user_range(start, length)?)
    }

    /// Changes what may be done with `length` bytes from `start` on.
    ///
    /// # Errors
    /// `EINVAL` for an address that is no page's; `ENOMEM` where not all of it is mapped, or no memory to note it.
    pub fn protect(&mut self, start: u64, length: u64, rights: Rights) -> Result<()> {
        if length == 0 && start.is_multiple_of(PAGE) {
            return Ok(());
        }
        let range = self.check_mapped(start, length)?;
        self.split(range.start)?;
        self.split(range.end)?;
        self.areas.range_mut(range.clone()).for_each(|(_, area)| area.mapping.rights = rights);
        // What is still allowed comes back with the next fault.
        self.tables.unmap(range);
        Ok(())
    }

    /// The pages of `length` bytes from `start` on, all of which must be mapped.
    ///
    /// # Errors
    /// `EINVAL` for an address that is no page's; `ENOMEM` where not all of it is mapped.
    pub fn check_mapped(&self, start: u64, length: u64) -> Result<Range<u64>> {
        let range = user_range(start, length)?;
        let mut at = range.start;
        while at < range.end {
            match self.areas.range(..=at).next_back() {
                Some((_, area)) if area.end > at => at = area.end,
                _ => return fail(FileSystemErrorKind::OutOfMemory),
            }
        }
        Ok(range)
    }

    /// What is at `address` for all who share it: what stands behind it, only to be compared, and where in that. `None`
    /// where nobody else shares it.
    ///
    /// # Errors
    /// `EFAULT` where nothing is mapped.
    pub fn shared_place(&self, address: u64) -> Result<Option<(usize, u64)>> {
        let area = self.areas.range(..=address).next_back().filter(|(_, area)| area.end > address);
        let (start, Area { mapping, .. }) = area.ok_or(FileSystemErrorKind::BadAddress)?;
        let offset = mapping.first * PAGE + (address - start);
        Ok(mapping.shared.then(|| (Arc::as_ptr(&mapping.backing).addr(), offset)))
    }

    /// Makes `length` bytes from `start` on zeros again (`MADV_DONTNEED`). What is shared stays as it is.
    ///
    /// # Errors
    /// Those of [`AddressSpace::check_mapped`]; `EINVAL` also for a file's, whose content as it was is not kept.
    pub fn clear(&mut self, start: u64, length: u64) -> Result<()> {
        let range = self.check_mapped(start, length)?;
        self.split(range.start)?;
        self.split(range.end)?;
        self.tables.unmap(range.clone());
        for (start, Area { end, mapping }) in self.areas.range(range) {
            if mapping.limit != u64::MAX {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
            if !mapping.shared {
                mapping.backing.lock().punch(mapping.first * PAGE, end - start)?;
            }
        }
        Ok(())
    }

    /// What is mapped: where, for what, and whether a fork shares it.
    pub fn areas(&self) -> impl Iterator<Item = (Range<u64>, Rights, bool)> {
        self.areas.iter().map(|(&start, area)| (start..area.end, area.mapping.rights, area.mapping.shared))
    }

    /// Where the heap is.
    pub fn heap(&self) -> Range<u64> {
        self.heap.clone()
    }

    /// Reads what the program has at `address` without its doing; how much there is in one piece.
    ///
    /// # Errors
    /// `EFAULT` where nothing is mapped.
    pub fn peek(&self, address: u64, into: &mut [u8]) -> Result<usize> {
        let area = self.areas.range(..=address).next_back().filter(|(_, area)| address < area.end);
        let (start, Area { end, mapping }) = area.ok_or(FileSystemErrorKind::BadAddress)?;
        let count = into.len().min((end - address) as usize);
        let offset = mapping.first * PAGE + (address - start);
        mapping.backing.lock().read(offset, &mut &mut into[..count])
    }

    /// Says where the heap begins; it is empty.
    pub fn set_heap_start(&mut self, start: u64) {
        self.heap = start..start;
    }

    /// Moves the heap's end to `end` if that can be; returns where it is then (`brk(2)`).
    pub fn set_heap_end(&mut self, end: u64) -> u64 {
        let (old, new) = (self.heap.end.next_multiple_of(PAGE), end.checked_next_multiple_of(PAGE));
        let Some(new) = new.filter(|&new| end >= self.heap.start && new < MAPPINGS_END) else {
            return self.heap.end;
        };
        let moved = if new > old { self.grow_heap(old..new) } else { self.remove(new..old) };
        if moved.is_ok() {
            self.heap.end = end;
        }
        self.heap.end
    }

    fn grow_heap(&mut self, range: Range<u64>) -> Result<()> {
        if !self.is_free(&range) {
            return fail(FileSystemErrorKind::OutOfMemory);
        }
        let rights = Rights::READ | Rights::WRITE;
        // The last piece of the heap grows; a heap that begins, or whose end has other rights now, gets a new one.
        if let Some((&start, area)) = self.areas.range_mut(self.heap.start..range.start).next_back()
            && area.end == range.start
            && area.mapping.rights == rights
        {
            let end = (area.mapping.first * PAGE) + (range.end - start);
            let mut content = area.mapping.backing.lock();
            if content.len() < end {
                content.set_len(end)?;
            }
            drop(content);
            area.end = range.end;
            return Ok(());
        }
        let length = range.end - range.start;
        self.map(Place::IfFree(range.start), length, Mapping::anonymous(length, rights, false)?).map(|_| ())
    }

    /// Whether nothing is mapped in `range`.
    fn is_free(&self, range: &Range<u64>) -> bool {
        self.areas.range(..range.end).next_back().is_none_or(|(_, area)| area.end <= range.start)
    }

    /// Where `length` bytes are free, as high as can be.
    ///
    /// # Errors
    /// `ENOMEM` where there is no room.
    pub fn find_room(&self, length: u64) -> Result<u64> {
        self.free_range(0, length)
    }

    /// Where `length` bytes are free: at `hint` if possible, else as high as can be.
    fn free_range(&self, hint: u64, length: u64) -> Result<u64> {
        let hint = hint - hint % PAGE;
        if hint >= USER_START
            && let Some(end) = hint.checked_add(length).filter(|&end| end <= MAPPINGS_END)
            && self.is_free(&(hint..end))
        {
            return Ok(hint);
        }
        let mut end = MAPPINGS_END;
        for (&start, area) in self.areas.range(..MAPPINGS_END).rev() {
            if area.end + length <= end {
                break;
            }
            end = end.min(start);
        }
        end.checked_sub(length).filter(|&start| start >= USER_START).ok_or(FileSystemErrorKind::OutOfMemory.into())
    }

    /// Takes away what is mapped in `range`, whose bounds are pages'.
    fn remove(&mut self, range: Range<u64>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.split(range.start)?;
        self.split(range.end)?;
        self.tables.unmap(range.clone());
        while let Some((&start, _)) = self.areas.range(range.clone()).next() {
            if let Some(Area { end, mapping }) = self.areas.remove(&start)
                && !mapping.shared
                // Who has it alone drops it as a whole.
                && Arc::strong_count(&mapping.backing) > 1
            {
                // Pages that cannot be given back now (no memory for the tables above them) go with the rest.
                let _ = mapping.backing.lock().punch(mapping.first * PAGE, end - start);
            }
        }
        Ok(())
    }

    /// Makes `at` a bound between areas, if it lies within one.
    fn split(&mut self, at: u64) -> Result<()> {
        let Some((&start, area)) = self.areas.range_mut(..at).next_back().filter(|(_, area)| area.end > at) else {
            return Ok(());
        };
        page::admit(AREA_MEMORY)?;
        let first = area.mapping.first + (at - start) / PAGE;
        let behind = Area { end: area.end, mapping: Mapping { first, ..area.mapping.clone() } };
        area.end = at;
        self.areas.insert(at, behind);
        Ok(())
    }
}

/// `length` in whole pages.
fn rounded(length: u64) -> Result<u64> {
    match length.checked_next_multiple_of(PAGE) {
        Some(0) => fail(FileSystemErrorKind::InvalidArgument),
        Some(length) if length <= USER_END => Ok(length),
        _ => fail(FileSystemErrorKind::OutOfMemory),
    }
}

/// The pages of `length` bytes from `start` on.
fn user_range(start: u64, length: u64) -> Result<Range<u64>> {
    let end = length.checked_next_multiple_of(PAGE).and_then(|length| start.checked_add(length));
    match end {
        Some(end) if start.is_multiple_of(PAGE) && end > start && end <= USER_END => Ok(start..end),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}
