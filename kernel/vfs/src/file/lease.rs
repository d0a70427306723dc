//! Leases, as an open file has them.

use super::FileObject;
use crate::context::{Capabilities, Credentials};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::lease::{self, LeaseHolder};
use crate::lock::LockKind;
use alloc::sync::Arc;

impl FileObject {
    /// Gives it a lease, or another in place of its own; `None` gives that back (`F_SETLEASE`). Others are shown the number
    /// of the process.
    ///
    /// # Errors
    /// `EBADF` for a place only (`O_PATH`), `EACCES` for who does not own the file and may not (`CAP_LEASE`), `EINVAL`
    /// for what has no leases: what is no regular file, and files that the kernel makes up; `EAGAIN` while the file is
    /// open in a way that the lease does not go with, and when there is none to give back; `ENOMEM`.
    pub fn set_lease(
        &self,
        credentials: &Credentials,
        kind: Option<LockKind>,
        pid: u32,
        holder: Arc<dyn LeaseHolder>,
    ) -> Result<()> {
        self.require_more_than_place()?;
        if credentials.uid != self.node.permissions().uid && !credentials.capable(Capabilities::LEASE) {
            return fail(FileSystemErrorKind::PermissionDenied);
        }
        let usage = self.node.usage().ok_or(FileSystemErrorKind::InvalidArgument)?;
        let (node, file) = (self.node.id(), self.address());
        match kind {
            Some(kind) => lease::take(node, file, (usage, self.flags().access()), (kind, pid), holder),
            None if lease::release(node, file) => Ok(()),
            None => fail(FileSystemErrorKind::WouldBlock),
        }
    }

    /// The lease it has; what that is to become, where its holder was asked (`F_GETLEASE`).
    pub fn lease(&self) -> Option<LockKind> {
        lease::shown(self.node.id(), self.address())?.kind
    }
}
