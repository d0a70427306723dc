//! A directory as it is searched: what it is made of, and the index of its lower layers as long as that holds.
//!
//! A search goes by the index if there is one, and afterwards looks whether that still holds. If a name changed in a
//! lower layer meanwhile, it is done again, by asking every layer. So what a search by the index finds is what there
//! was at one moment; no lock keeps those away who change layers directly.

use super::OverlayFS;
use super::inode::{Directory, OverlayNode};
use super::layer::LayerNode;
use super::lookup::Sources;
use super::lower_index::{Builder, LowerIndex};
use super::marks::Marks;
use crate::error::Result;
use alloc::sync::Arc;

/// A directory that is searched.
pub(super) struct Scope<'a> {
    /// What it is made of.
    pub sources: Sources,
    directory: Option<&'a Directory>,
    /// The count of changes in the lower layers, from when the sources were looked up.
    change: u64,
    index: Option<Arc<LowerIndex>>,
}

impl OverlayNode {
    /// The directory as it is now, to search in.
    pub(super) fn scope(&self) -> Scope<'_> {
        let Ok(directory) = self.directory() else { return Scope::of(self.sources()) };
        self.with_sources(|sources| {
            // Whoever replaces the sources counts that before anybody else sees them.
            let change = directory.counts.lowers.count();
            let index = if sources.lowers.len() > 1 { directory.lower_index.get(change) } else { None };
            Scope { sources: sources.clone(), directory: Some(directory), change, index }
        })
    }
}

impl Scope<'_> {
    /// A directory that is no node of the overlay's.
    pub fn of(sources: Sources) -> Self {
        Self { sources, directory: None, change: 0, index: None }
    }

    /// The index of the lower layers, if there is one.
    pub fn index(&self) -> Option<&LowerIndex> {
        self.index.as_deref()
    }

    /// Whether no name has changed in a lower layer since.
    pub fn holds(&self) -> bool {
        self.directory.is_none_or(|directory| directory.counts.lowers.count() == self.change)
    }

    /// Does a search. `search` is called once more if the index no longer holds afterwards, and starts afresh then.
    ///
    /// # Errors
    /// Those of `search`.
    pub fn search<T>(&self, overlay: &OverlayFS, mut search: impl FnMut(&mut Lowers<'_>) -> Result<T>) -> Result<T> {
        let nodes = &*self.sources.lowers;
        if let Some(index) = self.index() {
            let result = search(&mut Lowers::new(nodes, Some(index)));
            if self.holds() {
                return result;
            }
        }
        let mut lowers = Lowers::new(nodes, None);
        let result = search(&mut lowers);
        self.note_in_vain(overlay, lowers.in_vain);
        result
    }

    /// Does a listing, as [`Scope::search`] does a search, and makes the index of what the layers list.
    ///
    /// # Errors
    /// Those of `list`.
    pub fn listing<T>(&self, overlay: &OverlayFS, mut list: impl FnMut(&mut Lowers<'_>) -> Result<T>) -> Result<T> {
        let (Some(directory), None, 2..) = (self.directory, &self.index, self.sources.lowers.len()) else {
            return self.search(overlay, list);
        };
        let mut lowers = Lowers::new(&self.sources.lowers, None);
        lowers.builder = Some(Builder::new(self.change, usize::MAX));
        let result = list(&mut lowers)?;
        if let Some(builder) = lowers.builder
            && lowers.next == lowers.nodes.len()
            && self.holds()
        {
            directory.lower_index.keep(overlay.indexes(), builder);
        }
        Ok(result)
    }

    /// Notes that a search without the index has asked so many lower layers in vain.
    pub fn note_in_vain(&self, overlay: &OverlayFS, in_vain: usize) {
        if let Some(directory) = self.directory
            && self.sources.lowers.len() > 1
            && let Some(limit) = directory.lower_index.searched(in_vain)
        {
            self.make_index(overlay, directory, limit);
        }
    }

    /// Makes the index, if it has no more than `limit` entries. A layer that cannot be listed has none made.
    #[cold]
    fn make_index(&self, overlay: &OverlayFS, directory: &Directory, limit: usize) {
        let Some(_making) = directory.lower_index.making.try_lock() else { return };
        let mut builder = Builder::new(self.change, limit);
        for (number, lower) in self.sources.lowers.iter().enumerate() {
            let mut all = true;
            let listed = lower.node().list(0, &mut |item| {
                all = builder.add(overlay.marks(), number, item.name);
                all
            });
            if listed.is_err() || !all {
                return;
            }
        }
        if self.holds() {
            directory.lower_index.keep(overlay.indexes(), builder);
        }
    }
}

/// The lower layers of a directory, for one search.
pub(super) struct Lowers<'a> {
    nodes: &'a [LayerNode],
    index: Option<&'a LowerIndex>,
    next: usize,
    /// How many were asked that had nothing.
    pub in_vain: usize,
    builder: Option<Builder>,
}

impl<'a> Lowers<'a> {
    fn new(nodes: &'a [LayerNode], index: Option<&'a LowerIndex>) -> Self {
        Self { nodes, index, next: 0, in_vain: 0, builder: None }
    }

    /// Whether there are none that may list something.
    pub fn are_none(&self) -> bool {
        self.index.map_or(self.nodes.is_empty(), |index| index.next_listed(0).is_none())
    }

    /// Lets the search begin again.
    pub fn start_again(&mut self) {
        self.next = 0;
    }

    /// The next that may have something under the name.
    pub fn next_with(&mut self, name: &[u8]) -> Option<&'a LayerNode> {
        let number = self.index.map_or(Some(self.next), |index| index.next_with(name, self.next))?;
        self.next = number + 1;
        self.nodes.get(number)
    }

    /// The next that may list something, and its place; whether it is the last.
    pub fn next_listed(&mut self) -> Option<(usize, &'a LayerNode, bool)> {
        let next = |from| self.index.map_or(Some(from), |index| index.next_listed(from));
        let number = next(self.next).filter(|number| *number < self.nodes.len())?;
        let last = next(number + 1).is_none_or(|number| number >= self.nodes.len());
        self.next = number + 1;
        Some((number, &self.nodes[number], last))
    }

    /// Notes a name that a layer lists.
    pub fn note_listed(&mut self, marks: &Marks, number: usize, name: &[u8]) {
        if let Some(builder) = &mut self.builder {
            builder.add(marks, number, name);
        }
    }
}
