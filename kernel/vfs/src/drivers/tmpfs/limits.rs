//! What a tmpfs may hold, and what it does hold.

use crate::content::Budget;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::sync::atomic::{AtomicU64, Ordering};

/// A count with a limit.
pub struct Count {
    used: AtomicU64,
    /// 0: none.
    limit: AtomicU64,
}

impl Count {
    fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit: AtomicU64::new(limit) }
    }

    /// The limit; 0 for none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// What is left under the limit; 0 where there is none.
    pub fn free(&self) -> u64 {
        self.limit().saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// Whether that limit would be under what is in use.
    pub fn is_below_use(&self, limit: u64) -> bool {
        limit != 0 && limit < self.used.load(Ordering::Relaxed)
    }

    /// Sets the limit.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes some.
    ///
    /// # Errors
    /// `ENOSPC` when fewer are left: none is taken then.
    pub fn take(&self, count: u64) -> Result<()> {
        let limit = self.limit();
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let after = used.checked_add(count)?;
            (limit == 0 || after <= limit).then_some(after)
        });
        if taken.is_ok() { Ok(()) } else { fail(FileSystemErrorKind::NoSpace) }
    }

    /// Gives back what was taken.
    pub fn give(&self, count: u64) {
        self.used.fetch_sub(count, Ordering::Relaxed);
    }
}

/// The limits of a tmpfs.
pub struct Limits {
    bytes: Count,
    nodes: Count,
}

impl Limits {
    /// Limits in bytes and in nodes; 0 for none.
    pub fn new(bytes: u64, nodes: u64) -> Self {
        Self { bytes: Count::new(bytes), nodes: Count::new(nodes) }
    }

    /// Bytes of pages and attributes.
    pub fn bytes(&self) -> &Count {
        &self.bytes
    }

    /// Nodes, and names beyond a node's first.
    pub fn nodes(&self) -> &Count {
        &self.nodes
    }
}

impl Budget for Limits {
    fn take(&self, pages: u64) -> Result<()> {
        match pages.checked_mul(page::SIZE as u64) {
            Some(bytes) => self.bytes.take(bytes),
            None => fail(FileSystemErrorKind::NoSpace),
        }
    }

    fn give(&self, pages: u64) {
        self.bytes.give(pages * page::SIZE as u64);
    }
}
