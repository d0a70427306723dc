//! What the shell asks of the machine that it runs on.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use vfs::context::{AccessMode, Context};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::FileType;

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

/// A program to run.
pub struct Program<'p> {
    /// The namespace that it runs in.
    pub manager: &'p Arc<VfsManager>,
    /// Who it is, and where it stands.
    pub context: &'p Context,
    /// The file.
    pub path: &'p [u8],
    /// Its arguments, its own name first.
    pub arguments: Vec<Vec<u8>>,
    /// Its environment: `NAME=value`.
    pub environment: Vec<Vec<u8>>,
    /// Input, output and error output; the console where there is no file.
    pub streams: [Option<Arc<FileObject>>; 3],
    /// Whether somebody types at the console.
    pub interactive: bool,
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

    /// Runs a program and waits for its end. Returns its status: the one it ended with, or 128 and the number of the
    /// signal that ended it.
    ///
    /// # Errors
    /// Those of `execve(2)`; the program has not begun then. A machine that runs none answers `ENOEXEC` for what could
    /// be one.
    fn execute(&self, program: Program<'_>) -> Result<u8> {
        let path = program.manager.resolve(program.context, program.path, Follow::Yes)?;
        let node = path.node()?;
        if node.kind() != FileType::Regular {
            return fail(FileSystemErrorKind::PermissionDenied);
        }
        program.context.credentials.check(&**node, AccessMode::EXECUTE)?;
        fail(FileSystemErrorKind::NotExecutable)
    }
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
