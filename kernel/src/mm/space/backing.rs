//! What stands behind an area.

use alloc::sync::Arc;

use bitflags::bitflags;
use vfs::content::{Content, MAX_LEN};
use vfs::error::Result;
use vfs::file::FileObject;
use vfs::sync::Mutex;

use super::PAGE;
use super::file_mapping::FileMapping;
use super::growth::GROWTH_MAX;
use super::marks::Marks;

/// Bytes of heap that an area takes, about.
pub(super) const AREA_MEMORY: usize = 256;

bitflags! {
    /// What a program may do with an area; the values of `mmap(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Rights: u64 {
        /// `PROT_READ`.
        const READ = 1;
        /// `PROT_WRITE`.
        const WRITE = 2;
        /// `PROT_EXEC`.
        const EXECUTE = 4;
    }
}

/// What stands behind an area.
#[derive(Clone)]
pub(super) enum Backing {
    /// Memory.
    Content(Arc<Mutex<Content>>),
    /// A file: itself, or what it holds until it is written here.
    File(Arc<FileMapping>),
}

/// What is to be mapped.
pub enum Source {
    /// Memory without a file.
    Memory(Content),
    /// A file, and by its pages' numbers those that are the program's own from the beginning.
    Private(Arc<FileObject>, Content),
    /// A file, which everybody shares who maps it or has it open.
    Shared(Arc<FileObject>),
}

/// What is to be mapped, and how.
pub struct Mapping {
    pub(super) source: Source,
    /// The page of the content that the mapping begins with.
    pub(super) first: u64,
    /// The page of the content from which on there is nothing.
    pub(super) limit: u64,
    pub(super) rights: Rights,
    /// What `mprotect` may make of the rights.
    pub(super) allowed: Rights,
    /// Whether a fork shares what is written here.
    pub(super) shared: bool,
    pub(super) marks: Marks,
}

impl Mapping {
    /// `length` bytes of zeros, which a fork shares or copies.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn anonymous(length: u64, rights: Rights, shared: bool) -> Result<Self> {
        let mut content = Content::new();
        content.set_len(length)?;
        Ok(Self { limit: u64::MAX, shared, ..Self::of(Source::Memory(content), 0, rights) })
    }

    /// `length` bytes of zeros that grow down.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn growing(length: u64, rights: Rights) -> Result<Self> {
        let mut content = Content::new();
        content.set_len(GROWTH_MAX.saturating_add(length))?;
        Ok(Self::grown(content, rights))
    }

    /// What a content has behind its first [`GROWTH_MAX`] bytes, down to which it can grow.
    pub fn grown(content: Content, rights: Rights) -> Self {
        Self { marks: Marks::GROWS, ..Self::of(Source::Memory(content), GROWTH_MAX / PAGE, rights) }
    }

    /// What is said of it.
    pub fn marked(self, marks: Marks) -> Self {
        Self { marks: self.marks | marks, ..self }
    }

    /// What a mappable file holds from `offset` on, a multiple of the page's size; what is written stays the program's own,
    /// and `own` is that from the beginning, by the file's offsets.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn private(file: Arc<FileObject>, mut own: Content, offset: u64, rights: Rights) -> Result<Self> {
        own.set_len(MAX_LEN)?;
        Ok(Self::of(Source::Private(file, own), offset / PAGE, rights))
    }

    /// A mappable file from `offset` on, a multiple of the page's size: what is written is the file's.
    pub fn shared(file: Arc<FileObject>, offset: u64, rights: Rights) -> Self {
        Self { shared: true, ..Self::of(Source::Shared(file), offset / PAGE, rights) }
    }

    /// Only what is `allowed` may be done with it ever.
    pub fn allow(self, allowed: Rights) -> Self {
        Self { allowed, ..self }
    }

    fn of(source: Source, first: u64, rights: Rights) -> Self {
        Self { source, first, limit: u64::MAX, rights, allowed: Rights::all(), shared: false, marks: Marks::empty() }
    }
}
