//! Moving what is in a pipe without a program's memory between (`splice(2)`, `tee(2)`): pages change hands.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use page::Page;
use vfs::context::Credentials;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;

use super::End;
use super::content::Piece;

impl End {
    /// Whether both are ends of one pipe.
    pub fn is_of_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pipe, &other.pipe)
    }

    /// Waits until there is something to read, if it may wait; whether there ever will be.
    fn wait_for_some(&self, may_wait: bool) -> Result<bool> {
        let is_empty = || self.pipe.filled.load(Ordering::Relaxed) == 0;
        if is_empty() && self.pipe.writers.is_open() {
            if !may_wait {
                return fail(FileSystemErrorKind::WouldBlock);
            }
            self.wait_to_read()?;
        }
        Ok(!is_empty())
    }

    /// Waits until there is a page to spare, if it may wait.
    fn wait_for_page(&self, may_wait: bool) -> Result<()> {
        let is_full = || self.pipe.is_full.load(Ordering::Relaxed);
        if self.pipe.readers.is_open() && is_full() {
            if !may_wait {
                return fail(FileSystemErrorKind::WouldBlock);
            }
            self.wait_to_write(page::SIZE)?;
        }
        if self.pipe.readers.is_open() { Ok(()) } else { fail(FileSystemErrorKind::BrokenPipe) }
    }

    /// Moves up to `count` bytes to a file, at an offset or at its position; returns how many.
    ///
    /// # Errors
    /// `EAGAIN`, `EINTR`, and what the file answers, when nothing was moved.
    pub fn move_to(
        &self,
        to: &FileObject,
        writer: &Credentials,
        offset: Option<u64>,
        count: usize,
        may_wait: bool,
    ) -> Result<usize> {
        let mut moved = 0;
        while moved < count && (moved == 0 || self.pipe.filled.load(Ordering::Relaxed) > 0) {
            if !self.wait_for_some(may_wait)? {
                break;
            }
            let Some(piece) = self.pipe.with(|content| content.take_piece(count - moved)) else { continue };
            let mut bytes = piece.bytes();
            let written = match offset {
                Some(offset) => to.write_at(writer, offset + moved as u64, &mut bytes),
                None => to.write(writer, &mut bytes),
            };
            let done = *written.as_ref().unwrap_or(&0);
            moved += done;
            if let Some(rest) = piece.after(done) {
                // What the file did not take is the first again.
                self.pipe.with(|content| content.put_back(rest));
                return if moved > 0 { Ok(moved) } else { written };
            }
        }
        Ok(moved)
    }

    /// Moves up to `count` bytes from a file, at an offset or at its position; returns how many, 0 at the file's end.
    ///
    /// # Errors
    /// `EAGAIN`, `EINTR`, `EPIPE`, `ENOMEM`, and what the file answers, when nothing was moved.
    pub fn move_from(&self, from: &FileObject, offset: Option<u64>, count: usize, may_wait: bool) -> Result<usize> {
        let mut moved = 0;
        while moved < count && (moved == 0 || !self.pipe.is_full.load(Ordering::Relaxed)) {
            match self.move_page(from, offset.map(|offset| offset + moved as u64), count - moved, may_wait) {
                Ok(0) => break,
                Ok(step) => moved += step,
                Err(error) if moved == 0 => return Err(error),
                Err(_) => break,
            }
            // What has no positions may have to be waited for.
            if from.can_wait() {
                break;
            }
        }
        Ok(moved)
    }

    fn move_page(&self, from: &FileObject, offset: Option<u64>, count: usize, may_wait: bool) -> Result<usize> {
        self.wait_for_page(may_wait)?;
        let mut read = 0;
        let page = Page::build(|bytes| {
            bytes.fill(0);
            let mut into = &mut bytes[..count.min(page::SIZE)];
            read = match offset {
                Some(offset) => from.read_at(offset, &mut into)?,
                None => from.read(&mut into)?,
            };
            Ok::<(), vfs::error::FileSystemError>(())
        })?;
        if read > 0 {
            // Another may have filled it meanwhile: one page more than there is room for does no harm.
            self.pipe.with(|content| content.push(Piece::new(page, 0, read)))?;
        }
        Ok(read)
    }

    /// Moves up to `count` bytes to another pipe, or with `keeps` copies them; returns how many.
    ///
    /// # Errors
    /// `EAGAIN`, `EINTR`, `EPIPE`, `ENOMEM`, when nothing was moved.
    pub fn move_between(&self, to: &Self, count: usize, keeps: bool, may_wait: bool) -> Result<usize> {
        if !self.wait_for_some(may_wait)? {
            return Ok(0);
        }
        to.wait_for_page(may_wait)?;
        let mut moved = 0;
        let mut index = 0;
        while moved < count && !to.pipe.is_full.load(Ordering::Relaxed) {
            let piece = if keeps {
                self.pipe.content.lock().piece(index, count - moved)
            } else {
                self.pipe.with(|content| content.take_piece(count - moved))
            };
            let Some(piece) = piece else { break };
            index += 1;
            moved += piece.bytes().len();
            to.pipe.with(|content| content.push(piece))?;
        }
        Ok(moved)
    }
}
