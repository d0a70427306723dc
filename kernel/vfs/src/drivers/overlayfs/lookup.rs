//! What a name is bound to: the search through a directory's layers.
//!
//! A name is searched in its parent's own layers, from the top down, and a directory found there is merged with the
//! same-named ones below, until something ends the search: a file, a whiteout, an opaque directory. A redirect changes
//! under which name, or at which path, the layers below are asked; it only ever leads downwards in the stack, so
//! whatever a layer says, the search ends. Any error of a layer ends it too: none falls through to the next.

use super::OverlayFS;
use super::data_only::DataFile;
use super::layer::{Layer, LayerNode};
use super::marks::{Marks, Opacity, Redirect, Slot};
use super::options::RedirectMode;
use super::scope::{Lowers, Scope};
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
    Nothing,
}

struct Search<'a> {
    overlay: &'a OverlayFS,
    marks: &'a Marks,
    target: Target,
    wants: Wants,
    /// Where data-only layers are asked for the data that is wanted.
    data_path: Option<Vec<Box<[u8]>>>,
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
    /// Those of the layers; `EPERM` for a redirect or data elsewhere that options forbid, `EINVAL` for a bad redirect,
    /// `ELOOP` for a directory that is the root of another layer, `EIO` for metadata whose data is missing.
    pub(super) fn find(&self, directory: &Scope<'_>, name: &[u8]) -> Result<Found> {
        directory.search(self, |lowers| {
            let upper = directory.sources.upper.as_ref();
            let mut search = Search::new(self, name);
            if !search.run(upper, lowers, true)? {
                lowers.start_again();
                search = Search::new(self, name);
                search.run(upper, lowers, false)?;
            }
            search.finish()
        })
    }

    /// The type of what the lower layers alone show under `name`: what would come back if the upper said nothing.
    ///
    /// # Errors
    /// Those of the layers.
    pub(super) fn find_lower(&self, directory: &Scope<'_>, name: &[u8]) -> Result<Option<FileType>> {
        directory.search(self, |lowers| {
            while let Some(lower) = lowers.next_with(name) {
                let slot = self.marks().slot(lower, name)?;
                if let Some(visible) = slot.visible() {
                    return Ok(Some(visible.node().kind()));
                }
                if slot.hides_below() {
                    break;
                }
                lowers.in_vain += 1;
            }
            Ok(None)
        })
    }
}

impl<'a> Search<'a> {
    fn new(overlay: &'a OverlayFS, name: &[u8]) -> Self {
        Self {
            overlay,
            marks: overlay.marks(),
            target: Target::Name(Name::from_slice(name)),
            wants: Wants::Anything,
            data_path: None,
            upper: None,
            lowers: SmallVec::new(),
            slot: Slot::default(),
            end: None,
            redirects: SmallVec::new(),
        }
    }

    /// Asks the layers; `false` if what was found does not count, because the index of the root no longer holds. That
    /// is not used unless `by_index`.
    fn run(&mut self, upper: Option<&LayerNode>, lowers: &mut Lowers<'_>, by_index: bool) -> Result<bool> {
        let mut asked_last = upper;
        if let Some(upper) = upper {
            self.ask(upper, true)?;
        }
        while self.end.is_none()
            && let Target::Name(name) = &self.target
            && let Some(lower) = lowers.next_with(name)
        {
            if !self.ask(lower, false)? {
                lowers.in_vain += 1;
            }
            asked_last = Some(lower);
        }
        match (&self.target, asked_last) {
            (Target::Path(_), Some(last)) if self.end.is_none() => self.run_along_path(last.layer(), by_index),
            _ => Ok(true),
        }
    }

    /// Looks the path up in every layer below the one that gave it, whether the directory that is searched is there or
    /// not. Where the path begins is in the roots of the layers, which the overlay's root is made of.
    fn run_along_path(&mut self, giver: &Arc<Layer>, by_index: bool) -> Result<bool> {
        let stack = self.overlay.stack();
        let root = self.overlay.root.scope();
        let roots = &root.sources.lowers;
        // The root is made of the first of the layers, in order, unless they are just being exchanged.
        let first = roots.first().zip(stack.lowers.first()).is_some_and(|(root, layer)| root.is_in(layer));
        let index = root.index().filter(|_| by_index && first);
        let mut in_vain = 0;
        let mut number = stack.first_below(giver);
        while self.end.is_none()
            && let Target::Path(path) = &self.target
        {
            if let (Some(index), Some(first), true) = (index, path.first(), number < roots.len()) {
                number = index.next_with(first, number).unwrap_or(roots.len());
            }
            let Some(layer) = stack.lowers.get(number) else { break };
            if !self.ask(&layer.root(), false)? {
                in_vain += 1;
            }
            number += 1;
        }
        if index.is_some() {
            return Ok(root.holds());
        }
        root.note_in_vain(self.overlay, in_vain);
        Ok(true)
    }

    fn finish(mut self) -> Result<Found> {
        if self.wants == Wants::Data {
            let layers = self.overlay.stack().data.clone();
            let (Some(path), false) = (self.data_path.take(), layers.is_empty()) else {
                return fail(FileSystemErrorKind::Io);
            };
            // As on Linux only a lower file leads there; that of an upper one is its lower file's.
            let metadata = self.lowers.last().ok_or(FileSystemErrorKind::Io)?;
            let data = DataFile::of(metadata, &layers, path)?;
            self.end.get_or_insert((End::File, metadata.layer().clone()));
            self.lowers.push(data);
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

    /// Asks one layer, starting at `base`; whether that has the name, or that which the path begins with.
    fn ask(&mut self, base: &LayerNode, in_upper: bool) -> Result<bool> {
        let names = match &mut self.target {
            Target::Name(name) => {
                let name = name.clone();
                let slot = self.marks.slot(base, &name)?;
                let known = slot.is_known();
                match self.found(base, slot, in_upper)? {
                    Some(Redirect::Name(name)) => self.target = Target::Name(Name::from_slice(&name)),
                    Some(Redirect::Path(names)) => self.target = Target::Path(names),
                    None => {}
                }
                return Ok(known);
            }
            Target::Path(names) => core::mem::take(names),
        };
        let (known, below) = self.ask_path(base, &names)?;
        self.target = Target::Path(below);
        Ok(known)
    }

    /// Asks one layer along a path; whether it has the first name, and the path to ask the next layer along.
    fn ask_path(&mut self, base: &LayerNode, names: &[Box<[u8]>]) -> Result<(bool, Vec<Box<[u8]>>)> {
        let mut at = base.clone();
        let mut known = false;
        let mut below: Vec<Box<[u8]>> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let slot = self.marks.slot(&at, name)?;
            known |= index == 0 && slot.is_known();
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
        Ok((known, below))
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
                self.stop(End::Opaque, layer);
                return Ok(None);
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
            Wants::Data if node.node().kind() != FileType::Regular => self.stop(End::Opaque, layer),
            Wants::Nothing => {}
            Wants::Anything | Wants::Data => {
                let metacopy = self.marks.is_metacopy(node.node())?;
                self.take(node.clone(), in_upper);
                if metacopy && !hides_below {
                    self.wants = Wants::Data;
                    let redirect = self.redirect_to_data(&node)?;
                    self.data_path = match &redirect {
                        Some(Redirect::Path(path)) => Some(path.clone()),
                        _ => None,
                    };
                    return Ok(redirect);
                }
                if metacopy {
                    return fail(FileSystemErrorKind::Io);
                }
                self.wants = Wants::Nothing;
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

    /// The redirect to its data that a file carries which holds but metadata, if it may be followed. To a data-only
    /// layer, from the layer above them, it always may: that is what these are for.
    fn redirect_to_data(&mut self, node: &LayerNode) -> Result<Option<Redirect>> {
        let redirect = self.read_redirect(node)?;
        let stack = self.overlay.stack();
        let lowest = !stack.data.is_empty() && stack.first_below(node.layer()) == stack.lowers.len();
        if lowest && matches!(redirect, Some(Redirect::Path(_))) {
            return Ok(redirect);
        }
        if self.overlay.options().user_attributes {
            // Whoever may write the layer could show the content of any file as that of his own.
            return fail(FileSystemErrorKind::NotPermitted);
        }
        self.check_followed(redirect)
    }

    /// The redirect that a node carries, if it may be followed.
    fn redirect(&mut self, node: &LayerNode) -> Result<Option<Redirect>> {
        let redirect = self.read_redirect(node)?;
        self.check_followed(redirect)
    }

    fn read_redirect(&mut self, node: &LayerNode) -> Result<Option<Redirect>> {
        let redirect = self.marks.redirect(node.node())?;
        self.redirects.extend(redirect.iter().map(|redirect| (node.layer().clone(), redirect.clone())));
        Ok(redirect)
    }

    fn check_followed(&self, redirect: Option<Redirect>) -> Result<Option<Redirect>> {
        if redirect.is_some() && self.overlay.options().redirect == RedirectMode::NoFollow {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        Ok(redirect)
    }
}
