//! From one open file to another without the user's memory in between: pages are shared where they can be, holes stay
//! holes (`copy_file_range(2)`, `ioctl_ficlone(2)`).

use super::{FileObject, OpenFlags};
use crate::content::{Content, Excerpt, MAX_LEN};
use crate::context::Credentials;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::inotify::WatchMask;
use crate::metadata::FileType;
use crate::node::{Allocate, WriteAt, same_node};

impl FileObject {
    /// Writes `length` bytes of this file from `offset` on into `to` at `to_offset`; returns how many: fewer where the
    /// file ends before, or space or memory midway. No position moves. What a page holds as a whole on both sides is
    /// shared, and copied only when somebody writes it.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL` for what is no regular file or for ranges of one file that overlap; `EBADF` when this is not
    /// open for reading or `to` not for writing, or for appending; `EOVERFLOW`, `EFBIG`; `EOPNOTSUPP` where a file's
    /// content is no page tree; and those of a write when nothing was written.
    pub fn copy_range(&self, writer: &Credentials, offset: u64, to: &Self, to_offset: u64, length: u64) -> Result<u64> {
        self.check_transfer(to)?;
        let ends = (offset.checked_add(length), to_offset.checked_add(length));
        let (Some(_), Some(_)) = ends else { return fail(FileSystemErrorKind::Overflow) };
        let content = self.node.content()?;
        let length = length.min(content.len().saturating_sub(offset));
        if to_offset >= MAX_LEN {
            return fail(FileSystemErrorKind::FileTooLarge);
        }
        if same_node(&self.node, &to.node) && offset.abs_diff(to_offset) < length {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if length == 0 {
            return Ok(0);
        }
        to.drop_set_id(writer)?;
        let copied = to.take_range(&content, offset, to_offset, length)?;
        self.tell_of_copying(to, copied);
        Ok(copied)
    }

    /// Gives `self` the whole content of `from`, in constant time (`FICLONE`).
    ///
    /// # Errors
    /// As [`FileObject::copy_range`].
    pub fn clone_content(&self, writer: &Credentials, from: &Self) -> Result<()> {
        from.check_transfer(self)?;
        let content = from.node.content()?;
        self.drop_set_id(writer)?;
        self.node.set_content(content)?;
        from.tell_of_copying(self, 1);
        Ok(())
    }

    /// So many bytes of this file, at least, are in the other.
    fn tell_of_copying(&self, to: &Self, copied: u64) {
        self.note_access();
        if copied > 0 {
            self.place.tell_of_use(WatchMask::ACCESS);
            to.place.tell_of_use(WatchMask::MODIFY);
        }
    }

    fn check_transfer(&self, to: &Self) -> Result<()> {
        self.require_more_than_place()?;
        to.require_more_than_place()?;
        let kinds = [self.node.kind(), to.node.kind()];
        if kinds.contains(&FileType::Directory) {
            return fail(FileSystemErrorKind::IsADirectory);
        }
        if kinds != [FileType::Regular; 2] {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.require(OpenFlags::READ)?;
        to.require(OpenFlags::WRITE)?;
        if to.flags().contains(OpenFlags::APPEND) {
            return fail(FileSystemErrorKind::BadFileDescriptor);
        }
        Ok(())
    }

    /// Writes a range of `content`, run by run of data and of holes.
    fn take_range(&self, content: &Content, offset: u64, to_offset: u64, length: u64) -> Result<u64> {
        let end = offset + length;
        let mut at = offset;
        while at < end {
            let data = content.next_data(at).unwrap_or(end).min(end);
            let to = to_offset + (at - offset);
            let step = if data > at {
                let hole = Allocate::Zero { keep_size: false };
                self.node.allocate(hole, to, data - at).map(|()| data - at)
            } else {
                let hole = content.next_hole(at).unwrap_or(end).min(end);
                let mut run = Excerpt::new(content, at..hole);
                self.node.write(WriteAt::Offset(to), &mut run).map(|(_, count)| count as u64)
            };
            match step {
                Ok(0) => break,
                Ok(count) => at += count,
                Err(error) if at == offset => return Err(error),
                Err(_) => break,
            }
        }
        Ok(at - offset)
    }
}
