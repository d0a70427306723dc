//! File data: a persistent tree of pages.
//!
//! A [`Content`] is the bytes of one regular file. Pages stand in a radix tree ([`tree`]) whose tables are shared
//! between clones and copied by whoever writes through them first, so that a clone takes constant time whatever the
//! size, a write after it copies one page and the few tables above, and holes cost nothing. Below the tree there may
//! be a *base*: bytes in memory (an archive) that show wherever the tree has no page of its own, and are never copied
//! except page by page where somebody writes.
//!
//! ```text
//!      tree      .   .   P2  0   .   P5        P: a page, 0: a hole that hides the base, .: nothing
//!      base      B0  B1  B2  B3                (ends in the middle of page 3)
//!      reads     B0  B1  P2  0   0   P5
//! ```
//!
//! # Who pays
//! Every page that a content writes is its *own* from then on and charged to a [`Budget`], which may refuse
//! (`ENOSPC`); what is cut off or punched is given back. A clone owns nothing: pages it shares are somebody else's until it
//! writes them. Whoever drops a content gives [`Content::owned`] back to its budget.
//!
//! # Invariants
//! - `pages` is the number of page slots of the tree plus the pages of the base that show.
//! - `owned` is the number of own pages: those whose bit is set in a leaf that carries this content's owner number.
//! - The base is never longer than the content; the bytes of a page behind the end are zero, unless `tail_dirty`.
//!
//! No locks here: the file system puts a content behind one.

mod budget;
mod bytes;
mod edit;
mod excerpt;
mod mapping;
mod tree;

#[cfg(test)]
mod model;
#[cfg(any(test, feature = "selftest"))]
mod tests;

pub use budget::{Budget, Unlimited};
pub use bytes::Bytes;
pub use edit::Editor;
pub use excerpt::Excerpt;
pub use mapping::{ALL_PAGES, Mapped, Mappers, PageMapper, Shown};

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::io::{Sink, Source};
use core::fmt;
use core::ops::Range;
use page::Page;
use tree::{Found, Tree};

/// Bytes of a page of content.
pub const PAGE_SIZE: u64 = page::SIZE as u64;

/// The largest size a file can have: the largest offset that `off_t` can express (`EFBIG` beyond).
pub const MAX_LEN: u64 = i64::MAX as u64;

/// The data of a regular file. See the module's text.
#[derive(Clone, Default)]
pub struct Content {
    tree: Tree,
    base: Bytes,
    len: u64,
    pages: u64,
    /// Whether the last page may have bytes other than zero behind the end: they are cleared when the end moves on.
    tail_dirty: bool,
}

/// The number of pages that `bytes` bytes touch.
pub(crate) const fn pages_for(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_SIZE)
}

impl Content {
    /// An empty content.
    pub fn new() -> Self {
        Self::default()
    }

    /// A content of these bytes, none of which is copied.
    pub fn from_bytes(bytes: Bytes) -> Self {
        let len = bytes.len() as u64;
        Self { base: bytes, len, pages: pages_for(len), ..Self::default() }
    }

    /// Its length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many pages have data, of its own or not (`st_blocks` is 8 times that).
    pub const fn pages(&self) -> u64 {
        self.pages
    }

    /// How many pages it owns: what it was charged for and has not given back.
    pub const fn owned(&self) -> u64 {
        self.tree.owned()
    }

    /// How many of the pages that a range touches have data.
    pub fn pages_in(&self, range: Range<u64>) -> u64 {
        let last = range.end.saturating_sub(1) / PAGE_SIZE;
        let (mut at, mut pages) = (range.start / PAGE_SIZE * PAGE_SIZE, 0);
        while let Some(data) = self.next_data(at).filter(|data| data / PAGE_SIZE <= last) {
            let hole = self.next_hole(data).unwrap_or(self.len);
            pages += pages_for(hole).min(last + 1) - data / PAGE_SIZE;
            at = hole;
        }
        pages
    }

    /// For changing it on somebody's account.
    pub fn within<'a>(&'a mut self, budget: &'a dyn Budget) -> Editor<'a> {
        Editor::new(self, budget)
    }

    /// Writes what `source` has at `offset`; see [`Editor::write`].
    ///
    /// # Errors
    /// `EFBIG`, `ENOMEM`, `EFAULT`.
    pub fn write(&mut self, offset: u64, source: &mut dyn Source) -> Result<usize> {
        self.within(&Unlimited).write(offset, source)
    }

    /// Cuts it or extends it with a hole; see [`Editor::set_len`].
    ///
    /// # Errors
    /// `EFBIG`, `ENOMEM`.
    pub fn set_len(&mut self, len: u64) -> Result<()> {
        self.within(&Unlimited).set_len(len)
    }

    /// Makes a range a hole; see [`Editor::punch`].
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn punch(&mut self, offset: u64, length: u64) -> Result<()> {
        self.within(&Unlimited).punch(offset, length)
    }

    /// Reads from `offset` as much as there is and `sink` has room for, straight out of the pages; returns the bytes read, 0 at or after
    /// the end.
    ///
    /// # Errors
    /// What the sink answers, when it took nothing yet.
    pub fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let total = (sink.room() as u64).min(self.len.saturating_sub(offset));
        let mut done = 0;
        while done < total {
            let at = offset + done;
            let index = at / PAGE_SIZE;
            let wanted = total - done;
            let (put, count) = match self.tree.find(index) {
                (Found::Page(page), _) => {
                    let start = (at % PAGE_SIZE) as usize;
                    let count = wanted.min(PAGE_SIZE - at % PAGE_SIZE);
                    (sink.put(&page.bytes()[start..start + count as usize]), count)
                }
                (Found::Empty, end) if at < self.base.len() as u64 => {
                    let run = end.saturating_mul(PAGE_SIZE).min(self.base.len() as u64) - at;
                    let (start, count) = (at as usize, wanted.min(run));
                    (sink.put(&self.base.as_slice()[start..start + count as usize]), count)
                }
                (Found::Empty | Found::Zero, end) => {
                    let count = wanted.min(end.saturating_mul(PAGE_SIZE) - at);
                    (sink.put_zeros(count as usize), count)
                }
            };
            match put {
                Ok(()) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done as usize)
    }

    /// The first byte at or after `offset` that has data; `None` when there is none before the end.
    pub fn next_data(&self, offset: u64) -> Option<u64> {
        self.next(offset, true).filter(|&at| at < self.len)
    }

    /// The first byte at or after `offset` that has no data, the end counting as one; `None` when `offset` is at or
    /// after the end.
    pub fn next_hole(&self, offset: u64) -> Option<u64> {
        (offset < self.len).then(|| self.next(offset, false).unwrap_or(self.len).min(self.len))
    }

    /// The first byte at or after `offset`, before the end's page is over, for which having data is `data`.
    fn next(&self, offset: u64, data: bool) -> Option<u64> {
        let base_pages = pages_for(self.base.len() as u64);
        let mut index = offset / PAGE_SIZE;
        while index < pages_for(self.len) {
            let (has_data, end) = match self.tree.find(index) {
                (Found::Page(_), end) => (true, end),
                (Found::Empty, end) if index < base_pages => (true, end.min(base_pages)),
                (Found::Empty | Found::Zero, end) => (false, end),
            };
            if has_data == data {
                return Some((index * PAGE_SIZE).max(offset));
            }
            index = end;
        }
        None
    }

    /// Page `index`, made one that nobody else holds, for mapping it to be written. As with any write it is the
    /// content's own from then on; the length stays.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn own_page(&mut self, index: u64) -> Result<&Page> {
        self.within(&Unlimited).touch_page(index)?;
        self.page(index).ok_or(FileSystemErrorKind::OutOfMemory.into())
    }

    /// The page at `index`: `None` where no page of the tree stands (a hole, or a part of the base).
    pub fn page(&self, index: u64) -> Option<&Page> {
        match self.tree.find(index) {
            (Found::Page(page), _) => Some(page),
            _ => None,
        }
    }
}

/// The byte after `length` bytes from `offset`.
///
/// # Errors
/// `EFBIG` beyond [`MAX_LEN`].
pub fn checked_end(offset: u64, length: u64) -> Result<u64> {
    match offset.checked_add(length) {
        Some(end) if end <= MAX_LEN => Ok(end),
        _ => fail(FileSystemErrorKind::FileTooLarge),
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes, {} pages, {} own)", self.len, self.pages, self.owned())
    }
}
