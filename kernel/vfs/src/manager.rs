//! A mount namespace, and the operations by path.
//!
//! Every operation takes a [`Context`]: who asks, and from where. Nothing here stands for "the" current directory or
//! "the" namespace. Permission, read-only mounts and the rules that do not depend on a file system are checked here,
//! once, for everyone; what changes is left to the node. The operations are in files of their own: [`open`], [`names`]
//! (make, link, remove), [`rename`], [`attributes`], [`xattr`], [`watches`] and
//! [`mounts`].
//!
//! Locks: none of its own but the mount tree's; a rename between directories takes the superblock's rename lock.

pub mod attributes;
pub mod configuring;
pub mod detached;
pub mod handles;
pub mod mounts;
pub mod names;
pub mod open;
pub mod rename;
#[cfg(any(test, feature = "selftest"))]
pub(crate) mod tests;
pub mod watches;
pub mod xattr;

use crate::context::{AccessMode, Capabilities, Context, Credentials, ResolveFlags};
use crate::environment::Environment;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::metadata::Statistics;
use crate::mount::{MountFlags, MountPoint, MountTree, Path};
use crate::private_tree::PrivateTree;
use crate::superblock::SuperBlock;
pub use crate::walk::Follow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::RangeBounds;

/// A mount namespace.
pub struct VfsManager {
    tree: MountTree,
    environment: Environment,
}

impl VfsManager {
    /// A namespace whose root is that file system.
    pub fn new(root: Arc<dyn FileSystemOperations>, environment: Environment) -> Arc<Self> {
        let source = root.type_name().as_bytes();
        let superblock = SuperBlock::new(root.clone());
        let entry = superblock.root().clone();
        let mount = MountPoint::new(superblock, entry, source, MountFlags::empty());
        Self::build(MountTree::new(mount), environment)
    }

    fn build(tree: MountTree, environment: Environment) -> Arc<Self> {
        let manager = Arc::new(Self { tree, environment });
        manager.tree.announce(&manager);
        manager
    }

    /// Its number, unique among all namespaces there ever were, and not 0.
    pub fn id(&self) -> u64 {
        self.tree.number()
    }

    /// The first of the namespaces whose numbers are in a range, or the last one, among this one and those that were made
    /// from it or that it was made from.
    pub fn relative(&self, numbers: impl RangeBounds<u64>, last: bool) -> Option<Arc<Self>> {
        self.tree.relative(numbers, last)
    }

    /// A namespace of its own with copies of all mounts (`unshare(2)` with `CLONE_NEWNS`), which are peers of those that
    /// are shared: what is mounted on one of these in either later shows in both, and nothing else does. The second is
    /// `context` for it.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn duplicate(&self, context: &Context) -> Result<(Arc<Self>, Context)> {
        let mut context = context.clone();
        let tree = self.tree.duplicate(&mut [&mut context.root, &mut context.cwd])?;
        Ok((Self::build(tree, self.environment.clone()), context))
    }

    /// The machine around it.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The mounts.
    pub fn tree(&self) -> &MountTree {
        &self.tree
    }

    /// The superuser at the root, with umask 022.
    pub fn root_context(&self) -> Context {
        let root = Path::root_of(self.tree.root()).crossed();
        Context {
            credentials: Credentials::root(),
            umask: 0o022,
            cwd: root.clone(),
            root,
            resolve: ResolveFlags::empty(),
        }
    }

    /// The place that `path` names.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG` (`path_resolution(7)`); those of what the context lets paths
    /// lead through ([`ResolveFlags`]), and `EINVAL` where it says both `RESOLVE_BENEATH` and `RESOLVE_IN_ROOT`.
    pub fn resolve(&self, context: &Context, path: &[u8], follow: Follow) -> Result<Path> {
        self.tree.resolve(context, path, follow)
    }

    /// The name of a place as the context sees it, from its root (`getcwd(3)`).
    ///
    /// # Errors
    /// `ENOENT` when it was removed, or is not below the context's root.
    pub fn path_name(&self, context: &Context, path: &Path) -> Result<Vec<u8>> {
        let mut names = Vec::new();
        let mut at = path.clone();
        while !at.is(&context.root) {
            if at.is_mount_root() {
                at = at.mount.place().ok_or(FileSystemErrorKind::NotFound)?;
                continue;
            }
            if !at.entry.is_hashed() {
                return fail(FileSystemErrorKind::NotFound);
            }
            let parent = at.entry.parent().ok_or(FileSystemErrorKind::NotFound)?;
            names.push(at.entry.name());
            at.entry = parent;
        }
        let mut text = Vec::new();
        for name in names.iter().rev() {
            text.push(b'/');
            text.extend_from_slice(name);
        }
        if text.is_empty() {
            text.push(b'/');
        }
        Ok(text)
    }

    /// Makes `path` the directory that relative paths start at (`chdir(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`]; `ENOTDIR`, `EACCES` when it may not be searched.
    pub fn change_directory(&self, context: &mut Context, path: &[u8]) -> Result<()> {
        context.cwd = self.searchable_directory(context, path)?;
        Ok(())
    }

    /// Makes `path` the root of absolute paths (`chroot(2)`). The current directory stays where it is.
    ///
    /// # Errors
    /// Those of [`VfsManager::change_directory`]; `EPERM` without `CAP_SYS_CHROOT`.
    pub fn change_root(&self, context: &mut Context, path: &[u8]) -> Result<()> {
        let root = self.searchable_directory(context, path)?;
        context.credentials.require(Capabilities::SYS_CHROOT)?;
        context.root = root;
        Ok(())
    }

    fn searchable_directory(&self, context: &Context, path: &[u8]) -> Result<Path> {
        let path = self.resolve(context, path, Follow::Yes)?;
        if !path.entry.is_directory() {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        context.credentials.check(&**path.node()?, AccessMode::EXECUTE)?;
        Ok(path)
    }

    /// The figures of the file system that `path` is on (`statfs(2)`).
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`].
    pub fn statistics(&self, context: &Context, path: &[u8]) -> Result<Statistics> {
        self.resolve(context, path, Follow::Yes)?.mount.superblock().operations().statistics()
    }

    /// Makes everything written to any mounted file system durable (`sync(2)`).
    ///
    /// # Errors
    /// The first that a file system answers; the others are synced all the same.
    pub fn sync(&self) -> Result<()> {
        let mut result = Ok(());
        for mount in self.tree.mounts() {
            result = result.and(mount.superblock().operations().sync());
        }
        result
    }

    /// A private clone of the mounts at and below a place, for a layer of an overlay.
    ///
    /// # Errors
    /// `ENOENT` for a name that is bound to nothing.
    pub fn private_tree(&self, path: &Path) -> Result<PrivateTree> {
        self.tree.private(path)
    }
}

impl Drop for VfsManager {
    fn drop(&mut self) {
        self.tree.withdraw();
    }
}
