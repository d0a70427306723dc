//! What programs say of pieces of their memory: `mlock(2)`, `mseal(2)`, and what of `madvise(2)` is kept.

use alloc::sync::Arc;
use core::ops::Range;

use bitflags::bitflags;
use vfs::content::Content;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::sync::Mutex;

use super::backing::Backing;
use super::{AddressSpace, Area, Rights};

bitflags! {
    /// What is said of an area.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Marks: u8 {
        /// It grows down (`MAP_GROWSDOWN`).
        const GROWS = 1;
        /// It stays as it is (`mseal(2)`).
        const SEALED = 2;
        /// Whoever touches it gets a signal (`MADV_GUARD_INSTALL`).
        const GUARD = 4;
        /// It stays in memory, which all does (`mlock(2)`); but that is limited.
        const LOCKED = 8;
        /// A child does not get it (`MADV_DONTFORK`).
        const LEFT_OUT = 16;
        /// A child finds zeros there (`MADV_WIPEONFORK`).
        const WIPED = 32;
    }
}

impl Area {
    /// The area as a child gets it, with what stands behind it there.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn for_child(&self, backing: Backing) -> Result<Self> {
        let mut child = Self { backing, marks: self.marks - Marks::LOCKED, ..self.clone() };
        if self.marks.contains(Marks::WIPED)
            && let Backing::Content(content) = &self.backing
        {
            let mut empty = Content::new();
            empty.set_len(content.lock().len())?;
            child.backing = Backing::Content(Arc::new(Mutex::new(empty)));
            child.marks -= Marks::GUARD;
        }
        Ok(child)
    }
}

impl AddressSpace {
    /// Says something of the pages in `range`, all of which must be mapped, in place of something else.
    ///
    /// # Errors
    /// `EINVAL` for an address that is no page's; `ENOMEM` where not all of it is mapped, or no memory to note it.
    pub fn mark(&mut self, range: &Range<u64>, said: Marks, instead_of: Marks) -> Result<()> {
        let range = self.check_mapped(range.start, range.end - range.start)?;
        self.split(range.start)?;
        self.split(range.end)?;
        for (_, area) in self.areas.range_mut(range) {
            area.marks = (area.marks - instead_of) | said;
        }
        Ok(())
    }

    /// As [`AddressSpace::mark`], for private memory without a file alone.
    ///
    /// # Errors
    /// `EINVAL` also for what is no such memory.
    pub fn mark_memory(&mut self, range: &Range<u64>, said: Marks, instead_of: Marks) -> Result<()> {
        if !self.overlapping(range.clone()).all(|(_, area)| area.is_memory() && !area.shared) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.mark(range, said, instead_of)
    }

    /// Lets whoever touches the pages in `range` get a signal. What is private there is zeros from now on.
    ///
    /// # Errors
    /// Those of [`AddressSpace::clear`].
    pub fn guard(&mut self, range: &Range<u64>) -> Result<()> {
        self.clear(range.start, range.end - range.start)?;
        self.mark(range, Marks::GUARD, Marks::empty())
    }

    /// Whether something in `range` is marked so.
    pub fn is_marked(&self, range: &Range<u64>, marks: Marks) -> bool {
        self.overlapping(range.clone()).any(|(_, area)| area.marks.intersects(marks))
    }

    /// Fails where something in `range` is to stay as it is.
    ///
    /// # Errors
    /// `EPERM`.
    pub(super) fn check_unsealed(&self, range: &Range<u64>) -> Result<()> {
        if self.is_marked(range, Marks::SEALED) { fail(FileSystemErrorKind::NotPermitted) } else { Ok(()) }
    }

    /// Fails where something in `range` must not lose what is there: what is sealed and private, and cannot be written.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn check_may_lose(&self, range: &Range<u64>) -> Result<()> {
        let must_keep =
            |area: &Area| area.marks.contains(Marks::SEALED) && !area.shared && !area.rights.contains(Rights::WRITE);
        let keeps = self.overlapping(range.clone()).any(|(_, area)| must_keep(area));
        if keeps { fail(FileSystemErrorKind::NotPermitted) } else { Ok(()) }
    }

    /// Bytes that are marked so, in `range`.
    pub fn marked(&self, range: &Range<u64>, marks: Marks) -> u64 {
        let areas = self.overlapping(range.clone()).filter(|(_, area)| area.marks.intersects(marks));
        areas.map(|(start, area)| area.end.min(range.end) - start.max(range.start)).sum()
    }

    /// Says the same of all that is mapped now, and of what is mapped from now on.
    pub fn mark_all(&mut self, now: Option<bool>, later: bool) {
        for area in self.areas.values_mut() {
            if let Some(locked) = now {
                area.marks.set(Marks::LOCKED, locked);
            }
        }
        self.locks_new = later;
    }

    /// Whether what is mapped is locked at once.
    pub fn locks_new(&self) -> bool {
        self.locks_new
    }

    /// Bytes that are mapped.
    pub fn size(&self) -> u64 {
        self.areas.iter().map(|(start, area)| area.end - start).sum()
    }
}
