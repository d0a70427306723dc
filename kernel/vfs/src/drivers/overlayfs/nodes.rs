//! The nodes in use: one object for each file of the overlay while anybody holds it.
//!
//! A search finds layers' nodes; here they become the overlay's node, the one there is already or a new one. Where the
//! two disagree (a copy-up came between, or somebody changed a layer directly) the search is repeated with the names
//! of the directory locked, and then the search is right.

use super::OverlayFS;
use super::inode::{LockedNames, OverlayNode};
use super::layer::LayerNode;
use super::lookup::{Found, Sources};
use super::options::Index;
use super::places::Place;
use super::watch::Watched;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::{FileType, NodeId};
use crate::node::VfsNode;
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
        let found = self.find(&directory.scope(), name)?;
        let Some(sources) = found.sources else { return fail(FileSystemErrorKind::NotFound) };
        let (sources, origin) = self.identify_at(sources, directory, name)?;
        if let Some(node) = self.intern(&sources, origin, directory, name)? {
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
        let found = self.find(&directory.scope(), name)?;
        let node = match &found.sources {
            Some(sources) => {
                let (sources, origin) = self.identify_at(sources.clone(), directory, name)?;
                Some(match self.intern(&sources, origin, directory, name)? {
                    Some(node) => node,
                    None => self.settle(sources, origin, directory, name)?,
                })
            }
            None => None,
        };
        Ok((found, node))
    }

    /// As [`OverlayFS::identify`]. With `index=off` each name of a lower file that has several is a file of its own,
    /// with an identity of its own, for copying it up parts it from the others.
    fn identify_at(&self, sources: Sources, directory: &OverlayNode, name: &[u8]) -> Result<(Sources, NodeId)> {
        let (sources, origin) = self.identify(sources)?;
        let parted = self.options().index == Index::Off
            && sources.upper.is_none()
            && !sources.top().is_directory()
            && self.check_writable().is_ok()
            && sources.top().node().metadata()?.links > 1;
        if !parted {
            return Ok((sources, origin));
        }
        page::admit(NODE_MEMORY)?;
        let inode = self.identity().assign_name(directory.id().inode, name);
        Ok((sources, NodeId { file_system: self.id, inode }))
    }

    fn number(&self, origin: NodeId) -> u64 {
        if origin.file_system == self.id { origin.inode } else { self.identity().number(origin) }
    }

    /// The node made of `sources`; `None` when the one in use is made of something else.
    fn intern(
        &self,
        sources: &Sources,
        origin: NodeId,
        directory: &Arc<OverlayNode>,
        name: &[u8],
    ) -> Result<Option<Arc<OverlayNode>>> {
        page::admit(NODE_MEMORY)?;
        let node = match self.node_numbered(self.number(origin), origin, sources, directory, name)? {
            Numbered::Same(node) => node,
            Numbered::Other(_) => return Ok(None),
        };
        // Between the search and now the file may have been copied up under another name, and forgotten.
        if sources.upper.is_none()
            && node.kind() != FileType::Directory
            && self.copy_of(sources.top(), origin)?.is_some()
        {
            return Ok(None);
        }
        Ok(Some(node))
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
                let watched = Watched::new(self.marks(), sources.clone())?;
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
    fn settle(
        &self,
        sources: Sources,
        origin: NodeId,
        directory: &Arc<OverlayNode>,
        name: &[u8],
    ) -> Result<Arc<OverlayNode>> {
        page::admit(NODE_MEMORY)?;
        if let Some(node) = self.settle_numbered(self.number(origin), origin, &sources, directory, name)? {
            return Ok(node);
        }
        // Somebody else has the number: this one gets another, for as long as the overlay is mounted.
        let origin = sources.top().id();
        let inode = self.identity().assign(origin);
        if let Some(node) = self.settle_numbered(inode, origin, &sources, directory, name)? {
            return Ok(node);
        }
        self.nodes.lock().remove(&inode);
        match self.node_numbered(inode, origin, &sources, directory, name)? {
            Numbered::Same(node) => Ok(node),
            Numbered::Other(_) => fail(FileSystemErrorKind::Stale),
        }
    }

    /// The node of that number, if it is or can become the one made of `sources`; or a new one.
    fn settle_numbered(
        &self,
        inode: u64,
        origin: NodeId,
        sources: &Sources,
        directory: &Arc<OverlayNode>,
        name: &[u8],
    ) -> Result<Option<Arc<OverlayNode>>> {
        loop {
            let present = match self.node_numbered(inode, origin, sources, directory, name)? {
                Numbered::Same(node) => return Ok(Some(node)),
                Numbered::Other(present) => present,
            };
            let copied = present.origin == origin && sources.top().linked && !present.has_upper();
            if copied || Self::became(&present, sources, directory, name) {
                present.set_sources(present.watch(sources.clone())?);
                return Ok(Some(present));
            }
            if !present.sources().same(sources) || present.check_not_removed().is_err_and(is_removed) {
                return Ok(None);
            }
            // A copy-up that was under way has just made it the same.
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
        let watched = Watched::new(self.marks(), Sources { upper: Some(upper), lowers: Arc::from([]) })?;
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
}

impl OverlayNode {
    /// Whether it is one name of a lower file that has several, parted from the others.
    pub(super) fn is_parted(&self) -> bool {
        self.origin.file_system == self.id().file_system
    }

    /// The identity that `stat` shows of it, made of `sources`. Names that are parted show what they are made of: the
    /// lower file's number before they are copied up, as a listing does, and one of their own then.
    ///
    /// # Errors
    /// `ESTALE`, and those of the layers.
    pub(super) fn shown_id(&self, sources: &Sources) -> Result<NodeId> {
        if !self.is_parted() {
            return Ok(self.id());
        }
        let overlay = self.overlay()?;
        let (_, origin) = overlay.identify(sources.clone())?;
        Ok(NodeId { inode: overlay.identity().number(origin), ..self.id() })
    }
}

pub(super) fn is_removed(error: crate::error::FileSystemError) -> bool {
    error.kind() == FileSystemErrorKind::NotFound
}
