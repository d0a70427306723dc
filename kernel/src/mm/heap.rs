//! The heap: `talc` over `linked_list_allocator` over frames.
//!
//! First fit alone is linear in the number of holes, so talc serves the allocations, in constant time, out of blocks
//! of whole MiB that it takes from and gives back to a first-fit allocator with only a few, large holes. Blocks
//! consist of frames that are mapped when talc takes the block and given back when talc returns it.
//!
//! A free block keeps its first page, where the first-fit allocator has its note about the hole. Up to
//! [`IDLE_BLOCKS_MAX`] free blocks stay mapped altogether, so that a program that goes back and forth over a block's
//! edge does not map and unmap each time.
//!
//! A user's doing must not exhaust the heap, because Rust's collections abort when it is: whoever allocates on
//! someone's behalf asks for admission first ([`super::pages`]), or allocates fallibly.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};

use linked_list_allocator::Heap as FirstFit;
use spin::Mutex;
use talc::DefaultBinning;
use talc::base::Talc;
use talc::source::GlobalAllocSource;

use super::frames;
use super::paging;
use super::{HEAP_MAX, HEAP_START, PAGE_SIZE};

/// The piece that talc takes at a time, and that frames are mapped and given back for.
const BLOCK_SIZE: usize = 1 << 20;

/// Free blocks that stay mapped.
const IDLE_BLOCKS_MAX: usize = 2;

/// What every allocation of the kernel goes through.
struct Heap(Mutex<Talc<GlobalAllocSource<BlockSource>, DefaultBinning>>);

#[global_allocator]
static HEAP: Heap = Heap(Mutex::new(Talc::new(GlobalAllocSource::with_block_size(BlockSource, BLOCK_SIZE))));

/// The blocks below the heap. Taken only while the heap's own lock is held.
static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks { holes: FirstFit::empty(), end: HEAP_START, idle: 0 });

/// Frames mapped in the heap.
static FRAMES: AtomicUsize = AtomicUsize::new(0);

/// Makes the first block of the heap the smallest possible: talc keeps its own tables in it, so it is never given back.
pub(super) fn init() {
    let layout = Layout::new::<u64>();
    // SAFETY: the layout's size is not zero, and what is freed is what was allocated, if it was.
    unsafe {
        let pointer = HEAP.alloc(layout);
        if !pointer.is_null() {
            HEAP.dealloc(pointer, layout);
        }
    }
}

/// Frames that the heap has taken.
pub fn frames() -> usize {
    FRAMES.load(Ordering::Relaxed)
}

/// Bytes allocated, as asked for.
pub fn bytes_in_use() -> usize {
    HEAP.0.lock().counters().allocated_bytes
}

/// The most bytes that the heap may take from the frames to serve one allocation of `bytes`.
pub fn largest_growth(bytes: usize) -> usize {
    // A block more than the allocation fills: for its alignment, and for what talc and the page tables note down.
    bytes.checked_next_multiple_of(BLOCK_SIZE).map_or(usize::MAX, |bytes| bytes.saturating_add(BLOCK_SIZE))
}

/// How many allocations are alive.
#[cfg(test)]
pub fn allocations() -> usize {
    HEAP.0.lock().counters().allocation_count
}

/// How many allocations were ever made.
#[cfg(feature = "bench")]
pub fn allocations_ever() -> u64 {
    HEAP.0.lock().counters().total_allocation_count
}

// SAFETY: talc keeps the contract of an allocator; the lock makes it one for all.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises a size that is not zero.
        unsafe { self.0.lock().allocate(layout) }.map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller promises that `alloc` gave `pointer` for `layout`.
        unsafe { self.0.lock().deallocate(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `alloc` gave `pointer` for `layout`, and a size that is not zero.
        if unsafe { self.0.lock().try_realloc_in_place(pointer, layout, new_size) } {
            return pointer;
        }
        // SAFETY: the caller promises a size that makes a layout with the old alignment; the new allocation does not
        // overlap the old, and both are at least as long as what is copied.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(pointer, layout.size().min(new_size));
                self.dealloc(pointer, layout);
            }
            new
        }
    }
}

/// Where talc takes its blocks from.
#[derive(Debug)]
struct BlockSource;

// SAFETY: blocks are mapped, writable and given to one taker until it gives them back.
unsafe impl GlobalAlloc for BlockSource {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BLOCKS.lock().allocate(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(pointer) = NonNull::new(pointer) {
            // SAFETY: the caller promises that `alloc` gave `pointer` for `layout`.
            unsafe { BLOCKS.lock().free(pointer, layout) };
        }
    }
}

/// Blocks of the heap's address space, in use and free. Every block's first page stays mapped once it has been.
struct Blocks {
    /// Free blocks below `end`, as holes.
    holes: FirstFit,
    /// The first address that was never used.
    end: u64,
    /// Free blocks all of whose pages are mapped.
    idle: usize,
}

impl Blocks {
    /// Finds free blocks in a row for `layout`, whose size is a multiple of a block's, and maps their pages.
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let start = match self.holes.allocate_first_fit(layout) {
            Ok(start) => start,
            Err(()) => {
                self.extend(layout.size())?;
                self.holes.allocate_first_fit(layout).ok()?
            }
        };
        for block in blocks(start, layout) {
            if !self.map(block) {
                // SAFETY: the holes have just given this out, and the pages mapped so far stay as an idle block's
                // would, or are unmapped again.
                unsafe { self.free(start, layout) };
                return None;
            }
        }
        Some(start)
    }

    /// Takes blocks back and gives their frames back, but for a few idle blocks.
    ///
    /// # Safety
    /// `start` must be what [`Self::allocate`] got from the holes for `layout`, and no longer be in use.
    unsafe fn free(&mut self, start: NonNull<u8>, layout: Layout) {
        for block in blocks(start, layout) {
            if self.idle < IDLE_BLOCKS_MAX && is_mapped(block) {
                self.idle += 1;
            } else {
                unmap_pages(block);
            }
        }
        // SAFETY: the caller's promise; the note about the hole goes to the first block's first page, which stays
        // mapped.
        unsafe { self.holes.deallocate(start, layout) };
    }

    /// Makes `size` more bytes of the address space a hole, with the first page of each block mapped.
    fn extend(&mut self, size: usize) -> Option<()> {
        let end = self.end.checked_add(size as u64).filter(|&end| end <= HEAP_START + HEAP_MAX)?;
        for block in (self.end..end).step_by(BLOCK_SIZE) {
            // A block that was reached in an earlier attempt, which then failed, has its page already.
            if paging::lookup(block).is_none() && !map_page(block) {
                return None;
            }
        }
        if self.end == HEAP_START {
            // SAFETY: the address space belongs to the heap; the first page of each block is mapped, and no other is
            // touched while the block is a hole.
            unsafe { self.holes.init(HEAP_START as *mut u8, size) };
        } else {
            // SAFETY: as above, and the new blocks lie right behind the old.
            unsafe { self.holes.extend(size) };
        }
        self.end = end;
        Some(())
    }

    /// Maps all pages of `block`. Returns whether there were frames enough; if not, none but the first is mapped.
    fn map(&mut self, block: u64) -> bool {
        if is_mapped(block) {
            self.idle -= 1;
            return true;
        }
        // After the first page, runs of 1, 2, 4, … pages are aligned in the block, as the buddy system gives them.
        let mut page = 1;
        while page < BLOCK_SIZE / PAGE_SIZE {
            if !map_run(block + (page * PAGE_SIZE) as u64, page) {
                unmap_pages(block);
                return false;
            }
            page *= 2;
        }
        true
    }
}

fn blocks(start: NonNull<u8>, layout: Layout) -> impl Iterator<Item = u64> {
    let start = start.as_ptr() as u64;
    (start..start + layout.size() as u64).step_by(BLOCK_SIZE)
}

/// Whether all pages of `block` are mapped: its last one is only when the others are.
fn is_mapped(block: u64) -> bool {
    paging::lookup(block + (BLOCK_SIZE - PAGE_SIZE) as u64).is_some()
}

/// Maps `count` pages (a power of two) at `start` to frames in a row, or to scattered ones if there is no such row.
/// Returns whether there were frames enough.
fn map_run(start: u64, count: usize) -> bool {
    let order = count.trailing_zeros() as usize;
    let Some(first) = frames::allocate_block(order) else {
        return (0..count).all(|index| map_page(start + (index * PAGE_SIZE) as u64));
    };
    for index in 0..count {
        if paging::map(start + (index * PAGE_SIZE) as u64, first.offset(index)).is_err() {
            (index..count).for_each(|rest| frames::free(first.offset(rest)));
            return false;
        }
        FRAMES.fetch_add(1, Ordering::Relaxed);
    }
    true
}

fn map_page(page: u64) -> bool {
    let Some(frame) = frames::allocate() else {
        return false;
    };
    if paging::map(page, frame).is_err() {
        frames::free(frame);
        return false;
    }
    FRAMES.fetch_add(1, Ordering::Relaxed);
    true
}

/// Gives back the frames of all pages of `block` but the first.
fn unmap_pages(block: u64) {
    for page in (block..block + BLOCK_SIZE as u64).step_by(PAGE_SIZE).skip(1) {
        if let Some(frame) = paging::unmap(page) {
            FRAMES.fetch_sub(1, Ordering::Relaxed);
            frames::free(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    use super::{BLOCK_SIZE, IDLE_BLOCKS_MAX, PAGE_SIZE, bytes_in_use, frames};
    use crate::ktest;
    use crate::mm::paging;

    ktest! {
        fn what_is_in_use_is_counted_to_the_byte() {
            let before = bytes_in_use();
            let value = core::hint::black_box(Box::new([0u8; 1000]));
            assert_eq!(bytes_in_use(), before + 1000);
            drop(value);
            assert_eq!(bytes_in_use(), before);
        }

        /// 32 MiB are taken and dropped: all their frames but the idle blocks' and each block's first come back.
        fn a_shrunken_heap_gives_its_frames_back() {
            const SIZE: usize = 32 << 20;
            let before = frames();
            let mut large: Vec<u8> = Vec::new();
            large.try_reserve_exact(SIZE).expect("the machine has this much memory");
            assert!(frames() >= before + SIZE / PAGE_SIZE - IDLE_BLOCKS_MAX * BLOCK_SIZE / PAGE_SIZE);
            drop(large);
            let kept = SIZE / BLOCK_SIZE + 1 + IDLE_BLOCKS_MAX * BLOCK_SIZE / PAGE_SIZE;
            assert!(frames() <= before + kept, "{before} before, {} after", frames());
        }

        /// A terabyte is refused as an error; the heap goes on.
        fn running_out_is_an_error_for_who_asks_fallibly() {
            let mut huge: Vec<u8> = Vec::new();
            assert!(huge.try_reserve_exact(1 << 40).is_err());
            assert_eq!(*Box::new(7), 7);
        }

        /// More than there are frames for, but not more than there is address space: what was mapped meanwhile is
        /// given back.
        fn failing_half_way_leaves_nothing_mapped() {
            let total = crate::mm::usage().total_frames * PAGE_SIZE;
            let mut huge: Vec<u8> = Vec::new();
            assert!(huge.try_reserve_exact(total).is_err());
            let usage = crate::mm::usage();
            assert!(usage.free_frames > usage.total_frames / 2, "{usage:?}");
        }

        /// Many objects of many sizes hold what was written to them while others come and go.
        fn objects_do_not_overlap() {
            let mut objects: Vec<Vec<u8>> = Vec::new();
            let mut random = 1u32;
            for step in 0..4000u32 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if random >> 30 == 0 && !objects.is_empty() {
                    let object = objects.swap_remove((random >> 8) as usize % objects.len());
                    let byte = object[0];
                    assert!(object.iter().all(|&other| other == byte));
                } else {
                    let size = 1 + (random >> 16) as usize % 3000;
                    objects.push(alloc::vec![step as u8; size]);
                }
            }
            for object in &objects {
                assert!(object.iter().all(|&other| other == object[0]));
            }
        }

        fn the_heap_is_not_executable() {
            let value = Box::new(0u64);
            let (_, rights) = paging::lookup(&raw const *value as u64).expect("an object is mapped");
            assert_eq!(rights, crate::arch::page_table::Rights::ReadWrite);
        }
    }
}

#[cfg(feature = "bench")]
mod benches {
    use alloc::boxed::Box;
    use core::hint::black_box;

    use super::allocations_ever;
    use crate::bench;
    use crate::bench::{measure, row};

    bench! {
        /// One small object, made and dropped, alone and among 100 000 others.
        fn allocate_and_free() {
            let pair = || drop(black_box(Box::new([0u64; 8])));
            let before = allocations_ever();
            row("heap.allocate_and_free", measure(5, 1000, pair), "instructions");
            assert_eq!(allocations_ever() - before, 5 * 1000);

            let mut others: alloc::vec::Vec<Option<Box<[u64; 8]>>> = (0..100_000).map(|_| Some(Box::new([0; 8]))).collect();
            others.iter_mut().step_by(2).for_each(|other| *other = None);
            row("heap.allocate_and_free_among_50000_holes", measure(5, 1000, pair), "instructions");
        }
    }
}
