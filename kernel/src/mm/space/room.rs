//! Where something new can be mapped.

use core::ops::Range;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::backing::AREA_MEMORY;
use super::{AREAS_MAX, AddressSpace, MAPPINGS_END, PAGE, USER_START, rounded};
use crate::arch::user::USER_END;

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

impl AddressSpace {
    /// Finds `length` bytes in which nothing is mapped, rounded up to pages, or takes away what is there; an area can be
    /// noted then.
    pub(super) fn make_room(&mut self, place: Place, length: u64) -> Result<Range<u64>> {
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
        page::admit(AREA_MEMORY)?;
        if !self.is_free(&range) {
            if matches!(place, Place::IfFree(_)) {
                return fail(FileSystemErrorKind::AlreadyExists);
            }
            self.remove(range.clone())?;
        }
        Ok(range)
    }

    /// Whether nothing is mapped in `range`.
    pub(super) fn is_free(&self, range: &Range<u64>) -> bool {
        self.areas.range(..range.end).next_back().is_none_or(|(_, area)| area.end <= range.start)
    }

    /// Where `length` bytes are free, as high as can be.
    ///
    /// # Errors
    /// `ENOMEM` where there is no room.
    pub fn find_room(&mut self, length: u64) -> Result<u64> {
        self.free_range(0, length)
    }

    /// Where `length` bytes are free: at `hint` if possible, else below what was found last, else as high as can be.
    fn free_range(&mut self, hint: u64, length: u64) -> Result<u64> {
        let hint = hint - hint % PAGE;
        if hint >= USER_START
            && let Some(end) = hint.checked_add(length).filter(|&end| end <= MAPPINGS_END)
            && self.is_free(&(hint..end))
            && self.is_far_below(end)
        {
            return Ok(hint);
        }
        let found = self.free_below(self.room_below, length).or_else(|| self.free_below(MAPPINGS_END, length));
        self.room_below = found.unwrap_or(self.room_below);
        found.ok_or(FileSystemErrorKind::OutOfMemory.into())
    }

    /// Whether what ends at `end` leaves room for what is above it to grow down.
    fn is_far_below(&self, end: u64) -> bool {
        self.areas.range(end..).next().is_none_or(|(&start, area)| end <= area.lowest(start))
    }

    /// The highest `length` free bytes below `end`.
    fn free_below(&self, end: u64, length: u64) -> Option<u64> {
        let mut end = self.areas.get(&end).map_or(end, |area| area.lowest(end));
        for (&start, area) in self.areas.range(..end).rev() {
            if area.end + length <= end {
                break;
            }
            end = end.min(area.lowest(start));
        }
        end.checked_sub(length).filter(|&start| start >= USER_START)
    }
}
