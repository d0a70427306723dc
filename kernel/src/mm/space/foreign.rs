//! Another program's memory (`process_vm_readv(2)`).

use super::{AddressSpace, Failure, PAGE, SharedSpace};
use crate::arch::trap::{Access, PageFault};

impl SharedSpace {
    /// Does something with the bytes that the program has from `address` on, as far as they are in one page: up to `most`
    /// of them. The page is brought first; `body` waits for nothing.
    ///
    /// # Errors
    /// Those of [`SharedSpace::bring`].
    pub fn touch(
        &self,
        address: u64,
        most: usize,
        access: Access,
        mut body: impl FnMut(&mut [u8]),
    ) -> core::result::Result<(), Failure> {
        let offset = (address % PAGE) as usize;
        loop {
            self.bring(PageFault { address, access })?;
            let space = self.lock();
            let space: &AddressSpace = &space;
            let end = (offset + most).min(PAGE as usize);
            let mut tables = space.tables.lock();
            // What is brought may be gone again.
            if tables.with_page(address, access == Access::Write, |page| body(&mut page[offset..end])) {
                return Ok(());
            }
        }
    }
}
