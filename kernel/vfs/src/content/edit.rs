//! Changing a content on somebody's account.

use super::tree::Slot;
use super::{Budget, Bytes, Content, MAX_LEN, Mappers, PAGE_SIZE, Shown, checked_end, pages_for};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::io::Source;
use core::ops::Range;
use page::Page;

/// A content under change, the account that pays, and whose memory shows it.
pub struct Editor<'a> {
    content: &'a mut Content,
    budget: &'a dyn Budget,
    mappers: Option<&'a Mappers>,
}

impl<'a> Editor<'a> {
    pub(super) fn new(content: &'a mut Content, budget: &'a dyn Budget) -> Self {
        Self { content, budget, mappers: None }
    }

    /// Tells these of the change, each time before a page is replaced or goes.
    pub fn telling(self, mappers: &'a Mappers) -> Self {
        Self { mappers: mappers.any().then_some(mappers), ..self }
    }

    /// Writes what `source` has at `offset`, straight into the pages, extending the content where needed; whole pages
    /// that the source has as such are shared. Returns the bytes written: fewer than asked when space, memory, the source or the largest size ended midway.
    ///
    /// A source that fails leaves at most the bytes of the page it failed in undefined, and those only if the page was
    /// there before.
    ///
    /// # Errors
    /// When nothing was written: `EFBIG`, `ENOSPC`, `ENOMEM`, or what the source answers.
    pub fn write(&mut self, offset: u64, source: &mut dyn Source) -> Result<usize> {
        if source.remaining() == 0 {
            return Ok(0);
        }
        if offset >= MAX_LEN {
            return fail(FileSystemErrorKind::FileTooLarge);
        }
        let total = (source.remaining() as u64).min(MAX_LEN - offset);
        if offset + total > self.content.len {
            self.clean_tail()?;
        }
        let mut done = 0;
        let mut result = Ok(());
        while done < total && result.is_ok() {
            let at = offset + done;
            let start = (at % PAGE_SIZE) as usize;
            let count = (total - done).min(PAGE_SIZE - at % PAGE_SIZE);
            let shared = if count == PAGE_SIZE { source.take_page() } else { None };
            result = match shared {
                Some(page) => self.put_page(at / PAGE_SIZE, page),
                None => self.change_page(at / PAGE_SIZE, start..start + count as usize, |into| source.take(into)),
            };
            if result.is_ok() {
                done += count;
            }
        }
        if done == 0 {
            result?;
        }
        self.content.len = self.content.len.max(offset + done);
        Ok(done as usize)
    }

    /// Cuts the content to `len` bytes or extends it with a hole.
    ///
    /// # Errors
    /// `EFBIG`; `ENOMEM` and `ENOSPC` where a shared page must be copied. Nothing has changed then.
    pub fn set_len(&mut self, len: u64) -> Result<()> {
        checked_end(len, 0)?;
        if len >= self.content.len {
            if len > self.content.len {
                self.clean_tail()?;
                self.content.len = len;
            }
            return Ok(());
        }
        // The last page too, which has to read as zeros behind the end.
        self.forget(len / PAGE_SIZE..u64::MAX);
        if let Some(mappers) = self.mappers {
            mappers.cut(pages_for(len));
        }
        let owned = self.content.owned();
        let content = &mut *self.content;
        if len == 0 {
            content.tree.clear_all();
            content.base = Bytes::default();
            content.pages = 0;
        } else {
            let gone = pages_for(len)..u64::MAX;
            let base = pages_for(content.base.len() as u64);
            let pages = content.tree.tally(gone.clone(), base).pages;
            content.tree.clear(gone, base.min(pages_for(len)))?;
            content.tree.shrink(pages_for(len));
            content.pages -= pages;
            if (content.base.len() as u64) > len {
                content.base = content.base.slice(0..len as usize);
            }
        }
        content.tail_dirty = !len.is_multiple_of(PAGE_SIZE);
        content.len = len;
        self.budget.give(owned - self.content.owned());
        Ok(())
    }

    /// Makes `length` bytes from `offset` on a hole, which reads as zeros; the length stays.
    ///
    /// # Errors
    /// `ENOMEM`, and `ENOSPC` where a shared page at an edge must be copied: a part may have been done then.
    pub fn punch(&mut self, offset: u64, length: u64) -> Result<()> {
        let len = self.content.len;
        let end = offset.saturating_add(length).min(len);
        if offset >= end {
            return Ok(());
        }
        // Nothing shows behind the end, so that the last page can go as a whole.
        let whole_end = if end == len { pages_for(len) } else { end / PAGE_SIZE };
        let whole_start = pages_for(offset);
        if whole_start > whole_end {
            return self.zero_in_page(offset / PAGE_SIZE, offset % PAGE_SIZE..end % PAGE_SIZE);
        }
        if !offset.is_multiple_of(PAGE_SIZE) {
            self.zero_in_page(offset / PAGE_SIZE, offset % PAGE_SIZE..PAGE_SIZE)?;
        }
        if end / PAGE_SIZE == whole_end && !end.is_multiple_of(PAGE_SIZE) {
            self.zero_in_page(whole_end, 0..end % PAGE_SIZE)?;
        }
        if whole_start < whole_end {
            self.clear_pages(whole_start..whole_end)?;
        }
        Ok(())
    }

    /// Takes memory for `length` bytes from `offset` on, so that later writes there need neither space nor memory as
    /// long as nobody clones the content. The length stays.
    ///
    /// # Errors
    /// `EFBIG`; `ENOSPC` and `ENOMEM`, which are found before anything is done unless others take memory meanwhile.
    pub fn reserve(&mut self, offset: u64, length: u64) -> Result<()> {
        let end = checked_end(offset, length)?;
        let range = offset / PAGE_SIZE..pages_for(end);
        let base = pages_for(self.content.base.len() as u64);
        let missing = (range.end - range.start) - self.content.tree.tally(range.clone(), base).owned;
        // All of it or nothing: a file that half fits must not take what is left. The file system's limit speaks first: full
        // is ENOSPC, however little memory there is besides.
        self.budget.take(missing)?;
        self.budget.give(missing);
        page::admit(usize::try_from(missing.saturating_mul(PAGE_SIZE)).unwrap_or(usize::MAX))?;
        range.into_iter().try_for_each(|index| self.touch_page(index))
    }

    /// What page `index` is, to be shown to who reads it: behind the end it is zeros.
    ///
    /// # Errors
    /// `ENOSPC` and `ENOMEM` where a page must be copied for that.
    pub fn show(&mut self, index: u64) -> Result<Shown<'_>> {
        if index == self.content.len / PAGE_SIZE {
            self.clean_tail()?;
        }
        Ok(self.content.shown(index))
    }

    /// Page `index`, made one that nobody else holds, to be shown to who writes it. The length stays.
    ///
    /// # Errors
    /// `ENOSPC` and `ENOMEM`.
    pub fn show_to_write(&mut self, index: u64) -> Result<Shown<'_>> {
        if index == self.content.len / PAGE_SIZE {
            self.clean_tail()?;
            // Whoever writes it may write behind the end.
            self.content.tail_dirty = true;
        }
        self.touch_page(index)?;
        Ok(self.content.shown(index))
    }

    /// Makes page `index` the content's own and held by nobody else, with the bytes it has.
    pub(super) fn touch_page(&mut self, index: u64) -> Result<()> {
        self.change_page(index, 0..0, |_| Ok(()))
    }

    /// Clears what earlier, longer times left behind the end, because the end is about to move on.
    fn clean_tail(&mut self) -> Result<()> {
        let start = self.content.len % PAGE_SIZE;
        if self.content.tail_dirty && start > 0 {
            if let Some(mappers) = self.mappers {
                mappers.protect(self.content.len / PAGE_SIZE..pages_for(self.content.len));
            }
            self.zero_in_page(self.content.len / PAGE_SIZE, start..PAGE_SIZE)?;
        }
        self.content.tail_dirty = false;
        Ok(())
    }

    fn forget(&self, pages: Range<u64>) {
        if let Some(mappers) = self.mappers {
            mappers.forget(pages);
        }
    }

    fn clear_pages(&mut self, range: Range<u64>) -> Result<()> {
        self.forget(range.clone());
        let content = &mut *self.content;
        let base = pages_for(content.base.len() as u64);
        let before = content.tree.tally(range.clone(), base).pages;
        let owned = content.owned();
        let result = content.tree.clear(range.clone(), base);
        let after = if result.is_ok() { 0 } else { content.tree.tally(range, base).pages };
        content.pages -= before - after;
        self.budget.give(owned - self.content.owned());
        Ok(result?)
    }

    /// Zeros a part of a page that has data; a hole needs nothing.
    fn zero_in_page(&mut self, index: u64, range: Range<u64>) -> Result<()> {
        if matches!(self.content.shown(index), Shown::Zeros) {
            return Ok(());
        }
        self.change_page(index, range.start as usize..range.end as usize, |bytes| {
            bytes.fill(0);
            Ok(())
        })
    }

    /// Makes page `index` the content's own and lets `put` overwrite `range` of it.
    fn change_page(
        &mut self,
        index: u64,
        range: Range<usize>,
        put: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<()> {
        self.change_place(index, Change::InPlace, |slot, shown| change_slot(slot, shown, range, put))
    }

    /// Lets page `index` be `page`, which others may hold too: whoever writes first copies. It is charged like one that
    /// was written.
    fn put_page(&mut self, index: u64, page: Page) -> Result<()> {
        self.change_place(index, Change::Replaced, |slot, _| {
            *slot = Slot::Page(page);
            Ok(())
        })
    }

    /// Makes the page that `change` leaves at `index` the content's own; `change` is told what of the base shows there.
    fn change_place(
        &mut self,
        index: u64,
        how: Change,
        change: impl FnOnce(&mut Slot, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let content = &mut *self.content;
        let mut place = content.tree.place(index)?;
        if let Some(mappers) = self.mappers
            && !(how == Change::InPlace && matches!(place.slot, Slot::Page(page) if !page.is_shared()))
        {
            mappers.forget(index..index + 1);
        }
        let charged = !place.is_own();
        if charged {
            self.budget.take(1)?;
        }
        let shown = match place.slot {
            Slot::Empty => content.base.page(index),
            _ => &[],
        };
        let counted = matches!(place.slot, Slot::Page(_)) || !shown.is_empty();
        if let Err(error) = change(place.slot, shown) {
            if charged {
                self.budget.give(1);
            }
            return Err(error);
        }
        place.claim();
        content.pages += u64::from(!counted);
        Ok(())
    }
}

/// How a page changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Where it is, if nobody else holds it.
    InPlace,
    /// Another takes its place.
    Replaced,
}

/// Lets `put` overwrite `range` of the page in `slot`; where there is none, one is made of `shown` and zeros.
fn change_slot(
    slot: &mut Slot,
    shown: &[u8],
    range: Range<usize>,
    put: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<()> {
    match slot {
        Slot::Page(page) if range.len() < page::SIZE || !page.is_shared() => put(&mut page.make_mut()?[range]),
        _ => {
            *slot = Slot::Page(Page::build(|bytes| {
                if range.len() < page::SIZE {
                    let kept = shown.len();
                    bytes[..kept].copy_from_slice(shown);
                    bytes[kept..].fill(0);
                }
                put(&mut bytes[range])
            })?);
            Ok(())
        }
    }
}
