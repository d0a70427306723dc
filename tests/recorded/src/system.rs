//! What a replay asks of the system that it runs on.
//!
//! Paths are relative, to a directory that is empty when the system is new.

/// The result, or the name of the errno.
pub type Answer<T> = Result<T, String>;

/// What `stat` shows.
#[derive(Clone, Debug)]
pub struct Stat {
    /// The type's letter: `r d s c b p`.
    pub kind: char,
    /// Permissions, and the set-id and sticky bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Hard links.
    pub links: u64,
    /// Bytes.
    pub size: u64,
    /// The device's number, major and minor.
    pub device: (u32, u32),
    /// What tells inodes apart: `st_dev` and `st_ino`.
    pub inode: (u64, u64),
    /// When it was last read: seconds and nanoseconds.
    pub accessed: (i64, i64),
    /// When its content last changed: seconds and nanoseconds.
    pub modified: (i64, i64),
}

/// What times are set to.
#[derive(Clone, Copy, Debug)]
pub enum Times {
    /// Both to the present.
    Now,
    /// To these seconds.
    At {
        /// When it was last read.
        accessed: i64,
        /// When its content last changed.
        modified: i64,
    },
}

/// A system with the calls that the recording has, and those that its fixture needs. Errors are names of errnos.
#[expect(missing_docs, reason = "each is the system call of that name")]
pub trait System {
    /// An open file.
    type File;

    /// Goes on as the user of that number, with the group of that number; 0 is the superuser.
    fn seteuid(&mut self, id: u32) -> Answer<()>;
    /// Mounts an overlay.
    fn mount(&mut self, target: &str, options: &str) -> Answer<()>;
    fn unmount(&mut self, target: &str) -> Answer<()>;

    fn lstat(&self, path: &str) -> Answer<Stat>;
    fn fstat(&self, file: &Self::File) -> Answer<Stat>;
    /// Flags as `O_WRONLY|O_CREAT`.
    fn open(&self, path: &str, flags: &str, mode: u32) -> Answer<Self::File>;
    fn lseek(&self, file: &Self::File, offset: u64) -> Answer<u64>;
    fn read(&self, file: &Self::File, buffer: &mut [u8]) -> Answer<usize>;
    fn write(&self, file: &Self::File, data: &[u8]) -> Answer<usize>;
    fn mkdir(&self, path: &str, mode: u32) -> Answer<()>;
    fn rmdir(&self, path: &str) -> Answer<()>;
    fn unlink(&self, path: &str) -> Answer<()>;
    fn rename(&self, from: &str, to: &str) -> Answer<()>;
    fn link(&self, from: &str, to: &str) -> Answer<()>;
    fn symlink(&self, target: &str, path: &str) -> Answer<()>;
    fn readlink(&self, path: &str) -> Answer<Vec<u8>>;
    fn truncate(&self, path: &str, size: u64) -> Answer<()>;
    fn lchown(&self, path: &str, uid: u32, gid: u32) -> Answer<()>;
    /// `utimensat(2)`, following symbolic links.
    fn utimes(&self, path: &str, times: Times) -> Answer<()>;
    /// The names in a directory but `.` and `..`, in any order.
    fn list(&self, path: &str) -> Answer<Vec<String>>;
    /// The extended attributes and their values.
    fn xattrs(&self, path: &str) -> Answer<Vec<(String, String)>>;
}
