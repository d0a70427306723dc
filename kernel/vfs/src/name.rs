//! Names and their limits.

use crate::error::{FileSystemErrorKind, Result, fail};
use smallvec::SmallVec;

/// A name, kept without an allocation up to 24 bytes.
pub type Name = SmallVec<[u8; 24]>;

/// The longest name in bytes (`NAME_MAX`).
pub const NAME_MAX: usize = 255;

/// The longest name of an extended attribute in bytes (`XATTR_NAME_MAX`).
pub const XATTR_NAME_MAX: usize = 255;

/// The longest path in bytes, with the NUL that ends it in C (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;

/// How many symbolic links one walk follows (`path_resolution(7)`).
pub const SYMLINKS_MAX: u32 = 40;

/// Checks the length of a path.
///
/// # Errors
/// `ENOENT` for an empty path, `ENAMETOOLONG`.
pub const fn check_path(path: &[u8]) -> Result<()> {
    match path.len() {
        0 => fail(FileSystemErrorKind::NotFound),
        1..PATH_MAX => Ok(()),
        _ => fail(FileSystemErrorKind::NameTooLong),
    }
}
