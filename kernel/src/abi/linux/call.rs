//! One system call: its arguments, and what all calls need of them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::context::{Context, Credentials};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::FileType;
use vfs::mount::Path;

use super::flags::{AT_EMPTY_PATH, AT_FDCWD};
use crate::arch::trap::TrapFrame;
use crate::mm::user_memory::UserAddress;
use crate::task::files::Descriptor;
use crate::task::process::Process;
use crate::task::scheduler;
use crate::task::thread::{Thread, UserSide};

/// The longest path with its NUL (`PATH_MAX`).
const PATH_MAX: usize = 4096;

/// A system call.
pub struct Call<'a> {
    /// Who calls.
    pub process: &'a Arc<Process>,
    /// The caller's registers.
    pub frame: &'a mut TrapFrame,
    /// The arguments.
    pub arguments: [u64; 6],
}

impl Call<'_> {
    /// The thread that calls.
    pub fn thread(&self) -> Arc<Thread> {
        scheduler::current()
    }

    /// What the thread that calls has as a process's.
    ///
    /// # Errors
    /// `EPERM` for one that has none, which makes no calls.
    pub fn user_side<'t>(&self, thread: &'t Thread) -> Result<&'t UserSide> {
        thread.user().ok_or(FileSystemErrorKind::NotPermitted.into())
    }

    /// An argument of 32 bits: what is above means nothing.
    pub fn word(&self, index: usize) -> u32 {
        self.arguments[index] as u32
    }

    /// A signed argument.
    pub fn signed(&self, index: usize) -> i64 {
        self.arguments[index] as i64
    }

    /// An argument that is no negative number.
    ///
    /// # Errors
    /// `EINVAL`.
    pub fn offset(&self, index: usize) -> Result<u64> {
        match self.signed(index) {
            0.. => Ok(self.arguments[index]),
            _ => fail(FileSystemErrorKind::InvalidArgument),
        }
    }

    /// An argument that is an address.
    pub fn address(&self, index: usize) -> UserAddress {
        #[cfg(test)]
        super::tests::addresses::assert_is_walked(self.frame.rax, index);
        UserAddress::new(self.arguments[index])
    }

    /// As [`Call::address`]; `None` for null, by which a program says that there is nothing.
    pub fn given(&self, index: usize) -> Option<UserAddress> {
        if self.arguments[index] == 0 { None } else { Some(self.address(index)) }
    }

    /// Flags, of which all must be known.
    ///
    /// # Errors
    /// `EINVAL`.
    pub fn flags(&self, index: usize, known: u32) -> Result<u32> {
        let flags = self.word(index);
        if flags & !known == 0 { Ok(flags) } else { fail(FileSystemErrorKind::InvalidArgument) }
    }

    /// The file whose number an argument is.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn place_file(&self, index: usize) -> Result<Arc<FileObject>> {
        Ok(self.process.files().get(u64::from(self.word(index)))?.file)
    }

    /// As [`Call::place_file`], for one that is more than a place (`O_PATH`).
    ///
    /// # Errors
    /// `EBADF`.
    pub fn file(&self, index: usize) -> Result<Arc<FileObject>> {
        let file = self.place_file(index)?;
        if file.flags().contains(OpenFlags::PATH) { fail(FileSystemErrorKind::BadFileDescriptor) } else { Ok(file) }
    }

    /// The path at the address that an argument is.
    ///
    /// # Errors
    /// `EFAULT`, `ENAMETOOLONG`.
    pub fn path(&self, index: usize) -> Result<Vec<u8>> {
        self.address(index).read_text(PATH_MAX, FileSystemErrorKind::NameTooLong)
    }

    /// Where a relative path starts: the directory whose number an argument is; `None` for the current one.
    ///
    /// # Errors
    /// `EBADF`, `ENOTDIR`; `ENOENT` for an empty path, wherever it starts.
    pub fn directory(&self, index: usize, path: &[u8]) -> Result<Option<Path>> {
        if path.is_empty() {
            return fail(FileSystemErrorKind::NotFound);
        }
        if path.starts_with(b"/") || self.word(index) == AT_FDCWD {
            return Ok(None);
        }
        let file = self.place_file(index)?;
        if file.node().kind() != FileType::Directory {
            return fail(FileSystemErrorKind::NotADirectory);
        }
        Ok(Some(file.path().clone()))
    }

    /// The context in which `path` is looked up, which starts at argument `directory`.
    ///
    /// # Errors
    /// Those of [`Call::directory`].
    pub fn context_at(&self, directory: usize, path: &[u8]) -> Result<Context> {
        let directory = self.directory(directory, path)?;
        let context = &self.process.place()?.context;
        Ok(match directory {
            None => context.clone(),
            Some(directory) => context.at(directory),
        })
    }

    /// What the path at argument `path` names.
    ///
    /// # Errors
    /// Those of [`Call::path`] and of a walk.
    pub fn named(&self, path: usize, follow: Follow) -> Result<Path> {
        self.with_path(path, |manager, context, path| manager.resolve(context, path, follow))
    }

    /// What the path at argument `path` names, which starts at argument `directory`. With `AT_EMPTY_PATH` among `flags` an
    /// empty one is the file whose number argument `directory` is, or the current directory.
    ///
    /// # Errors
    /// Those of [`Call::path`], [`Call::directory`] and of a walk.
    pub fn named_at(&self, directory: usize, path: usize, follow: Follow, flags: u32) -> Result<Path> {
        self.found_at(directory, &self.path(path)?, follow, flags)
    }

    /// As [`Call::named_at`], of a path that has been read.
    ///
    /// # Errors
    /// Those of [`Call::directory`] and of a walk.
    pub fn found_at(&self, directory: usize, path: &[u8], follow: Follow, flags: u32) -> Result<Path> {
        if path.is_empty() && flags & AT_EMPTY_PATH != 0 {
            return self.place_of(directory);
        }
        self.resolve_at(directory, path, follow)
    }

    /// As [`Call::named_at`], but that `AT_EMPTY_PATH` lets there be no path at all (an address of 0) too, and `itself` says
    /// what an empty one is.
    ///
    /// # Errors
    /// As [`Call::named_at`], and those of `itself`.
    pub fn named_or(
        &self,
        directory: usize,
        path: usize,
        follow: Follow,
        flags: u32,
        itself: impl FnOnce(&Self) -> Result<Path>,
    ) -> Result<Path> {
        let may_be_empty = flags & AT_EMPTY_PATH != 0;
        let text = if may_be_empty && self.arguments[path] == 0 { Vec::new() } else { self.path(path)? };
        if text.is_empty() && may_be_empty { itself(self) } else { self.resolve_at(directory, &text, follow) }
    }

    fn resolve_at(&self, directory: usize, path: &[u8], follow: Follow) -> Result<Path> {
        let place = self.process.place()?;
        match self.directory(directory, path)? {
            None => place.manager.resolve(&place.context, path, follow),
            Some(start) => place.manager.resolve(&place.context.at(start), path, follow),
        }
    }

    /// The structure of `N` words at the address that argument `index` is, which is as long as argument `size` says: what
    /// an older program does not know is 0, and what a newer one knows must be (`copy_struct_from_user`).
    ///
    /// # Errors
    /// `EINVAL` for less than `least` bytes; `E2BIG` for more than a page, and for what is not 0; `EFAULT`.
    pub fn growing<const N: usize>(&self, index: usize, size: usize, least: u64) -> Result<[u64; N]> {
        let size = self.arguments[size];
        if size < least {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        self.address(index).read_growing(size)
    }

    /// The place of the file whose number an argument is; the current directory is one too.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn place_of(&self, index: usize) -> Result<Path> {
        if self.word(index) == AT_FDCWD {
            return Ok(self.process.place()?.context.cwd.clone());
        }
        Ok(self.place_file(index)?.path().clone())
    }

    /// Who asks.
    ///
    /// # Errors
    /// `ENOENT` for one that has ended.
    pub fn credentials(&self) -> Result<Credentials> {
        Ok(self.process.place()?.context.credentials.clone())
    }

    /// Does something with the path at argument `path`.
    ///
    /// # Errors
    /// Those of [`Call::path`], and what `body` answers.
    pub fn with_path<R>(&self, path: usize, body: impl FnOnce(&VfsManager, &Context, &[u8]) -> Result<R>) -> Result<R> {
        let path = self.path(path)?;
        let place = self.process.place()?;
        body(&place.manager, &place.context, &path)
    }

    /// Does something with the path at argument `path`, which starts at argument `directory`.
    ///
    /// # Errors
    /// Those of [`Call::path`] and [`Call::directory`], and what `body` answers.
    pub fn with_path_at<R>(
        &self,
        directory: usize,
        path: usize,
        body: impl FnOnce(&VfsManager, &Context, &[u8]) -> Result<R>,
    ) -> Result<R> {
        let path = self.path(path)?;
        let place = self.process.place()?;
        match self.directory(directory, &path)? {
            None => body(&place.manager, &place.context, &path),
            Some(directory) => body(&place.manager, &place.context.at(directory), &path),
        }
    }

    /// Gives two files numbers and writes them to the address that argument `index` is; both have one or none.
    ///
    /// # Errors
    /// `EMFILE`, `ENOMEM`, `EFAULT`.
    pub fn add_pair(&self, index: usize, files: [Arc<FileObject>; 2], close_on_exec: bool) -> Result<u64> {
        let mut numbers = Vec::new();
        let result = files.into_iter().try_for_each(|file| {
            numbers.push(self.process.files().add(Descriptor { file, close_on_exec }, 0)? as u32);
            Ok(())
        });
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let result = result.and_then(|()| self.address(index).write(&bytes));
        if result.is_err() {
            for &number in &numbers {
                let closed = self.process.files().remove(u64::from(number));
                drop(closed);
            }
        }
        result.map(|()| 0)
    }

    /// As [`Call::write_words`], where the argument is an address and not null.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn tell_words<const N: usize>(&self, index: usize, words: [u64; N]) -> Result<u64> {
        self.given(index).map_or(Ok(()), |address| address.write_words(words)).map(|()| 0)
    }

    /// Writes a structure of words to the address that an argument is.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_words<const N: usize>(&self, index: usize, words: [u64; N]) -> Result<u64> {
        self.address(index).write_words(words)?;
        Ok(0)
    }
}
