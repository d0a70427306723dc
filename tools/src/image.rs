//! Packs a directory of the host as an initramfs.
//!
//! The same tree gives the same bytes: entries are sorted by name, directories before what is in them; inodes are
//! numbered in that order. Names are bytes. Hard links stay together, with the data on the last name, as GNU cpio
//! writes them. Sockets and the image itself are left out; extended attributes have no place in the format.

use crate::newc::{Attributes, Writer};
use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// How to pack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The owner and group of everything, instead of those on disk.
    pub owner: Option<(u32, u32)>,
    /// Whether to compress with gzip.
    pub gzip: bool,
}

/// How far the work is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Entries written.
    pub entries: usize,
    /// Entries that there are.
    pub entries_total: usize,
    /// Bytes of data written, before compression.
    pub bytes: u64,
}

/// What was left out, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub reason: &'static str,
}

/// Packs `directory` into the file `out`, which appears when it is whole. Returns what was left out.
///
/// # Errors
/// What cannot be read or written, with its path; what the format cannot hold (a file of 4 GiB, a name of 4 KiB).
pub fn build(
    directory: &Path,
    out: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Skipped>> {
    let mut tree = Tree::scan(directory)?;
    tree.leave_out(out);
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot_write = || format!("cannot write {}", out.display());
    let file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(parent)
        .with_context(cannot_write)?;
    let mut buffered = BufWriter::with_capacity(1 << 20, file.as_file());
    tree.write(&mut buffered, options, progress)?;
    buffered.flush().with_context(cannot_write)?;
    drop(buffered);
    file.persist(out).with_context(cannot_write)?;
    Ok(tree.skipped)
}

/// A file to pack.
struct Item {
    /// Where it is on the host.
    path: PathBuf,
    /// Its name in the archive.
    name: Vec<u8>,
    metadata: Metadata,
}

/// A directory's files, in archive order.
pub struct Tree {
    items: Vec<Item>,
    skipped: Vec<Skipped>,
}

impl Tree {
    /// Looks at everything below `directory`; symbolic links are not followed.
    ///
    /// # Errors
    /// What cannot be looked at, with its path.
    pub fn scan(directory: &Path) -> Result<Self> {
        let metadata = fs::metadata(directory).with_context(|| format!("cannot read {}", directory.display()))?;
        if !metadata.is_dir() {
            bail!("{} is not a directory", directory.display());
        }
        let root = Item { path: directory.to_path_buf(), name: b".".to_vec(), metadata };
        let mut tree = Self { items: Vec::new(), skipped: Vec::new() };
        // A directory's children are pushed in reverse, so that the first is packed next, and all below it.
        let mut waiting = vec![root];
        while let Some(item) = waiting.pop() {
            if item.metadata.is_dir() {
                waiting.extend(children(&item)?.into_iter().rev());
            }
            if item.metadata.file_type().is_socket() {
                tree.skipped.push(Skipped { path: item.path, reason: "a socket" });
            } else {
                tree.items.push(item);
            }
        }
        Ok(tree)
    }

    /// Leaves out the image itself, in case a former one lies in the tree.
    fn leave_out(&mut self, out: &Path) {
        let Ok(image) = fs::metadata(out) else { return };
        let same = |item: &Item| (item.metadata.dev(), item.metadata.ino()) == (image.dev(), image.ino());
        for item in self.items.extract_if(.., |item| same(item)) {
            self.skipped.push(Skipped { path: item.path, reason: "the image itself" });
        }
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// What cannot be read or written, with its path; what the format cannot hold.
    pub fn write(&self, out: &mut dyn Write, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<()> {
        if !options.gzip {
            self.write_plain(out, options, progress)?;
            return Ok(());
        }
        let mut packed = GzBuilder::new().mtime(0).write(out, Compression::best());
        self.write_plain(&mut packed, options, progress)?;
        packed.finish().context("cannot write the image")?;
        Ok(())
    }

    fn write_plain(&self, out: &mut dyn Write, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<()> {
        let mut writer = Writer::new(out);
        let mut numbers = Numbers::of(&self.items);
        let mut done = Progress { entries_total: self.items.len(), ..Progress::default() };
        for item in &self.items {
            progress(done);
            let identity = numbers.next_name(&item.metadata)?;
            let mut data =
                Data::open(item, identity.last).with_context(|| format!("cannot read {}", item.path.display()))?;
            let size = u32::try_from(data.size)
                .with_context(|| format!("{} is too large for cpio (4 GiB and more)", item.path.display()))?;
            let attributes = attributes(&item.metadata, &identity, options);
            let mut counted = Counting { inner: &mut *data.source, total: &mut done, report: &mut *progress };
            writer
                .entry(&item.name, &attributes, size, &mut counted)
                .with_context(|| format!("cannot pack {}", item.path.display()))?;
            done.entries += 1;
        }
        progress(done);
        writer.finish().context("cannot write the image")?;
        Ok(())
    }
}

/// What is in a directory, sorted by name.
fn children(directory: &Item) -> Result<Vec<Item>> {
    let cannot_read = || format!("cannot read {}", directory.path.display());
    let mut children = Vec::new();
    for entry in fs::read_dir(&directory.path).with_context(cannot_read)? {
        let entry = entry.with_context(cannot_read)?;
        let path = entry.path();
        let metadata = entry.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        let mut name = match directory.name.as_slice() {
            b"." => Vec::new(),
            parent => [parent, b"/"].concat(),
        };
        name.extend_from_slice(entry.file_name().as_bytes());
        children.push(Item { path, name, metadata });
    }
    children.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(children)
}

/// Inode numbers in the archive, and which names of a file are still to come.
struct Numbers {
    next: u32,
    /// By device and inode on the host: names in the tree, names still to come, number once it is given.
    linked: BTreeMap<(u64, u64), (u32, u32, Option<u32>)>,
}

/// What an entry says of the file it is a name of.
struct Identity {
    inode: u32,
    links: u32,
    /// Whether this is the last name, which brings the data.
    last: bool,
}

impl Numbers {
    fn of(items: &[Item]) -> Self {
        let mut linked = BTreeMap::new();
        for item in items.iter().filter(|item| !item.metadata.is_dir() && item.metadata.nlink() > 1) {
            let counts = linked.entry(key(&item.metadata)).or_insert((0, 0, None));
            counts.0 += 1;
            counts.1 += 1;
        }
        Self { next: 1, linked }
    }

    fn next_name(&mut self, metadata: &Metadata) -> Result<Identity> {
        let fresh = self.next;
        let file = self.linked.get_mut(&key(metadata)).filter(|_| !metadata.is_dir());
        let identity = match file {
            None => {
                let links = if metadata.is_dir() { 2 } else { 1 };
                Identity { inode: fresh, links, last: true }
            }
            Some((links, to_come, number)) => {
                *to_come -= 1;
                Identity { inode: *number.get_or_insert(fresh), links: *links, last: *to_come == 0 }
            }
        };
        if identity.inode == fresh {
            self.next = fresh.checked_add(1).context("too many files for cpio")?;
        }
        Ok(identity)
    }
}

fn key(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn attributes(metadata: &Metadata, identity: &Identity, options: &Options) -> Attributes {
    let (uid, gid) = options.owner.unwrap_or((metadata.uid(), metadata.gid()));
    let kind = metadata.file_type();
    let device = metadata.rdev();
    Attributes {
        inode: identity.inode,
        mode: metadata.mode(),
        uid,
        gid,
        links: identity.links,
        // The format counts from 1970 to 2106.
        modified: metadata.mtime().clamp(0, i64::from(u32::MAX)) as u32,
        device: if kind.is_char_device() || kind.is_block_device() {
            (rustix::fs::major(device), rustix::fs::minor(device))
        } else {
            (0, 0)
        },
    }
}

/// What an entry brings: a file's content, a link's target, or nothing.
struct Data {
    size: u64,
    source: Box<dyn Read>,
}

impl Data {
    fn open(item: &Item, last: bool) -> io::Result<Self> {
        let kind = item.metadata.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&item.path)?.as_os_str().as_bytes().to_vec();
            return Ok(Self { size: target.len() as u64, source: Box::new(io::Cursor::new(target)) });
        }
        if !kind.is_file() || !last {
            return Ok(Self { size: 0, source: Box::new(io::empty()) });
        }
        let file = File::open(&item.path)?;
        // As long as it is now, not when the tree was looked at.
        Ok(Self { size: file.metadata()?.len(), source: Box::new(file) })
    }
}

/// Reads, counts and reports.
struct Counting<'a> {
    inner: &'a mut dyn Read,
    total: &'a mut Progress,
    report: &'a mut dyn FnMut(Progress),
}

impl Read for Counting<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.total.bytes += count as u64;
        (self.report)(*self.total);
        Ok(count)
    }
}
