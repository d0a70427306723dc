//! The layers that each test of the suite starts from, and the overlay of them.

use std::sync::Arc;
use vfs::context::{Context, Credentials};
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::Result;
use vfs::file::OpenFlags;
use vfs::manager::mounts::{MountArguments, UnmountFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::SetTime;
use vfs::mount::MountFlags;
use vfs::time::Timestamp;

/// Where the overlay is mounted: `%` in the recording.
pub const ROOT: &str = "/mnt";

/// A namespace with the layers of one test.
pub struct Fixture {
    pub vfs: Arc<VfsManager>,
    pub root: Context,
}

impl Fixture {
    /// The layers with numbers `low` to `high`, and the overlay.
    ///
    /// # Errors
    /// What any step answers.
    pub fn new(low: u32, high: u32) -> Result<Self> {
        let environment = Environment::detached();
        let vfs = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        // The recorder's umask was 0.
        let root = Context { umask: 0, ..vfs.root_context() };
        let fixture = Self { vfs, root };
        for directory in ["/lower", "/upper", "/work", ROOT, "/lower/a"] {
            fixture.directory(directory)?;
        }
        fixture.file("/upper/f", "pure")?;
        for number in low..=high {
            fixture.numbered(number)?;
        }
        fixture.mount()?;
        Ok(fixture)
    }

    /// Everything of one number, in `/lower/a`.
    fn numbered(&self, number: u32) -> Result<()> {
        let a = |name: &str| format!("/lower/a/{name}{number}");
        self.file(&a("foo"), ":xxx:yyy:zzz")?;
        self.file(&a("rootfile"), ":xxx:yyy:zzz")?;
        self.symlink(&format!("../a/foo{number}"), &a("direct_sym"))?;
        self.symlink(&format!("direct_sym{number}"), &a("indirect_sym"))?;
        self.symlink(&format!("no_foo{number}"), &a("pointless"))?;
        for name in ["foo", "direct_sym", "indirect_sym", "pointless"] {
            self.vfs.set_owner(&self.root, a(name).as_bytes(), Some(1), Some(1), Follow::No)?;
        }
        let directory = a("dir");
        self.directory(&directory)?;
        self.file(&format!("{directory}/a"), "")?;
        self.directory(&format!("{directory}/pop"))?;
        self.file(&format!("{directory}/pop/b"), ":aaa:bbb:ccc")?;
        self.directory(&format!("{directory}/pop/c"))?;
        self.symlink(&format!("../a/dir{number}"), &a("direct_dir_sym"))?;
        self.symlink(&format!("direct_dir_sym{number}"), &a("indirect_dir_sym"))?;
        self.directory(&a("empty"))
    }

    fn directory(&self, path: &str) -> Result<()> {
        self.vfs.make_directory(&self.root, path.as_bytes(), 0o755)
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        self.vfs.make_symlink(&self.root, target.as_bytes(), path.as_bytes())
    }

    /// A file whose times are of their own, long ago.
    fn file(&self, path: &str, text: &str) -> Result<()> {
        let file = self.vfs.open(&self.root, path.as_bytes(), OpenFlags::WRITE | OpenFlags::CREATE, 0o644)?;
        file.write(&self.root.credentials, &mut text.as_bytes())?;
        let at = |seconds| Some(SetTime::At(Timestamp::from_seconds(seconds)));
        self.vfs.set_times(&self.root, path.as_bytes(), at(200_000_000), at(100_000_000), Follow::No)
    }

    fn mount(&self) -> Result<()> {
        let arguments = MountArguments {
            source: b"overlay",
            target: ROOT.as_bytes(),
            type_name: "overlay",
            flags: MountFlags::empty(),
            options: b"lowerdir=/lower,upperdir=/upper,workdir=/work,whiteout=linux,redirect_dir=on",
        };
        self.vfs.mount(&self.root, &arguments).map_err(|error| error.error)
    }

    /// Unmounts and mounts again.
    ///
    /// # Errors
    /// What either answers.
    pub fn remount(&self) -> Result<()> {
        self.vfs.unmount(&self.root, ROOT.as_bytes(), UnmountFlags::empty())?;
        self.mount()
    }

    /// The user of that number, who is of the group of that number; 0 is the superuser.
    pub fn user(&self, id: u32) -> Context {
        let credentials = if id == 0 { Credentials::root() } else { Credentials::user(id, id) };
        Context { credentials, ..self.root.clone() }
    }
}
