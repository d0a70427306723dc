//! What a namespace promises, as tests.

mod attributes;
mod configuring;
mod copy_range;
mod dentry_cache;
pub(crate) mod flags;
mod handles;
mod mapping;
mod mounts;
mod names;
mod open;
mod path_walk;
mod propagation;
mod rename;
mod resolve;
mod transfer;
mod xattr;

use crate::error::{FileSystemErrorKind, Result};

/// Asserts that an operation fails with that errno.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T>, kind: FileSystemErrorKind) {
    match result {
        Ok(_) => panic!("succeeded, {} expected", kind.name()),
        Err(error) => assert_eq!(error.kind(), kind),
    }
}
