//! FIFOs: pipes that are opened by a node (`fifo(7)`). Who opens one node has one pipe, for as long as somebody has it
//! open; whoever opens one end waits for somebody at the other. A pipe without a name has a node too, which
//! `/proc/PID/fd` leads to.
//!
//! What is one node the file system says: an overlay's is the same before and after its copy-up.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};

use spin::Mutex;
use vfs::environment::OpenStream;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::metadata::NodeId;
use vfs::node::{Access, NodeRef};

use super::pipe::{End, Pipe};

/// Bytes of heap that a name in the table takes, about.
const ENTRY_MEMORY: usize = 128;

/// The pipes of the nodes that are open. Held only to look and to change.
static PIPES: Mutex<BTreeMap<NodeId, Weak<Pipe>>> = Mutex::new(BTreeMap::new());

/// Opens a FIFO, and waits for its other end if it may.
///
/// # Errors
/// `ENXIO` for a writer who must not wait and whom nobody reads; `EINTR`, `ENOMEM`.
pub fn open(node: &NodeRef, access: Access, may_wait: bool) -> Result<Arc<dyn OpenStream>> {
    let pipe = pipe_of(node.id(), true)?;
    if pipe.is_fifo() && access == Access::WRITE && !may_wait && !pipe.is_open_for(Access::READ) {
        return fail(FileSystemErrorKind::NoSuchDeviceOrAddress);
    }
    let end: Arc<End> = pipe.open(access);
    if pipe.is_fifo() && may_wait {
        pipe.wait_for(Access::all() - access)?;
    }
    Ok(end)
}

/// The pipe of that node; a new one if nobody has it open, which `is_fifo` or not.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn pipe_of(node: NodeId, is_fifo: bool) -> Result<Arc<Pipe>> {
    page::admit(ENTRY_MEMORY)?;
    let new = Pipe::new(node, is_fifo)?;
    let mut pipes = PIPES.lock();
    let present = pipes.get(&node).and_then(Weak::upgrade);
    if present.is_none() {
        pipes.insert(node, Arc::downgrade(&new));
    }
    // The new one, if it is not needed, looks into the table as it goes.
    drop(pipes);
    Ok(present.unwrap_or(new))
}

/// Forgets the pipe of a node that nobody has open any more.
pub(super) fn forget(node: NodeId) {
    let mut pipes = PIPES.lock();
    if pipes.get(&node).is_some_and(|pipe| pipe.strong_count() == 0) {
        pipes.remove(&node);
    }
    if pipes.is_empty() {
        // An empty table keeps memory otherwise.
        *pipes = BTreeMap::new();
    }
}
