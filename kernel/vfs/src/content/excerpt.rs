//! A piece of a content as what a write takes: whole pages are shared, not copied.

use super::{Content, PAGE_SIZE};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::io::Source;
use core::ops::Range;
use page::Page;

/// The bytes of a range of a content.
pub struct Excerpt<'a> {
    content: &'a Content,
    range: Range<u64>,
}

impl<'a> Excerpt<'a> {
    /// The bytes of `content` in `range`, as far as there are any.
    pub fn new(content: &'a Content, range: Range<u64>) -> Self {
        let end = range.end.min(content.len());
        Self { content, range: range.start.min(end)..end }
    }
}

impl Source for Excerpt<'_> {
    fn remaining(&self) -> usize {
        usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX)
    }

    fn take(&mut self, mut into: &mut [u8]) -> Result<()> {
        let wanted = into.len();
        if self.content.read(self.range.start, &mut into)? != wanted {
            // Asked for more than remains.
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.range.start += wanted as u64;
        Ok(())
    }

    fn take_page(&mut self) -> Option<Page> {
        // Behind the end of a content a page may hold what was cut off.
        let whole = self.range.start.is_multiple_of(PAGE_SIZE) && self.range.end - self.range.start >= PAGE_SIZE;
        let page = self.content.page(self.range.start / PAGE_SIZE).filter(|_| whole)?;
        self.range.start += PAGE_SIZE;
        Some(page.clone())
    }
}
