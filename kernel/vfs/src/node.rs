//! The inode: what a file system must be able to do with one of its objects.
//!
//! A [`VfsNode`] is an object with operations, not a number with a table. Names are bytes, at most 255 of them, never
//! empty, `.` or `..`, without `/` and NUL: the walker has checked that before a node sees them. Permission checks,
//! read-only mounts and limits of path length are the manager's business as well; a node checks only what belongs to
//! its own state, and does so atomically: two callers that create one name at once get one node and one `EEXIST`.
//!
//! Locks: an implementation may take its own locks inside an operation, and call into another file system only
//! downwards in stacking order. The caller holds no lock of the node's file system.

mod arguments;

pub use arguments::{
    Access, Allocate, DirectoryItem, EmitItem, Extent, FIRST_CURSOR, NewKind, NewNode, Rename, RenameFlags, SetXattr,
    WriteAt,
};

use crate::change::ChangeCell;
use crate::content::{Content, Mapped, PageMapper, Shown};
use crate::context::Credentials;
use crate::environment::OpenStream;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::io::{Sink, Source};
use crate::metadata::{FileType, Metadata, NodeId, Permissions, SetAttributes};
use crate::mount::Path;
use crate::seals::Seals;
use crate::usage::Usage;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::ops::Range;

/// A shared node.
pub type NodeRef = Arc<dyn VfsNode>;

/// An inode. See the module's text for who checks what.
///
/// The defaults answer what Linux answers for a node that lacks the operation: `ENOTDIR` for operations on names,
/// `EINVAL` for a link that is none, `EOPNOTSUPP` for extended attributes.
pub trait VfsNode: Send + Sync {
    /// Itself, for its own driver to recognise.
    fn as_any(&self) -> &dyn Any;

    /// Identity. Never changes during the node's life.
    fn id(&self) -> NodeId;

    /// Type. Never changes during the node's life.
    fn kind(&self) -> FileType;

    /// Mode and owner, without waiting for anybody: called on every step of every walk.
    fn permissions(&self) -> Permissions;

    /// What `stat(2)` shows.
    fn metadata(&self) -> Result<Metadata>;

    /// The file system it belongs to; `ESTALE` where that is gone.
    fn file_system(&self) -> Result<Arc<dyn FileSystemOperations>>;

    /// Changes metadata in one step and sets the change time.
    ///
    /// # Errors
    /// `EINVAL` or `EISDIR` for a size on what is no regular file, `EFBIG`, `ENOSPC`, `EROFS`.
    fn set_attributes(&self, set: &SetAttributes) -> Result<()>;

    // ---- directories

    /// Where the changes of names in this directory are counted; `None` if they never change.
    fn change_cell(&self) -> Option<&ChangeCell> {
        None
    }

    /// A number that is different after every change of a name in this directory, so that a cached answer can be
    /// checked without asking again. Read *before* the answer that it vouches for. Waits for nobody.
    fn change(&self) -> u64 {
        self.change_cell().map_or(0, ChangeCell::count)
    }

    /// The node of that name.
    ///
    /// # Errors
    /// `ENOENT`.
    fn lookup(&self, _name: &[u8]) -> Result<NodeRef> {
        fail(FileSystemErrorKind::NotADirectory)
    }

    /// Makes a node under a name that is free.
    ///
    /// # Errors
    /// `EEXIST`, `ENOENT` when the directory itself is removed, `ENOSPC`, `EINVAL` for a name the format reserves.
    fn create(&self, _name: &[u8], _new: &NewNode<'_>) -> Result<NodeRef> {
        fail(FileSystemErrorKind::NotADirectory)
    }

    /// Makes a node that has no name yet (`O_TMPFILE`; any kind, so that what is staged can be built unseen). It goes
    /// away with its last reference unless [`VfsNode::link`] or
    /// [`FileSystemOperations::commit`] gives it a name.
    ///
    /// # Errors
    /// `ENOSPC`; `EOPNOTSUPP` where the file system cannot.
    fn create_unnamed(&self, _new: &NewNode<'_>) -> Result<NodeRef> {
        fail(FileSystemErrorKind::NotSupported)
    }

    /// Whether it may get a name: it has one, or has never had any. What has lost its last gets no other (`link(2)`).
    fn may_be_named(&self) -> bool {
        true
    }

    /// Gives `node`, which is on the same file system and no directory, one more name.
    ///
    /// # Errors
    /// `EEXIST`, `EMLINK`, `ENOENT` when the directory is removed (or `node` is, and was not made unnamed).
    fn link(&self, _name: &[u8], _node: &NodeRef) -> Result<()> {
        fail(FileSystemErrorKind::NotADirectory)
    }

    /// Removes a name that is bound to `victim`, which is no directory.
    ///
    /// # Errors
    /// `ENOENT`; `ESTALE` when the name is bound to something else by now.
    fn unlink(&self, _name: &[u8], _victim: &NodeRef) -> Result<()> {
        fail(FileSystemErrorKind::NotADirectory)
    }

    /// Removes a name that is bound to the empty directory `victim`.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTEMPTY`; `ESTALE` when the name is bound to something else by now.
    fn remove_directory(&self, _name: &[u8], _victim: &NodeRef) -> Result<()> {
        fail(FileSystemErrorKind::NotADirectory)
    }

    /// Moves a name, atomically for everyone who looks. See [`Rename`] for who checks what.
    ///
    /// # Errors
    /// `ESTALE`, `ENOTEMPTY`, `ENOSPC`, `EEXIST` under [`RenameFlags::NO_REPLACE`].
    fn rename(&self, _rename: &Rename<'_>) -> Result<()> {
        fail(FileSystemErrorKind::NotADirectory)
    }

    /// Lists names from `cursor` on ([`FIRST_CURSOR`] or one that an item gave as `next`; smaller ones mean the
    /// start), without `.` and `..`, and returns the cursor at which a later call goes on. Cursors stay valid while
    /// entries come and go: no entry twice, none lost that was there throughout (`readdir(3)`).
    ///
    /// `emit` may be called with a lock of this directory held: it must not call back into the file system.
    fn list(&self, _cursor: u64, _emit: &mut EmitItem<'_>) -> Result<u64> {
        fail(FileSystemErrorKind::NotADirectory)
    }

    // ---- symbolic links

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// `EINVAL` when it is none.
    fn read_link(&self) -> Result<Arc<[u8]>> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    /// The place that a symbolic link leads to by itself, whatever its target says, for who asks (a "magic link",
    /// `/proc/PID/fd/N`); `None` for one that is followed by its target.
    ///
    /// # Errors
    /// `EACCES`, `ENOENT` for what is gone.
    fn jump(&self, _credentials: &Credentials) -> Result<Option<Path>> {
        Ok(None)
    }

    // ---- content

    /// Called when the node is opened, after all checks: what must happen first (an overlay copies up for writing),
    /// and for what has no content of its own, the stream that reads and writes go to. Not called for a regular file
    /// that is just being made.
    fn open(&self, _access: Access) -> Result<Option<Arc<dyn OpenStream>>> {
        Ok(None)
    }

    /// Reads from `offset` into `sink`, as much as it has room for or there is; returns the bytes read, 0 at the end.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL` for what cannot be read, `EIO`, `EFAULT` from the sink when nothing was read yet.
    fn read(&self, _offset: u64, _sink: &mut dyn Sink) -> Result<usize> {
        fail(self.no_content())
    }

    /// Writes what `source` has; returns where the write began and how many bytes were written, which is fewer than
    /// asked only if space or the source ended midway.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL`, `EFBIG`, `ENOSPC`, `ENOMEM`, `EROFS`.
    fn write(&self, _at: WriteAt, _source: &mut dyn Source) -> Result<(u64, usize)> {
        fail(self.no_content())
    }

    /// `fallocate(2)`.
    ///
    /// # Errors
    /// `ENODEV` for what is no regular file, `EFBIG`, `ENOSPC`, `ENOMEM`.
    fn allocate(&self, _what: Allocate, _offset: u64, _length: u64) -> Result<()> {
        fail(FileSystemErrorKind::NoSuchDevice)
    }

    /// The next data or hole at or after `offset` (`lseek(2)` with `SEEK_DATA`, `SEEK_HOLE`).
    ///
    /// # Errors
    /// `ENXIO` at or after the end, and when no data follows.
    fn seek_extent(&self, _what: Extent, _offset: u64) -> Result<u64> {
        fail(self.no_content())
    }

    /// A snapshot of a regular file's content, in constant time whatever its size; later writes on either side do not
    /// show on the other.
    ///
    /// # Errors
    /// `EOPNOTSUPP` where content is no page tree (a device, a file of procfs).
    fn content(&self) -> Result<Content> {
        fail(FileSystemErrorKind::NotSupported)
    }

    /// Replaces a regular file's content in one step (clone, copy-up). Sets size and modification time.
    ///
    /// # Errors
    /// `ENOSPC`, `EOPNOTSUPP`.
    fn set_content(&self, _content: Content) -> Result<()> {
        fail(FileSystemErrorKind::NotSupported)
    }

    /// Whether memory can show its pages as they are (`MAP_SHARED`).
    fn is_mappable(&self) -> bool {
        false
    }

    /// The file of another file system whose content this one shows now, if it has none of its own. What maps a file for
    /// itself (`MAP_PRIVATE`) stays with that one when another takes its place, as on Linux.
    fn backing_node(&self) -> Option<NodeRef> {
        None
    }

    /// Gives page `index` to `show`, to be read or, for `write`, to be written, and lets `mapper` be told from then on of
    /// what becomes of pages that it was shown. Waits for nobody that may wait: its caller may be in the midst of
    /// another operation, even on the same file. A page that is shown to be written counts as written.
    ///
    /// # Errors
    /// `ENODEV` for what is not mappable, `EROFS`, `ENOSPC`, `ENOMEM`, and what `show` answers.
    fn map_page(
        &self,
        _index: u64,
        _write: bool,
        _mapper: &Arc<dyn PageMapper>,
        _show: &mut dyn FnMut(Shown<'_>) -> Result<()>,
    ) -> Result<Mapped> {
        fail(FileSystemErrorKind::NoSuchDevice)
    }

    /// Lets `mapper` be told of what becomes of `pages` until it is forgotten, whatever it is shown. For what has no
    /// [`VfsNode::backing_node`].
    ///
    /// # Errors
    /// `ENOMEM`.
    fn note_mapper(&self, _mapper: &Arc<dyn PageMapper>, _pages: Range<u64>) -> Result<()> {
        Ok(())
    }

    /// Tells `mapper` no more. Called once at least before it goes, by who had pages shown to it. Waits for nobody.
    fn forget_mapper(&self, _mapper: &Arc<dyn PageMapper>) {}

    /// What it is sealed against.
    ///
    /// # Errors
    /// `EINVAL` for what knows no seals.
    fn seals(&self) -> Result<Seals> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    /// Adds seals.
    ///
    /// # Errors
    /// `EINVAL` for what knows no seals, `EPERM` for what is sealed against more of them, `EBUSY` for a seal against writing
    /// while a mapping can be written through.
    fn add_seals(&self, _seals: Seals) -> Result<()> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    /// Counts one more shared mapping that can be written through, or one less. Waits for nobody.
    ///
    /// # Errors
    /// `EPERM` for one more of what is sealed against writing, but not if there is one already.
    fn count_writing_mapper(&self, _more: bool) -> Result<()> {
        Ok(())
    }

    /// Notes that the content was read: sets the access time to now if it is not after the last change, or a day old
    /// (`relatime` of `mount(8)`). A node without access times does nothing.
    fn note_access(&self, _strictly: bool) {}

    /// Where it is counted how it is used; `None` for what is no regular file, and where that cannot be told.
    fn usage(&self) -> Option<&Usage> {
        None
    }

    /// Makes what was written durable (`fsync(2)`); in memory there is nothing to do.
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    // ---- extended attributes

    /// The value of an extended attribute.
    ///
    /// # Errors
    /// `ENODATA`, `EOPNOTSUPP`.
    fn get_xattr(&self, _name: &[u8]) -> Result<Vec<u8>> {
        fail(FileSystemErrorKind::NotSupported)
    }

    /// Sets an extended attribute.
    ///
    /// # Errors
    /// `EEXIST`, `ENODATA` ([`SetXattr`]), `ENOSPC`, `EOPNOTSUPP`, `EROFS`.
    fn set_xattr(&self, _name: &[u8], _value: &[u8], _how: SetXattr) -> Result<()> {
        fail(FileSystemErrorKind::NotSupported)
    }

    /// Removes an extended attribute.
    ///
    /// # Errors
    /// `ENODATA`, `EOPNOTSUPP`, `EROFS`.
    fn remove_xattr(&self, _name: &[u8]) -> Result<()> {
        fail(FileSystemErrorKind::NotSupported)
    }

    /// Calls `emit` with the name of each extended attribute; none where there are none or cannot be any. `emit` may
    /// be called with a lock of this node held.
    fn list_xattrs(&self, _emit: &mut dyn FnMut(&[u8])) -> Result<()> {
        Ok(())
    }

    /// What reading or writing a node of this kind answers where it has no content: `EISDIR` or `EINVAL`.
    fn no_content(&self) -> FileSystemErrorKind {
        match self.kind() {
            FileType::Directory => FileSystemErrorKind::IsADirectory,
            _ => FileSystemErrorKind::InvalidArgument,
        }
    }
}

/// Whether two nodes are one.
pub fn same_node(one: &NodeRef, other: &NodeRef) -> bool {
    one.id() == other.id()
}
