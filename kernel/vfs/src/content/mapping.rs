//! Memory that shows pages of a content (`mmap(2)`), and how it hears of what becomes of them.
//!
//! This crate knows no page tables. Whoever has some is a [`PageMapper`], notes which page of a file it shows where, and
//! is told *before* a page is replaced or goes ([`PageMapper::forget`]), and before what may be written through it must
//! stay as it is ([`PageMapper::protect`]). What it has let go of, the next access brings again, by
//! [`VfsNode::map_page`](crate::node::VfsNode::map_page).
//!
//! ```text
//!   writer                                  a program's access
//!   ------                                  ------------------
//!   locks the content                       tries to lock the content (busy: lets go of all it holds, tries again)
//!   tells: forget page 3 ──▶ unmapped       asks for page 3
//!   puts another page there                 notes it in its page tables
//!   unlocks                                 unlocks
//! ```
//!
//! # Invariants
//! - A page is shown under the lock of the content, and told of under the lock of the content, so that what is shown is
//!   what is there.
//! - What is mapped to be written is in the tree, and held by nobody else: a clone tells first.
//!
//! Locks: [`Mappers`]' own comes after the content's, and is not held while anybody is told; a mapper's own locks are
//! leaves.

use super::Content;
use super::tree::Found;
use crate::error::Result;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::ops::{Bound, Range};
use page::Page;

/// Memory in which pages of one file show.
///
/// It is told with the lock of a content held: it must neither wait nor call into a file system.
pub trait PageMapper: Send + Sync {
    /// What it shows of these pages is not what is there any more: the next access asks again.
    fn forget(&self, pages: Range<u64>);

    /// What it shows of these pages must not be written: the next write asks again.
    fn protect(&self, pages: Range<u64>);

    /// The file ends before page `from` now: copies of that one and of those behind it go too (`MAP_PRIVATE`).
    fn cut(&self, _from: u64) {}
}

/// All pages there can be.
pub const ALL_PAGES: Range<u64> = 0..u64::MAX;

/// What a page of a content is, to be shown.
pub enum Shown<'a> {
    /// A page, which stays until its mappers are told.
    Page(&'a Page),
    /// Bytes that never change, with zeros behind them up to the page's end. They stay as long as any clone of the
    /// content.
    Bytes(&'a [u8]),
    /// Zeros.
    Zeros,
}

/// What became of an attempt to map a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mapped {
    /// It was shown.
    Shown,
    /// The file ends before.
    BehindEnd,
    /// Somebody works on the file, or it has to be opened for writing first
    /// ([`VfsNode::open`](crate::node::VfsNode::open)): whoever can wait tries again after that.
    Busy,
}

/// Bytes of heap that knowing a mapper takes, about.
const MAPPER_MEMORY: usize = 96;

/// The mappers of a file. Nearly always there is none, and then one load says so.
#[derive(Default)]
pub struct Mappers {
    count: AtomicUsize,
    /// By their addresses, which stay theirs as long as they are known.
    known: Mutex<BTreeMap<usize, Known>>,
}

/// A mapper that shows something.
struct Known {
    mapper: Weak<dyn PageMapper>,
    /// All that it shows is among these pages. Who shows nothing any more is not known: a program may keep thousands of
    /// mappings that it has done with.
    pages: Range<u64>,
    /// Whether it is told of them until it is removed, whatever it shows.
    stays: bool,
}

impl Known {
    fn overlaps(&self, pages: &Range<u64>) -> bool {
        self.pages.start < pages.end && pages.start < self.pages.end
    }

    /// Notes that these are not shown any more; whether it is to be told of any.
    fn forget(&mut self, pages: &Range<u64>) -> bool {
        if self.stays {
            return true;
        }
        if pages.start <= self.pages.start {
            self.pages.start = self.pages.start.max(pages.end);
        }
        if pages.end >= self.pages.end {
            self.pages.end = self.pages.end.min(pages.start);
        }
        !self.pages.is_empty()
    }
}

fn address(mapper: &Arc<dyn PageMapper>) -> usize {
    Arc::as_ptr(mapper).cast::<()>().addr()
}

impl Mappers {
    /// Whether there is any.
    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Lets `mapper`, which is going to show page `index`, be told from now on.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn add(&self, mapper: &Arc<dyn PageMapper>, index: u64) -> Result<()> {
        self.note(mapper, index..index + 1, false)
    }

    /// Lets `mapper` be told of these pages from now on, until it is removed.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn add_lasting(&self, mapper: &Arc<dyn PageMapper>, pages: Range<u64>) -> Result<()> {
        self.note(mapper, pages, true)
    }

    fn note(&self, mapper: &Arc<dyn PageMapper>, pages: Range<u64>, stays: bool) -> Result<()> {
        let mut known = self.known.lock();
        if let Some(known) = known.get_mut(&address(mapper)) {
            known.pages = known.pages.start.min(pages.start)..known.pages.end.max(pages.end);
            return Ok(());
        }
        page::admit(MAPPER_MEMORY)?;
        known.insert(address(mapper), Known { mapper: Arc::downgrade(mapper), pages, stays });
        self.count.store(known.len(), Ordering::Relaxed);
        Ok(())
    }

    /// Tells `mapper` no more. Each that was added is removed before it goes.
    pub fn remove(&self, mapper: &Arc<dyn PageMapper>) {
        let mut known = self.known.lock();
        let removed = known.remove(&address(mapper));
        self.count.store(known.len(), Ordering::Relaxed);
        drop(known);
        drop(removed);
    }

    /// Tells those who show any of these pages to forget them.
    pub fn forget(&self, pages: Range<u64>) {
        self.forget_and(pages, |_| {});
    }

    /// As [`Mappers::forget`], and does something more for each.
    pub fn forget_and(&self, pages: Range<u64>, mut then: impl FnMut(&Arc<dyn PageMapper>)) {
        let mut after = None;
        while let Some((at, mapper)) = self.next(after, &pages) {
            mapper.forget(pages.clone());
            then(&mapper);
            let mut known = self.known.lock();
            if known.get_mut(&at).is_some_and(|known| !known.forget(&pages)) {
                known.remove(&at);
                self.count.store(known.len(), Ordering::Relaxed);
            }
            after = Some(at);
        }
    }

    /// Tells those who are told of any page from `from` on that the file ends before.
    pub fn cut(&self, from: u64) {
        let mut after = None;
        while let Some((at, mapper)) = self.next(after, &(from..u64::MAX)) {
            mapper.cut(from);
            after = Some(at);
        }
    }

    /// Tells those who show any of these pages to keep them from being written.
    pub fn protect(&self, pages: Range<u64>) {
        let mut after = None;
        while let Some((at, mapper)) = self.next(after, &pages) {
            mapper.protect(pages.clone());
            after = Some(at);
        }
    }

    /// The next who shows any of these pages. The lock is not held while it is told, for the last reference to it may go.
    fn next(&self, after: Option<usize>, pages: &Range<u64>) -> Option<(usize, Arc<dyn PageMapper>)> {
        if !self.any() {
            return None;
        }
        let known = self.known.lock();
        let rest = known.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        let mut overlapping = rest.filter(|(_, known)| known.overlaps(pages));
        overlapping.find_map(|(&at, known)| Some((at, known.mapper.upgrade()?)))
    }
}

impl Content {
    /// What page `index` is, to be shown to who reads it.
    pub fn shown(&self, index: u64) -> Shown<'_> {
        match self.tree.find(index).0 {
            Found::Page(page) => Shown::Page(page),
            Found::Zero => Shown::Zeros,
            Found::Empty => match self.base.page(index) {
                [] => Shown::Zeros,
                bytes => Shown::Bytes(bytes),
            },
        }
    }
}
