//! What is nothing but open, as an instance of `epoll`: it has no name, no content and no type (`anon_inode` of `proc(5)`).
//!
//! All of one kind are one node, as on Linux, which is a file system of its own.

use alloc::sync::{Arc, Weak};
use core::any::Any;

use spin::Once;
use vfs::environment::OpenStream;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::file_system::FileSystemOperations;
use vfs::manager::VfsManager;
use vfs::metadata::{FileSystemId, FileType, Metadata, NodeId, Permissions, SetAttributes, Statistics};
use vfs::mount::Path;
use vfs::node::{Access, NodeRef, VfsNode};
use vfs::time::Timestamp;

use crate::session;

/// What `statfs(2)` answers for Linux's anonymous files.
const MAGIC: u64 = 0x0904_1934;

/// The kinds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    Epoll,
    Event,
    Inotify,
    Process,
    Signals,
    Timer,
}

/// All of them, and what programs see.
const NAMES: [(Anonymous, &[u8]); 6] = [
    (Anonymous::Epoll, b"anon_inode:[eventpoll]"),
    (Anonymous::Event, b"anon_inode:[eventfd]"),
    (Anonymous::Inotify, b"anon_inode:inotify"),
    (Anonymous::Process, b"anon_inode:[pidfd]"),
    (Anonymous::Signals, b"anon_inode:[signalfd]"),
    (Anonymous::Timer, b"anon_inode:[timerfd]"),
];

fn places() -> &'static [Path; NAMES.len()] {
    static PLACES: Once<[Path; NAMES.len()]> = Once::new();
    PLACES.call_once(|| {
        let id = FileSystemId::fresh();
        NAMES.map(|(what, _)| {
            let file_system = Arc::new_cyclic(|itself| File { itself: itself.clone(), id, what });
            VfsManager::new(file_system, session::environment()).root_context().root
        })
    })
}

/// An open file that reads and writes `stream`, and is nothing else.
///
/// # Errors
/// `ENOMEM`.
pub fn of_stream(what: Anonymous, flags: OpenFlags, stream: Arc<dyn OpenStream>) -> Result<Arc<FileObject>> {
    FileObject::of_stream(places()[what as usize].clone(), flags, stream)
}

/// What programs see of a place that is one of these.
pub fn shown_name(path: &Path) -> Option<&'static [u8]> {
    places().iter().zip(NAMES).find_map(|(place, (_, name))| place.is(path).then_some(name))
}

struct File {
    itself: Weak<Self>,
    id: FileSystemId,
    what: Anonymous,
}

impl FileSystemOperations for File {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "anon_inodefs"
    }

    fn id(&self) -> FileSystemId {
        self.id
    }

    fn root(&self) -> NodeRef {
        // Whoever calls this holds the file system.
        Arc::new(Node(self.itself.upgrade().expect("a file system that is called is alive")))
    }

    fn statistics(&self) -> Result<Statistics> {
        let (magic, block_size, name_max) = (MAGIC, page::SIZE as u64, 255);
        Ok(Statistics { magic, block_size, blocks: 0, blocks_free: 0, nodes: 0, nodes_free: 0, name_max })
    }
}

struct Node(Arc<File>);

impl VfsNode for Node {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        NodeId { file_system: self.0.id, inode: self.0.what as u64 + 1 }
    }

    fn kind(&self) -> FileType {
        FileType::Anonymous
    }

    fn permissions(&self) -> Permissions {
        Permissions::new(if self.0.what == Anonymous::Process { 0o700 } else { 0o600 }, 0, 0)
    }

    fn metadata(&self) -> Result<Metadata> {
        Ok(Metadata::untouched(self.id(), self.kind(), self.permissions(), Timestamp::from_seconds(0)))
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        Ok(self.0.clone())
    }

    fn set_attributes(&self, _set: &SetAttributes) -> Result<()> {
        fail(FileSystemErrorKind::NotSupported)
    }

    /// By a name, as `/proc/PID/fd` has one, there is nothing to open.
    fn open(&self, _access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        fail(FileSystemErrorKind::NoSuchDeviceOrAddress)
    }

    fn sync(&self) -> Result<()> {
        fail(FileSystemErrorKind::InvalidArgument)
    }
}
