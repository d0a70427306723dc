//! The work directory. Staging needs none; what is there is for other mounts to find:
//!
//! ```text
//!  workdir/links-INODE               records of files with several names (`whiteout=linux`; see super::links)
//!  workdir/work/incompat/volatile/   left by a mount with `volatile`: the upper layer may not be whole
//!  workdir/work/...                  what a mount on Linux has left behind
//! ```
//!
//! Whoever finds anything in `work/incompat` does not mount, as on Linux, whatever it is called: it says that the upper
//! layer is not one that everybody can use. Everything else in `work` is rubbish and is taken away.

use super::layer::{Changes, Layer};
use super::mount_checks::Refusal;
use super::options::{Fsync, OverlayOptions};
use crate::error::{FileSystemErrorKind, Result};
use crate::file_system::DirectoryTimes;
use crate::metadata::FileType;
use crate::node::{NewKind, NewNode, NodeRef};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

const NAME: &[u8] = b"work";
const INCOMPATIBLE: &[u8] = b"incompat";
const VOLATILE: &[u8] = b"volatile";
const DIRTY: &[u8] = b"dirty";

/// Makes the work directory of an overlay that is about to be mounted ready, and leaves the mark of `volatile` there.
///
/// # Errors
/// `EINVAL` for an upper layer that is marked; those of the file system.
pub fn prepare(work: &Arc<Layer>, options: &OverlayOptions) -> core::result::Result<(), Refusal> {
    let path = || String::from_utf8_lossy(work.name());
    let root = work.root();
    let present = child(root.node(), NAME)?;
    let marks = match &present {
        Some(present) => child(present, INCOMPATIBLE)?,
        None => None,
    };
    if let Some(mark) = marks.map_or(Ok(None), |marks| first_name(&marks))? {
        let mark = String::from_utf8_lossy(&mark);
        let path = path();
        let message = format!(
            "{path}/work/incompat/{mark}: left by a mount whose upper layer may not be whole; make upperdir and \
             workdir anew, or if they are known to be good remove this"
        );
        return Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message));
    }
    let volatile = options.fsync == Fsync::Volatile;
    let clean = match &present {
        Some(present) => present.kind() == FileType::Directory && first_name(present)?.is_none(),
        None => true,
    };
    if clean && !volatile {
        return Ok(());
    }
    let fresh = root.node().create_unnamed(&directory(0))?;
    if volatile {
        let volatile = fresh.create(INCOMPATIBLE, &directory(0o700))?.create(VOLATILE, &directory(0o700))?;
        volatile.create(DIRTY, &NewNode { kind: NewKind::Regular, mode: 0o600, uid: 0, gid: 0 })?;
    }
    let mut changes = Changes::default();
    changes.bind(root.node(), NAME, present.as_ref(), Some(&fresh));
    changes
        .publish(&root, DirectoryTimes::Touch)
        .map_err(|error| Refusal { error, message: format!("{}/work: cannot be made anew: {error}", path()) })
}

fn directory(mode: u32) -> NewNode<'static> {
    NewNode { kind: NewKind::Directory, mode, uid: 0, gid: 0 }
}

fn child(directory: &NodeRef, name: &[u8]) -> Result<Option<NodeRef>> {
    match directory.lookup(name) {
        Ok(node) => Ok(Some(node)),
        Err(error) if matches!(error.kind(), FileSystemErrorKind::NotFound | FileSystemErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A name in a directory, if that has any.
///
/// # Errors
/// Those of the file system.
pub fn first_name(directory: &NodeRef) -> Result<Option<crate::name::Name>> {
    let mut first = None;
    if directory.kind() == FileType::Directory {
        directory.list(0, &mut |item| {
            first = Some(crate::name::Name::from_slice(item.name));
            false
        })?;
    }
    Ok(first)
}
