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
use vfs::metadata::{FileType, Metadata, NodeId, Permissions, SetAttributes};
use vfs::mount::Path;
use vfs::node::{Access, DirectoryItem, EmitItem, FIRST_CURSOR, NewNode, NodeRef, Rename, VfsNode};

use super::{Subject, decimal, memory, mounts, open_files, state, usage};
use crate::fs::generated::{Text, Tree};
use crate::fs::{anonymous, namespaces};
use crate::task::exec::Running;
use crate::task::place::Place;
use crate::task::process::{self, FIRST};
use crate::task::{files, number};

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Directory,
    /// An open file.
    File(u32),
    /// What it is like.
    Info(u32),
    /// One of [`NAMES`].
    Named(usize),
    /// The namespace of mounts, in the directory of namespaces.
    Namespace,
}

impl What {
    /// What is behind the name, if it is one of [`NAMES`].
    fn kind(self) -> Option<Kind> {
        if let Self::Named(index) = self { Some(NAMES[index].1) } else { None }
    }

    fn file_type(self) -> FileType {
        match self {
            Self::Directory => FileType::Directory,
            Self::Info(_) => FileType::Regular,
            Self::File(_) | Self::Namespace => FileType::Symlink,
            Self::Named(index) => NAMES[index].1.file_type(),
        }
    }
}

/// What is behind a name in a process's directory.
#[derive(Clone, Copy)]
enum Kind {
    /// The directory of open files.
    Files,
    /// That of what they are like.
    Infos,
    /// The directory of threads, in that of a process only.
    Threads,
    /// The directory of namespaces.
    Namespaces,
    Text(fn(Subject) -> Result<String>),
    Link(fn(Subject) -> Result<Path>),
    /// What is there in the program's memory.
    Memory(fn(&Running) -> &Range<u64>),
}

impl Kind {
    /// What is there of an open file.
    fn of_file(&self, number: u32) -> What {
        if let Self::Infos = self { What::Info(number) } else { What::File(number) }
    }

    fn file_type(&self) -> FileType {
        match self {
            Self::Text(_) | Self::Memory(_) => FileType::Regular,
            Self::Link(_) => FileType::Symlink,
            Self::Files | Self::Infos | Self::Threads | Self::Namespaces => FileType::Directory,
        }
    }
}

static NAMES: [(&str, Kind); 20] = [
    ("auxv", Kind::Memory(|program| &program.told)),
    ("cmdline", Kind::Memory(|program| &program.arguments)),
    ("comm", Kind::Text(state::comm)),
    ("cwd", Kind::Link(|subject| Ok(subject.place()?.context.cwd.clone()))),
    ("environ", Kind::Memory(|program| &program.environment)),
    ("exe", Kind::Link(memory::executable)),
    ("fd", Kind::Files),
    ("fdinfo", Kind::Infos),
    ("limits", Kind::Text(usage::limits)),
    ("maps", Kind::Text(memory::maps)),
    ("mountinfo", Kind::Text(mounts::mountinfo)),
    ("mounts", Kind::Text(mounts::mounts)),
    ("ns", Kind::Namespaces),
    ("personality", Kind::Text(state::personality)),
    ("root", Kind::Link(|subject| Ok(subject.place()?.context.root.clone()))),
    ("stat", Kind::Text(state::stat)),
    ("statm", Kind::Text(usage::statm)),
    ("status", Kind::Text(state::status)),
    ("task", Kind::Threads),
    ("wchan", Kind::Text(state::wait_channel)),
];

/// Names that show what is in a process's memory: not for everyone.
const PRIVATE: [&str; 4] = ["auxv", "environ", "maps", "personality"];

/// The name of [`What::Namespace`].
const NAMESPACE: &str = "mnt";

/// Bits of a node's number that say what it is, and that say which of the threads.
const CODE_BITS: u32 = 20;
const THREAD_BITS: u32 = 22;

const _: () = assert!(2 * files::LIMIT_MAX + 1024 <= 1 << CODE_BITS && number::END <= 1 << THREAD_BITS);

pub(super) fn inode(subject: Subject, what: What) -> u64 {
    let code = match what {
        What::Directory => 0,
        What::Namespace => 1,
        What::Named(index) => 2 + index as u64,
        What::File(number) => 1024 + u64::from(number),
        What::Info(number) => (1024 + files::LIMIT_MAX) as u64 + u64::from(number),
    };
    (subject.serial << THREAD_BITS | u64::from(subject.thread.unwrap_or(0))) << CODE_BITS | code
}

pub(super) fn node(tree: &Arc<Tree>, subject: Subject, what: What) -> Result<NodeRef> {
    let changes = match (what.kind(), subject.process()) {
        (Some(Kind::Files | Kind::Infos), Ok(Some(process))) => Some(process.files().changes().clone()),
        _ => None,
    };
    let tree = tree.clone();
    tree.clone().shared(inode(subject, what), || Arc::new(Node { tree, subject, what, changes }))
}

/// Whose directory a node is, if it is one.
pub(super) fn subject_of_directory(node: &NodeRef) -> Option<Subject> {
    let node = node.as_any().downcast_ref::<Node>()?;
    (node.what == What::Directory).then_some(node.subject)
}

/// Where who reads stands; the kernel's own shell stands where the process does.
pub(super) fn reader(subject: Subject) -> Result<Arc<Place>> {
    match process::current() {
        Some(process) => process.place(),
        None => subject.place(),
    }
}

/// The name of what somebody has open as who reads it sees it; for what has none there, what it is.
pub(super) fn shown_name(reader: &Place, target: &Path) -> Result<Arc<[u8]>> {
    if let Ok(name) = reader.manager.path_name(&reader.context, target) {
        return Ok(Arc::from(name));
    }
    if let Some(name) = anonymous::shown_name(target) {
        return Ok(Arc::from(name));
    }
    let node = target.node()?;
    Ok(match node.kind() {
        FileType::Fifo => Arc::from(format!("pipe:[{}]", node.id().inode).as_bytes()),
        FileType::Socket => Arc::from(format!("socket:[{}]", node.id().inode).as_bytes()),
        _ => Arc::from([b"/", &target.entry.name()[..], b" (deleted)"].concat()),
    })
}

struct Node {
    tree: Arc<Tree>,
    subject: Subject,
    what: What,
    /// Of the directories of open files.
    changes: Option<Arc<ChangeCell>>,
}

impl Node {
    /// Whether that one of [`NAMES`] is in this directory.
    fn has(&self, index: usize) -> bool {
        self.subject.thread.is_none() || !matches!(NAMES[index].1, Kind::Threads)
    }

    /// The lowest number of a thread from `from` on.
    fn next_thread(&self, from: usize) -> Result<Option<u32>> {
        if self.subject.pid == FIRST {
            return Ok(Some(FIRST).filter(|&first| from <= first as usize));
        }
        let numbers = self.subject.threads()?.into_iter().filter_map(|thread| Some(thread.user()?.tid()));
        Ok(numbers.filter(|&number| number as usize >= from).min())
    }

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
            What::Namespace => namespaces::path(&self.subject.place()?.manager),
            What::Named(_) | What::Directory | What::Info(_) => match self.what.kind() {
                Some(Kind::Link(target)) => target(self.subject),
                _ => fail(FileSystemErrorKind::InvalidArgument),
            },
        }
    }
}

impl VfsNode for Node {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> NodeId {
        NodeId { file_system: self.tree.id(), inode: inode(self.subject, self.what) }
    }

    fn kind(&self) -> FileType {
        self.what.file_type()
    }

    fn permissions(&self) -> Permissions {
        let (uid, gid) = self.subject.owner();
        let mode = match (self.what, self.kind()) {
            (What::File(_), _) => 0o700,
            (What::Named(index), FileType::Directory) => match NAMES[index].1 {
                Kind::Files => 0o500,
                Kind::Namespaces => 0o511,
                _ => 0o555,
            },
            (_, FileType::Directory) => 0o555,
            (_, FileType::Symlink) => 0o777,
            (What::Named(index), _) if PRIVATE.contains(&NAMES[index].0) => 0o400,
            _ => 0o444,
        };
        Permissions::new(mode, uid, gid)
    }

    fn metadata(&self) -> Result<Metadata> {
        self.subject.threads()?;
        let links = match (self.what, self.kind()) {
            (What::Directory, _) => 3,
            (_, FileType::Directory) => 2,
            _ => 1,
        };
        Ok(Metadata { links, ..Metadata::untouched(self.id(), self.kind(), self.permissions(), self.tree.made()) })
    }

    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>> {
        Ok(self.tree.clone())
    }

    fn set_attributes(&self, set: &SetAttributes) -> Result<()> {
        self.tree.refuse_attributes(set)
    }

    fn create(&self, _name: &[u8], _new: &NewNode<'_>) -> Result<NodeRef> {
        self.tree.refuse_name()
    }

    fn link(&self, _name: &[u8], _node: &NodeRef) -> Result<()> {
        self.tree.refuse_name()
    }

    fn unlink(&self, _name: &[u8], _victim: &NodeRef) -> Result<()> {
        self.tree.refuse()
    }

    fn remove_directory(&self, _name: &[u8], _victim: &NodeRef) -> Result<()> {
        self.tree.refuse()
    }

    fn rename(&self, _rename: &Rename<'_>) -> Result<()> {
        self.tree.refuse_name()
    }

    fn change_cell(&self) -> Option<&ChangeCell> {
        match self.what.kind() {
            Some(Kind::Threads) => Some(number::changes()),
            _ => self.changes.as_deref(),
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        let none = || FileSystemErrorKind::NotFound;
        let (subject, what) = match (self.what, self.what.kind()) {
            (What::Directory, _) => {
                let index = NAMES.iter().position(|(known, _)| known.as_bytes() == name);
                (self.subject, What::Named(index.filter(|&index| self.has(index)).ok_or_else(none)?))
            }
            (_, Some(kind @ (Kind::Files | Kind::Infos))) => {
                let number = decimal(name).ok_or_else(none)?;
                let process = self.subject.process()?.ok_or_else(none)?;
                process.files().get(u64::from(number)).map_err(|_| none())?;
                (self.subject, kind.of_file(number))
            }
            (_, Some(Kind::Threads)) => {
                let thread = decimal(name).ok_or_else(none)?;
                self.next_thread(thread as usize)?.filter(|&next| next == thread).ok_or_else(none)?;
                (Subject { thread: Some(thread), ..self.subject }, What::Directory)
            }
            (_, Some(Kind::Namespaces)) if name == NAMESPACE.as_bytes() => (self.subject, What::Namespace),
            (_, Some(Kind::Namespaces)) => return fail(FileSystemErrorKind::NotFound),
            _ => return fail(FileSystemErrorKind::NotADirectory),
        };
        node(&self.tree, subject, what)
    }

    fn list(&self, cursor: u64, emit: &mut EmitItem<'_>) -> Result<u64> {
        let mut at = usize::try_from(cursor.max(FIRST_CURSOR) - FIRST_CURSOR).unwrap_or(usize::MAX);
        loop {
            let found = match (self.what, self.what.kind()) {
                (What::Directory, _) => (at..NAMES.len()).find(|&index| self.has(index)).map(|index| {
                    at = index;
                    (NAMES[index].0.to_string(), self.subject, What::Named(index))
                }),
                (_, Some(kind @ (Kind::Files | Kind::Infos))) => {
                    let next = self.subject.process()?.and_then(|process| process.files().next(at));
                    next.map(|number| {
                        at = number;
                        (number.to_string(), self.subject, kind.of_file(number as u32))
                    })
                }
                (_, Some(Kind::Threads)) => self.next_thread(at)?.map(|thread| {
                    at = thread as usize;
                    (thread.to_string(), Subject { thread: Some(thread), ..self.subject }, What::Directory)
                }),
                (_, Some(Kind::Namespaces)) => {
                    (at == 0).then(|| (NAMESPACE.to_string(), self.subject, What::Namespace))
                }
                _ => return fail(FileSystemErrorKind::NotADirectory),
            };
            let Some((name, subject, what)) = found else { return Ok(FIRST_CURSOR + at as u64) };
            let (inode, next) = (inode(subject, what), FIRST_CURSOR + at as u64 + 1);
            if !emit(DirectoryItem { name: name.as_bytes(), inode, kind: what.file_type(), next }) {
                return Ok(next - 1);
            }
            at += 1;
        }
    }

    fn read_link(&self) -> Result<Arc<[u8]>> {
        let target = self.target()?;
        let reader = reader(self.subject)?;
        self.subject.check_look(&reader.context.credentials)?;
        match self.what {
            What::Namespace => Ok(Arc::from(format!("{NAMESPACE}:[{}]", target.node()?.id().inode).as_bytes())),
            _ => shown_name(&reader, &target),
        }
    }

    fn jump(&self, credentials: &Credentials) -> Result<Option<Path>> {
        self.subject.check_look(credentials)?;
        self.target().map(Some)
    }

    fn open(&self, _access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        let text = match self.what.kind() {
            Some(Kind::Text(make)) => make(self.subject)?.into_bytes(),
            Some(Kind::Memory(range)) => memory::content(self.subject, range)?,
            None if let What::Info(number) = self.what => open_files::info(self.subject, number)?.into_bytes(),
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Text::new(text, FileSystemErrorKind::InvalidArgument))))
    }
}
