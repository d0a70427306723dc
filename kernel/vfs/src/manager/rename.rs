//! `renameat2(2)`.

use super::names::{check_directory_change, retry_stale};
use super::{Follow, VfsManager};
use crate::context::{AccessMode, Context};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::inotify::{WatchMask, next_cookie};
use crate::node::{NodeRef, Rename, RenameFlags, same_node};
use crate::walk::{End, Target};
use alloc::sync::Arc;

impl VfsManager {
    /// Moves a name. What the new name was bound to is replaced in the same step, unless the flags say otherwise.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `EXDEV` between mounts, `EROFS`, `EINVAL` for contradictory flags or a
    /// directory moved below itself, `EEXIST` under `RENAME_NOREPLACE`, `ENOTEMPTY`, `EISDIR`, `ENOTDIR`, `EBUSY` for
    /// `.`, `..`, a root, or what is mounted on, `EACCES`, `EPERM` in a sticky directory.
    pub fn rename(&self, context: &Context, old: &[u8], new: &[u8], flags: RenameFlags) -> Result<()> {
        self.rename_between(context, old, context, new, flags)
    }

    /// As [`VfsManager::rename`], with a context for the new name that may start elsewhere (`renameat2(2)`). Who asks is
    /// the first.
    ///
    /// # Errors
    /// Those of [`VfsManager::rename`].
    pub fn rename_between(
        &self,
        context: &Context,
        old: &[u8],
        new_context: &Context,
        new: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        if exchange && flags.intersects(RenameFlags::NO_REPLACE | RenameFlags::WHITEOUT) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        retry_stale(|| {
            let from = self.tree.resolve_name(context, old, Follow::No)?;
            let to = self.tree.resolve_name(new_context, new, Follow::No)?;
            self.rename_once(context, from, to, flags)
        })
    }

    fn rename_once(&self, context: &Context, from: End, to: End, flags: RenameFlags) -> Result<()> {
        if !Arc::ptr_eq(from.mount(), to.mount()) {
            return fail(FileSystemErrorKind::CrossDevice);
        }
        if !from.is_name() {
            return fail(FileSystemErrorKind::Busy);
        }
        if !to.is_name() {
            return fail(if flags.contains(RenameFlags::NO_REPLACE) {
                FileSystemErrorKind::AlreadyExists
            } else {
                FileSystemErrorKind::Busy
            });
        }
        from.mount().check_writable()?;
        let from = from.name_or(FileSystemErrorKind::Busy)?;
        if matches!(to, End::TooLong(..)) && from.entry.node().is_none() {
            return fail(FileSystemErrorKind::NotFound);
        }
        let to = to.name_or(FileSystemErrorKind::Busy)?;
        self.rename_resolved(context, &from, &to, flags)
    }

    fn rename_resolved(&self, context: &Context, from: &Target, to: &Target, flags: RenameFlags) -> Result<()> {
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        let superblock = from.parent.mount.superblock();
        // Held from the check that nothing moves below itself until the move is done.
        let held = superblock.lock_rename();

        let source = from.entry.node().ok_or(FileSystemErrorKind::NotFound)?;
        if to.parent.entry.is_dead() {
            // In a removed directory there is no name to be had, whatever else is wrong.
            return fail(FileSystemErrorKind::NotFound);
        }
        let target = to.entry.node();
        if flags.contains(RenameFlags::NO_REPLACE) && target.is_some() {
            return fail(FileSystemErrorKind::AlreadyExists);
        }
        if exchange {
            let target = target.ok_or(FileSystemErrorKind::NotFound)?;
            if to.slash && target.kind() != crate::metadata::FileType::Directory {
                return fail(FileSystemErrorKind::NotADirectory);
            }
        }
        let source_is_directory = from.entry.is_directory();
        if !source_is_directory && (from.slash || (!exchange && to.slash)) {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        if from.entry.is_above(&to.parent.entry) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if target.is_some() && to.entry.is_above(&from.parent.entry) {
            return fail(if exchange {
                FileSystemErrorKind::InvalidArgument
            } else {
                FileSystemErrorKind::DirectoryNotEmpty
            });
        }
        if target.is_some_and(|target| same_node(source, target)) {
            return Ok(());
        }

        self.check_removal(&context.credentials, &from.parent, &from.entry, source_is_directory)?;
        let directory = to.parent.node()?;
        match target {
            None => check_directory_change(&context.credentials, &to.parent)?,
            Some(_) => {
                let expected = if exchange { to.entry.is_directory() } else { source_is_directory };
                self.check_removal(&context.credentials, &to.parent, &to.entry, expected)?;
            }
        }
        // Moving a directory elsewhere changes its `..`, and so needs the right to write it.
        if !Arc::ptr_eq(&from.parent.entry, &to.parent.entry) {
            if source_is_directory {
                context.credentials.check(&**source, AccessMode::WRITE)?;
            }
            if let Some(target) = target
                && exchange
                && to.entry.is_directory()
            {
                context.credentials.check(&**target, AccessMode::WRITE)?;
            }
        }

        from.parent.node()?.rename(&Rename {
            name: &from.name,
            source,
            to_directory: directory,
            to_name: &to.name,
            target,
            flags,
        })?;
        if exchange {
            superblock.exchanged(&held, &from.entry, &to.entry);
        } else {
            superblock.moved(&held, &from.entry, &to.parent.entry, &to.name);
        }
        // Still in the order of the moves.
        if from.parent.mount.watches().any() {
            tell_of_move(from, to, if exchange { None } else { target });
            if exchange {
                tell_of_move(to, from, None);
            }
        }
        Ok(())
    }
}

/// Tells those who watch that what was at `from` is at `to` now, and that `replaced` has a name less.
fn tell_of_move(from: &Target, to: &Target, replaced: Option<&NodeRef>) {
    let watches = from.parent.mount.watches();
    let (Ok(from_directory), Ok(to_directory), Some(node)) = (from.parent.node(), to.parent.node(), from.entry.node())
    else {
        return;
    };
    let cookie = next_cookie();
    watches.tell_of_name(from_directory, &from.name, node.kind(), WatchMask::MOVED_FROM, cookie);
    watches.tell_of_name(to_directory, &to.name, node.kind(), WatchMask::MOVED_TO, cookie);
    if let Some(replaced) = replaced {
        watches.tell_of_node(replaced, WatchMask::ATTRIB);
    }
    watches.tell_of_self(node, WatchMask::MOVE_SELF);
}
