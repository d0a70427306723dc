//! What a mounted archive is in memory: a few tables, however many files there are.
//!
//! Nothing of the archive is copied: names, data and the targets of symbolic links are places ([`Span`]) in its own
//! bytes. A file costs a row of [`Image::rows`], each of its names one of [`Image::names`] and a slot of a
//! hash table over all directories, so mounting makes a handful of allocations that grow, not one for each file.
//!
//! Invariants of a finished image: row 0 is the root, a directory; a directory's children are
//! `children[first..first + count]`, in archive order; all spans lie within their sections. It never changes, so it
//! needs no lock.

use super::error::Problem;
use crate::content::Bytes;
use crate::metadata::{DeviceNumber, FileSystemId, FileType};
use alloc::vec::Vec;
use core::hash::Hasher;
use hashbrown::HashTable;
use rustc_hash::FxHasher;

/// Number of a row: the inode number less one.
pub(super) type RowNumber = u32;

/// The row of the root directory.
pub(super) const ROOT: RowNumber = 0;

/// A place in the archive, or in what was unpacked from it.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    /// Which of [`Image::sections`].
    pub section: u32,
    /// How many bytes (newc has 32 bits for a size).
    pub length: u32,
    /// Where in the section.
    pub start: u64,
}

/// A file of any type.
pub(super) struct Row {
    pub kind: FileType,
    /// Permission bits (`0o7777`).
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970.
    pub modified: u32,
    /// Counted when the image is finished.
    pub links: u32,
    pub body: Body,
}

/// What a file has by its type.
pub(super) enum Body {
    /// A regular file's data.
    Data(Span),
    /// Where a symbolic link leads.
    Target(Span),
    /// A device.
    Device(DeviceNumber),
    /// A directory.
    Directory {
        /// The directory it was first seen in: for `..` in the target of a symbolic link of the archive.
        parent: RowNumber,
        /// First of its [`Image::children`].
        first: u32,
        /// How many there are.
        count: u32,
    },
    /// A FIFO or a socket.
    Nothing,
}

/// A name in a directory.
#[derive(Clone, Copy)]
pub(super) struct Name {
    /// The directory.
    pub parent: RowNumber,
    /// What it names.
    pub row: RowNumber,
    /// Where it is written.
    pub text: Span,
}

/// A mounted archive, or one that is being read ([`super::build`]).
pub(super) struct Image {
    pub id: FileSystemId,
    pub sections: Vec<Bytes>,
    pub rows: Vec<Row>,
    pub names: Vec<Name>,
    /// Indices of `names`, those of one directory side by side.
    pub children: Vec<u32>,
    /// Indices of `names` by directory and name.
    pub index: HashTable<u32>,
    /// How many rows have a name: the others were replaced by later entries.
    pub nodes: u32,
}

impl Image {
    /// The bytes at a place.
    pub fn bytes(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        &self.sections[span.section as usize].as_slice()[start..start + span.length as usize]
    }

    /// The same, to keep.
    pub fn share(&self, span: Span) -> Bytes {
        let start = span.start as usize;
        self.sections[span.section as usize].slice(start..start + span.length as usize)
    }

    /// The row of a number that this image gave out.
    pub fn row(&self, number: RowNumber) -> &Row {
        &self.rows[number as usize]
    }

    /// Index in `names` of that name in that directory.
    pub fn find(&self, parent: RowNumber, text: &[u8]) -> Option<usize> {
        let hash = hash(parent, text);
        let same = |index: &u32| {
            let name = &self.names[*index as usize];
            name.parent == parent && self.bytes(name.text) == text
        };
        self.index.find(hash, same).map(|index| *index as usize)
    }

    /// Adds a name that is not there yet.
    pub fn add_name(&mut self, name: Name) -> Result<(), Problem> {
        let number = u32::try_from(self.names.len()).map_err(|_| Problem::OutOfMemory)?;
        push(&mut self.names, name)?;
        let Self { sections, names, index, .. } = self;
        let hash_of = |index: &u32| {
            let name = &names[*index as usize];
            let start = name.text.start as usize;
            let section = sections[name.text.section as usize].as_slice();
            hash(name.parent, &section[start..start + name.text.length as usize])
        };
        if index.len() == index.capacity() {
            page::admit(index.allocation_size() * 2)?;
            index.try_reserve(1, hash_of).map_err(|_| Problem::OutOfMemory)?;
        }
        index.insert_unique(hash_of(&number), number, hash_of);
        Ok(())
    }

    /// Adds a row.
    pub fn add_row(&mut self, row: Row) -> Result<RowNumber, Problem> {
        let number = RowNumber::try_from(self.rows.len()).map_err(|_| Problem::OutOfMemory)?;
        push(&mut self.rows, row)?;
        Ok(number)
    }
}

fn hash(parent: RowNumber, text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u32(parent);
    hasher.write(text);
    hasher.finish()
}

/// Adds to a table that a user's archive makes grow.
pub(super) fn push<T>(table: &mut Vec<T>, item: T) -> Result<(), Problem> {
    if table.len() == table.capacity() {
        let more = table.len().max(64);
        page::admit((table.len() + more) * size_of::<T>())?;
        table.try_reserve_exact(more).map_err(|_| Problem::OutOfMemory)?;
    }
    table.push(item);
    Ok(())
}
