//! Copy-up: what is to be changed is first put into the upper layer.
//!
//! A copy is staged where nobody sees it (a node without a name), complete with content, attributes and times, and
//! appears by one change of a name. A failure before that leaves nothing behind, for what has no name goes with its
//! last reference. Parents come first, from the top down, and keep their times: nothing that was visible changes.
//!
//! Where layers share content ([`VfsNode::content`]), a file's data is cloned in constant time; elsewhere it is copied
//! through one page, and holes stay holes.
//!
//! What is to be done to the copy at once (new attributes, new content) is done to it unseen: an operation on a lower
//! file is one step for everyone who looks, and if it fails, nothing has happened.

use super::OverlayFS;
use super::data_only::DataFile;
use super::inode::OverlayNode;
use super::layer::{Changes, LayerNode};
use super::lookup::Sources;
use super::marks::Origin;
use super::options::Fsync;
use super::places::Place;
use crate::content::Content;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::DirectoryTimes;
use crate::metadata::{FileFlags, FileType, Metadata, SetAttributes, SetTime};
use crate::node::{Extent, NewKind, NewNode, NodeRef, SetXattr, VfsNode, WriteAt};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How a copy-up of one node, whose parents were seen to, went.
enum Outcome {
    /// It is there, and what was to be done to the copy is done.
    Copied(LayerNode),
    /// It was there already.
    WasThere(LayerNode),
    /// It is no longer at the place where it was to appear, or was found at another meanwhile whose parent is not there
    /// yet.
    Elsewhere,
}

/// What is done to the copy before it is seen.
#[derive(Clone, Copy)]
enum Then<'a> {
    Nothing,
    SetAttributes(&'a SetAttributes),
    SetContent(&'a Content),
}

/// Under how many of its names the copy appears.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    None,
    One,
}

impl Then<'_> {
    fn apply(self, node: &NodeRef) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::SetAttributes(set) => node.set_attributes(set),
            Self::SetContent(content) => node.set_content(content.clone()),
        }
    }

    /// How much of the data the copy needs.
    fn data_needed(self, size: u64) -> u64 {
        match self {
            Self::SetContent(_) => 0,
            Self::SetAttributes(SetAttributes { size: Some(cut), .. }) => size.min(*cut),
            Self::Nothing | Self::SetAttributes(_) => size,
        }
    }
}

impl OverlayNode {
    /// Puts the node into the upper layer, if it is not there yet; returns its node there.
    ///
    /// # Errors
    /// `EROFS` without a writable upper layer, and those of the layers (`ENOSPC`, `ENOMEM`, …); the node is then where
    /// it was.
    pub(super) fn copy_up(&self) -> Result<LayerNode> {
        self.copy_up_then(Then::Nothing)
    }

    /// As [`OverlayNode::copy_up`], and sees to it that the data is there too, not only the metadata.
    ///
    /// # Errors
    /// As [`OverlayNode::copy_up`].
    pub(super) fn copy_up_content(&self) -> Result<LayerNode> {
        let upper = self.copy_up()?;
        if self.sources().lowers.is_empty() {
            return Ok(upper);
        }
        self.fetch_data(Then::Nothing, &upper)?;
        Ok(upper)
    }

    /// [`VfsNode::set_attributes`].
    pub(super) fn change_attributes(&self, set: &SetAttributes) -> Result<()> {
        self.overlay()?.check_writable()?;
        if set.size.is_some() {
            match self.kind() {
                FileType::Regular => {}
                FileType::Directory => return fail(FileSystemErrorKind::IsADirectory),
                _ => return fail(FileSystemErrorKind::InvalidArgument),
            }
        }
        let Some(flags) = set.flags else { return self.copy_up_then(Then::SetAttributes(set)).map(drop) };
        // In the layer they would be in the overlay's own way.
        let in_layer = SetAttributes { flags: Some(flags - FileFlags::PROTECTION), ..*set };
        let upper = self.copy_up()?;
        upper.check_writable()?;
        let _copying = self.copying.lock();
        let protection = flags & FileFlags::PROTECTION;
        self.overlay()?.marks().set_protection(upper.node(), protection)?;
        self.set_protection(protection);
        upper.node().set_attributes(&in_layer)
    }

    /// [`VfsNode::set_content`].
    pub(super) fn replace_content(&self, content: Content) -> Result<()> {
        self.overlay()?.check_writable()?;
        if self.kind() != FileType::Regular {
            return fail(self.no_content());
        }
        self.copy_up_then(Then::SetContent(&content)).map(drop)
    }

    fn copy_up_then(&self, then: Then<'_>) -> Result<LayerNode> {
        let present = loop {
            if let Some(upper) = self.upper() {
                break upper;
            }
            self.copy_up_parents()?;
            match self.copy_up_alone(then, Names::One)? {
                Outcome::Copied(upper) => return Ok(upper),
                Outcome::WasThere(upper) => break upper,
                Outcome::Elsewhere => {}
            }
        };
        present.check_writable()?;
        match then {
            Then::SetAttributes(SetAttributes { size: Some(_), .. }) | Then::SetContent(_)
                if !self.sources().lowers.is_empty() =>
            {
                self.fetch_data(then, &present)?;
            }
            _ => {}
        }
        then.apply(present.node())?;
        Ok(present)
    }

    /// Puts a file with several names into the upper layer under none of them, for one of them is to go, and how many
    /// are left is to be written there.
    ///
    /// # Errors
    /// As [`OverlayNode::copy_up`].
    pub(super) fn copy_up_to_count(&self) -> Result<()> {
        loop {
            self.copy_up_parents()?;
            match self.copy_up_alone(Then::Nothing, Names::None)? {
                Outcome::Copied(_) | Outcome::WasThere(_) => return Ok(()),
                Outcome::Elsewhere => {}
            }
        }
    }

    /// Puts the directories above the node into the upper layer.
    fn copy_up_parents(&self) -> Result<()> {
        let mut missing: Vec<Arc<Self>> = Vec::new();
        let mut next = self.parent();
        while let Some(node) = next {
            if node.has_upper() {
                break;
            }
            next = node.parent();
            page::admit(size_of::<Arc<Self>>())?;
            missing.push(node);
        }
        while let Some(node) = missing.pop() {
            node.copy_up_alone(Then::Nothing, Names::One)?;
        }
        Ok(())
    }

    /// Puts the node, whose parents are in the upper layer, there as well.
    fn copy_up_alone(&self, then: Then<'_>, names: Names) -> Result<Outcome> {
        let overlay = self.overlay()?;
        overlay.check_writable()?;
        let _copying = self.copying.lock();
        if let Some(upper) = self.upper() {
            return Ok(Outcome::WasThere(upper));
        }
        let sources = self.sources();
        let place = self.place();
        let parent = match &place {
            Some(place) => match place.parent.upper() {
                Some(upper) => upper,
                None => return Ok(Outcome::Elsewhere),
            },
            None => overlay.upper_root()?,
        };
        parent.check_writable()?;
        let kept = self.names_to_keep(&overlay)?;
        if kept.is_some()
            && let Some(copied) = overlay.copy_of(sources.top(), self.origin)?
            && let Some(upper) = copied.upper.clone()
        {
            // Through another node, which hostile layers can make of one file.
            self.set_sources(self.watch(copied)?);
            return Ok(Outcome::WasThere(upper));
        }
        let mut upper = parent.sibling(overlay.stage(&parent, &sources, then, self.origin_of_copy(kept))?);
        upper.linked = kept.is_some();
        let lowers = if self.kind() == FileType::Directory { sources.lowers } else { Arc::from([]) };
        let watched = self.watch(Sources { upper: Some(upper.clone()), lowers })?;
        let shown_at = place.filter(|_| names == Names::One);
        if !self.publish(shown_at.as_ref(), &parent, &upper, kept)? {
            if let Some(place) = shown_at {
                self.remove_place(&place.parent, &place.name);
            }
            return Ok(Outcome::Elsewhere);
        }
        self.set_sources(watched);
        Ok(Outcome::Copied(upper))
    }

    /// What the copy of the node says that it was copied up from, if the node has several names to be kept.
    fn origin_of_copy(&self, names: Option<u64>) -> Option<Origin> {
        let nameless = self.kind() == FileType::Directory || self.is_parted();
        (!nameless).then_some(Origin { id: self.origin, linked: names.is_some() })
    }

    /// Lets the copy appear at a place of the node; `false` if the node is not there any more. The other ones of
    /// `names` lead to it too.
    fn publish(
        &self,
        place: Option<&Place>,
        parent: &LayerNode,
        upper: &LayerNode,
        names: Option<u64>,
    ) -> Result<bool> {
        let overlay = self.overlay()?;
        let mut changes = Changes::default();
        let held = match place.map(|place| (place, place.parent.lock_names())) {
            Some((place, Ok(held))) => {
                // The node may have been found there by a search that a removal overtook: then the upper says so.
                let slot = overlay.marks().slot(parent, &place.name)?;
                if slot.entry.is_some() || slot.mark.is_some() || !self.is_at(&place.parent, &place.name) {
                    return Ok(false);
                }
                changes.bind(parent.node(), &place.name, None, Some(upper.node()));
                Some(held)
            }
            Some((_, Err(error))) if error.kind() == FileSystemErrorKind::NotFound => return Ok(false),
            Some((_, Err(error))) => return Err(error),
            None => None,
        };
        let _links = match names {
            Some(names) => {
                let more = names - u64::from(held.is_some());
                overlay.add_link(&mut changes, upper, self.origin, more)?
            }
            None => None,
        };
        if !changes.is_empty() {
            changes.publish(parent, DirectoryTimes::Keep)?;
        }
        Ok(true)
    }

    /// Gives a file whose node in the upper layer has only metadata (Linux's `metacopy`) its data.
    fn fetch_data(&self, then: Then<'_>, upper: &LayerNode) -> Result<()> {
        let overlay = self.overlay()?;
        let _copying = self.copying.lock();
        let sources = self.sources();
        if sources.lowers.is_empty() {
            return Ok(());
        }
        let watched = self.watch(Sources { upper: Some(upper.clone()), lowers: Arc::from([]) })?;
        let metadata = upper.node().metadata()?;
        copy_data(sources.content().node(), upper.node(), then.data_needed(metadata.size))?;
        // The writing of data that was there all along is no change.
        let times = SetAttributes { mode: Some(metadata.mode), ..times(&metadata) };
        upper.node().set_attributes(&times)?;
        overlay.marks().clear_metacopy(upper.node())?;
        self.set_sources(watched);
        Ok(())
    }
}

impl OverlayFS {
    /// Builds a copy of what `sources` show, unseen, on the file system of `parent`, which says that it is of `origin`.
    fn stage(&self, parent: &LayerNode, sources: &Sources, then: Then<'_>, origin: Option<Origin>) -> Result<NodeRef> {
        let source = sources.top().node();
        let metadata = source.metadata()?;
        let target;
        let kind = match metadata.kind {
            FileType::Regular => NewKind::Regular,
            FileType::Directory => NewKind::Directory,
            FileType::Symlink => {
                target = source.read_link()?;
                NewKind::Symlink(&target)
            }
            FileType::CharDevice => NewKind::CharDevice(metadata.device),
            FileType::BlockDevice => NewKind::BlockDevice(metadata.device),
            FileType::Fifo => NewKind::Fifo,
            FileType::Socket => NewKind::Socket,
            FileType::Anonymous => return fail(FileSystemErrorKind::InvalidArgument),
        };
        let new = NewNode { kind, mode: metadata.mode, uid: metadata.uid, gid: metadata.gid };
        let staged = parent.node().create_unnamed(&new)?;
        if metadata.kind == FileType::Regular {
            copy_data(sources.content().node(), &staged, then.data_needed(metadata.size))?;
        }
        self.copy_attributes(source, &staged)?;
        if let Some(origin) = origin {
            self.marks().set_origin(&staged, origin)?;
        }
        let protection =
            (metadata.flags.unwrap_or_default() | self.marks().protection(source)?) & FileFlags::PROTECTION;
        if !protection.is_empty() {
            self.marks().set_protection(&staged, protection)?;
        }
        // As on Linux a copy is not left out of backups because the file was.
        let flags = metadata.flags.map(|flags| flags & FileFlags::NO_ACCESS_TIME);
        staged.set_attributes(&SetAttributes { mode: Some(metadata.mode), flags, ..times(&metadata) })?;
        then.apply(&staged)?;
        if self.options().fsync == Fsync::Strict {
            staged.sync()?;
        }
        Ok(staged)
    }

    /// Copies extended attributes, except the overlay's own. What the upper layer cannot hold is left out, but for
    /// attributes that security hangs on.
    pub(super) fn copy_attributes(&self, from: &NodeRef, to: &NodeRef) -> Result<()> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        from.list_xattrs(&mut |name| {
            if self.marks().user_attribute(name).is_some() {
                names.push(name.to_vec());
            }
        })?;
        for name in names {
            let value = match from.get_xattr(&name) {
                Ok(value) => value,
                Err(error) if error.kind() == FileSystemErrorKind::NoData => continue,
                Err(error) => return Err(error),
            };
            match to.set_xattr(&name, &value, SetXattr::Any) {
                Err(error) if error.kind() == FileSystemErrorKind::NotSupported && !must_be_copied(&name) => {}
                result => result?,
            }
        }
        Ok(())
    }
}

fn must_be_copied(attribute: &[u8]) -> bool {
    attribute.starts_with(b"security.") || attribute.starts_with(b"system.posix_acl_")
}

pub(super) fn times(metadata: &Metadata) -> SetAttributes {
    SetAttributes {
        accessed: Some(SetTime::At(metadata.accessed)),
        modified: Some(SetTime::At(metadata.modified)),
        ..SetAttributes::default()
    }
}

/// Gives `to`, an empty regular file, the first `size` bytes of `from`.
fn copy_data(from: &NodeRef, to: &NodeRef, size: u64) -> Result<()> {
    if let Some(data) = DataFile::is(from) {
        // A file whose data is missing cannot be changed, not even cut to nothing.
        data.find()?;
    }
    if size == 0 {
        return Ok(());
    }
    let shared = from.content().and_then(|content| to.set_content(content));
    match shared {
        Err(error) if error.kind() == FileSystemErrorKind::NotSupported => copy_bytes(from, to, size),
        result => result,
    }
}

/// Bytes that one step of a copy moves.
const STEP: usize = 4096;

fn copy_bytes(from: &NodeRef, to: &NodeRef, size: u64) -> Result<()> {
    let mut buffer = Vec::new();
    page::admit(STEP)?;
    buffer.try_reserve_exact(STEP).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    buffer.resize(STEP, 0);
    let mut offset = 0;
    while offset < size {
        offset = match from.seek_extent(Extent::Data, offset) {
            Ok(data) => data,
            Err(error) => match error.kind() {
                FileSystemErrorKind::NoSuchDeviceOrAddress => break,
                // It does not know its holes.
                FileSystemErrorKind::InvalidArgument | FileSystemErrorKind::NotSupported => offset,
                _ => return Err(error),
            },
        };
        // To the next page's start, so that later steps read whole pages.
        let step = STEP - (offset % STEP as u64) as usize;
        let step = step.min(usize::try_from(size.saturating_sub(offset)).unwrap_or(STEP));
        let read = from.read(offset, &mut &mut buffer[..step])?;
        if read == 0 {
            break;
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            // A write may take less than all; `rest` moves on by itself.
            let (_, written) = to.write(WriteAt::Offset(offset), &mut rest)?;
            if written == 0 {
                return fail(FileSystemErrorKind::NoSpace);
            }
            offset += written as u64;
        }
    }
    to.set_attributes(&SetAttributes { size: Some(size), ..SetAttributes::default() })
}
