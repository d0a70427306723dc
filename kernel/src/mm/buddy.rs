//! The buddy system: which blocks of frames are free.
//!
//! A block of order `o` is `2^o` frames, at a number divisible by `2^o`. Every order has a bitmap of its free blocks,
//! and over each bitmap summaries of 64 to 1, so that the lowest free block is found in five steps however much
//! memory there is. Allocation takes the lowest block of the smallest order that will do and splits it; freeing
//! merges a block with its buddy as long as that is free.
//!
//! Ready-made buddy systems keep their lists on the heap, or in lists that take linear time to search; the heap here
//! takes its memory from the frames, so the frames must not take theirs from the heap. This one needs two bits and a
//! little for each frame, given to it once, and touches neither the heap nor the frames themselves.

/// The largest block is `2^MAX_ORDER` frames: 4 MiB.
pub const MAX_ORDER: usize = 10;

/// Summaries of 64 to 1 over 64 to 1: enough for 2^30 frames.
const LEVELS: usize = 5;

/// Bits in a word of a bitmap.
const WORD: usize = u64::BITS as usize;

/// The state of every frame below some number.
pub struct Buddy {
    orders: [Bitmap; MAX_ORDER + 1],
    /// Bit `o` is set when some block of order `o` is free.
    nonempty: usize,
    free: usize,
}

impl Buddy {
    /// A system without frames.
    pub const fn empty() -> Self {
        Self { orders: [const { Bitmap::empty() }; MAX_ORDER + 1], nonempty: 0, free: 0 }
    }

    /// How many words [`Buddy::new`] wants for frames 0 to `frames`, exclusive.
    pub fn words_for(frames: usize) -> usize {
        (0..=MAX_ORDER).map(|order| Bitmap::words_for(frames >> order)).sum()
    }

    /// A system for frames 0 to `frames`, exclusive, none of them free. `words` must be zero and at least
    /// [`Buddy::words_for`] long.
    pub fn new(frames: usize, mut words: &'static mut [u64]) -> Self {
        let orders = core::array::from_fn(|order| Bitmap::new(frames >> order, &mut words));
        Self { orders, nonempty: 0, free: 0 }
    }

    /// How many frames are free.
    pub fn free_frames(&self) -> usize {
        self.free
    }

    /// Makes frames `start` to `end`, exclusive, free. They must not be so already.
    pub fn add(&mut self, start: usize, end: usize) {
        let mut at = start;
        while at < end {
            let aligned = (at.trailing_zeros() as usize).min(MAX_ORDER);
            let fitting = (end - at).ilog2() as usize;
            let order = aligned.min(fitting);
            self.free(at, order);
            at += 1 << order;
        }
    }

    /// Takes a block of `2^order` frames; returns its first frame's number. `None` when no block is that large.
    pub fn allocate(&mut self, order: usize) -> Option<usize> {
        let candidates = self.nonempty >> order << order;
        if candidates == 0 {
            return None;
        }
        let mut from = candidates.trailing_zeros() as usize;
        let block = self.orders[from].first()?;
        self.remove(from, block);
        let frame = block << from;
        while from > order {
            from -= 1;
            self.insert(from, (frame >> from) + 1);
        }
        self.free -= 1 << order;
        Some(frame)
    }

    /// Gives back the block of `2^order` frames at `frame`, which [`Buddy::allocate`] gave (in this size, or as a
    /// part of a larger one).
    pub fn free(&mut self, mut frame: usize, mut order: usize) {
        self.free += 1 << order;
        while order < MAX_ORDER {
            let buddy = (frame >> order) ^ 1;
            if !self.orders[order].contains(buddy) {
                break;
            }
            self.remove(order, buddy);
            frame &= !(1 << order);
            order += 1;
        }
        self.insert(order, frame >> order);
    }

    fn insert(&mut self, order: usize, block: usize) {
        self.orders[order].insert(block);
        self.nonempty |= 1 << order;
    }

    fn remove(&mut self, order: usize, block: usize) {
        self.orders[order].remove(block);
        if self.orders[order].is_empty() {
            self.nonempty &= !(1 << order);
        }
    }
}

/// A set of numbers, with summaries: bit `i` of a level says whether word `i` of the level below has any bit set.
struct Bitmap {
    levels: [&'static mut [u64]; LEVELS],
}

impl Bitmap {
    const fn empty() -> Self {
        Self { levels: [&mut [], &mut [], &mut [], &mut [], &mut []] }
    }

    /// The words of every level of a set of numbers below `bits`; one more bit than asked, so that no level is empty.
    fn level_words(bits: usize) -> [usize; LEVELS] {
        let mut bits = bits + 1;
        core::array::from_fn(|_| {
            bits = bits.div_ceil(WORD);
            bits
        })
    }

    fn words_for(bits: usize) -> usize {
        Self::level_words(bits).iter().sum()
    }

    /// Takes its words from the front of `words`.
    fn new(bits: usize, words: &mut &'static mut [u64]) -> Self {
        let levels = Self::level_words(bits).map(|count| {
            let (level, rest) = core::mem::take(words).split_at_mut(count);
            *words = rest;
            level
        });
        Self { levels }
    }

    fn is_empty(&self) -> bool {
        self.levels[LEVELS - 1].iter().all(|&word| word == 0)
    }

    fn contains(&self, number: usize) -> bool {
        self.levels[0].get(number / WORD).is_some_and(|word| word >> (number % WORD) & 1 == 1)
    }

    fn insert(&mut self, mut number: usize) {
        for level in &mut self.levels {
            let word = &mut level[number / WORD];
            let was = *word;
            *word |= 1 << (number % WORD);
            if was != 0 {
                return;
            }
            number /= WORD;
        }
    }

    fn remove(&mut self, mut number: usize) {
        for level in &mut self.levels {
            let word = &mut level[number / WORD];
            *word &= !(1 << (number % WORD));
            if *word != 0 {
                return;
            }
            number /= WORD;
        }
    }

    /// The lowest number in the set.
    fn first(&self) -> Option<usize> {
        let mut number = 0;
        for level in self.levels.iter().rev() {
            let word = *level.get(number)?;
            if word == 0 {
                return None;
            }
            number = number * WORD + word.trailing_zeros() as usize;
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::{Buddy, MAX_ORDER};
    use crate::ktest;

    /// Runs `test` on a system for `frames` frames, whose words go back to the heap afterwards.
    fn with_buddy(frames: usize, test: impl FnOnce(&mut Buddy)) {
        let words = vec![0; Buddy::words_for(frames)].into_boxed_slice();
        let pointer = alloc::boxed::Box::into_raw(words);
        // SAFETY: the words outlive the system, which does not leave this function.
        test(&mut Buddy::new(frames, unsafe { &mut *pointer }));
        // SAFETY: the pointer came from a box, and the system that borrowed it is gone.
        drop(unsafe { alloc::boxed::Box::from_raw(pointer) });
    }

    ktest! {
        /// [3..5) is free: the blocks are 3 and 4, and no block of two.
        fn unaligned_ranges_are_cut_into_aligned_blocks() {
            with_buddy(64, |buddy| {
                buddy.add(3, 5);
                assert_eq!(buddy.free_frames(), 2);
                assert_eq!(buddy.allocate(1), None);
                assert_eq!(buddy.allocate(0), Some(3));
                assert_eq!(buddy.allocate(0), Some(4));
                assert_eq!(buddy.allocate(0), None);
            });
        }

        /// Take every frame of 1000, give them back in a scattered order: the blocks are as large as they were at
        /// first.
        fn freed_frames_merge_into_the_largest_blocks_again() {
            with_buddy(1024, |buddy| {
                buddy.add(0, 1024);
                let mut frames: Vec<usize> = (0..1024).map_while(|_| buddy.allocate(0)).collect();
                assert_eq!(frames.len(), 1024);
                assert_eq!(buddy.free_frames(), 0);
                frames.sort_unstable_by_key(|frame| frame * 619 % 1024);
                frames.iter().for_each(|&frame| buddy.free(frame, 0));
                assert_eq!(buddy.allocate(MAX_ORDER), Some(0));
            });
        }

        /// A thousand steps of taking and giving back blocks of all sizes: no frame is ever given out twice.
        fn no_frame_is_given_twice() {
            const FRAMES: usize = 700;
            with_buddy(FRAMES, |buddy| {
                buddy.add(0, FRAMES);
                let mut taken = vec![false; FRAMES];
                let mut blocks: Vec<(usize, usize)> = Vec::new();
                let mut random = 12345u32;
                for _ in 0..1000 {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let order = (random >> 16) as usize % 5;
                    if random >> 24 & 1 == 0 || blocks.is_empty() {
                        let Some(frame) = buddy.allocate(order) else { continue };
                        assert_eq!(frame % (1 << order), 0);
                        for slot in &mut taken[frame..frame + (1 << order)] {
                            assert!(!*slot, "frame given twice");
                            *slot = true;
                        }
                        blocks.push((frame, order));
                    } else {
                        let (frame, order) = blocks.swap_remove((random >> 8) as usize % blocks.len());
                        taken[frame..frame + (1 << order)].fill(false);
                        buddy.free(frame, order);
                    }
                    let free = taken.iter().filter(|&&slot| !slot).count();
                    assert_eq!(buddy.free_frames(), free);
                }
            });
        }
    }
}
