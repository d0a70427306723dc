//! The memory map: what the firmware says, less what is taken.
//!
//! Firmware lists may overlap and come in any order, and know nothing of the kernel. The map here is kept sorted and
//! without overlaps, and everything that must not be handed out is cut from it.

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};

/// How many regions are kept. Machines have about ten; each cut adds at most two.
const CAPACITY: usize = 128;

/// Regions start and end on a boundary of this many bytes.
const PAGE: u64 = 4096;

/// The firmware's number for memory that is free for use (ACPI 6.5, table 15.11).
const FIRMWARE_USABLE: u32 = 1;

/// A list of regions, sorted by start, none overlapping another.
pub(crate) struct MemoryMap {
    regions: [MemoryRegion; CAPACITY],
    len: usize,
}

impl MemoryMap {
    /// A map without memory.
    pub(crate) const fn new() -> Self {
        Self { regions: [MemoryRegion::empty(); CAPACITY], len: 0 }
    }

    /// Adds what the firmware says of `start..end` (bytes). Usable memory is rounded inwards to whole pages; anything
    /// else is rounded outwards, and wins where it overlaps usable memory.
    pub(crate) fn add(&mut self, start: u64, end: u64, firmware_kind: u32) {
        if firmware_kind == FIRMWARE_USABLE {
            let start = start.next_multiple_of(PAGE);
            let end = end - end % PAGE;
            self.fill_gaps(start, end, MemoryRegionKind::Usable);
        } else {
            self.mark(start, end, MemoryRegionKind::UnknownBios(firmware_kind));
        }
    }

    /// Gives `start..end` (bytes, rounded outwards to whole pages) the kind `kind`, whatever was there before.
    pub(crate) fn mark(&mut self, start: u64, end: u64, kind: MemoryRegionKind) {
        let start = start - start % PAGE;
        let end = end.checked_next_multiple_of(PAGE).unwrap_or(end - end % PAGE);
        if start >= end {
            return;
        }
        let mut index = 0;
        while index < self.len {
            let region = self.regions[index];
            if region.end <= start || region.start >= end {
                index += 1;
                continue;
            }
            self.remove(index);
            if region.start < start {
                self.insert(MemoryRegion { end: start, ..region });
                index += 1;
            }
            if region.end > end {
                self.insert(MemoryRegion { start: end, ..region });
                index += 1;
            }
        }
        self.insert(MemoryRegion { start, end, kind });
    }

    /// The regions, in order.
    pub(crate) fn regions(&self) -> &[MemoryRegion] {
        &self.regions[..self.len]
    }

    /// Adds `kind` to those parts of `start..end` that no region covers yet.
    fn fill_gaps(&mut self, mut start: u64, end: u64, kind: MemoryRegionKind) {
        while start < end {
            let next = self.regions().iter().find(|region| region.end > start);
            let Some(next) = next.filter(|region| region.start < end).copied() else {
                self.insert(MemoryRegion { start, end, kind });
                return;
            };
            if start < next.start {
                self.insert(MemoryRegion { start, end: next.start, kind });
            }
            start = next.end;
        }
    }

    /// Puts a region, which overlaps none, at its place. A full map drops usable memory rather than a reservation.
    fn insert(&mut self, region: MemoryRegion) {
        if self.len == CAPACITY {
            if region.kind == MemoryRegionKind::Usable {
                return;
            }
            let Some(victim) = self.regions().iter().position(|r| r.kind == MemoryRegionKind::Usable) else {
                return;
            };
            self.remove(victim);
        }
        let at = self.regions().partition_point(|r| r.start < region.start);
        self.regions.copy_within(at..self.len, at + 1);
        self.regions[at] = region;
        self.len += 1;
    }

    fn remove(&mut self, index: usize) {
        self.regions.copy_within(index + 1..self.len, index);
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use bootloader_api::info::MemoryRegionKind::{self, Bootloader, UnknownBios, Usable};

    use super::{CAPACITY, FIRMWARE_USABLE, MemoryMap};

    fn map_of(regions: &[(u64, u64, u32)]) -> MemoryMap {
        let mut map = MemoryMap::new();
        regions.iter().for_each(|&(start, end, kind)| map.add(start, end, kind));
        map
    }

    fn contents(map: &MemoryMap) -> std::vec::Vec<(u64, u64, MemoryRegionKind)> {
        map.regions().iter().map(|region| (region.start, region.end, region.kind)).collect()
    }

    #[test]
    fn regions_are_sorted_whatever_order_they_come_in() {
        let map = map_of(&[(0x5000, 0x7000, 1), (0x1000, 0x2000, 1), (0x3000, 0x4000, 2)]);
        assert_eq!(
            contents(&map),
            [(0x1000, 0x2000, Usable), (0x3000, 0x4000, UnknownBios(2)), (0x5000, 0x7000, Usable)]
        );
    }

    /// usable   [1000 ------------- 8000)
    /// reserved        [2800 - 3001)          rounded outwards: [2000 - 4000)
    #[test]
    fn what_is_reserved_wins_over_what_is_usable_in_either_order() {
        let expected = [(0x1000, 0x2000, Usable), (0x2000, 0x4000, UnknownBios(2)), (0x4000, 0x8000, Usable)];
        assert_eq!(contents(&map_of(&[(0x1000, 0x8000, 1), (0x2800, 0x3001, 2)])), expected);
        assert_eq!(contents(&map_of(&[(0x2800, 0x3001, 2), (0x1000, 0x8000, 1)])), expected);
    }

    #[test]
    fn usable_memory_is_rounded_inwards_to_whole_pages() {
        assert_eq!(contents(&map_of(&[(0x1001, 0x3fff, 1)])), [(0x2000, 0x3000, Usable)]);
        assert_eq!(contents(&map_of(&[(0x1001, 0x1fff, 1)])), []);
    }

    #[test]
    fn overlapping_usable_regions_count_once() {
        let map = map_of(&[(0x1000, 0x4000, 1), (0x2000, 0x6000, 1)]);
        assert_eq!(contents(&map), [(0x1000, 0x4000, Usable), (0x4000, 0x6000, Usable)]);
    }

    #[test]
    fn a_mark_cuts_through_everything_under_it() {
        let mut map = map_of(&[(0x1000, 0x4000, 1), (0x4000, 0x5000, 2), (0x5000, 0x9000, 1)]);
        map.mark(0x3000, 0x6000, Bootloader);
        assert_eq!(contents(&map), [(0x1000, 0x3000, Usable), (0x3000, 0x6000, Bootloader), (0x6000, 0x9000, Usable)]);
    }

    #[test]
    fn a_region_up_to_the_end_of_the_address_space_is_kept() {
        let map = map_of(&[(0xffff_ffff_ffff_0000, u64::MAX, 2)]);
        assert_eq!(contents(&map), [(0xffff_ffff_ffff_0000, 0xffff_ffff_ffff_f000, UnknownBios(2))]);
    }

    /// More regions than there is room for: a reservation still finds its place, at the cost of usable memory.
    #[test]
    fn a_full_map_gives_up_memory_rather_than_a_reservation() {
        let mut map = MemoryMap::new();
        for index in 0..CAPACITY as u64 + 10 {
            map.add(index * 0x2000, index * 0x2000 + 0x1000, FIRMWARE_USABLE);
        }
        assert_eq!(map.regions().len(), CAPACITY);
        map.mark(0x100_0000, 0x100_1000, Bootloader);
        assert_eq!(map.regions().len(), CAPACITY);
        assert!(contents(&map).contains(&(0x100_0000, 0x100_1000, Bootloader)));
    }
}
