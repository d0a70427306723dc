//! Watching by path: `inotify_add_watch(2)`.

use super::{Follow, VfsManager};
use crate::context::{AccessMode, Context, Credentials};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::inotify::{Inotify, WatchMask};
use crate::mount::Path;
use alloc::sync::Arc;

impl VfsManager {
    /// Watches what `path` names, or changes what is watched of it; returns the number that its events carry. The
    /// mask's bits are Linux's, those that say how to find and to watch it among them.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EINVAL` for a mask with unknown bits, with none, or with `IN_MASK_ADD` and
    /// `IN_MASK_CREATE`; `ENOTDIR` under `IN_ONLYDIR`, `EACCES` for what the caller may not read, `EEXIST` under
    /// `IN_MASK_CREATE` for what is watched, `ENOSPC` for too many watches, `ENOMEM`.
    pub fn add_watch(&self, context: &Context, inotify: &Arc<Inotify>, path: &[u8], mask: u32) -> Result<i32> {
        let mask = valid(mask)?;
        let follow = if mask.contains(WatchMask::DONT_FOLLOW) { Follow::No } else { Follow::Yes };
        Self::add_watch_at(&context.credentials, inotify, &self.resolve(context, path, follow)?, mask.bits())
    }

    /// As [`VfsManager::add_watch`], for a place already resolved.
    ///
    /// # Errors
    /// As [`VfsManager::add_watch`].
    pub fn add_watch_at(credentials: &Credentials, inotify: &Arc<Inotify>, path: &Path, mask: u32) -> Result<i32> {
        let mask = valid(mask)?;
        let node = path.node()?;
        if mask.contains(WatchMask::ONLY_DIRECTORY) && !path.entry.is_directory() {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        credentials.check(&**node, AccessMode::READ)?;
        let watches = path.mount.watches();
        if !path.entry.is_hashed() {
            // It never had a name, or lost it some other way than by a removal.
            path.entry.set_mourners(watches);
        }
        inotify.watch(watches, node, mask)
    }
}

/// The mask, if it is one.
fn valid(mask: u32) -> Result<WatchMask> {
    let contradiction = WatchMask::MASK_ADD | WatchMask::MASK_CREATE;
    match WatchMask::from_bits(mask) {
        Some(mask) if !mask.is_empty() && !mask.contains(contradiction) => Ok(mask),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}
