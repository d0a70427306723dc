//! How a regular file is used just now: how often it is open, and for how long what is written there is thought to live.

use crate::file::OpenFlags;
use crate::node::{Access, NodeRef};
use core::ops::Deref;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// Of a node.
#[derive(Debug, Default)]
pub struct Usage {
    readers: AtomicU32,
    writers: AtomicU32,
    life: AtomicU8,
}

impl Usage {
    /// How many open files only read it.
    pub fn readers(&self) -> u32 {
        self.readers.load(Ordering::SeqCst)
    }

    /// How many open files write it, or are about to.
    pub fn writers(&self) -> u32 {
        self.writers.load(Ordering::SeqCst)
    }

    /// For how long what is written is thought to live (`F_GET_RW_HINT`). Nothing goes by it.
    pub fn life(&self) -> u8 {
        self.life.load(Ordering::Relaxed)
    }

    /// Notes that.
    pub fn set_life(&self, life: u8) {
        self.life.store(life, Ordering::Relaxed);
    }

    fn count(&self, access: Access) -> Option<&AtomicU32> {
        let readers = access.contains(Access::READ).then_some(&self.readers);
        if access.contains(Access::WRITE) { Some(&self.writers) } else { readers }
    }
}

/// A node that is counted as open as long as this is there.
pub(crate) struct Used {
    node: NodeRef,
    access: Access,
}

impl Used {
    pub fn new(node: NodeRef, flags: OpenFlags) -> Self {
        let access = if flags.contains(OpenFlags::PATH) { Access::empty() } else { flags.access() };
        if let Some(count) = node.usage().and_then(|usage| usage.count(access)) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Self { node, access }
    }
}

impl Deref for Used {
    type Target = NodeRef;

    fn deref(&self) -> &NodeRef {
        &self.node
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        if let Some(count) = self.node.usage().and_then(|usage| usage.count(self.access)) {
            count.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
