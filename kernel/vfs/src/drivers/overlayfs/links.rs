//! Files with several names in a lower layer.
//!
//! All names of such a file must still be one file when it was copied up through one of them, and after a remount. So
//! the copy gets one more name, in the **link directory** of its layer, made from the identity of the file it is a copy
//! of: a lookup that ends at the lower file finds the copy there, in constant time, whatever names have changed.
//!
//! ```text
//!  merged   a  b  c     one file, three names
//!  upper    a           the copy, by the name that it was copied up through
//!           .wh..wh.plnk/3-1f        the copy too: this is the record
//!           .wh..wh.plnk/3-1f.more   -> "2": so many lower names lead to it
//!  lower    a  b  c     inode 1f of file system 3
//! ```
//!
//! The link count that the overlay shows is that of the names in the upper, without the record, and those `more` (what
//! Linux's `trusted.overlay.nlink` is for). A record changes in the same commit as the names that it counts, and goes
//! in the commit that takes the last of them; for that, a file is copied up before one of its lower names goes.
//!
//! Where the link directory is:
//!
//! - `whiteout=oci`: `.wh..wh.plnk` (AUFS's name for the same thing) at the root of the layer, hidden like every mark.
//!   It goes where the layer goes, and a layer that is a lower one now is still asked.
//! - `whiteout=linux`: `links-INODE` in the work directory, by the inode number of the layer's root; without one it has
//!   no name, and goes with the mount. (Linux has its own `index` there, in file handles of its own.)
//!
//! The copy says in its `origin` attribute that it has a record. Each believes the other only if they agree: whatever a
//! layer holds, a name leads to the file that carries that attribute or to the lower file itself, and two files never
//! show one number. What does not agree counts as not there.

use super::OverlayFS;
use super::inode::OverlayNode;
use super::layer::{Changes, Layer, LayerNode};
use super::lookup::Sources;
use super::marks::{Format, Origin};
use super::options::{Index, OverlayOptions};
use crate::error::{FileSystemErrorKind, Result};
use crate::metadata::{FileType, NodeId};
use crate::name::Name;
use crate::node::{NewKind, NewNode, NodeRef, VfsNode, same_node};
use crate::private_tree::PrivateMount;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

const DIRECTORY_NAME: &[u8] = b".wh..wh.plnk";

/// The link directories of a layer, one for each of its mounts; none for a layer that has no records and gets none.
#[derive(Default)]
pub struct Links(Vec<LinkDirectory>);

/// Where the records of one mount of a layer are.
struct LinkDirectory {
    /// Index of the mount in the layer.
    mount: usize,
    home: Home,
    /// Whether there may be records.
    used: AtomicBool,
    /// Held while records change.
    changing: Mutex<()>,
}

enum Home {
    /// In this directory, under this name.
    Named(NodeRef, Name),
    /// In itself.
    Unnamed(Mutex<Option<NodeRef>>),
}

/// What a link directory says about one lower file.
struct Record {
    directory: NodeRef,
    /// The copy.
    file: NodeRef,
    /// The node that says how many more names there are.
    count: Option<NodeRef>,
    more: u64,
}

fn child(directory: &NodeRef, name: &[u8]) -> Result<Option<NodeRef>> {
    match directory.lookup(name) {
        Ok(node) => Ok(Some(node)),
        Err(error) if error.kind() == FileSystemErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn record_name(origin: NodeId) -> String {
    format!("{:x}-{:x}", origin.file_system.0, origin.inode)
}

fn count_name(record: &str) -> String {
    format!("{record}.more")
}

impl Links {
    /// Gives layers their records.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn of_layers(
        upper: Option<Layer>,
        lowers: Vec<Layer>,
        options: &OverlayOptions,
        work: Option<&NodeRef>,
    ) -> Result<(Option<Layer>, Vec<Layer>)> {
        let upper = upper.map(|upper| -> Result<_> {
            let links = Self::of_upper(&upper, options, work)?;
            Ok(upper.with_links(links))
        });
        let lowers = lowers.into_iter().map(|lower| -> Result<_> {
            let links = Self::of_lower(&lower, options, work)?;
            Ok(lower.with_links(links))
        });
        Ok((upper.transpose()?, lowers.collect::<Result<_>>()?))
    }

    /// Those of an upper layer.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn of_upper(layer: &Layer, options: &OverlayOptions, work: Option<&NodeRef>) -> Result<Self> {
        Self::of(layer, options.index, |mount| {
            Ok(Some(Home::of(mount, options.whiteout, work).unwrap_or(Home::Unnamed(Mutex::new(None)))))
        })
    }

    /// Those of a lower layer: the ones it has.
    ///
    /// # Errors
    /// Those of the layer.
    fn of_lower(layer: &Layer, options: &OverlayOptions, work: Option<&NodeRef>) -> Result<Self> {
        Self::of(layer, options.index, |mount| match Home::of(mount, options.whiteout, work) {
            Some(home) => Ok(home.directory()?.is_some().then_some(home)),
            None => Ok(None),
        })
    }

    fn of(layer: &Layer, index: Index, home: impl Fn(&PrivateMount) -> Result<Option<Home>>) -> Result<Self> {
        let mut directories = Vec::new();
        if index == Index::Off {
            return Ok(Self(directories));
        }
        for (mount, place) in layer.mounts().iter().enumerate() {
            if place.root.kind() == FileType::Directory
                && let Some(home) = home(place)?
            {
                let used = AtomicBool::new(home.directory()?.is_some());
                directories.push(LinkDirectory { mount, home, used, changing: Mutex::new(()) });
            }
        }
        Ok(Self(directories))
    }

    /// Whether there may be records.
    pub fn used(&self) -> bool {
        self.0.iter().any(|directory| directory.used.load(Ordering::Acquire))
    }
}

impl Home {
    fn of(mount: &PrivateMount, format: Format, work: Option<&NodeRef>) -> Option<Self> {
        match (format, work) {
            (Format::Oci, _) => Some(Self::Named(mount.root.clone(), Name::from_slice(DIRECTORY_NAME))),
            (Format::Linux, Some(work)) if work.id().file_system == mount.root.id().file_system => {
                let name = format!("links-{:x}", mount.root.id().inode);
                Some(Self::Named(work.clone(), Name::from_slice(name.as_bytes())))
            }
            (Format::Linux, _) => None,
        }
    }

    /// The link directory, if there is one.
    fn directory(&self) -> Result<Option<NodeRef>> {
        let found = match self {
            Self::Named(parent, name) => child(parent, name)?,
            Self::Unnamed(directory) => directory.lock().clone(),
        };
        Ok(found.filter(|node| node.kind() == FileType::Directory))
    }

    /// The link directory; if there is none a new one, which appears with `changes`.
    fn directory_or_new(&self, changes: &mut Changes, near: &NodeRef) -> Result<NodeRef> {
        if let Some(directory) = self.directory()? {
            return Ok(directory);
        }
        let new = NewNode { kind: NewKind::Directory, mode: 0o700, uid: 0, gid: 0 };
        match self {
            Self::Named(parent, name) => {
                let directory = parent.create_unnamed(&new)?;
                changes.bind(parent, name, child(parent, name)?.as_ref(), Some(&directory));
                Ok(directory)
            }
            Self::Unnamed(place) => {
                let directory = near.create_unnamed(&new)?;
                *place.lock() = Some(directory.clone());
                Ok(directory)
            }
        }
    }
}

impl OverlayFS {
    /// What a search's result is as a file: the copy that a record leads to in its stead, and the identity that it
    /// shows.
    ///
    /// # Errors
    /// Those of the layers.
    pub(super) fn identify(&self, mut sources: Sources) -> Result<(Sources, NodeId)> {
        if sources.top().is_directory() {
            // What the overlay wrote itself came later, and may go again.
            let given = sources.all().find(|node| !node.layer().is_own());
            let origin = given.or(sources.lowers.last()).unwrap_or(sources.top()).id();
            return Ok((sources, origin));
        }
        let claimed = self.claimed_origin(&sources)?;
        let origin = claimed.map_or(sources.top().id(), |origin| origin.id);
        if claimed.is_some_and(|origin| origin.linked) {
            sources.set_linked();
        }
        let copy = match sources.upper {
            Some(_) => None,
            None => self.copy_of(sources.top(), origin)?,
        };
        Ok((copy.unwrap_or(sources), origin))
    }

    /// What a file says it was copied up from, where that can be believed.
    fn claimed_origin(&self, sources: &Sources) -> Result<Option<Origin>> {
        let top = sources.top();
        if !top.layer().is_own() && !top.layer().links().used() {
            return Ok(None);
        }
        let Some(origin) = self.marks().origin(top.node())? else { return Ok(None) };
        let believed = if !self.identity().knows(origin.id) {
            false
        } else if origin.linked {
            self.record(top.layer(), origin.id, top.node().kind())?
                .is_some_and(|(_, record)| same_node(&record.file, top.node()))
        } else {
            top.layer().is_own()
        };
        Ok(believed.then_some(origin))
    }

    /// The topmost copy of a lower file with several names that shows the identity `origin`, if a layer above has one.
    ///
    /// # Errors
    /// Those of the layers.
    pub(super) fn copy_of(&self, lower: &LayerNode, origin: NodeId) -> Result<Option<Sources>> {
        let stack = self.stack();
        let above = || stack.all().take_while(|layer| !Arc::ptr_eq(layer, lower.layer()));
        if !above().any(|layer| layer.links().used()) || lower.node().metadata()?.links < 2 {
            return Ok(None);
        }
        for layer in above() {
            if let Some((mount, record)) = self.record(layer, origin, lower.node().kind())? {
                let mut copy = layer.node_of(mount, record.file);
                copy.linked = true;
                return Ok(Some(if stack.is_upper(layer) {
                    Sources { upper: Some(copy), lowers: Arc::from([]) }
                } else {
                    Sources { upper: None, lowers: Arc::from([copy]) }
                }));
            }
        }
        Ok(None)
    }

    /// What a layer says about copies of the file `origin`, and in which of its mounts.
    fn record(&self, layer: &Arc<Layer>, origin: NodeId, kind: FileType) -> Result<Option<(usize, Record)>> {
        for directory in &layer.links().0 {
            if directory.used.load(Ordering::Acquire)
                && let Some(record) = self.record_in(directory, layer, origin, kind)?
            {
                return Ok(Some((directory.mount, record)));
            }
        }
        Ok(None)
    }

    fn record_in(
        &self,
        place: &LinkDirectory,
        layer: &Arc<Layer>,
        origin: NodeId,
        kind: FileType,
    ) -> Result<Option<Record>> {
        let Some(directory) = place.home.directory()? else { return Ok(None) };
        let name = record_name(origin);
        let Some(file) = child(&directory, name.as_bytes())? else { return Ok(None) };
        let agrees = file.kind() == kind
            && self.marks().origin(&file)? == Some(Origin { id: origin, linked: true })
            && !self.marks().is_whiteout(&layer.node_of(place.mount, directory.clone()), &file)?
            && !self.marks().is_metacopy(&file)?;
        if !agrees {
            return Ok(None);
        }
        let count = child(&directory, count_name(&name).as_bytes())?;
        let more = match &count {
            Some(count) if count.kind() == FileType::Symlink => {
                core::str::from_utf8(&count.read_link()?).ok().and_then(|text| text.parse::<u32>().ok())
            }
            _ => None,
        };
        Ok(Some(Record { directory, file, count, more: more.unwrap_or(0).into() }))
    }

    /// How many names the overlay shows for a file with a record, which has `links` in its layer.
    ///
    /// # Errors
    /// Those of the layer.
    pub(super) fn links_shown(&self, file: &LayerNode, origin: NodeId, links: u64) -> Result<u64> {
        Ok(match self.record(file.layer(), origin, file.node().kind())? {
            Some((_, record)) if same_node(&record.file, file.node()) => links.saturating_sub(1) + record.more,
            _ => links,
        })
    }

    /// Keeps others from changing the records beside `at`, if `nodes` have any.
    pub(super) fn hold_links<'a>(&'a self, at: &'a LayerNode, nodes: &[&OverlayNode]) -> Option<HeldLinks<'a>> {
        let linked = nodes.iter().any(|node| node.upper().is_some_and(|upper| upper.linked));
        if linked { self.hold_links_of(at) } else { None }
    }

    fn hold_links_of<'a>(&'a self, at: &'a LayerNode) -> Option<HeldLinks<'a>> {
        let directory = at.layer().links().0.iter().find(|directory| directory.mount == at.mount_index())?;
        Some(HeldLinks { overlay: self, at, directory, _changing: directory.changing.lock() })
    }

    /// Adds a record to `changes`: `copy` is one of `origin`, to which `more` lower names lead. What is returned is
    /// held until the changes are published.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`, and those of the layer.
    pub(super) fn add_link<'a>(
        &'a self,
        changes: &mut Changes,
        copy: &'a LayerNode,
        origin: NodeId,
        more: u64,
    ) -> Result<Option<HeldLinks<'a>>> {
        let Some(held) = self.hold_links_of(copy) else { return Ok(None) };
        held.directory.used.store(true, Ordering::Release);
        let directory = held.directory.home.directory_or_new(changes, copy.node())?;
        let name = record_name(origin);
        changes.bind(&directory, name.as_bytes(), child(&directory, name.as_bytes())?.as_ref(), Some(copy.node()));
        let count = child(&directory, count_name(&name).as_bytes())?;
        set_count(changes, &directory, &name, count.as_ref(), more)?;
        Ok(Some(held))
    }
}

/// Lets `more` become the count of a record, whose count is now in the node `count`.
fn set_count(
    changes: &mut Changes,
    directory: &NodeRef,
    record: &str,
    count: Option<&NodeRef>,
    more: u64,
) -> Result<()> {
    let text = more.to_string();
    let symlink = NewNode { kind: NewKind::Symlink(text.as_bytes()), mode: 0o777, uid: 0, gid: 0 };
    let new = if more == 0 { None } else { Some(directory.create_unnamed(&symlink)?) };
    if count.is_some() || new.is_some() {
        changes.bind(directory, count_name(record).as_bytes(), count, new.as_ref());
    }
    Ok(())
}

/// Records that nobody else changes meanwhile.
pub(super) struct HeldLinks<'a> {
    overlay: &'a OverlayFS,
    at: &'a LayerNode,
    directory: &'a LinkDirectory,
    _changing: MutexGuard<'a, ()>,
}

impl HeldLinks<'_> {
    fn record_of(&self, node: &OverlayNode) -> Result<Option<Record>> {
        let Some(upper) = node.upper() else { return Ok(None) };
        let record = self.overlay.record_in(self.directory, self.at.layer(), node.origin, node.kind())?;
        Ok(record.filter(|record| same_node(&record.file, upper.node())))
    }

    /// Adds to `changes` what it takes that the node loses a name, which is `in_upper` or in a lower layer.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`, and those of the layer.
    pub fn lose_name(&self, changes: &mut Changes, node: &OverlayNode, in_upper: bool) -> Result<()> {
        let Some(record) = self.record_of(node)? else { return Ok(()) };
        let Record { directory, file, count, more } = &record;
        let named = file.metadata()?.links.saturating_sub(1);
        let (named, left) = if in_upper { (named.saturating_sub(1), *more) } else { (named, more.saturating_sub(1)) };
        let name = record_name(node.origin);
        if named + left == 0 {
            changes.bind(directory, name.as_bytes(), Some(file), None);
            set_count(changes, directory, &name, count.as_ref(), 0)?;
        } else if left != *more {
            // The loss of a name changes the file: bound again, it gets its change time.
            changes.bind(directory, name.as_bytes(), Some(file), Some(file));
            set_count(changes, directory, &name, count.as_ref(), left)?;
        }
        Ok(())
    }

    /// Adds to `changes` what it takes that a name of the node, if it was in a lower layer and not `in_upper`, is in
    /// the upper then.
    ///
    /// # Errors
    /// As [`HeldLinks::lose_name`].
    pub fn move_name(&self, changes: &mut Changes, node: &OverlayNode, in_upper: bool) -> Result<()> {
        match self.record_of(node)? {
            Some(Record { directory, count, more, .. }) if !in_upper && more > 0 => {
                set_count(changes, &directory, &record_name(node.origin), count.as_ref(), more - 1)
            }
            _ => Ok(()),
        }
    }
}

impl OverlayNode {
    /// How many names the file has, if that is several and they are to stay one file when it is copied up.
    ///
    /// # Errors
    /// Those of the layers.
    pub(super) fn names_to_keep(&self, overlay: &OverlayFS) -> Result<Option<u64>> {
        if self.kind() == FileType::Directory || overlay.options().index == Index::Off {
            return Ok(None);
        }
        let links = self.metadata()?.links;
        Ok((links > 1).then_some(links))
    }

    /// Whether the file, one of whose names is to go, must be copied up for the count of its names.
    ///
    /// # Errors
    /// Those of the layers.
    pub(super) fn must_be_counted(&self, overlay: &OverlayFS) -> Result<bool> {
        Ok(!self.has_upper() && self.names_to_keep(overlay)?.is_some())
    }
}
