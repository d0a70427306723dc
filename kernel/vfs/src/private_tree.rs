//! A private clone of a piece of the mount tree: what an overlay's layer is made of.
//!
//! It shows the mounts that stood below a path when it was made, and none that come later (as Linux's overlayfs clones
//! its layers' mounts). It works on nodes: a layer is read below the dentry cache, whose answers the users of the
//! layer's own namespace share.

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::NodeId;
use crate::mount::{MountFlags, MountPoint, Path};
use crate::node::NodeRef;
use crate::superblock::SuperBlock;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A piece of the mount tree that nobody else changes.
pub struct PrivateTree {
    /// The first is the one the tree starts in.
    mounts: Vec<PrivateMount>,
}

/// One mount of a [`PrivateTree`].
pub struct PrivateMount {
    /// The node it shows at its place.
    pub root: NodeRef,
    /// Whether nothing may be changed through it, whatever the file system says.
    read_only: bool,
    /// The file system, kept mounted while the tree lives.
    pub superblock: Arc<SuperBlock>,
    /// The mount it stands in, and the directory there.
    stands_on: Option<(usize, NodeId)>,
}

/// A node of a [`PrivateTree`], and the mount through which it was reached.
#[derive(Clone)]
pub struct Position {
    /// Index of the mount.
    pub mount: usize,
    /// The node.
    pub node: NodeRef,
}

impl PrivateTree {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let root = path.node()?.clone();
        Ok(Self { mounts: alloc::vec![PrivateMount::of(&path.mount, root, None)] })
    }

    pub(crate) fn add(&mut self, parent: usize, at: NodeId, mount: &MountPoint) -> Result<()> {
        let Some(root) = mount.root().node() else { return fail(FileSystemErrorKind::NotFound) };
        self.mounts.push(PrivateMount::of(mount, root.clone(), Some((parent, at))));
        Ok(())
    }

    /// A tree of one file system, by itself.
    pub fn of_file_system(superblock: Arc<SuperBlock>) -> Self {
        let operations = superblock.operations();
        let mount = PrivateMount { root: operations.root(), read_only: false, superblock, stands_on: None };
        Self { mounts: alloc::vec![mount] }
    }

    /// A tree of one mount, by itself, that shows `root`, a node of that file system.
    pub fn of_node(root: NodeRef, superblock: Arc<SuperBlock>, read_only: bool) -> Self {
        Self { mounts: alloc::vec![PrivateMount { root, read_only, superblock, stands_on: None }] }
    }

    /// Its mounts, each after the one it stands on.
    pub fn mounts(&self) -> &[PrivateMount] {
        &self.mounts
    }

    /// The mount a position is in.
    pub fn mount(&self, position: &Position) -> &PrivateMount {
        &self.mounts[position.mount]
    }

    /// Where it starts.
    pub fn root(&self) -> Position {
        self.cross(0, self.mounts[0].root.clone())
    }

    /// The node of that name below a position, or the root of the mount that stands on it.
    ///
    /// # Errors
    /// Those of the node's lookup.
    pub fn descend(&self, from: &Position, name: &[u8]) -> Result<Position> {
        Ok(self.cross(from.mount, from.node.lookup(name)?))
    }

    /// The position one gets to by stepping onto `node` of the mount: itself, or the root of what stands on it.
    pub fn cross(&self, mount: usize, node: NodeRef) -> Position {
        let mut at = Position { mount, node };
        if self.mounts.len() == 1 {
            return at;
        }
        while let Some((index, mount)) = self
            .mounts
            .iter()
            .enumerate()
            .find(|(index, mount)| *index > at.mount && mount.stands_on == Some((at.mount, at.node.id())))
        {
            at = Position { mount: index, node: mount.root.clone() };
        }
        at
    }
}

impl PrivateMount {
    fn of(mount: &MountPoint, root: NodeRef, stands_on: Option<(usize, NodeId)>) -> Self {
        let read_only = mount.flags().contains(MountFlags::READ_ONLY);
        Self { root, read_only, superblock: mount.superblock().clone(), stands_on }
    }

    /// Whether nothing may be changed through it, now or ever.
    pub fn read_only(&self) -> bool {
        self.read_only || self.superblock.is_read_only()
    }
}
