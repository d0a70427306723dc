//! The seals of a regular file, and how many mappings of it can be written through.

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::seals::Seals;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, Ordering};

/// What a regular file is sealed against. A leaf lock in it.
pub(super) struct Sealing {
    /// Changed by who has the file's content alone, and `writers`.
    seals: AtomicU32,
    /// How many shared mappings there are that can be written through.
    writers: Mutex<u64>,
}

impl Default for Sealing {
    /// As every file on a tmpfs of Linux it cannot be sealed.
    fn default() -> Self {
        Self { seals: AtomicU32::new(Seals::SEAL.bits()), writers: Mutex::new(0) }
    }
}

impl Sealing {
    pub fn seals(&self) -> Seals {
        Seals::from_bits_truncate(self.seals.load(Ordering::Acquire))
    }

    /// Seals it with nothing else, whatever it is sealed with: of a file that nobody else knows yet.
    pub fn begin(&self, seals: Seals) {
        self.seals.store(seals.bits(), Ordering::Release);
    }

    /// Adds seals, and `implied` ones without a look at mappings. The caller has the content alone.
    ///
    /// # Errors
    /// `EPERM` for what cannot be sealed any more; `EBUSY` for a seal against writing while a mapping can be written
    /// through.
    pub fn add(&self, seals: Seals, implied: Seals) -> Result<()> {
        let writers = self.writers.lock();
        let present = self.seals();
        present.check_without(Seals::SEAL)?;
        if (seals - present).contains(Seals::WRITE) && *writers > 0 {
            return fail(FileSystemErrorKind::Busy);
        }
        self.begin(present | seals | implied);
        Ok(())
    }

    /// Counts one more mapping that can be written through, or one less.
    ///
    /// # Errors
    /// `EPERM` for one more of what is sealed against writing; never for one of which there is one already.
    pub fn count_writer(&self, more: bool) -> Result<()> {
        let mut writers = self.writers.lock();
        if !more {
            *writers = writers.saturating_sub(1);
            return Ok(());
        }
        if *writers == 0 {
            self.seals().check_without(Seals::WRITES)?;
        }
        *writers += 1;
        Ok(())
    }
}
