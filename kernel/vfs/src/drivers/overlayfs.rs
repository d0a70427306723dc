//! OverlayFS: directories as layers on top of each other, shown as one.
//!
//! ```text
//!  merged   /etc: motd  hosts  passwd        what users see
//!             ^     ^      ^
//!  upper      |   hosts    |                  changes go here; `.wh.NAME` hides NAME below
//!  lower 1  motd    -      |
//!  lower 2    -   hosts  passwd               never changed
//! ```
//!
//! Reading order:
//!
//! | file | subject |
//! |---|---|
//! | [`options`] | the mount options, as text and as values |
//! | [`layer`] | layers and their nodes; changes published in one step |
//! | `marks` | whiteouts, opaque directories, redirects, origins: the formats |
//! | `lookup` | what a name is bound to |
//! | `data_only` | layers that hold but data |
//! | `identity` | inode numbers |
//! | `inode` | the node; the lock order |
//! | `places` | where a node is found |
//! | `nodes` | one object for each file |
//! | `handles` | a node by its handle |
//! | `watch` | which changes in layers a directory notices |
//! | `links` | files with several names |
//! | `push` | layers pushed and popped while mounted |
//! | `copy_up` | putting what is to be changed into the upper |
//! | `names`, `rename` | create, link, remove, move |
//! | `scope`, `lower_index` | which lower layers a search asks |
//! | `listing` | listing |
//! | `xattr` | attributes |
//! | [`explain`] | which layer something comes from, and what the upper changed |
//! | `mount_checks`, `work`, `driver` | mounting |
//!
//! The rules are those of Linux's overlayfs (`Documentation/filesystems/overlayfs.rst`), except: renaming a directory
//! that has lower directories always works (redirects are on), hard links survive copy-up, an open file follows its
//! copy-up, layers can be pushed and popped while mounted, and deletions are written as OCI images write them unless
//! `whiteout=linux` asks for Linux's way.
//!
//! Invariants: a lower layer is never written, nor is one that was the upper before another was pushed on top. Whatever
//! appears in the upper appears in one commit of the upper file system, complete. Any error of a layer reaches the
//! caller. A node holds its parent and the overlay's layers, never its children, so the last reference frees everything.

mod copy_up;
mod data_only;
mod driver;
pub mod explain;
mod handles;
mod identity;
mod inode;
pub mod layer;
mod links;
mod listing;
mod lookup;
mod lower_index;
mod mapping;
mod marks;
mod mount_checks;
mod names;
mod nodes;
pub mod options;
mod places;
mod push;
mod rename;
mod scope;
mod watch;
mod work;
mod xattr;

#[cfg(any(test, feature = "selftest"))]
mod tests;

pub use layer::Layer;
pub use marks::Format;
pub use mount_checks::Refusal;
pub use options::OverlayOptions;

use crate::context::Context;
use crate::driver::MountRequest;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::handles::{Handle, Located};
use crate::manager::VfsManager;
use crate::metadata::{FileSystemId, NodeId, Statistics};
use crate::node::NodeRef;
use crate::sync::{Mutex, RwLock};
use crate::walk::Follow;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use hashbrown::HashMap;
use identity::Identity;
use inode::OverlayNode;
use layer::LayerNode;
use links::Links;
use lookup::Sources;
use lower_index::Indexes;
use marks::Marks;
use mount_checks::InUse;
use options::{Fsync, RedirectMode, write_escaped};
use push::Pushes;
use rustc_hash::FxBuildHasher;
use watch::Watched;

/// `f_type` of `statfs(2)`.
const MAGIC: u64 = 0x794c_7630;

/// An overlay.
pub struct OverlayFS {
    me: Weak<OverlayFS>,
    id: FileSystemId,
    options: OverlayOptions,
    marks: Marks,
    identity: Identity,
    layers: RwLock<Arc<LayerStack>>,
    root: Arc<OverlayNode>,
    /// The nodes in use, by inode number.
    nodes: Mutex<HashMap<u64, Weak<OverlayNode>, FxBuildHasher>>,
    /// Held while a name moves, so that the tree above two directories stands still.
    rename: Mutex<()>,
    /// The work directory.
    work: Option<NodeRef>,
    /// Where memory is to be found when it runs short.
    indexes: Arc<Indexes>,
    /// Read by who looks up names or changes anything, written by who changes the stack.
    pushes: RwLock<Pushes>,
}

/// The layers, as they are stacked now.
pub struct LayerStack {
    /// Where changes go.
    pub upper: Option<Arc<Layer>>,
    /// The others, topmost first.
    pub lowers: Vec<Arc<Layer>>,
    /// Those that hold but data, topmost first ([`data_only`]).
    pub data: Arc<[Arc<Layer>]>,
    /// The identities of their roots, in order.
    roots: Vec<NodeId>,
}

impl LayerStack {
    fn new(upper: Option<Layer>, lowers: Vec<Layer>, data: Vec<Layer>) -> Self {
        let data = data.into_iter().map(Arc::new).collect();
        Self::of(upper.map(Arc::new), lowers.into_iter().map(Arc::new).collect(), data)
    }

    fn of(upper: Option<Arc<Layer>>, lowers: Vec<Arc<Layer>>, data: Arc<[Arc<Layer>]>) -> Self {
        let mut roots: Vec<NodeId> = upper.iter().chain(&lowers).chain(&*data).map(|layer| layer.root_id()).collect();
        roots.sort_unstable();
        Self { upper, lowers, data, roots }
    }

    /// Those that are merged, topmost first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Layer>> {
        self.upper.iter().chain(&self.lowers)
    }

    /// Those that are merged, and those that hold but data.
    fn with_data(&self) -> impl Iterator<Item = &Arc<Layer>> {
        self.all().chain(&*self.data)
    }

    /// Whether that is the upper layer.
    fn is_upper(&self, layer: &Arc<Layer>) -> bool {
        self.upper.as_ref().is_some_and(|upper| Arc::ptr_eq(upper, layer))
    }

    /// Which of the lowers is the first below `layer`.
    fn first_below(&self, layer: &Arc<Layer>) -> usize {
        if self.is_upper(layer) {
            return 0;
        }
        self.lowers.iter().position(|other| Arc::ptr_eq(other, layer)).map_or(self.lowers.len(), |above| above + 1)
    }
}

impl OverlayFS {
    /// An overlay of these layers, the lowers topmost first. Without an upper it is read-only.
    ///
    /// # Errors
    /// `EINVAL` without a lower layer, with more than 500, for `volatile` (which needs a work directory), for an upper
    /// on a file system that cannot be one or a stack that is too deep; `ENOTDIR` for a layer that is no directory;
    /// `ELOOP` for one given twice; `EBUSY` for an upper that another overlay writes; and those of the layers.
    pub fn new(upper: Option<Layer>, lowers: Vec<Layer>, options: OverlayOptions) -> Result<Arc<Self>> {
        Self::build(upper, lowers, Vec::new(), None, options).map_err(|refusal| refusal.error)
    }

    /// An overlay of the directories at these paths, each with the mounts below it as they are now.
    ///
    /// # Errors
    /// Those of [`OverlayFS::new`] and of [`VfsManager::resolve`].
    pub fn new_from_paths(
        manager: &VfsManager,
        context: &Context,
        upper: Option<&[u8]>,
        lowers: &[&[u8]],
        options: OverlayOptions,
    ) -> Result<Arc<Self>> {
        let layer = |path: &[u8]| layer_at(manager, context, path);
        let upper = upper.map(layer).transpose()?;
        let lowers = lowers.iter().map(|path| layer(path)).collect::<Result<_>>()?;
        Self::new(upper, lowers, options)
    }

    /// An overlay of directories of several namespaces, each by its namespace and its path from the root there.
    ///
    /// # Errors
    /// As [`OverlayFS::new_from_paths`].
    pub fn new_from_paths_and_vfs(
        upper: Option<(&Arc<VfsManager>, &[u8])>,
        lowers: &[(&Arc<VfsManager>, &[u8])],
        options: OverlayOptions,
    ) -> Result<Arc<Self>> {
        let layer = |(manager, path): (&Arc<VfsManager>, &[u8])| layer_at(manager, &manager.root_context(), path);
        let upper = upper.map(layer).transpose()?;
        let lowers = lowers.iter().map(|lower| layer(*lower)).collect::<Result<_>>()?;
        Self::new(upper, lowers, options)
    }

    /// As [`OverlayFS::new`], with a work directory, and with words for the user where it is refused.
    fn build(
        upper: Option<Layer>,
        lowers: Vec<Layer>,
        data: Vec<Layer>,
        work: Option<Layer>,
        mut options: OverlayOptions,
    ) -> core::result::Result<Arc<Self>, Refusal> {
        if options.user_attributes {
            options.redirect = RedirectMode::NoFollow;
        }
        let mut layers = upper.iter().chain(&lowers).chain(&data);
        options.nfs_export &= layers.all(|layer| layer.file_systems().all(|operations| operations.opens_handles()));
        let work = work.map(|work| Arc::new(work.grounded()));
        let work_node = work.as_ref().map(|work| work.root_node());
        let upper = upper.map(|upper| upper.grounded().written());
        let (upper, lowers) = Links::of_layers(upper, lowers, &options, work_node.as_ref())?;
        let layers = LayerStack::new(upper, lowers, data);
        mount_checks::check_layers(&layers)?;
        let in_use = InUse::claim(layers.upper.as_deref(), work.as_deref())?;
        let id = FileSystemId::fresh();
        let marks = Marks::new(options.whiteout, options.user_attributes);
        let sources = root_sources(&layers, &marks)?;
        let origin = sources.lowers.first().unwrap_or(sources.top()).id();
        let identity =
            Identity::new(layers.all().flat_map(|layer| layer.file_systems()).map(|operations| operations.id()));
        let watched = Watched::new(&marks, sources)?;
        let indexes = Indexes::new()?;
        let root_id = NodeId { file_system: id, inode: identity.number(origin) };
        match (&work, options.fsync) {
            (Some(work), _) => work::prepare(work, &options)?,
            (None, Fsync::Volatile) if layers.upper.is_some() => {
                let message = "option 'volatile' needs 'workdir', where it leaves its mark".into();
                return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
            }
            (None, _) => {}
        }
        Ok(Arc::new_cyclic(|me| {
            let root = OverlayNode::new(me, root_id, origin, watched, None);
            let mut nodes = HashMap::with_hasher(FxBuildHasher);
            nodes.insert(root_id.inode, Arc::downgrade(&root));
            Self {
                me: me.clone(),
                id,
                options,
                marks,
                identity,
                layers: RwLock::new(Arc::new(layers)),
                root,
                nodes: Mutex::new(nodes),
                rename: Mutex::new(()),
                work: work_node,
                indexes,
                pushes: RwLock::new(Pushes::none(in_use)),
            }
        }))
    }

    /// The layers.
    pub fn stack(&self) -> Arc<LayerStack> {
        self.layers.read().clone()
    }

    /// The options.
    pub fn options(&self) -> &OverlayOptions {
        &self.options
    }

    /// Bytes of memory that the indexes of merged directories take. They are given back when memory runs short.
    pub fn index_memory(&self) -> usize {
        self.indexes.memory()
    }

    fn marks(&self) -> &Marks {
        &self.marks
    }

    fn indexes(&self) -> &Indexes {
        &self.indexes
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether something may be changed.
    ///
    /// # Errors
    /// `EROFS`.
    fn check_writable(&self) -> Result<()> {
        if self.read_only() { fail(FileSystemErrorKind::ReadOnlyFileSystem) } else { Ok(()) }
    }

    /// The root of the upper layer.
    ///
    /// # Errors
    /// `EROFS` without one.
    fn upper_root(&self) -> Result<LayerNode> {
        self.root.upper().ok_or(FileSystemErrorKind::ReadOnlyFileSystem.into())
    }

    /// Whether a node is the root of a layer, or the work directory: found in a layer, that is inside another, and what
    /// it shows would change while it is looked at.
    fn is_layer_root(&self, node: NodeId) -> bool {
        self.layers.read().roots.binary_search(&node).is_ok()
            || self.work.as_ref().is_some_and(|work| work.id() == node)
    }
}

/// The directory at `path` with the mounts below it, as a layer.
fn layer_at(manager: &VfsManager, context: &Context, path: &[u8]) -> Result<Layer> {
    let found = manager.resolve(context, path, Follow::Yes)?;
    Ok(Layer::new(path, manager.private_tree(&found)?))
}

/// The roots of the layers; those below an opaque one are not part of it.
fn root_sources(layers: &LayerStack, marks: &Marks) -> Result<Sources> {
    let prepared = |layer: &Arc<Layer>| -> Result<(LayerNode, bool)> {
        let mut root = layer.root();
        let opacity = marks.opacity(&root)?;
        root.xattr_whiteouts = opacity == marks::Opacity::XattrWhiteouts;
        Ok((root, opacity == marks::Opacity::Opaque))
    };
    let upper = layers.upper.as_ref().map(prepared).transpose()?;
    let mut opaque = upper.as_ref().is_some_and(|(_, opaque)| *opaque);
    let mut lowers = Vec::new();
    for layer in &layers.lowers {
        if opaque {
            break;
        }
        let (root, opaque_here) = prepared(layer)?;
        lowers.push(root);
        opaque = opaque_here;
    }
    Ok(Sources { upper: upper.map(|(root, _)| root), lowers: lowers.into() })
}

impl FileSystemOperations for OverlayFS {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "overlay"
    }

    fn id(&self) -> FileSystemId {
        self.id
    }

    fn root(&self) -> NodeRef {
        self.root.clone()
    }

    fn statistics(&self) -> Result<Statistics> {
        let top = self.root.sources().top().file_system().statistics()?;
        Ok(Statistics { magic: MAGIC, ..top })
    }

    fn read_only(&self) -> bool {
        self.layers.read().upper.is_none()
    }

    fn opens_handles(&self) -> bool {
        self.options.nfs_export
    }

    fn handle_of(&self, node: &NodeRef) -> Result<Handle> {
        self.handle(node)
    }

    fn locate(&self, handle: Handle, from: &NodeRef) -> Result<Option<Located>> {
        self.find_handle(handle, from)
    }

    fn stacking_depth(&self) -> usize {
        self.layers.read().with_data().map(|layer| layer.stacking_depth()).max().unwrap_or(0)
    }

    fn show_options(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let stack = self.stack();
        for (index, layer) in stack.lowers.iter().enumerate() {
            out.write_str(if index == 0 { ",lowerdir=" } else { ":" })?;
            write_escaped(out, layer.name(), b":,\\")?;
        }
        for layer in stack.data.iter() {
            out.write_str("::")?;
            write_escaped(out, layer.name(), b":,\\")?;
        }
        if let Some(upper) = &stack.upper {
            out.write_str(",upperdir=")?;
            write_escaped(out, upper.name(), b",\\")?;
        }
        if stack.lowers.iter().any(|layer| layer.is_own()) {
            // The work directory belongs to the upper that was there first.
            return OverlayOptions { work: None, ..self.options.clone() }.show(out);
        }
        self.options.show(out)
    }

    fn remount(&self, request: &mut MountRequest<'_>) -> Result<()> {
        self.change_stack(request)
    }

    fn sync(&self) -> Result<()> {
        if self.options.fsync == Fsync::Volatile {
            return Ok(());
        }
        let stack = self.stack();
        let mut written = stack.all().filter(|layer| layer.is_own());
        written.try_for_each(|layer| layer.file_systems().try_for_each(|operations| operations.sync()))
    }
}
