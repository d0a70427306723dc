//! tmpfs: a file system in memory, limited in bytes and in nodes (`tmpfs(5)`).
//!
//! Everything it holds is counted: pages and attributes against `size=`, nodes and names against `nr_inodes=`, and all
//! of it against the machine's memory ([`page::admit`]), so a full tmpfs answers `ENOSPC`, a full machine `ENOMEM`.
//! Every change of names, from a create to a rename between directories with a whiteout, is one call of the primitive
//! in [`names`]; [`FileSystemOperations::commit`] shows it to an overlay.
//!
//! Locks, outermost first: directories in address order, then one file's content, its attributes or its times; none
//! of the last three is held together with another. Where a node is, and which have handles, are leaves.

mod attributes;
mod directory;
mod going;
mod handles;
mod limits;
mod names;
mod node;
mod options;
mod regular;
mod sealing;
#[cfg(any(test, feature = "selftest"))]
mod tests;
mod xattrs;

pub use node::TmpfsNode;
use options::Problem;
pub use options::TmpfsOptions;

use crate::by_number::ByNumber;
use crate::driver::{FileSystemDriver, MountRequest, OptionKind};
use crate::driver_initcall;
use crate::environment::Environment;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::{DirectoryTimes, FileSystemOperations, NameChange};
use crate::handles::{Handle, Located};
use crate::metadata::{FileSystemId, Statistics};
use crate::name::NAME_MAX;
use crate::node::{NewKind, NewNode, NodeRef};
use crate::time::Clock;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use limits::Limits;

/// `TMPFS_MAGIC` of `statfs(2)`.
const MAGIC: u64 = 0x0102_1994;

/// A file system in memory.
pub struct Tmpfs {
    shared: Arc<Shared>,
    root: Arc<TmpfsNode>,
    options: TmpfsOptions,
}

/// What all nodes of a tmpfs share, and what lives as long as the last of them.
pub(crate) struct Shared {
    id: FileSystemId,
    limits: Limits,
    clock: Arc<dyn Clock>,
    next_inode: AtomicU64,
    /// The nodes whose handles were asked for.
    with_handles: ByNumber<TmpfsNode>,
    file_system: Weak<Tmpfs>,
}

impl Tmpfs {
    /// An empty one. A limit that the options leave open is half of the environment's memory, in bytes or in pages.
    pub fn new(options: TmpfsOptions, environment: &Environment) -> Arc<Self> {
        let memory = environment.memory.total();
        Arc::new_cyclic(|file_system| {
            let shared = Arc::new(Shared {
                id: FileSystemId::fresh(),
                limits: Limits::new(options.bytes(memory), options.nodes(memory)),
                clock: environment.clock.clone(),
                next_inode: AtomicU64::new(1),
                with_handles: ByNumber::default(),
                file_system: file_system.clone(),
            });
            let new = NewNode { kind: NewKind::Directory, mode: options.mode, uid: options.uid, gid: options.gid };
            Self { root: TmpfsNode::root(&shared, &new), shared, options }
        })
    }
}

impl Shared {
    fn fresh_inode(&self) -> u64 {
        self.next_inode.fetch_add(1, Ordering::Relaxed)
    }
}

impl FileSystemOperations for Tmpfs {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "tmpfs"
    }

    fn id(&self) -> FileSystemId {
        self.shared.id
    }

    fn root(&self) -> NodeRef {
        self.root.clone()
    }

    fn opens_handles(&self) -> bool {
        true
    }

    fn handle_of(&self, node: &NodeRef) -> Result<Handle> {
        TmpfsNode::of(node)?.handle()
    }

    fn locate(&self, handle: Handle, from: &NodeRef) -> Result<Option<Located>> {
        self.shared.locate(handle, from)
    }

    fn statistics(&self) -> Result<Statistics> {
        let block = page::SIZE as u64;
        let (bytes, nodes) = (self.shared.limits.bytes(), self.shared.limits.nodes());
        Ok(Statistics {
            magic: MAGIC,
            block_size: block,
            blocks: bytes.limit() / block,
            blocks_free: bytes.free() / block,
            nodes: nodes.limit(),
            nodes_free: nodes.free(),
            name_max: NAME_MAX as u64,
        })
    }

    fn show_options(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let (bytes, nodes) = (self.shared.limits.bytes(), self.shared.limits.nodes());
        self.options.show(out, bytes.limit(), nodes.limit())
    }

    fn remount(&self, request: &mut MountRequest<'_>) -> Result<()> {
        self.change_limits(request.options)
    }

    fn commit(&self, changes: &[NameChange<'_>], times: DirectoryTimes) -> Result<()> {
        names::commit(changes, times)
    }
}

impl Tmpfs {
    /// `size=`, `nr_blocks=` and `nr_inodes=` can be changed, not below what is in use.
    fn change_limits(&self, options: &[u8]) -> Result<()> {
        let asked = TmpfsOptions::parse(options).map_err(|_| FileSystemErrorKind::InvalidArgument)?;
        if asked.has_more_than_limits() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let (bytes, nodes) = (asked.asked_bytes(), asked.asked_nodes());
        let limits = &self.shared.limits;
        if bytes.is_some_and(|limit| limits.bytes().is_below_use(limit))
            || nodes.is_some_and(|limit| limits.nodes().is_below_use(limit))
        {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if let Some(limit) = bytes {
            limits.bytes().set_limit(limit);
        }
        if let Some(limit) = nodes {
            limits.nodes().set_limit(limit);
        }
        Ok(())
    }
}

/// Mounts a fresh, empty tmpfs; the source is but a word.
struct TmpfsDriver;

impl FileSystemDriver for TmpfsDriver {
    fn name(&self) -> &'static str {
        "tmpfs"
    }

    fn option_kind(&self, name: &[u8], value: Option<&[u8]>) -> OptionKind {
        let value = value.unwrap_or_default();
        match TmpfsOptions::parse(&[name, b"=", value].concat()) {
            _ if name.contains(&b',') => OptionKind::Unknown,
            Err(Problem::Unknown(_)) => OptionKind::Unknown,
            Ok(_) if !value.contains(&b',') => OptionKind::Plain,
            Ok(_) | Err(Problem::Value(_)) => OptionKind::Bad,
        }
    }

    fn mount(&self, request: &mut MountRequest<'_>) -> Result<Arc<dyn FileSystemOperations>> {
        match TmpfsOptions::parse(request.options) {
            Ok(options) => Ok(Tmpfs::new(options, request.manager.environment())),
            Err(problem) => {
                let message = alloc::format!("tmpfs: {problem}");
                request.refuse(FileSystemErrorKind::InvalidArgument, format_args!("{message}"))
            }
        }
    }
}

driver_initcall!(TmpfsDriver);
