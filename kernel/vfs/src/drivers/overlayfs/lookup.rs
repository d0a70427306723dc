//! What a name is bound to: the search through a directory's layers.
//!
//! A name is searched in its parent's own layers, from the top down, and a directory found there is merged with the
//! same-named ones below, until something ends the search: a file, a whiteout, an opaque directory. A redirect changes
//! under which name, or at which path, the layers below are asked; it only ever leads downwards in the stack, so
//! whatever a layer says, the search ends. Any error of a layer ends it too: none falls through to the next.

use super::OverlayFS;
use super::layer::{Layer, LayerNode};
use super::marks::{Marks, Opacity, Redirect, Slot};
use super::options::RedirectMode;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::FileType;
use crate::name::Name;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use smallvec::SmallVec;

/// The layers' nodes that one node of the overlay is made of; never none.
///
/// A directory is all of them merged, with the metadata of the first. Anything else is one of them; only where the
/// first holds just metadata (`metacopy`) a second follows that has the data.
#[derive(Clone)]
pub struct Sources {
    /// The node in the upper layer.
    pub upper: Option<LayerNode>,
    /// The nodes in lower layers, topmost first.
    pub lowers: Arc<[LayerNode]>,
}

impl Sources {
    /// All of them, topmost first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &LayerNode> {
        self.upper.iter().chain(self.lowers.iter())
    }

    /// The one whose metadata and attributes count.
    pub fn top(&self) -> &LayerNode {
        match &self.upper {
            Some(upper) => upper,
            None => &self.lowers[0],
        }
    }

    /// The one whose content counts.
    pub fn content(&self) -> &LayerNode {
        match self.lowers.last() {
            Some(lower) => lower,
            None => self.top(),
        }
    }

    /// Notes that the one whose metadata counts has a record in its layer.
    pub fn set_linked(&mut self) {
        match &mut self.upper {
            Some(upper) => upper.linked = true,
            None => {
                if let Some(top) = Arc::make_mut(&mut self.lowers).first_mut() {
                    top.linked = true;
                }
            }
        }
    }

    /// Whether both are the same nodes.
    pub fn same(&self, other: &Self) -> bool {
        self.all().eq_by_node(other.all())
    }
}

/// Comparison of two stacks of nodes.
trait EqByNode {
    fn eq_by_node<'a>(self, other: impl Iterator<Item = &'a LayerNode>) -> bool;
}

impl<'b, I: Iterator<Item = &'b LayerNode>> EqByNode for I {
    fn eq_by_node<'a>(mut self, mut other: impl Iterator<Item = &'a LayerNode>) -> bool {
        loop {
            match (self.next(), other.next()) {
                (None, None) => return true,
                (Some(one), Some(other)) if one.is(other) => {}
                _ => return false,
            }
        }
    }
}

/// What ended a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The bottom of the stack.
    Bottom,
    /// A node that is no directory: what is below it does not merge.
    File,
    /// A whiteout.
    Whiteout,
    /// An opaque directory.
    Opaque,
}

/// What a search found.
pub struct Found {
    /// What the upper layer holds under the name.
    pub slot: Slot,
    /// What the name is bound to.
    pub sources: Option<Sources>,
    /// What ended the search, and in which layer.
    pub end: (End, Option<Arc<Layer>>),
    /// The redirects that were followed, each with the layer that says so.
    pub redirects: SmallVec<[(Arc<Layer>, Redirect); 1]>,
}

/// Under what the next layer is asked.
enum Target {
    /// A name in the parent's next layer.
    Name(Name),
    /// A path from the layer's root.
    Path(Vec<Box<[u8]>>),
}

/// What can still be added to what was found.
#[derive(PartialEq, Eq)]
enum Wants {
    Anything,
    Directories,
    Data,
}

struct Search<'a> {
    overlay: &'a OverlayFS,
    marks: &'a Marks,
    target: Target,
    wants: Wants,
    upper: Option<LayerNode>,
    lowers: SmallVec<[LayerNode; 2]>,
    slot: Slot,
    end: Option<(End, Arc<Layer>)>,
    redirects: SmallVec<[(Arc<Layer>, Redirect); 1]>,
}

impl OverlayFS {
    /// What `name` is bound to in the directory made of `directory`.
    ///
    /// # Errors
    /// Those of the layers; `EPERM` for a redirect that options forbid to follow, `EINVAL` for one that is none,
    /// `ELOOP` for a directory that is the root of another layer, `EIO` for metadata whose data is missing.
    pub(super) fn find(&self, directory: &Sources, name: &[u8]) -> Result<Found> {
        let mut search = Search {
            overlay: self,
            marks: self.marks(),
            target: Target::Name(Name::from_slice(name)),
            wants: Wants::Anything,
            upper: None,
            lowers: SmallVec::new(),
            slot: Slot::default(),
            end: None,
            redirects: SmallVec::new(),
        };
        search.run(directory)?;
        search.finish()
    }

    /// The type of what the lower layers alone show under `name`: what would come back if the upper said nothing.
    ///
    /// # Errors
    /// Those of the layers.
    pub(super) fn find_lower(&self, directory: &Sources, name: &[u8]) -> Result<Option<FileType>> {
        for lower in directory.lowers.iter() {
            let slot = self.marks().slot(lower, name)?;
            if let Some(visible) = slot.visible() {
                return Ok(Some(visible.node().kind()));
            }
            if slot.hides_below() {
                break;
            }
        }
        Ok(None)
    }
}

impl Search<'_> {
    fn run(&mut self, directory: &Sources) -> Result<()> {
        let mut asked_last = None;
        for parent in directory.all() {
            if self.end.is_some() {
                return Ok(());
            }
            if matches!(self.target, Target::Path(_)) {
                break;
            }
            let in_upper = asked_last.is_none() && directory.upper.is_some();
            self.ask(parent, in_upper)?;
            asked_last = Some(parent.layer().clone());
        }
        // A path is looked up in every layer below the one that gave it, whether the parent is there or not.
        if let (Target::Path(_), Some(last)) = (&self.target, asked_last) {
            for layer in self.overlay.stack().below(&last) {
                if self.end.is_some() {
                    break;
                }
                self.ask(&layer.root(), false)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Found> {
        if self.wants == Wants::Data && self.end.as_ref().is_none_or(|(end, _)| *end != End::File) {
            return fail(FileSystemErrorKind::Io);
        }
        let sources = (self.upper.is_some() || !self.lowers.is_empty())
            .then(|| Sources { upper: self.upper, lowers: self.lowers.into_iter().collect() });
        let end = match self.end {
            Some((end, layer)) => (end, Some(layer)),
            None => (End::Bottom, None),
        };
        Ok(Found { slot: self.slot, sources, end, redirects: self.redirects })
    }

    fn stop(&mut self, end: End, layer: &Arc<Layer>) {
        self.end.get_or_insert_with(|| (end, layer.clone()));
    }

    /// Asks one layer, starting at `base`.
    fn ask(&mut self, base: &LayerNode, in_upper: bool) -> Result<()> {
        let names = match &mut self.target {
            Target::Name(name) => {
                let name = name.clone();
                let slot = self.marks.slot(base, &name)?;
                match self.found(base, slot, in_upper)? {
                    Some(Redirect::Name(name)) => self.target = Target::Name(Name::from_slice(&name)),
                    Some(Redirect::Path(names)) => self.target = Target::Path(names),
                    None => {}
                }
                return Ok(());
            }
            Target::Path(names) => core::mem::take(names),
        };
        let below = self.ask_path(base, &names)?;
        self.target = Target::Path(below);
        Ok(())
    }

    /// Asks one layer along a path; returns the path to ask the next layer along.
    fn ask_path(&mut self, base: &LayerNode, names: &[Box<[u8]>]) -> Result<Vec<Box<[u8]>>> {
        let mut at = base.clone();
        let mut below: Vec<Box<[u8]>> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let slot = self.marks.slot(&at, name)?;
            let redirect = if index + 1 == names.len() {
                self.found(&at, slot, false)?
            } else {
                let hides_below = slot.hides_below();
                match slot.visible() {
                    Some(directory) if directory.is_directory() => {
                        at = directory.clone();
                        if hides_below || self.marks.opacity(&at)? == Opacity::Opaque {
                            self.stop(End::Opaque, at.layer());
                            None
                        } else {
                            self.redirect(&at)?
                        }
                    }
                    Some(file) => {
                        self.stop(End::File, file.layer());
                        break;
                    }
                    None => {
                        if hides_below {
                            self.stop(End::Whiteout, at.layer());
                        }
                        below.extend_from_slice(&names[index..]);
                        break;
                    }
                }
            };
            match redirect {
                Some(Redirect::Path(path)) => {
                    // An opaque directory on the way here ends its own merging, not that of what was moved into it.
                    self.end = None;
                    below = path;
                }
                Some(Redirect::Name(name)) => below.push(name),
                None => below.push(name.clone()),
            }
        }
        Ok(below)
    }

    /// Takes what a layer holds under the name itself; returns where the layers below are to be asked instead.
    fn found(&mut self, parent: &LayerNode, slot: Slot, in_upper: bool) -> Result<Option<Redirect>> {
        let layer = parent.layer();
        let hides_below = slot.hides_below();
        let visible = slot.visible().cloned();
        if in_upper {
            self.slot = slot;
        }
        let Some(mut node) = visible else {
            if hides_below {
                self.stop(End::Whiteout, layer);
            }
            return Ok(None);
        };
        if node.is_directory() {
            if self.wants == Wants::Data {
                return fail(FileSystemErrorKind::Io);
            }
            if self.overlay.is_layer_root(node.id()) {
                return fail(FileSystemErrorKind::TooManySymlinks);
            }
            let opacity = self.marks.opacity(&node)?;
            node.xattr_whiteouts = opacity == Opacity::XattrWhiteouts && !in_upper;
            self.wants = Wants::Directories;
            self.take(node.clone(), in_upper);
            if hides_below || opacity == Opacity::Opaque {
                self.stop(End::Opaque, layer);
                return Ok(None);
            }
            return self.redirect(&node);
        }
        match self.wants {
            Wants::Directories => self.stop(End::File, layer),
            Wants::Data if node.node().kind() != FileType::Regular => return fail(FileSystemErrorKind::Io),
            Wants::Anything | Wants::Data => {
                let metacopy = self.marks.is_metacopy(node.node())?;
                self.take(node.clone(), in_upper);
                if metacopy && !hides_below {
                    self.wants = Wants::Data;
                    return self.redirect(&node);
                }
                if metacopy {
                    return fail(FileSystemErrorKind::Io);
                }
                self.stop(End::File, layer);
            }
        }
        Ok(None)
    }

    fn take(&mut self, node: LayerNode, in_upper: bool) {
        if in_upper {
            self.upper = Some(node);
        } else {
            self.lowers.push(node);
        }
    }

    /// The redirect that a node carries, if it may be followed.
    fn redirect(&mut self, node: &LayerNode) -> Result<Option<Redirect>> {
        let Some(redirect) = self.marks.redirect(node.node())? else { return Ok(None) };
        if self.overlay.options().redirect == RedirectMode::NoFollow {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        self.redirects.push((node.layer().clone(), redirect.clone()));
        Ok(Some(redirect))
    }
}
