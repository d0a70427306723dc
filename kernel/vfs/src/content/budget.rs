//! On whose account pages are taken.

use crate::error::Result;

/// An account of pages, with a limit or without.
pub trait Budget {
    /// Takes `pages` pages.
    ///
    /// # Errors
    /// `ENOSPC` when fewer are left: none is taken then.
    fn take(&self, pages: u64) -> Result<()>;

    /// Gives pages back that were taken.
    fn give(&self, pages: u64);
}

/// An account without a limit.
pub struct Unlimited;

impl Budget for Unlimited {
    fn take(&self, _pages: u64) -> Result<()> {
        Ok(())
    }

    fn give(&self, _pages: u64) {}
}
