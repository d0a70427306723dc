//! The one primitive that changes names: some changes in some directories, seen by everyone at once.
//!
//! 1. All directories concerned are locked in address order, those that lose their last name too.
//! 2. Everything is checked: what each name is bound to, that no removed directory gets names, that a directory has one
//!    name, that there is room.
//! 3. What remains cannot fail.
//!
//! What loses its last name is let go after the locks are.

use super::directory::Directory;
use super::node::{Body, TmpfsNode};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::{DirectoryTimes, NameChange};
use crate::name::NAME_MAX;
use crate::node::VfsNode;
use crate::sync::WriteGuard;
use crate::sync::atomic::Ordering;
use alloc::sync::Arc;
use smallvec::SmallVec;

/// A name goes from one node to another.
pub(super) struct Change<'a> {
    pub directory: &'a TmpfsNode,
    pub name: &'a [u8],
    /// What it must be bound to.
    pub old: Option<&'a TmpfsNode>,
    /// What it is bound to then.
    pub new: Option<Arc<TmpfsNode>>,
}

/// Whether a directory that loses its name must be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Emptiness {
    Required,
    Any,
}

/// The locked directories, each with its node.
struct Locked<'a>(SmallVec<[(&'a TmpfsNode, WriteGuard<'a, Directory>); 3]>);

impl<'a> Locked<'a> {
    /// Locks these directories, in address order.
    fn new(mut directories: SmallVec<[&'a TmpfsNode; 6]>) -> Result<Self> {
        directories.sort_unstable_by_key(|node| core::ptr::from_ref(*node).addr());
        directories.dedup_by(|one, other| core::ptr::eq(*one, *other));
        let mut locked = SmallVec::new();
        for node in directories {
            locked.push((node, node.directory()?.write()));
        }
        Ok(Self(locked))
    }

    fn get(&mut self, node: &TmpfsNode) -> Result<&mut Directory> {
        let found = self.0.iter_mut().find(|(locked, _)| core::ptr::eq(*locked, node));
        // All directories of all changes were locked.
        found.map(|(_, names)| &mut **names).ok_or(FileSystemErrorKind::InvalidArgument.into())
    }
}

/// [`FileSystemOperations::commit`](crate::file_system::FileSystemOperations::commit).
pub(super) fn commit(changes: &[NameChange<'_>], times: DirectoryTimes) -> Result<()> {
    let mut own: SmallVec<[Change<'_>; 4]> = SmallVec::new();
    for change in changes {
        let new = change.new.map(|node| TmpfsNode::of(node)?.shared_self()).transpose()?;
        own.push(Change {
            directory: TmpfsNode::of(change.directory)?,
            name: change.name,
            old: change.old.map(TmpfsNode::of).transpose()?,
            new,
        });
    }
    self::change(&own, times, Emptiness::Any)
}

/// Makes all the changes, or none.
///
/// # Errors
/// `ESTALE`, `ENOENT`, `EINVAL`, `EXDEV`, `ENOTEMPTY`, `ENAMETOOLONG`, `ENOSPC`, `ENOMEM`: see the contract.
pub(super) fn change(changes: &[Change<'_>], times: DirectoryTimes, emptiness: Emptiness) -> Result<()> {
    let mut directories: SmallVec<[&TmpfsNode; 6]> = SmallVec::new();
    for change in changes {
        directories.push(change.directory);
        if let Some(old) = change.old
            && old.is_directory()
            && balance(changes, old) < 0
        {
            directories.push(old);
        }
    }
    let mut locked = Locked::new(directories)?;
    let taken = check(changes, &mut locked, emptiness)?;
    let gone = apply(changes, &mut locked, times);
    drop(locked);
    drop(gone);
    taken.keep();
    Ok(())
}

/// How many names more a node has after the changes.
fn balance(changes: &[Change<'_>], node: &TmpfsNode) -> i64 {
    let is = |other: &TmpfsNode| core::ptr::eq(other, node);
    let gained = changes.iter().filter(|change| change.new.as_deref().is_some_and(is)).count();
    let lost = changes.iter().filter(|change| change.old.is_some_and(is)).count();
    gained as i64 - lost as i64
}

/// Room for names that was taken, and is given back unless the names come to be.
struct Taken<'a> {
    node: Option<&'a TmpfsNode>,
    names: u64,
}

impl Taken<'_> {
    fn keep(mut self) {
        self.names = 0;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(node) = self.node {
            node.shared.limits.nodes().give(self.names);
        }
    }
}

fn check<'a>(changes: &[Change<'a>], locked: &mut Locked<'_>, emptiness: Emptiness) -> Result<Taken<'a>> {
    let mut taken = Taken { node: changes.first().map(|change| change.directory), names: 0 };
    for (index, change) in changes.iter().enumerate() {
        let again = changes[..index]
            .iter()
            .any(|other| core::ptr::eq(other.directory, change.directory) && other.name == change.name);
        if again || change.name.is_empty() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        if change.name.len() > NAME_MAX {
            return fail(FileSystemErrorKind::NameTooLong);
        }
        let names = locked.get(change.directory)?;
        if names.removed {
            return fail(FileSystemErrorKind::NotFound);
        }
        match (names.get(change.name), change.old) {
            (None, None) => {}
            (Some(bound), Some(old)) if core::ptr::eq(&**bound, old) => {}
            _ => return fail(FileSystemErrorKind::Stale),
        }
        if change.old.is_none() {
            page::admit(Directory::NAME_COST + 2 * change.name.len())?;
            names.reserve(changes.len())?;
        }
        if let Some(new) = &change.new {
            if !Arc::ptr_eq(&new.shared, &change.directory.shared) {
                return fail(FileSystemErrorKind::CrossDevice);
            }
            let first =
                changes[..index].iter().all(|other| other.new.as_ref().is_none_or(|other| !Arc::ptr_eq(other, new)));
            if first {
                let extra = check_gain(changes, new)?;
                change.directory.shared.limits.nodes().take(extra)?;
                taken.names += extra;
            }
        }
        if let Some(old) = change.old
            && emptiness == Emptiness::Required
            && old.is_directory()
            && balance(changes, old) < 0
            && locked.get(old)?.len() != 0
        {
            return fail(FileSystemErrorKind::DirectoryNotEmpty);
        }
    }
    Ok(taken)
}

/// Checks that a node may have the names that the changes give it; returns for how many of them room must be taken
/// (its first name came with the node).
fn check_gain(changes: &[Change<'_>], new: &Arc<TmpfsNode>) -> Result<u64> {
    if !new.may_be_named() {
        return fail(FileSystemErrorKind::NotFound);
    }
    let present = new.names.load(Ordering::Acquire);
    let after = present.saturating_add_signed(balance(changes, new));
    if new.is_directory() && after > 1 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    Ok(after.saturating_sub(present.max(1)))
}

/// Makes the changes, which are known to hold; returns what lost names.
fn apply(changes: &[Change<'_>], locked: &mut Locked<'_>, times: DirectoryTimes) -> SmallVec<[Arc<TmpfsNode>; 4]> {
    let mut gone = SmallVec::new();
    let now = changes.first().map(|change| change.directory.now()).unwrap_or_default();
    // Old bindings first: a node that is only moved keeps a name throughout, for its count goes up before it goes down.
    for change in changes {
        if let Some(new) = &change.new {
            new.names.fetch_add(1, Ordering::AcqRel);
            new.nameless.store(false, Ordering::Release);
        }
    }
    for change in changes {
        // Each directory was found among the locked ones when it was checked.
        let Ok(names) = locked.get(change.directory) else { continue };
        let old = match &change.new {
            Some(new) => names.bind(&change.directory.me, change.name, new.clone()),
            None => names.unbind(change.name),
        };
        count_directories(change.directory, old.as_deref(), change.new.as_deref());
        if let Some(old) = old {
            old.names.fetch_sub(1, Ordering::AcqRel);
            if old.is_directory()
                && old.names.load(Ordering::Acquire) == 0
                && let Ok(names) = locked.get(&old)
            {
                names.removed = true;
            }
            if times == DirectoryTimes::Touch {
                old.touch_changed(now);
            }
            gone.push(old);
        }
        if times == DirectoryTimes::Touch {
            change.directory.touch_modified(now);
            if let Some(new) = &change.new {
                new.touch_changed(now);
            }
        }
        if let Body::Directory { changes, .. } = &change.directory.body {
            changes.bump();
        }
    }
    for (index, old) in gone.iter().enumerate() {
        if gone[..index].iter().all(|other| !Arc::ptr_eq(other, old)) {
            give_back(old, balance(changes, old));
        }
    }
    gone
}

/// Gives back the room for the names that a node has lost with the changes, if it has lost any; that of its last name
/// goes with the node.
fn give_back(node: &TmpfsNode, balance: i64) {
    if balance < 0 {
        let after = node.names.load(Ordering::Acquire);
        let before = after.saturating_add(balance.unsigned_abs());
        node.shared.limits.nodes().give(before.max(1) - after.max(1));
    }
}

/// Keeps the count of sub-directories.
fn count_directories(directory: &TmpfsNode, old: Option<&TmpfsNode>, new: Option<&TmpfsNode>) {
    let Body::Directory { directories, .. } = &directory.body else { return };
    if new.is_some_and(TmpfsNode::is_directory) {
        directories.fetch_add(1, Ordering::AcqRel);
    }
    if old.is_some_and(TmpfsNode::is_directory) {
        directories.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts off one name of a node, and gives back the room of it unless it was the last, which goes with the node.
pub(super) fn lose_name(node: &TmpfsNode) {
    if node.names.fetch_sub(1, Ordering::AcqRel) > 1 {
        node.shared.limits.nodes().give(1);
    }
}
