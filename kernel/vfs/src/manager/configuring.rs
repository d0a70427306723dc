//! A file system that is put together option by option before it is mounted, or changed so later (`fsopen(2)`,
//! `fspick(2)`, `fsconfig(2)`, `fsmount(2)`).
//!
//! ```text
//!   new:   options --create--> made --mount--> mounted --option--> options --reconfigure--> mounted
//!   pick:                                                          options --reconfigure--> mounted
//!                 what fails on the way to `made` or back to `mounted` is the end of it
//! ```

use super::mounts::MountError;
use super::{Follow, VfsManager};
use crate::context::{Capabilities, Context};
use crate::driver::{FileSystemDriver, GivenDirectory, MountRequest, OptionKind};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file::FileObject;
use crate::metadata::FileType;
use crate::mount::{FlagChange, MountFlags, MountPoint, Path};
use crate::superblock::SuperBlock;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How many messages are kept for the user to read; the oldest goes first.
const MESSAGES_MAX: usize = 8;

/// How long all options may be together.
const OPTIONS_MAX: usize = 1 << 18;

/// What can be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Options of what is to be made.
    Options,
    /// Mounting.
    Made,
    /// Options of what is to be changed; `asked` when there were some.
    Mounted { asked: bool },
    /// Nothing.
    Failed,
}

/// What an option is given.
pub enum Given<'a> {
    /// Only its name.
    Flag,
    /// A text.
    Text(&'a [u8]),
    /// The place of an open file.
    Place(Path),
    /// A path that is no text, or bytes: no option takes these.
    Other,
}

/// A file system in the making.
pub struct Configuration {
    driver: &'static dyn FileSystemDriver,
    phase: Phase,
    source: Option<Box<[u8]>>,
    options: Vec<u8>,
    /// The directories among the options.
    directories: Vec<GivenDirectory>,
    flags: FlagChange,
    superblock: Option<Arc<SuperBlock>>,
    messages: VecDeque<String>,
}

/// Words for properties of a file system, and whether they set or clear them.
const WORDS: [(&[u8], MountFlags, bool); 9] = [
    (b"ro", MountFlags::READ_ONLY, true),
    (b"rw", MountFlags::READ_ONLY, false),
    (b"sync", MountFlags::SYNCHRONOUS, true),
    (b"async", MountFlags::SYNCHRONOUS, false),
    (b"dirsync", MountFlags::SYNCHRONOUS_DIRECTORIES, true),
    (b"mand", MountFlags::MANDATORY_LOCKS, true),
    (b"nomand", MountFlags::MANDATORY_LOCKS, false),
    (b"lazytime", MountFlags::LAZY_TIMES, true),
    (b"nolazytime", MountFlags::LAZY_TIMES, false),
];

const NO_CHANGE: FlagChange = FlagChange { set: MountFlags::empty(), clear: MountFlags::empty() };

impl Configuration {
    /// Of a new file system of that type (`fsopen(2)`).
    pub fn new(driver: &'static dyn FileSystemDriver) -> Self {
        Self::at(driver, Phase::Options, None)
    }

    /// Of the file system that a mount shows (`fspick(2)`).
    ///
    /// # Errors
    /// `EOPNOTSUPP` for one without a driver, which nobody mounted.
    pub fn pick(mount: &MountPoint) -> Result<Self> {
        let superblock = mount.superblock();
        let driver = crate::driver::driver(superblock.operations().type_name());
        let driver = driver.map_err(|_| FileSystemErrorKind::NotSupported)?;
        Ok(Self::at(driver, Phase::Mounted { asked: true }, Some(superblock.clone())))
    }

    fn at(driver: &'static dyn FileSystemDriver, phase: Phase, superblock: Option<Arc<SuperBlock>>) -> Self {
        let (options, directories, messages) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { driver, phase, source: None, options, directories, flags: NO_CHANGE, superblock, messages }
    }

    /// The oldest message that nobody has read, a line that begins with its kind; it goes.
    pub fn take_message(&mut self) -> Option<String> {
        self.messages.pop_front()
    }

    /// Notes what was wrong, for the user to read.
    fn complain<T>(&mut self, kind: FileSystemErrorKind, what: &str) -> Result<T> {
        if self.messages.len() == MESSAGES_MAX {
            self.messages.pop_front();
        }
        self.messages.push_back(format!("e {what}\n"));
        fail(kind)
    }

    /// Sets an option.
    ///
    /// # Errors
    /// `EBUSY` when there are no options to be set now; `EINVAL` for one that is unknown or takes something else, with a
    /// message; those of a walk for a path; `ENOMEM`.
    pub fn set(&mut self, manager: &VfsManager, context: &Context, name: &[u8], given: &Given<'_>) -> Result<()> {
        match self.phase {
            Phase::Options => {}
            Phase::Mounted { .. } => self.phase = Phase::Mounted { asked: true },
            Phase::Made | Phase::Failed => return fail(FileSystemErrorKind::Busy),
        }
        if let Some((_, flag, on)) = WORDS.iter().find(|(word, ..)| *word == name) {
            let changed = if *on { &mut self.flags.set } else { &mut self.flags.clear };
            changed.insert(*flag);
            let other = if *on { &mut self.flags.clear } else { &mut self.flags.set };
            other.remove(*flag);
            return Ok(());
        }
        if name == b"source" {
            return self.set_source(given);
        }
        let (type_name, shown) = (self.driver.name(), String::from_utf8_lossy(name));
        let invalid = FileSystemErrorKind::InvalidArgument;
        let text = match given {
            Given::Text(text) => Some(*text),
            Given::Flag | Given::Place(_) | Given::Other => None,
        };
        match (self.driver.option_kind(name, text), given) {
            (OptionKind::Unknown, _) => self.complain(invalid, &format!("{type_name}: Unknown parameter '{shown}'")),
            (OptionKind::Directory, Given::Text(path)) if !path.is_empty() => {
                let place = manager.resolve(context, path, Follow::Yes)?;
                self.add_place(name, path, place)
            }
            (OptionKind::Directory, Given::Place(place)) => {
                let text = manager.path_name(context, place).unwrap_or_else(|_| b"/".to_vec());
                self.add_place(name, &text, place.clone())
            }
            (OptionKind::Plain, Given::Text(_) | Given::Flag) => self.add(name, text, b","),
            _ => self.complain(invalid, &format!("{type_name}: Bad value for '{shown}'")),
        }
    }

    fn set_source(&mut self, given: &Given<'_>) -> Result<()> {
        let invalid = FileSystemErrorKind::InvalidArgument;
        match given {
            Given::Text(_) if self.source.is_some() => self.complain(invalid, "Multiple sources"),
            Given::Text(text) => {
                self.source = Some((*text).into());
                Ok(())
            }
            Given::Flag | Given::Place(_) | Given::Other => self.complain(invalid, "Non-string source"),
        }
    }

    fn add_place(&mut self, name: &[u8], text: &[u8], place: Path) -> Result<()> {
        if place.node()?.kind() != FileType::Directory {
            let (type_name, shown) = (self.driver.name(), String::from_utf8_lossy(text));
            let message = format!("{type_name}: {shown} is not a directory");
            return self.complain(FileSystemErrorKind::InvalidArgument, &message);
        }
        self.add(name, Some(text), b",\\")?;
        self.directories.push(GivenDirectory { option: name.into(), text: text.into(), place });
        Ok(())
    }

    /// Adds an option to the string of all, with a backslash before each of `special` in its value.
    fn add(&mut self, name: &[u8], value: Option<&[u8]>, special: &[u8]) -> Result<()> {
        let most = name.len() + 2 * value.map_or(0, <[u8]>::len) + 2;
        if self.options.len() + most > OPTIONS_MAX {
            return self.complain(FileSystemErrorKind::InvalidArgument, "Cumulative options too large");
        }
        page::admit(2 * (self.options.len() + most) + 256)?;
        if !self.options.is_empty() {
            self.options.push(b',');
        }
        self.options.extend_from_slice(name);
        if let Some(value) = value {
            self.options.push(b'=');
            for byte in value {
                self.options.extend(special.contains(byte).then_some(b'\\'));
                self.options.push(*byte);
            }
        }
        Ok(())
    }

    /// Makes the file system (`FSCONFIG_CMD_CREATE`).
    ///
    /// # Errors
    /// `EBUSY` when it is made already; `EPERM`; what the driver answers, with its message.
    pub fn create(&mut self, manager: &VfsManager, context: &Context) -> Result<()> {
        if self.phase != Phase::Options {
            return fail(FileSystemErrorKind::Busy);
        }
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let flags = self.flags.set;
        let source = self.source.as_deref().unwrap_or(b"none");
        let read_only = flags.contains(MountFlags::READ_ONLY);
        let mut request = MountRequest::new(source, &self.options, read_only, manager, context);
        request.directories = &self.directories;
        let made = self.driver.mount(&mut request);
        let message = request.into_message();
        let superblock = made.and_then(|operations| SuperBlock::with_flags(operations, flags));
        self.phase = if superblock.is_ok() { Phase::Made } else { Phase::Failed };
        match superblock {
            Ok(superblock) => self.superblock = Some(superblock),
            Err(error) => return self.end(MountError { error, message }),
        }
        Ok(())
    }

    /// Ends in an error, of which the user may read.
    fn end(&mut self, failed: MountError) -> Result<()> {
        match failed.message {
            Some(message) => self.complain(failed.error.kind(), &message),
            None => Err(failed.error),
        }
    }

    /// Changes the file system that is mounted (`FSCONFIG_CMD_RECONFIGURE`).
    ///
    /// # Errors
    /// `EBUSY` when nothing was asked for; those of [`VfsManager::reconfigure`].
    pub fn reconfigure(&mut self, manager: &VfsManager, context: &Context) -> Result<()> {
        let (Phase::Mounted { asked: true }, Some(superblock)) = (self.phase, self.superblock.clone()) else {
            return fail(FileSystemErrorKind::Busy);
        };
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let source = self.source.take().unwrap_or_default();
        let done = manager.reconfigure(context, &superblock, &source, self.flags, &self.options);
        match done {
            Ok(()) => {
                self.forget();
                Ok(())
            }
            Err(failed) => {
                self.phase = Phase::Failed;
                self.end(failed)
            }
        }
    }

    /// Is ready for other options of what is mounted.
    fn forget(&mut self) {
        (self.source, self.phase) = (None, Phase::Mounted { asked: false });
        // As on Linux, properties that were asked for once are not there the next time unless they are asked for again.
        self.flags = FlagChange { set: MountFlags::empty(), clear: self.flags.set | self.flags.clear };
        (self.options, self.directories) = (Vec::new(), Vec::new());
    }

    /// A detached mount of what was made, with these properties (`fsmount(2)`).
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` when nothing is made yet, `EBUSY` when it is mounted already; `ENOMEM`.
    pub fn mount(&mut self, manager: &VfsManager, context: &Context, flags: MountFlags) -> Result<Arc<FileObject>> {
        context.credentials.require(Capabilities::SYS_ADMIN)?;
        let Some(superblock) = self.superblock.clone() else { return fail(FileSystemErrorKind::InvalidArgument) };
        if self.phase != Phase::Made {
            return fail(FileSystemErrorKind::Busy);
        }
        let source = self.source.as_deref().unwrap_or(b"none");
        let file = manager.mount_detached(superblock, source, flags)?;
        self.forget();
        Ok(file)
    }
}
