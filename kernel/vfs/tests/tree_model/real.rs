//! The file system under test beside its model: each step is made on both.

use crate::model::{Body, FILE_MODE, Index, Model, NOWHERE, Path, Step, TEMPORARY};
use std::collections::BTreeMap;
use std::sync::Arc;
use vfs::content::Content;
use vfs::context::Context;
use vfs::environment::Environment;
use vfs::error::{FileSystemErrorKind as Kind, Result};
use vfs::file::{FileObject, OpenFlags};
use vfs::file_system::FileSystemOperations;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{DeviceNumber, FileType, NodeId};
use vfs::node::{NewKind, RenameFlags, SetXattr};

pub struct Real {
    vfs: Arc<VfsManager>,
    root: Context,
    model: Model,
    /// The identity of each node of the model that was seen, which must stay.
    identities: BTreeMap<Index, NodeId>,
    /// Open files, with their nodes of the model: also of files that have no name any more.
    open: Vec<(Arc<FileObject>, Index)>,
    /// Snapshots, with what they must go on to hold.
    snapshots: Vec<(Content, Vec<u8>)>,
    /// Whether link counts are exact. An overlay shows 1 for a directory, which it would have to count, and for a
    /// lower file what the lower layer says, also when one of its names is hidden (as on Linux).
    counts_links: bool,
}

/// A path as the manager takes it.
fn bytes_of(path: &Path) -> Vec<u8> {
    format!("/{}", path.join("/")).into_bytes()
}

fn kind_of(body: &Body) -> FileType {
    match body {
        Body::Directory(_) => FileType::Directory,
        Body::File(_) => FileType::Regular,
        Body::Link => FileType::Symlink,
        Body::Fifo => FileType::Fifo,
        Body::Whiteout => FileType::CharDevice,
    }
}

fn read_all(file: &FileObject) -> Vec<u8> {
    let mut bytes = vec![0; file.metadata().unwrap().size as usize + 10];
    let mut at = 0;
    loop {
        let count = file.read_at(at as u64, &mut &mut bytes[at..]).unwrap();
        at += count;
        if count == 0 {
            bytes.truncate(at);
            return bytes;
        }
    }
}

/// A write that came only so far.
fn shortened(step: &Step, written: usize) -> Step {
    let mut step = step.clone();
    if let Step::Write { count, .. } | Step::Append { count, .. } = &mut step {
        *count = written;
    }
    step
}

impl Real {
    /// A file system that holds what the model holds.
    pub fn new(file_system: Arc<dyn FileSystemOperations>, environment: Environment, model: Model) -> Self {
        let counts_links = file_system.type_name() == "tmpfs";
        let vfs = VfsManager::new(file_system, environment);
        let root = Context { umask: 0, ..vfs.root_context() };
        let identities = BTreeMap::from([(0, vfs.metadata(&root, b"/", Follow::Yes).unwrap().id)]);
        Self { vfs, root, model, identities, open: Vec::new(), snapshots: Vec::new(), counts_links }
    }

    /// Makes all the steps, comparing the trees before and after each.
    pub fn steps(&mut self, steps: &[Step]) {
        self.compare();
        for step in steps {
            self.step(step);
            self.compare();
        }
    }

    /// Leaves the file system, with what it is to hold.
    pub fn into_model(self) -> Model {
        self.model
    }

    /// Makes the step on both sides: they must give the same answer.
    fn step(&mut self, step: &Step) {
        let expected = self.model.apply(step);
        let answer = self.apply(step).map(drop).map_err(|error| error.kind());
        assert_eq!(answer, expected, "{step:?}");
    }

    /// Makes all the steps, each again and again: with its first allocation failing, its second, and so on until it
    /// meets no failure. What fails must have changed nothing.
    pub fn steps_with_faults(&mut self, steps: &[Step]) {
        for step in steps {
            if let Step::Write { path, .. } | Step::Append { path, .. } = step {
                // Making the file is an operation of its own.
                self.step(&Step::Append { path: path.clone(), count: 0, byte: 0 });
            }
            for nth in 1.. {
                let armed = page::faults::fail_nth(nth);
                let answer = self.apply(step);
                let fired = armed.fired();
                drop(armed);
                match answer.map_err(|error| error.kind()) {
                    Err(Kind::OutOfMemory) if fired => self.compare(),
                    answer => {
                        let expected = self.model.apply(&shortened(step, answer.unwrap_or(0)));
                        assert_eq!(answer.map(drop), expected, "{step:?}, failure {nth}");
                        self.compare();
                        break;
                    }
                }
            }
        }
    }

    /// Makes the step; of a write, returns how many bytes were written.
    fn apply(&mut self, step: &Step) -> Result<usize> {
        let (vfs, root) = (self.vfs.clone(), &self.root);
        let done = match step {
            Step::MakeDirectory(path, mode) => vfs.make_directory(root, &bytes_of(path), *mode),
            Step::Create(path, mode) => {
                let flags = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::WRITE;
                vfs.open(root, &bytes_of(path), flags, *mode).map(drop)
            }
            Step::Write { path, at, count, byte } => {
                let file = self.open_to_write(path, OpenFlags::empty())?;
                return file.write_at(&root.credentials, *at as u64, &mut &vec![*byte; *count][..]);
            }
            Step::Append { path, count, byte } => {
                let file = self.open_to_write(path, OpenFlags::APPEND)?;
                return file.write(&root.credentials, &mut &vec![*byte; *count][..]);
            }
            Step::Truncate(path, len) => vfs.truncate(root, &bytes_of(path), *len as u64),
            Step::Symlink(path) => vfs.make_symlink(root, NOWHERE.as_bytes(), &bytes_of(path)),
            Step::Fifo(path) => vfs.make_node(root, &bytes_of(path), NewKind::Fifo, 0o600),
            Step::Link(old, new) => vfs.link(root, &bytes_of(old), &bytes_of(new), Follow::No),
            Step::Unlink(path) => vfs.unlink(root, &bytes_of(path)),
            Step::RemoveDirectory(path) => vfs.remove_directory(root, &bytes_of(path)),
            Step::Rename { old, new, no_replace, exchange, whiteout } => {
                let mut flags = RenameFlags::empty();
                flags.set(RenameFlags::NO_REPLACE, *no_replace);
                flags.set(RenameFlags::EXCHANGE, *exchange);
                flags.set(RenameFlags::WHITEOUT, *whiteout);
                vfs.rename(root, &bytes_of(old), &bytes_of(new), flags)
            }
            Step::SetMode(path, mode) => vfs.set_mode(root, &bytes_of(path), *mode, Follow::Yes),
            Step::SetXattr { path, name, value, create, replace } => {
                let how = match (create, replace) {
                    (true, _) => SetXattr::Create,
                    (_, true) => SetXattr::Replace,
                    _ => SetXattr::Any,
                };
                vfs.set_xattr(root, &bytes_of(path), name.as_bytes(), value, how, Follow::No)
            }
            Step::RemoveXattr(path, name) => vfs.remove_xattr(root, &bytes_of(path), name.as_bytes(), Follow::No),
            Step::Temporary(directory, path) => {
                let flags = OpenFlags::TEMPORARY | OpenFlags::WRITE;
                let file = vfs.open(root, &bytes_of(directory), flags, FILE_MODE)?;
                assert_eq!(file.write(&root.credentials, &mut &TEMPORARY[..])?, TEMPORARY.len());
                assert_eq!(file.metadata().unwrap().links, 0);
                vfs.link_file(root, &file, &bytes_of(path))
            }
            Step::Open(path) => {
                let file = vfs.open(root, &bytes_of(path), OpenFlags::READ | OpenFlags::WRITE, 0)?;
                let node = self.model.find(path).expect("it was opened");
                self.open.push((file, node));
                Ok(())
            }
            Step::Snapshot(path) => {
                let file = vfs.open(root, &bytes_of(path), OpenFlags::READ | OpenFlags::WRITE, 0)?;
                self.snapshots.push((file.node().content()?, read_all(&file)));
                Ok(())
            }
        };
        done.map(|()| 0)
    }

    fn open_to_write(&self, path: &Path, more: OpenFlags) -> Result<Arc<FileObject>> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::NO_FOLLOW | more;
        self.vfs.open(&self.root, &bytes_of(path), flags, FILE_MODE)
    }

    /// Compares the whole tree, the files kept open, and the snapshots.
    fn compare(&mut self) {
        self.compare_directory(0, &mut Vec::new());
        for (file, node) in &self.open {
            let Body::File(bytes) = &self.model.nodes[*node].body else { panic!("a regular file stays one") };
            assert!(read_all(file) == *bytes, "what an open file shows");
            if self.counts_links {
                assert_eq!(file.metadata().unwrap().links, self.model.links(*node));
            }
        }
        for (content, bytes) in &self.snapshots {
            let mut read = vec![0xee; content.len() as usize];
            assert_eq!(content.read(0, &mut &mut read[..]), Ok(read.len()));
            assert!(read == *bytes, "what a snapshot holds");
        }
    }

    fn compare_directory(&mut self, directory: Index, path: &mut Path) {
        let listed = self.list(path);
        let names: BTreeMap<&'static str, Index> = self.model.names(directory).clone();
        assert!(listed.keys().map(String::as_str).eq(names.keys().copied()), "{path:?}: {:?}", listed.keys());
        for (name, node) in names {
            path.push(name);
            self.compare_node(node, path, listed[name]);
            if self.model.nodes[node].is_directory() {
                self.compare_directory(node, path);
            }
            path.pop();
        }
    }

    /// Names with what the listing says of them: inode and type.
    fn list(&self, path: &Path) -> BTreeMap<String, (u64, FileType)> {
        let file = self.vfs.open(&self.root, &bytes_of(path), OpenFlags::READ | OpenFlags::DIRECTORY, 0).unwrap();
        let mut listed = BTreeMap::new();
        file.list(&mut |item| {
            let name = String::from_utf8(item.name.to_vec()).unwrap();
            if name != "." && name != ".." {
                assert!(listed.insert(name, (item.inode, item.kind)).is_none(), "listed twice in {path:?}");
            }
            true
        })
        .unwrap();
        listed
    }

    fn compare_node(&mut self, index: Index, path: &Path, listed: (u64, FileType)) {
        let (at, node) = (bytes_of(path), &self.model.nodes[index]);
        let metadata = self.vfs.metadata(&self.root, &at, Follow::No).unwrap();
        assert_eq!((metadata.kind, metadata.mode), (kind_of(&node.body), node.mode), "{path:?}");
        assert_eq!((metadata.id.inode, metadata.kind), listed, "{path:?}");
        if self.counts_links {
            assert_eq!(metadata.links, self.model.links(index), "{path:?}");
        }
        assert_eq!(*self.identities.entry(index).or_insert(metadata.id), metadata.id, "{path:?}");
        match &node.body {
            Body::File(bytes) => {
                assert_eq!(metadata.size, bytes.len() as u64, "{path:?}");
                let file = self.vfs.open(&self.root, &at, OpenFlags::READ, 0).unwrap();
                assert!(read_all(&file) == *bytes, "{path:?}");
            }
            Body::Link => {
                assert_eq!(self.vfs.read_link(&self.root, &at).unwrap()[..], *NOWHERE.as_bytes(), "{path:?}")
            }
            Body::Whiteout => assert_eq!(metadata.device, DeviceNumber::new(0, 0), "{path:?}"),
            Body::Directory(_) | Body::Fifo => {}
        }
        let mut names = self.vfs.list_xattrs(&self.root, &at, Follow::No).unwrap();
        names.sort();
        assert!(names.iter().map(|name| &name[..]).eq(node.xattrs.keys().map(|name| name.as_bytes())), "{path:?}");
        for (name, value) in &node.xattrs {
            let read = self.vfs.get_xattr(&self.root, &at, name.as_bytes(), Follow::No);
            assert_eq!(read.as_ref(), Ok(value), "{path:?} {name}");
        }
    }

    /// Closes all files and removes all names.
    pub fn remove_everything(mut self) {
        self.open.clear();
        self.snapshots.clear();
        self.remove_below(0, &mut Vec::new());
        self.compare();
    }

    fn remove_below(&mut self, directory: Index, path: &mut Path) {
        for (name, node) in self.model.names(directory).clone() {
            path.push(name);
            if self.model.nodes[node].is_directory() {
                self.remove_below(node, path);
                self.step(&Step::RemoveDirectory(path.clone()));
            } else {
                self.step(&Step::Unlink(path.clone()));
            }
            path.pop();
        }
        if path.is_empty() {
            assert_eq!(
                self.vfs.metadata(&self.root, b"/a", Follow::No).map_err(|error| error.kind()),
                Err(Kind::NotFound)
            );
        }
    }
}
