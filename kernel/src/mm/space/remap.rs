//! Making mappings longer, shorter, and moving them (`mremap(2)`).

use alloc::sync::Arc;
use core::ops::Range;

use vfs::content::Content;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::sync::Mutex;

use super::backing::Backing;
use super::file_mapping::Shows;
use super::{AddressSpace, Area, PAGE, Place, Rights, rounded, user_range};
use crate::arch::user::USER_END;

/// How a mapping may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remap {
    /// Where it is (no flags).
    InPlace,
    /// It moves if it must (`MREMAP_MAYMOVE`).
    MayMove,
    /// It moves to this address, in place of what is there (`MREMAP_FIXED`).
    To(u64),
    /// It moves, to this address if any, and new memory stays where it was (`MREMAP_DONTUNMAP`).
    Leaving(Option<u64>),
}

impl Remap {
    fn target(self) -> Option<u64> {
        match self {
            Self::To(target) => Some(target),
            Self::Leaving(target) => target,
            Self::InPlace | Self::MayMove => None,
        }
    }
}

impl AddressSpace {
    /// Lets what is mapped in `length` bytes from `start` on have `new_length`; returns where it is then. Of no length,
    /// what is shared is mapped once more.
    ///
    /// # Errors
    /// `EINVAL` for what is no page's address or no length, for a target that overlaps, and for leaving what is not
    /// private memory; `EFAULT` where not all is one mapping; `ENOMEM` where it cannot grow.
    pub fn remap(&mut self, start: u64, length: u64, new_length: u64, how: Remap) -> Result<u64> {
        let new_length = rounded(new_length)?;
        let Some(length) = length.checked_next_multiple_of(PAGE) else { return fail(FileSystemErrorKind::BadAddress) };
        if !start.is_multiple_of(PAGE) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let old = start..start.saturating_add(length);
        if let Some(target) = how.target() {
            let new = user_range(target, new_length)?;
            if new.start < old.end && old.start < new.end {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
        }
        let area = self.area_at(start).ok_or(FileSystemErrorKind::BadAddress)?;
        if length == 0 {
            return self.map_again(start, area, new_length, how);
        }
        self.check_unsealed(&(start..old.end.min(USER_END)))?;
        let leaves = matches!(how, Remap::Leaving(_));
        if leaves && (area.shared || !area.is_memory() || length != new_length) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let is_whole = old.end <= area.end;
        if how.target().is_none() && !leaves && new_length <= length {
            self.remove(start + new_length..old.end)?;
            return Ok(start);
        }
        if let Some(target) = how.target()
            && !is_whole
            && length == new_length
        {
            return self.move_several(old, target, leaves);
        }
        if !is_whole {
            return fail(FileSystemErrorKind::BadAddress);
        }
        if how.target().is_some() && new_length < length {
            self.remove(start + new_length..old.end)?;
        }
        let old = start..start + length.min(new_length);
        self.split(old.start)?;
        self.split(old.end)?;
        if let Some(area) = self.area_at(start) {
            let more = new_length.saturating_sub(old.end - old.start);
            self.check_bounds(&(0..0), more, !area.shared && area.rights.contains(Rights::WRITE))?;
        }
        if how.target().is_none() && !leaves {
            let grown = old.end..start.saturating_add(new_length);
            if grown.end <= USER_END && self.is_free(&grown) {
                self.grow(start, grown.end)?;
                return Ok(start);
            }
            if how == Remap::InPlace {
                return fail(FileSystemErrorKind::OutOfMemory);
            }
        }
        let new = self.make_room(how.target().map_or(Place::Near(0), Place::At), new_length)?;
        self.move_area(old, new.clone(), leaves)?;
        Ok(new.start)
    }

    /// Moves all that is mapped in `old` to `target` on, with what is free in between.
    fn move_several(&mut self, old: Range<u64>, target: u64, leaves: bool) -> Result<u64> {
        self.split(old.start)?;
        self.split(old.end)?;
        let mut at = old.start;
        while let Some((&start, area)) = self.areas.range(at..old.end).next() {
            let piece = start..area.end;
            let place = Place::At(target + (start - old.start));
            at = piece.end;
            let new = self.make_room(place, piece.end - piece.start)?;
            self.move_area(piece, new, leaves)?;
        }
        Ok(target)
    }

    /// Lets the shared mapping in `range` show what it shows from page `first` on (`remap_file_pages(2)`).
    ///
    /// # Errors
    /// `EINVAL` where not all is shared and shows one thing; `EOVERFLOW` beyond what a file can have; `ENOMEM`.
    pub fn show_other(&mut self, range: Range<u64>, first: u64) -> Result<()> {
        let invalid = FileSystemErrorKind::InvalidArgument;
        let area = self.area_at(range.start).filter(|area| area.shared).ok_or(invalid)?;
        self.check_mapped(range.start, range.end - range.start).or(fail(invalid))?;
        let is_same = |other: &Area| {
            other.shared
                && match (&other.backing, &area.backing) {
                    (Backing::Content(one), Backing::Content(other)) => Arc::ptr_eq(one, other),
                    (Backing::File(one), Backing::File(other)) => Arc::ptr_eq(one.file(), other.file()),
                    _ => false,
                }
        };
        if !self.overlapping(range.clone()).all(|(_, other)| is_same(other)) {
            return fail(invalid);
        }
        let pages = (range.end - range.start) / PAGE;
        if first.checked_add(pages).is_none_or(|end| end > i64::MAX as u64 / PAGE) {
            return fail(FileSystemErrorKind::Overflow);
        }
        let limit = match &area.backing {
            Backing::Content(content) => content.lock().len() / PAGE,
            Backing::File(_) => area.limit,
        };
        let backing = self.placed(&area.backing, first, &range)?;
        self.remove(range.clone())?;
        self.areas.insert(range.start, Area { end: range.end, backing, first, limit, ..area });
        Ok(())
    }

    /// A copy of what is noted of the area that has `address`.
    fn area_at(&self, address: u64) -> Option<Area> {
        self.areas.range(..=address).next_back().filter(|(_, area)| address < area.end).map(|(_, area)| area.clone())
    }

    /// Maps what is shared at `start` once more.
    fn map_again(&mut self, start: u64, area: Area, length: u64, how: Remap) -> Result<u64> {
        if !area.shared || how == Remap::InPlace {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let begin = self.areas.range(..=start).next_back().map_or(start, |(&begin, _)| begin);
        let first = area.first + (start - begin) / PAGE;
        let new = self.make_room(how.target().map_or(Place::Near(0), Place::At), length)?;
        let backing = self.placed(&area.backing, first, &new)?;
        self.areas.insert(new.start, Area { end: new.end, backing, first, ..area });
        Ok(new.start)
    }

    /// What stands behind an area, for one at `place` that begins with page `first` of it.
    fn placed(&self, backing: &Backing, first: u64, place: &Range<u64>) -> Result<Backing> {
        Ok(match backing {
            Backing::Content(content) => Backing::Content(content.clone()),
            Backing::File(file) => {
                let pages = first..first + (place.end - place.start) / PAGE;
                Backing::File(file.again(Shows { tables: self.tables.clone(), start: place.start, pages })?)
            }
        })
    }

    /// Lets the area at `start` end at `end`, up to which nothing is mapped.
    fn grow(&mut self, start: u64, end: u64) -> Result<()> {
        let area = self.area_at(start).ok_or(FileSystemErrorKind::BadAddress)?;
        let backing = self.grown(start..area.end, &area, end - start)?;
        self.replace_area(start, Area { end, backing, ..area });
        Ok(())
    }

    /// What stands behind `area`, which is at `range`, with room for `length` bytes that are nobody else's.
    fn grown(&mut self, range: Range<u64>, area: &Area, length: u64) -> Result<Backing> {
        let Backing::Content(content) = &area.backing else {
            return self.placed(&area.backing, area.first, &(range.start..range.start + length));
        };
        let kept = if area.shared || Arc::strong_count(content) <= 2 {
            // The area's, and the one in our hand.
            content.clone()
        } else {
            self.separate(&range, area.first, content)?
        };
        let end = area.first * PAGE + length;
        let mut grown = kept.lock();
        if grown.len() < end {
            grown.set_len(end)?;
        }
        drop(grown);
        Ok(Backing::Content(kept))
    }

    /// Takes the pages of one area out of a content that others stand on too, into one of their own.
    fn separate(&self, range: &Range<u64>, first: u64, content: &Mutex<Content>) -> Result<Arc<Mutex<Content>>> {
        let bytes = first * PAGE..first * PAGE + (range.end - range.start);
        // Until they are the new one's alone nobody may write them.
        self.tables.lock().protect(range.clone());
        let mut content = content.lock();
        let mut own = content.clone();
        own.punch(0, bytes.start)?;
        own.punch(bytes.end, u64::MAX)?;
        content.punch(bytes.start, bytes.end - bytes.start)?;
        Ok(Arc::new(Mutex::new(own)))
    }

    /// Moves the area at `old` to `new`, where nothing is mapped and which may be longer.
    fn move_area(&mut self, old: Range<u64>, new: Range<u64>, leaves: bool) -> Result<()> {
        let area = self.area_at(old.start).ok_or(FileSystemErrorKind::BadAddress)?;
        let moved = match new.end - new.start > old.end - old.start {
            true if matches!(area.backing, Backing::Content(_)) => {
                self.grown(old.clone(), &area, new.end - new.start)?
            }
            _ => self.placed(&area.backing, area.first, &new)?,
        };
        self.tables.lock().unmap(old.clone());
        if leaves {
            let mut content = Content::new();
            content.set_len(area.first * PAGE + (old.end - old.start))?;
            let backing = Backing::Content(Arc::new(Mutex::new(content)));
            self.areas.insert(old.start, Area { backing, ..area.clone() });
        } else {
            self.release_area(old.start);
        }
        self.areas.insert(new.start, Area { end: new.end, backing: moved, ..area });
        Ok(())
    }

    /// Notes something else of the area at `start`.
    fn replace_area(&mut self, start: u64, area: Area) {
        let Area { end, .. } = area;
        self.tables.lock().unmap(start..end);
        self.release_area(start);
        self.areas.insert(start, area);
    }

    /// Forgets the area at `start`, whose content stays.
    fn release_area(&mut self, start: u64) {
        if let Some(Area { backing: Backing::File(file), first, end, .. }) = self.areas.remove(&start) {
            file.forget_copies(first..first + (end - start) / PAGE);
            self.released.push(file);
        }
    }
}
