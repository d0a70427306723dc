//! The system that the program runs on, by its own calls.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, RawDir, SeekFrom, Timespec, Timestamps, UTIME_NOW, Uid};
use rustix::mount::{MountFlags, UnmountFlags};

use crate::system::{Answer, Stat, System, Times};

/// The calling thread's view of the system, in a tmpfs of its own. It is unmounted when this goes.
pub struct SystemCalls {
    directory: PathBuf,
    /// Options that each overlay gets besides, with a comma before each.
    options: String,
}

impl SystemCalls {
    /// Mounts an empty tmpfs on `directory` and goes there. Each overlay gets `options` besides the recorded ones.
    ///
    /// # Errors
    /// The names of those of `mount(2)` and `chdir(2)`.
    pub fn new(directory: &Path, options: &str) -> Answer<Self> {
        rustix::process::umask(Mode::empty());
        name(rustix::mount::mount("tmpfs", directory, "tmpfs", MountFlags::empty(), None))?;
        let options = if options.is_empty() { String::new() } else { format!(",{options}") };
        let system = Self { directory: directory.to_owned(), options };
        name(rustix::process::chdir(directory))?;
        Ok(system)
    }
}

impl Drop for SystemCalls {
    fn drop(&mut self) {
        // Whatever is still mounted inside goes with it; what cannot go shows in the next mount.
        let _ = rustix::process::chdir("/");
        let _ = rustix::mount::unmount(&self.directory, UnmountFlags::DETACH);
    }
}

/// The errno's name instead of its number.
fn name<T>(result: rustix::io::Result<T>) -> Answer<T> {
    result.map_err(|code| format!("{:?}", Errno::from_raw(code.raw_os_error())))
}

impl System for SystemCalls {
    type File = OwnedFd;

    fn seteuid(&mut self, id: u32) -> Answer<()> {
        let root = (None, Some(Uid::ROOT), None);
        // Only the superuser may change the group.
        name(rustix::thread::set_thread_res_uid(root.0, root.1, root.2))?;
        name(rustix::thread::set_thread_res_gid(None::<Gid>, Some(Gid::from_raw(id)), None::<Gid>))?;
        name(rustix::thread::set_thread_res_uid(None::<Uid>, Some(Uid::from_raw(id)), None::<Uid>))
    }

    fn mount(&mut self, target: &str, options: &str) -> Answer<()> {
        let options = CString::new(format!("{options}{}", self.options)).map_err(|_| "EINVAL")?;
        name(rustix::mount::mount("overlay", target, "overlay", MountFlags::empty(), Some(options.as_c_str())))
    }

    fn unmount(&mut self, target: &str) -> Answer<()> {
        name(rustix::mount::unmount(target, UnmountFlags::empty()))
    }

    fn lstat(&self, path: &str) -> Answer<Stat> {
        Ok(stat_of(&name(rustix::fs::lstat(path))?))
    }

    fn fstat(&self, file: &OwnedFd) -> Answer<Stat> {
        Ok(stat_of(&name(rustix::fs::fstat(file))?))
    }

    fn open(&self, path: &str, flags: &str, mode: u32) -> Answer<OwnedFd> {
        name(rustix::fs::open(path, open_flags(flags), Mode::from_raw_mode(mode)))
    }

    fn lseek(&self, file: &OwnedFd, offset: u64) -> Answer<u64> {
        name(rustix::fs::seek(file, SeekFrom::Start(offset)))
    }

    fn read(&self, file: &OwnedFd, buffer: &mut [u8]) -> Answer<usize> {
        name(rustix::io::read(file, buffer))
    }

    fn write(&self, file: &OwnedFd, data: &[u8]) -> Answer<usize> {
        name(rustix::io::write(file, data))
    }

    fn mkdir(&self, path: &str, mode: u32) -> Answer<()> {
        name(rustix::fs::mkdir(path, Mode::from_raw_mode(mode)))
    }

    fn rmdir(&self, path: &str) -> Answer<()> {
        name(rustix::fs::rmdir(path))
    }

    fn unlink(&self, path: &str) -> Answer<()> {
        name(rustix::fs::unlink(path))
    }

    fn rename(&self, from: &str, to: &str) -> Answer<()> {
        name(rustix::fs::rename(from, to))
    }

    fn link(&self, from: &str, to: &str) -> Answer<()> {
        name(rustix::fs::link(from, to))
    }

    fn symlink(&self, target: &str, path: &str) -> Answer<()> {
        name(rustix::fs::symlink(target, path))
    }

    fn readlink(&self, path: &str) -> Answer<Vec<u8>> {
        Ok(name(rustix::fs::readlink(path, Vec::new()))?.into_bytes())
    }

    fn truncate(&self, path: &str, size: u64) -> Answer<()> {
        // rustix has it for open files only, whose errnos are others.
        let size = size.try_into().map_err(|_| "EINVAL")?;
        nix::unistd::truncate(path, size).map_err(|errno| format!("{errno:?}"))
    }

    fn lchown(&self, path: &str, uid: u32, gid: u32) -> Answer<()> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        name(rustix::fs::chownat(CWD, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW))
    }

    fn utimes(&self, path: &str, times: Times) -> Answer<()> {
        let (last_access, last_modification) = match times {
            Times::Now => (Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }, Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }),
            Times::At { accessed, modified } => {
                (Timespec { tv_sec: accessed, tv_nsec: 0 }, Timespec { tv_sec: modified, tv_nsec: 0 })
            }
        };
        name(rustix::fs::utimensat(CWD, path, &Timestamps { last_access, last_modification }, AtFlags::empty()))
    }

    fn list(&self, path: &str) -> Answer<Vec<String>> {
        let directory = name(rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()))?;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&directory, &mut buffer);
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = name(entry)?;
            let bytes = entry.file_name().to_bytes();
            if bytes != b"." && bytes != b".." {
                names.push(bytes.escape_ascii().to_string());
            }
        }
        Ok(names)
    }

    fn xattrs(&self, path: &str) -> Answer<Vec<(String, String)>> {
        let mut list = [0; 4096];
        let length = name(rustix::fs::llistxattr(path, &mut list))?;
        let names = list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let mut xattrs = Vec::new();
        for attribute in names {
            let mut value = [0; 4096];
            let length = name(rustix::fs::lgetxattr(path, std::ffi::OsStr::from_bytes(attribute), &mut value))?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            xattrs.push((text(attribute), text(&value[..length])));
        }
        Ok(xattrs)
    }
}

fn open_flags(names: &str) -> OFlags {
    names.split('|').fold(OFlags::empty(), |flags, name| {
        flags
            | match name {
                "O_WRONLY" => OFlags::WRONLY,
                "O_RDWR" => OFlags::RDWR,
                "O_CREAT" => OFlags::CREATE,
                "O_EXCL" => OFlags::EXCL,
                "O_TRUNC" => OFlags::TRUNC,
                "O_APPEND" => OFlags::APPEND,
                "O_DIRECTORY" => OFlags::DIRECTORY,
                "O_NOFOLLOW" => OFlags::NOFOLLOW,
                _ => OFlags::empty(),
            }
    })
}

fn stat_of(stat: &rustix::fs::Stat) -> Stat {
    Stat {
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => 'd',
            FileType::Symlink => 's',
            FileType::CharacterDevice => 'c',
            FileType::BlockDevice => 'b',
            FileType::Fifo | FileType::Socket => 'p',
            _ => 'r',
        },
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        links: stat.st_nlink,
        size: stat.st_size.try_into().unwrap_or(0),
        device: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
        inode: (stat.st_dev, stat.st_ino),
        accessed: (stat.st_atime, stat.st_atime_nsec.cast_signed()),
        modified: (stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
    }
}
