//! Our side: the `vfs` crate on the host, with a tmpfs as the root.

use super::answer::{Answer, CONTENT_MAX, Errno, Listing, Node, Side, Stat, Time, Tree, Value};
use super::case::{Kind, Layout, Mounted};
use super::operation::{Operation, Place, SLOTS, Slot, Special, Step, When};
use super::people::{PEOPLE, Person, Who};
use std::collections::BTreeMap;
use std::sync::Arc;
use vfs::context::{AccessMode, Context};
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::{FileSystemError, FileSystemErrorKind};
use vfs::file::{FileObject, OpenFlags, SeekFrom};
use vfs::manager::mounts::{MountArguments, UnmountFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{DeviceNumber, FileType, Metadata, SetTime};
use vfs::mount::MountFlags;
use vfs::node::{Allocate, NewKind};
use vfs::time::Timestamp;

impl From<FileSystemError> for Errno {
    fn from(error: FileSystemError) -> Self {
        Self(error.errno())
    }
}

/// A namespace of ours, with the layers of one case in its root.
pub struct Strata {
    layout: Layout,
    pub vfs: Arc<VfsManager>,
    pub root: Context,
    /// The same for everybody.
    people: Vec<Context>,
    slots: [Option<Arc<FileObject>>; SLOTS as usize],
    mounted: bool,
    /// What the last failed mount had to say.
    pub message: Option<String>,
}

impl Strata {
    /// An empty place for a case.
    ///
    /// # Errors
    /// What making the directories answers.
    pub fn new(layout: &Layout) -> Result<Self, Errno> {
        let environment = Environment::detached();
        let vfs = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        let root = vfs.root_context();
        let as_person =
            |person: &Person| Context { credentials: person.credentials(), umask: person.umask, ..root.clone() };
        let people = PEOPLE.iter().map(as_person).collect();
        vfs.set_mode(&root, b"/", 0o755, Follow::Yes)?;
        for directory in layout.directories() {
            vfs.make_directory(&root, directory.as_bytes(), 0o755)?;
        }
        if layout.kind == Kind::Plain {
            let tmpfs = Tmpfs::new(TmpfsOptions::default(), vfs.environment());
            vfs.mount_file_system(&root, b"/mnt", tmpfs, b"tmpfs", MountFlags::empty())?;
            vfs.set_mode(&root, b"/mnt", 0o755, Follow::Yes)?;
        }
        let slots = Default::default();
        Ok(Self { layout: layout.clone(), vfs, root, people, slots, mounted: false, message: None })
    }

    /// Mounts what the layout says.
    ///
    /// # Errors
    /// What mounting answers; [`Strata::message`] has its words.
    pub fn mount(&mut self) -> Result<(), Errno> {
        for Mounted { target, options } in self.layout.mounts(true) {
            let arguments = MountArguments {
                source: b"overlay",
                target: target.as_bytes(),
                type_name: "overlay",
                flags: MountFlags::empty(),
                options: options.as_bytes(),
            };
            self.vfs.mount(&self.root, &arguments).map_err(|error| {
                self.message = error.message;
                error.error
            })?;
        }
        self.mounted = true;
        Ok(())
    }

    /// Closes every file and unmounts.
    ///
    /// # Errors
    /// `EBUSY` when something still holds the mount.
    pub fn unmount(&mut self) -> Result<(), Errno> {
        self.slots = Default::default();
        if std::mem::take(&mut self.mounted) {
            for Mounted { target, .. } in self.layout.mounts(true).iter().rev() {
                self.vfs.unmount(&self.root, target.as_bytes(), UnmountFlags::empty())?;
            }
        }
        Ok(())
    }

    fn open_slot(&self, slot: Slot) -> Result<&Arc<FileObject>, Errno> {
        let file = self.slots.get(usize::from(slot)).and_then(Option::as_ref);
        file.ok_or(FileSystemErrorKind::BadFileDescriptor.into())
    }

    /// Whether a slot holds a directory that has no name any more.
    pub fn is_removed_directory(&self, slot: Slot) -> bool {
        self.open_slot(slot).is_ok_and(|file| {
            file.node().kind() == FileType::Directory && self.vfs.path_name(&self.root, file.path()).is_err()
        })
    }

    fn credentials(&self, who: Who) -> &Context {
        &self.people[who]
    }

    /// The context in which a path is meant.
    fn context(&self, who: Who, place: &Place) -> Result<Context, Errno> {
        let context = self.credentials(who);
        match place.at {
            None => Ok(context.clone()),
            Some(slot) => {
                let directory = self.open_slot(slot)?;
                if directory.node().kind() != FileType::Directory {
                    return Err(FileSystemErrorKind::NotADirectory.into());
                }
                Ok(context.at(directory.path().clone()))
            }
        }
    }

    fn open(&mut self, who: Who, slot: Slot, place: &Place, flags: OpenFlags, mode: u32) -> Answer {
        let context = self.context(who, place);
        self.slots[usize::from(slot)] = None;
        let context = context?;
        if !flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE) && !flags.contains(OpenFlags::TEMPORARY) {
            let follow = if flags.contains(OpenFlags::NO_FOLLOW) { Follow::No } else { Follow::Yes };
            if let Ok(found) = self.vfs.metadata(&context, place.path.as_bytes(), follow)
                && matches!(found.kind, FileType::Fifo | FileType::CharDevice | FileType::BlockDevice)
            {
                return Ok(Value::NotOpened(found.kind));
            }
        }
        let file = self.vfs.open(&context, place.path.as_bytes(), flags, mode)?;
        self.slots[usize::from(slot)] = Some(file);
        Ok(Value::Nothing)
    }

    fn seek(&self, slot: Slot, to: SeekFrom) -> Answer {
        let file = self.open_slot(slot)?;
        if file.node().kind() == FileType::Directory && to != SeekFrom::Start(0) {
            return Ok(Value::Nothing);
        }
        Ok(Value::Number(file.seek(to)?))
    }

    /// Steps on open files; `None` for the others.
    fn apply_open(&mut self, who: Who, operation: &Operation) -> Option<Answer> {
        let writer = &self.credentials(who).credentials;
        let act = || -> Result<Option<Value>, Errno> {
            Ok(Some(match operation {
                Operation::Read { slot, count } => {
                    let mut buffer = vec![0; *count];
                    let count = self.open_slot(*slot)?.read(&mut &mut buffer[..])?;
                    buffer.truncate(count);
                    Value::Bytes(buffer)
                }
                Operation::ReadAt { slot, offset, count } => {
                    let mut buffer = vec![0; *count];
                    let count = self.open_slot(*slot)?.read_at(*offset, &mut &mut buffer[..])?;
                    buffer.truncate(count);
                    Value::Bytes(buffer)
                }
                Operation::Write { slot, data } => {
                    Value::Number(self.open_slot(*slot)?.write(writer, &mut data.as_slice())? as u64)
                }
                Operation::WriteAt { slot, offset, data } => {
                    Value::Number(self.open_slot(*slot)?.write_at(writer, *offset, &mut data.as_slice())? as u64)
                }
                Operation::Seek { slot, to } => self.seek(*slot, *to)?,
                Operation::TruncateOpen { slot, size } => nothing(self.open_slot(*slot)?.truncate(writer, *size))?,
                Operation::Reserve { slot, keep_size, offset, length } => {
                    let what = Allocate::Reserve { keep_size: *keep_size };
                    nothing(self.open_slot(*slot)?.allocate(writer, what, *offset, *length))?
                }
                Operation::PunchHole { slot, offset, length } => {
                    nothing(self.open_slot(*slot)?.allocate(writer, Allocate::PunchHole, *offset, *length))?
                }
                Operation::CopyRange { slot, offset, to, to_offset, length } => {
                    let (from, to) = (self.open_slot(*slot)?, self.open_slot(*to)?);
                    Value::Number(from.copy_range(writer, *offset, to, *to_offset, *length)?)
                }
                Operation::StatOpen { slot } => Value::Stat(stat_of(&self.open_slot(*slot)?.metadata()?)),
                Operation::ChmodOpen { slot, mode } => {
                    let place = self.open_slot(*slot)?.path();
                    nothing(VfsManager::set_mode_at(&self.credentials(who).credentials, place, *mode))?
                }
                Operation::ChownOpen { slot, uid: owner, gid } => {
                    let place = self.open_slot(*slot)?.path();
                    nothing(VfsManager::set_owner_at(&self.credentials(who).credentials, place, *owner, *gid))?
                }
                // The call answers that before it looks at the descriptor.
                Operation::TimesOpen { accessed: When::Keep, modified: When::Keep, .. } => Value::Nothing,
                Operation::TimesOpen { slot, accessed, modified } => {
                    let place = self.open_slot(*slot)?.path();
                    let (accessed, modified) = (set_time(*accessed), set_time(*modified));
                    nothing(VfsManager::set_times_at(&self.credentials(who).credentials, place, accessed, modified))?
                }
                Operation::SetXattrOpen { slot, name, value, how } => {
                    let place = self.open_slot(*slot)?.path();
                    let credentials = &self.credentials(who).credentials;
                    nothing(VfsManager::set_xattr_at(credentials, place, name.as_bytes(), value, *how))?
                }
                Operation::Sync { slot } => nothing(self.open_slot(*slot)?.sync())?,
                Operation::LinkOpen { slot, new } => {
                    let context = self.context(who, new)?;
                    nothing(self.vfs.link_file(&context, self.open_slot(*slot)?, new.path.as_bytes()))?
                }
                _ => return Ok(None),
            }))
        };
        act().transpose()
    }

    /// Goes on with the listing of an open directory; returns the names and whether the end was reached.
    pub fn list_open(&self, slot: Slot, count: usize) -> Result<(Vec<Vec<u8>>, bool), Errno> {
        let mut names = Vec::new();
        let mut ended = true;
        self.open_slot(slot)?.list(&mut |item| {
            if names.len() == count {
                ended = false;
                return false;
            }
            names.push(item.name.to_vec());
            true
        })?;
        Ok((names, ended))
    }

    /// Steps by path.
    fn apply_path(&mut self, who: Who, operation: &Operation) -> Answer {
        let vfs = &self.vfs;
        match operation {
            Operation::Stat { place } => {
                let metadata = vfs.metadata(&self.context(who, place)?, place.path.as_bytes(), Follow::Yes)?;
                Ok(Value::Stat(stat_of(&metadata)))
            }
            Operation::Lstat { place } => {
                let metadata = vfs.metadata(&self.context(who, place)?, place.path.as_bytes(), Follow::No)?;
                Ok(Value::Stat(stat_of(&metadata)))
            }
            Operation::Access { place, mode } => {
                let (context, mode) = (self.context(who, place)?, AccessMode::from_bits_truncate(*mode));
                nothing(vfs.check_access(&context, place.path.as_bytes(), mode, Follow::Yes))
            }
            Operation::ReadLink { place } => {
                Ok(Value::Bytes(vfs.read_link(&self.context(who, place)?, place.path.as_bytes())?.to_vec()))
            }
            Operation::List { place } => {
                let flags = OpenFlags::READ | OpenFlags::DIRECTORY;
                let directory = vfs.open(&self.context(who, place)?, place.path.as_bytes(), flags, 0)?;
                Ok(Value::Listing(listing(&directory)?))
            }
            Operation::Mkdir { place, mode } => {
                nothing(vfs.make_directory(&self.context(who, place)?, place.path.as_bytes(), *mode))
            }
            Operation::Rmdir { place } => {
                nothing(vfs.remove_directory(&self.context(who, place)?, place.path.as_bytes()))
            }
            Operation::Unlink { place } => nothing(vfs.unlink(&self.context(who, place)?, place.path.as_bytes())),
            Operation::Rename { old, new, flags } => {
                let context = self.context(who, if old.at.is_some() { old } else { new })?;
                nothing(vfs.rename(&context, old.path.as_bytes(), new.path.as_bytes(), *flags))
            }
            Operation::Link { old, new, follow } => {
                let context = self.context(who, if old.at.is_some() { old } else { new })?;
                nothing(vfs.link(&context, old.path.as_bytes(), new.path.as_bytes(), follow_of(*follow)))
            }
            Operation::Symlink { target, place } => {
                nothing(vfs.make_symlink(&self.context(who, place)?, target.as_bytes(), place.path.as_bytes()))
            }
            Operation::Mknod { place, kind, mode } => {
                let kind = match *kind {
                    Special::Regular => NewKind::Regular,
                    Special::Fifo => NewKind::Fifo,
                    Special::Socket => NewKind::Socket,
                    Special::Char(major, minor) => NewKind::CharDevice(DeviceNumber::new(major, minor)),
                    Special::Block(major, minor) => NewKind::BlockDevice(DeviceNumber::new(major, minor)),
                };
                nothing(vfs.make_node(&self.context(who, place)?, place.path.as_bytes(), kind, *mode))
            }
            _ => self.apply_attributes(who, operation),
        }
    }

    /// Steps by path that concern metadata.
    fn apply_attributes(&mut self, who: Who, operation: &Operation) -> Answer {
        let vfs = &self.vfs;
        match operation {
            Operation::Chmod { place, mode } => {
                nothing(vfs.set_mode(&self.context(who, place)?, place.path.as_bytes(), *mode, Follow::Yes))
            }
            Operation::Chown { place, uid: owner, gid, follow } => {
                let (context, path) = (self.context(who, place)?, place.path.as_bytes());
                nothing(vfs.set_owner(&context, path, *owner, *gid, follow_of(*follow)))
            }
            Operation::Times { place, accessed, modified, follow } => {
                let (context, path) = (self.context(who, place)?, place.path.as_bytes());
                let (accessed, modified) = (set_time(*accessed), set_time(*modified));
                nothing(vfs.set_times(&context, path, accessed, modified, follow_of(*follow)))
            }
            Operation::Truncate { place, size } => {
                nothing(vfs.truncate(&self.context(who, place)?, place.path.as_bytes(), *size))
            }
            Operation::SetXattr { place, name, value, how, follow } => {
                let (context, path) = (self.context(who, place)?, place.path.as_bytes());
                nothing(vfs.set_xattr(&context, path, name.as_bytes(), value, *how, follow_of(*follow)))
            }
            Operation::GetXattr { place, name, follow } => {
                let (context, path) = (self.context(who, place)?, place.path.as_bytes());
                Ok(Value::Bytes(vfs.get_xattr(&context, path, name.as_bytes(), follow_of(*follow))?))
            }
            Operation::RemoveXattr { place, name, follow } => {
                let (context, path) = (self.context(who, place)?, place.path.as_bytes());
                nothing(vfs.remove_xattr(&context, path, name.as_bytes(), follow_of(*follow)))
            }
            Operation::ListXattrs { place, follow } => {
                let (context, path) = (self.context(who, place)?, place.path.as_bytes());
                let mut names = vfs.list_xattrs(&context, path, follow_of(*follow))?;
                names.sort();
                Ok(Value::Names(names))
            }
            Operation::Statfs { place } => {
                Ok(Value::Number(vfs.statistics(&self.context(who, place)?, place.path.as_bytes())?.magic))
            }
            _ => Err(FileSystemErrorKind::NotImplemented.into()),
        }
    }

    /// All that can be seen of a node.
    fn node(&self, path: &[u8], listed: Option<(FileType, u64)>) -> Result<Node, Errno> {
        let stat = stat_of(&self.vfs.metadata(&self.root, path, Follow::No)?);
        let content = match stat.kind {
            FileType::Regular => self.content(path),
            FileType::Symlink => {
                self.vfs.read_link(&self.root, path).map(|target| target.to_vec()).map_err(Errno::from)
            }
            _ => Ok(Vec::new()),
        };
        let mut xattrs = BTreeMap::new();
        for name in self.vfs.list_xattrs(&self.root, path, Follow::No)? {
            let value = self.vfs.get_xattr(&self.root, path, &name, Follow::No)?;
            xattrs.insert(name, value);
        }
        Ok(Node { stat, listed, content, xattrs })
    }

    fn content(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let file = self.vfs.open(&self.root, path, OpenFlags::READ | OpenFlags::NO_ACCESS_TIME, 0)?;
        let mut bytes = vec![0; CONTENT_MAX];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read(&mut &mut bytes[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

impl Side for Strata {
    fn apply(&mut self, step: &Step) -> Answer {
        match &step.operation {
            Operation::Remount => {
                self.unmount()?;
                self.mount()?;
                Ok(Value::Nothing)
            }
            Operation::Close { slot } => {
                let file = self.slots[usize::from(*slot)].take();
                file.map(|_| Value::Nothing).ok_or(FileSystemErrorKind::BadFileDescriptor.into())
            }
            Operation::Open { slot, place, flags, mode } => self.open(step.who, *slot, place, *flags, *mode),
            operation => match self.apply_open(step.who, operation) {
                Some(answer) => answer,
                None => self.apply_path(step.who, operation),
            },
        }
    }

    fn tree(&mut self, root: &str) -> Result<Tree, Errno> {
        let mut tree = Tree::new();
        let mut pending = vec![(Vec::new(), None)];
        while let Some((path, listed)) = pending.pop() {
            let full = [root.as_bytes(), b"/", &path].concat();
            let node = self.node(&full, listed)?;
            if node.stat.kind == FileType::Directory {
                let flags = OpenFlags::READ | OpenFlags::DIRECTORY | OpenFlags::NO_ACCESS_TIME;
                for (name, entry) in listing(&*self.vfs.open(&self.root, &full, flags, 0)?)? {
                    let below = if path.is_empty() { name } else { [&path[..], b"/", &name].concat() };
                    pending.push((below, Some(entry)));
                }
            }
            tree.insert(path, node);
        }
        Ok(tree)
    }
}

fn nothing(result: vfs::error::Result<()>) -> Answer {
    result.map(|()| Value::Nothing).map_err(Errno::from)
}

fn follow_of(follow: bool) -> Follow {
    if follow { Follow::Yes } else { Follow::No }
}

fn set_time(when: When) -> Option<SetTime> {
    match when {
        When::Keep => None,
        When::Now => Some(SetTime::Now),
        When::Seconds(seconds) => Some(SetTime::At(Timestamp::from_seconds(i64::from(seconds)))),
    }
}

fn listing(directory: &FileObject) -> Result<Listing, Errno> {
    let mut entries = Listing::new();
    directory.list(&mut |item| {
        if item.name != b"." && item.name != b".." {
            let mut name = item.name.to_vec();
            // Nothing may be listed twice; if something is, it must show.
            while entries.contains_key(&name) {
                name.extend_from_slice(b" (again)");
            }
            entries.insert(name, (item.kind, item.inode));
        }
        true
    })?;
    Ok(entries)
}

fn stat_of(metadata: &Metadata) -> Stat {
    Stat {
        device: metadata.id.file_system.0,
        inode: metadata.id.inode,
        kind: metadata.kind,
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
        links: metadata.links,
        rdev: (metadata.device.major, metadata.device.minor),
        size: metadata.size,
        blocks: metadata.blocks,
        accessed: Time::of(metadata.accessed.seconds),
        modified: Time::of(metadata.modified.seconds),
    }
}
