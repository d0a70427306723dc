//! File data: the page tree.

/// The data of a regular file.
#[derive(Clone, Default)]
pub struct Content;
