//! An overlay for threads: `/1` is its lower, `/u` its upper, `/m` where it is mounted.

use shuttle::thread;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::OpenFlags;
use vfs::manager::mounts::UnmountFlags;
use vfs::selftest::world::World;

pub const CREATE: OpenFlags = OpenFlags::CREATE;
pub const EXCLUSIVE: OpenFlags = OpenFlags::CREATE.union(OpenFlags::EXCLUSIVE);
pub const APPEND: OpenFlags = OpenFlags::APPEND;

pub struct Stage {
    pub world: World,
    lowers: &'static str,
}

impl core::ops::Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Stage {
    /// Mounts an overlay on what `fill` puts into its layers.
    pub fn new(fill: impl Fn(&World)) -> Self {
        Self::over("/1", fill)
    }

    /// The same over these lowers.
    pub fn over(lowers: &'static str, fill: impl Fn(&World)) -> Self {
        let world = World::new();
        world.mkdir("/1").mkdir("/u").mkdir("/m");
        fill(&world);
        let stage = Self { world, lowers };
        stage.mount();
        stage
    }

    fn mount(&self) {
        let options = format!("lowerdir={},upperdir=/u", self.lowers);
        let mounted = self.world.mount("overlay", "/m", &options);
        mounted.unwrap_or_else(|error| panic!("mount: {error}"));
    }

    /// Mounts the same layers anew: what is seen then is what they hold.
    pub fn remount(&self) {
        self.vfs.unmount(&self.root, b"/m", UnmountFlags::empty()).expect("nobody uses it");
        self.mount();
    }

    /// Opens with these flags to write, and writes.
    pub fn put(&self, path: &str, flags: OpenFlags, text: &str) -> Result<()> {
        self.world.put(path, OpenFlags::WRITE | flags, text)
    }

    pub fn mkdir(&self, path: &str) -> Result<()> {
        self.vfs.make_directory(&self.root, path.as_bytes(), 0o755)
    }

    pub fn chmod(&self, path: &str, mode: u32) -> Result<()> {
        self.vfs.set_mode(&self.root, path.as_bytes(), mode, vfs::manager::Follow::No)
    }

    pub fn link(&self, old: &str, new: &str) -> Result<()> {
        self.vfs.link(&self.root, old.as_bytes(), new.as_bytes(), vfs::manager::Follow::No)
    }

    /// The names that a directory of the upper layer holds, marks and all.
    pub fn upper(&self, directory: &str) -> String {
        self.list(&format!("/u/{directory}"))
    }

    /// Runs all of these at once, and waits for them.
    pub fn at_once(&self, deeds: &[&(dyn Fn(&Stage) + Sync)]) {
        thread::scope(|scope| {
            for deed in deeds {
                scope.spawn(|| deed(self));
            }
        });
    }

    /// As [`Stage::at_once`], for two that may fail: how they went.
    pub fn both(
        &self,
        one: impl Fn(&Stage) -> Result<()> + Send + Sync,
        other: impl Fn(&Stage) -> Result<()> + Send + Sync,
    ) -> [Option<FileSystemErrorKind>; 2] {
        thread::scope(|scope| {
            let one = scope.spawn(|| one(self));
            let other = scope.spawn(|| other(self));
            [one, other].map(|thread| thread.join().expect("it does not panic").err().map(|error| error.kind()))
        })
    }
}
