//! Trees that the kernel makes up: a table of items, each with what stands behind it.
//!
//! A node is a number in the tree's table and has no state of its own; it is made when somebody asks for it, and is the
//! same for all who do while anybody has it. A text is made when it is opened, so an open file reads one state of the
//! kernel however long it takes. Besides the table the root can have names that come and go ([`More`]).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;

use vfs::change::ChangeCell;
use vfs::driver::MountRequest;
use vfs::environment::{OpenStream, Positions};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file_system::FileSystemOperations;
use vfs::io::{Sink, Source};
use vfs::metadata::{DeviceNumber, FileSystemId, FileType, Metadata, NodeId, Permissions, SetAttributes, Statistics};
use vfs::node::{Access, DirectoryItem, EmitItem, FIRST_CURSOR, NewNode, NodeRef, Rename, VfsNode};
use vfs::sync;
use vfs::time::Timestamp;

/// A name in the tree, and what it is bound to.
pub struct Item {
    /// The name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
}

/// What a name is bound to.
pub enum Kind {
    /// A directory of these.
    Directory(&'static [Item]),
    /// A character device that everyone may use.
    Device(DeviceNumber),
    /// A symbolic link.
    Link(&'static str),
    /// A symbolic link whose target is made when it is read.
    MadeLink(fn() -> String),
    /// A file whose content is made when it is opened.
    Text(fn() -> String),
}

/// Names in the root of a tree that come and go.
pub trait More: Sync {
    /// Where their changes are counted.
    fn change_cell(&self) -> &ChangeCell;

    /// The node of a name.
    ///
    /// # Errors
    /// `ENOENT`.
    fn lookup(&self, tree: &Arc<Tree>, name: &[u8]) -> Result<NodeRef>;

    /// Lists the names from `cursor` on, which is at least [`MORE_CURSOR`]; where to go on.
    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64>;
}

/// The first cursor of [`More::list`].
pub const MORE_CURSOR: u64 = 1 << 32;

/// A file system of made-up nodes.
pub struct Tree {
    itself: Weak<Tree>,
    id: FileSystemId,
    type_name: &'static str,
    magic: u64,
    /// When it was made: the time of all its nodes.
    made: Timestamp,
    /// All nodes; a node's number is its place here plus one, as inode 0 means "none" in places.
    nodes: Vec<Record>,
    more: Option<&'static dyn More>,
    read_only: bool,
    /// The nodes that somebody has, by their numbers, and some that nobody has any more.
    live: sync::Mutex<BTreeMap<u64, Weak<dyn VfsNode>>>,
}

/// How many nodes that nobody has are put up with at least.
const LIVE_MIN: usize = 64;

struct Record {
    kind: &'static Kind,
    /// Of a directory: its names, with their places.
    names: Vec<(&'static str, usize)>,
}

impl Tree {
    /// A tree with `root`, which must be a directory, at its root.
    pub fn new(type_name: &'static str, magic: u64, root: &'static Kind, made: Timestamp) -> Arc<Self> {
        Self::build(type_name, magic, root, made, None)
    }

    /// As [`Tree::new`], with names in the root that come and go. It is not read-only: as in Linux's procfs there is
    /// just nothing in it that can be changed.
    pub fn with_more(
        type_name: &'static str,
        magic: u64,
        root: &'static Kind,
        made: Timestamp,
        more: &'static dyn More,
    ) -> Arc<Self> {
        Self::build(type_name, magic, root, made, Some(more))
    }

    fn build(
        type_name: &'static str,
        magic: u64,
        root: &'static Kind,
        made: Timestamp,
        more: Option<&'static dyn More>,
    ) -> Arc<Self> {
        let mut nodes = Vec::from([Record { kind: root, names: Vec::new() }]);
        // Each directory's items go to the end of the table, where their own turn comes.
        let mut at = 0;
        while at < nodes.len() {
            if let Kind::Directory(items) = nodes[at].kind {
                for item in *items {
                    let place = nodes.len();
                    nodes[at].names.push((item.name, place));
                    nodes.push(Record { kind: &item.kind, names: Vec::new() });
                }
            }
            at += 1;
        }
        let id = FileSystemId::fresh();
        Arc::new_cyclic(|itself| Self {
            itself: itself.clone(),
            id,
            type_name,
            magic,
            made,
            nodes,
            more,
            read_only: more.is_none(),
            live: sync::Mutex::new(BTreeMap::new()),
        })
    }

    fn node(&self, place: usize) -> Result<NodeRef> {
        let tree = self.itself.upgrade().ok_or(FileSystemErrorKind::Stale)?;
        self.shared(place as u64 + 1, || Arc::new(Node { tree, place }))
    }

    /// The node of that number: the one that somebody has, or a new one.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn shared(&self, inode: u64, make: impl FnOnce() -> NodeRef) -> Result<NodeRef> {
        let mut live = self.live.lock();
        if let Some(node) = live.get(&inode).and_then(Weak::upgrade) {
            return Ok(node);
        }
        page::admit(NODE_MEMORY)?;
        if live.len() >= LIVE_MIN && live.len().is_power_of_two() {
            live.retain(|_, node| node.strong_count() > 0);
        }
        let node = make();
        live.insert(inode, Arc::downgrade(&node));
        Ok(node)
    }

    /// Refuses to make a name.
    ///
    /// # Errors
    /// `EROFS`; `ENOENT` in a tree that is not read-only, in which only what is there has a name.
    pub fn refuse_name<T>(&self) -> Result<T> {
        fail(if self.read_only { FileSystemErrorKind::ReadOnlyFileSystem } else { FileSystemErrorKind::NotFound })
    }

    /// Refuses to change what is there.
    ///
    /// # Errors
    /// `EROFS`; `EPERM` in a tree that is not read-only.
    pub fn refuse(&self) -> Result<()> {
        fail(if self.read_only { FileSystemErrorKind::ReadOnlyFileSystem } else { FileSystemErrorKind::NotPermitted })
    }

    /// Refuses to change what is known of a node. As on Linux, a file is opened to be written as any other, so that it
    /// may be cut; it stays as it is.
    ///
    /// # Errors
    /// As [`Tree::refuse`].
    pub fn refuse_attributes(&self, set: &SetAttributes) -> Result<()> {
        let cuts = SetAttributes { size: set.size, ..SetAttributes::default() };
        if set.size.is_some() && *set == cuts && !self.read_only { Ok(()) } else { self.refuse() }
    }

    /// When it was made.
    pub fn made(&self) -> Timestamp {
        self.made
    }
}

/// Bytes of heap that a node takes, about.
const NODE_MEMORY: usize = 256;

impl FileSystemOperations for Tree {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn id(&self) -> FileSystemId {
        self.id
    }

    fn root(&self) -> NodeRef {
        // Whoever calls this holds the tree.
        let tree = self.itself.upgrade().expect("a tree that is called is alive");
        Arc::new(Node { tree, place: 0 })
    }

    fn statistics(&self) -> Result<Statistics> {
        let nodes = self.nodes.len() as u64;
        let (blocks, blocks_free, nodes_free) = (0, 0, 0);
        Ok(Statistics { magic: self.magic, block_size: 4096, blocks, blocks_free, nodes, nodes_free, name_max: 255 })
    }

    fn read_only(&self) -> bool {
        self.read_only
    }
}

struct Node {
    tree: Arc<Tree>,
    place: usize,
}

impl Node {
    /// The names in it that come and go.
    fn more(&self) -> Option<&'static dyn More> {
        self.tree.more.filter(|_| self.place == 0)
    }

    fn record(&self) -> &Record {
        &self.tree.nodes[self.place]
    }
}

impl VfsNode for Node {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        NodeId { file_system: self.tree.id, inode: self.place as u64 + 1 }
    }

    fn kind(&self) -> FileType {
        match self.record().kind {
            Kind::Directory(_) => FileType::Directory,
            Kind::Device(_) => FileType::CharDevice,
            Kind::Link(_) | Kind::MadeLink(_) => FileType::Symlink,
            Kind::Text(_) => FileType::Regular,
        }
    }

    fn permissions(&self) -> Permissions {
        let mode = match self.record().kind {
            Kind::Directory(_) => 0o755,
            Kind::Device(_) => 0o666,
            Kind::Link(_) | Kind::MadeLink(_) => 0o777,
            Kind::Text(_) => 0o444,
        };
        Permissions::new(mode, 0, 0)
    }

    fn metadata(&self) -> Result<Metadata> {
        let record = self.record();
        let is_directory = |place: usize| matches!(self.tree.nodes[place].kind, Kind::Directory(_));
        let (links, size, device) = match record.kind {
            Kind::Directory(_) => {
                let inside = record.names.iter().filter(|(_, place)| is_directory(*place)).count();
                (2 + inside as u64, 0, DeviceNumber::default())
            }
            Kind::Device(device) => (1, 0, *device),
            Kind::Link(target) => (1, target.len() as u64, DeviceNumber::default()),
            Kind::MadeLink(_) | Kind::Text(_) => (1, 0, DeviceNumber::default()),
        };
        let untouched = Metadata::untouched(self.id(), self.kind(), self.permissions(), self.tree.made);
        Ok(Metadata { links, device, size, ..untouched })
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        Ok(self.tree.clone())
    }

    fn set_attributes(&self, set: &SetAttributes) -> Result<()> {
        self.tree.refuse_attributes(set)
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        if self.kind() != FileType::Directory {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        let found = self.record().names.iter().find(|(other, _)| other.as_bytes() == name);
        match (found, self.more()) {
            (Some((_, place)), _) => self.tree.node(*place),
            (None, Some(more)) => more.lookup(&self.tree, name),
            (None, None) => fail(FileSystemErrorKind::NotFound),
        }
    }

    fn change_cell(&self) -> Option<&ChangeCell> {
        self.more().map(|more| more.change_cell())
    }

    fn create(&self, _name: &[u8], _new: &NewNode<'_>) -> Result<NodeRef> {
        self.tree.refuse_name()
    }

    fn link(&self, _name: &[u8], _node: &NodeRef) -> Result<()> {
        self.tree.refuse_name()
    }

    fn unlink(&self, _name: &[u8], _victim: &NodeRef) -> Result<()> {
        self.tree.refuse()
    }

    fn remove_directory(&self, _name: &[u8], _victim: &NodeRef) -> Result<()> {
        self.tree.refuse()
    }

    fn rename(&self, _rename: &Rename<'_>) -> Result<()> {
        self.tree.refuse_name()
    }

    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        if self.kind() != FileType::Directory {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        let mut cursor = cursor.max(FIRST_CURSOR);
        let skipped = usize::try_from(cursor - FIRST_CURSOR).unwrap_or(usize::MAX);
        for &(name, place) in self.record().names.iter().skip(skipped) {
            let node = Node { tree: self.tree.clone(), place };
            let (inode, kind, next) = (node.id().inode, node.kind(), cursor + 1);
            if !emit(DirectoryItem { name: name.as_bytes(), inode, kind, next }) {
                return Ok(cursor);
            }
            cursor = next;
        }
        match self.more() {
            Some(more) => more.list(cursor.max(MORE_CURSOR), emit),
            None => Ok(cursor),
        }
    }

    fn read_link(&self) -> Result<Arc<[u8]>> {
        match self.record().kind {
            Kind::Link(target) => Ok(Arc::from(target.as_bytes())),
            Kind::MadeLink(make) => Ok(Arc::from(make().as_bytes())),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        }
    }

    fn open(&self, _access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        match self.record().kind {
            Kind::Text(make) => Ok(Some(Arc::new(Text::new(make().into_bytes(), FileSystemErrorKind::Io)))),
            _ => Ok(None),
        }
    }
}

/// A text as it was when it was opened.
pub struct Text {
    bytes: Vec<u8>,
    /// What who writes is told.
    refusal: FileSystemErrorKind,
}

impl Text {
    /// A text; who writes it is told `refusal`.
    pub const fn new(bytes: Vec<u8>, refusal: FileSystemErrorKind) -> Self {
        Self { bytes, refusal }
    }
}

impl OpenStream for Text {
    fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let start = usize::try_from(offset).map_or(self.bytes.len(), |offset| offset.min(self.bytes.len()));
        let rest = &self.bytes[start..];
        let piece = &rest[..rest.len().min(sink.room())];
        sink.put(piece)?;
        Ok(piece.len())
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(self.refusal)
    }

    fn positions(&self) -> Positions {
        Positions::Kept
    }
}

/// Refuses options: a made-up tree has none.
///
/// # Errors
/// `EINVAL` when there is one.
pub fn refuse_options(request: &mut MountRequest<'_>) -> Result<()> {
    match request.options {
        b"" => Ok(()),
        other => {
            let name = other.split(|&byte| matches!(byte, b',' | b'=')).next().unwrap_or_default().escape_ascii();
            request.refuse(FileSystemErrorKind::InvalidArgument, format_args!("unknown option '{name}'"))
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use vfs::error::FileSystemErrorKind;
    use vfs::file::OpenFlags;
    use vfs::manager::{Follow, VfsManager};
    use vfs::metadata::{DeviceNumber, FileType};
    use vfs::time::Timestamp;

    use super::{Item, Kind, Tree};
    use crate::ktest;
    use crate::session::environment;

    static ROOT: Kind = Kind::Directory(&[
        Item { name: "device", kind: Kind::Device(DeviceNumber::new(1, 3)) },
        Item { name: "link", kind: Kind::Link("sub/text") },
        Item { name: "sub", kind: Kind::Directory(&[Item { name: "text", kind: Kind::Text(text) }]) },
    ]);

    fn text() -> String {
        "made when opened".into()
    }

    fn mounted() -> Arc<VfsManager> {
        VfsManager::new(Tree::new("made", 1, &ROOT, Timestamp::from_seconds(7)), environment())
    }

    fn names(manager: &VfsManager, path: &[u8]) -> Vec<Vec<u8>> {
        let directory = manager.open(&manager.root_context(), path, OpenFlags::READ, 0).unwrap();
        let mut names = Vec::new();
        // One at a time: a listing goes on where it stopped.
        loop {
            let before = names.len();
            let mut taken = false;
            let one = &mut |item: &vfs::node::DirectoryItem<'_>| {
                let first = !core::mem::replace(&mut taken, true);
                if first {
                    names.push(item.name.to_vec());
                }
                first
            };
            directory.list(one).unwrap();
            if names.len() == before {
                return names;
            }
        }
    }

    ktest! {
        fn a_made_up_tree_is_listed_looked_up_and_read() {
            let manager = mounted();
            let root = manager.root_context();
            assert_eq!(names(&manager, b"/"), [&b"."[..], b"..", b"device", b"link", b"sub"]);
            let directory = manager.metadata(&root, b"/", Follow::Yes).unwrap();
            assert_eq!((directory.kind, directory.links, directory.mode), (FileType::Directory, 3, 0o755));
            assert_eq!(directory.modified, Timestamp::from_seconds(7));
            let device = manager.metadata(&root, b"/device", Follow::Yes).unwrap();
            assert_eq!((device.kind, device.device), (FileType::CharDevice, DeviceNumber::new(1, 3)));
            let file = manager.open(&root, b"/link", OpenFlags::READ, 0).unwrap();
            let mut buffer = [0; 64];
            let count = file.read_at(5, &mut &mut buffer[..]).unwrap();
            assert_eq!(&buffer[..count], b"when opened");
            assert_eq!(file.read_at(1000, &mut &mut buffer[..]), Ok(0));
        }

        fn nothing_in_a_made_up_tree_can_be_changed() {
            let manager = mounted();
            let root = manager.root_context();
            let read_only = Err(FileSystemErrorKind::ReadOnlyFileSystem.into());
            assert_eq!(manager.make_directory(&root, b"/new", 0o755), read_only);
            assert_eq!(manager.unlink(&root, b"/device"), read_only);
            assert_eq!(manager.set_mode(&root, b"/sub", 0, Follow::Yes), read_only);
            let opened = manager.open(&root, b"/sub/text", OpenFlags::WRITE, 0);
            assert_eq!(opened.err().map(|error| error.kind()), Some(FileSystemErrorKind::ReadOnlyFileSystem));
        }
    }
}
