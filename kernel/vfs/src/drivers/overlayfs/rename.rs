//! Moving names.
//!
//! One commit of the upper file system moves the name, leaves a whiteout where lower layers still have something, and
//! drops the whiteouts that the new name makes pointless. A directory that has lower directories takes a redirect
//! along, which says where they are; one that has none, moved to where lower layers have a directory, becomes opaque.
//! These marks are true of the directory where it was as well (it has those lowers, or none), so that they may be set
//! before the commit; should that fail they are taken back.

use super::OverlayFS;
use super::inode::OverlayNode;
use super::layer::{Changes, LayerNode};
use super::marks::{Becomes, Redirect};
use super::options::RedirectMode;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::DirectoryTimes;
use crate::metadata::FileType;
use crate::name::Name;
use crate::node::{NodeRef, Rename, RenameFlags, VfsNode};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use smallvec::SmallVec;

/// A directory and a name in it.
struct End<'a> {
    directory: Arc<OverlayNode>,
    name: &'a [u8],
}

/// What marks a move has set on directories already, to take back if it fails.
#[derive(Default)]
struct Prepared {
    redirects: SmallVec<[(NodeRef, Option<Redirect>); 2]>,
    opaque: SmallVec<[LayerNode; 2]>,
}

impl OverlayNode {
    /// [`VfsNode::rename`].
    pub(super) fn rename_name(&self, rename: &Rename<'_>) -> Result<()> {
        if rename.flags.contains(RenameFlags::WHITEOUT) {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let overlay = self.overlay()?;
        overlay.check_new_name(rename.to_name)?;
        let to_directory = Self::of(rename.to_directory).ok_or(FileSystemErrorKind::CrossDevice)?.shared()?;
        let from = End { directory: self.shared()?, name: rename.name };
        let to = End { directory: to_directory, name: rename.to_name };
        let exchange = rename.flags.contains(RenameFlags::EXCHANGE);

        // Everything that moves must be in the upper layer, and so must where it goes.
        let source = Self::of(rename.source).ok_or(FileSystemErrorKind::CrossDevice)?;
        overlay.check_movable(source)?;
        match rename.target.and_then(Self::of) {
            Some(target) if exchange => {
                overlay.check_movable(target)?;
                target.copy_up()?;
            }
            // Asked again when the names are held; but what cannot be replaced is to leave no copies behind either.
            Some(target) => {
                drop(overlay.lock_empty(&target.shared()?)?);
                if target.must_be_counted(&overlay)? {
                    target.copy_up_to_count()?;
                }
            }
            None => {}
        }
        from.directory.copy_up()?;
        source.copy_up()?;
        to.directory.copy_up()?;

        let _moving = overlay.rename.lock();
        overlay.rename_locked(&from, &to, rename)
    }
}

impl OverlayFS {
    /// Whether a directory may take a redirect along, if it needs one.
    ///
    /// # Errors
    /// `EXDEV`.
    fn check_movable(&self, node: &OverlayNode) -> Result<()> {
        let merged = node.kind() == FileType::Directory && !node.sources().lowers.is_empty();
        if merged && self.options().redirect != RedirectMode::On {
            return fail(FileSystemErrorKind::CrossDevice);
        }
        Ok(())
    }

    fn rename_locked(&self, from: &End<'_>, to: &End<'_>, rename: &Rename<'_>) -> Result<()> {
        let same_directory = Arc::ptr_eq(&from.directory, &to.directory);
        let target_above =
            rename.target.and_then(OverlayNode::of).is_some_and(|target| target.is_above(&from.directory));
        let source_above = OverlayNode::of(rename.source).is_some_and(|source| source.is_above(&to.directory));
        let exchange = rename.flags.contains(RenameFlags::EXCHANGE);
        match (source_above, target_above, exchange) {
            (true, _, _) | (_, true, true) => return fail(FileSystemErrorKind::InvalidArgument),
            (_, true, false) => return fail(FileSystemErrorKind::DirectoryNotEmpty),
            _ => {}
        }

        let to_first = !same_directory && to.directory.is_above(&from.directory);
        let first = if to_first { &to.directory } else { &from.directory };
        let second = if to_first { &from.directory } else { &to.directory };
        let first_held = first.lock_names()?;
        let second_held = if same_directory { None } else { Some(second.lock_names()?) };
        let to_held = if to_first { &first_held } else { second_held.as_ref().unwrap_or(&first_held) };
        let from_held = if to_first { second_held.as_ref().unwrap_or(&first_held) } else { &first_held };

        let (found_source, source) = self.look_up_locked(from_held, &from.directory, from.name)?;
        let (found_target, target) = self.look_up_locked(to_held, &to.directory, to.name)?;
        let Some(source) = source else { return fail(FileSystemErrorKind::Stale) };
        if source.id() != rename.source.id() || target.as_ref().map(|node| node.id()) != rename.target.map(|n| n.id()) {
            return fail(FileSystemErrorKind::Stale);
        }
        if target.is_some() && rename.flags.contains(RenameFlags::NO_REPLACE) {
            return fail(FileSystemErrorKind::AlreadyExists);
        }
        if target.as_ref().is_some_and(|target| Arc::ptr_eq(target, &source)) {
            // Two names of one file: nothing happens (`rename(2)`).
            return Ok(());
        }
        // The names moved are in the upper layer, or were when the move was prepared.
        let (Some(from_upper), Some(to_upper), Some(source_upper)) =
            (from.directory.upper(), to.directory.upper(), source.upper())
        else {
            return fail(FileSystemErrorKind::Stale);
        };
        from_upper.check_writable()?;
        to_upper.check_writable()?;
        if !source_upper.same_mount(&from_upper) {
            return fail(FileSystemErrorKind::Busy);
        }
        if !from_upper.same_mount(&to_upper) {
            return fail(FileSystemErrorKind::CrossDevice);
        }

        let below_from = self.find_lower(&from.directory.scope(), from.name)?;
        let below_to = self.find_lower(&to.directory.scope(), to.name)?;
        let mut changes = Changes::default();
        let mut prepared = Prepared::default();
        let emptied = match &target {
            Some(target) if !exchange => self.lock_empty(target)?,
            _ => None,
        };
        let replaced = target.as_ref().filter(|_| !exchange);
        if let Some(replaced) = replaced
            && replaced.must_be_counted(self)?
        {
            return fail(FileSystemErrorKind::Stale);
        }
        let (source_in_upper, target_in_upper) =
            (found_source.slot.visible().is_some(), found_target.slot.visible().is_some());
        let links = self.hold_links(&to_upper, &[&source, target.as_ref().unwrap_or(&source)]);
        let published = (|| {
            let marks = self.marks();
            self.prepare(&mut prepared, &mut changes, &source, from, to, below_to)?;
            match &target {
                Some(target) if exchange => {
                    self.prepare(&mut prepared, &mut changes, target, to, from, below_from)?;
                    let target_upper = target.upper().ok_or(FileSystemErrorKind::Stale)?;
                    let becomes = Becomes::Node(target_upper.node());
                    marks.set(&mut changes, &from_upper, from.name, &found_source.slot, becomes)?;
                }
                None if exchange => return fail(FileSystemErrorKind::NotFound),
                _ => {
                    let becomes = if below_from.is_some() { Becomes::Whiteout } else { Becomes::Nothing };
                    marks.set(&mut changes, &from_upper, from.name, &found_source.slot, becomes)?;
                }
            }
            let becomes = Becomes::Node(source_upper.node());
            marks.set(&mut changes, &to_upper, to.name, &found_target.slot, becomes)?;
            if let Some(links) = &links {
                links.move_name(&mut changes, &source, source_in_upper)?;
                match &target {
                    Some(target) if exchange => links.move_name(&mut changes, target, target_in_upper)?,
                    Some(target) => links.lose_name(&mut changes, target, target_in_upper)?,
                    None => {}
                }
            }
            changes.publish(&to_upper, DirectoryTimes::Touch)
        })();
        if let Err(error) = published {
            self.take_back(prepared);
            return Err(error);
        }

        source.remove_place(&from.directory, from.name);
        if let Some(target) = &target {
            self.removed(target, emptied, &to.directory, to.name);
            if exchange {
                target.add_place(&from.directory, from.name);
            }
        }
        source.add_place(&to.directory, to.name);
        Ok(())
    }

    /// Gives a directory that is to move the marks it needs at the new place, where lower layers have `below`.
    fn prepare(
        &self,
        prepared: &mut Prepared,
        changes: &mut Changes,
        node: &OverlayNode,
        from: &End<'_>,
        to: &End<'_>,
        below: Option<FileType>,
    ) -> Result<()> {
        let sources = node.sources();
        let Some(upper) = sources.upper.filter(|upper| upper.is_directory()) else { return Ok(()) };
        if sources.lowers.is_empty() {
            if below == Some(FileType::Directory) && self.marks().make_opaque(changes, &upper)? {
                prepared.opaque.push(upper);
            }
            return Ok(());
        }
        let present = self.marks().redirect(upper.node())?;
        let redirect = match &present {
            Some(Redirect::Path(_)) => return Ok(()),
            Some(Redirect::Name(_)) if Arc::ptr_eq(&from.directory, &to.directory) => return Ok(()),
            None if Arc::ptr_eq(&from.directory, &to.directory) => Redirect::Name(Box::from(from.name)),
            _ => Redirect::Path(self.lower_path(from, &present)?),
        };
        self.marks().set_redirect(upper.node(), Some(&redirect))?;
        prepared.redirects.push((upper.node().clone(), present));
        Ok(())
    }

    /// The path at which the lower layers have what is in a place: the way up, with the names that the layers below
    /// the upper know. `redirect` is what the node in the place says itself.
    fn lower_path(&self, place: &End<'_>, redirect: &Option<Redirect>) -> Result<Vec<Box<[u8]>>> {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        let mut name = Name::from_slice(place.name);
        let mut redirect = redirect.clone();
        let mut parent = Some(place.directory.clone());
        while let Some(directory) = parent {
            match redirect {
                Some(Redirect::Path(path)) => {
                    names.extend(path.into_iter().rev());
                    break;
                }
                Some(Redirect::Name(lower)) => names.push(lower),
                None => names.push(Box::from(&*name)),
            }
            let Some(above) = directory.place() else { break };
            redirect = match directory.upper() {
                Some(upper) => self.marks().redirect(upper.node())?,
                None => None,
            };
            name = above.name;
            parent = Some(above.parent);
        }
        names.reverse();
        Ok(names)
    }

    /// Takes marks back after a failure. Where that fails as well they stay, and change nothing of what is seen.
    fn take_back(&self, prepared: Prepared) {
        for (node, redirect) in prepared.redirects {
            let _ = self.marks().set_redirect(&node, redirect.as_ref());
        }
        for directory in prepared.opaque {
            let _ = self.marks().undo_opaque(&directory);
        }
    }
}
