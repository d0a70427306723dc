//! Which layer something comes from, and why; and what the upper layer changed.
//!
//! It is told from the very search that a lookup makes (`lookup`), which notes what decided: so what is told is what is
//! seen. Layers are numbered as they are stacked now: 0 is the upper, 1 the topmost lower.

use super::OverlayFS;
use super::data_only::DataFile;
use super::inode::OverlayNode;
use super::layer::{Layer, LayerNode};
use super::listing::list_layer;
use super::lookup::{End, Found, Sources};
use super::marks::Redirect;
use super::scope::Scope;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::FileType;
use crate::node::{NodeRef, VfsNode};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A layer, to people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayerInfo {
    /// Its number: 0 for the upper, the lowers from 1 on, topmost first.
    pub number: usize,
    /// Its name: the path it was given by.
    pub name: Vec<u8>,
    /// The type of the file system its root is on.
    pub type_name: &'static str,
    /// Whether it was the upper until another was pushed on top, and is again when that is popped.
    pub frozen: bool,
    /// Whether it holds but data.
    pub data: bool,
}

/// What decided where a search ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// No layer below was left to ask.
    Bottom,
    /// This layer has a node there that is no directory.
    File(usize),
    /// This layer has a whiteout there.
    Whiteout(usize),
    /// This layer's directory there is opaque.
    Opaque(usize),
}

/// Where what is seen under a name comes from. Layers are given by [`LayerInfo::number`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The layers that have it, topmost first: the first gives the metadata. Empty for a name that is not shown.
    pub layers: Vec<usize>,
    /// The layer that gives the content (of a directory: the first that is listed).
    pub content: Option<usize>,
    /// Why the search went no further down.
    pub decision: Decision,
    /// The redirects followed: the layer that says so, and where it leads (a name, or a path from the layers' roots).
    pub redirects: Vec<(usize, Vec<u8>)>,
}

/// How a path differs from what the lower layers show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference {
    /// The lower layers do not show it.
    Added,
    /// They show something else.
    Changed,
    /// They show it, the overlay does not.
    Deleted,
}

/// A name in a directory, how the upper makes it differ, and the directory to look into next.
struct Differs {
    name: Vec<u8>,
    difference: Difference,
    inside: Option<Sources>,
}

impl OverlayFS {
    /// The layers, topmost first.
    pub fn layers(&self) -> Vec<LayerInfo> {
        let stack = self.stack();
        stack
            .with_data()
            .map(|layer| {
                let number = self.number_of(layer);
                let type_name = layer.root().file_system().type_name();
                let frozen = number > 0 && layer.is_own();
                let data = stack.data.iter().any(|other| Arc::ptr_eq(other, layer));
                LayerInfo { number, name: layer.name().to_vec(), type_name, frozen, data }
            })
            .collect()
    }

    fn number_of(&self, layer: &Arc<Layer>) -> usize {
        let stack = self.stack();
        let lower = stack.lowers.iter().chain(&*stack.data).position(|other| Arc::ptr_eq(other, layer));
        lower.map_or(0, |index| index + 1)
    }

    /// The number of the layer that a node is in; `None` for data that is missing.
    fn number_of_layer(&self, node: &LayerNode) -> Option<usize> {
        match DataFile::is(node.node()) {
            Some(data) => data.find().ok().map(|found| self.number_of(found.layer())),
            None => Some(self.number_of(node.layer())),
        }
    }

    /// Where what `name` shows in a directory of this overlay comes from, or why it shows nothing.
    ///
    /// # Errors
    /// `EXDEV` for a node of another file system, `ENOTDIR`, and those of the layers.
    pub fn explain(&self, directory: &NodeRef, name: &[u8]) -> Result<Explanation> {
        let _steady = self.steady();
        let directory = self.own(directory)?;
        directory.check_not_removed()?;
        let mut found = self.find(&directory.scope(), name)?;
        found.sources = found.sources.map(|sources| self.identify(sources)).transpose()?.map(|(sources, _)| sources);
        Ok(self.explanation(&found))
    }

    /// Which layers a node of this overlay is made of.
    ///
    /// # Errors
    /// `EXDEV` for a node of another file system.
    pub fn layers_of(&self, node: &NodeRef) -> Result<Vec<usize>> {
        let sources = self.own(node)?.sources();
        Ok(sources.all().filter_map(|node| self.number_of_layer(node)).collect())
    }

    fn own<'a>(&self, node: &'a NodeRef) -> Result<&'a OverlayNode> {
        match OverlayNode::of(node) {
            Some(own) if own.id().file_system == self.id => Ok(own),
            _ => fail(FileSystemErrorKind::CrossDevice),
        }
    }

    pub(super) fn explanation(&self, found: &Found) -> Explanation {
        let number = |layer: &Arc<Layer>| self.number_of(layer);
        let layers = match &found.sources {
            Some(sources) => sources.all().filter_map(|node| self.number_of_layer(node)).collect(),
            None => Vec::new(),
        };
        let content = found.sources.as_ref().and_then(|sources| {
            let node = if sources.top().is_directory() { sources.top() } else { sources.content() };
            self.number_of_layer(node)
        });
        let decision = match &found.end {
            (End::File, Some(layer)) => Decision::File(number(layer)),
            (End::Whiteout, Some(layer)) => Decision::Whiteout(number(layer)),
            (End::Opaque, Some(layer)) => Decision::Opaque(number(layer)),
            (End::Bottom, _) | (_, None) => Decision::Bottom,
        };
        let redirects =
            found.redirects.iter().map(|(layer, redirect): &(_, Redirect)| (number(layer), redirect.value())).collect();
        Explanation { layers, content, decision, redirects }
    }

    /// Tells `visit` each path, from the overlay's root, in which the upper layer makes a difference; a directory
    /// before what is in it, and names in the order of their bytes. Each directory is as it was at one moment. What was
    /// copied up counts as changed, whatever it was copied up for.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn diff(&self, visit: &mut dyn FnMut(Difference, &[u8])) -> Result<()> {
        let mut pending: Vec<(Vec<u8>, Option<Difference>, Option<Sources>)> =
            alloc::vec![(Vec::new(), None, Some(self.root.sources()))];
        while let Some((path, difference, inside)) = pending.pop() {
            if let Some(difference) = difference {
                visit(difference, &path);
            }
            let Some(inside) = inside else { continue };
            // What is pushed last comes out first.
            for differs in self.differences(&Scope::of(inside))?.into_iter().rev() {
                let path = [&path[..], b"/", &differs.name].concat();
                pending.push((path, Some(differs.difference), differs.inside));
            }
        }
        Ok(())
    }

    /// The names of one directory in which the upper makes a difference, in the order of their bytes.
    fn differences(&self, directory: &Scope<'_>) -> Result<Vec<Differs>> {
        // Not longer: what is told of it may be written to a file of this overlay.
        let _steady = self.steady();
        let Some(upper) = &directory.sources.upper else { return Ok(Vec::new()) };
        let mut names: Vec<Vec<u8>> = Vec::new();
        for item in list_layer(upper)? {
            if !self.marks().reserved(&item.name) {
                names.push(item.name.to_vec());
            } else if let Some(hidden) = self.marks().hidden_by(&item.name)
                && !self.marks().reserved(hidden)
            {
                names.push(hidden.to_vec());
            }
        }
        names.sort_unstable();
        names.dedup();
        let mut differences = Vec::new();
        for name in names {
            let found = self.find(directory, &name)?;
            let below = self.find_lower(directory, &name)?;
            let (difference, inside) = match (found.sources, below) {
                (Some(sources), below) => {
                    let inside = (sources.top().node().kind() == FileType::Directory).then_some(sources);
                    (if below.is_some() { Difference::Changed } else { Difference::Added }, inside)
                }
                (None, Some(_)) => (Difference::Deleted, None),
                (None, None) => continue,
            };
            differences.push(Differs { name, difference, inside });
        }
        Ok(differences)
    }
}
