//! The other side: the machine's own kernel, in a mount namespace of the calling thread.
//!
//! The thread gets its own mounts and its own root, a tmpfs, so that paths mean the same on both sides and nothing of
//! what a test mounts can be seen outside. All of it goes with the thread.

mod flags;
mod seen;

use super::answer::{Answer, Errno, Side, Tree, Value};
use super::case::{Kind, Layout, Mounted};
use super::operation::{Operation, Place, SLOTS, Slot, Special, Step, When};
use super::people::{PEOPLE, ROOT, Who};
use flags::{open_flags, rename_flags, timestamps, xattr_flags};
use nix::sched::CloneFlags;
use rustix::fs::{AtFlags, CWD, FallocateFlags, Gid, Mode, OFlags, RawDir, SeekFrom as LinuxSeek, Uid};
use rustix::io::Errno as Code;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::thread::CapabilitySet;
use seen::{listing, node, split_names, stat_of};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use vfs::file::{OpenFlags, SeekFrom};
use vfs::metadata::FileType;

/// Where in the thread's root a case has its own.
const CASE: &str = "/case";

/// Room for at least one entry of a listing, whatever its name.
const LISTING_BUFFER: usize = 512;

impl From<Code> for Errno {
    fn from(code: Code) -> Self {
        Self(code.raw_os_error())
    }
}

/// Gives the calling thread a namespace and a root of its own.
///
/// # Errors
/// What is missing: rights, or overlayfs.
pub fn enter_namespace() -> Result<(), String> {
    let say = |what: &'static str| move |code: Code| format!("{what}: {code}");
    if !rustix::process::geteuid().is_root() {
        return Err("not run as root".into());
    }
    let types = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !types.lines().any(|line| line.split_whitespace().last() == Some("overlay")) {
        return Err("the kernel has no overlayfs (/proc/filesystems)".into());
    }
    nix::sched::unshare(CloneFlags::CLONE_NEWNS).map_err(|code| format!("unshare: {code}"))?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).map_err(say("making mounts private"))?;
    mount("tmpfs", "/tmp", "tmpfs", "mode=755,size=1g").map_err(|errno| format!("mounting a tmpfs: {errno:?}"))?;
    rustix::process::chroot("/tmp").map_err(say("chroot"))?;
    rustix::process::chdir("/").map_err(say("chdir"))?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    rustix::fs::mkdir(CASE, Mode::from_raw_mode(0o755)).map_err(say("mkdir"))
}

fn mount(source: &str, target: &str, kind: &str, options: &str) -> Result<(), Errno> {
    let options = std::ffi::CString::new(options).map_err(|_| Errno(22))?;
    Ok(rustix::mount::mount(source, target, kind, MountFlags::empty(), Some(options.as_c_str()))?)
}

/// Linux, seen from the thread's own root; the layers of one case are on a tmpfs of their own.
pub struct Linux {
    outside: OwnedFd,
    layout: Layout,
    slots: [Option<OwnedFd>; SLOTS as usize],
    who: Who,
    mounted: bool,
}

impl Linux {
    /// An empty place for a case.
    ///
    /// # Errors
    /// What mounting answers.
    pub fn new(layout: &Layout) -> Result<Self, Errno> {
        let outside = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
        mount("tmpfs", CASE, "tmpfs", "mode=755,size=1g")?;
        rustix::process::chdir(CASE)?;
        rustix::process::chroot(".")?;
        let side = Self { outside, layout: layout.clone(), slots: Default::default(), who: ROOT, mounted: false };
        for directory in layout.directories() {
            rustix::fs::mkdir(directory, Mode::from_raw_mode(0o755))?;
        }
        if layout.kind == Kind::Plain {
            mount("tmpfs", "/mnt", "tmpfs", "mode=755,size=1g")?;
        }
        Ok(side)
    }

    /// Mounts what the layout says.
    ///
    /// # Errors
    /// What mounting answers.
    pub fn mount(&mut self) -> Result<(), Errno> {
        for Mounted { target, options } in self.layout.mounts(false) {
            mount("overlay", &target, "overlay", &options)?;
        }
        self.mounted = true;
        Ok(())
    }

    /// Closes every file and unmounts.
    pub fn unmount(&mut self) -> Result<(), Errno> {
        self.become_person(ROOT)?;
        self.slots = Default::default();
        if std::mem::take(&mut self.mounted) {
            for Mounted { target, .. } in self.layout.mounts(false).iter().rev() {
                rustix::mount::unmount(target.as_str(), UnmountFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Lets the thread act as somebody.
    fn become_person(&mut self, who: Who) -> Result<(), Errno> {
        if self.who == who {
            return Ok(());
        }
        let user = |id: u32| (None::<Uid>, Some(Uid::from_raw(id)), None::<Uid>);
        let group = |id: u32| (None::<Gid>, Some(Gid::from_raw(id)), None::<Gid>);
        // Root first, with all it may: only the superuser may change the group.
        let mut sets = rustix::thread::capabilities(None)?;
        sets.effective = sets.permitted;
        rustix::thread::set_capabilities(None, sets)?;
        let (real, effective, saved) = user(0);
        rustix::thread::set_thread_res_uid(real, effective, saved)?;
        self.who = ROOT;
        let person = &PEOPLE[who];
        let groups: Vec<Gid> = person.groups.iter().map(|id| Gid::from_raw(*id)).collect();
        rustix::thread::set_thread_groups(&groups)?;
        let (real, effective, saved) = group(person.gid);
        rustix::thread::set_thread_res_gid(real, effective, saved)?;
        let (real, effective, saved) = user(person.uid);
        rustix::thread::set_thread_res_uid(real, effective, saved)?;
        if who != ROOT {
            sets.effective = CapabilitySet::from_bits_retain(person.capabilities.bits());
            rustix::thread::set_capabilities(None, sets)?;
        }
        rustix::process::umask(Mode::from_raw_mode(person.umask));
        self.who = who;
        Ok(())
    }

    fn open_slot(&self, slot: Slot) -> Result<&OwnedFd, Errno> {
        self.slots.get(usize::from(slot)).and_then(Option::as_ref).ok_or(Code::BADF.into())
    }

    fn open(&mut self, slot: Slot, place: &Place, flags: OpenFlags, mode: u32) -> Answer {
        self.slots[usize::from(slot)] = None;
        let path = place.path.as_str();
        let opened = (|| {
            if !flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE) && !flags.contains(OpenFlags::TEMPORARY) {
                let mut look = OFlags::PATH;
                look.set(OFlags::NOFOLLOW, flags.contains(OpenFlags::NO_FOLLOW));
                if let Ok(found) = rustix::fs::open(path, look, Mode::empty()) {
                    let kind = stat_of(&rustix::fs::fstat(&found)?).kind;
                    if matches!(kind, FileType::Fifo | FileType::CharDevice | FileType::BlockDevice) {
                        return Ok(Err(kind));
                    }
                }
            }
            Ok::<_, Errno>(Ok(rustix::fs::open(path, open_flags(flags), Mode::from_raw_mode(mode))?))
        })()?;
        match opened {
            Err(kind) => Ok(Value::NotOpened(kind)),
            Ok(file) => {
                self.slots[usize::from(slot)] = Some(file);
                Ok(Value::Nothing)
            }
        }
    }

    fn seek(&self, slot: Slot, to: SeekFrom) -> Answer {
        let file = self.open_slot(slot)?;
        let directory = stat_of(&rustix::fs::fstat(file)?).kind == FileType::Directory;
        if directory && to != SeekFrom::Start(0) {
            return Ok(Value::Nothing);
        }
        let position = match to {
            SeekFrom::Start(offset) => u64::try_from(offset).map(LinuxSeek::Start).map_err(|_| Code::INVAL)?,
            SeekFrom::Current(offset) => LinuxSeek::Current(offset),
            SeekFrom::End(offset) => LinuxSeek::End(offset),
            SeekFrom::Data(offset) => u64::try_from(offset).map(LinuxSeek::Data).map_err(|_| Code::NXIO)?,
            SeekFrom::Hole(offset) => u64::try_from(offset).map(LinuxSeek::Hole).map_err(|_| Code::NXIO)?,
        };
        Ok(Value::Number(rustix::fs::seek(file, position)?))
    }

    /// Steps on open files.
    fn apply_open(&mut self, operation: &Operation) -> Option<Answer> {
        let act = || -> Result<Option<Value>, Errno> {
            let answer: Answer = match operation {
                Operation::Read { slot, count } => {
                    let mut buffer = vec![0; *count];
                    let count = rustix::io::read(self.open_slot(*slot)?, &mut buffer[..])?;
                    buffer.truncate(count);
                    Ok(Value::Bytes(buffer))
                }
                Operation::ReadAt { slot, offset, count } => {
                    let mut buffer = vec![0; *count];
                    let count = rustix::io::pread(self.open_slot(*slot)?, &mut buffer[..], *offset)?;
                    buffer.truncate(count);
                    Ok(Value::Bytes(buffer))
                }
                Operation::Write { slot, data } => {
                    Ok(Value::Number(rustix::io::write(self.open_slot(*slot)?, data)? as u64))
                }
                Operation::WriteAt { slot, offset, data } => {
                    Ok(Value::Number(rustix::io::pwrite(self.open_slot(*slot)?, data, *offset)? as u64))
                }
                Operation::Seek { slot, to } => self.seek(*slot, *to),
                Operation::TruncateOpen { slot, size } => done(rustix::fs::ftruncate(self.open_slot(*slot)?, *size)),
                Operation::Reserve { slot, keep_size, offset, length } => {
                    let mut mode = FallocateFlags::empty();
                    mode.set(FallocateFlags::KEEP_SIZE, *keep_size);
                    done(rustix::fs::fallocate(self.open_slot(*slot)?, mode, *offset, *length))
                }
                Operation::PunchHole { slot, offset, length } => {
                    let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                    done(rustix::fs::fallocate(self.open_slot(*slot)?, mode, *offset, *length))
                }
                Operation::CopyRange { slot, offset, to, to_offset, length } => {
                    let (from, to) = (self.open_slot(*slot)?, self.open_slot(*to)?);
                    let length = usize::try_from(*length).map_err(|_| Code::OVERFLOW)?;
                    let (mut offset, mut to_offset) = (*offset, *to_offset);
                    let copied =
                        rustix::fs::copy_file_range(from, Some(&mut offset), to, Some(&mut to_offset), length)?;
                    Ok(Value::Number(copied as u64))
                }
                Operation::StatOpen { slot } => Ok(Value::Stat(stat_of(&rustix::fs::fstat(self.open_slot(*slot)?)?))),
                Operation::ChmodOpen { slot, mode } => {
                    done(rustix::fs::fchmod(self.open_slot(*slot)?, Mode::from_raw_mode(*mode)))
                }
                Operation::ChownOpen { slot, uid, gid } => {
                    done(rustix::fs::fchown(self.open_slot(*slot)?, uid.map(Uid::from_raw), gid.map(Gid::from_raw)))
                }
                // The call answers that before it looks at the descriptor.
                Operation::TimesOpen { accessed: When::Keep, modified: When::Keep, .. } => Ok(Value::Nothing),
                Operation::TimesOpen { slot, accessed, modified } => {
                    done(rustix::fs::futimens(self.open_slot(*slot)?, &timestamps(*accessed, *modified)))
                }
                Operation::SetXattrOpen { slot, name, value, how } => {
                    done(rustix::fs::fsetxattr(self.open_slot(*slot)?, name.as_str(), value, xattr_flags(*how)))
                }
                Operation::Sync { slot } => done(rustix::fs::fsync(self.open_slot(*slot)?)),
                Operation::ListOpen { slot, count } => {
                    let mut buffer = [MaybeUninit::uninit(); LISTING_BUFFER];
                    let mut entries = RawDir::new(self.open_slot(*slot)?, &mut buffer);
                    for _ in 0..*count {
                        match entries.next() {
                            Some(entry) => {
                                entry?;
                            }
                            None => break,
                        }
                    }
                    Ok(Value::Nothing)
                }
                Operation::LinkOpen { slot, new } => {
                    let file = self.open_slot(*slot)?;
                    done(rustix::fs::linkat(file, "", CWD, new.path.as_str(), AtFlags::EMPTY_PATH))
                }
                _ => return Ok(None),
            };
            answer.map(Some)
        };
        act().transpose()
    }

    /// Steps by path.
    fn apply_path(&mut self, operation: &Operation) -> Answer {
        let nofollow = |follow: bool| if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        match operation {
            Operation::Stat { place } => at(place, |path| Ok(Value::Stat(stat_of(&rustix::fs::stat(path)?)))),
            Operation::Lstat { place } => at(place, |path| Ok(Value::Stat(stat_of(&rustix::fs::lstat(path)?)))),
            Operation::Access { place, mode } => {
                let access = rustix::fs::Access::from_bits_truncate(*mode);
                done_at(place, |path| rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS))
            }
            Operation::ReadLink { place } => {
                at(place, |path| Ok(Value::Bytes(rustix::fs::readlink(path, Vec::new())?.into_bytes())))
            }
            Operation::List { place } => at(place, |path| {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME;
                let directory = rustix::fs::open(path, flags, Mode::empty());
                let directory = match directory {
                    // Only the owner may leave the access time alone.
                    Err(Code::PERM) => rustix::fs::open(path, flags - OFlags::NOATIME, Mode::empty())?,
                    other => other?,
                };
                Ok(Value::Listing(listing(&directory)?))
            }),
            Operation::Mkdir { place, mode } => {
                done_at(place, |path| rustix::fs::mkdir(path, Mode::from_raw_mode(*mode)))
            }
            Operation::Rmdir { place } => done_at(place, |path| rustix::fs::rmdir(path)),
            Operation::Unlink { place } => done_at(place, |path| rustix::fs::unlink(path)),
            Operation::Rename { old, new, flags } => {
                done(rustix::fs::renameat_with(CWD, old.path.as_str(), CWD, new.path.as_str(), rename_flags(*flags)))
            }
            Operation::Link { old, new, follow } => {
                let flags = if *follow { AtFlags::SYMLINK_FOLLOW } else { AtFlags::empty() };
                done(rustix::fs::linkat(CWD, old.path.as_str(), CWD, new.path.as_str(), flags))
            }
            Operation::Symlink { target, place } => done_at(place, |path| rustix::fs::symlink(target.as_str(), path)),
            Operation::Mknod { place, kind, mode } => {
                let (kind, device) = match *kind {
                    Special::Regular => (rustix::fs::FileType::RegularFile, 0),
                    Special::Fifo => (rustix::fs::FileType::Fifo, 0),
                    Special::Socket => (rustix::fs::FileType::Socket, 0),
                    Special::Char(major, minor) => {
                        (rustix::fs::FileType::CharacterDevice, rustix::fs::makedev(major, minor))
                    }
                    Special::Block(major, minor) => {
                        (rustix::fs::FileType::BlockDevice, rustix::fs::makedev(major, minor))
                    }
                };
                done_at(place, |path| rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(*mode), device))
            }
            Operation::Chmod { place, mode } => {
                done_at(place, |path| rustix::fs::chmod(path, Mode::from_raw_mode(*mode)))
            }
            Operation::Chown { place, uid, gid, follow } => done_at(place, |path| {
                let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
                rustix::fs::chownat(CWD, path, uid, gid, nofollow(*follow))
            }),
            Operation::Times { place, accessed, modified, follow } => done_at(place, |path| {
                rustix::fs::utimensat(CWD, path, &timestamps(*accessed, *modified), nofollow(*follow))
            }),
            Operation::Truncate { place, size } => at(place, |path| {
                let size = i64::try_from(*size).map_err(|_| Code::INVAL)?;
                nix::unistd::truncate(path, size).map_err(|code| Errno(code as i32))?;
                Ok(Value::Nothing)
            }),
            Operation::SetXattr { place, name, value, how, follow } => done_at(place, |path| {
                let set = if *follow { rustix::fs::setxattr } else { rustix::fs::lsetxattr };
                set(path, name.as_str(), value, xattr_flags(*how))
            }),
            Operation::GetXattr { place, name, follow } => at(place, |path| {
                let mut value = vec![0; 1 << 16];
                let count = match follow {
                    true => rustix::fs::getxattr(path, name.as_str(), &mut value[..])?,
                    false => rustix::fs::lgetxattr(path, name.as_str(), &mut value[..])?,
                };
                value.truncate(count);
                Ok(Value::Bytes(value))
            }),
            Operation::RemoveXattr { place, name, follow } => done_at(place, |path| {
                let remove = if *follow { rustix::fs::removexattr } else { rustix::fs::lremovexattr };
                remove(path, name.as_str())
            }),
            Operation::ListXattrs { place, follow } => at(place, |path| {
                let mut names = vec![0; 1 << 16];
                let count = match follow {
                    true => rustix::fs::listxattr(path, &mut names[..])?,
                    false => rustix::fs::llistxattr(path, &mut names[..])?,
                };
                names.truncate(count);
                Ok(Value::Names(split_names(&names)))
            }),
            Operation::Statfs { place } => {
                at(place, |path| Ok(Value::Number(rustix::fs::statfs(path)?.f_type.cast_unsigned())))
            }
            _ => Err(Code::NOSYS.into()),
        }
    }

    /// The names in an open directory, now: what its kept stream is checked against. `None` for what is no directory.
    pub fn names_in(&self, slot: Slot) -> Option<Vec<Vec<u8>>> {
        let file = self.open_slot(slot).ok()?;
        let again = rustix::fs::openat(file, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME, Mode::empty());
        match again.ok().map(|directory| listing(&directory)) {
            Some(Ok(entries)) => Some(entries.into_keys().collect()),
            Some(Err(_)) => Some(Vec::new()),
            None => None,
        }
    }
}

impl Side for Linux {
    fn apply(&mut self, step: &Step) -> Answer {
        if step.operation == Operation::Remount {
            self.unmount()?;
            self.mount()?;
            return Ok(Value::Nothing);
        }
        if let Operation::Close { slot } = &step.operation {
            let file = self.slots[usize::from(*slot)].take();
            return file.map(|_| Value::Nothing).ok_or(Code::BADF.into());
        }
        // Relative paths start at an open directory, which even a user who may not search it can hold.
        if let Some(slot) = step.operation.relative_to() {
            let entered = self.open_slot(slot).and_then(|file| Ok(rustix::process::fchdir(file)?));
            if let (Err(_), Operation::Open { slot, .. }) = (&entered, &step.operation) {
                self.slots[usize::from(*slot)] = None;
            }
            entered?;
        }
        self.become_person(step.who)?;
        let answer = match &step.operation {
            Operation::Open { slot, place, flags, mode } => self.open(*slot, place, *flags, *mode),
            operation => match self.apply_open(operation) {
                Some(answer) => answer,
                None => self.apply_path(operation),
            },
        };
        self.become_person(ROOT)?;
        rustix::process::chdir("/")?;
        answer
    }

    fn tree(&mut self, root: &str) -> Result<Tree, Errno> {
        let mut tree = Tree::new();
        let mut pending = vec![(Vec::new(), None)];
        while let Some((path, listed)) = pending.pop() {
            let full = [root.as_bytes(), b"/", &path].concat();
            let node = node(&full, listed)?;
            if node.stat.kind == FileType::Directory {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME;
                for (name, entry) in listing(&rustix::fs::open(&full[..], flags, Mode::empty())?)? {
                    let below = if path.is_empty() { name } else { [&path[..], b"/", &name].concat() };
                    pending.push((below, Some(entry)));
                }
            }
            tree.insert(path, node);
        }
        Ok(tree)
    }
}

impl Drop for Linux {
    fn drop(&mut self) {
        if let Err(errno) = self.unmount() {
            eprintln!("differential: could not unmount: {errno:?}");
        }
        let left = rustix::process::fchdir(&self.outside)
            .and_then(|()| rustix::process::chroot("."))
            .and_then(|()| rustix::mount::unmount(CASE, UnmountFlags::DETACH));
        if let Err(code) = left {
            eprintln!("differential: could not leave the case's root: {code}");
        }
    }
}

fn done(result: Result<(), Code>) -> Answer {
    Ok(result.map(|()| Value::Nothing)?)
}

fn at<T>(place: &Place, act: impl FnOnce(&str) -> T) -> T {
    act(&place.path)
}

fn done_at(place: &Place, act: impl FnOnce(&str) -> Result<(), Code>) -> Answer {
    done(act(&place.path))
}
