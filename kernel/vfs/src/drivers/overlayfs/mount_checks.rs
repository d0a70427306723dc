//! What layers must be before an overlay is made of them, with words for the user.

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
            let message = format!("{}: given twice", shown(layer));
            return Err(Refusal::new(FileSystemErrorKind::TooManySymlinks, message));
        }
        roots.push(root.id());
        if layer.stacking_depth() > DEPTH_MAX {
            let message = format!("{}: more than {DEPTH_MAX} overlays on top of each other", shown(layer));
            return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
        }
    }
    if let Some(upper) = &layers.upper
        && !upper.read_only()
    {
        // A commit of nothing succeeds where commits are possible.
        let root = upper.root();
        root.file_system().commit(&[], DirectoryTimes::Keep).map_err(|error| match error.kind() {
            FileSystemErrorKind::NotSupported => {
                let kind = root.file_system().type_name();
                let message = format!("{}: a file system of type {kind} cannot be an upper layer", shown(upper));
                Refusal::new(FileSystemErrorKind::InvalidArgument, message)
            }
            _ => Refusal::from(error),
        })?;
    }
    Ok(())
}

/// Checks the places of layers against each other (what [`check_layers`] cannot see): none inside another, work and
/// upper separate, on one mount. An upper inside a lower is possible, as on Linux: looking it up from there is `ELOOP`.
pub fn check_paths<'a>(
    lowers: impl Iterator<Item = &'a (Box<[u8]>, Path)> + Clone,
    upper: Option<&'a Path>,
    work: Option<&'a Path>,
) -> Result<(), Refusal> {
    if let (Some(upper), Some(work)) = (upper, work) {
        if !Arc::ptr_eq(&upper.mount, &work.mount) {
            let message = "upperdir and workdir must be on one mount".into();
            return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
        }
        if upper.is_above(work) || work.is_above(upper) {
            let message = "upperdir and workdir must be separate subtrees".into();
            return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
        }
    }
    for (index, (name, lower)) in lowers.clone().enumerate() {
        let others = lowers.clone().enumerate().filter(|(other, _)| *other != index).map(|(_, (_, path))| path);
        if others.chain(upper).chain(work).any(|other| other.entry.is_above(&lower.entry)) {
            let message = format!("{}: is inside another layer, or one given twice", String::from_utf8_lossy(name));
            return Err(Refusal::new(FileSystemErrorKind::TooManySymlinks, message));
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
