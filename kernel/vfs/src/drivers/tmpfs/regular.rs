//! What a regular file of a tmpfs holds: its content, and who maps it.

use super::limits::Limits;
use super::sealing::Sealing;
use crate::content::{
    ALL_PAGES, Budget, Content, Editor, MAX_LEN, Mapped, Mappers, PAGE_SIZE, PageMapper, Shown, checked_end,
};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::io::{Sink, Source};
use crate::node::{Allocate, Extent, WriteAt};
use crate::seals::Seals;
use crate::sync::{ReadGuard, RwLock};
use crate::usage::Usage;
use alloc::sync::Arc;
use core::ops::Range;

/// The content of a regular file. Whoever changes it does so on the account of the file system's limits.
#[derive(Default)]
pub(super) struct RegularFile {
    content: RwLock<Content>,
    mappers: Mappers,
    pub sealing: Sealing,
    pub usage: Usage,
}

impl RegularFile {
    /// Its content, to look at.
    pub fn look(&self) -> ReadGuard<'_, Content> {
        self.content.read()
    }

    /// How many pages it has from the limits, which are to be given back when it goes.
    pub fn owned(&mut self) -> u64 {
        self.content.get_mut().owned()
    }

    fn editor<'a>(&'a self, content: &'a mut Content, limits: &'a Limits) -> Editor<'a> {
        content.within(limits).telling(&self.mappers)
    }

    /// Adds seals; who may execute it is told by `mode`. As on Linux what is sealed as it is to be executed is sealed
    /// against being changed too.
    ///
    /// # Errors
    /// Those of [`Sealing::add`].
    pub fn add_seals(&self, seals: Seals, mode: u32) -> Result<()> {
        let _content = self.content.write();
        let kept = seals.contains(Seals::EXECUTE) && mode & 0o111 != 0;
        let implied = Seals::SHRINK | Seals::GROW | Seals::WRITES;
        self.sealing.add(seals, if kept { implied } else { Seals::empty() })
    }

    /// Cuts or extends it.
    ///
    /// # Errors
    /// Those of [`Editor::set_len`].
    pub fn set_len(&self, limits: &Limits, len: u64) -> Result<()> {
        let mut content = self.content.write();
        self.sealing.seals().check_length(content.len(), len)?;
        self.editor(&mut content, limits).set_len(len)
    }

    pub fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        self.content.read().read(offset, sink)
    }

    pub fn write(&self, limits: &Limits, at: WriteAt, source: &mut dyn Source) -> Result<(u64, usize)> {
        let mut content = self.content.write();
        let offset = match at {
            WriteAt::Offset(offset) => offset,
            WriteAt::End => content.len(),
        };
        self.sealing.seals().check_write(content.len(), offset.saturating_add(source.remaining() as u64))?;
        Ok((offset, self.editor(&mut content, limits).write(offset, source)?))
    }

    pub fn allocate(&self, limits: &Limits, what: Allocate, offset: u64, length: u64) -> Result<()> {
        let end = checked_end(offset, length)?;
        let mut content = self.content.write();
        self.sealing.seals().check_allocate(what, content.len(), end)?;
        let grows = |keep_size: bool, content: &Content| !keep_size && end > content.len();
        match what {
            Allocate::Reserve { keep_size } => {
                let grown = grows(keep_size, &content);
                self.editor(&mut content, limits).reserve(offset, length)?;
                if grown {
                    self.editor(&mut content, limits).set_len(end)?;
                }
            }
            Allocate::PunchHole => self.editor(&mut content, limits).punch(offset, length)?,
            Allocate::Zero { keep_size } => {
                self.editor(&mut content, limits).punch(offset, length)?;
                if grows(keep_size, &content) {
                    self.editor(&mut content, limits).set_len(end)?;
                }
            }
        }
        Ok(())
    }

    pub fn seek_extent(&self, what: Extent, offset: u64) -> Result<u64> {
        let content = self.content.read();
        let found = match what {
            Extent::Data => content.next_data(offset),
            Extent::Hole => content.next_hole(offset),
        };
        found.ok_or(FileSystemErrorKind::NoSuchDeviceOrAddress.into())
    }

    /// A clone of the content. Who maps the file must not write into what is a clone's too.
    pub fn snapshot(&self) -> Content {
        let content = self.content.read();
        self.mappers.protect(ALL_PAGES);
        content.clone()
    }

    /// Puts a clone of `content` in place of what there is: it costs nothing until it is written.
    ///
    /// # Errors
    /// `EFBIG`.
    pub fn replace(&self, limits: &Limits, content: &Content) -> Result<()> {
        if content.len() > MAX_LEN {
            return fail(FileSystemErrorKind::FileTooLarge);
        }
        let content = content.clone();
        let mut present = self.content.write();
        self.sealing.seals().check_without(Seals::WRITES)?;
        self.sealing.seals().check_length(present.len(), content.len())?;
        self.mappers.forget(ALL_PAGES);
        self.mappers.cut(content.len().div_ceil(PAGE_SIZE));
        limits.give(present.owned());
        let previous = core::mem::replace(&mut *present, content);
        drop(present);
        drop(previous);
        Ok(())
    }

    /// [`VfsNode::map_page`](crate::node::VfsNode::map_page).
    pub fn map_page(
        &self,
        limits: &Limits,
        index: u64,
        write: bool,
        mapper: &Arc<dyn PageMapper>,
        show: &mut dyn FnMut(Shown<'_>) -> Result<()>,
    ) -> Result<Mapped> {
        let Some(mut content) = self.content.try_write() else { return Ok(Mapped::Busy) };
        if index >= content.len().div_ceil(PAGE_SIZE) {
            return Ok(Mapped::BehindEnd);
        }
        let mut editor = self.editor(&mut content, limits);
        let shown = if write { editor.show_to_write(index)? } else { editor.show(index)? };
        // What it shows of a page that has just been replaced it was told to forget, and is not known for any more.
        self.mappers.add(mapper, index)?;
        show(shown)?;
        Ok(Mapped::Shown)
    }

    /// [`VfsNode::note_mapper`](crate::node::VfsNode::note_mapper).
    pub fn note_mapper(&self, mapper: &Arc<dyn PageMapper>, pages: Range<u64>) -> Result<()> {
        self.mappers.add_lasting(mapper, pages)
    }

    /// [`VfsNode::forget_mapper`](crate::node::VfsNode::forget_mapper).
    pub fn forget_mapper(&self, mapper: &Arc<dyn PageMapper>) {
        self.mappers.remove(mapper);
    }
}
