//! Strata's file-system half as the system that is replayed on.

use std::sync::Arc;

use recorded::system::{Answer, Stat, System, Times};
use vfs::context::{Context, Credentials};
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::FileSystemError;
use vfs::file::{FileObject, OpenFlags, SeekFrom};
use vfs::manager::mounts::{MountArguments, UnmountFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, Metadata, SetTime};
use vfs::mount::MountFlags;
use vfs::node::RenameFlags;
use vfs::time::Timestamp;

/// A namespace of its own, on an empty tmpfs.
pub struct Strata {
    vfs: Arc<VfsManager>,
    root: Context,
    /// Who asks.
    context: Context,
}

impl Strata {
    pub fn new() -> Self {
        let environment = Environment::detached();
        let vfs = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        // The recorder's umask was 0.
        let root = Context { umask: 0, ..vfs.root_context() };
        Self { vfs, context: root.clone(), root }
    }
}

/// The errno's name.
fn name<T>(result: Result<T, FileSystemError>) -> Answer<T> {
    result.map_err(|error| format!("{error:?}"))
}

impl System for Strata {
    type File = Arc<FileObject>;

    fn seteuid(&mut self, id: u32) -> Answer<()> {
        let credentials = if id == 0 { Credentials::root() } else { Credentials::user(id, id) };
        self.context = Context { credentials, ..self.root.clone() };
        Ok(())
    }

    fn mount(&mut self, target: &str, options: &str) -> Answer<()> {
        let options = format!("{options},whiteout=linux");
        let arguments = MountArguments {
            source: b"overlay",
            target: target.as_bytes(),
            type_name: "overlay",
            flags: MountFlags::empty(),
            options: options.as_bytes(),
        };
        name(self.vfs.mount(&self.context, &arguments).map_err(|error| error.error))
    }

    fn unmount(&mut self, target: &str) -> Answer<()> {
        name(self.vfs.unmount(&self.context, target.as_bytes(), UnmountFlags::empty()))
    }

    fn lstat(&self, path: &str) -> Answer<Stat> {
        name(self.vfs.metadata(&self.context, path.as_bytes(), Follow::No)).map(|found| stat_of(&found))
    }

    fn fstat(&self, file: &Self::File) -> Answer<Stat> {
        name(file.metadata()).map(|found| stat_of(&found))
    }

    fn open(&self, path: &str, flags: &str, mode: u32) -> Answer<Self::File> {
        name(self.vfs.open(&self.context, path.as_bytes(), open_flags(flags), mode))
    }

    fn lseek(&self, file: &Self::File, offset: u64) -> Answer<u64> {
        let offset = offset.try_into().map_err(|_| "EINVAL")?;
        name(file.seek(SeekFrom::Start(offset)))
    }

    fn read(&self, file: &Self::File, mut buffer: &mut [u8]) -> Answer<usize> {
        name(file.read(&mut buffer))
    }

    fn write(&self, file: &Self::File, mut data: &[u8]) -> Answer<usize> {
        name(file.write(&self.context.credentials, &mut data))
    }

    fn mkdir(&self, path: &str, mode: u32) -> Answer<()> {
        name(self.vfs.make_directory(&self.context, path.as_bytes(), mode))
    }

    fn rmdir(&self, path: &str) -> Answer<()> {
        name(self.vfs.remove_directory(&self.context, path.as_bytes()))
    }

    fn unlink(&self, path: &str) -> Answer<()> {
        name(self.vfs.unlink(&self.context, path.as_bytes()))
    }

    fn rename(&self, from: &str, to: &str) -> Answer<()> {
        name(self.vfs.rename(&self.context, from.as_bytes(), to.as_bytes(), RenameFlags::empty()))
    }

    fn link(&self, from: &str, to: &str) -> Answer<()> {
        name(self.vfs.link(&self.context, from.as_bytes(), to.as_bytes(), Follow::No))
    }

    fn symlink(&self, target: &str, path: &str) -> Answer<()> {
        name(self.vfs.make_symlink(&self.context, target.as_bytes(), path.as_bytes()))
    }

    fn readlink(&self, path: &str) -> Answer<Vec<u8>> {
        name(self.vfs.read_link(&self.context, path.as_bytes())).map(|target| target.to_vec())
    }

    fn truncate(&self, path: &str, size: u64) -> Answer<()> {
        name(self.vfs.truncate(&self.context, path.as_bytes(), size))
    }

    fn lchown(&self, path: &str, uid: u32, gid: u32) -> Answer<()> {
        name(self.vfs.set_owner(&self.context, path.as_bytes(), Some(uid), Some(gid), Follow::No))
    }

    fn utimes(&self, path: &str, times: Times) -> Answer<()> {
        let at = |seconds| SetTime::At(Timestamp::from_seconds(seconds));
        let (accessed, modified) = match times {
            Times::Now => (SetTime::Now, SetTime::Now),
            Times::At { accessed, modified } => (at(accessed), at(modified)),
        };
        name(self.vfs.set_times(&self.context, path.as_bytes(), Some(accessed), Some(modified), Follow::Yes))
    }

    fn list(&self, path: &str) -> Answer<Vec<String>> {
        let flags = OpenFlags::READ | OpenFlags::DIRECTORY;
        let directory = name(self.vfs.open(&self.context, path.as_bytes(), flags, 0))?;
        let mut names = Vec::new();
        name(directory.list(&mut |item| {
            if item.name != b"." && item.name != b".." {
                names.push(item.name.escape_ascii().to_string());
            }
            true
        }))?;
        Ok(names)
    }

    fn xattrs(&self, path: &str) -> Answer<Vec<(String, String)>> {
        let path = path.as_bytes();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let attributes = name(self.vfs.list_xattrs(&self.context, path, Follow::No))?;
        let with_value = attributes.iter().map(|attribute| {
            let value = name(self.vfs.get_xattr(&self.context, path, attribute, Follow::No))?;
            Ok((text(attribute), text(&value)))
        });
        with_value.collect()
    }
}

fn open_flags(names: &str) -> OpenFlags {
    names.split('|').fold(OpenFlags::empty(), |flags, name| {
        flags
            | match name {
                "O_RDONLY" => OpenFlags::READ,
                "O_WRONLY" => OpenFlags::WRITE,
                "O_RDWR" => OpenFlags::READ | OpenFlags::WRITE,
                "O_CREAT" => OpenFlags::CREATE,
                "O_EXCL" => OpenFlags::EXCLUSIVE,
                "O_TRUNC" => OpenFlags::TRUNCATE,
                "O_APPEND" => OpenFlags::APPEND,
                "O_DIRECTORY" => OpenFlags::DIRECTORY,
                "O_NOFOLLOW" => OpenFlags::NO_FOLLOW,
                _ => OpenFlags::empty(),
            }
    })
}

fn stat_of(found: &Metadata) -> Stat {
    Stat {
        kind: match found.kind {
            FileType::Regular => 'r',
            FileType::Directory => 'd',
            FileType::Symlink => 's',
            FileType::CharDevice => 'c',
            FileType::BlockDevice => 'b',
            FileType::Fifo | FileType::Socket | FileType::Anonymous => 'p',
        },
        mode: found.mode,
        uid: found.uid,
        gid: found.gid,
        links: found.links,
        size: found.size,
        device: (found.device.major, found.device.minor),
        inode: (found.id.file_system.0, found.id.inode),
        accessed: (found.accessed.seconds, found.accessed.nanoseconds.into()),
        modified: (found.modified.seconds, found.modified.nanoseconds.into()),
    }
}
