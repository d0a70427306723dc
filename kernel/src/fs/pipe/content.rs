//! What is in a pipe: pieces of pages, as on Linux, so that it takes memory for what is in it and no more.
//!
//! A write of a page or less (`PIPE_BUF`) goes in as one or not at all: it is put behind the last piece if it fits into
//! that page, else into one of its own. So what there is room for is counted in pages, and a pipe is full when it has no page
//! to spare, though the last may not be.

use alloc::collections::VecDeque;

use page::Page;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::{Sink, Source};

/// Bytes of one page.
pub struct Piece {
    page: Page,
    start: usize,
    end: usize,
}

impl Piece {
    /// The bytes up to `end` of a page.
    pub fn new(page: Page, start: usize, end: usize) -> Self {
        Self { page, start, end }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.page.bytes()[self.start..self.end]
    }

    /// The first `count` of its bytes, in the same memory.
    fn first(&self, count: usize) -> Self {
        Self { page: self.page.clone(), start: self.start, end: self.end.min(self.start + count) }
    }

    /// What there is after the first `count` of its bytes, if anything.
    pub fn after(self, count: usize) -> Option<Self> {
        let start = self.start + count;
        (start < self.end).then_some(Self { start, ..self })
    }
}

/// What is in a pipe.
pub struct Content {
    pieces: VecDeque<Piece>,
    /// How many pieces there may be.
    limit: usize,
    length: usize,
    /// A page that was read empty, for the next write.
    spare: Option<Page>,
}

impl Content {
    /// Nothing, with room for `limit` pages.
    pub const fn new(limit: usize) -> Self {
        Self { pieces: VecDeque::new(), limit, length: 0, spare: None }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// How many pages it has room for.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Changes how many pages it has room for.
    ///
    /// # Errors
    /// `EBUSY` if there are more.
    pub fn set_limit(&mut self, limit: usize) -> Result<()> {
        if self.pieces.len() > limit {
            return fail(FileSystemErrorKind::Busy);
        }
        self.limit = limit;
        Ok(())
    }

    /// Whether it has no page to spare.
    pub fn is_full(&self) -> bool {
        self.pieces.len() >= self.limit
    }

    /// How many bytes the last piece's page still takes.
    pub fn tail_room(&self) -> usize {
        self.pieces.back().filter(|piece| !piece.page.is_shared()).map_or(0, |piece| page::SIZE - piece.end)
    }

    /// The piece of that index, as far as it is not longer than `count`, in the same memory.
    pub fn piece(&self, index: usize, count: usize) -> Option<Piece> {
        self.pieces.get(index).map(|piece| piece.first(count))
    }

    /// Takes the first piece out, as far as it is not longer than `count`.
    pub fn take_piece(&mut self, count: usize) -> Option<Piece> {
        let piece = self.pieces.front()?.first(count);
        self.remove(piece.end - piece.start);
        Some(piece)
    }

    /// Puts a piece back that was taken out.
    pub fn put_back(&mut self, piece: Piece) {
        self.length += piece.end - piece.start;
        // It has had its place, which nobody gives back.
        self.pieces.push_front(piece);
    }

    /// Moves what there is to `sink`, as far as it fits; returns how much that was.
    ///
    /// # Errors
    /// `EFAULT` when nothing could be moved.
    pub fn take(&mut self, sink: &mut dyn Sink) -> Result<usize> {
        let mut taken = 0;
        while let Some(piece) = self.pieces.front() {
            let count = (piece.end - piece.start).min(sink.room());
            if count == 0 {
                break;
            }
            match sink.put(&piece.bytes()[..count]) {
                Ok(()) => self.remove(count),
                Err(error) if taken == 0 => return Err(error),
                Err(_) => break,
            }
            taken += count;
        }
        Ok(taken)
    }

    /// Removes the first `count` bytes, which are of the first piece.
    pub fn remove(&mut self, count: usize) {
        let Some(piece) = self.pieces.front_mut() else { return };
        piece.start += count;
        self.length -= count;
        if piece.start == piece.end
            && let Some(Piece { page, .. }) = self.pieces.pop_front()
            && !page.is_shared()
        {
            self.spare = Some(page);
        }
    }

    /// Takes as much of what `source` has as there is room for; returns how much that was, 0 if there is none.
    ///
    /// # Errors
    /// `EFAULT`, `ENOMEM` when nothing could be taken.
    pub fn put(&mut self, source: &mut dyn Source) -> Result<usize> {
        let mut taken = 0;
        let rest = source.remaining() % page::SIZE;
        if rest > 0 && rest <= self.tail_room() {
            taken = self.append(source, rest)?;
        }
        while source.remaining() > 0 && !self.is_full() {
            let count = source.remaining().min(page::SIZE);
            match self.put_page(source, count) {
                Ok(()) => taken += count,
                Err(error) if taken == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(taken)
    }

    /// Takes `count` bytes behind the last piece, in its page.
    fn append(&mut self, source: &mut dyn Source, count: usize) -> Result<usize> {
        let Some(piece) = self.pieces.back_mut() else { return Ok(0) };
        let Some(bytes) = piece.page.get_mut() else { return Ok(0) };
        source.take(&mut bytes[piece.end..piece.end + count])?;
        piece.end += count;
        self.length += count;
        Ok(count)
    }

    fn put_page(&mut self, source: &mut dyn Source, count: usize) -> Result<()> {
        let mut page = match self.spare.take() {
            Some(page) => page,
            None => Page::zeroed()?,
        };
        let Some(bytes) = page.get_mut() else { return fail(FileSystemErrorKind::OutOfMemory) };
        if let Err(error) = source.take(&mut bytes[..count]) {
            self.spare = Some(page);
            return Err(error);
        }
        self.push(Piece::new(page, 0, count))
    }

    /// Puts in one more piece; there is room.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn push(&mut self, piece: Piece) -> Result<()> {
        if self.pieces.len() == self.pieces.capacity() {
            page::admit(2 * size_of::<Piece>() * (self.pieces.len() + 4))?;
            self.pieces.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        }
        self.length += piece.end - piece.start;
        self.pieces.push_back(piece);
        Ok(())
    }
}
