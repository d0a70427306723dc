//! Namespaces as files: what `/proc/PID/ns/mnt` leads to. Whoever has it open can go there, and keeps it.
//!
//! Each is a file system of one node, made anew whenever somebody follows the link, so nothing remembers a namespace that
//! nobody has any more. The nodes of one namespace have one number.

use alloc::sync::{Arc, Weak};
use core::any::Any;

use spin::Once;
use vfs::environment::OpenStream;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::file_system::FileSystemOperations;
use vfs::io::{Sink, Source};
use vfs::manager::VfsManager;
use vfs::metadata::{FileSystemId, FileType, Metadata, NodeId, Permissions, SetAttributes, Statistics};
use vfs::mount::Path;
use vfs::node::{Access, NodeRef, VfsNode};
use vfs::time::Timestamp;

/// What `statfs(2)` answers for Linux's nsfs.
const MAGIC: u64 = 0x6e73_6673;

/// Numbers of namespaces are above this, as on Linux.
const FIRST: u64 = 0xf000_0000;

/// Bytes of heap that a namespace's file takes, about.
const MEMORY: usize = 4096;

/// The number of a namespace.
pub fn number(manager: &VfsManager) -> u64 {
    FIRST + manager.id()
}

/// The file that stands for a namespace.
///
/// # Errors
/// `ENOMEM`.
pub fn path(manager: &Arc<VfsManager>) -> Result<Path> {
    page::admit(MEMORY)?;
    let file_system = Arc::new_cyclic(|itself| File { itself: itself.clone(), manager: manager.clone() });
    Ok(VfsManager::new(file_system, manager.environment().clone()).root_context().root)
}

/// The namespace that an open file stands for, if it does.
pub fn of_file(file: &FileObject) -> Option<Arc<VfsManager>> {
    file.node().as_any().downcast_ref::<Node>().map(|node| node.0.manager.clone())
}

fn file_system_id() -> FileSystemId {
    static ID: Once<FileSystemId> = Once::new();
    *ID.call_once(FileSystemId::fresh)
}

struct File {
    itself: Weak<Self>,
    manager: Arc<VfsManager>,
}

impl FileSystemOperations for File {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "nsfs"
    }

    fn id(&self) -> FileSystemId {
        file_system_id()
    }

    fn root(&self) -> NodeRef {
        // Whoever calls this holds the file system.
        Arc::new(Node(self.itself.upgrade().expect("a file system that is called is alive")))
    }

    fn statistics(&self) -> Result<Statistics> {
        let (magic, block_size, name_max) = (MAGIC, page::SIZE as u64, 255);
        Ok(Statistics { magic, block_size, blocks: 0, blocks_free: 0, nodes: 0, nodes_free: 0, name_max })
    }

    fn read_only(&self) -> bool {
        true
    }
}

struct Node(Arc<File>);

impl VfsNode for Node {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        NodeId { file_system: file_system_id(), inode: number(&self.0.manager) }
    }

    fn kind(&self) -> FileType {
        FileType::Regular
    }

    fn permissions(&self) -> Permissions {
        Permissions::new(0o444, 0, 0)
    }

    fn metadata(&self) -> Result<Metadata> {
        Ok(Metadata::untouched(self.id(), self.kind(), self.permissions(), Timestamp::from_seconds(0)))
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        Ok(self.0.clone())
    }

    fn set_attributes(&self, _set: &SetAttributes) -> Result<()> {
        fail(FileSystemErrorKind::NotPermitted)
    }

    fn open(&self, _access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        Ok(Some(Arc::new(Nothing)))
    }
}

/// It has nothing to read or write.
struct Nothing;

impl OpenStream for Nothing {
    fn read(&self, _offset: u64, _sink: &mut dyn Sink) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }
}
