//! A writer of small archives, right and wrong ones, and ways to look at what became of them.

use super::super::CpioFs;
use super::super::error::CpioError;
use crate::content::Bytes;
use crate::error::Result;
use crate::file_system::FileSystemOperations;
use crate::metadata::Metadata;
use crate::node::{FIRST_CURSOR, NodeRef, VfsNode};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// The time of all entries.
pub const TIME: u32 = 1_700_000_000;

/// The header of an entry, for a test to change.
#[derive(Clone, Copy)]
pub struct Fields {
    pub magic: &'static str,
    pub inode: u32,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    pub device: (u32, u32),
    pub special: (u32, u32),
    pub checksum: u32,
    /// NULs after the name, the one it needs included.
    pub nuls: usize,
}

/// A regular file's header: 0644, root's, one name.
pub const FILE: Fields = Fields {
    magic: "070701",
    inode: 0,
    mode: 0o100_644,
    uid: 0,
    gid: 0,
    links: 1,
    device: (8, 1),
    special: (0, 0),
    checksum: 0,
    nuls: 1,
};

/// A directory's: 0755.
pub const DIRECTORY: Fields = Fields { mode: 0o040_755, links: 2, ..FILE };

/// A symbolic link's.
pub const SYMLINK: Fields = Fields { mode: 0o120_777, ..FILE };

/// An archive that is being written.
#[derive(Default)]
pub struct Sample {
    bytes: Vec<u8>,
}

impl Sample {
    /// Starts an archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long it is so far: where the next entry starts.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an entry.
    pub fn entry(mut self, name: &str, fields: Fields, data: &[u8]) -> Self {
        let name_size = name.len() + fields.nuls;
        let numbers = [
            fields.inode,
            fields.mode,
            fields.uid,
            fields.gid,
            fields.links,
            TIME,
            data.len() as u32,
            fields.device.0,
            fields.device.1,
            fields.special.0,
            fields.special.1,
            name_size as u32,
            fields.checksum,
        ];
        self.bytes.extend_from_slice(fields.magic.as_bytes());
        for number in numbers {
            self.bytes.extend_from_slice(format!("{number:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.resize(self.bytes.len() + fields.nuls, 0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
        self
    }

    /// Adds a regular file.
    pub fn file(self, name: &str, data: &[u8]) -> Self {
        self.entry(name, FILE, data)
    }

    /// Adds a directory.
    pub fn directory(self, name: &str) -> Self {
        self.entry(name, DIRECTORY, b"")
    }

    /// Adds a symbolic link.
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(name, SYMLINK, target.as_bytes())
    }

    /// The archive, with the entry that ends it.
    pub fn finish(self) -> Vec<u8> {
        self.entry("TRAILER!!!", Fields { mode: 0, ..FILE }, b"").bytes
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// A gzip member of that content, in stored blocks: real gzip without a compressor.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut rest = content;
    loop {
        let (block, after) = rest.split_at(rest.len().min(60_000));
        member.push(u8::from(after.is_empty()));
        member.extend_from_slice(&(block.len() as u16).to_le_bytes());
        member.extend_from_slice(&(!(block.len() as u16)).to_le_bytes());
        member.extend_from_slice(block);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    member.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
    member.extend_from_slice(&(content.len() as u32).to_le_bytes());
    member
}

/// Mounts an archive that is right.
pub fn mount(archive: Vec<u8>) -> Arc<CpioFs> {
    CpioFs::from_archive(Bytes::from_vec(archive)).expect("a good archive")
}

/// Mounts an archive that is wrong.
pub fn refused(archive: Vec<u8>) -> CpioError {
    match CpioFs::from_archive(Bytes::from_vec(archive)) {
        Ok(_) => panic!("a bad archive was mounted"),
        Err(error) => error,
    }
}

/// The node at a path of plain names.
pub fn node(fs: &CpioFs, path: &str) -> Result<NodeRef> {
    let mut node = fs.root();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        node = node.lookup(name.as_bytes())?;
    }
    Ok(node)
}

/// Metadata of what must be there.
pub fn stat(fs: &CpioFs, path: &str) -> Metadata {
    node(fs, path).and_then(|node| node.metadata()).expect("a name that is there")
}

/// The data of a file.
pub fn read(fs: &CpioFs, path: &str) -> Vec<u8> {
    let node = node(fs, path).expect("a name that is there");
    let mut data = vec![0; node.metadata().expect("metadata").size as usize + 1];
    let count = node.read(0, &mut &mut data[..]).expect("a regular file");
    data.truncate(count);
    data
}

/// The names in a directory, in the order of the listing.
pub fn names(directory: &dyn VfsNode) -> Vec<String> {
    let mut names = Vec::new();
    let collect = &mut |item: crate::node::DirectoryItem<'_>| {
        names.push(String::from_utf8_lossy(item.name).into_owned());
        true
    };
    directory.list(FIRST_CURSOR, collect).expect("a directory");
    names
}

/// The whole tree, depth first: one line for each name, with type, mode, links and what it holds.
pub fn show(fs: &CpioFs) -> String {
    let mut text = String::new();
    show_below(&*fs.root(), &mut String::new(), &mut text);
    text
}

fn show_below(directory: &dyn VfsNode, path: &mut String, text: &mut String) {
    for name in names(directory) {
        let node = directory.lookup(name.as_bytes()).expect("a listed name");
        let metadata = node.metadata().expect("metadata");
        let length = path.len();
        path.push('/');
        path.push_str(&name);
        let mut data = vec![0; metadata.size as usize];
        match node.kind() {
            crate::metadata::FileType::Regular => {
                node.read(0, &mut &mut data[..]).expect("a regular file");
            }
            crate::metadata::FileType::Symlink => data = node.read_link().expect("a link").to_vec(),
            _ => {}
        }
        let data = String::from_utf8_lossy(&data);
        text.push_str(&format!("{path} {:?} {:o} {} {data}\n", metadata.kind, metadata.mode, metadata.links));
        if metadata.kind == crate::metadata::FileType::Directory {
            show_below(&*node, path, text);
        }
        path.truncate(length);
    }
}
