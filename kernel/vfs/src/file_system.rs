//! The superblock's operations: what a file system can do as a whole.

use crate::driver::MountRequest;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::handles::{Handle, Located};
use crate::metadata::{FileSystemId, Statistics};
use crate::node::NodeRef;
use core::any::Any;
use core::fmt;

/// One change of a [`FileSystemOperations::commit`]: in `directory`, `name` goes from `old` to `new`.
#[derive(Clone, Copy)]
pub struct NameChange<'a> {
    /// The directory, on the file system that commits.
    pub directory: &'a NodeRef,
    /// The name.
    pub name: &'a [u8],
    /// What the name must be bound to before; `None`: nothing.
    pub old: Option<&'a NodeRef>,
    /// What it is bound to after; `None`: nothing. An unnamed node gets its first name; one that has names gets
    /// another (a rename is two changes: the old name to `None`, the new name to the node).
    pub new: Option<&'a NodeRef>,
}

/// What a commit does to the times of the directories it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectoryTimes {
    /// Sets modification and change time to now, as for any change of a name.
    Touch,
    /// Leaves them: what is published was visible before (copy-up).
    Keep,
}

/// A file system instance.
pub trait FileSystemOperations: Send + Sync {
    /// Itself, for its own driver to recognise.
    fn as_any(&self) -> &dyn Any;

    /// The name of its type, as in `/proc/filesystems`.
    fn type_name(&self) -> &'static str;

    /// Its identity, which all its nodes' identities carry.
    fn id(&self) -> FileSystemId;

    /// The root directory (a file system whose root is no directory is possible, for mounting one file).
    fn root(&self) -> NodeRef;

    /// What `statfs(2)` shows.
    fn statistics(&self) -> Result<Statistics>;

    /// Whether nothing can ever be written, whatever the mount says: every change then answers `EROFS`.
    fn read_only(&self) -> bool {
        false
    }

    /// Whether nodes are opened by their handles (`open_by_handle_at(2)`).
    fn opens_handles(&self) -> bool {
        false
    }

    /// The handle of one of its nodes, which no other has had or gets. Where nodes are opened by handles, the node is
    /// remembered for [`FileSystemOperations::locate`].
    ///
    /// # Errors
    /// `EOPNOTSUPP` where there are none (`name_to_handle_at(2)`), `ENOMEM`.
    fn handle_of(&self, _node: &NodeRef) -> Result<Handle> {
        fail(FileSystemErrorKind::NotSupported)
    }

    /// Where the node with a handle is, below the directory `from`; `None` for one that is gone or never was.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn locate(&self, _handle: Handle, _from: &NodeRef) -> Result<Option<Located>> {
        Ok(None)
    }

    /// How many file systems are stacked below this one: 0 for one that stands by itself.
    fn stacking_depth(&self) -> usize {
        0
    }

    /// Writes its options as `/proc/mounts` shows them, each with a leading comma.
    fn show_options(&self, _out: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }

    /// Changes options of the mounted file system: all that are asked for or, with an error, none.
    ///
    /// # Errors
    /// `EINVAL` for an option that is unknown or cannot be changed: [`MountRequest::explain`] tells the user which.
    fn remount(&self, request: &mut MountRequest<'_>) -> Result<()> {
        if request.options.is_empty() { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    /// Makes everything written durable; in memory there is nothing to do.
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Makes several changes of names in one atomic step: everyone sees none of them or all.
    ///
    /// All `old`s are checked first; no change is made if one does not hold. A directory may be bound to `None` or
    /// replaced whatever it contains (the caller has looked); what loses its last name goes away with its content. A
    /// directory has one name: a `new` directory that has one elsewhere must lose it in the same commit. Nothing is
    /// moved below itself: the caller has checked that. All nodes belong to this file system.
    ///
    /// # Errors
    /// `ESTALE` when an `old` does not hold, `ENOENT` when a directory is removed, `EINVAL` for a list that breaks the
    /// rules above or has a name twice, `ENOSPC`, `ENOMEM`, `EMLINK`; `EOPNOTSUPP` where the file system cannot: it
    /// then cannot be an overlay's upper layer.
    fn commit(&self, _changes: &[NameChange<'_>], _times: DirectoryTimes) -> Result<()> {
        fail(FileSystemErrorKind::NotSupported)
    }
}
