//! How much may be mapped (`RLIMIT_AS`, `RLIMIT_DATA`, `RLIMIT_STACK`).

use core::ops::Range;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::{AddressSpace, Marks, Rights};

/// How much may be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes in all.
    pub all: u64,
    /// Bytes of private memory that can be written, what grows down apart.
    pub data: u64,
    /// Bytes of what grows down.
    pub stack: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { all: u64::MAX, data: u64::MAX, stack: u64::MAX }
    }
}

impl AddressSpace {
    /// Changes how much may be mapped; what is stays.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Fails where no `length` bytes more can be mapped, in place of what is in `replaced`. `data`: as private memory that
    /// can be written.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn check_bounds(&self, replaced: &Range<u64>, length: u64, data: bool) -> Result<()> {
        if self.bounds.all == u64::MAX && self.bounds.data == u64::MAX {
            return Ok(());
        }
        let (mut all, mut written) = (length, if data { length } else { 0 });
        for (&start, area) in &self.areas {
            let gone = area.end.min(replaced.end).saturating_sub(start.max(replaced.start));
            let stays = area.end - start - gone;
            all = all.saturating_add(stays);
            if !area.shared && area.rights.contains(Rights::WRITE) && !area.marks.contains(Marks::GROWS) {
                written = written.saturating_add(stays);
            }
        }
        let fits = all <= self.bounds.all && (!data || written <= self.bounds.data);
        if fits { Ok(()) } else { fail(FileSystemErrorKind::OutOfMemory) }
    }

    /// How many pages are there.
    pub fn pages(&self) -> u64 {
        self.tables.lock().pages()[0]
    }

    /// How many pages were there at most.
    pub fn pages_max(&self) -> u64 {
        self.tables.lock().pages()[1]
    }
}
