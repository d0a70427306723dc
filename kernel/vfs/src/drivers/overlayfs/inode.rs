//! The overlay's inode: one object for each file, whatever layers it is in.
//!
//! - It is made by a lookup and holds the layers' nodes found then ([`Sources`]); no operation resolves a path through
//!   the layers again.
//! - It has one identity for life. Copy-up adds a node in the upper to its sources, so whoever holds it open sees what
//!   is written from then on.
//! - While anybody holds it, lookups answer the same object ([`super::nodes`]).
//! - It knows where it is ([`super::places`]), for copy-up publishes there. It holds its parent, never its children.
//!
//! Locks, outermost first:
//!
//! ```text
//! OverlayFS::pushes (for reading; a push or pop has it alone)
//!   copying of a node (one copy-up at a time)
//!     OverlayFS::rename (one move at a time)
//!       names of directories: an ancestor before what is below it; two that are not related only under `rename`
//!         records of files with several names, in a layer
//!         listing of a directory, the making of its index (for which nobody waits)
//!           OverlayFS::nodes
//!             sources (of several nodes only while `pushes` is held alone), places
//!               leaves: OverlayFS::layers, the index of a directory's lower layers, OverlayFS::indexes, numbers that
//!               identity has given out, data that was found, which uppers are in use
//! ```
//!
//! All of them come before any lock of a layer; `pushes`, `copying`, `rename`, `names`, records, `listing` and `making`
//! are held while layers work. While `sources` is held layers answer only what waits for nobody, and changes are
//! counted; while a leaf is held nothing is called. Memory that runs short is taken from indexes wherever that happens:
//! their locks are tried then, and never waited for.

use super::OverlayFS;
use super::layer::LayerNode;
use super::listing::Listing;
use super::lookup::Sources;
use super::lower_index::IndexPlace;
use super::options::Fsync;
use super::places::{Place, Places};
use super::watch::{Counts, Watched};
use crate::change::ChangeCell;
use crate::content::{Content, Mapped, Mappers, PageMapper, Shown};
use crate::environment::OpenStream;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::io::{Sink, Source};
use crate::metadata::{FileFlags, FileType, Metadata, NodeId, Permissions, SetAttributes};
use crate::node::{Access, Allocate, EmitItem, Extent, NewNode, NodeRef, Rename, SetXattr, VfsNode, WriteAt};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Mutex, MutexGuard, RwLock, WriteGuard};
use crate::usage::Usage;
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;

/// A node of an overlay.
pub struct OverlayNode {
    pub(super) me: Weak<OverlayNode>,
    overlay: Weak<OverlayFS>,
    id: NodeId,
    /// The layer's node that `id` was made from.
    pub(super) origin: NodeId,
    kind: FileType,
    sources: RwLock<Sources>,
    /// What of [`FileFlags`] it has beside those that the topmost of its sources has. Changed with `copying` held, or
    /// together with `sources`.
    protection: AtomicU32,
    /// Held during copy-up. While it is held and the node is not in the upper, nobody else puts it there.
    pub(super) copying: Mutex<()>,
    pub(super) places: Places,
    /// Whose memory shows it, wherever its content is.
    pub(super) mappers: Mappers,
    usage: Usage,
    directory: Option<Box<Directory>>,
}

/// What only directories have.
pub(super) struct Directory {
    /// Held while a name in it changes.
    names: Mutex<()>,
    /// Whether it was removed: then it has no names and gets none.
    removed: AtomicBool,
    pub counts: Counts,
    /// Which lower layers have something under a name.
    pub lower_index: IndexPlace,
    /// The merged listing.
    pub listing: Mutex<Option<Listing>>,
}

/// Shows that the names of a directory, which is not removed, are locked.
pub(super) struct LockedNames<'a>(#[expect(dead_code, reason = "held, not read")] MutexGuard<'a, ()>);

impl Directory {
    fn new(counts: Counts) -> Self {
        Self {
            names: Mutex::new(()),
            removed: AtomicBool::new(false),
            counts,
            lower_index: IndexPlace::default(),
            listing: Mutex::new(None),
        }
    }
}

impl OverlayNode {
    pub(super) fn new(
        overlay: &Weak<OverlayFS>,
        id: NodeId,
        origin: NodeId,
        Watched { sources, counts, protection }: Watched,
        place: Option<Place>,
    ) -> Arc<Self> {
        let kind = sources.top().node().kind();
        let directory = counts.map(|counts| Box::new(Directory::new(counts)));
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            overlay: overlay.clone(),
            id,
            origin,
            kind,
            sources: RwLock::new(sources),
            protection: AtomicU32::new(protection.bits()),
            copying: Mutex::new(()),
            places: Places::new(place),
            mappers: Mappers::default(),
            usage: Usage::default(),
            directory,
        })
    }

    /// The overlay it belongs to.
    ///
    /// # Errors
    /// `ESTALE` when that is gone.
    pub(super) fn overlay(&self) -> Result<Arc<OverlayFS>> {
        self.overlay.upgrade().ok_or(FileSystemErrorKind::Stale.into())
    }

    /// Itself, as it is shared.
    ///
    /// # Errors
    /// `ESTALE` while it is being dropped.
    pub(super) fn shared(&self) -> Result<Arc<Self>> {
        self.me.upgrade().ok_or(FileSystemErrorKind::Stale.into())
    }

    /// The node of this overlay that `node` is.
    pub(super) fn of(node: &NodeRef) -> Option<&Self> {
        node.as_any().downcast_ref()
    }

    /// Its node in the upper layer, if it is made of nothing else.
    pub(super) fn only_upper(&self) -> Option<LayerNode> {
        let Sources { upper, lowers } = self.sources();
        upper.filter(|_| lowers.is_empty())
    }

    /// What it is made of now.
    pub(super) fn sources(&self) -> Sources {
        self.sources.read().clone()
    }

    /// Looks at what it is made of, which does not change meanwhile.
    pub(super) fn with_sources<T>(&self, look: impl FnOnce(&Sources) -> T) -> T {
        look(&self.sources.read())
    }

    /// Its node in the upper layer.
    pub(super) fn upper(&self) -> Option<LayerNode> {
        self.sources.read().upper.clone()
    }

    /// Whether it is in the upper layer.
    pub(super) fn has_upper(&self) -> bool {
        self.sources.read().upper.is_some()
    }

    pub(super) fn top(&self) -> NodeRef {
        self.sources.read().top().node().clone()
    }

    fn content_node(&self) -> NodeRef {
        self.sources.read().content().node().clone()
    }

    /// Lets `write` change the content of a regular file, in the upper layer. What is behind a device or a FIFO is
    /// written through its node, which stays where it is.
    fn write_content<T>(&self, write: impl FnOnce(&NodeRef) -> Result<T>) -> Result<T> {
        if self.kind != FileType::Regular {
            return write(&self.content_node());
        }
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        write(self.copy_up_content()?.node())
    }

    /// What it is to be made of, watched already.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn watch(&self, sources: Sources) -> Result<Watched> {
        let counts = self.directory.as_ref().map(|directory| directory.counts.clone());
        Watched::by(self.overlay()?.marks(), counts, sources)
    }

    /// Changes what it is made of to what it has watched. Whoever calls holds `copying`, or the names of the directory
    /// it is in.
    pub(super) fn set_sources(&self, mut watched: Watched) {
        let mut present = self.hold_sources();
        self.exchange_sources(&mut present, &mut watched);
        drop(present);
        drop(watched);
    }

    /// Keeps everybody from what it is made of.
    pub(super) fn hold_sources(&self) -> WriteGuard<'_, Sources> {
        self.sources.write()
    }

    /// Changes what it is made of, which is held, to what it has watched; what it was made of is given back.
    pub(super) fn exchange_sources(&self, present: &mut Sources, watched: &mut Watched) {
        self.set_protection(watched.protection);
        let sources = &mut watched.sources;
        core::mem::swap(present, sources);
        if let Some(directory) = &self.directory {
            directory.counts.replaced(sources, present);
        }
        self.tell_mappers(sources);
    }

    /// What of its flags the overlay alone knows.
    pub(super) fn protection(&self) -> FileFlags {
        FileFlags::from_bits_truncate(self.protection.load(Ordering::Acquire))
    }

    pub(super) fn set_protection(&self, flags: FileFlags) {
        self.protection.store(flags.bits(), Ordering::Release);
    }

    /// What it has as a directory.
    ///
    /// # Errors
    /// `ENOTDIR`.
    pub(super) fn directory(&self) -> Result<&Directory> {
        self.directory.as_deref().ok_or(FileSystemErrorKind::NotADirectory.into())
    }

    /// Keeps others from changing names in this directory.
    ///
    /// # Errors
    /// `ENOTDIR`; `ENOENT` when it was removed.
    pub(super) fn lock_names(&self) -> Result<LockedNames<'_>> {
        let directory = self.directory()?;
        let guard = directory.names.lock();
        self.check_not_removed()?;
        Ok(LockedNames(guard))
    }

    /// Whether it is still a directory that can have names.
    ///
    /// # Errors
    /// `ENOTDIR`; `ENOENT` when it was removed.
    pub(super) fn check_not_removed(&self) -> Result<()> {
        if self.directory()?.removed.load(Ordering::Acquire) {
            return fail(FileSystemErrorKind::NotFound);
        }
        Ok(())
    }

    /// Notes that the directory was removed; its names are locked.
    pub(super) fn set_removed(&self, _held: &LockedNames<'_>) {
        if let Some(directory) = &self.directory {
            directory.removed.store(true, Ordering::Release);
            directory.counts.all.bump();
        }
    }
}

impl Drop for OverlayNode {
    fn drop(&mut self) {
        if let Some(overlay) = self.overlay.upgrade() {
            overlay.forget(self.id.inode);
        }
        self.places.let_go();
    }
}

impl VfsNode for OverlayNode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        self.id
    }

    fn kind(&self) -> FileType {
        self.kind
    }

    fn permissions(&self) -> Permissions {
        let mut permissions = self.sources.read().top().node().permissions();
        permissions.flags |= self.protection();
        permissions
    }

    fn metadata(&self) -> Result<Metadata> {
        let sources = self.sources();
        let mut metadata = sources.top().node().metadata()?;
        metadata.id = self.shown_id(&sources)?;
        // A copy is younger than the file that it is of, and nobody could say of whose birth this is.
        metadata.created = None;
        metadata.flags = metadata.flags.map(|flags| flags | self.protection());
        if self.kind == FileType::Directory {
            if sources.all().nth(1).is_some() {
                // The layers' counts of sub-directories do not add up, and `find` knows what 1 means.
                metadata.links = 1;
            }
        } else if sources.top().linked {
            metadata.links = self.overlay()?.links_shown(sources.top(), self.origin, metadata.links)?;
        }
        if sources.all().nth(1).is_some() && self.kind == FileType::Regular {
            metadata.blocks = sources.content().node().metadata()?.blocks;
        }
        Ok(metadata)
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        Ok(self.overlay()?)
    }

    fn usage(&self) -> Option<&Usage> {
        (self.kind == FileType::Regular).then_some(&self.usage)
    }

    fn set_attributes(&self, set: &SetAttributes) -> Result<()> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.change_attributes(set)
    }

    fn change_cell(&self) -> Option<&ChangeCell> {
        self.directory.as_ref().map(|directory| &*directory.counts.all)
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        Ok(overlay.look_up(&self.shared()?, name)?)
    }

    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<NodeRef> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.create_name(name, new)
    }

    fn create_unnamed(&self, new: &NewNode<'_>) -> Result<NodeRef> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.create_without_name(new)
    }

    fn may_be_named(&self) -> bool {
        // One that only lower names lead to has a record, which is a name.
        self.upper().map_or_else(|| self.place().is_some(), |upper| upper.node().may_be_named())
    }

    fn link(&self, name: &[u8], node: &NodeRef) -> Result<()> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.link_name(name, node)
    }

    fn unlink(&self, name: &[u8], victim: &NodeRef) -> Result<()> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.remove_name(name, victim)
    }

    fn remove_directory(&self, name: &[u8], victim: &NodeRef) -> Result<()> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.remove_name(name, victim)
    }

    fn rename(&self, rename: &Rename<'_>) -> Result<()> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.rename_name(rename)
    }

    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.check_not_removed()?;
        self.list_names(cursor, emit)
    }

    fn read_link(&self) -> Result<Arc<[u8]>> {
        self.content_node().read_link()
    }

    fn open(&self, access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        if self.kind != FileType::Regular || !access.contains(Access::WRITE) {
            return self.content_node().open(access);
        }
        self.write_content(|upper| upper.open(access))
    }

    fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        self.content_node().read(offset, sink)
    }

    fn write(&self, at: WriteAt, source: &mut dyn Source) -> Result<(u64, usize)> {
        self.write_content(|upper| upper.write(at, source))
    }

    fn allocate(&self, what: Allocate, offset: u64, length: u64) -> Result<()> {
        self.write_content(|upper| upper.allocate(what, offset, length))
    }

    fn seek_extent(&self, what: Extent, offset: u64) -> Result<u64> {
        self.content_node().seek_extent(what, offset)
    }

    fn content(&self) -> Result<Content> {
        self.content_node().content()
    }

    fn set_content(&self, content: Content) -> Result<()> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.replace_content(content)
    }

    fn is_mappable(&self) -> bool {
        self.kind == FileType::Regular && self.content_node().is_mappable()
    }

    fn backing_node(&self) -> Option<NodeRef> {
        Some(self.content_node())
    }

    fn map_page(
        &self,
        index: u64,
        write: bool,
        mapper: &Arc<dyn PageMapper>,
        show: &mut dyn FnMut(Shown<'_>) -> Result<()>,
    ) -> Result<Mapped> {
        self.map_page_of_layer(index, write, mapper, show)
    }

    fn forget_mapper(&self, mapper: &Arc<dyn PageMapper>) {
        self.forget_mapper_in_layers(mapper);
    }

    fn note_access(&self, strictly: bool) {
        // A lower layer is not written, not even its access times.
        let sources = self.sources.read();
        if let Some(upper) = &sources.upper {
            upper.node().note_access(strictly);
        }
    }

    fn sync(&self) -> Result<()> {
        match self.upper() {
            Some(upper) if self.overlay()?.options().fsync != Fsync::Volatile => upper.node().sync(),
            _ => Ok(()),
        }
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.read_xattr(name)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], how: SetXattr) -> Result<()> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.change_xattr(name, value, how)
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<()> {
        let overlay = self.overlay()?;
        let _steady = overlay.steady();
        self.drop_xattr(name)
    }

    fn list_xattrs(&self, emit: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.show_xattrs(emit)
    }
}
