//! The heap (`brk(2)`): private memory that begins behind the program and ends where that says.

use core::ops::Range;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::backing::Backing;
use super::{AddressSpace, MAPPINGS_END, Mapping, PAGE, Place, Rights};

impl AddressSpace {
    /// Where the heap is.
    pub fn heap(&self) -> Range<u64> {
        self.heap.clone()
    }

    /// Says where the heap begins; it is empty.
    pub fn set_heap_start(&mut self, start: u64) {
        self.heap = start..start;
    }

    /// Moves the heap's end to `end` if that can be; returns where it is then (`brk(2)`).
    pub fn set_heap_end(&mut self, end: u64) -> u64 {
        let (old, new) = (self.heap.end.next_multiple_of(PAGE), end.checked_next_multiple_of(PAGE));
        let Some(new) = new.filter(|&new| end >= self.heap.start && new < MAPPINGS_END) else {
            return self.heap.end;
        };
        let moved = if new > old { self.grow_heap(old..new) } else { self.remove(new..old) };
        if moved.is_ok() {
            self.heap.end = end;
        }
        self.heap.end
    }

    fn grow_heap(&mut self, range: Range<u64>) -> Result<()> {
        if !self.is_free(&range) {
            return fail(FileSystemErrorKind::OutOfMemory);
        }
        let rights = Rights::READ | Rights::WRITE;
        self.check_bounds(&(0..0), range.end - range.start, true)?;
        // The last piece of the heap grows; a heap that begins, or whose end has other rights now, gets a new one.
        if let Some((&start, area)) = self.areas.range_mut(self.heap.start..range.start).next_back()
            && area.end == range.start
            && area.rights == rights
            && let Backing::Content(content) = &area.backing
            && !area.shared
        {
            let end = (area.first * PAGE) + (range.end - start);
            let mut content = content.lock();
            if content.len() < end {
                content.set_len(end)?;
            }
            drop(content);
            area.end = range.end;
            return Ok(());
        }
        let length = range.end - range.start;
        self.map(Place::IfFree(range.start), length, Mapping::anonymous(length, rights, false)?).map(|_| ())
    }
}
