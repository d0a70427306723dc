//! Physical frames: 4 KiB pieces of memory, handed out one at a time or in blocks.
//!
//! Single frames go through a short stack of recently freed ones, which spares the buddy system most of its splitting
//! and merging. Everything here is fallible: "no more memory" is an answer. The lock is the innermost of all: nothing
//! is called while it is held.

use core::sync::atomic::AtomicU32;

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use spin::{Mutex, Once};

use super::buddy::Buddy;
use super::{PAGE_SIZE, direct_map};

/// Frames above this number cannot be reached until the kernel's own page tables are in use.
const FRAMES_MAPPED_AT_BOOT: usize = (4 << 30) / PAGE_SIZE;

/// How many single frames are kept at hand.
const RECENT: usize = 64;

/// The blocks that the frames at hand are refilled with and given back in: 16 frames.
const REFILL_ORDER: usize = 4;

/// A frame's number: its physical address divided by [`PAGE_SIZE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame(u32);

impl Frame {
    /// The frame that `address` lies in.
    pub fn containing(address: u64) -> Self {
        Self((address / PAGE_SIZE as u64) as u32)
    }

    /// Its physical address.
    pub fn address(self) -> u64 {
        u64::from(self.0) * PAGE_SIZE as u64
    }

    /// The frame `count` further on.
    pub fn offset(self, count: usize) -> Self {
        Self(self.0 + count as u32)
    }
}

/// How many frames there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were ever handed to the allocator.
    pub total: usize,
    /// Frames that could be allocated now.
    pub free: usize,
}

/// One counter for each frame, for whoever has been given the frame. What is in a free frame's counter means nothing.
static REFERENCE_COUNTS: Once<&'static [AtomicU32]> = Once::new();

static FRAMES: Mutex<Frames> =
    Mutex::new(Frames { buddy: Buddy::empty(), recent: [0; RECENT], recent_count: 0, total: 0 });

struct Frames {
    buddy: Buddy,
    /// Free single frames that the buddy system does not know of.
    recent: [u32; RECENT],
    recent_count: usize,
    total: usize,
}

/// Takes over the usable memory below 4 GiB. What the allocator itself needs is cut from it.
///
/// # Panics
/// When no usable region is large enough for the allocator's own tables: a machine with less than a few MiB of memory.
pub fn init(regions: &[MemoryRegion]) {
    let usable = || regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable);
    let frames = usable().map(|region| frame_number(region.end)).max().unwrap_or(0);
    let words = Buddy::words_for(frames);
    let counts_offset = words * size_of::<u64>();
    let table_frames = (counts_offset + frames * size_of::<AtomicU32>()).div_ceil(PAGE_SIZE);

    let home = usable()
        .filter(|region| frame_number(region.end) <= FRAMES_MAPPED_AT_BOOT)
        .max_by_key(|region| region.end - region.start)
        .filter(|region| frame_number(region.end - region.start) > table_frames)
        .expect("there is memory for the frame tables");
    let table = direct_map(home.end - (table_frames * PAGE_SIZE) as u64);
    // SAFETY: the frames at the region's end are usable memory that no one has been given yet, and stay reserved:
    // they are not added below. They are mapped writable and begin on a page boundary; zero is a valid word, and
    // whatever is in memory is a valid counter, which is not worth the time to clear.
    let (words, counts) = unsafe {
        table.write_bytes(0, counts_offset);
        (
            core::slice::from_raw_parts_mut(table.cast::<u64>(), words),
            core::slice::from_raw_parts(table.add(counts_offset).cast::<AtomicU32>(), frames),
        )
    };
    REFERENCE_COUNTS.call_once(|| counts);

    let mut state = FRAMES.lock();
    state.buddy = Buddy::new(frames, words);
    for region in usable() {
        let start = frame_number(region.start);
        let mut end = frame_number(region.end).min(FRAMES_MAPPED_AT_BOOT);
        if region.start == home.start {
            end -= table_frames;
        }
        state.add(start, end);
    }
}

/// Takes over the usable memory above 4 GiB, which the kernel's own page tables reach.
pub fn add_high(regions: &[MemoryRegion]) {
    let mut state = FRAMES.lock();
    for region in regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable) {
        let start = frame_number(region.start).max(FRAMES_MAPPED_AT_BOOT);
        state.add(start, frame_number(region.end));
    }
}

/// Takes one frame; what is in it is undefined. `None` when there is no free one.
pub fn allocate() -> Option<Frame> {
    FRAMES.lock().allocate()
}

/// Takes one frame if more than `reserve` are free.
pub fn allocate_above(reserve: usize) -> Option<Frame> {
    let mut state = FRAMES.lock();
    if state.free() <= reserve { None } else { state.allocate() }
}

/// The counter that belongs to `frame`. Whoever has been given the frame sets it first.
///
/// # Panics
/// When the frame is none of the allocator's.
pub fn reference_count(frame: Frame) -> &'static AtomicU32 {
    let counts = REFERENCE_COUNTS.get().expect("frames are handed out only after they were set up");
    &counts[frame.0 as usize]
}

/// Gives back a frame that [`allocate`] gave, or a part of a block. Nothing may use it any more.
pub fn free(frame: Frame) {
    FRAMES.lock().give_back(frame);
}

/// Takes `2^order` frames in a row, beginning at a number divisible by that; `order` is at most
/// [`MAX_ORDER`](super::buddy::MAX_ORDER). They are given back one by one. `None` when no free block is that large.
pub fn allocate_block(order: usize) -> Option<Frame> {
    FRAMES.lock().buddy.allocate(order).map(|number| Frame(number as u32))
}

/// How many frames there are, and how many are free.
pub fn counts() -> Counts {
    let state = FRAMES.lock();
    Counts { total: state.total, free: state.free() }
}

impl Frames {
    fn free(&self) -> usize {
        self.buddy.free_frames() + self.recent_count
    }

    fn add(&mut self, start: usize, end: usize) {
        if start < end {
            self.buddy.add(start, end);
            self.total += end - start;
        }
    }

    fn allocate(&mut self) -> Option<Frame> {
        if self.recent_count == 0 {
            self.refill();
        }
        self.recent_count = self.recent_count.checked_sub(1)?;
        Some(Frame(self.recent[self.recent_count]))
    }

    /// Puts some frames at hand, the lowest on top; none when there are none.
    fn refill(&mut self) {
        let order = if self.buddy.free_frames() >= 1 << REFILL_ORDER { REFILL_ORDER } else { 0 };
        // Memory may be so scattered that there is no such block, and yet single frames.
        let block = self.buddy.allocate(order).map(|first| (first, 1 << order));
        let Some((first, count)) = block.or_else(|| Some((self.buddy.allocate(0)?, 1))) else {
            return;
        };
        for number in (first..first + count).rev() {
            self.recent[self.recent_count] = number as u32;
            self.recent_count += 1;
        }
    }

    fn give_back(&mut self, frame: Frame) {
        if self.recent_count == RECENT {
            for &number in &self.recent[RECENT / 2..] {
                self.buddy.free(number as usize, 0);
            }
            self.recent_count = RECENT / 2;
        }
        self.recent[self.recent_count] = frame.0;
        self.recent_count += 1;
    }
}

fn frame_number(address: u64) -> usize {
    (address / PAGE_SIZE as u64) as usize
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{Frame, allocate, allocate_block, counts, free};
    use crate::ktest;
    use crate::mm::direct_map;

    ktest! {
        fn taking_and_giving_back_is_counted() {
            let before = counts();
            let frames: Vec<Frame> = (0..100).map_while(|_| allocate()).collect();
            assert_eq!(frames.len(), 100);
            assert_eq!(counts().free, before.free - 100);
            frames.into_iter().for_each(free);
            assert_eq!(counts(), before);
        }

        /// Every frame of a hundred holds what was written to it: none is shared, and none lies where there is no
        /// memory.
        fn frames_are_distinct_memory() {
            let frames: Vec<Frame> = (0..100).map_while(|_| allocate()).collect();
            for frame in &frames {
                // SAFETY: the frame is this test's own, and the direct map reaches it.
                unsafe { direct_map(frame.address()).cast::<u64>().write(frame.address()) };
            }
            for frame in &frames {
                // SAFETY: as above.
                let found = unsafe { direct_map(frame.address()).cast::<u64>().read() };
                assert_eq!(found, frame.address());
            }
            frames.into_iter().for_each(free);
        }

        fn a_block_is_aligned_and_given_back_frame_by_frame() {
            let before = counts();
            let block = allocate_block(5).expect("a fresh machine has 32 frames in a row");
            assert_eq!(block.address() % (32 << 12), 0);
            assert_eq!(counts().free, before.free - 32);
            (0..32).for_each(|index| free(block.offset(index)));
            assert_eq!(counts(), before);
        }

        /// Take all there are: the answer is then "no", and nothing else happens.
        fn running_out_is_an_answer() {
            let before = counts();
            let mut last = None;
            // The frames are chained through their own memory, because there is none left for a list of them.
            while let Some(frame) = allocate() {
                let link = last.map_or(0, Frame::address);
                // SAFETY: the frame is this test's own, and the direct map reaches it.
                unsafe { direct_map(frame.address()).cast::<u64>().write(link) };
                last = Some(frame);
            }
            assert_eq!(counts().free, 0);
            assert!(allocate_block(0).is_none());
            while let Some(frame) = last {
                // SAFETY: as above.
                let link = unsafe { direct_map(frame.address()).cast::<u64>().read() };
                last = (link != 0).then(|| Frame::containing(link));
                free(frame);
            }
            assert_eq!(counts(), before);
        }
    }
}

#[cfg(feature = "bench")]
mod benches {
    use super::{allocate, allocate_block, free};
    use crate::bench;
    use crate::bench::{measure, row};

    bench! {
        /// A single frame, taken and given back; and a block of 1 MiB, given back frame by frame.
        fn allocate_and_free() {
            let single = || {
                if let Some(frame) = allocate() {
                    free(frame);
                }
            };
            row("frames.allocate_and_free", measure(5, 1000, single), "instructions");
            let block = || {
                if let Some(first) = allocate_block(8) {
                    (0..256).for_each(|index| free(first.offset(index)));
                }
            };
            row("frames.allocate_and_free_256_in_a_row", measure(5, 10, block), "instructions");
        }
    }
}
