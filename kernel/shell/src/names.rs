//! The names in a directory, sorted.
//!
//! They are kept in one piece of memory that is asked for fallibly: a directory may be larger than what is free.

use alloc::vec::Vec;
use vfs::context::Context;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::OpenFlags;
use vfs::manager::VfsManager;
use vfs::metadata::FileType;

/// The names in a directory, without `.` and `..`, sorted by their bytes.
#[derive(Default)]
pub struct Names {
    bytes: Vec<u8>,
    items: Vec<Item>,
}

#[derive(Clone, Copy)]
struct Item {
    start: usize,
    length: usize,
    kind: FileType,
}

impl Names {
    /// Lists the directory `path`.
    ///
    /// # Errors
    /// Those of opening and listing it; `ENOMEM` when its names do not fit in memory.
    pub fn read(manager: &VfsManager, context: &Context, path: &[u8]) -> Result<Self> {
        let directory = manager.open(context, path, OpenFlags::READ | OpenFlags::DIRECTORY, 0)?;
        let mut names = Self::default();
        let mut memory = Ok(());
        directory.list(&mut |item| {
            if matches!(item.name, b"." | b"..") {
                return true;
            }
            memory = names.add(item.name, item.kind);
            memory.is_ok()
        })?;
        memory?;
        let Self { bytes, items } = &mut names;
        items.sort_unstable_by(|one, other| one.name(bytes).cmp(other.name(bytes)));
        Ok(names)
    }

    fn add(&mut self, name: &[u8], kind: FileType) -> Result<()> {
        let out_of_memory = |_| FileSystemErrorKind::OutOfMemory;
        self.bytes.try_reserve(name.len()).map_err(out_of_memory)?;
        self.items.try_reserve(1).map_err(out_of_memory)?;
        self.items.push(Item { start: self.bytes.len(), length: name.len(), kind });
        self.bytes.extend_from_slice(name);
        Ok(())
    }

    /// Drops the names that `keep` does not want.
    pub fn retain(&mut self, keep: &dyn Fn(&[u8], FileType) -> bool) {
        let Self { bytes, items } = self;
        items.retain(|item| keep(item.name(bytes), item.kind));
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The name at `index`, and its type.
    pub fn get(&self, index: usize) -> Option<(&[u8], FileType)> {
        self.items.get(index).map(|item| (item.name(&self.bytes), item.kind))
    }

    /// All names with their types.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], FileType)> {
        self.items.iter().map(|item| (item.name(&self.bytes), item.kind))
    }
}

impl Item {
    fn name<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start..self.start + self.length]
    }
}
