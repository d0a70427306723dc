//! A namespace to test in: a fresh tmpfs at the root and the superuser in it, with operations short enough that a test
//! reads as a specification. A step that a test takes for granted panics with the path and the errno when it fails.

use crate::context::{Context, Credentials};
use crate::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use crate::environment::Environment;
use crate::error::Result;
use crate::file::{FileObject, OpenFlags};
use crate::handles::{Handle, Purpose};
use crate::manager::mounts::{MountArguments, MountError};
use crate::manager::{Follow, VfsManager};
use crate::metadata::Metadata;
use crate::mount::MountFlags;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A namespace, and the superuser in it.
pub struct World {
    /// The namespace.
    pub vfs: Arc<VfsManager>,
    /// The superuser, at the root.
    pub root: Context,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A fresh one: an empty tmpfs, and the clock and the random numbers of [`Environment::detached`].
    pub fn new() -> Self {
        let environment = Environment::detached();
        Self::on(VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment))
    }

    /// The superuser at the root of a namespace.
    pub fn on(vfs: Arc<VfsManager>) -> Self {
        let root = vfs.root_context();
        Self { vfs, root }
    }

    /// A user without capabilities, at the root.
    pub fn user(&self, uid: u32, gid: u32) -> Context {
        Context { credentials: Credentials::user(uid, gid), ..self.root.clone() }
    }

    /// Makes a directory and those above it that are missing.
    pub fn mkdir(&self, path: &str) -> &Self {
        let mut end = 0;
        while end < path.len() {
            end = path[end + 1..].find('/').map_or(path.len(), |next| end + 1 + next);
            let made = self.vfs.make_directory(&self.root, &path.as_bytes()[..end], 0o755);
            match made.map_err(|error| error.kind()) {
                Ok(()) | Err(crate::error::FileSystemErrorKind::AlreadyExists) => {}
                Err(error) => panic!("mkdir {}: {error:?}", &path[..end]),
            }
        }
        self
    }

    /// Makes a regular file, or replaces its content.
    pub fn write(&self, path: &str, text: &str) -> &Self {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        self.put(path, flags, text).unwrap_or_else(|error| panic!("write {path}: {error:?}"));
        self
    }

    /// Appends to a regular file.
    pub fn append(&self, path: &str, text: &str) -> &Self {
        let flags = OpenFlags::WRITE | OpenFlags::APPEND;
        self.put(path, flags, text).unwrap_or_else(|error| panic!("append {path}: {error:?}"));
        self
    }

    /// Opens with these flags and writes.
    ///
    /// # Errors
    /// Those of the open and the write.
    pub fn put(&self, path: &str, flags: OpenFlags, text: &str) -> Result<()> {
        let file = self.vfs.open(&self.root, path.as_bytes(), flags, 0o644)?;
        let mut source = text.as_bytes();
        while !source.is_empty() {
            file.write(&self.root.credentials, &mut source)?;
        }
        Ok(())
    }

    /// Opens a file.
    ///
    /// # Errors
    /// Those of [`VfsManager::open`].
    pub fn open(&self, path: &str, flags: OpenFlags) -> Result<Arc<FileObject>> {
        self.vfs.open(&self.root, path.as_bytes(), flags, 0o644)
    }

    /// The content of a file, as text, or the name of the errno.
    pub fn read(&self, path: &str) -> String {
        match self.open(path, OpenFlags::READ).and_then(|file| read_all(&file)) {
            Ok(text) => text,
            Err(error) => format!("{error:?}"),
        }
    }

    /// The names in a directory, sorted, each separated by a space, without `.` and `..`; or the name of the errno.
    pub fn list(&self, path: &str) -> String {
        let file = match self.open(path, OpenFlags::READ | OpenFlags::DIRECTORY) {
            Ok(file) => file,
            Err(error) => return format!("{error:?}"),
        };
        let mut names: Vec<String> = Vec::new();
        let listed = file.list(&mut |item| {
            if item.name != b"." && item.name != b".." {
                names.push(item.name.escape_ascii().to_string());
            }
            true
        });
        names.sort();
        listed.map_or_else(|error| format!("{error:?}"), |()| names.join(" "))
    }

    /// What `lstat` shows.
    ///
    /// # Errors
    /// Those of [`VfsManager::metadata`].
    pub fn lstat(&self, path: &str) -> Result<Metadata> {
        self.vfs.metadata(&self.root, path.as_bytes(), Follow::No)
    }

    /// What `stat` shows, taken for granted.
    pub fn stat(&self, path: &str) -> Metadata {
        self.vfs
            .metadata(&self.root, path.as_bytes(), Follow::Yes)
            .unwrap_or_else(|error| panic!("stat {path}: {error:?}"))
    }

    /// The name of the errno of `lstat`, or "found".
    pub fn probe(&self, path: &str) -> String {
        self.lstat(path).map_or_else(|error| format!("{error:?}"), |_| "found".to_string())
    }

    /// Makes a symbolic link.
    pub fn symlink(&self, target: &str, path: &str) -> &Self {
        self.vfs
            .make_symlink(&self.root, target.as_bytes(), path.as_bytes())
            .unwrap_or_else(|error| panic!("symlink {path}: {error:?}"));
        self
    }

    /// Removes a name that is no directory's.
    ///
    /// # Errors
    /// Those of [`VfsManager::unlink`].
    pub fn unlink(&self, path: &str) -> Result<()> {
        self.vfs.unlink(&self.root, path.as_bytes())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of [`VfsManager::remove_directory`].
    pub fn rmdir(&self, path: &str) -> Result<()> {
        self.vfs.remove_directory(&self.root, path.as_bytes())
    }

    /// Moves a name.
    ///
    /// # Errors
    /// Those of [`VfsManager::rename`].
    pub fn rename(&self, old: &str, new: &str) -> Result<()> {
        self.vfs.rename(&self.root, old.as_bytes(), new.as_bytes(), crate::node::RenameFlags::empty())
    }

    /// The handle of what is at a path.
    ///
    /// # Errors
    /// Those of [`VfsManager::resolve`] and [`VfsManager::handle_of`].
    pub fn handle(&self, path: &str) -> Result<Handle> {
        let place = self.vfs.resolve(&self.root, path.as_bytes(), Follow::No)?;
        VfsManager::handle_of(&place, Purpose::Open)
    }

    /// Where what a handle leads to is on the file system that `beside` is on, from the root of that.
    ///
    /// # Errors
    /// Those of [`VfsManager::open_handle`].
    pub fn opened(&self, beside: &str, handle: Handle) -> Result<String> {
        let beside = self.vfs.resolve(&self.root, beside.as_bytes(), Follow::No)?;
        let file = self.vfs.open_handle(&self.root, &beside, Some(handle), false, OpenFlags::PATH)?;
        Ok(String::from_utf8_lossy(&file.path().entry.path()).into_owned())
    }

    /// Lets the dentry cache of the file system that `path` is on forget what nobody uses.
    pub fn forget(&self, path: &str) {
        let place = self.vfs.resolve(&self.root, path.as_bytes(), Follow::No);
        place.unwrap_or_else(|error| panic!("{path}: {error:?}")).mount.superblock().forget_unused();
    }

    /// Mounts a file system of that type.
    ///
    /// # Errors
    /// Those of [`VfsManager::mount`].
    pub fn mount(&self, type_name: &str, target: &str, options: &str) -> core::result::Result<(), MountError> {
        self.vfs.mount(
            &self.root,
            &MountArguments {
                source: type_name.as_bytes(),
                target: target.as_bytes(),
                type_name,
                flags: MountFlags::empty(),
                options: options.as_bytes(),
            },
        )
    }
}

/// All that follows an open file's position, as text.
///
/// # Errors
/// Those of [`FileObject::read`].
pub fn read_all(file: &FileObject) -> Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = file.read(&mut &mut buffer[..])?;
        if count == 0 {
            return Ok(bytes.escape_ascii().to_string().replace("\\n", "\n"));
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}
