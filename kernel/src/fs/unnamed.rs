//! Nodes for what is open and has no name: the ends of a pipe, a socket, the console of a program that the kernel itself
//! starts; and for what is nothing but open, as an instance of `epoll`.
//!
//! They are on a tmpfs that is mounted nowhere else.

use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::Once;
use vfs::context::Context;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsNode, TmpfsOptions};
use vfs::environment::OpenStream;
use vfs::error::Result;
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::DeviceNumber;
use vfs::mount::Path;
use vfs::node::{NewKind, NodeRef};
use vfs::seals::Seals;

use crate::session;

/// What has no name and no content either: programs see it as `anon_inode:[…]` (`proc(5)`).
#[derive(Clone, Copy)]
pub enum Anonymous {
    Epoll,
    Event,
    Inotify,
    Process,
    Signals,
    Timer,
}

/// The names of [`Anonymous`].
const NAMES: [&[u8]; 6] = [
    b"anon_inode:[eventpoll]",
    b"anon_inode:[eventfd]",
    b"anon_inode:inotify",
    b"anon_inode:[pidfd]",
    b"anon_inode:[signalfd]",
    b"anon_inode:[timerfd]",
];

/// The tmpfs, and on it a node for each of [`Anonymous`], which all of them are, as on Linux. It is sealed: nobody can put
/// anything there.
struct Nowhere {
    manager: Arc<VfsManager>,
    anonymous: [Path; NAMES.len()],
}

impl Nowhere {
    fn new() -> Result<Self> {
        let environment = session::environment();
        let manager = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        let context = manager.root_context();
        let make = |name: &[u8]| -> Result<Path> {
            let path = [b"/", name].concat();
            manager.make_node(&context, &path, NewKind::Regular, 0o600)?;
            let place = manager.resolve(&context, &path, Follow::No)?;
            begin_sealing(place.node()?, Seals::all());
            Ok(place)
        };
        let [epoll, event, inotify, process, signals, timer] = NAMES.map(make);
        let anonymous = [epoll?, event?, inotify?, process?, signals?, timer?];
        Ok(Self { manager, anonymous })
    }

    fn get() -> Result<&'static Self> {
        static NOWHERE: Once<Nowhere> = Once::new();
        NOWHERE.try_call_once(Self::new)
    }
}

/// Seals a new file on that tmpfs.
fn begin_sealing(node: &NodeRef, seals: Seals) {
    if let Some(node) = node.as_any().downcast_ref::<TmpfsNode>() {
        node.begin_sealing(seals);
    }
}

/// An open file that reads and writes `stream`, and is nothing else.
///
/// # Errors
/// `ENOMEM`.
pub fn of_stream(what: Anonymous, flags: OpenFlags, stream: Arc<dyn OpenStream>) -> Result<Arc<FileObject>> {
    FileObject::of_stream(Nowhere::get()?.anonymous[what as usize].clone(), flags, stream)
}

/// What programs see of a place that is one of [`Anonymous`].
pub fn shown_name(path: &Path) -> Option<&'static [u8]> {
    let places = &Nowhere::get().ok()?.anonymous;
    places.iter().zip(NAMES).find_map(|(place, name)| place.is(path).then_some(name))
}

/// Whether a place is that of something without a name here. There are no handles of that (`name_to_handle_at(2)`).
pub fn holds(path: &Path) -> bool {
    let is_here = |nowhere: &Nowhere| Arc::ptr_eq(path.mount.superblock(), nowhere.manager.tree().root().superblock());
    Nowhere::get().is_ok_and(is_here)
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
    let manager = &Nowhere::get()?.manager;
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
    let manager = &Nowhere::get()?.manager;
    let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::TEMPORARY | OpenFlags::EXCLUSIVE;
    let file = manager.open(&manager.root_context(), b"/", flags, mode)?;
    begin_sealing(file.node(), seals);
    Ok(file)
}
