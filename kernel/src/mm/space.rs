//! The address space of a program: areas, each with something behind it, and the page tables that note what is there.
//!
//! ```text
//!   0x1000 … │text│ │data│bss│ heap →        ← mappings │  guard  │ stack │ … 0x7fff_ffff_f000
//! ```
//!
//! Behind memory without a file stands a [`Content`], as behind a file; at first it is empty. Nothing is mapped before it
//! is touched. A page that is read is mapped to be read, as it stands in the content, shared with whoever else has it; one
//! that is written is made the content's own first. So a fork is a clone of each content, which takes constant time, and
//! whoever writes first copies the page.
//!
//! Behind a mapping of a file stands a [`FileMapping`], which notes the file's pages, and hears when they go. If it is
//! private it has a content as well, for the pages that were written.
//!
//! # Invariants
//! - Areas do not overlap. Two areas with one private content stand on different pages of it.
//! - The tables map only pages that an area's content holds, the page of zeros, or those that a file has shown to a
//!   mapping of it; to be written only pages that nobody else holds, or that everybody shares.
//!
//! Locks, outermost first: [`SharedSpace`]'s; the content of memory; that of a file, which is tried and never waited for;
//! the tables'. Whoever changes a file has the file's and takes the tables' alone. While any is held nobody waits
//! for an operation on a file, and user memory is not touched: a fault takes them. Files are let go of when none is
//! held.

mod advice;
mod backing;
mod bounds;
mod fault;
mod file_mapping;
mod foreign;
mod growth;
mod heap;
mod marks;
mod remap;
mod room;

pub use backing::{Mapping, Rights};
pub use bounds::Bounds;
pub use fault::Failure;
pub use growth::GROWTH_MAX;
pub use marks::Marks;
pub use remap::Remap;
pub use room::Place;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::ops::{Deref, DerefMut, Range};

use vfs::content::Content;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::metadata::NodeId;
use vfs::sync::{Mutex, MutexGuard};

use self::backing::{AREA_MEMORY, Backing, Source};
use self::fault::{physical_page, zeros};
use self::file_mapping::{FileMapping, Released, Shows};
use super::frames::{self, Frame};
use super::{PAGE_SIZE, pages};
use crate::arch::user::USER_END;
use crate::arch::user_tables::{TableFrames, UserRoot, UserTables};

const PAGE: u64 = PAGE_SIZE as u64;

/// The first page is never mapped, so that a null pointer faults. Linux leaves more (`vm.mmap_min_addr`).
pub const USER_START: u64 = 0x1_0000;

/// Below this the addresses of mappings are chosen; above lie the stack and its guard.
pub const MAPPINGS_END: u64 = 0x7fff_f000_0000;

/// The most areas that a space may have (Linux's `vm.max_map_count`).
pub const AREAS_MAX: usize = 65_530;

#[derive(Clone)]
struct Area {
    end: u64,
    backing: Backing,
    /// The page of what stands behind it that it begins with.
    first: u64,
    /// The page from which on there is nothing.
    limit: u64,
    rights: Rights,
    /// What the rights can become.
    allowed: Rights,
    /// Whether a fork shares what is written here.
    shared: bool,
    marks: Marks,
}

/// What is mapped, to be told of.
pub struct Mapped {
    /// Where.
    pub range: Range<u64>,
    /// What the program may do there.
    pub rights: Rights,
    /// Whether a fork shares it.
    pub shared: bool,
    /// The file, if there is one, and from which byte on.
    pub file: Option<(Arc<FileObject>, u64)>,
}

/// What stands behind memory that several see. Only compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shared {
    /// What is at that address in the kernel.
    Memory(usize),
    /// A file.
    File(NodeId),
}

/// A program's tables, which its mappings of files know too.
type Tables = Arc<Mutex<UserTables>>;

/// A program's address space.
pub struct AddressSpace {
    areas: BTreeMap<u64, Area>,
    tables: Tables,
    released: Released,
    /// Where a search for room begins: above it none was found.
    room_below: u64,
    /// From where the heap begins to where it ends (`brk(2)`).
    heap: Range<u64>,
    bounds: Bounds,
    /// Whether what is mapped is locked at once (`MCL_FUTURE`).
    locks_new: bool,
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
        let root = space.tables.lock().root();
        Ok(Arc::new(Self { root, space: Mutex::new(space) }))
    }

    /// Makes the processor use it. Takes no lock.
    pub fn activate(&self) {
        // SAFETY: the tables belong to the space, which lives as long as `self`; when they go, the processor is told.
        unsafe { self.root.activate() };
    }

    /// The space itself.
    pub fn lock(&self) -> LockedSpace<'_> {
        LockedSpace { space: self.space.lock(), released: Released::default() }
    }
}

/// A space that nobody else uses. What it lets go of goes when it is free again.
pub struct LockedSpace<'a> {
    space: MutexGuard<'a, AddressSpace>,
    released: Released,
}

impl Deref for LockedSpace<'_> {
    type Target = AddressSpace;

    fn deref(&self) -> &AddressSpace {
        &self.space
    }
}

impl DerefMut for LockedSpace<'_> {
    fn deref_mut(&mut self) -> &mut AddressSpace {
        &mut self.space
    }
}

impl Drop for LockedSpace<'_> {
    fn drop(&mut self) {
        // Fields go in their order: the lock first.
        self.released = core::mem::take(&mut self.space.released);
    }
}

fn table_frames() -> TableFrames {
    TableFrames {
        allocate: || frames::allocate_above(pages::data_reserve()).map(Frame::address),
        free: |address| frames::free(Frame::containing(address)),
    }
}

impl AddressSpace {
    /// A space in which nothing is mapped.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        let tables = UserTables::new(table_frames()).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        page::admit(size_of::<Mutex<UserTables>>())?;
        let tables = Arc::new(Mutex::new(tables));
        let (areas, released, bounds) = (BTreeMap::new(), Released::default(), Bounds::default());
        Ok(Self { areas, tables, released, room_below: MAPPINGS_END, heap: 0..0, bounds, locks_new: false })
    }

    /// A space of its own with the same in it: what is private is copied when one of the two writes it.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn fork(&mut self) -> Result<Self> {
        let mut child = Self::new()?;
        child.heap = self.heap.clone();
        child.bounds = self.bounds;
        page::admit(self.areas.len() * AREA_MEMORY)?;
        // Before a page is shared nobody can write it any more.
        self.tables.lock().protect(0..USER_END);
        let mut contents: BTreeMap<*const Mutex<Content>, Arc<Mutex<Content>>> = BTreeMap::new();
        let mut files: BTreeMap<*const FileMapping, Arc<FileMapping>> = BTreeMap::new();
        for (&start, area) in self.areas.iter().filter(|(_, area)| !area.marks.contains(Marks::LEFT_OUT)) {
            let backing = match &area.backing {
                Backing::Content(content) if area.shared => Backing::Content(content.clone()),
                Backing::Content(content) => {
                    let clone = || Arc::new(Mutex::new(content.lock().clone()));
                    Backing::Content(contents.entry(Arc::as_ptr(content)).or_insert_with(clone).clone())
                }
                // Pieces of one mapping are pieces of one again.
                Backing::File(file) => {
                    let known = files.get(&Arc::as_ptr(file)).cloned();
                    let again = known.map_or_else(|| file.in_tables(&child.tables), Ok)?;
                    files.insert(Arc::as_ptr(file), again.clone());
                    Backing::File(again)
                }
            };
            child.areas.insert(start, area.for_child(backing)?);
        }
        Ok(child)
    }

    /// The mapping of a file that has `address`, if there is one.
    fn file_at(&self, address: u64) -> Option<Arc<FileMapping>> {
        let (_, area) = self.areas.range(..=address).next_back().filter(|(_, area)| address < area.end)?;
        match &area.backing {
            Backing::File(file) => Some(file.clone()),
            Backing::Content(_) => None,
        }
    }

    /// Maps `length` bytes, rounded up to pages; returns where.
    ///
    /// # Errors
    /// `EINVAL` for no length or a fixed address that is no page's; `EEXIST` where something is and must not be
    /// replaced; `ENOMEM` where there is no room, or no memory to note it.
    pub fn map(&mut self, place: Place, length: u64, mapping: Mapping) -> Result<u64> {
        let replaced = if let Place::At(start) = place { start..start.saturating_add(length) } else { 0..0 };
        self.check_bounds(&replaced, rounded(length)?, !mapping.shared && mapping.rights.contains(Rights::WRITE))?;
        let range = self.make_room(place, length)?;
        let Mapping { source, first, limit, rights, allowed, shared, mut marks } = mapping;
        marks.set(Marks::LOCKED, self.locks_new || marks.contains(Marks::LOCKED));
        let shows = || Shows {
            tables: self.tables.clone(),
            start: range.start,
            pages: first..first + (range.end - range.start) / PAGE,
        };
        let backing = match source {
            Source::Memory(content) => Backing::Content(Arc::new(Mutex::new(content))),
            Source::Private(file, own) => Backing::File(FileMapping::private(file, own, shows())?),
            Source::Shared(file) => Backing::File(FileMapping::shared(file, allowed.contains(Rights::WRITE), shows())?),
        };
        let area = Area { end: range.end, backing, first, limit, rights, allowed, shared, marks };
        self.areas.insert(range.start, area);
        Ok(range.start)
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
    /// `EINVAL` for an address that is no page's; `ENOMEM` where not all of it is mapped, or no memory to note it;
    /// `EACCES` for rights that a file was not opened for.
    pub fn protect(&mut self, start: u64, length: u64, rights: Rights) -> Result<()> {
        if length == 0 && start.is_multiple_of(PAGE) {
            return Ok(());
        }
        let range = self.check_mapped(start, length)?;
        self.check_unsealed(&range)?;
        self.split(range.start)?;
        self.split(range.end)?;
        for (_, area) in self.areas.range_mut(range.clone()) {
            // As on Linux what comes before stays changed.
            if !area.allowed.contains(rights) {
                return fail(FileSystemErrorKind::PermissionDenied);
            }
            area.rights = rights;
            // What is still allowed comes back with the next fault.
            self.tables.lock().unmap(range.start..area.end);
        }
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

    /// What is at `address` for all who share it: what stands behind it, and where in that. `None` where nobody else
    /// shares it.
    ///
    /// # Errors
    /// `EFAULT` where nothing is mapped.
    pub fn shared_place(&self, address: u64) -> Result<Option<(Shared, u64)>> {
        let area = self.areas.range(..=address).next_back().filter(|(_, area)| area.end > address);
        let (start, area) = area.ok_or(FileSystemErrorKind::BadAddress)?;
        let offset = area.first * PAGE + (address - start);
        let behind = match &area.backing {
            Backing::Content(content) => Shared::Memory(Arc::as_ptr(content).addr()),
            Backing::File(file) => Shared::File(file.file().node().id()),
        };
        Ok(area.shared.then_some((behind, offset)))
    }

    /// What is mapped.
    pub fn areas(&self) -> impl ExactSizeIterator<Item = Mapped> {
        self.areas.iter().map(|(&start, area)| {
            let file = match &area.backing {
                Backing::File(mapping) => Some((mapping.file().clone(), area.first * PAGE)),
                Backing::Content(_) => None,
            };
            Mapped { range: start..area.end, rights: area.rights, shared: area.shared, file }
        })
    }

    /// Reads what the program has at `address` without its doing; how much there is in one piece.
    ///
    /// # Errors
    /// `EFAULT` where nothing is mapped, or a file itself.
    pub fn peek(&self, address: u64, into: &mut [u8]) -> Result<usize> {
        let area = self.areas.range(..=address).next_back().filter(|(_, area)| address < area.end);
        let Some((start, Area { end, first, backing: Backing::Content(content), .. })) = area else {
            return fail(FileSystemErrorKind::BadAddress);
        };
        let count = into.len().min((end - address) as usize);
        content.lock().read(first * PAGE + (address - start), &mut &mut into[..count])
    }

    /// Takes away what is mapped in `range`, whose bounds are pages'.
    ///
    /// # Errors
    /// `EPERM` where something is to stay, `ENOMEM`.
    fn remove(&mut self, range: Range<u64>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.check_unsealed(&range)?;
        self.split(range.start)?;
        self.split(range.end)?;
        self.room_below = self.room_below.max(range.end.min(MAPPINGS_END));
        self.tables.lock().unmap(range.clone());
        while let Some((&start, _)) = self.areas.range(range.clone()).next() {
            let Some(area) = self.areas.remove(&start) else { continue };
            match area.backing {
                // Who has it alone drops it as a whole.
                Backing::Content(content) if !area.shared && Arc::strong_count(&content) > 1 => {
                    // Pages that cannot be given back now (no memory for the tables above them) go with the rest.
                    let _ = content.lock().punch(area.first * PAGE, area.end - start);
                }
                Backing::Content(_) => {}
                Backing::File(file) => {
                    file.forget_copies(area.first..area.first + (area.end - start) / PAGE);
                    self.released.push(file);
                }
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
        let first = area.first + (at - start) / PAGE;
        let behind = Area { first, ..area.clone() };
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
