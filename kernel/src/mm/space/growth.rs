//! Memory that grows down as it is used: the stack, and what is mapped with `MAP_GROWSDOWN` (`mmap(2)`).

use alloc::sync::Arc;

use super::backing::Backing;
use super::marks::Marks;
use super::{AddressSpace, Area, PAGE, USER_START};

/// So much stays free below memory that grows, for who runs out of it must not run into something else
/// (Linux's `stack_guard_gap`).
pub(super) const GUARD_GAP: u64 = 256 * PAGE;

/// How far memory without a file can grow: as far the page where it ends is from the first of what stands behind it.
pub const GROWTH_MAX: u64 = 128 << 20;

impl Area {
    /// The lowest address that this area, which begins at `start`, has for itself: with the gap below it if it grows.
    pub(super) fn lowest(&self, start: u64) -> u64 {
        if self.marks.contains(Marks::GROWS) { start.saturating_sub(GUARD_GAP) } else { start }
    }
}

impl AddressSpace {
    /// Lets the area above `address`, where nothing is mapped, grow down to there; whether it can. It may be as large as
    /// the stack's limit says now (`RLIMIT_STACK`).
    pub(super) fn grow_down(&mut self, address: u64) -> bool {
        let Some((&start, area)) = self.areas.range(address..).next() else { return false };
        let page = address - address % PAGE;
        let more = start - page;
        let is_too_large = page < USER_START || area.end - page > self.bounds.stack || area.first < more / PAGE;
        if !area.marks.contains(Marks::GROWS) || is_too_large {
            return false;
        }
        let below = self.areas.range(..page).next_back();
        let is_too_close = below.is_some_and(|(_, below)| {
            !below.marks.contains(Marks::GROWS) && !below.rights.is_empty() && page - below.end < GUARD_GAP
        });
        let first = area.first - more / PAGE;
        if is_too_close || !self.is_nobody_elses(area, first) || self.check_bounds(&(0..0), more, false).is_err() {
            return false;
        }
        let Some(area) = self.areas.remove(&start) else { return false };
        self.areas.insert(page, Area { first, ..area });
        true
    }

    /// Whether no other area stands on the pages from `first` on that come before those of `area`.
    fn is_nobody_elses(&self, area: &Area, first: u64) -> bool {
        let Backing::Content(content) = &area.backing else { return false };
        let is_there = |start: u64, other: &Area| match &other.backing {
            Backing::Content(of_other) if Arc::ptr_eq(of_other, content) => {
                other.first < area.first && first < other.first + (other.end - start) / PAGE
            }
            _ => false,
        };
        Arc::strong_count(content) == 1 || !self.areas.iter().any(|(&start, other)| is_there(start, other))
    }
}
