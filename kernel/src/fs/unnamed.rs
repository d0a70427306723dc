//! Nodes for what is open and has no name: the ends of a pipe, a socket, the console of a program that the kernel itself
//! starts. (For what is nothing but open, see [`anonymous`](super::anonymous).)
//!
//! They are on a tmpfs that is mounted nowhere else.

use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::Once;
use vfs::context::Context;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsNode, TmpfsOptions};
use vfs::error::Result;
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::VfsManager;
use vfs::metadata::DeviceNumber;
use vfs::mount::Path;
use vfs::node::{NewKind, NodeRef};
use vfs::seals::Seals;

use crate::session;

/// The tmpfs.
struct Nowhere {
    manager: Arc<VfsManager>,
}

impl Nowhere {
    fn new() -> Self {
        let environment = session::environment();
        Self { manager: VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment) }
    }

    fn get() -> &'static Self {
        static NOWHERE: Once<Nowhere> = Once::new();
        NOWHERE.call_once(Self::new)
    }
}

/// Seals a new file on that tmpfs.
fn begin_sealing(node: &NodeRef, seals: Seals) {
    if let Some(node) = node.as_any().downcast_ref::<TmpfsNode>() {
        node.begin_sealing(seals);
    }
}

/// Whether a place is that of something without a name here. There are no handles of that (`name_to_handle_at(2)`).
pub fn holds(path: &Path) -> bool {
    Arc::ptr_eq(path.mount.superblock(), Nowhere::get().manager.tree().root().superblock())
}

/// Does something with a new node of that mode, which loses its name after that.
///
/// # Errors
/// `ENOMEM`; what `body` answers.
pub fn with_node<R>(
    kind: NewKind<'_>,
    mode: u32,
    body: impl FnOnce(&VfsManager, &Context, &[u8]) -> Result<R>,
) -> Result<R> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let manager = &Nowhere::get().manager;
    let context = manager.root_context();
    let name = format!("/{}", NEXT.fetch_add(1, Ordering::Relaxed)).into_bytes();
    manager.make_node(&context, &name, kind, mode)?;
    let result = body(manager, &context, &name);
    manager.unlink(&context, &name)?;
    result
}

/// Opens a character device.
///
/// # Errors
/// `ENXIO` for one that is not there; `ENOMEM`.
pub fn open_device(device: DeviceNumber, flags: OpenFlags) -> Result<Arc<FileObject>> {
    with_node(NewKind::CharDevice(device), 0o600, |manager, context, name| manager.open(context, name, flags, 0))
}

/// An empty file to be read and written, sealed with these.
///
/// # Errors
/// `ENOMEM`.
pub fn new_file(mode: u32, seals: Seals) -> Result<Arc<FileObject>> {
    let manager = &Nowhere::get().manager;
    let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::TEMPORARY | OpenFlags::EXCLUSIVE;
    let file = manager.open(&manager.root_context(), b"/", flags, mode)?;
    begin_sealing(file.node(), seals);
    Ok(file)
}
