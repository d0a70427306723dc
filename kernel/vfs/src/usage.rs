//! How a regular file is used just now: how often it is open, whether it is run, and for how long what is written there is
//! thought to live. What is run is not written, and what is written is not run (`ETXTBSY` of `open(2)` and `execve(2)`).

use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file::OpenFlags;
use crate::node::{Access, NodeRef};
use core::ops::Deref;
use core::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, Ordering};

/// Of a node.
#[derive(Debug, Default)]
pub struct Usage {
    readers: AtomicU32,
    /// Below 0 it is how many run it.
    writers: AtomicI32,
    life: AtomicU8,
}

impl Usage {
    /// How many open files only read it.
    pub fn readers(&self) -> u32 {
        self.readers.load(Ordering::SeqCst)
    }

    /// How many open files write it, or are about to.
    pub fn writers(&self) -> u32 {
        self.writers.load(Ordering::SeqCst).max(0).unsigned_abs()
    }

    /// For how long what is written is thought to live (`F_GET_RW_HINT`). Nothing goes by it.
    pub fn life(&self) -> u8 {
        self.life.load(Ordering::Relaxed)
    }

    /// Notes that.
    pub fn set_life(&self, life: u8) {
        self.life.store(life, Ordering::Relaxed);
    }

    /// Counts one who is going to write, or with -1 one who is going to run it.
    fn add_writer(&self, one: i32) -> Result<()> {
        let add = |count: i32| if count.signum() == -one { None } else { count.checked_add(one) };
        match self.writers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add) {
            Ok(_) => Ok(()),
            Err(_) => fail(FileSystemErrorKind::TextFileBusy),
        }
    }

    fn remove_writer(&self, one: i32) {
        self.writers.fetch_sub(one, Ordering::SeqCst);
    }
}

/// A node that is counted as open as long as this is there.
pub(crate) struct Used {
    node: NodeRef,
    access: Access,
}

impl Used {
    /// # Errors
    /// `ETXTBSY` for writing what is run.
    pub fn new(node: NodeRef, flags: OpenFlags) -> Result<Self> {
        let access = if flags.contains(OpenFlags::PATH) { Access::empty() } else { flags.access() };
        match node.usage() {
            Some(usage) if access.contains(Access::WRITE) => usage.add_writer(1)?,
            Some(usage) if access.contains(Access::READ) => drop(usage.readers.fetch_add(1, Ordering::SeqCst)),
            _ => {}
        }
        Ok(Self { node, access })
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
        match self.node.usage() {
            Some(usage) if self.access.contains(Access::WRITE) => usage.remove_writer(1),
            Some(usage) if self.access.contains(Access::READ) => drop(usage.readers.fetch_sub(1, Ordering::SeqCst)),
            _ => {}
        }
    }
}

/// A node that is run as long as this is there.
pub struct Run {
    node: NodeRef,
}

impl Run {
    /// # Errors
    /// `ETXTBSY` for what is open for writing.
    pub fn new(node: &NodeRef) -> Result<Self> {
        if let Some(usage) = node.usage() {
            usage.add_writer(-1)?;
        }
        Ok(Self { node: node.clone() })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(usage) = self.node.usage() {
            usage.remove_writer(-1);
        }
    }
}
