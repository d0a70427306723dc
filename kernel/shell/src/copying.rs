//! Copying files and trees: content by clone where both file systems keep it as a page tree, else in pieces.

use crate::call::{CHUNK, Call};
use crate::quoting::Quoted;
use crate::walk::{Step, Walk};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use vfs::context::{Context, Credentials};
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, Metadata, NodeId, SetTime};
use vfs::node::{NewKind, SetXattr};

/// How things are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Directories with what they hold; symbolic links and devices as such.
    pub recursive: bool,
    /// Symbolic links as such even where directories are not copied.
    pub links: bool,
    /// A file that cannot be written is removed and made anew.
    pub force: bool,
    /// Mode, owner and times stay.
    pub attributes: bool,
    /// Extended attributes stay, and names of one file stay names of one file.
    pub everything: bool,
}

/// Copies `source` to `target`, which is the path of the copy itself; says what cannot be copied and goes on. Returns
/// whether all was copied.
pub fn copy_tree(call: &mut Call<'_, '_>, source: &[u8], target: &[u8], manner: Manner) -> bool {
    let manager = call.manager();
    let follow = if manner.links || manner.recursive { Follow::No } else { Follow::Yes };
    let walk = Walk::new(manager.clone(), call.context(), source, follow);
    let base = call.context();
    let linked = BTreeMap::new();
    let mut copy = Copy { call, manager, manner, walk, source, target, base, entered: Vec::new(), linked, made: None };
    let mut whole = true;
    while let Some(step) = copy.walk.step() {
        if copy.call.stopped() {
            return false;
        }
        let done = match step {
            Step::Enter(metadata) => copy.enter(metadata),
            Step::Item(metadata) => copy.item(&metadata),
            Step::Leave => copy.leave(),
            Step::Unreadable(error) => {
                copy.call.complain(format_args!("cannot access {}: {error}", Quoted(copy.walk.path())));
                None
            }
            Step::Failed(error) => {
                copy.call.complain(format_args!("cannot stat {}: {error}", Quoted(copy.walk.path())));
                None
            }
        };
        whole &= done.is_some();
    }
    whole
}

/// A copy under way. Its steps answer `None` when something was not copied and the user has been told.
struct Copy<'t, 'c, 's> {
    call: &'t mut Call<'c, 's>,
    manager: Arc<VfsManager>,
    manner: Manner,
    walk: Walk,
    /// The paths as given.
    source: &'t [u8],
    target: &'t [u8],
    /// Where `target` is looked up.
    base: Context,
    /// One for each directory that the walk is in; `None` for one that is not copied.
    entered: Vec<Option<Entered>>,
    /// For each file with several names that was copied: the copy, which gets the other names too.
    linked: BTreeMap<NodeId, Arc<FileObject>>,
    /// The first directory made: the walk may come to it when it lies within the source.
    made: Option<NodeId>,
}

/// A directory of the copy.
struct Entered {
    /// With the directory as the current one.
    context: Context,
    /// The source's.
    metadata: Metadata,
}

impl Copy<'_, '_, '_> {
    /// The directory that the current step's copy goes to, and its name there.
    fn place(&self) -> (Context, Vec<u8>) {
        match self.entered.last() {
            Some(Some(entered)) => (entered.context.clone(), self.walk.name().to_vec()),
            _ => (self.base.clone(), self.target.to_vec()),
        }
    }

    /// The path of the current step's copy, for messages.
    fn target_path(&self) -> Vec<u8> {
        [self.target, &self.walk.path()[self.source.len()..]].concat()
    }

    /// What `result` holds; else says what could not be done with the copy.
    fn check<T>(&mut self, what: &str, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let path = self.target_path();
                self.call.complain(format_args!("cannot {what} {}: {error}", Quoted(&path)));
                None
            }
        }
    }

    fn enter(&mut self, metadata: Metadata) -> Option<()> {
        let entered = self.make_directory(metadata);
        if entered.is_none() {
            self.walk.skip();
        }
        let done = entered.is_some();
        self.entered.push(entered);
        done.then_some(())
    }

    fn make_directory(&mut self, metadata: Metadata) -> Option<Entered> {
        if !self.manner.recursive {
            let path = Quoted(self.walk.path());
            self.call.complain(format_args!("-r not specified; omitting directory {path}"));
            return None;
        }
        if self.made == Some(metadata.id) {
            let (from, to) = (Quoted(self.source), Quoted(self.target));
            self.call.complain(format_args!("cannot copy a directory, {from}, into itself, {to}"));
            return None;
        }
        let (context, name) = self.place();
        // Its owner must be able to fill it; the mode it is to have comes when it is left.
        let result = match self.manager.make_directory(&context, &name, metadata.mode | 0o700) {
            Err(error) if error.kind() == FileSystemErrorKind::AlreadyExists => {
                let existing = self.manager.metadata(&context, &name, Follow::Yes);
                if existing.is_ok_and(|existing| existing.kind != FileType::Directory) {
                    let (to, from) = (self.target_path(), Quoted(self.walk.path()));
                    let to = Quoted(&to);
                    self.call.complain(format_args!("cannot overwrite non-directory {to} with directory {from}"));
                    return None;
                }
                Ok(())
            }
            result => result,
        };
        self.check("create directory", result)?;
        let place = self.manager.resolve(&context, &name, Follow::Yes);
        let place = self.check("access", place)?;
        let id = place.node().map(|node| node.id());
        let id = self.check("access", id)?;
        self.made.get_or_insert(id);
        Some(Entered { context: context.at(place), metadata })
    }

    fn leave(&mut self) -> Option<()> {
        // The walk leaves what it has entered: there is one for each.
        let Entered { metadata, .. } = self.entered.pop()??;
        let (context, name) = self.place();
        if self.manner.attributes {
            return self.keep_attributes(&context, &name, &metadata);
        }
        if metadata.mode & 0o700 != 0o700 {
            let mode = metadata.mode & !context.umask;
            let result = self.manager.set_mode(&context, &name, mode, Follow::Yes);
            self.check("set permissions of", result)?;
        }
        Some(())
    }

    fn item(&mut self, metadata: &Metadata) -> Option<()> {
        let (context, name) = self.place();
        if let Ok(existing) = self.manager.metadata(&context, &name, Follow::Yes) {
            let (to, from) = (self.target_path(), Quoted(self.walk.path()));
            let to = Quoted(&to);
            if existing.id == metadata.id {
                self.call.complain(format_args!("{from} and {to} are the same file"));
                return None;
            }
            if existing.kind == FileType::Directory {
                self.call.complain(format_args!("cannot overwrite directory {to} with non-directory {from}"));
                return None;
            }
        }
        let shared = self.manner.everything && metadata.links > 1;
        if let Some(first) = self.linked.get(&metadata.id).filter(|_| shared).cloned() {
            let result = replacing(&self.manager, &context, &name, || self.manager.link_file(&context, &first, &name));
            return self.check("create hard link", result);
        }
        let as_such = self.manner.recursive || metadata.kind == FileType::Symlink;
        let kind = match metadata.kind {
            FileType::Symlink => {
                let target = self.manager.read_link(self.walk.context(), self.walk.name());
                let target = self.check("copy to", target)?;
                let make = || self.manager.make_symlink(&context, &target, &name);
                let result = replacing(&self.manager, &context, &name, make);
                self.check("create symbolic link", result)?;
                None
            }
            FileType::CharDevice if as_such => Some(NewKind::CharDevice(metadata.device)),
            FileType::BlockDevice if as_such => Some(NewKind::BlockDevice(metadata.device)),
            FileType::Fifo if as_such => Some(NewKind::Fifo),
            FileType::Socket if as_such => Some(NewKind::Socket),
            _ => {
                self.copy_content(&context, &name, metadata)?;
                None
            }
        };
        if let Some(kind) = kind {
            let make = || self.manager.make_node(&context, &name, kind, metadata.mode);
            let result = replacing(&self.manager, &context, &name, make);
            self.check("create special file", result)?;
        }
        if self.manner.everything {
            self.keep_xattrs(&context, &name)?;
        }
        if self.manner.attributes {
            self.keep_attributes(&context, &name, metadata)?;
        }
        if shared {
            let copy = self.manager.open(&context, &name, OpenFlags::PATH | OpenFlags::NO_FOLLOW, 0);
            let copy = self.check("access", copy)?;
            self.linked.insert(metadata.id, copy);
        }
        Some(())
    }

    fn copy_content(&mut self, context: &Context, name: &[u8], metadata: &Metadata) -> Option<()> {
        let from = match self.manager.open(self.walk.context(), self.walk.name(), OpenFlags::READ, 0) {
            Ok(file) => file,
            Err(error) => {
                self.call.complain(format_args!("cannot open {} for reading: {error}", Quoted(self.walk.path())));
                return None;
            }
        };
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let open = || self.manager.open(context, name, flags, metadata.mode & 0o777);
        let to = match open() {
            Err(_) if self.manner.force && self.manager.unlink(context, name).is_ok() => open(),
            result => result,
        };
        let to = self.check("create regular file", to)?;
        match self.transfer(&context.credentials, &from, &to) {
            Ok(()) => Some(()),
            Err(error) => {
                let path = self.target_path();
                self.call.complain(format_args!("error writing {}: {error}", Quoted(&path)));
                None
            }
        }
    }

    /// From one open file to another that is empty: by clone, or in pieces.
    fn transfer(&mut self, writer: &Credentials, from: &FileObject, to: &FileObject) -> Result<()> {
        match to.clone_content(writer, from) {
            // What is no regular file, or keeps no pages.
            Err(error)
                if matches!(error.kind(), FileSystemErrorKind::InvalidArgument | FileSystemErrorKind::NotSupported) => {
            }
            result => return result,
        }
        let mut buffer = vec![0; CHUNK];
        while !self.call.stopped() {
            let count = from.read(&mut &mut buffer[..])?;
            if count == 0 {
                break;
            }
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                to.write(writer, &mut rest)?;
            }
        }
        Ok(())
    }

    /// Owner before mode (a change of owner takes set-id bits away), times last.
    fn keep_attributes(&mut self, context: &Context, name: &[u8], metadata: &Metadata) -> Option<()> {
        let owner = (Some(metadata.uid), Some(metadata.gid));
        match self.manager.set_owner(context, name, owner.0, owner.1, Follow::No) {
            // Only the superuser can give files away; for others the copy is theirs (cp(1)).
            Err(error) if error.kind() == FileSystemErrorKind::NotPermitted => {}
            result => self.check("preserve ownership for", result)?,
        }
        if metadata.kind != FileType::Symlink {
            let result = self.manager.set_mode(context, name, metadata.mode, Follow::No);
            self.check("preserve permissions for", result)?;
        }
        let times = (Some(SetTime::At(metadata.accessed)), Some(SetTime::At(metadata.modified)));
        let result = self.manager.set_times(context, name, times.0, times.1, Follow::No);
        self.check("preserve times for", result)
    }

    fn keep_xattrs(&mut self, context: &Context, name: &[u8]) -> Option<()> {
        let (from, source) = (self.walk.context().clone(), self.walk.name().to_vec());
        let manager = self.manager.clone();
        let copy = || -> Result<()> {
            for attribute in manager.list_xattrs(&from, &source, Follow::No)? {
                let value = manager.get_xattr(&from, &source, &attribute, Follow::No)?;
                manager.set_xattr(context, name, &attribute, &value, SetXattr::Any, Follow::No)?;
            }
            Ok(())
        };
        match copy() {
            // The copy's file system has none: nothing to keep them in.
            Err(error) if error.kind() == FileSystemErrorKind::NotSupported => Some(()),
            result => self.check("preserve extended attributes for", result),
        }
    }
}

/// Does what makes `name`; when the name is taken, removes it and does it again.
fn replacing(manager: &VfsManager, context: &Context, name: &[u8], make: impl Fn() -> Result<()>) -> Result<()> {
    match make() {
        Err(error) if error.kind() == FileSystemErrorKind::AlreadyExists => {
            manager.unlink(context, name)?;
            make()
        }
        result => result,
    }
}
