//! Names of sockets (`unix(7)`): paths, which are nodes of a file system, and names that are nowhere but here.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use spin::Mutex;
use vfs::context::{AccessMode, Context};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, NodeId};
use vfs::mount::Path;

use super::{Kind, Socket};

/// Bytes of heap that a name takes in a table, about.
const ENTRY_MEMORY: usize = 256;

/// How many names there are of those that are given to who asks for any: five digits.
const GIVEN: u32 = 0x10_0000;

/// What a socket is called.
pub enum Name {
    /// A path as it was bound, and the place that it led to.
    Path(Vec<u8>, Path),
    /// Bytes of any kind, without a node.
    Abstract(Vec<u8>),
}

impl Name {
    /// As `sun_path` has it: a path ends in a NUL, an abstract name begins with one.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Path(path, _) => [path, &b"\0"[..]].concat(),
            Self::Abstract(name) => [b"\0", &name[..]].concat(),
        }
    }
}

/// What a socket is to be called, or who calls another says.
pub enum Wanted {
    /// A path.
    Path(Vec<u8>),
    /// An abstract name.
    Abstract(Vec<u8>),
    /// Whichever is free.
    Any,
}

/// Sockets by the nodes that their names are.
static BY_NODE: Mutex<BTreeMap<NodeId, Weak<Socket>>> = Mutex::new(BTreeMap::new());

/// An abstract name, and of which kind of socket: those of another kind are others.
type AbstractName = (Kind, Vec<u8>);

/// Sockets by their abstract names.
static BY_NAME: Mutex<BTreeMap<AbstractName, Weak<Socket>>> = Mutex::new(BTreeMap::new());

/// Gives a socket a name that nobody has.
///
/// # Errors
/// `EADDRINUSE`, what making a node answers, `ENOMEM`.
pub fn bind(socket: &Arc<Socket>, manager: &VfsManager, context: &Context, wanted: Wanted) -> Result<Name> {
    page::admit(ENTRY_MEMORY)?;
    match wanted {
        Wanted::Path(path) => bind_path(socket, manager, context, path),
        Wanted::Abstract(name) => bind_abstract(socket, name),
        Wanted::Any => bind_any(socket),
    }
}

fn bind_path(socket: &Arc<Socket>, manager: &VfsManager, context: &Context, path: Vec<u8>) -> Result<Name> {
    let place = match manager.make_socket(context, &path, 0o777) {
        Err(error) if error.kind() == FileSystemErrorKind::AlreadyExists => {
            return fail(FileSystemErrorKind::AddressInUse);
        }
        result => result?,
    };
    let node = place.node()?.id();
    BY_NODE.lock().insert(node, Arc::downgrade(socket));
    Ok(Name::Path(path, place))
}

fn bind_abstract(socket: &Arc<Socket>, name: Vec<u8>) -> Result<Name> {
    let mut names = BY_NAME.lock();
    let key = (socket.kind(), name.clone());
    if names.contains_key(&key) {
        return fail(FileSystemErrorKind::AddressInUse);
    }
    names.insert(key, Arc::downgrade(socket));
    Ok(Name::Abstract(name))
}

/// Gives a socket one of the names that are given to who asks for any.
///
/// # Errors
/// `ENOSPC` when all are taken, `ENOMEM`.
pub fn bind_any(socket: &Arc<Socket>) -> Result<Name> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..GIVEN {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % GIVEN;
        match bind_abstract(socket, alloc::format!("{number:05x}").into_bytes()) {
            Err(error) if error.kind() == FileSystemErrorKind::AddressInUse => {}
            result => return result,
        }
    }
    fail(FileSystemErrorKind::NoSpace)
}

/// Takes the name of a socket away that it had by itself.
pub fn unbind(socket: &Socket, name: &Name) {
    let is_it = |other: &Weak<Socket>| core::ptr::eq(other.as_ptr(), socket);
    match name {
        Name::Path(_, place) => {
            let mut nodes = BY_NODE.lock();
            if let Ok(node) = place.node()
                && nodes.get(&node.id()).is_some_and(is_it)
            {
                nodes.remove(&node.id());
            }
            forget_empty(&mut nodes);
        }
        Name::Abstract(name) => {
            let mut names = BY_NAME.lock();
            let key = (socket.kind(), name.clone());
            if names.get(&key).is_some_and(is_it) {
                names.remove(&key);
            }
            forget_empty(&mut names);
        }
    }
}

/// An empty table keeps memory otherwise.
fn forget_empty<K, V>(table: &mut BTreeMap<K, V>) {
    if table.is_empty() {
        *table = BTreeMap::new();
    }
}

/// The socket of that name and kind, for one who wants to write to it.
///
/// # Errors
/// `ECONNREFUSED` when it is nobody's, `EPROTOTYPE` for one of another kind, what the walk answers, `EACCES`; `EINVAL`
/// for a name that is none.
pub fn find(kind: Kind, manager: &VfsManager, context: &Context, wanted: &Wanted) -> Result<Arc<Socket>> {
    let socket = match wanted {
        Wanted::Path(path) => {
            let place = manager.resolve(context, path, Follow::Yes)?;
            let node = place.node()?;
            context.credentials.check(&**node, AccessMode::WRITE)?;
            if node.kind() != FileType::Socket {
                return fail(FileSystemErrorKind::ConnectionRefused);
            }
            BY_NODE.lock().get(&node.id()).and_then(Weak::upgrade)
        }
        Wanted::Abstract(name) => BY_NAME.lock().get(&(kind, name.clone())).and_then(Weak::upgrade),
        Wanted::Any => return fail(FileSystemErrorKind::InvalidArgument),
    };
    match socket {
        None => fail(FileSystemErrorKind::ConnectionRefused),
        Some(socket) if socket.kind() != kind => fail(FileSystemErrorKind::WrongSocketType),
        Some(socket) => Ok(socket),
    }
}
