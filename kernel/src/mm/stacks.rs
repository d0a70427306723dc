//! Stacks for threads: mapped memory with an unmapped page below.
//!
//! They lie in a region of their own, one in each slot of twice their size, so that what runs off a stack's end meets
//! no other. A few that are no longer used stay mapped, for the next thread.

use alloc::vec::Vec;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use page::OutOfMemory;
use spin::Mutex;

use super::{PAGE_SIZE, STACKS_START, frames, paging};

/// The bytes of a stack: enough for a path through overlays as deep as they can be stacked.
pub const STACK_SIZE: usize = 64 << 10;

const STACK_FRAMES: usize = STACK_SIZE / PAGE_SIZE;

/// From one stack to the next.
const SLOT_SIZE: u64 = 2 * STACK_SIZE as u64;

/// Unused stacks that stay mapped.
const SPARE_MAX: usize = 8;

static SLOTS: Mutex<Slots> = Mutex::new(Slots { spare: Vec::new(), free: Vec::new() });

/// How many slots have ever been used. Grows while [`SLOTS`] is held.
static SLOTS_EVER: AtomicU64 = AtomicU64::new(0);

/// Frames that stacks have taken, used or spare.
static FRAMES: AtomicUsize = AtomicUsize::new(0);

/// Slots without a stack in use.
struct Slots {
    /// Mapped.
    spare: Vec<u64>,
    /// Not mapped.
    free: Vec<u64>,
}

impl Slots {
    /// Takes a slot that is not mapped; there is room then to give it back, whatever happens.
    fn take(&mut self) -> Result<u64, OutOfMemory> {
        let ever = SLOTS_EVER.load(Ordering::Relaxed);
        self.spare.try_reserve(SPARE_MAX - self.spare.len()).map_err(|_| OutOfMemory)?;
        self.free.try_reserve(ever as usize + 1 - self.free.len()).map_err(|_| OutOfMemory)?;
        Ok(self.free.pop().unwrap_or_else(|| {
            SLOTS_EVER.store(ever + 1, Ordering::Relaxed);
            ever
        }))
    }
}

/// A stack, mapped from its bottom to its top.
pub struct Stack {
    slot: u64,
}

impl Stack {
    /// A stack; what is on it is undefined.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is none.
    pub fn new() -> Result<Self, OutOfMemory> {
        let mut slots = SLOTS.lock();
        if let Some(slot) = slots.spare.pop() {
            return Ok(Self { slot });
        }
        let slot = slots.take()?;
        drop(slots);
        let stack = ManuallyDrop::new(Self { slot });
        for index in 0..STACK_FRAMES {
            let page = stack.bottom() + (index * PAGE_SIZE) as u64;
            let mapped = frames::allocate_above(super::pages::data_reserve()).ok_or(OutOfMemory).and_then(|frame| {
                paging::map(page, frame).map_err(|_| {
                    frames::free(frame);
                    OutOfMemory
                })
            });
            if mapped.is_err() {
                stack.unmap();
                SLOTS.lock().free.push(slot);
                return Err(OutOfMemory);
            }
            FRAMES.fetch_add(1, Ordering::Relaxed);
        }
        Ok(ManuallyDrop::into_inner(stack))
    }

    /// The lowest address; the page below it is the guard.
    pub fn bottom(&self) -> u64 {
        STACKS_START + self.slot * SLOT_SIZE + STACK_SIZE as u64
    }

    /// The address behind the highest byte.
    pub fn top(&self) -> u64 {
        self.bottom() + STACK_SIZE as u64
    }

    fn unmap(&self) {
        for page in (self.bottom()..self.top()).step_by(PAGE_SIZE) {
            if let Some(frame) = paging::unmap(page) {
                frames::free(frame);
                FRAMES.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let mut slots = SLOTS.lock();
        if slots.spare.len() < SPARE_MAX {
            slots.spare.push(self.slot);
            return;
        }
        drop(slots);
        self.unmap();
        SLOTS.lock().free.push(self.slot);
    }
}

/// Whether `address` lies below a thread's stack, where nothing is mapped.
pub fn is_guard(address: u64) -> bool {
    let end = STACKS_START + SLOTS_EVER.load(Ordering::Relaxed) * SLOT_SIZE;
    (STACKS_START..end).contains(&address) && (address - STACKS_START) % SLOT_SIZE < STACK_SIZE as u64
}

/// Frames that stacks have taken.
pub fn frames_in_use() -> usize {
    FRAMES.load(Ordering::Relaxed)
}
