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

    /// Adds what the firmware says of `start..end` (bytes). Usable memory is rounded inwards to whole pages; anything else is
    /// rounded outwards, and wins where it overlaps usable memory.
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
