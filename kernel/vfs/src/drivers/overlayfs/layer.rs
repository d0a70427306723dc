//! A layer: a private clone of a piece of the mount tree, and the nodes in it.
//!
//! The overlay reaches its layers' nodes through this file only. A layer may contain mounts; stepping down crosses
//! them, so what is listed can be opened, and copied up.

use super::inode::OverlayNode;
use super::links::Links;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::{DirectoryTimes, FileSystemOperations, NameChange};
use crate::metadata::{FileSystemId, FileType, NodeId};
use crate::name::Name;
use crate::node::{NodeRef, same_node};
use crate::private_tree::{Position, PrivateMount, PrivateTree};
use crate::superblock::SuperBlock;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use smallvec::SmallVec;

/// A layer of an overlay.
pub struct Layer {
    name: Box<[u8]>,
    tree: PrivateTree,
    /// Whether the overlay writes it, or has written it before another was pushed on top: what it says of the origins
    /// of its files then counts.
    own: bool,
    /// The directories of other overlays that it was given by, and what it is of each ([`Layer::grounded`]).
    given_by: Vec<(NodeRef, NodeId)>,
    links: Links,
}

impl Layer {
    /// The layer that `tree` is; `name` says which it is to people (`/proc/mounts`, explanations).
    pub fn new(name: &[u8], tree: PrivateTree) -> Self {
        Self { name: name.into(), tree, own: false, given_by: Vec::new(), links: Links::default() }
    }

    /// The same layer as one that the overlay writes.
    pub fn written(mut self) -> Self {
        self.own = true;
        self
    }

    /// Whether the overlay writes it, or has written it.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// A whole file system as a layer.
    pub fn of_file_system(name: &[u8], file_system: Arc<dyn FileSystemOperations>) -> Self {
        Self::new(name, PrivateTree::of_file_system(SuperBlock::new(file_system)))
    }

    /// The same layer without the overlays that it lies on, as far as they have nothing of it but what is in their own
    /// upper layer: that is then the layer. An overlay cannot publish several names in one step, what is below it can;
    /// and the overlay notices what changes there. So an upper may be a directory that was made on an overlay, as every
    /// directory is where the root is one.
    pub fn grounded(mut self) -> Self {
        while let [mount] = self.tree.mounts()
            && let Some(below) = OverlayNode::of(&mount.root).and_then(OverlayNode::only_upper)
        {
            let ground = below.layer.tree.mount(&below.at);
            let read_only = mount.read_only() || ground.read_only();
            self.given_by.push((mount.root.clone(), below.id()));
            self.tree = PrivateTree::of_node(below.at.node.clone(), ground.superblock.clone(), read_only);
        }
        self
    }

    /// Whether the overlays that it was given by still have it in their upper layers, and nothing else there.
    pub fn still_grounded(&self) -> bool {
        self.given_by.iter().all(|(node, ground)| {
            OverlayNode::of(node).and_then(OverlayNode::only_upper).is_some_and(|below| below.id() == *ground)
        })
    }

    /// The overlays whose upper layers it lies in.
    pub fn given_by(&self) -> impl Iterator<Item = FileSystemId> {
        self.given_by.iter().map(|(node, _)| node.id().file_system)
    }

    /// The same layer with its records of files with several names.
    pub(super) fn with_links(self, links: Links) -> Self {
        Self { links, ..self }
    }

    /// Its records of files with several names.
    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    /// Its mounts, each after the one it stands on.
    pub(super) fn mounts(&self) -> &[PrivateMount] {
        self.tree.mounts()
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The file systems that its nodes are on: that of its root first, then those mounted in it.
    pub fn file_systems(&self) -> impl Iterator<Item = &Arc<dyn FileSystemOperations>> {
        self.tree.mounts().iter().map(|mount| mount.superblock.operations())
    }

    /// How many file systems are stacked in it, itself included.
    pub fn stacking_depth(&self) -> usize {
        self.file_systems().map(|operations| operations.stacking_depth() + 1).max().unwrap_or(0)
    }

    /// Whether nothing can be changed at its root.
    pub fn read_only(&self) -> bool {
        self.tree.mounts().first().is_none_or(|mount| mount.read_only())
    }

    /// The identity of its root.
    pub fn root_id(&self) -> NodeId {
        self.tree.root().node.id()
    }

    /// The node that it starts at.
    pub fn root_node(&self) -> NodeRef {
        self.tree.root().node
    }

    /// Where it starts.
    pub fn root(self: &Arc<Self>) -> LayerNode {
        LayerNode::new(self, self.tree.root())
    }

    /// A node of one of its mounts, reached without a name.
    pub(super) fn node_of(self: &Arc<Self>, mount: usize, node: NodeRef) -> LayerNode {
        LayerNode::new(self, Position { mount, node })
    }
}

/// The identity of what `node` is in the end: where it is only in the upper layer of an overlay, its node there.
pub fn ground(node: &NodeRef) -> NodeId {
    let mut ground = node.clone();
    while let Some(below) = OverlayNode::of(&ground).and_then(OverlayNode::only_upper) {
        ground = below.node().clone();
    }
    ground.id()
}

/// A node of a layer.
#[derive(Clone)]
pub struct LayerNode {
    layer: Arc<Layer>,
    at: Position,
    /// For a directory: whether regular files in it may be whiteouts by attribute.
    pub xattr_whiteouts: bool,
    /// For a file: whether its layer had a record of it when it was found.
    pub linked: bool,
}

impl LayerNode {
    fn new(layer: &Arc<Layer>, at: Position) -> Self {
        Self { layer: layer.clone(), at, xattr_whiteouts: false, linked: false }
    }

    /// The node.
    pub fn node(&self) -> &NodeRef {
        &self.at.node
    }

    /// The layer.
    pub fn layer(&self) -> &Arc<Layer> {
        &self.layer
    }

    /// Whether it is in that layer.
    pub fn is_in(&self, layer: &Arc<Layer>) -> bool {
        Arc::ptr_eq(&self.layer, layer)
    }

    /// The identity of the node.
    pub fn id(&self) -> NodeId {
        self.at.node.id()
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.at.node.kind() == FileType::Directory
    }

    /// Whether both are the same node of the same layer.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer) && same_node(self.node(), other.node())
    }

    /// What the name is bound to in this directory, whatever mounts stand on it; `None` where the layer has no such
    /// name or cannot have one: the two cases in which the next layer is asked. Every other error is an error.
    pub fn child(&self, name: &[u8]) -> Result<Option<Self>> {
        match self.layer.tree.descend(&self.at, name) {
            Ok(at) => Ok(Some(Self::new(&self.layer, at))),
            Err(error) => match error.kind() {
                FileSystemErrorKind::NotFound | FileSystemErrorKind::NameTooLong => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Another node of the same mount, reached without a name (it was just made).
    pub fn sibling(&self, node: NodeRef) -> Self {
        self.layer.node_of(self.at.mount, node)
    }

    /// The mount it was reached through, as an index into those of the layer.
    pub(super) fn mount_index(&self) -> usize {
        self.at.mount
    }

    /// Whether both are on one mount, so that a name can move from one to the other.
    pub fn same_mount(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer) && self.at.mount == other.at.mount
    }

    /// Whether other mounts stand in this layer, so that a listing's inode numbers may not be those of `stat`.
    pub fn may_cross(&self) -> bool {
        self.layer.tree.mounts().len() > 1
    }

    /// The file system the node is on.
    pub fn file_system(&self) -> &Arc<dyn FileSystemOperations> {
        self.layer.tree.mount(&self.at).superblock.operations()
    }

    /// The identity of that file system.
    pub fn file_system_id(&self) -> FileSystemId {
        self.file_system().id()
    }

    /// Whether anything can be changed here.
    ///
    /// # Errors
    /// `EROFS`.
    pub fn check_writable(&self) -> Result<()> {
        if self.layer.tree.mount(&self.at).read_only() {
            return fail(FileSystemErrorKind::ReadOnlyFileSystem);
        }
        Ok(())
    }
}

/// Changes of names in the upper layer that are published in one step.
#[derive(Default)]
pub struct Changes {
    list: SmallVec<[Change; 4]>,
}

struct Change {
    directory: NodeRef,
    name: Name,
    old: Option<NodeRef>,
    new: Option<NodeRef>,
}

impl Changes {
    /// Adds a change: in `directory`, `name` goes from `old` to `new`.
    pub fn bind(&mut self, directory: &NodeRef, name: &[u8], old: Option<&NodeRef>, new: Option<&NodeRef>) {
        self.list.push(Change {
            directory: directory.clone(),
            name: Name::from_slice(name),
            old: old.cloned(),
            new: new.cloned(),
        });
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Publishes them on the file system of `at`: all or, with an error, none.
    ///
    /// # Errors
    /// Those of [`FileSystemOperations::commit`].
    pub fn publish(&self, at: &LayerNode, times: DirectoryTimes) -> Result<()> {
        let changes: Vec<NameChange<'_>> = self
            .list
            .iter()
            .map(|change| NameChange {
                directory: &change.directory,
                name: &change.name,
                old: change.old.as_ref(),
                new: change.new.as_ref(),
            })
            .collect();
        at.file_system().commit(&changes, times)
    }
}
