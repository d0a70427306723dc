//! A mapping of a file. Of a shared one what is written here is the file's; of a private one it is the program's own, page
//! by page, and the pages that were not written are the file's as it changes.
//!
//! The page tables note the file's own pages. The file tells before one is replaced or goes ([`PageMapper`]); it is
//! forgotten then, and the next access brings what is there now. A telling may reach further than the mapping still
//! does (a piece of it was unmapped, and something else is there): what is forgotten too much comes back by itself.
//!
//! A file that is cut takes the program's own pages behind its end with it, as on Linux.
//!
//! The open file is held as long as the mapping is there, with its mount, its locks, and its right to write.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use page::Page;
use vfs::content::{Content, Mapped, PageMapper, Shown};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::node::NodeRef;
use vfs::sync::{Mutex, MutexGuard};

use super::{PAGE, Tables, physical_page, zeros};
use crate::arch::user_tables::UserRights;

/// A mapping of a file.
pub struct FileMapping {
    file: Arc<FileObject>,
    /// Whose pages they are.
    node: NodeRef,
    window: Arc<Window>,
    /// The window, as the file knows it.
    mapper: Arc<dyn PageMapper>,
    /// Whether the file counts it as one that can be written through.
    writes: bool,
    /// The next of those that are let go of together: see [`Released`].
    next: Option<Arc<Self>>,
}

/// Which pages of a file show where.
pub(super) struct Shows {
    pub tables: Tables,
    pub start: u64,
    /// Pages of the file.
    pub pages: Range<u64>,
}

struct Window {
    shows: Shows,
    copies: Copies,
}

/// Pages that are in no file.
enum Copies {
    /// Of a shared mapping: what lies askew in an archive. A leaf lock.
    Askew(Mutex<BTreeMap<u64, Page>>),
    /// Of a private one: what was written here, and what lies askew, by the file's pages.
    Own(Own),
}

/// A program's own pages.
struct Own {
    content: Mutex<Content>,
    /// The file was cut before this page, and no page from there on is the program's any more. Who has the file's lock
    /// notes it; who uses the content sees to it.
    cut: AtomicU64,
}

/// No file is cut there.
const NOT_CUT: u64 = u64::MAX;

impl Own {
    fn new(content: Content) -> Self {
        Self { content: Mutex::new(content), cut: AtomicU64::new(NOT_CUT) }
    }

    /// The pages that are still the program's own.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn lock(&self) -> Result<MutexGuard<'_, Content>> {
        let mut content = self.content.lock();
        let cut = self.cut.swap(NOT_CUT, Ordering::Relaxed);
        if cut != NOT_CUT
            && let Err(error) = content.punch(cut.saturating_mul(PAGE), u64::MAX)
        {
            self.cut.fetch_min(cut, Ordering::Relaxed);
            return Err(error);
        }
        Ok(content)
    }
}

/// Bytes of heap that noting a copy takes, about.
const COPY_MEMORY: usize = 64;

impl FileMapping {
    /// A shared mapping; if it `writes`, its pages may be written ever.
    ///
    /// # Errors
    /// `ENOMEM`; `EPERM` for writing what is sealed against it.
    pub(super) fn shared(file: Arc<FileObject>, writes: bool, shows: Shows) -> Result<Arc<Self>> {
        if writes {
            file.node().count_writing_mapper(true)?;
        }
        let node = file.node().clone();
        Self::new(file, node, writes, Copies::Askew(Mutex::new(BTreeMap::new())), shows)
    }

    /// A private mapping, which has `own` pages at first.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn private(file: Arc<FileObject>, own: Content, shows: Shows) -> Result<Arc<Self>> {
        let mut node = file.node().clone();
        while let Some(backing) = node.backing_node() {
            node = backing;
        }
        Self::new(file, node, false, Copies::Own(Own::new(own)), shows)
    }

    /// One that counts as writing already, if it does.
    fn new(file: Arc<FileObject>, node: NodeRef, writes: bool, copies: Copies, shows: Shows) -> Result<Arc<Self>> {
        if let Err(error) = page::admit(size_of::<Self>() + size_of::<Window>()) {
            if writes {
                // One less is always possible.
                let _ = file.node().count_writing_mapper(false);
            }
            return Err(error.into());
        }
        let pages = shows.pages.clone();
        let window = Arc::new(Window { shows, copies });
        let mapping = Arc::new(Self { file, node, mapper: window.clone(), window, writes, next: None });
        if mapping.is_private() {
            mapping.node.note_mapper(&mapping.mapper, pages)?;
        }
        Ok(mapping)
    }

    /// The file.
    pub fn file(&self) -> &Arc<FileObject> {
        &self.file
    }

    /// Whether what is written here is the program's own.
    pub(super) fn is_private(&self) -> bool {
        matches!(self.window.copies, Copies::Own(_))
    }

    /// The same file, in other page tables and perhaps elsewhere, with those of the program's own pages that it shows.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn again(&self, shows: Shows) -> Result<Arc<Self>> {
        let Copies::Own(own) = &self.window.copies else {
            return Self::shared(self.file.clone(), self.writes, shows);
        };
        let mut content = own.lock()?.clone();
        if shows.pages != self.window.shows.pages {
            content.punch(0, shows.pages.start * PAGE)?;
            content.punch(shows.pages.end * PAGE, u64::MAX)?;
        }
        Self::new(self.file.clone(), self.node.clone(), false, Copies::Own(Own::new(content)), shows)
    }

    /// As it is, in other page tables.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn in_tables(&self, tables: &Tables) -> Result<Arc<Self>> {
        let Shows { start, pages, .. } = &self.window.shows;
        self.again(Shows { tables: tables.clone(), start: *start, pages: pages.clone() })
    }

    /// Notes where page `index` of the file is for the page at `address`, with these rights.
    ///
    /// # Errors
    /// Those of [`VfsNode::map_page`](vfs::node::VfsNode::map_page).
    pub(super) fn bring(&self, index: u64, address: u64, rights: UserRights) -> Result<Mapped> {
        let askew = match &self.window.copies {
            Copies::Askew(copies) => copies,
            Copies::Own(own) => return self.bring_own(own, index, address, rights),
        };
        self.node.map_page(index, rights.write, &self.mapper, &mut |shown| {
            let physical = match shown {
                Shown::Page(page) => page.physical(),
                Shown::Zeros => Some(zeros()?),
                Shown::Bytes(bytes) => match physical_page(bytes) {
                    Some(physical) => Some(physical),
                    None => copy(askew, index, bytes)?,
                },
            };
            self.window.map(address, physical, rights)
        })
    }

    /// The same for a private mapping: the program's own page, or the file's while it is only read.
    fn bring_own(&self, own: &Own, index: u64, address: u64, rights: UserRights) -> Result<Mapped> {
        let mut content = own.lock()?;
        if content.page(index).is_none() {
            let mut is_shown = false;
            let mapped = self.node.map_page(index, false, &self.mapper, &mut |shown| {
                let shared = match &shown {
                    Shown::Page(page) => page.physical(),
                    Shown::Zeros => Some(zeros()?),
                    Shown::Bytes(bytes) => physical_page(bytes),
                };
                if let Some(physical) = shared.filter(|_| !rights.write) {
                    is_shown = true;
                    return self.window.map(address, Some(physical), rights);
                }
                let bytes = match shown {
                    Shown::Page(page) => &page.bytes()[..],
                    Shown::Bytes(bytes) => bytes,
                    Shown::Zeros => &[],
                };
                match bytes.len().min(page::SIZE) {
                    0 => content.own_page(index).map(|_| ()),
                    count => content.write(index * PAGE, &mut &bytes[..count]).map(|_| ()),
                }
            })?;
            if is_shown || mapped != Mapped::Shown {
                return Ok(mapped);
            }
        }
        let physical = match rights.write {
            true => content.own_page(index)?.physical(),
            false => content.page(index).and_then(Page::physical),
        };
        self.window.map(address, physical, rights).map(|()| Mapped::Shown)
    }

    /// Gives up the program's own pages in `length` bytes from `offset` on: the file's show again.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn clear(&self, offset: u64, length: u64) -> Result<()> {
        match &self.window.copies {
            Copies::Own(own) => own.lock()?.punch(offset, length),
            Copies::Askew(_) => Ok(()),
        }
    }

    /// Gives up what is the program's own of these pages, which do not belong to the mapping any more, if others still do.
    pub(super) fn forget_copies(self: &Arc<Self>, pages: Range<u64>) {
        if Arc::strong_count(self) > 1 {
            // Pages that cannot be given back now (no memory for the tables above them) go with the rest.
            let _ = self.clear(pages.start * PAGE, (pages.end - pages.start) * PAGE);
        }
    }
}

impl Drop for FileMapping {
    fn drop(&mut self) {
        self.node.forget_mapper(&self.mapper);
        if self.writes {
            // One less is always possible.
            let _ = self.file.node().count_writing_mapper(false);
        }
    }
}

/// Where a copy of these bytes is, with zeros behind them, which is kept until the page is forgotten.
fn copy(copies: &Mutex<BTreeMap<u64, Page>>, index: u64, bytes: &[u8]) -> Result<Option<u64>> {
    let mut copies = copies.lock();
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

impl Window {
    /// Where the pages of the file are that are among these.
    fn addresses(&self, pages: &Range<u64>) -> Option<Range<u64>> {
        let Shows { start, pages: shown, .. } = &self.shows;
        let (first, end) = (pages.start.max(shown.start), pages.end.min(shown.end));
        let address = |page| start + (page - shown.start) * PAGE;
        (first < end).then(|| address(first)..address(end))
    }

    /// Notes in the tables where the page at `address` is.
    fn map(&self, address: u64, physical: Option<u64>, rights: UserRights) -> Result<()> {
        let physical = physical.ok_or(FileSystemErrorKind::OutOfMemory)?;
        let mapped = self.shows.tables.lock().map(address, physical, rights);
        mapped.map_err(|_| FileSystemErrorKind::OutOfMemory.into())
    }
}

impl PageMapper for Window {
    fn forget(&self, pages: Range<u64>) {
        let Some(addresses) = self.addresses(&pages) else { return };
        self.shows.tables.lock().unmap(addresses);
        if let Copies::Askew(copies) = &self.copies {
            // Nothing shows them any more.
            copies.lock().retain(|index, _| !pages.contains(index));
        }
    }

    fn protect(&self, pages: Range<u64>) {
        if let Some(addresses) = self.addresses(&pages) {
            self.shows.tables.lock().protect(addresses);
        }
    }

    fn cut(&self, from: u64) {
        if let Copies::Own(own) = &self.copies {
            own.cut.fetch_min(from, Ordering::Relaxed);
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
