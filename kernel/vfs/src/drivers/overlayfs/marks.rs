//! The marks that layers carry, and the one place that knows their formats.
//!
//! | meaning | OCI format | Linux format |
//! |---|---|---|
//! | lower layers' NAME is hidden | a file `.wh.NAME` beside it | NAME is a character device 0:0 |
//! | lower layers' same-named directories are hidden | a file `.wh..wh..opq` in it | attribute `opaque` = `y` |
//! | where the directory is in the layers below | attribute `redirect` | attribute `redirect` |
//! | what a file was copied up from | attribute `origin` | attribute `origin` |
//! | a file is immutable or append-only | attribute `protattr` | attribute `protattr` |
//!
//! Under [`Format::Oci`] both columns are read and the first is written; names that begin with `.wh.` are hidden and
//! cannot be made. Under [`Format::Linux`] only the second column exists and `.wh.x` is an ordinary name. In both, a
//! whiteout may also be an empty regular file with the attribute `whiteout`, in a directory whose `opaque` is `x`;
//! that is read, never written. A mark hides what is in the layers below its own, never what is beside it.

use super::layer::{Changes, LayerNode};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::{DeviceNumber, FileFlags, FileSystemId, FileType, NodeId};
use crate::name::{NAME_MAX, Name, XATTR_NAME_MAX};
use crate::node::{NewKind, NewNode, NodeRef, SetXattr};
use alloc::boxed::Box;
use alloc::vec::Vec;

const WHITEOUT_PREFIX: &[u8] = b".wh.";
const OPAQUE_NAME: &[u8] = b".wh..wh..opq";
const WHITEOUT_DEVICE: DeviceNumber = DeviceNumber::new(0, 0);

/// How deletions are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// As OCI images and AUFS write them.
    #[default]
    Oci,
    /// As Linux's overlayfs writes them.
    Linux,
}

/// What a layer's directory holds under a name.
#[derive(Clone, Default)]
pub struct Slot {
    /// What the name is bound to.
    pub entry: Option<LayerNode>,
    /// Whether that is a whiteout.
    pub entry_is_whiteout: bool,
    /// The whiteout that stands beside it under a name of its own.
    pub mark: Option<NodeRef>,
}

impl Slot {
    /// Whether there is anything.
    pub fn is_known(&self) -> bool {
        self.entry.is_some() || self.mark.is_some()
    }

    /// What the layer shows under the name.
    pub fn visible(&self) -> Option<&LayerNode> {
        if self.entry_is_whiteout { None } else { self.entry.as_ref() }
    }

    /// Whether the layers below are not to be asked for the name.
    pub fn hides_below(&self) -> bool {
        self.entry_is_whiteout || self.mark.is_some()
    }
}

/// What a name in the upper layer becomes.
#[derive(Clone, Copy)]
pub enum Becomes<'a> {
    /// Nothing, and nothing is hidden.
    Nothing,
    /// A whiteout.
    Whiteout,
    /// Bound to this node.
    Node(&'a NodeRef),
}

/// How a directory treats what is below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opacity {
    /// Same-named directories of lower layers show through.
    Transparent,
    /// They do not.
    Opaque,
    /// They do, and regular files in it may be whiteouts by attribute.
    XattrWhiteouts,
}

/// Where a directory is in the layers below the one that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Redirect {
    /// Under this name, in the same parent.
    Name(Box<[u8]>),
    /// At this path, from the layers' roots; names in order.
    Path(Vec<Box<[u8]>>),
}

impl Redirect {
    /// Reads the attribute's value.
    ///
    /// # Errors
    /// `EINVAL` for one that is empty, has NULs, empty names, `.` or `..`.
    pub fn parse(value: &[u8]) -> Result<Self> {
        let value = value.strip_suffix(&[0]).unwrap_or(value);
        let (absolute, path) = match value.strip_prefix(b"/") {
            Some(path) => (true, path),
            None => (false, value),
        };
        let mut names = Vec::new();
        for name in path.split(|byte| *byte == b'/') {
            if matches!(name, b"" | b"." | b"..") || name.contains(&0) || name.len() > NAME_MAX {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
            names.push(Box::from(name));
        }
        match (absolute, names.len()) {
            (true, _) => Ok(Self::Path(names)),
            (false, 1) => names.pop().map(Self::Name).ok_or(FileSystemErrorKind::InvalidArgument.into()),
            (false, _) => fail(FileSystemErrorKind::InvalidArgument),
        }
    }

    /// The attribute's value.
    pub fn value(&self) -> Vec<u8> {
        match self {
            Self::Name(name) => name.to_vec(),
            Self::Path(names) => names.iter().fold(Vec::new(), |mut value, name| {
                value.push(b'/');
                value.extend_from_slice(name);
                value
            }),
        }
    }
}

/// What a file says it was copied up from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The identity that it shows.
    pub id: NodeId,
    /// Whether its layer has a record of it, for that file had several names ([`super::links`]).
    pub linked: bool,
}

/// Reads and writes marks.
pub struct Marks {
    format: Format,
    /// What the overlay's own attributes begin with.
    prefix: &'static [u8],
}

impl Marks {
    /// Marks of a format; `user_attributes` (the option `userxattr`) keeps attributes under `user.overlay.` instead of
    /// `trusted.overlay.`.
    pub const fn new(format: Format, user_attributes: bool) -> Self {
        Self { format, prefix: if user_attributes { b"user.overlay." } else { b"trusted.overlay." } }
    }

    /// Whether users cannot see or make a name, because it is a mark's.
    pub fn reserved(&self, name: &[u8]) -> bool {
        self.format == Format::Oci && name.starts_with(WHITEOUT_PREFIX)
    }

    /// The name that a listed name hides in lower layers.
    pub fn hidden_by<'a>(&self, listed: &'a [u8]) -> Option<&'a [u8]> {
        if self.format == Format::Linux { None } else { listed.strip_prefix(WHITEOUT_PREFIX) }
    }

    /// The name of the whiteout beside `name`, where the format has one and it fits.
    fn whiteout_name(&self, name: &[u8]) -> Option<Name> {
        let fits = name.len() + WHITEOUT_PREFIX.len() <= NAME_MAX;
        (self.format == Format::Oci && fits).then(|| {
            let mut whiteout = Name::from_slice(WHITEOUT_PREFIX);
            whiteout.extend_from_slice(name);
            whiteout
        })
    }

    /// What a layer's directory holds under a name.
    ///
    /// # Errors
    /// Those of the layer, other than that there is no such name.
    pub fn slot(&self, directory: &LayerNode, name: &[u8]) -> Result<Slot> {
        let Some(mark_name) = self.whiteout_name(name) else {
            let entry = directory.child(name)?;
            let entry_is_whiteout = self.is_whiteout_entry(directory, entry.as_ref())?;
            return Ok(Slot { entry, entry_is_whiteout, mark: None });
        };
        loop {
            let change = directory.node().change();
            let entry = directory.child(name)?;
            let mark = directory.child(&mark_name)?.map(|mark| mark.node().clone());
            if entry.is_none() && mark.is_none() && directory.node().change() != change {
                // One may have gone and the other come in one step between the two looks: neither was ever missing.
                continue;
            }
            let entry_is_whiteout = self.is_whiteout_entry(directory, entry.as_ref())?;
            return Ok(Slot { entry, entry_is_whiteout, mark });
        }
    }

    fn is_whiteout_entry(&self, directory: &LayerNode, entry: Option<&LayerNode>) -> Result<bool> {
        entry.map_or(Ok(false), |entry| self.is_whiteout(directory, entry.node()))
    }

    /// Whether a node is itself a whiteout of its name.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn is_whiteout(&self, directory: &LayerNode, node: &NodeRef) -> Result<bool> {
        match node.kind() {
            FileType::CharDevice => Ok(node.metadata()?.device == WHITEOUT_DEVICE),
            FileType::Regular if directory.xattr_whiteouts => Ok(self.attribute(node, b"whiteout")?.is_some()),
            _ => Ok(false),
        }
    }

    /// How a directory of a layer treats what is below it.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn opacity(&self, directory: &LayerNode) -> Result<Opacity> {
        if self.format == Format::Oci && directory.child(OPAQUE_NAME)?.is_some() {
            return Ok(Opacity::Opaque);
        }
        Ok(match self.attribute(directory.node(), b"opaque")?.as_deref() {
            Some(b"y") => Opacity::Opaque,
            Some(b"x") => Opacity::XattrWhiteouts,
            _ => Opacity::Transparent,
        })
    }

    /// Where the directory, or the data of the file, is in the layers below.
    ///
    /// # Errors
    /// `EINVAL` for a value that is no redirect, and those of the layer.
    pub fn redirect(&self, node: &NodeRef) -> Result<Option<Redirect>> {
        self.attribute(node, b"redirect")?.map(|value| Redirect::parse(&value)).transpose()
    }

    /// Whether a regular file holds only metadata, its data being in a layer below.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn is_metacopy(&self, node: &NodeRef) -> Result<bool> {
        Ok(node.kind() == FileType::Regular && self.attribute(node, b"metacopy")?.is_some())
    }

    /// Notes that a regular file now has its data.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn clear_metacopy(&self, node: &NodeRef) -> Result<()> {
        self.remove_attribute(node, b"metacopy")
    }

    /// Which of the flags that keep a file from being changed it has in the overlay (Linux's `protattr`): in the layer they
    /// would keep the overlay itself from changing it.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn protection(&self, node: &NodeRef) -> Result<FileFlags> {
        let mut flags = FileFlags::empty();
        if matches!(node.kind(), FileType::Regular | FileType::Directory) {
            for letter in self.attribute(node, b"protattr")?.unwrap_or_default() {
                flags |= match letter {
                    b'a' => FileFlags::APPEND_ONLY,
                    b'i' => FileFlags::IMMUTABLE,
                    _ => FileFlags::empty(),
                };
            }
        }
        Ok(flags)
    }

    /// Gives a file of the upper layer these of the flags that [`Marks::protection`] says.
    ///
    /// # Errors
    /// `ENOSPC`, `EOPNOTSUPP`.
    pub fn set_protection(&self, node: &NodeRef, flags: FileFlags) -> Result<()> {
        let letters: &[u8] = match (flags.contains(FileFlags::APPEND_ONLY), flags.contains(FileFlags::IMMUTABLE)) {
            (false, false) => return self.remove_attribute(node, b"protattr"),
            (true, false) => b"a",
            (false, true) => b"i",
            (true, true) => b"ai",
        };
        node.set_xattr(&self.attribute_name(b"protattr"), letters, SetXattr::Any)
    }

    fn remove_attribute(&self, node: &NodeRef, name: &[u8]) -> Result<()> {
        match node.remove_xattr(&self.attribute_name(name)) {
            Err(error) if error.kind() == FileSystemErrorKind::NoData => Ok(()),
            result => result,
        }
    }

    /// An attribute of the overlay's own; `None` where there is none or can be none.
    fn attribute(&self, node: &NodeRef, name: &[u8]) -> Result<Option<Vec<u8>>> {
        match node.get_xattr(&self.attribute_name(name)) {
            Ok(value) => Ok(Some(value)),
            Err(error) => match error.kind() {
                FileSystemErrorKind::NoData | FileSystemErrorKind::NotSupported => Ok(None),
                _ => Err(error),
            },
        }
    }

    fn attribute_name(&self, name: &[u8]) -> Name {
        let mut full = Name::from_slice(self.prefix);
        full.extend_from_slice(name);
        full
    }

    // ---- writing

    /// Adds to `changes` what it takes for `name`, of which `slot` is all that the upper's directory holds, to become
    /// something else.
    ///
    /// # Errors
    /// Those of making a whiteout (`ENOSPC`); `EBUSY` when a mount stands on the name in the upper layer.
    pub fn set(
        &self,
        changes: &mut Changes,
        directory: &LayerNode,
        name: &[u8],
        slot: &Slot,
        becomes: Becomes<'_>,
    ) -> Result<()> {
        let directory_node = directory.node();
        if slot.entry.as_ref().is_some_and(|entry| !entry.same_mount(directory)) {
            // A mount stands on the name in the upper layer.
            return fail(FileSystemErrorKind::Busy);
        }
        let entry = slot.entry.as_ref().map(LayerNode::node);
        let whiteout_name = self.whiteout_name(name);
        let (entry_becomes, mark_becomes) = match becomes {
            Becomes::Nothing => (None, None),
            Becomes::Node(node) => (Some(node.clone()), None),
            Becomes::Whiteout if whiteout_name.is_some() => match &slot.mark {
                Some(mark) => (None, Some(mark.clone())),
                None => (None, Some(directory_node.create_unnamed(&WHITEOUT_FILE)?)),
            },
            Becomes::Whiteout if slot.entry_is_whiteout => (entry.cloned(), None),
            Becomes::Whiteout => (Some(directory_node.create_unnamed(&WHITEOUT_NODE)?), None),
        };
        if !same(entry, entry_becomes.as_ref()) {
            changes.bind(directory_node, name, entry, entry_becomes.as_ref());
        }
        if let Some(whiteout_name) = whiteout_name
            && !same(slot.mark.as_ref(), mark_becomes.as_ref())
        {
            changes.bind(directory_node, &whiteout_name, slot.mark.as_ref(), mark_becomes.as_ref());
        }
        Ok(())
    }

    /// Marks a directory that nobody sees yet.
    ///
    /// # Errors
    /// `ENOSPC`, `EOPNOTSUPP`.
    pub fn make_opaque_unseen(&self, directory: &NodeRef) -> Result<()> {
        match self.format {
            Format::Oci => directory.create(OPAQUE_NAME, &WHITEOUT_FILE).map(drop),
            Format::Linux => directory.set_xattr(&self.attribute_name(b"opaque"), b"y", SetXattr::Any),
        }
    }

    /// Marks a directory of the upper layer that is in use, at the latest together with `changes`; whether it was not
    /// marked before. It must have no lower directories, so that nobody sees a difference if the mark comes first.
    ///
    /// # Errors
    /// `ENOSPC`, `EOPNOTSUPP`.
    pub fn make_opaque(&self, changes: &mut Changes, directory: &LayerNode) -> Result<bool> {
        if self.opacity(directory)? == Opacity::Opaque {
            return Ok(false);
        }
        match self.format {
            Format::Oci => {
                let mark = directory.node().create_unnamed(&WHITEOUT_FILE)?;
                changes.bind(directory.node(), OPAQUE_NAME, None, Some(&mark));
            }
            Format::Linux => directory.node().set_xattr(&self.attribute_name(b"opaque"), b"y", SetXattr::Any)?,
        }
        Ok(true)
    }

    /// Takes back what [`Marks::make_opaque`] did before the changes, which did not come to be.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn undo_opaque(&self, directory: &LayerNode) -> Result<()> {
        match self.format {
            Format::Oci => Ok(()),
            Format::Linux => self.remove_attribute(directory.node(), b"opaque"),
        }
    }

    /// Says where a directory is in the layers below; `None` takes that back.
    ///
    /// # Errors
    /// `ENOSPC`, `EOPNOTSUPP`.
    pub fn set_redirect(&self, directory: &NodeRef, redirect: Option<&Redirect>) -> Result<()> {
        match redirect {
            Some(redirect) => directory.set_xattr(&self.attribute_name(b"redirect"), &redirect.value(), SetXattr::Any),
            None => self.remove_attribute(directory, b"redirect"),
        }
    }

    /// What a file was copied up from, as far as this kernel wrote it.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn origin(&self, node: &NodeRef) -> Result<Option<Origin>> {
        Ok(self.attribute(node, b"origin")?.and_then(|value| decode_origin(&value)))
    }

    /// Remembers what a file is copied up from. Where the layer has no attributes, identity does not survive a
    /// remount, and that is all.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub fn set_origin(&self, node: &NodeRef, origin: Origin) -> Result<()> {
        match node.set_xattr(&self.attribute_name(b"origin"), &encode_origin(origin), SetXattr::Any) {
            Err(error) if error.kind() == FileSystemErrorKind::NotSupported => Ok(()),
            result => result,
        }
    }

    // ---- the users' view of attributes

    /// The name under which a layer keeps the user's attribute `name`: those that would be the overlay's own (a nested
    /// overlay's) are kept one level deeper.
    ///
    /// # Errors
    /// As Linux: `EINVAL` for the prefix alone, `EOPNOTSUPP` for a name with no room for one more level.
    pub fn layer_attribute(&self, name: &[u8]) -> Result<Name> {
        let Some(rest) = name.strip_prefix(self.prefix) else { return Ok(Name::from_slice(name)) };
        if rest.is_empty() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let mut escaped = self.attribute_name(b"overlay.");
        escaped.extend_from_slice(rest);
        if escaped.len() > XATTR_NAME_MAX { fail(FileSystemErrorKind::NotSupported) } else { Ok(escaped) }
    }

    /// The name that users see of a layer's attribute; `None` for the overlay's own.
    pub fn user_attribute(&self, name: &[u8]) -> Option<Name> {
        match name.strip_prefix(self.prefix) {
            Some(rest) => rest.strip_prefix(b"overlay.").map(|rest| self.attribute_name(rest)),
            None => Some(Name::from_slice(name)),
        }
    }
}

const WHITEOUT_FILE: NewNode<'_> = NewNode { kind: NewKind::Regular, mode: 0o444, uid: 0, gid: 0 };
const WHITEOUT_NODE: NewNode<'_> = NewNode { kind: NewKind::CharDevice(WHITEOUT_DEVICE), mode: 0, uid: 0, gid: 0 };

fn same(one: Option<&NodeRef>, other: Option<&NodeRef>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.id() == other.id(),
        _ => false,
    }
}

/// The head of an `origin` value (`struct ovl_fb` of Linux): version, magic, length, flags, and a handle type that no
/// file system there has, then the "uuid" of this encoding. Linux finds that it is not one of its own and goes without.
const ORIGIN_HEAD: [u8; 21] = *b"\x00\xfb\x25\x00\xffstrata-origin-01";

/// The same for a file with a record.
const LINKED_HEAD: [u8; 21] = *b"\x00\xfb\x25\x00\xffstrata-linked-01";
const ORIGIN_LENGTH: usize = ORIGIN_HEAD.len() + 16;

fn encode_origin(origin: Origin) -> [u8; ORIGIN_LENGTH] {
    let mut value = [0; ORIGIN_LENGTH];
    let (head, id) = value.split_at_mut(ORIGIN_HEAD.len());
    head.copy_from_slice(if origin.linked { &LINKED_HEAD } else { &ORIGIN_HEAD });
    let (file_system, inode) = id.split_at_mut(8);
    file_system.copy_from_slice(&origin.id.file_system.0.to_le_bytes());
    inode.copy_from_slice(&origin.id.inode.to_le_bytes());
    value
}

fn decode_origin(value: &[u8]) -> Option<Origin> {
    let (head, id) = value.split_first_chunk()?;
    let linked = *head == LINKED_HEAD;
    if !linked && *head != ORIGIN_HEAD {
        return None;
    }
    let (file_system, inode) = id.split_first_chunk()?;
    let id = NodeId {
        file_system: FileSystemId(u64::from_le_bytes(*file_system)),
        inode: u64::from_le_bytes(inode.try_into().ok()?),
    };
    Some(Origin { id, linked })
}
