//! The nodes in use: one object for each file of the overlay while anybody holds it.
//!
//! A search finds layers' nodes; here they become the overlay's node, the one there is already or a new one. Where the
//! two disagree (a copy-up came between, or somebody changed a layer directly) the search is repeated with the names
//! of the directory locked, and then the search is right.

use super::OverlayFS;
use super::inode::{LockedNames, OverlayNode, Place};
use super::layer::LayerNode;
use super::lookup::{Found, Sources};
use super::watch::Watched;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::{FileType, NodeId};
use alloc::sync::{Arc, Weak};

/// Bytes of heap that a node takes, about.
const NODE_MEMORY: usize = 512;

/// The node in use under an inode number.
enum Numbered {
    /// It is made of what was asked for.
    Same(Arc<OverlayNode>),
    /// It is made of something else.
    Other(Arc<OverlayNode>),
}

/// A lower file with several names that was copied up under one of them: the others lead to the copy too.
#[derive(Clone)]
pub(super) struct Linked {
    /// The copy.
    pub upper: LayerNode,
    /// How many more names the overlay shows than the copy has in the upper layer.
    pub more: i64,
}

impl OverlayFS {
    /// What `name` in `directory` is bound to.
    ///
    /// # Errors
    /// `ENOENT`, and those of [`OverlayFS::find`].
    pub(super) fn look_up(&self, directory: &Arc<OverlayNode>, name: &[u8]) -> Result<Arc<OverlayNode>> {
        directory.check_not_removed()?;
        if self.marks().reserved(name) {
            return fail(FileSystemErrorKind::NotFound);
        }
        let found = self.find(&directory.sources(), name)?;
        let Some(sources) = found.sources else { return fail(FileSystemErrorKind::NotFound) };
        let sources = self.copied_up(sources)?;
        if let Some(node) = self.intern(&sources, directory, name)? {
            return Ok(node);
        }
        let held = directory.lock_names()?;
        let (_, node) = self.look_up_locked(&held, directory, name)?;
        node.ok_or(FileSystemErrorKind::NotFound.into())
    }

    /// What `name` in `directory`, whose names are locked, is bound to, with all that the search found.
    ///
    /// # Errors
    /// Those of [`OverlayFS::find`].
    pub(super) fn look_up_locked(
        &self,
        _held: &LockedNames<'_>,
        directory: &Arc<OverlayNode>,
        name: &[u8],
    ) -> Result<(Found, Option<Arc<OverlayNode>>)> {
        let found = self.find(&directory.sources(), name)?;
        let node = match &found.sources {
            Some(sources) => {
                let sources = self.copied_up(sources.clone())?;
                Some(match self.intern(&sources, directory, name)? {
                    Some(node) => node,
                    None => self.settle(sources, directory, name)?,
                })
            }
            None => None,
        };
        Ok((found, node))
    }

    /// The node made of `sources`; `None` when the one in use is made of something else.
    fn intern(&self, sources: &Sources, directory: &Arc<OverlayNode>, name: &[u8]) -> Result<Option<Arc<OverlayNode>>> {
        let origin = self.origin(sources)?;
        page::admit(NODE_MEMORY)?;
        match self.node_numbered(self.identity().number(origin), origin, sources, directory, name)? {
            Numbered::Same(node) => Ok(Some(node)),
            Numbered::Other(_) => Ok(None),
        }
    }

    /// The node of that number if it is made of `sources`, or a new one; else the one in use.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn node_numbered(
        &self,
        inode: u64,
        origin: NodeId,
        sources: &Sources,
        directory: &Arc<OverlayNode>,
        name: &[u8],
    ) -> Result<Numbered> {
        let present = self.nodes.lock().get(&inode).and_then(Weak::upgrade);
        let present = match present {
            Some(present) => present,
            None => {
                let id = NodeId { file_system: self.id, inode };
                let watched = Watched::new(sources.clone())?;
                let node = OverlayNode::new(&self.me, id, origin, watched, Some(Place::new(directory, name)));
                let mut nodes = self.nodes.lock();
                match nodes.get(&inode).and_then(Weak::upgrade) {
                    // Somebody was quicker.
                    Some(present) => present,
                    None => {
                        nodes.insert(inode, Arc::downgrade(&node));
                        return Ok(Numbered::Same(node));
                    }
                }
            }
        };
        if !present.sources().same(sources) || present.check_not_removed().is_err_and(is_removed) {
            return Ok(Numbered::Other(present));
        }
        present.add_place(directory, name);
        Ok(Numbered::Same(present))
    }

    /// The node made of `sources`, which are right while the names of `directory` are locked, though the node in use
    /// is made of something else.
    fn settle(&self, sources: Sources, directory: &Arc<OverlayNode>, name: &[u8]) -> Result<Arc<OverlayNode>> {
        let origin = self.origin(&sources)?;
        page::admit(NODE_MEMORY)?;
        let present = match self.node_numbered(self.identity().number(origin), origin, &sources, directory, name)? {
            Numbered::Same(node) => return Ok(node),
            Numbered::Other(present) => present,
        };
        if Self::became(&present, &sources, directory, name) {
            present.set_sources(present.watch(sources)?);
            return Ok(present);
        }
        // Somebody else has the number: this one gets another, for as long as the overlay is mounted.
        let origin = sources.top().id();
        let inode = self.identity().assign(origin);
        match self.node_numbered(inode, origin, &sources, directory, name)? {
            Numbered::Same(node) => Ok(node),
            Numbered::Other(present) if Self::became(&present, &sources, directory, name) => {
                present.set_sources(present.watch(sources)?);
                Ok(present)
            }
            Numbered::Other(_) => {
                self.nodes.lock().remove(&inode);
                match self.node_numbered(inode, origin, &sources, directory, name)? {
                    Numbered::Same(node) => Ok(node),
                    Numbered::Other(_) => fail(FileSystemErrorKind::Stale),
                }
            }
        }
    }

    /// Whether a node in use can be the same file after a change in a layer: a directory in the same place, or a file
    /// there whose copy in the upper has appeared.
    fn became(present: &OverlayNode, sources: &Sources, directory: &OverlayNode, name: &[u8]) -> bool {
        let now = present.sources();
        let kind = sources.top().node().kind();
        present.is_at(directory, name)
            && now.top().node().kind() == kind
            && !present.check_not_removed().is_err_and(is_removed)
            && (kind == FileType::Directory || now.upper.is_none() && sources.upper.is_some())
    }

    /// A node that was just made in the upper layer.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn node_of_new(
        &self,
        upper: LayerNode,
        place: Option<(&Arc<OverlayNode>, &[u8])>,
    ) -> Result<Arc<OverlayNode>> {
        page::admit(NODE_MEMORY)?;
        let origin = upper.id();
        let inode = self.identity().number(origin);
        let id = NodeId { file_system: self.id, inode };
        let watched = Watched::new(Sources { upper: Some(upper), lowers: Arc::from([]) })?;
        let node =
            OverlayNode::new(&self.me, id, origin, watched, place.map(|(parent, name)| Place::new(parent, name)));
        self.nodes.lock().insert(inode, Arc::downgrade(&node));
        Ok(node)
    }

    /// Forgets a node that nobody holds any more.
    pub(super) fn forget(&self, inode: u64) {
        let mut nodes = self.nodes.lock();
        // Another one may have come in its place since the last reference went.
        if nodes.get(&inode).is_some_and(|node| node.strong_count() == 0) {
            nodes.remove(&inode);
        }
    }

    /// How many nodes are in use.
    pub fn nodes_in_use(&self) -> usize {
        self.nodes.lock().len()
    }

    // ---- files with several names

    /// What a file found in a lower layer is made of, given that it may have been copied up under another name.
    fn copied_up(&self, sources: Sources) -> Result<Sources> {
        if sources.upper.is_some() || sources.top().is_directory() || self.links.lock().is_empty() {
            return Ok(sources);
        }
        let origin = self.origin(&sources)?;
        let copy = self.links.lock().get(&origin).map(|linked| linked.upper.clone());
        Ok(match copy {
            // Found under the copy's own name, maybe with its data from below it.
            Some(copy) if copy.is(sources.top()) => sources,
            Some(copy) if self.stack().is_upper(copy.layer()) => Sources { upper: Some(copy), lowers: Arc::from([]) },
            Some(copy) => Sources { upper: None, lowers: Arc::from([copy]) },
            None => sources,
        })
    }

    /// Lets the other names of a lower file that has `names` of them lead to its copy too.
    pub(super) fn remember_links(&self, origin: NodeId, upper: &LayerNode, names: u64) {
        let more = i64::try_from(names).unwrap_or(i64::MAX) - 1;
        let mut links = self.links.lock();
        let previous = match more {
            ..=0 => links.remove(&origin),
            _ => links.insert(origin, Linked { upper: upper.clone(), more }),
        };
        drop(links);
        drop(previous);
    }

    /// Whether other names than those in the upper layer lead to the copy of `origin`.
    pub(super) fn has_lower_names(&self, origin: NodeId) -> bool {
        self.links.lock().contains_key(&origin)
    }

    /// Lets them lead to `upper` instead of the copy before.
    pub(super) fn replace_copy(&self, origin: NodeId, upper: &LayerNode) {
        let mut links = self.links.lock();
        let previous = links.get_mut(&origin).map(|linked| core::mem::replace(&mut linked.upper, upper.clone()));
        drop(links);
        drop(previous);
    }

    /// Notes that a name went which led from a lower layer to the copy of `origin`.
    pub(super) fn lose_lower_name(&self, origin: NodeId) {
        let stack = self.stack();
        let mut links = self.links.lock();
        let last = links.get_mut(&origin).is_some_and(|linked| {
            linked.more -= 1;
            // Of a copy that is in a lower layer now, its own names have been counted off as well.
            linked.more <= 0 && stack.is_upper(linked.upper.layer())
        });
        let gone = if last { links.remove(&origin) } else { None };
        drop(links);
        drop(gone);
    }

    /// The number of names the overlay shows for the copy of `origin` that has `names` in the upper layer.
    pub(super) fn links_shown(&self, origin: NodeId, names: u64) -> u64 {
        let more = self.links.lock().get(&origin).map_or(0, |linked| linked.more);
        names.saturating_add_signed(more)
    }
}

fn is_removed(error: crate::error::FileSystemError) -> bool {
    error.kind() == FileSystemErrorKind::NotFound
}
