//! What mounts know of the namespace that they are in, and it of them.

use super::MountPoint;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::manager::VfsManager;
use crate::sync::Mutex;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many mounts a namespace has at most (`/proc/sys/fs/mount-max`).
const MOUNTS_MAX: usize = 100_000;

/// Namespaces that were made from one another.
#[derive(Default)]
pub(super) struct Family {
    /// Held while mounts of any of them change.
    pub changes: Mutex<()>,
    /// Those that processes are in, by their numbers. A leaf.
    pub namespaces: Mutex<BTreeMap<u64, Weak<VfsManager>>>,
}

/// What the mounts of a namespace know of it.
pub(crate) struct Namespace {
    pub(super) family: Arc<Family>,
    /// How many mounts are in it, or are about to come.
    pub(super) count: AtomicUsize,
    /// The mounts in it, by their numbers. A leaf.
    pub(super) mounts: Mutex<BTreeMap<u64, Weak<MountPoint>>>,
    /// Its number; of a detached one, that of the namespace whose mounts it has copies of, or 0.
    pub(super) number: u64,
    /// Whether it is nobody's: its mounts are to be put somewhere else.
    pub(super) detached: bool,
}

impl Namespace {
    /// One that processes may be in.
    pub(super) fn new(family: Arc<Family>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self::build(family, NEXT.fetch_add(1, Ordering::Relaxed), false)
    }

    pub(super) fn build(family: Arc<Family>, number: u64, detached: bool) -> Arc<Self> {
        let (count, mounts) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { family, count, mounts, number, detached })
    }

    /// Counts mounts that are to come.
    ///
    /// # Errors
    /// `ENOSPC` when they are too many.
    pub fn reserve(&self, mounts: usize) -> Result<()> {
        let enough = |present: usize| present.checked_add(mounts).filter(|all| *all <= MOUNTS_MAX);
        match self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough) {
            Ok(_) => Ok(()),
            Err(_) => fail(FileSystemErrorKind::NoSpace),
        }
    }

    /// Counts mounts off.
    pub fn release(&self, mounts: usize) {
        self.count.fetch_sub(mounts, Ordering::Relaxed);
    }
}

impl MountPoint {
    /// The namespace it is in.
    pub(crate) fn namespace(&self) -> Option<Arc<Namespace>> {
        self.namespace.read().clone()
    }

    /// Comes to a namespace, in which it is counted already.
    pub(super) fn join(self: &Arc<Self>, namespace: &Arc<Namespace>) {
        self.leave_namespace();
        namespace.mounts.lock().insert(self.id, Arc::downgrade(self));
        *self.namespace.write() = Some(namespace.clone());
    }

    /// Is in no namespace any more.
    pub(super) fn leave_namespace(&self) {
        let before = self.namespace.write().take();
        if let Some(before) = before {
            before.mounts.lock().remove(&self.id);
            before.release(1);
        }
    }
}
