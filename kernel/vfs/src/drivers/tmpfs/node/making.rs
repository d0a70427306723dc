//! New nodes of a tmpfs.

use super::{Body, TmpfsNode};
use crate::change::ChangeCell;
use crate::drivers::tmpfs::Shared;
use crate::drivers::tmpfs::attributes::Attributes;
use crate::drivers::tmpfs::directory::Directory;
use crate::drivers::tmpfs::handles::Whereabouts;
use crate::drivers::tmpfs::regular::RegularFile;
use crate::drivers::tmpfs::xattrs::Xattrs;
use crate::error::Result;
use crate::metadata::{DeviceNumber, FileFlags};
use crate::node::{NewKind, NewNode};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, RwLock};
use alloc::sync::Arc;

impl TmpfsNode {
    /// The root directory. It has a name, so to speak: the place it is mounted on.
    pub(in super::super) fn root(shared: &Arc<Shared>, new: &NewNode<'_>) -> Arc<Self> {
        let root = Self::build(shared, new, FileFlags::empty(), Body::directory());
        root.names.store(1, Ordering::Relaxed);
        root.nameless.store(false, Ordering::Relaxed);
        // A limit is at least one node, and this is the first.
        let _ = shared.limits.nodes().take(1);
        root
    }

    /// A node without a name.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`, `ENAMETOOLONG` for a target that is no path's length.
    pub(super) fn new(shared: &Arc<Shared>, new: &NewNode<'_>, flags: FileFlags) -> Result<Arc<Self>> {
        let target = match new.kind {
            NewKind::Symlink(target) => target.len(),
            _ => 0,
        };
        page::admit(size_of::<Self>() + target)?;
        let body = match new.kind {
            NewKind::Regular => Body::Regular(RegularFile::default()),
            NewKind::Directory => Body::directory(),
            NewKind::Symlink(target) => Body::Symlink(target.into()),
            NewKind::CharDevice(device) | NewKind::BlockDevice(device) => Body::Special(new.kind.file_type(), device),
            NewKind::Fifo | NewKind::Socket => Body::Special(new.kind.file_type(), DeviceNumber::default()),
        };
        shared.limits.nodes().take(1)?;
        let flags = if body.has_flags() { flags } else { FileFlags::empty() };
        Ok(Self::build(shared, new, flags, body))
    }

    fn build(shared: &Arc<Shared>, new: &NewNode<'_>, flags: FileFlags, body: Body) -> Arc<Self> {
        let now = shared.clock.now();
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            shared: shared.clone(),
            inode: shared.fresh_inode(),
            attributes: Attributes::new(new, flags, now),
            names: AtomicU64::new(0),
            nameless: AtomicBool::new(true),
            xattrs: RwLock::new(Xattrs::default()),
            body,
            whereabouts: Whereabouts::default(),
            doomed: Mutex::new(None),
            dismantled: false,
        })
    }
}

impl Body {
    /// Whether it can be marked.
    pub(super) fn has_flags(&self) -> bool {
        matches!(self, Self::Regular(_) | Self::Directory { .. })
    }

    fn directory() -> Self {
        Self::Directory {
            names: RwLock::new(Directory::default()),
            changes: ChangeCell::default(),
            directories: AtomicU64::new(0),
        }
    }
}
