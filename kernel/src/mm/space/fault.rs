//! Bringing the page that an access faulted at.

use page::Page;
use spin::{Once, RelaxStrategy};
use vfs::content::{Mapped, Shown};
use vfs::error::{FileSystemErrorKind, Result};
use vfs::node::Access as FileAccess;
use vfs::sync::Yield;

use super::backing::{Backing, Rights};
use super::{AddressSpace, Area, Marks, PAGE, SharedSpace};
use crate::arch::trap::{Access, PageFault};
use crate::arch::user_tables::UserRights;
use crate::mm::{PAGE_SIZE, paging};

/// Why an access cannot be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is mapped there.
    NotMapped,
    /// It is mapped for nobody to touch it (`MADV_GUARD_INSTALL`).
    Guarded,
    /// It is mapped, but not for this.
    NotAllowed,
    /// The file ends before, or cannot be read or written there.
    BehindEnd,
    /// There is no memory for the page.
    OutOfMemory,
    /// Somebody works on the file: who can wait asks again ([`SharedSpace::bring`]).
    Busy,
}

/// The page that is mapped wherever a hole is read.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn zeros() -> Result<u64> {
    static ZEROS: Once<Page> = Once::new();
    let page = ZEROS.try_call_once(Page::zeroed)?;
    page.physical().ok_or(FileSystemErrorKind::OutOfMemory.into())
}

/// Where bytes of the kernel's lie, if they are one frame.
pub(super) fn physical_page(bytes: &[u8]) -> Option<u64> {
    let address = bytes.as_ptr() as u64;
    let whole = bytes.len() == PAGE_SIZE && address.is_multiple_of(PAGE);
    whole.then(|| paging::lookup(address)).flatten().map(|(physical, _)| physical)
}

impl SharedSpace {
    /// Brings the page that an access faulted at, and waits for whoever works on its file. The caller holds no lock that
    /// such a one may wait for.
    ///
    /// # Errors
    /// See [`Failure`]; never that somebody is busy.
    pub fn bring(&self, fault: PageFault) -> core::result::Result<(), Failure> {
        loop {
            let failure = match self.lock().fault(fault) {
                Err(Failure::Busy) => Failure::Busy,
                result => return result,
            };
            let mapping = self.lock().file_at(fault.address).ok_or(failure)?;
            let must_open = fault.access == Access::Write && !mapping.is_private();
            if must_open && mapping.file().node().open(FileAccess::WRITE).is_err() {
                return Err(Failure::BehindEnd);
            }
            drop(mapping);
            Yield::relax();
        }
    }
}

impl AddressSpace {
    /// Brings the page that an access faulted at, or says why the access cannot be. Waits for nobody who works on a file.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn fault(&mut self, fault: PageFault) -> core::result::Result<(), Failure> {
        match self.fault_in_area(fault) {
            Err(Failure::NotMapped) if self.grow_down(fault.address) => self.fault_in_area(fault),
            result => result,
        }
    }

    fn fault_in_area(&mut self, fault: PageFault) -> core::result::Result<(), Failure> {
        let (&start, area) = self.areas.range(..=fault.address).next_back().ok_or(Failure::NotMapped)?;
        let wanted = match fault.access {
            Access::Read => Rights::READ,
            Access::Write => Rights::WRITE,
            Access::Execute => Rights::EXECUTE,
        };
        // The processor lets what can be written or executed be read too.
        let allowed = area.rights.contains(wanted) || wanted == Rights::READ && !area.rights.is_empty();
        if fault.address >= area.end {
            return Err(Failure::NotMapped);
        }
        if area.marks.contains(Marks::GUARD) {
            return Err(Failure::Guarded);
        }
        if !allowed {
            return Err(Failure::NotAllowed);
        }
        let address = fault.address - fault.address % PAGE;
        let index = area.first + (address - start) / PAGE;
        if index >= area.limit {
            return Err(Failure::BehindEnd);
        }
        let brought = match &area.backing {
            Backing::File(file) => {
                let execute = area.rights.contains(Rights::EXECUTE);
                file.bring(index, address, UserRights { write: wanted == Rights::WRITE, execute })
            }
            Backing::Content(content) => {
                let mut content = content.lock();
                // What is shared must be one page for all from the first look on.
                let own = area.shared || wanted == Rights::WRITE || is_askew(content.shown(index));
                self.bring_content(area, &mut content, index, address, own)
            }
        };
        match brought {
            Ok(Mapped::Shown) => Ok(()),
            Ok(Mapped::Busy) => Err(Failure::Busy),
            Ok(Mapped::BehindEnd) => Err(Failure::BehindEnd),
            Err(error) if error.kind() == FileSystemErrorKind::OutOfMemory => Err(Failure::OutOfMemory),
            Err(_) => Err(Failure::BehindEnd),
        }
    }

    /// Notes where page `index` of a content is for the page at `address`.
    fn bring_content(
        &self,
        area: &Area,
        content: &mut vfs::content::Content,
        index: u64,
        address: u64,
        own: bool,
    ) -> Result<Mapped> {
        let physical = if own {
            content.own_page(index)?.physical()
        } else {
            match content.shown(index) {
                Shown::Page(page) => page.physical(),
                Shown::Bytes(bytes) => physical_page(bytes),
                Shown::Zeros => Some(zeros()?),
            }
        };
        let rights = UserRights {
            write: own && area.rights.contains(Rights::WRITE),
            execute: area.rights.contains(Rights::EXECUTE),
        };
        let physical = physical.ok_or(FileSystemErrorKind::OutOfMemory)?;
        let mapped = self.tables.lock().map(address, physical, rights);
        mapped.map(|()| Mapped::Shown).map_err(|_| FileSystemErrorKind::OutOfMemory.into())
    }
}

/// Whether these are bytes that cannot be mapped as they lie.
fn is_askew(shown: Shown<'_>) -> bool {
    matches!(shown, Shown::Bytes(bytes) if physical_page(bytes).is_none())
}
