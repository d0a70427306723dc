//! Mutations of cpio archives that get past the first check, and what must hold of a file system made of any bytes.

use super::{Random, outcome};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::mem;
use tools::newc::{Attributes, Writer};
use vfs::content::Bytes;
use vfs::drivers::cpiofs::CpioFs;
use vfs::error::FileSystemErrorKind;
use vfs::file_system::FileSystemOperations;
use vfs::metadata::{FileType, Metadata};
use vfs::node::{FIRST_CURSOR, NodeRef};

const NAMES: [&str; 20] = [
    "a",
    "b",
    "c",
    "a/b",
    "a/c",
    "b/a",
    "a/b/c",
    "a/b/c/d",
    "./a",
    "/b",
    "a//c",
    "a/",
    ".",
    "/",
    "..",
    "a/../b",
    "...",
    "TRAILER!!!",
    "d/e/f/g/h",
    "a/.",
];

const TARGETS: [&str; 9] = ["a", "b", "/", "..", "../b", "/a/b", "a/b/c", "./.", "c/x/y/z"];

const TYPES: [u32; 8] = [0o100_644, 0o040_755, 0o120_777, 0o020_600, 0o060_600, 0o010_600, 0o140_600, 0o644];

const NUMBERS: [u32; 16] =
    [0, 1, 2, 3, 4, 109, 110, 255, 256, 4095, 4096, 4097, 65_536, 0x7fff_ffff, 0xffff_fff0, 0xffff_ffff];

/// Changes an archive and leaves most of it in order.
pub fn mutate(random: &mut Random, pool: &[Vec<u8>], input: &mut Vec<u8>) {
    match random.below(8) {
        0..3 => change_field(random, input),
        3 => change_name(random, input),
        4 => *input = fresh(random),
        5 => {
            let zeros = random.below(6);
            input.resize(input.len() + zeros, 0);
            input.extend_from_slice(random.pick(pool));
        }
        6 => input.extend(fresh(random)),
        _ => compress(random, input),
    }
}

/// Where headers seem to start.
fn headers(input: &[u8]) -> Vec<usize> {
    let starts = input.windows(6).enumerate().filter(|(_, bytes)| bytes.starts_with(b"07070"));
    starts.map(|(at, _)| at).filter(|at| at + 110 <= input.len()).collect()
}

fn change_field(random: &mut Random, input: &mut [u8]) {
    let headers = headers(input);
    if headers.is_empty() {
        return;
    }
    let header = *random.pick(&headers);
    let field = random.below(13);
    let number = match field {
        1 => *random.pick(&TYPES) | (random.below(8) as u32 * 0o1000),
        _ if random.below(8) == 0 => random.number() as u32,
        _ => *random.pick(&NUMBERS),
    };
    let start = header + 6 + field * 8;
    input[start..start + 8].copy_from_slice(format!("{number:08x}").as_bytes());
    if random.below(4) == 0 {
        input[header + 5] = *random.pick(b"127");
    }
}

fn change_name(random: &mut Random, input: &mut [u8]) {
    let headers = headers(input);
    if headers.is_empty() {
        return;
    }
    let start = *random.pick(&headers) + 110;
    let name = random.pick(&NAMES).as_bytes();
    if start + name.len() < input.len() {
        input[start..start + name.len()].copy_from_slice(name);
        input[start + name.len()] = 0;
    }
}

/// An archive that is right but for its names and numbers: few of each, so that they meet.
fn fresh(random: &mut Random) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for _ in 0..random.below(12) {
        let mode = *random.pick(&TYPES);
        let data = match mode & 0o170_000 {
            0o120_000 => random.pick(&TARGETS).as_bytes().to_vec(),
            0o100_000 => vec![b'd'; random.below(200)],
            _ => Vec::new(),
        };
        let attributes = Attributes {
            inode: random.below(3) as u32,
            mode,
            uid: random.below(2) as u32,
            gid: 0,
            links: 1 + random.below(2) as u32,
            modified: random.number() as u32,
            device: (random.below(300) as u32, random.below(300) as u32),
        };
        let name = random.pick(&NAMES).as_bytes();
        writer.entry(name, &attributes, data.len() as u32, &mut Cursor::new(data)).expect("a name newc can hold");
    }
    let mut archive = writer.finish().expect("memory takes everything");
    // The zeros at the end only make what follows slower.
    let end = archive.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    archive.truncate(end.next_multiple_of(4).min(archive.len()));
    archive
}

/// Makes one or two gzip members of the input.
fn compress(random: &mut Random, input: &mut Vec<u8>) {
    let (one, other) = input.split_at(random.below(input.len() + 1));
    let level = Compression::new(random.below(10) as u32);
    let packed =
        if random.below(3) == 0 { [gzip(one, level), gzip(other, level)].concat() } else { gzip(input, level) };
    *input = packed;
}

fn gzip(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}

/// Mounts whatever it is. Refused, it must be with a place within the input; mounted, the tree must hold together.
pub fn examine(input: &[u8]) -> u64 {
    match CpioFs::from_archive(Bytes::from_vec(input.to_vec())) {
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.starts_with(&format!("offset {:#x}", error.offset)), "{shown}");
            let place = error.unpacked_from.unwrap_or(error.offset);
            assert!(place <= input.len() as u64, "{shown}");
            outcome(&(mem::discriminant(&error.problem), error.unpacked_from.is_some()))
        }
        Ok(file_system) => {
            let tree = Tree::of(&*file_system);
            let again = CpioFs::from_archive(Bytes::from_vec(input.to_vec())).expect("mounted a moment ago");
            assert!(tree == Tree::of(&*again), "mounting twice shows two trees");
            outcome(&tree.shape())
        }
    }
}

/// A tree as it was found.
#[derive(PartialEq)]
struct Tree {
    /// Each name, with its inode number and the content of what it names.
    names: Vec<(Vec<u8>, u64, Vec<u8>)>,
    /// Each node with its metadata, and the names it was met under.
    nodes: BTreeMap<u64, Node>,
}

#[derive(PartialEq)]
struct Node {
    kind: FileType,
    links: u64,
    met: u64,
    directories: u64,
}

impl Tree {
    /// Walks all of it and checks each node by itself, then what only the whole shows.
    fn of(file_system: &dyn FileSystemOperations) -> Self {
        let mut tree = Self { names: Vec::new(), nodes: BTreeMap::new() };
        let mut waiting = vec![(Vec::new(), file_system.root())];
        while let Some((path, node)) = waiting.pop() {
            let metadata = node.metadata().expect("every node has metadata");
            assert_eq!((metadata.id, metadata.kind), (node.id(), node.kind()));
            let content = content(&node, &metadata);
            tree.names.push((path.clone(), metadata.id.inode, content));
            let met = tree.nodes.entry(metadata.id.inode).or_insert(Node {
                kind: metadata.kind,
                links: metadata.links,
                met: 0,
                directories: 0,
            });
            met.met += 1;
            if metadata.kind != FileType::Directory {
                continue;
            }
            assert_eq!(met.met, 1, "a directory with two names");
            let children = children(&node);
            met.directories = children.iter().filter(|(_, child)| child.kind() == FileType::Directory).count() as u64;
            waiting.extend(children.into_iter().map(|(name, child)| ([&path[..], b"/", &name].concat(), child)));
        }
        for (inode, node) in &tree.nodes {
            let expected = if node.kind == FileType::Directory { 2 + node.directories } else { node.met };
            assert_eq!(node.links, expected, "links of inode {inode}");
        }
        let figures = file_system.statistics().expect("figures");
        assert_eq!(figures.nodes, tree.nodes.len() as u64);
        tree
    }

    /// What tells trees apart for the fuzzer: types, sizes by their order, what is linked.
    fn shape(&self) -> (Vec<FileType>, u32, bool, usize) {
        let mut kinds: Vec<_> = self.nodes.values().map(|node| node.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let linked = self.nodes.values().any(|node| node.met > 1);
        let depth = self.names.iter().map(|(path, ..)| path.iter().filter(|byte| **byte == b'/').count()).max();
        (kinds, self.nodes.len().ilog2(), linked, depth.unwrap_or(0).min(8))
    }
}

/// The children of a directory, found by the names that it lists.
fn children(directory: &NodeRef) -> Vec<(Vec<u8>, NodeRef)> {
    let mut items = Vec::new();
    let list = &mut |item: vfs::node::DirectoryItem<'_>| {
        items.push((item.name.to_vec(), item.inode, item.kind));
        true
    };
    directory.list(FIRST_CURSOR, list).expect("a directory lists");
    let missing = directory.lookup(b"no such name").err().map(vfs::error::FileSystemError::kind);
    assert_eq!(missing, Some(FileSystemErrorKind::NotFound));
    let find = |(name, inode, kind): (Vec<u8>, u64, FileType)| {
        assert!(!name.is_empty() && name.len() <= 255 && name != b"." && name != b"..");
        assert!(!name.contains(&b'/') && !name.contains(&0));
        let child = directory.lookup(&name).expect("a listed name is found");
        assert_eq!((child.id().inode, child.kind()), (inode, kind));
        (name, child)
    };
    items.into_iter().map(find).collect()
}

/// The content of a file or the target of a link, the same by every way to it.
fn content(node: &NodeRef, metadata: &Metadata) -> Vec<u8> {
    let size = usize::try_from(metadata.size).expect("a size that fits");
    match metadata.kind {
        FileType::Regular => {
            let mut read = vec![0; size + 1];
            assert_eq!(node.read(0, &mut &mut read[..]), Ok(size));
            read.truncate(size);
            let mut cloned = vec![0; size];
            let content = node.content().expect("a file has content");
            assert_eq!((content.len(), content.read(0, &mut &mut cloned[..])), (metadata.size, Ok(size)));
            assert!(read == cloned, "content is not what is read");
            read
        }
        FileType::Symlink => {
            let target = node.read_link().expect("a link leads somewhere").to_vec();
            assert_eq!(target.len(), size);
            assert!((1..4096).contains(&size) && !target.contains(&0));
            target
        }
        _ => {
            assert_eq!(size, 0);
            Vec::new()
        }
    }
}
