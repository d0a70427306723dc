//! Which inode numbers the overlay shows.
//!
//! A node's number is made from the identity of its origin: the topmost lower directory of a merged one, the file that
//! a file was copied up from, else the node itself. With all layers on one file system it is the origin's own number.
//! Otherwise the number of the file system among the layers' is packed below it (`inode << bits | file system`): that
//! keeps room above for overlays that have this one as a layer, where packing into the high bits would collide at the
//! second level. A number that does not fit, or is taken by another live node (a hostile layer can name one origin
//! twice), is replaced by one from a counter in the upper half, remembered while the overlay is mounted.

use crate::metadata::{FileSystemId, NodeId};
use crate::sync::Mutex;
use alloc::vec::Vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

const ASSIGNED: u64 = 1 << 63;

/// Makes inode numbers.
pub struct Identity {
    /// The layers' file systems, each once, in the order of the layers.
    file_systems: Vec<FileSystemId>,
    bits: u32,
    /// Numbers from the counter. A leaf lock.
    assigned: Mutex<HashMap<NodeId, u64, FxBuildHasher>>,
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
        Self { file_systems, bits, assigned: Mutex::new(HashMap::with_hasher(FxBuildHasher)) }
    }

    /// Whether an origin is on one of the layers' file systems.
    pub fn knows(&self, origin: NodeId) -> bool {
        self.file_systems.contains(&origin.file_system)
    }

    /// The number for an origin.
    pub fn number(&self, origin: NodeId) -> u64 {
        let index = self.file_systems.iter().position(|id| *id == origin.file_system);
        match index {
            Some(index) if origin.inode.leading_zeros() > self.bits => origin.inode << self.bits | index as u64,
            _ => self.assign(origin),
        }
    }

    /// A number from the counter for a node whose own number is taken.
    pub fn assign(&self, origin: NodeId) -> u64 {
        let mut assigned = self.assigned.lock();
        let next = ASSIGNED | assigned.len() as u64;
        *assigned.entry(origin).or_insert(next)
    }
}
