//! What the shell asks of the machine that it runs on.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use vfs::manager::VfsManager;

/// How memory is used, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryFigures {
    /// All there is.
    pub total: u64,
    /// Not in use.
    pub free: u64,
    /// In use by the heap.
    pub heap: u64,
    /// In use by file data.
    pub files: u64,
}

/// The machine.
pub trait Machine {
    /// The kernel's log; `None` when there is none or no memory for a copy.
    fn log(&self) -> Option<Vec<u8>>;

    /// Time since the machine was started.
    fn uptime(&self) -> Duration;

    /// How memory is used.
    fn memory(&self) -> MemoryFigures;

    /// Waits.
    fn sleep(&self, duration: Duration);

    /// Takes notice that the shell works in this namespace from now on (what `/proc/self/mounts` shows).
    fn entered(&self, namespace: &Arc<VfsManager>);
}

/// What is to be done with the machine after the shell has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The commands are at their end, or `exit` was called.
    Exit,
    /// `reboot` was called.
    Reboot,
    /// `poweroff` was called.
    PowerOff,
}
