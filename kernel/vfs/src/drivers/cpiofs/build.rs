//! From entries to a tree: what Linux's unpacker (`init/initramfs.c`) would have made of them.
//!
//! Entries are taken in order, and the later one wins: it replaces what its name had, of whatever type, except that
//! a directory over a directory only changes its attributes and keeps its children. Parents that no entry made are
//! made (0755, root's, as old as the entry), also where something else stood in their place. Symbolic links on the way
//! to a name are followed, within the tree. Where Linux quietly drops an entry (a missing parent, a full
//! directory to be replaced by a file), the rule above holds instead.
//!
//! Hard links: entries of one archive with equal device and inode, the same type and a link count of at least 2 are
//! names of one file. Any of them may bring the data; GNU cpio writes it with the last.
//!
//! A replaced row stays behind without a name, and with it, for a directory, everything below: since nothing leads
//! there any more, it costs its bytes and nothing else.

use super::error::{Excerpt, Problem};
use super::image::{Body, Image, Name, ROOT, Row, RowNumber, Span, push};
use super::newc::{Entry, Header};
use crate::content::Bytes;
use crate::metadata::{DeviceNumber, FileSystemId, FileType};
use alloc::vec::Vec;
use core::ops::Range;
use hashbrown::{HashMap, HashTable};
use rustc_hash::FxBuildHasher;

const NAME_MAX: usize = 255;
const TARGET_MAX: u32 = 4095;
const SYMLINKS_MAX: u32 = 40;
const MAJOR_MAX: u32 = 0xfff;
const MINOR_MAX: u32 = 0xf_ffff;

/// An image that is being read.
pub(super) struct Builder {
    image: Image,
    /// The files of this archive that have several names, by device and inode.
    linked: HashMap<(u32, u32, u32), RowNumber, FxBuildHasher>,
    /// The directory of the last entry, and the name it had there: most often it is that of the next as well.
    recent: Option<(Span, RowNumber)>,
    /// Whether an entry was seen: the root is as old as the first.
    started: bool,
}

impl Builder {
    /// A tree of a root directory alone.
    pub fn new() -> Result<Self, Problem> {
        let mut image = Image {
            id: FileSystemId::fresh(),
            sections: Vec::new(),
            rows: Vec::new(),
            names: Vec::new(),
            children: Vec::new(),
            index: HashTable::new(),
            nodes: 0,
        };
        image.add_row(implied_directory(ROOT, 0))?;
        Ok(Self { image, linked: HashMap::default(), recent: None, started: false })
    }

    /// Bytes that hold entries. Returns the number under which [`Builder::add`] knows them.
    pub fn add_section(&mut self, bytes: Bytes) -> Result<u32, Problem> {
        let section = u32::try_from(self.image.sections.len()).map_err(|_| Problem::OutOfMemory)?;
        push(&mut self.image.sections, bytes)?;
        Ok(section)
    }

    /// An archive has ended: inode numbers of the next have nothing to do with its own.
    pub fn end_archive(&mut self) {
        self.linked.clear();
    }

    /// Takes one entry of that section.
    pub fn add(&mut self, section: u32, entry: &Entry) -> Result<(), Problem> {
        let header = &entry.header;
        let span = |range: &Range<usize>| Span { section, start: range.start as u64, length: range.len() as u32 };
        let (path, data) = (span(&entry.name), span(&entry.data));
        let kind = checked_kind(header)?;
        if !self.started {
            self.started = true;
            self.image.rows[ROOT as usize].modified = header.modified;
        }

        let Some(last) = last_component(self.image.bytes(path)) else {
            return self.set_root(kind, header);
        };
        let text = part(path, &last);
        let name = self.image.bytes(text);
        if name == b".." {
            return Err(Problem::DotDot(Excerpt::of(self.image.bytes(path))));
        }
        if name.len() > NAME_MAX {
            return Err(Problem::ComponentTooLong(Excerpt::of(self.image.bytes(path))));
        }
        let parent = self.parent(path, last.start, header.modified)?;
        let present = self.image.find(parent, self.image.bytes(text));
        let present_row = present.map(|index| self.image.names[index].row);
        let row = match kind {
            FileType::Directory => match present_row.filter(|row| self.image.row(*row).kind == FileType::Directory) {
                Some(row) => {
                    self.set_attributes(row, header);
                    row
                }
                None => self.image.add_row(new_row(kind, header, directory_body(parent)))?,
            },
            _ => self.file(kind, header, data)?,
        };
        self.bind(present, Name { parent, row, text })
    }

    fn set_root(&mut self, kind: FileType, header: &Header) -> Result<(), Problem> {
        if kind != FileType::Directory {
            return Err(Problem::RootNotADirectory);
        }
        self.set_attributes(ROOT, header);
        Ok(())
    }

    fn set_attributes(&mut self, row: RowNumber, header: &Header) {
        let row = &mut self.image.rows[row as usize];
        row.mode = permissions(header);
        row.uid = header.uid;
        row.gid = header.gid;
        row.modified = header.modified;
    }

    /// The row of what is no directory: that of its other names, or a new one.
    fn file(&mut self, kind: FileType, header: &Header, data: Span) -> Result<RowNumber, Problem> {
        let identity = (header.device.0, header.device.1, header.inode);
        let body = match kind {
            FileType::Regular => Body::Data(data),
            FileType::Symlink => Body::Target(self.target(data)?),
            FileType::CharDevice | FileType::BlockDevice => {
                Body::Device(DeviceNumber::new(header.special.0, header.special.1))
            }
            _ => Body::Nothing,
        };
        if header.links > 1
            && let Some(row) = self.linked.get(&identity).copied()
            && self.image.row(row).kind == kind
            && self.may_share(row, &body)
        {
            self.set_attributes(row, header);
            if let Body::Data(present) = &mut self.image.rows[row as usize].body
                && data.length > 0
            {
                *present = data;
            }
            return Ok(row);
        }
        let row = self.image.add_row(new_row(kind, header, body))?;
        if header.links > 1 {
            if self.linked.len() == self.linked.capacity() {
                page::admit(self.linked.allocation_size() * 2)?;
                self.linked.try_reserve(1).map_err(|_| Problem::OutOfMemory)?;
            }
            self.linked.insert(identity, row);
        }
        Ok(row)
    }

    /// The target of a symbolic link: a C string, as Linux takes it.
    fn target(&self, data: Span) -> Result<Span, Problem> {
        let bytes = self.image.bytes(data);
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        if length == 0 { Err(Problem::EmptyTarget) } else { Ok(part(data, &(0..length))) }
    }

    /// Whether an entry with this body can be one more name of `row`: not if it is a symbolic link to elsewhere.
    fn may_share(&self, row: RowNumber, body: &Body) -> bool {
        match (&self.image.row(row).body, body) {
            (Body::Target(one), Body::Target(other)) => self.image.bytes(*one) == self.image.bytes(*other),
            _ => true,
        }
    }

    /// Gives a row its name, which is `present` if the directory has it: what had it then has it no more.
    fn bind(&mut self, present: Option<usize>, name: Name) -> Result<(), Problem> {
        let Some(index) = present else { return self.image.add_name(name) };
        let row = &mut self.image.names[index].row;
        if *row != name.row {
            *row = name.row;
            // What was replaced may lie on the way to that directory.
            self.recent = None;
        }
        Ok(())
    }

    /// The directory of an entry: what the first `length` bytes of its name lead to.
    fn parent(&mut self, path: Span, length: usize, modified: u32) -> Result<RowNumber, Problem> {
        let parents = part(path, &(0..length));
        let text = self.image.bytes(parents);
        if let Some((recent, row)) = self.recent
            && self.image.bytes(recent) == text
        {
            return Ok(row);
        }
        if text.split(|byte| *byte == b'/').any(|component| component == b"..") {
            return Err(Problem::DotDot(Excerpt::of(self.image.bytes(path))));
        }
        let mut symlinks = SYMLINKS_MAX;
        let row = self.directory(ROOT, parents, modified, &mut symlinks)?;
        self.recent = Some((parents, row));
        Ok(row)
    }

    /// The directory that `path` leads to from the directory `from`; made where it is missing.
    fn directory(
        &mut self,
        from: RowNumber,
        path: Span,
        modified: u32,
        symlinks: &mut u32,
    ) -> Result<RowNumber, Problem> {
        let mut at = from;
        let mut position = 0;
        while let Some(component) = next_component(self.image.bytes(path), position) {
            position = component.end;
            let text = part(path, &component);
            let name = self.image.bytes(text);
            if name == b".." {
                at = self.parent_of(at);
                continue;
            }
            if name.len() > NAME_MAX {
                return Err(Problem::ComponentTooLong(Excerpt::of(self.image.bytes(path))));
            }
            let present = self.image.find(at, name);
            let found = present.map(|index| self.image.names[index].row);
            at = match found.map(|row| (row, &self.image.row(row).body)) {
                Some((row, Body::Directory { .. })) => row,
                Some((_, &Body::Target(target))) => {
                    *symlinks = symlinks
                        .checked_sub(1)
                        .ok_or_else(|| Problem::SymlinkLoop(Excerpt::of(self.image.bytes(path))))?;
                    let from = if self.image.bytes(target).starts_with(b"/") { ROOT } else { at };
                    self.directory(from, target, modified, symlinks)?
                }
                _ => {
                    let row = self.image.add_row(implied_directory(at, modified))?;
                    self.bind(present, Name { parent: at, row, text })?;
                    row
                }
            };
        }
        Ok(at)
    }

    fn parent_of(&self, row: RowNumber) -> RowNumber {
        match self.image.row(row).body {
            Body::Directory { parent, .. } => parent,
            _ => ROOT,
        }
    }

    /// Counts links, drops what has no name and sorts the children of each directory together.
    pub fn finish(mut self) -> Result<Image, Problem> {
        let image = &mut self.image;
        image.rows[ROOT as usize].links = 2;
        image.nodes = 1;
        let mut reachable = 0;
        // A directory's own name is always older than those in it, so one pass finds what the root leads to.
        for index in 0..image.names.len() {
            let name = image.names[index];
            let parent = &mut image.rows[name.parent as usize];
            if parent.links == 0 {
                continue;
            }
            reachable += 1;
            let Body::Directory { count, .. } = &mut parent.body else { continue };
            *count += 1;
            let row = &mut image.rows[name.row as usize];
            image.nodes += u32::from(row.links == 0);
            if row.kind == FileType::Directory {
                row.links = 2;
                image.rows[name.parent as usize].links += 1;
            } else {
                row.links += 1;
            }
        }

        let mut next = 0;
        for row in &mut image.rows {
            if let Body::Directory { first, count, .. } = &mut row.body {
                *first = next;
                next += *count;
                *count = 0;
            }
        }
        page::admit(reachable * size_of::<u32>())?;
        image.children.try_reserve_exact(reachable).map_err(|_| Problem::OutOfMemory)?;
        image.children.resize(reachable, 0);
        for (index, name) in (0..).zip(&image.names) {
            let parent = &mut image.rows[name.parent as usize];
            if parent.links == 0 {
                continue;
            }
            if let Body::Directory { first, count, .. } = &mut parent.body {
                image.children[(*first + *count) as usize] = index;
                *count += 1;
            }
        }
        Ok(self.image)
    }
}

/// A part of a place.
fn part(whole: Span, range: &Range<usize>) -> Span {
    Span { section: whole.section, start: whole.start + range.start as u64, length: range.len() as u32 }
}

/// Where the next part of a path is, from `position` on, without the parts that say nothing (empty ones, `.`).
fn next_component(path: &[u8], mut position: usize) -> Option<Range<usize>> {
    loop {
        let start = position + path[position..].iter().position(|byte| *byte != b'/')?;
        let end = path[start..].iter().position(|byte| *byte == b'/').map_or(path.len(), |length| start + length);
        if path[start..end] != *b"." {
            return Some(start..end);
        }
        position = end;
    }
}

/// Where the last part of an entry's name is; `None` when it names the root.
fn last_component(path: &[u8]) -> Option<Range<usize>> {
    let mut end = path.len();
    loop {
        let slash = path[..end].iter().rposition(|byte| *byte == b'/');
        let start = slash.map_or(0, |slash| slash + 1);
        if !matches!(&path[start..end], b"" | b".") {
            return Some(start..end);
        }
        end = slash?;
    }
}

/// The type of an entry, if it has no more than what is that type's.
fn checked_kind(header: &Header) -> Result<FileType, Problem> {
    let kind = match FileType::from_mode(header.mode) {
        Some(kind) if header.mode <= 0o177_777 => kind,
        _ => return Err(Problem::BadMode(header.mode)),
    };
    let (major, minor) = header.special;
    match kind {
        FileType::Regular => {}
        FileType::Symlink if header.size > TARGET_MAX => return Err(Problem::TargetTooLong(header.size)),
        FileType::Symlink => {}
        _ if header.size > 0 => return Err(Problem::UnexpectedData { kind, size: header.size }),
        FileType::CharDevice | FileType::BlockDevice if major > MAJOR_MAX || minor > MINOR_MAX => {
            return Err(Problem::BadDevice { major, minor });
        }
        _ => {}
    }
    Ok(kind)
}

fn permissions(header: &Header) -> u16 {
    (header.mode & 0o7777) as u16
}

fn new_row(kind: FileType, header: &Header, body: Body) -> Row {
    Row { kind, mode: permissions(header), uid: header.uid, gid: header.gid, modified: header.modified, links: 0, body }
}

fn directory_body(parent: RowNumber) -> Body {
    Body::Directory { parent, first: 0, count: 0 }
}

fn implied_directory(parent: RowNumber, modified: u32) -> Row {
    Row { kind: FileType::Directory, mode: 0o755, uid: 0, gid: 0, modified, links: 0, body: directory_body(parent) }
}
