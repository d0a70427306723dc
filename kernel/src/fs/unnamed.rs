//! Nodes for what is open and has no name: the ends of a pipe, a socket, the console of a program that the kernel itself starts.
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
use vfs::node::NewKind;
use vfs::seals::Seals;

use crate::session;

fn namespace() -> &'static Arc<VfsManager> {
    static NAMESPACE: Once<Arc<VfsManager>> = Once::new();
    NAMESPACE.call_once(|| {
        let environment = session::environment();
        VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment)
    })
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
    let manager = namespace();
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
    let manager = namespace();
    let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::TEMPORARY | OpenFlags::EXCLUSIVE;
    let file = manager.open(&manager.root_context(), b"/", flags, mode)?;
    if let Some(node) = file.node().as_any().downcast_ref::<TmpfsNode>() {
        node.begin_sealing(seals);
    }
    Ok(file)
}
