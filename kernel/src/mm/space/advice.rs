//! What a program says of its mappings, and asks of them: `madvise(2)`, `msync(2)`, `mincore(2)`.

use alloc::sync::Arc;
use core::ops::Range;

use vfs::content::Shown;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;

use super::backing::Backing;
use super::{AddressSpace, Area, PAGE, Rights};

/// Bytes of a file.
pub type PartOfFile = (Arc<FileObject>, Range<u64>);

impl Area {
    /// Whether it is memory without a file.
    pub(super) fn is_memory(&self) -> bool {
        matches!(self.backing, Backing::Content(_))
    }
}

impl AddressSpace {
    /// Makes what is mapped in `length` bytes from `start` on what it was at first: zeros, or what the file holds
    /// (`MADV_DONTNEED`). What is shared stays as it is.
    ///
    /// # Errors
    /// `EINVAL` for an address that is no page's; `ENOMEM` where not all of it is mapped, or no memory.
    pub fn clear(&mut self, start: u64, length: u64) -> Result<()> {
        let range = self.check_mapped(start, length)?;
        self.split(range.start)?;
        self.split(range.end)?;
        self.tables.lock().unmap(range.clone());
        for (start, area) in self.areas.range(range).filter(|(_, area)| !area.shared) {
            match &area.backing {
                Backing::Content(content) => content.lock().punch(area.first * PAGE, area.end - start)?,
                Backing::File(file) => file.clear(area.first * PAGE, area.end - start)?,
            }
        }
        Ok(())
    }

    /// Fails where something in `range` is not shared memory or a file's that may be written (`MADV_REMOVE`).
    ///
    /// # Errors
    /// `ENOMEM` where not all of it is mapped; `EINVAL` for private memory, `EACCES` for what may not be written.
    pub fn check_removable(&self, range: &Range<u64>) -> Result<()> {
        let range = self.check_mapped(range.start, range.end - range.start)?;
        for (_, area) in self.overlapping(range) {
            if area.is_memory() && !area.shared {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
            if !area.shared || !area.allowed.contains(Rights::WRITE) {
                return fail(FileSystemErrorKind::PermissionDenied);
            }
        }
        Ok(())
    }

    /// Makes zeros of what is shared at the beginning of `range`; up to where that goes, and of what file these bytes are
    /// to be made a hole.
    ///
    /// # Errors
    /// `ENOMEM`, also where nothing is mapped.
    pub fn remove_shared(&mut self, range: Range<u64>) -> Result<(u64, Option<PartOfFile>)> {
        let Some((start, area)) = self.overlapping(range.start..range.start + PAGE).next() else {
            return fail(FileSystemErrorKind::OutOfMemory);
        };
        let end = area.end.min(range.end);
        let first = area.first * PAGE + (range.start - start);
        let bytes = first..first + (end - range.start);
        match &area.backing {
            Backing::File(file) => Ok((end, Some((file.file().clone(), bytes)))),
            Backing::Content(content) => {
                let mut content = content.lock();
                for offset in bytes.step_by(PAGE as usize) {
                    // Others see the page too, so it stays.
                    if !matches!(content.shown(offset / PAGE), Shown::Zeros) {
                        content.write(offset, &mut &[0; PAGE as usize][..])?;
                    }
                }
                Ok((end, None))
            }
        }
    }

    /// As [`AddressSpace::clear`], for memory alone (`MADV_FREE`): what is a file's is refused.
    ///
    /// # Errors
    /// `EINVAL` also for what is not private memory.
    pub fn free(&mut self, start: u64, length: u64) -> Result<()> {
        let range = self.check_mapped(start, length)?;
        if !self.overlapping(range).all(|(_, area)| area.is_memory() && !area.shared) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.clear(start, length)
    }

    /// The first shared mapping of a file in `range`: up to where it is, and its file. What is written there from now on
    /// sets the file's times anew.
    pub fn next_file(&self, range: Range<u64>) -> Option<(u64, Arc<FileObject>)> {
        let (end, file) = self.overlapping(range.clone()).find_map(|(_, area)| match &area.backing {
            Backing::File(mapping) if area.shared => Some((area.end.min(range.end), mapping.file().clone())),
            _ => None,
        })?;
        self.tables.lock().protect(range.start..end);
        Some((end, file))
    }

    /// Says of each page in `pages`, all of which must be mapped, whether it is in memory.
    ///
    /// # Errors
    /// `EINVAL` for an address that is no page's; `ENOMEM` where not all of it is mapped.
    pub fn resident(&self, start: u64, pages: &mut [u8]) -> Result<()> {
        self.check_mapped(start, pages.len() as u64 * PAGE)?;
        for (page, known) in (start..).step_by(PAGE as usize).zip(pages) {
            let Some((begin, area)) = self.overlapping(page..page + PAGE).next() else { continue };
            *known = match &area.backing {
                Backing::Content(content) => {
                    let index = area.first + (page - begin) / PAGE;
                    let is_there = !matches!(content.lock().shown(index), Shown::Zeros);
                    // Who has read zeros has a page too.
                    u8::from(is_there || self.tables.lock().with_page(page, false, |_| ()))
                }
                // All files are in memory.
                Backing::File(_) => 1,
            };
        }
        Ok(())
    }

    /// The areas that have a part in `range`, and where they begin.
    pub(super) fn overlapping(&self, range: Range<u64>) -> impl Iterator<Item = (u64, &Area)> {
        let before = self.areas.range(..=range.start).next_back().map_or(range.start, |(&start, _)| start);
        let areas = self.areas.range(before..range.end).map(|(&start, area)| (start, area));
        areas.filter(move |(_, area)| area.end > range.start)
    }
}
