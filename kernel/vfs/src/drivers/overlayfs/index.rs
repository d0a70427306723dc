//! The merged listing of a directory.
//!
//! It is gathered from the layers, top down, when it is first asked for, and again when the directory's change counter
//! has moved on. Each name has a cursor for as long as the name exists, whatever happens to others. Names that come
//! later get smaller cursors than all that were there before: a listing that is under way does not meet them, so that
//! one that makes names as it goes (`for f in *; do mv $f $f.old; done`) comes to an end.

use super::OverlayFS;
use super::inode::OverlayNode;
use super::layer::LayerNode;
use super::lookup::Sources;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::{FileType, NodeId};
use crate::name::Name;
use crate::node::{DirectoryItem, EmitItem, VfsNode};
use alloc::vec::Vec;
use core::hash::BuildHasher;
use hashbrown::{HashSet, HashTable};
use rustc_hash::FxBuildHasher;

/// The cursor of the first name of the first listing; later names have smaller ones.
const FIRST_OF_ALL: u64 = 1 << 40;

/// The names of a merged directory.
pub struct Index {
    /// The directory's change counter before the layers were asked.
    change: u64,
    /// In the order of the cursors.
    entries: Vec<Entry>,
    /// All names, one after the other.
    names: Vec<u8>,
    /// Entries by name.
    by_name: HashTable<u32>,
    /// The smallest cursor given out.
    smallest: u64,
    /// How many layers the directory had: one more comes on top when it is copied up.
    layers: usize,
}

/// A name in a merged directory: 32 bytes.
#[derive(Clone, Copy)]
struct Entry {
    cursor: u64,
    /// What `stat` shows.
    inode: u64,
    /// What the layer's listing shows.
    layer_inode: u64,
    name_start: u32,
    name_length: u8,
    /// The first layer of the directory that has the name.
    layer: u16,
    kind: FileType,
}

/// A name that a merged directory shows.
pub(super) struct Shown<'a> {
    name: &'a [u8],
    kind: FileType,
    layer_inode: u64,
    /// Which of the directory's layers has it, counted from the top.
    layer: usize,
}

impl OverlayNode {
    /// [`VfsNode::list`].
    pub(super) fn list_names(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        let directory = self.directory()?;
        if self.check_not_removed().is_err() {
            return Ok(cursor);
        }
        let overlay = self.overlay()?;
        let mut index = directory.index.lock();
        let change = self.change();
        let fresh = match index.take() {
            Some(index) if index.change == change => index,
            previous => match overlay.index(&self.sources(), change, previous.as_ref()) {
                Ok(fresh) => fresh,
                Err(error) => {
                    *index = previous;
                    return Err(error);
                }
            },
        };
        let index = index.insert(fresh);
        let start = index.entries.partition_point(|entry| entry.cursor < cursor);
        let mut next = cursor;
        for entry in &index.entries[start..] {
            let after = entry.cursor + 1;
            let name = entry.name(&index.names);
            if !emit(DirectoryItem { name, inode: entry.inode, kind: entry.kind, next: after }) {
                return Ok(entry.cursor);
            }
            next = after;
        }
        Ok(next)
    }
}

impl OverlayNode {
    /// Lets the next listing ask for the inode numbers again, for layers have changed their places.
    pub(super) fn forget_listed_inodes(&self) {
        if let Ok(directory) = self.directory()
            && let Some(index) = &mut *directory.index.lock()
        {
            index.layers = 0;
        }
    }
}

impl Entry {
    fn name<'a>(&self, names: &'a [u8]) -> &'a [u8] {
        let start = self.name_start as usize;
        &names[start..start + usize::from(self.name_length)]
    }
}

impl Index {
    fn get(&self, name: &[u8]) -> Option<&Entry> {
        let found = self.by_name.find(hash(name), |index| self.entries[*index as usize].name(&self.names) == name)?;
        Some(&self.entries[*found as usize])
    }
}

fn hash(name: &[u8]) -> u64 {
    FxBuildHasher.hash_one(name)
}

impl OverlayFS {
    /// Shows the names of a merged directory in no particular order, each once, until `show` says `false`.
    ///
    /// # Errors
    /// Those of the layers.
    pub(super) fn gather(&self, sources: &Sources, show: &mut dyn FnMut(Shown<'_>) -> bool) -> Result<()> {
        let marks = self.marks();
        let layers = sources.all().count();
        // Names that the layers so far have, or hide from those below.
        let mut taken: HashSet<Name, FxBuildHasher> = HashSet::with_hasher(FxBuildHasher);
        for (number, layer) in sources.all().enumerate() {
            let items = list_layer(layer)?;
            let mut hidden: Vec<Name> = Vec::new();
            make_room(&mut hidden, items.len())?;
            for item in &items {
                if marks.reserved(&item.name) {
                    if let Some(name) = marks.hidden_by(&item.name) {
                        hidden.push(Name::from_slice(name));
                    }
                    continue;
                }
                if taken.contains(&item.name) {
                    continue;
                }
                if self.is_listed_whiteout(layer, item)? {
                    hidden.push(item.name.clone());
                    continue;
                }
                let shown = Shown { name: &item.name, kind: item.kind, layer_inode: item.inode, layer: number };
                if !show(shown) {
                    return Ok(());
                }
                if number + 1 < layers {
                    hidden.push(item.name.clone());
                }
            }
            if number + 1 < layers {
                page::admit(2 * hidden.len() * size_of::<Name>())?;
                taken.extend(hidden);
            }
        }
        Ok(())
    }

    /// Whether a listed entry is itself a whiteout.
    fn is_listed_whiteout(&self, layer: &LayerNode, item: &Item) -> Result<bool> {
        let possible = item.kind == FileType::CharDevice || item.kind == FileType::Regular && layer.xattr_whiteouts;
        if !possible {
            return Ok(false);
        }
        match layer.child(&item.name)? {
            Some(node) => self.marks().is_whiteout(layer, node.node()),
            None => Ok(false),
        }
    }

    /// The index of a directory, in which the names of `previous` keep their cursors.
    fn index(&self, sources: &Sources, change: u64, previous: Option<&Index>) -> Result<Index> {
        let mut names: Vec<u8> = Vec::new();
        let mut entries: Vec<Entry> = Vec::new();
        let mut full = false;
        self.gather(sources, &mut |shown| {
            full = make_room(&mut names, shown.name.len()).is_err() || make_room(&mut entries, 1).is_err();
            let (Ok(name_start), Ok(name_length), false) =
                (u32::try_from(names.len()), u8::try_from(shown.name.len()), full)
            else {
                full = true;
                return false;
            };
            names.extend_from_slice(shown.name);
            entries.push(Entry {
                cursor: 0,
                inode: 0,
                layer_inode: shown.layer_inode,
                name_start,
                name_length,
                layer: u16::try_from(shown.layer).unwrap_or(u16::MAX),
                kind: shown.kind,
            });
            true
        })?;
        if full {
            return fail(FileSystemErrorKind::OutOfMemory);
        }

        let layers = sources.all().count();
        let mut smallest = previous.map_or(FIRST_OF_ALL, |previous| previous.smallest);
        let mut next = FIRST_OF_ALL;
        for entry in &mut entries {
            let name = entry.name(&names);
            let known = previous.and_then(|previous| previous.get(name));
            entry.cursor = match (known, previous) {
                (Some(known), _) => known.cursor,
                (None, Some(_)) => {
                    smallest -= 1;
                    smallest
                }
                (None, None) => {
                    next += 1;
                    next - 1
                }
            };
            let same_file = |known: &&Entry| {
                previous.is_some_and(|previous| previous.layers == layers)
                    && known.layer == entry.layer
                    && known.layer_inode == entry.layer_inode
            };
            entry.inode = match known.filter(same_file) {
                Some(known) => known.inode,
                None => self.listed_inode(sources, entry, name)?,
            };
        }
        entries.sort_unstable_by_key(|entry| entry.cursor);

        page::admit(2 * entries.len() * size_of::<u32>())?;
        let mut by_name = HashTable::new();
        let hash_of = |entry: &Entry| hash(entry.name(&names));
        by_name
            .try_reserve(entries.len(), |index: &u32| hash_of(&entries[*index as usize]))
            .map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        for (index, entry) in (0..).zip(&entries) {
            by_name.insert_unique(hash_of(entry), index, |index: &u32| hash_of(&entries[*index as usize]));
        }
        Ok(Index { change, entries, names, by_name, smallest, layers })
    }

    /// The inode number that `stat` shows for a listed name. A lower layer's is made from the listing alone; what is
    /// in the upper may have its identity from a lower layer.
    fn listed_inode(&self, sources: &Sources, entry: &Entry, name: &[u8]) -> Result<u64> {
        let layer = sources.all().nth(usize::from(entry.layer));
        if let Some(layer) = layer
            && !layer.may_cross()
            && !layer.layer().is_own()
            && !layer.layer().links().used()
        {
            let origin = NodeId { file_system: layer.file_system_id(), inode: entry.layer_inode };
            return Ok(self.identity().number(origin));
        }
        let found = self.find(sources, name)?;
        match found.sources {
            Some(sources) => Ok(self.identity().number(self.identify(sources)?.1)),
            None => Ok(self
                .identity()
                .number(NodeId { file_system: sources.top().file_system_id(), inode: entry.layer_inode })),
        }
    }
}

/// An entry of a layer's listing.
pub(super) struct Item {
    pub name: Name,
    pub inode: u64,
    pub kind: FileType,
}

/// All entries of a layer's directory. They are collected first, for a layer may hold its lock while it lists.
pub(super) fn list_layer(layer: &LayerNode) -> Result<Vec<Item>> {
    let mut items: Vec<Item> = Vec::new();
    let mut full = false;
    layer.node().list(0, &mut |item| {
        full = make_room(&mut items, 1).is_err();
        if !full {
            items.push(Item { name: Name::from_slice(item.name), inode: item.inode, kind: item.kind });
        }
        !full
    })?;
    if full { fail(FileSystemErrorKind::OutOfMemory) } else { Ok(items) }
}

/// Room for `more` elements, admitted like all memory whose amount users decide.
fn make_room<T>(list: &mut Vec<T>, more: usize) -> Result<()> {
    if list.capacity() - list.len() < more {
        let grown = (2 * list.capacity()).max(list.len() + more).max(16);
        page::admit(grown * size_of::<T>())?;
        list.try_reserve_exact(grown - list.len()).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    }
    Ok(())
}
