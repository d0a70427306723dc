//! The merged listing of a directory.
//!
//! It is gathered from the layers, top down, when it is first asked for, and again when the directory's change counter
//! has moved on. Each name has a cursor for as long as the name exists, whatever happens to others. Names that come
//! later get smaller cursors than all that were there before: a listing that is under way does not meet them, so that
//! one that makes names as it goes (`for f in *; do mv $f $f.old; done`) comes to an end.

use super::OverlayFS;
use super::inode::OverlayNode;
use super::layer::LayerNode;
use super::scope::{Lowers, Scope};
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

/// The names of a merged directory: for each, 32 bytes and the name.
pub struct Listing {
    /// The directory's change counter before the layers were asked.
    change: u64,
    /// In the order of the cursors.
    entries: Vec<Entry>,
    /// All names, one after the other.
    names: Vec<u8>,
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
        let mut listing = directory.listing.lock();
        let change = self.change();
        let fresh = match listing.take() {
            Some(listing) if listing.change == change => listing,
            previous => match overlay.list_merged(&self.scope(), change, previous.as_ref()) {
                Ok(fresh) => fresh,
                Err(error) => {
                    *listing = previous;
                    return Err(error);
                }
            },
        };
        let listing = listing.insert(fresh);
        let start = listing.entries.partition_point(|entry| entry.cursor < cursor);
        let mut next = cursor;
        for entry in &listing.entries[start..] {
            let after = entry.cursor + 1;
            let name = entry.name(&listing.names);
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
            && let Some(listing) = &mut *directory.listing.lock()
        {
            listing.layers = 0;
        }
    }
}

impl Entry {
    fn name<'a>(&self, names: &'a [u8]) -> &'a [u8] {
        let start = self.name_start as usize;
        &names[start..start + usize::from(self.name_length)]
    }
}

impl Listing {
    /// Bytes of memory it takes.
    #[cfg(any(test, feature = "selftest"))]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * size_of::<Entry>() + self.names.capacity()
    }
}

/// The entries of a listing by name, while another one is made that follows it.
struct ByName<'a> {
    listing: &'a Listing,
    table: HashTable<u32>,
}

impl<'a> ByName<'a> {
    fn new(listing: &'a Listing) -> Result<Self> {
        let Listing { entries, names, .. } = listing;
        let hash_of = |index: &u32| hash(entries[*index as usize].name(names));
        let mut table = HashTable::new();
        page::admit(2 * entries.len() * size_of::<u32>())?;
        table.try_reserve(entries.len(), hash_of).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        for (index, entry) in (0..).zip(entries) {
            table.insert_unique(hash(entry.name(names)), index, hash_of);
        }
        Ok(Self { listing, table })
    }

    fn get(&self, name: &[u8]) -> Option<&'a Entry> {
        let Listing { entries, names, .. } = self.listing;
        let found = self.table.find(hash(name), |index| entries[*index as usize].name(names) == name)?;
        Some(&entries[*found as usize])
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
    pub(super) fn gather(
        &self,
        upper: Option<&LayerNode>,
        lowers: &mut Lowers<'_>,
        show: &mut dyn FnMut(Shown<'_>) -> bool,
    ) -> Result<()> {
        let mut gathering = Gathering { overlay: self, taken: HashSet::with_hasher(FxBuildHasher), show };
        if let Some(upper) = upper
            && !gathering.add(upper, 0, &list_layer(upper)?, lowers.are_none())?
        {
            return Ok(());
        }
        while let Some((number, lower, last)) = lowers.next_listed() {
            let items = list_layer(lower)?;
            items.iter().for_each(|item| lowers.note_listed(self.marks(), number, &item.name));
            if !gathering.add(lower, usize::from(upper.is_some()) + number, &items, last)? {
                break;
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

    /// The listing of a directory, in which the names of `previous` keep their cursors.
    fn list_merged(&self, directory: &Scope<'_>, change: u64, previous: Option<&Listing>) -> Result<Listing> {
        let sources = &directory.sources;
        let mut names: Vec<u8> = Vec::new();
        let mut entries: Vec<Entry> = Vec::new();
        let mut full = false;
        directory.listing(self, |lowers| {
            names.clear();
            entries.clear();
            self.gather(sources.upper.as_ref(), lowers, &mut |shown| {
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
            if full { fail(FileSystemErrorKind::OutOfMemory) } else { Ok(()) }
        })?;

        let by_name = previous.map(ByName::new).transpose()?;
        let layers = sources.all().count();
        let mut smallest = previous.map_or(FIRST_OF_ALL, |previous| previous.smallest);
        let mut next = FIRST_OF_ALL;
        for entry in &mut entries {
            let name = entry.name(&names);
            let known = by_name.as_ref().and_then(|by_name| by_name.get(name));
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
                None => self.listed_inode(directory, entry, name)?,
            };
        }
        entries.sort_unstable_by_key(|entry| entry.cursor);
        names.shrink_to_fit();
        entries.shrink_to_fit();
        Ok(Listing { change, entries, names, smallest, layers })
    }

    /// The inode number that `stat` shows for a listed name. A lower layer's is made from the listing alone; what is
    /// in the upper may have its identity from a lower layer.
    fn listed_inode(&self, directory: &Scope<'_>, entry: &Entry, name: &[u8]) -> Result<u64> {
        let sources = &directory.sources;
        let layer = sources.all().nth(usize::from(entry.layer));
        if let Some(layer) = layer
            && !layer.may_cross()
            && !layer.layer().is_own()
            && !layer.layer().links().used()
        {
            let origin = NodeId { file_system: layer.file_system_id(), inode: entry.layer_inode };
            return Ok(self.identity().number(origin));
        }
        let found = self.find(directory, name)?;
        match found.sources {
            Some(sources) => Ok(self.identity().number(self.identify(sources)?.1)),
            None => Ok(self
                .identity()
                .number(NodeId { file_system: sources.top().file_system_id(), inode: entry.layer_inode })),
        }
    }
}

/// A gathering under way.
struct Gathering<'a> {
    overlay: &'a OverlayFS,
    /// Names that the layers so far have, or hide from those below.
    taken: HashSet<Name, FxBuildHasher>,
    show: &'a mut dyn FnMut(Shown<'_>) -> bool,
}

impl Gathering<'_> {
    /// Shows what a layer, the next one down, adds; whether to go on.
    fn add(&mut self, layer: &LayerNode, number: usize, items: &[Item], last: bool) -> Result<bool> {
        let marks = self.overlay.marks();
        let mut hidden: Vec<Name> = Vec::new();
        make_room(&mut hidden, items.len())?;
        for item in items {
            if marks.reserved(&item.name) {
                if let Some(name) = marks.hidden_by(&item.name) {
                    hidden.push(Name::from_slice(name));
                }
                continue;
            }
            if self.taken.contains(&item.name) {
                continue;
            }
            if self.overlay.is_listed_whiteout(layer, item)? {
                hidden.push(item.name.clone());
                continue;
            }
            let shown = Shown { name: &item.name, kind: item.kind, layer_inode: item.inode, layer: number };
            if !(self.show)(shown) {
                return Ok(false);
            }
            if !last {
                hidden.push(item.name.clone());
            }
        }
        if !last {
            page::admit(2 * hidden.len() * size_of::<Name>())?;
            self.taken.extend(hidden);
        }
        Ok(true)
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
