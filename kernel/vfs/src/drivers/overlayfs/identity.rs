//! Which inode numbers the overlay shows.
//!
//! A node's number is made from the identity of its origin: the topmost lower directory of a merged one, the file that
//! a file was copied up from, else the node itself. With all layers on one file system it is the origin's own number.
//! Otherwise the number of the file system among the layers' is packed below it (`inode << bits | file system`): that
//! keeps room above for overlays that have this one as a layer, where packing into the high bits would collide at the
//! second level. File systems that come later, with layers that are pushed, must not change the numbers there are:
//! theirs have a bit that no others have. A number that does not fit, or is taken by another live node (a hostile layer
//! can name one origin twice), is replaced by one from a counter in the upper half, remembered while the overlay is
//! mounted.

use crate::error::{FileSystemErrorKind, Result};
use crate::metadata::{FileSystemId, NodeId};
use crate::name::Name;
use crate::sync::{Mutex, RwLock};
use alloc::vec::Vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

const ASSIGNED: u64 = 1 << 63;
const LATE: u64 = 1 << 62;
/// The room that late file systems share in a number.
const LATE_BITS: u32 = 8;

/// Makes inode numbers.
pub struct Identity {
    /// The layers' file systems, each once, in the order of the layers.
    file_systems: Vec<FileSystemId>,
    bits: u32,
    /// Those that came later, each once. A leaf lock.
    late: RwLock<Vec<FileSystemId>>,
    assigned: Mutex<Assigned>,
}

/// Numbers from the counter. A leaf lock.
#[derive(Default)]
struct Assigned {
    nodes: HashMap<NodeId, u64, FxBuildHasher>,
    /// By the number of the directory, and the name in it.
    names: HashMap<(u64, Name), u64, FxBuildHasher>,
}

impl Assigned {
    fn next(&self) -> u64 {
        ASSIGNED | (self.nodes.len() + self.names.len()) as u64
    }
}

impl Identity {
    /// Numbers for nodes of these file systems, given in the order of the layers.
    pub fn new(layers: impl Iterator<Item = FileSystemId>) -> Self {
        let mut file_systems = Vec::new();
        for id in layers {
            if !file_systems.contains(&id) {
                file_systems.push(id);
            }
        }
        let bits = file_systems.len().next_power_of_two().trailing_zeros();
        Self { file_systems, bits, late: RwLock::new(Vec::new()), assigned: Mutex::default() }
    }

    /// Makes a file system known that a new layer is on.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn add(&self, file_system: FileSystemId) -> Result<()> {
        let mut late = self.late.write();
        if !self.file_systems.contains(&file_system) && !late.contains(&file_system) {
            page::admit(size_of::<FileSystemId>())?;
            late.try_reserve(1).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
            late.push(file_system);
        }
        Ok(())
    }

    /// Whether an origin is on one of the layers' file systems.
    pub fn knows(&self, origin: NodeId) -> bool {
        self.file_systems.contains(&origin.file_system) || self.late.read().contains(&origin.file_system)
    }

    /// The number for an origin.
    pub fn number(&self, origin: NodeId) -> u64 {
        self.packed(origin).unwrap_or_else(|| self.assign(origin))
    }

    fn packed(&self, origin: NodeId) -> Option<u64> {
        match self.file_systems.iter().position(|id| *id == origin.file_system) {
            Some(index) => pack(origin.inode, self.bits, index),
            None => {
                let index = self.late.read().iter().position(|id| *id == origin.file_system);
                let number = index.and_then(|index| pack(origin.inode, LATE_BITS, index));
                number.map(|number| LATE | number)
            }
        }
    }

    /// The number for an origin, if there is one that no lookup needs to give it first.
    pub fn known_number(&self, origin: NodeId) -> Option<u64> {
        self.packed(origin).or_else(|| self.assigned.lock().nodes.get(&origin).copied())
    }

    /// A number from the counter for a node whose own number is taken.
    pub fn assign(&self, origin: NodeId) -> u64 {
        let mut assigned = self.assigned.lock();
        let next = assigned.next();
        *assigned.nodes.entry(origin).or_insert(next)
    }

    /// A number from the counter for a name that is a file of its own, though it is not one in its layer.
    pub fn assign_name(&self, directory: u64, name: &[u8]) -> u64 {
        let mut assigned = self.assigned.lock();
        let next = assigned.next();
        *assigned.names.entry((directory, Name::from_slice(name))).or_insert(next)
    }
}

/// A number below [`LATE`] that says which inode of which file system it is, where that fits.
fn pack(inode: u64, bits: u32, file_system: usize) -> Option<u64> {
    let fits = inode.leading_zeros() > bits + 1 && file_system < 1 << bits;
    fits.then_some(inode << bits | file_system as u64)
}
