//! Writing, and how one transfer may differ from what the file was opened for (`pwritev2(2)`).

use super::{FileObject, OpenFlags};
use crate::context::Credentials;
use crate::environment::Positions;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::inotify::WatchMask;
use crate::io::Source;
use crate::node::WriteAt;
use bitflags::bitflags;

bitflags! {
    /// How one read or write differs from others of the file; the values of `preadv2(2)`. A read knows them all and
    /// none makes it another.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct TransferFlags: u32 {
        /// `RWF_HIPRI`: nothing waits here.
        const HIGH_PRIORITY = 0x1;
        /// `RWF_DSYNC`: as if opened with `O_DSYNC`.
        const DATA_SYNC = 0x2;
        /// `RWF_SYNC`: as if opened with `O_SYNC`.
        const SYNC = 0x4;
        /// `RWF_APPEND`: at the end, and an offset that is given says no more than that the position stays.
        const APPEND = 0x10;
        /// `RWF_NOAPPEND`: where it is meant to go, whatever `O_APPEND` says.
        const NO_APPEND = 0x20;
    }
}

impl TransferFlags {
    /// The flags with these values.
    ///
    /// # Errors
    /// `EOPNOTSUPP` for what a tmpfs of Linux cannot do either (`RWF_NOWAIT`, `RWF_ATOMIC`, `RWF_DONTCACHE`) and for
    /// bits that are none, `EINVAL` for both of `RWF_APPEND` and `RWF_NOAPPEND`.
    pub fn from_linux(bits: u32) -> Result<Self> {
        match Self::from_bits(bits) {
            None => fail(FileSystemErrorKind::NotSupported),
            Some(flags) if flags.contains(Self::APPEND | Self::NO_APPEND) => fail(FileSystemErrorKind::InvalidArgument),
            Some(flags) => Ok(flags),
        }
    }
}

impl FileObject {
    /// Writes at the position, or at the end under `O_APPEND`, and moves the position behind it (`write(2)`). Set-id bits
    /// go unless the writer may keep them, whoever opened the file.
    ///
    /// # Errors
    /// `EBADF` when not open for writing, and what the node answers.
    pub fn write(&self, writer: &Credentials, source: &mut dyn Source) -> Result<usize> {
        self.write_with(writer, None, TransferFlags::empty(), source)
    }

    /// Writes at an offset, without moving the position (`pwrite(2)`; under `O_APPEND` at the end all the same, as on
    /// Linux).
    ///
    /// # Errors
    /// Those of [`FileObject::write`]; `ESPIPE` where there are no positions.
    pub fn write_at(&self, writer: &Credentials, offset: u64, source: &mut dyn Source) -> Result<usize> {
        self.write_with(writer, Some(offset), TransferFlags::empty(), source)
    }

    /// As [`FileObject::write`], or with an offset as [`FileObject::write_at`], but for what the flags say
    /// (`pwritev2(2)`).
    ///
    /// # Errors
    /// As [`FileObject::write_at`].
    pub fn write_with(
        &self,
        writer: &Credentials,
        offset: Option<u64>,
        flags: TransferFlags,
        source: &mut dyn Source,
    ) -> Result<usize> {
        let opened = self.flags();
        let appends = flags.contains(TransferFlags::APPEND)
            || opened.contains(OpenFlags::APPEND) && !flags.contains(TransferFlags::NO_APPEND);
        let at = |offset| if appends { WriteAt::End } else { WriteAt::Offset(offset) };
        let count = match offset {
            Some(_) if self.positions() == Positions::None => return fail(FileSystemErrorKind::IllegalSeek),
            Some(offset) => self.write_to(writer, at(offset), source)?.1,
            None => {
                let mut position = self.position.lock();
                if self.positions() != Positions::Kept {
                    drop(position);
                    return Ok(self.write_to(writer, WriteAt::Offset(0), source)?.1);
                }
                let (start, count) = self.write_to(writer, at(*position), source)?;
                if count > 0 {
                    *position = start + count as u64;
                }
                count
            }
        };
        let durable = opened.intersects(OpenFlags::SYNC | OpenFlags::DATA_SYNC)
            || flags.intersects(TransferFlags::SYNC | TransferFlags::DATA_SYNC);
        if durable && count > 0 {
            self.node.sync()?;
        }
        Ok(count)
    }

    fn write_to(&self, writer: &Credentials, at: WriteAt, source: &mut dyn Source) -> Result<(u64, usize)> {
        self.require(OpenFlags::WRITE)?;
        if let Some(stream) = &self.stream {
            let offset = match at {
                WriteAt::Offset(offset) => offset,
                WriteAt::End => 0,
            };
            let count = stream.write(offset, source)?;
            self.tell_of_writing(count);
            return Ok((offset, count));
        }
        if source.remaining() == 0 {
            return Ok((0, 0));
        }
        self.drop_set_id(writer)?;
        let (start, count) = self.node.write(at, source)?;
        self.tell_of_writing(count);
        Ok((start, count))
    }

    fn tell_of_writing(&self, count: usize) {
        if count > 0 {
            self.place.tell_of_use(WatchMask::MODIFY);
        }
    }
}
