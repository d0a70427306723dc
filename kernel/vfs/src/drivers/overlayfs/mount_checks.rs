//! What layers must be before an overlay is made of them, with words for the user that name the path.
//!
//! - By what the options say, before anything is opened: [`super::options`].
//! - By where the directories are ([`check_places`]): no lower layer inside another directory of the overlay, for what
//!   it shows would change as it is looked at.
//! - By what the layers are ([`check_layers`]), however they were given; also when one is pushed.
//! - By who writes them ([`InUse`]): an upper layer and a work directory belong to one overlay at a time, for as long as
//!   it is mounted, and to the one that has frozen it until that pops it.
//!
//! Nothing is written to a layer before all of this has been found good.

use super::LayerStack;
use super::layer::Layer;
use crate::error::{FileSystemError, FileSystemErrorKind};
use crate::file_system::DirectoryTimes;
use crate::metadata::{FileSystemId, FileType, NodeId};
use crate::mount::Path;
use crate::sync::Mutex;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How many lower layers there may be, as in Linux.
pub const LOWERS_MAX: usize = 500;

/// How many overlays may stand on each other. Every level takes stack for each call; this many fit, far more would not.
pub const DEPTH_MAX: usize = 8;

/// Why no overlay is made.
#[derive(Debug)]
pub struct Refusal {
    /// The error.
    pub error: FileSystemError,
    /// What is wrong, naming the path or the option.
    pub message: String,
}

impl Refusal {
    /// A refusal with words.
    pub fn new(kind: FileSystemErrorKind, message: String) -> Self {
        Self { error: kind.into(), message }
    }
}

impl From<FileSystemError> for Refusal {
    fn from(error: FileSystemError) -> Self {
        Self { error, message: format!("{error}") }
    }
}

pub(super) fn shown(layer: &Layer) -> Cow<'_, str> {
    String::from_utf8_lossy(layer.name())
}

/// Checks layers against each other and against what an overlay needs of them.
///
/// # Errors
/// `EINVAL` for none or too many, an upper layer that cannot be written, or too many overlays on top of each other;
/// `ENOTDIR` for a layer that is no directory, `ELOOP` for one given twice.
pub fn check_layers(layers: &LayerStack) -> Result<(), Refusal> {
    if layers.lowers.is_empty() {
        return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, "no lower layer given".into()));
    }
    let lowers = layers.lowers.len() + layers.data.len();
    if lowers > LOWERS_MAX {
        let message = format!("{lowers} lower layers given, at most {LOWERS_MAX} are possible");
        return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
    }
    let mut roots: Vec<NodeId> = Vec::new();
    for layer in layers.with_data() {
        let root = layer.root();
        if root.node().kind() != FileType::Directory {
            let message = format!("{}: not a directory", shown(layer));
            return Err(Refusal::new(FileSystemErrorKind::NotADirectory, message));
        }
        if roots.contains(&root.id()) {
            let message = format!("{}: is a layer already, under another name", shown(layer));
            return Err(Refusal::new(FileSystemErrorKind::TooManySymlinks, message));
        }
        roots.push(root.id());
        if layer.stacking_depth() > DEPTH_MAX {
            let message = format!("{}: more than {DEPTH_MAX} overlays on top of each other", shown(layer));
            return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
        }
    }
    layers.upper.as_deref().map_or(Ok(()), check_upper)
}

/// Checks that names can be changed in the root of an upper layer.
fn check_upper(upper: &Layer) -> Result<(), Refusal> {
    if upper.read_only() {
        let message = format!("{}: is mounted read-only", shown(upper));
        return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
    }
    let [ground, ..] = upper.mounts() else { return Ok(()) };
    let file_system = ground.superblock.operations();
    // A commit of nothing succeeds where commits are possible.
    file_system.commit(&[], DirectoryTimes::Keep).map_err(|error| match error.kind() {
        FileSystemErrorKind::NotSupported => {
            let kind = file_system.type_name();
            let message = format!("{}: a file system of type {kind} cannot be an upper layer", shown(upper));
            Refusal::new(FileSystemErrorKind::InvalidArgument, message)
        }
        _ => Refusal::from(error),
    })
}

/// A directory that the options name, and where it is.
pub struct Place {
    /// As the options have it.
    pub name: Box<[u8]>,
    /// Where that leads.
    pub path: Path,
}

impl Place {
    fn shown(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    fn is_above(&self, other: &Self) -> bool {
        self.path.entry.is_above(&other.path.entry)
    }

    /// Says of this one what it is to the other, which is the same directory or above it.
    fn overlap(&self, other: &Self) -> String {
        let how = if self.is_above(other) { "is the same directory as" } else { "is inside" };
        format!("{}: {how} {}", self.shown(), other.shown())
    }
}

/// Checks the places of layers against each other (what [`check_layers`] cannot see): none inside another, work and
/// upper separate, on one mount. Upper or work directory inside a lower layer are possible, as on Linux: looking them
/// up from there is `ELOOP`.
///
/// # Errors
/// `ELOOP` for a lower layer that is inside another directory, or the same; `EINVAL` for upper and work directory.
pub fn check_places<'a>(
    lowers: impl Iterator<Item = &'a Place> + Clone,
    upper: Option<&'a Place>,
    work: Option<&'a Place>,
) -> Result<(), Refusal> {
    if let (Some(upper), Some(work)) = (upper, work) {
        let invalid = |message| Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
        if !Arc::ptr_eq(&upper.path.mount, &work.path.mount) {
            return invalid(format!("{}: is not on the mount that {} is on", work.shown(), upper.shown()));
        }
        if upper.is_above(work) {
            return invalid(work.overlap(upper));
        }
        if work.is_above(upper) {
            return invalid(upper.overlap(work));
        }
    }
    for (index, lower) in lowers.clone().enumerate() {
        let others = lowers.clone().enumerate().filter(|(other, _)| *other != index).map(|(_, place)| place);
        if let Some(other) = others.chain(upper).chain(work).find(|other| other.is_above(lower)) {
            return Err(Refusal::new(FileSystemErrorKind::TooManySymlinks, lower.overlap(other)));
        }
    }
    Ok(())
}

/// The upper layers that overlays write now, or go on writing when what was pushed on top is popped.
static IN_USE: Mutex<Vec<Claim>> = Mutex::new(Vec::new());

struct Claim {
    root: NodeId,
    /// The overlays whose upper layers it lies in.
    inside: Vec<FileSystemId>,
}

/// An upper layer and a work directory that no other overlay may write while this lives.
#[derive(Default)]
pub struct InUse(Vec<NodeId>);

impl InUse {
    /// Claims them.
    ///
    /// # Errors
    /// `EBUSY`.
    pub fn claim(upper: Option<&Layer>, work: Option<&Layer>) -> Result<Self, Refusal> {
        let mut claimed = Self::default();
        for layer in upper.into_iter().chain(work) {
            let root = layer.root_id();
            let mut in_use = IN_USE.lock();
            if in_use.iter().any(|claim| claim.root == root) {
                drop(in_use);
                let message = format!("{}: another overlay writes there", shown(layer));
                return Err(Refusal::new(FileSystemErrorKind::Busy, message));
            }
            in_use.push(Claim { root, inside: layer.given_by().collect() });
            drop(in_use);
            claimed.0.push(root);
            if !layer.still_grounded() {
                // The overlay that it was in has frozen it since it was looked up.
                let message = format!("{}: has just become part of a lower layer", shown(layer));
                return Err(Refusal::new(FileSystemErrorKind::Busy, message));
            }
        }
        Ok(claimed)
    }
}

/// Whether some overlay's upper layer lies in the upper layer of this one.
pub fn has_uppers_inside(overlay: FileSystemId) -> bool {
    IN_USE.lock().iter().any(|claim| claim.inside.contains(&overlay))
}

impl InUse {
    /// Whether there was something to claim.
    pub fn is_claimed(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut in_use = IN_USE.lock();
        in_use.retain(|claim| !self.0.contains(&claim.root));
        if in_use.is_empty() {
            // A test that counts memory finds nothing left of the last overlay.
            *in_use = Vec::new();
        }
    }
}
