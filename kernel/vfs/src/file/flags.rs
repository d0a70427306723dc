//! What of an open file's flags changes after it was opened.

use super::{FileObject, OpenFlags};
use crate::context::Credentials;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::metadata::FileFlags;
use core::sync::atomic::Ordering;

impl FileObject {
    /// Changes the flags that can be changed (`F_SETFL`): append, non-blocking, direct, no access time,
    /// telling its owner, which is but kept.
    ///
    /// # Errors
    /// `EPERM` for no access time, which only the owner may ask for, and for appending to what is append-only: that stays
    /// as it is.
    pub fn set_flags(&self, credentials: &Credentials, flags: OpenFlags) -> Result<()> {
        let changeable = OpenFlags::APPEND | OpenFlags::NON_BLOCKING | OpenFlags::NO_ACCESS_TIME;
        let changeable = changeable | OpenFlags::DIRECT | OpenFlags::ASYNC;
        let (present, flags) = (self.flags(), flags & changeable);
        let permissions = self.node.permissions();
        let owns = !(flags - present).contains(OpenFlags::NO_ACCESS_TIME) || credentials.owns(permissions);
        let as_before = !(flags ^ present).contains(OpenFlags::APPEND);
        if !owns || !as_before && permissions.flags.contains(FileFlags::APPEND_ONLY) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        let flags = (present - changeable) | flags;
        self.flags.store(flags.bits(), Ordering::Relaxed);
        if let Some(stream) = &self.stream {
            stream.set_non_blocking(flags.contains(OpenFlags::NON_BLOCKING));
        }
        Ok(())
    }

    /// Notes whether its owner is told of it ([`OpenFlags::ASYNC`]).
    pub fn set_told(&self, on: bool) {
        let told = OpenFlags::ASYNC.bits();
        if on {
            self.flags.fetch_or(told, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!told, Ordering::Relaxed);
        }
    }
}
