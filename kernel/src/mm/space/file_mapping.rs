//! A shared mapping of a file: what is written here is the file's, and what is written to the file shows here.
//!
//! The page tables note the file's own pages. The file tells before one is replaced or goes ([`PageMapper`]); it is
//! forgotten then, and the next access brings what is there now. A telling may reach further than the mapping still
//! does (a piece of it was unmapped, and something else is there): what is forgotten too much comes back by itself.
//!
//! The open file is held as long as the mapping is there, with its mount, its locks, and its right to write.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::ops::Range;

use page::Page;
use vfs::content::{Mapped, PageMapper, Shown};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::sync::Mutex;

use super::{PAGE, Tables, physical_page, zeros};
use crate::arch::user_tables::UserRights;

/// A mapping of a file.
pub struct FileMapping {
    file: Arc<FileObject>,
    window: Arc<Window>,
    /// The window, as the file knows it.
    mapper: Arc<dyn PageMapper>,
    /// Whether the file counts it as one that can be written through.
    writes: bool,
    /// The next of those that are let go of together: see [`Released`].
    next: Option<Arc<Self>>,
}

/// Which pages of the file show where.
struct Window {
    tables: Tables,
    start: u64,
    /// Pages of the file.
    pages: Range<u64>,
    /// Pages that are in no file: what lies askew in an archive. A leaf lock.
    copies: Mutex<BTreeMap<u64, Page>>,
}

/// Bytes of heap that noting a copy takes, about.
const COPY_MEMORY: usize = 64;

impl FileMapping {
    /// Pages of a file, to be shown from `start` on; if it `writes`, they may be written ever.
    ///
    /// # Errors
    /// `ENOMEM`; `EPERM` for writing what is sealed against it.
    pub(super) fn new(
        file: Arc<FileObject>,
        writes: bool,
        tables: Tables,
        start: u64,
        pages: Range<u64>,
    ) -> Result<Arc<Self>> {
        page::admit(size_of::<Self>() + size_of::<Window>())?;
        if writes {
            file.node().count_writing_mapper(true)?;
        }
        let window = Arc::new(Window { tables, start, pages, copies: Mutex::new(BTreeMap::new()) });
        Ok(Arc::new(Self { file, mapper: window.clone(), window, writes, next: None }))
    }

    /// The file.
    pub fn file(&self) -> &Arc<FileObject> {
        &self.file
    }

    /// The same file, in other page tables and perhaps elsewhere.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn again(&self, tables: &Tables, start: u64, pages: Range<u64>) -> Result<Arc<Self>> {
        Self::new(self.file.clone(), self.writes, tables.clone(), start, pages)
    }

    /// As it is, in other page tables.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn in_tables(&self, tables: &Tables) -> Result<Arc<Self>> {
        self.again(tables, self.window.start, self.window.pages.clone())
    }

    /// Notes where page `index` of the file is for the page at `address`, with these rights.
    ///
    /// # Errors
    /// Those of [`VfsNode::map_page`](vfs::node::VfsNode::map_page).
    pub(super) fn bring(&self, index: u64, address: u64, rights: UserRights) -> Result<Mapped> {
        self.file.node().map_page(index, rights.write, &self.mapper, &mut |shown| {
            let physical = match shown {
                Shown::Page(page) => page.physical(),
                Shown::Zeros => Some(zeros()?),
                Shown::Bytes(bytes) => match physical_page(bytes) {
                    Some(physical) => Some(physical),
                    None => self.window.copy(index, bytes)?,
                },
            };
            let physical = physical.ok_or(FileSystemErrorKind::OutOfMemory)?;
            let mapped = self.window.tables.lock().map(address, physical, rights);
            mapped.map_err(|_| FileSystemErrorKind::OutOfMemory.into())
        })
    }
}

impl Drop for FileMapping {
    fn drop(&mut self) {
        self.file.node().forget_mapper(&self.mapper);
        if self.writes {
            // One less is always possible.
            let _ = self.file.node().count_writing_mapper(false);
        }
    }
}

impl Window {
    /// Where the pages of the file are that are among these.
    fn addresses(&self, pages: &Range<u64>) -> Option<Range<u64>> {
        let (first, end) = (pages.start.max(self.pages.start), pages.end.min(self.pages.end));
        let address = |page| self.start + (page - self.pages.start) * PAGE;
        (first < end).then(|| address(first)..address(end))
    }

    /// Where a copy of these bytes is, with zeros behind them, which is kept until the page is forgotten.
    fn copy(&self, index: u64, bytes: &[u8]) -> Result<Option<u64>> {
        let mut copies = self.copies.lock();
        if let Some(page) = copies.get(&index) {
            return Ok(page.physical());
        }
        let Some(kept) = bytes.get(..bytes.len().min(page::SIZE)) else { return fail(FileSystemErrorKind::BadAddress) };
        page::admit(COPY_MEMORY)?;
        let page = Page::build(|into| {
            into[..kept.len()].copy_from_slice(kept);
            into[kept.len()..].fill(0);
            Ok::<(), page::OutOfMemory>(())
        })?;
        let physical = page.physical();
        copies.insert(index, page);
        Ok(physical)
    }
}

impl PageMapper for Window {
    fn forget(&self, pages: Range<u64>) {
        let Some(addresses) = self.addresses(&pages) else { return };
        self.tables.lock().unmap(addresses);
        // Nothing shows them any more.
        self.copies.lock().retain(|index, _| !pages.contains(index));
    }

    fn protect(&self, pages: Range<u64>) {
        if let Some(addresses) = self.addresses(&pages) {
            self.tables.lock().protect(addresses);
        }
    }
}

/// Mappings that their space has let go of. They are dropped when nobody holds the space any more: the last reference to
/// an open file closes it.
#[derive(Default)]
pub(super) struct Released(Option<Arc<FileMapping>>);

impl Released {
    /// Adds one. If others hold it too, one of those drops it.
    pub fn push(&mut self, mut mapping: Arc<FileMapping>) {
        if let Some(last) = Arc::get_mut(&mut mapping) {
            last.next = self.0.take();
            self.0 = Some(mapping);
        }
    }
}

impl Drop for Released {
    /// One after the other, for there may be more than the stack has room for.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut mapping) = next {
            next = Arc::get_mut(&mut mapping).and_then(|mapping| mapping.next.take());
        }
    }
}
