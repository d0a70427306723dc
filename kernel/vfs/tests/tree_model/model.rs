//! A tree of files as POSIX has it, with nothing clever: a list of nodes, and maps of names. Answers each operation as `rename(2)`,
//! `link(2)` and the others say, for the superuser.

use std::collections::BTreeMap;
use vfs::error::FileSystemErrorKind as Kind;

/// A node is known by its place in the list.
pub type Index = usize;
/// How an operation ends.
pub type Answer = Result<(), Kind>;
/// A path from the root: at least one name.
pub type Path = Vec<&'static str>;

#[derive(Clone)]
pub struct Node {
    pub body: Body,
    pub mode: u32,
    pub xattrs: BTreeMap<&'static str, Vec<u8>>,
}

#[derive(Clone)]
pub enum Body {
    Directory(BTreeMap<&'static str, Index>),
    File(Vec<u8>),
    /// A symbolic link to [`NOWHERE`].
    Link,
    Fifo,
    /// The device 0:0 that `RENAME_WHITEOUT` leaves.
    Whiteout,
}

/// Where symbolic links lead: no path has that name, so following one finds nothing.
pub const NOWHERE: &str = "nowhere";

#[derive(Clone, Debug)]
pub enum Step {
    MakeDirectory(Path, u32),
    /// Opens with `O_CREAT | O_EXCL`.
    Create(Path, u32),
    /// Opens with `O_CREAT | O_NOFOLLOW` and writes.
    Write {
        path: Path,
        at: usize,
        count: usize,
        byte: u8,
    },
    Append {
        path: Path,
        count: usize,
        byte: u8,
    },
    Truncate(Path, usize),
    Symlink(Path),
    Fifo(Path),
    Link(Path, Path),
    Unlink(Path),
    RemoveDirectory(Path),
    Rename {
        old: Path,
        new: Path,
        no_replace: bool,
        exchange: bool,
        whiteout: bool,
    },
    SetMode(Path, u32),
    /// Sets an attribute; it must not, or must, be there.
    SetXattr {
        path: Path,
        name: &'static str,
        value: Vec<u8>,
        create: bool,
        replace: bool,
    },
    RemoveXattr(Path, &'static str),
    /// Opens with `O_TMPFILE` in the directory, writes a few bytes, and links it to the path.
    Temporary(Path, Path),
    /// Opens a regular file and keeps it open.
    Open(Path),
    /// Takes a snapshot of a regular file's content and keeps it.
    Snapshot(Path),
}

/// What a temporary file holds.
pub const TEMPORARY: &[u8] = b"temporary";
/// Its mode and that of a file that a write makes.
pub const FILE_MODE: u32 = 0o644;

#[derive(Clone)]
pub struct Model {
    pub nodes: Vec<Node>,
}

impl Node {
    fn new(body: Body, mode: u32) -> Self {
        Self { body, mode, xattrs: BTreeMap::new() }
    }

    pub fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory(_))
    }
}

impl Model {
    /// An empty root directory.
    pub fn new() -> Self {
        Self { nodes: vec![Node::new(Body::Directory(BTreeMap::new()), 0o755)] }
    }

    pub fn names(&self, directory: Index) -> &BTreeMap<&'static str, Index> {
        match &self.nodes[directory].body {
            Body::Directory(names) => names,
            _ => panic!("{directory} is a directory"),
        }
    }

    fn names_mut(&mut self, directory: Index) -> &mut BTreeMap<&'static str, Index> {
        match &mut self.nodes[directory].body {
            Body::Directory(names) => names,
            _ => panic!("{directory} is a directory"),
        }
    }

    /// How many names a node has; for a directory, what `st_nlink` shows of it.
    pub fn links(&self, node: Index) -> u64 {
        if self.nodes[node].is_directory() {
            let children = self.names(node).values().filter(|child| self.nodes[**child].is_directory());
            return 2 + children.count() as u64;
        }
        let names = self.nodes.iter().filter_map(|node| match &node.body {
            Body::Directory(names) => Some(names.values()),
            _ => None,
        });
        names.flatten().filter(|bound| **bound == node).count() as u64
    }

    /// The directory that a path of names leads through to: links lead nowhere.
    fn directory(&self, path: &[&'static str]) -> Result<Index, Kind> {
        let mut at = 0;
        for name in path {
            at = *self.names(at).get(name).ok_or(Kind::NotFound)?;
            match self.nodes[at].body {
                Body::Directory(_) => {}
                Body::Link => return Err(Kind::NotFound),
                _ => return Err(Kind::NotADirectory),
            }
        }
        Ok(at)
    }

    /// The last name of a path, and the directory it is in.
    fn place(&self, path: &Path) -> Result<(Index, &'static str), Kind> {
        let (name, above) = path.split_last().expect("a path has a name");
        Ok((self.directory(above)?, name))
    }

    /// The node of a path, a link itself.
    pub fn find(&self, path: &Path) -> Result<Index, Kind> {
        let (directory, name) = self.place(path)?;
        self.names(directory).get(name).copied().ok_or(Kind::NotFound)
    }

    /// The node of a path; a link leads nowhere.
    fn follow(&self, path: &Path) -> Result<Index, Kind> {
        let node = self.find(path)?;
        if matches!(self.nodes[node].body, Body::Link) { Err(Kind::NotFound) } else { Ok(node) }
    }

    /// The bytes of the regular file there, for whoever opens it to write or cuts it.
    fn bytes(&mut self, node: Index, otherwise: Kind) -> Result<&mut Vec<u8>, Kind> {
        match &mut self.nodes[node].body {
            Body::File(bytes) => Ok(bytes),
            Body::Directory(_) => Err(Kind::IsADirectory),
            _ => Err(otherwise),
        }
    }

    fn make(&mut self, path: &Path, body: Body, mode: u32) -> Result<Index, Kind> {
        let (directory, name) = self.place(path)?;
        if self.names(directory).contains_key(name) {
            return Err(Kind::AlreadyExists);
        }
        self.nodes.push(Node::new(body, mode));
        let node = self.nodes.len() - 1;
        self.names_mut(directory).insert(name, node);
        Ok(node)
    }

    /// What an open for writing finds or makes: a link is not followed, and no driver is behind a special file.
    fn open_to_write(&mut self, path: &Path) -> Result<&mut Vec<u8>, Kind> {
        let (directory, name) = self.place(path)?;
        let node = match self.names(directory).get(name) {
            Some(node) if matches!(self.nodes[*node].body, Body::Link) => return Err(Kind::TooManySymlinks),
            Some(node) => *node,
            None => self.make(path, Body::File(Vec::new()), FILE_MODE)?,
        };
        self.bytes(node, Kind::NoSuchDeviceOrAddress)
    }

    /// Whether `node` is below `above`, or is it.
    fn is_at_or_below(&self, node: Index, above: Index) -> bool {
        node == above
            || match &self.nodes[above].body {
                Body::Directory(names) => names.values().any(|child| self.is_at_or_below(node, *child)),
                _ => false,
            }
    }

    fn is_empty(&self, directory: Index) -> bool {
        self.names(directory).is_empty()
    }

    /// Makes the step, or answers why not and changes nothing.
    pub fn apply(&mut self, step: &Step) -> Answer {
        match step {
            Step::MakeDirectory(path, mode) => self.make(path, Body::Directory(BTreeMap::new()), *mode).map(drop),
            Step::Create(path, mode) => self.make(path, Body::File(Vec::new()), *mode).map(drop),
            Step::Symlink(path) => self.make(path, Body::Link, 0o777).map(drop),
            Step::Fifo(path) => self.make(path, Body::Fifo, 0o600).map(drop),
            Step::Write { path, at, count, byte } => {
                let bytes = self.open_to_write(path)?;
                if *count > 0 {
                    bytes.resize(bytes.len().max(at + count), 0);
                    bytes[*at..at + count].fill(*byte);
                }
                Ok(())
            }
            Step::Append { path, count, byte } => {
                let bytes = self.open_to_write(path)?;
                bytes.resize(bytes.len() + count, *byte);
                Ok(())
            }
            Step::Truncate(path, len) => {
                let node = self.follow(path)?;
                self.bytes(node, Kind::InvalidArgument)?.resize(*len, 0);
                Ok(())
            }
            Step::Link(old, new) => self.link(old, new),
            Step::Unlink(path) => {
                let (directory, name) = self.place(path)?;
                let node = self.find(path)?;
                if self.nodes[node].is_directory() {
                    return Err(Kind::IsADirectory);
                }
                self.names_mut(directory).remove(name);
                Ok(())
            }
            Step::RemoveDirectory(path) => {
                let (directory, name) = self.place(path)?;
                let node = self.find(path)?;
                if !self.nodes[node].is_directory() {
                    return Err(Kind::NotADirectory);
                }
                if !self.is_empty(node) {
                    return Err(Kind::DirectoryNotEmpty);
                }
                self.names_mut(directory).remove(name);
                Ok(())
            }
            Step::Rename { old, new, no_replace, exchange, whiteout } => {
                self.rename(old, new, *no_replace, *exchange, *whiteout)
            }
            Step::SetMode(path, mode) => {
                let node = self.follow(path)?;
                self.nodes[node].mode = *mode;
                Ok(())
            }
            Step::SetXattr { path, name, value, create, replace } => {
                let node = self.with_xattrs(path)?;
                let xattrs = &mut self.nodes[node].xattrs;
                match xattrs.contains_key(name) {
                    true if *create => return Err(Kind::AlreadyExists),
                    false if *replace => return Err(Kind::NoData),
                    _ => xattrs.insert(name, value.clone()),
                };
                Ok(())
            }
            Step::RemoveXattr(path, name) => {
                let node = self.with_xattrs(path)?;
                self.nodes[node].xattrs.remove(name).map(drop).ok_or(Kind::NoData)
            }
            Step::Temporary(directory, path) => {
                self.directory(directory)?;
                self.make(path, Body::File(TEMPORARY.to_vec()), FILE_MODE).map(drop)
            }
            Step::Open(path) | Step::Snapshot(path) => {
                let node = self.follow(path)?;
                self.bytes(node, Kind::NoSuchDeviceOrAddress).map(drop)
            }
        }
    }

    /// A node that may have attributes of users: a file or a directory.
    fn with_xattrs(&self, path: &Path) -> Result<Index, Kind> {
        let node = self.find(path)?;
        match self.nodes[node].body {
            Body::File(_) | Body::Directory(_) => Ok(node),
            _ => Err(Kind::NotPermitted),
        }
    }

    fn link(&mut self, old: &Path, new: &Path) -> Answer {
        let node = self.find(old)?;
        let (directory, name) = self.place(new)?;
        if self.names(directory).contains_key(name) {
            return Err(Kind::AlreadyExists);
        }
        if self.nodes[node].is_directory() {
            return Err(Kind::NotPermitted);
        }
        self.names_mut(directory).insert(name, node);
        Ok(())
    }

    fn rename(&mut self, old: &Path, new: &Path, no_replace: bool, exchange: bool, whiteout: bool) -> Answer {
        if exchange && (no_replace || whiteout) {
            return Err(Kind::InvalidArgument);
        }
        let (from, old_name) = self.place(old)?;
        let (to, new_name) = self.place(new)?;
        let source = *self.names(from).get(old_name).ok_or(Kind::NotFound)?;
        let target = self.names(to).get(new_name).copied();
        if no_replace && target.is_some() {
            return Err(Kind::AlreadyExists);
        }
        if exchange && target.is_none() {
            return Err(Kind::NotFound);
        }
        if self.is_at_or_below(to, source) {
            return Err(Kind::InvalidArgument);
        }
        if let Some(target) = target {
            if self.is_at_or_below(from, target) {
                return Err(if exchange { Kind::InvalidArgument } else { Kind::DirectoryNotEmpty });
            }
            if target == source {
                return Ok(());
            }
            if !exchange {
                match (self.nodes[source].is_directory(), self.nodes[target].is_directory()) {
                    (true, false) => return Err(Kind::NotADirectory),
                    (false, true) => return Err(Kind::IsADirectory),
                    (true, true) if !self.is_empty(target) => return Err(Kind::DirectoryNotEmpty),
                    _ => {}
                }
            }
        }
        self.names_mut(from).remove(old_name);
        self.names_mut(to).insert(new_name, source);
        if exchange && let Some(target) = target {
            self.names_mut(from).insert(old_name, target);
        }
        if whiteout {
            self.nodes.push(Node::new(Body::Whiteout, 0));
            let whiteout = self.nodes.len() - 1;
            self.names_mut(from).insert(old_name, whiteout);
        }
        Ok(())
    }
}
