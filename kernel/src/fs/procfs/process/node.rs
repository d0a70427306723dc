//! The nodes of a process's directory, each with what makes its content.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::any::Any;
use core::ops::Range;

use vfs::change::ChangeCell;
use vfs::context::Credentials;
use vfs::environment::OpenStream;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file_system::FileSystemOperations;
use vfs::metadata::{DeviceNumber, FileType, Metadata, NodeId, Permissions, SetAttributes};
use vfs::mount::Path;
use vfs::node::{Access, DirectoryItem, EmitItem, FIRST_CURSOR, NodeRef, VfsNode};

use super::{Subject, decimal, memory, mounts, state};
use crate::fs::generated::{Text, Tree};
use crate::task::process::{self, Running};

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Directory,
    /// The directory of open files.
    Files,
    /// An open file.
    File(u32),
    /// One of [`NAMES`].
    Named(usize),
}

/// What is behind a name in a process's directory.
enum Kind {
    Text(fn(Subject) -> Result<String>),
    Link(fn(Subject) -> Result<Path>),
    /// What is there in the program's memory.
    Memory(fn(&Running) -> &Range<u64>),
}

impl Kind {
    fn file_type(&self) -> FileType {
        match self {
            Self::Text(_) | Self::Memory(_) => FileType::Regular,
            Self::Link(_) => FileType::Symlink,
        }
    }
}

static NAMES: [(&str, Kind); 11] = [
    ("cmdline", Kind::Memory(|program| &program.arguments)),
    ("comm", Kind::Text(state::comm)),
    ("cwd", Kind::Link(|subject| Ok(subject.place()?.context.cwd.clone()))),
    ("environ", Kind::Memory(|program| &program.environment)),
    ("exe", Kind::Link(memory::executable)),
    ("maps", Kind::Text(memory::maps)),
    ("mountinfo", Kind::Text(mounts::mountinfo)),
    ("mounts", Kind::Text(mounts::mounts)),
    ("root", Kind::Link(|subject| Ok(subject.place()?.context.root.clone()))),
    ("stat", Kind::Text(state::stat)),
    ("status", Kind::Text(state::status)),
];

/// Names that show what is in a process's memory: not for everyone.
const PRIVATE: [&str; 2] = ["environ", "maps"];

pub(super) fn inode(serial: u64, what: What) -> u64 {
    let code = match what {
        What::Directory => 0,
        What::Files => 1,
        What::Named(index) => 2 + index as u64,
        What::File(number) => 1024 + u64::from(number),
    };
    serial << 24 | code
}

pub(super) fn node(tree: &Arc<Tree>, subject: Subject, what: What) -> Result<NodeRef> {
    let changes = match (what, subject.process()) {
        (What::Files, Ok(Some(process))) => Some(process.files().changes().clone()),
        _ => None,
    };
    let tree = tree.clone();
    tree.clone().shared(inode(subject.serial, what), || Arc::new(Node { tree, subject, what, changes }))
}

struct Node {
    tree: Arc<Tree>,
    subject: Subject,
    what: What,
    /// Of the directory of open files.
    changes: Option<Arc<ChangeCell>>,
}

impl Node {
    /// The place that a link leads to.
    fn target(&self) -> Result<Path> {
        match self.what {
            What::File(number) => match self.subject.process()? {
                Some(process) => match process.files().get(u64::from(number)) {
                    Ok(descriptor) => Ok(descriptor.file.path().clone()),
                    Err(_) => fail(FileSystemErrorKind::NotFound),
                },
                None => fail(FileSystemErrorKind::NotFound),
            },
            What::Named(index) => match NAMES[index].1 {
                Kind::Link(target) => target(self.subject),
                Kind::Text(_) | Kind::Memory(_) => fail(FileSystemErrorKind::InvalidArgument),
            },
            What::Directory | What::Files => fail(FileSystemErrorKind::InvalidArgument),
        }
    }
}

impl VfsNode for Node {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        NodeId { file_system: self.tree.id(), inode: inode(self.subject.serial, self.what) }
    }

    fn kind(&self) -> FileType {
        match self.what {
            What::Directory | What::Files => FileType::Directory,
            What::File(_) => FileType::Symlink,
            What::Named(index) => NAMES[index].1.file_type(),
        }
    }

    fn permissions(&self) -> Permissions {
        let (uid, gid) = self.subject.owner();
        let mode = match (self.what, self.kind()) {
            (What::Directory, _) => 0o555,
            (What::Files, _) => 0o500,
            (What::File(_), _) => 0o700,
            (_, FileType::Symlink) => 0o777,
            (What::Named(index), _) if PRIVATE.contains(&NAMES[index].0) => 0o400,
            _ => 0o444,
        };
        Permissions { mode, uid, gid }
    }

    fn metadata(&self) -> Result<Metadata> {
        self.subject.process()?;
        let Permissions { mode, uid, gid } = self.permissions();
        let (time, device) = (self.tree.made(), DeviceNumber::default());
        let links = match self.what {
            What::Directory => 3,
            What::Files => 2,
            _ => 1,
        };
        Ok(Metadata {
            id: self.id(),
            kind: self.kind(),
            mode,
            uid,
            gid,
            links,
            device,
            size: 0,
            blocks: 0,
            accessed: time,
            modified: time,
            changed: time,
            created: None,
        })
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        Ok(self.tree.clone())
    }

    fn set_attributes(&self, _set: &SetAttributes) -> Result<()> {
        fail(FileSystemErrorKind::NotPermitted)
    }

    fn change_cell(&self) -> Option<&ChangeCell> {
        self.changes.as_deref()
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        let none = || FileSystemErrorKind::NotFound;
        let what = match self.what {
            What::Directory if name == b"fd" => What::Files,
            What::Directory => {
                let index = NAMES.iter().position(|(known, _)| known.as_bytes() == name);
                What::Named(index.ok_or_else(none)?)
            }
            What::Files => {
                let number = decimal(name).ok_or_else(none)?;
                let process = self.subject.process()?.ok_or_else(none)?;
                process.files().get(u64::from(number)).map_err(|_| none())?;
                What::File(number)
            }
            _ => return fail(FileSystemErrorKind::NotADirectory),
        };
        node(&self.tree, self.subject, what)
    }

    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        let mut at = usize::try_from(cursor.max(FIRST_CURSOR) - FIRST_CURSOR).unwrap_or(usize::MAX);
        loop {
            let (name, what, kind) = match self.what {
                What::Directory if at < NAMES.len() => {
                    let what = What::Named(at);
                    (NAMES[at].0.to_string(), what, NAMES[at].1.file_type())
                }
                What::Directory if at == NAMES.len() => ("fd".into(), What::Files, FileType::Directory),
                What::Directory => return Ok(FIRST_CURSOR + at as u64),
                What::Files => {
                    let next = self.subject.process()?.and_then(|process| process.files().next(at));
                    let Some(number) = next else { return Ok(FIRST_CURSOR + at as u64) };
                    at = number;
                    (number.to_string(), What::File(number as u32), FileType::Symlink)
                }
                _ => return fail(FileSystemErrorKind::NotADirectory),
            };
            let (inode, next) = (inode(self.subject.serial, what), FIRST_CURSOR + at as u64 + 1);
            if !emit(DirectoryItem { name: name.as_bytes(), inode, kind, next }) {
                return Ok(next - 1);
            }
            at += 1;
        }
    }

    /// The name as who reads it sees it; for what has none there, what it is.
    fn read_link(&self) -> Result<Arc<[u8]>> {
        let target = self.target()?;
        let reader = match process::current() {
            Some(process) => process.place()?,
            None => self.subject.place()?,
        };
        self.subject.check_look(&reader.context.credentials)?;
        if let Ok(name) = reader.manager.path_name(&reader.context, &target) {
            return Ok(Arc::from(name));
        }
        let node = target.node()?;
        Ok(match node.kind() {
            FileType::Fifo => Arc::from(format!("pipe:[{}]", node.id().inode).as_bytes()),
            FileType::Socket => Arc::from(format!("socket:[{}]", node.id().inode).as_bytes()),
            _ => Arc::from([b"/", &target.entry.name()[..], b" (deleted)"].concat()),
        })
    }

    fn jump(&self, credentials: &Credentials) -> Result<Option<Path>> {
        self.subject.check_look(credentials)?;
        self.target().map(Some)
    }

    fn open(&self, _access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        let What::Named(index) = self.what else { return Ok(None) };
        let text = match NAMES[index].1 {
            Kind::Text(make) => make(self.subject)?.into_bytes(),
            Kind::Memory(range) => memory::content(self.subject, range)?,
            Kind::Link(_) => return Ok(None),
        };
        Ok(Some(Arc::new(Text(text))))
    }
}
