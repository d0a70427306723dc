//! What the overlay promises, as tests. Each has a picture of the layers where that says more than words: one row a
//! layer, the topmost first, with what it holds; then what is done, and what must follow.
//!
//! They run on the host and in the guest; `cargo ktest -- overlay::copy_up` runs one subject.

mod faulty;
mod seen;

/// The tests by subject, under the name that the guest's filter knows them by.
mod overlay {
    #[cfg(test)]
    mod any_bytes;
    mod changes;
    #[cfg(test)]
    mod concurrency;
    mod copy_up;
    mod data_only;
    mod explain;
    mod fail_nth;
    mod failure;
    mod handles;
    mod identity;
    mod lifetime;
    mod links;
    mod listing;
    mod lookup;
    mod lower_index;
    mod mount_checks;
    mod mounting;
    mod names;
    mod namespaces;
    mod options;
    mod protection;
    mod push;
    mod push_busy;
    mod rename;
    mod sync;
    mod work;
    mod xattr;
}

use super::{Format, OverlayFS};
use crate::error::{FileSystemErrorKind, Result};
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::manager::mounts::UnmountFlags;
use crate::metadata::{DeviceNumber, SetTime};
use crate::node::{NewKind, RenameFlags, SetXattr};
use crate::selftest::world::World;
use crate::time::Timestamp;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Asserts that an operation fails with that errno.
#[track_caller]
fn fails<T>(result: Result<T>, kind: FileSystemErrorKind) {
    match result {
        Ok(_) => panic!("succeeded, {} expected", kind.name()),
        Err(error) => assert_eq!(error.kind(), kind),
    }
}

/// Does a test once for each format of marks.
fn in_both_formats(test: impl Fn(&Stage)) {
    for format in [Format::Oci, Format::Linux] {
        test(&Stage::new(format));
    }
}

/// A namespace with directories for layers: `/1`, `/2`, … are lowers, topmost first, `/u` is the upper, `/m` the place
/// to mount on.
struct Stage {
    world: World,
    format: Format,
}

impl core::ops::Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Stage {
    fn new(format: Format) -> Self {
        let world = World::new();
        world.mkdir("/1").mkdir("/2").mkdir("/3").mkdir("/u").mkdir("/w").mkdir("/m");
        Self { world, format }
    }

    fn mkdir(&self, path: &str) -> &Self {
        self.world.mkdir(path);
        self
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        self.world.write(path, text);
        self
    }

    fn append(&self, path: &str, text: &str) -> &Self {
        self.world.append(path, text);
        self
    }

    fn symlink(&self, target: &str, path: &str) -> &Self {
        self.world.symlink(target, path);
        self
    }

    /// One in the default format.
    fn oci() -> Self {
        Self::new(Format::Oci)
    }

    fn whiteout_option(&self) -> &'static str {
        match self.format {
            Format::Oci => "whiteout=oci",
            Format::Linux => "whiteout=linux",
        }
    }

    /// Mounts an overlay on `/m`, with `/u` as its upper.
    #[track_caller]
    fn overlay(&self, lowers: &str) -> &Self {
        self.mount_overlay(&format!("lowerdir={lowers},upperdir=/u,workdir=/w"))
    }

    /// Mounts a read-only overlay on `/m`.
    #[track_caller]
    fn read_only(&self, lowers: &str) -> &Self {
        self.mount_overlay(&format!("lowerdir={lowers}"))
    }

    #[track_caller]
    fn mount_overlay(&self, options: &str) -> &Self {
        let options = format!("{options},{}", self.whiteout_option());
        if let Err(error) = self.mount("overlay", "/m", &options) {
            panic!("mount -o {options}: {error}");
        }
        self
    }

    #[track_caller]
    fn unmount(&self) -> &Self {
        if let Err(error) = self.vfs.unmount(&self.root, b"/m", UnmountFlags::empty()) {
            panic!("umount /m: {error:?}");
        }
        self
    }

    /// The overlay on `/m`.
    fn file_system(&self) -> Arc<OverlayFS> {
        let mount = self.vfs.resolve(&self.root, b"/m", Follow::Yes).expect("/m is there").mount;
        mount
            .superblock()
            .operations()
            .as_any()
            .downcast_ref::<OverlayFS>()
            .expect("an overlay is on /m")
            .me
            .upgrade()
            .expect("it is mounted")
    }

    /// Where a directory has the whiteout of a name.
    fn whiteout_path(&self, directory: &str, name: &str) -> String {
        match self.format {
            Format::Oci => format!("{directory}/.wh.{name}"),
            Format::Linux => format!("{directory}/{name}"),
        }
    }

    /// Hides a name in lower layers, as an image in this format would.
    fn whiteout(&self, path: &str) -> &Self {
        let (directory, name) = path.rsplit_once('/').expect("the path has a directory");
        let path = self.whiteout_path(directory, name);
        match self.format {
            Format::Oci => drop(self.write(&path, "")),
            Format::Linux => self.device(&path, 0, 0).expect("a whiteout can be made in a layer"),
        }
        self
    }

    /// Hides lower directories of the same name.
    fn opaque(&self, path: &str) -> &Self {
        self.mkdir(path);
        match self.format {
            Format::Oci => {
                self.write(&format!("{path}/.wh..wh..opq"), "");
            }
            Format::Linux => self.set_xattr(path, "trusted.overlay.opaque", "y").expect("an attribute can be set"),
        }
        self
    }

    /// The marks and names in a directory of the upper: a whiteout as `-name`, an opaque directory as `name!`.
    fn upper(&self, path: &str) -> String {
        let path = format!("/u{path}");
        let names = self.list(&path);
        let mut shown: Vec<String> = Vec::new();
        for name in names.split(' ').filter(|name| !name.is_empty() && *name != ".wh..wh..opq") {
            let full = format!("{path}/{name}");
            if let Some(hidden) = name.strip_prefix(".wh.").filter(|_| self.format == Format::Oci) {
                shown.push(format!("-{hidden}"));
                continue;
            }
            let metadata = self.lstat(&full).expect("a listed name is there");
            if metadata.kind == crate::metadata::FileType::CharDevice && metadata.device == DeviceNumber::new(0, 0) {
                shown.push(format!("-{name}"));
            } else if self.is_opaque(&full) {
                shown.push(format!("{name}!"));
            } else {
                shown.push(name.into());
            }
        }
        shown.sort();
        shown.join(" ")
    }

    fn is_opaque(&self, path: &str) -> bool {
        match self.format {
            Format::Oci => self.probe(&format!("{path}/.wh..wh..opq")) == "found",
            Format::Linux => self.xattr(path, "trusted.overlay.opaque").as_deref() == Ok("y"),
        }
    }

    fn device(&self, path: &str, major: u32, minor: u32) -> Result<()> {
        let kind = NewKind::CharDevice(DeviceNumber::new(major, minor));
        self.vfs.make_node(&self.root, path.as_bytes(), kind, 0o600)
    }

    fn chmod(&self, path: &str, mode: u32) -> Result<()> {
        self.vfs.set_mode(&self.root, path.as_bytes(), mode, Follow::Yes)
    }

    fn chown(&self, path: &str, uid: u32, gid: u32) -> Result<()> {
        self.vfs.set_owner(&self.root, path.as_bytes(), Some(uid), Some(gid), Follow::No)
    }

    fn set_times(&self, path: &str, accessed: i64, modified: i64) -> Result<()> {
        let at = |seconds| Some(SetTime::At(Timestamp::from_seconds(seconds)));
        self.vfs.set_times(&self.root, path.as_bytes(), at(accessed), at(modified), Follow::No)
    }

    fn link(&self, old: &str, new: &str) -> Result<()> {
        self.vfs.link(&self.root, old.as_bytes(), new.as_bytes(), Follow::No)
    }

    fn try_mkdir(&self, path: &str) -> Result<()> {
        self.vfs.make_directory(&self.root, path.as_bytes(), 0o755)
    }

    fn move_with(&self, old: &str, new: &str, flags: RenameFlags) -> Result<()> {
        self.vfs.rename(&self.root, old.as_bytes(), new.as_bytes(), flags)
    }

    fn xattr(&self, path: &str, name: &str) -> Result<String> {
        let value = self.vfs.get_xattr(&self.root, path.as_bytes(), name.as_bytes(), Follow::No)?;
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    fn set_xattr(&self, path: &str, name: &str, value: &str) -> Result<()> {
        let how = SetXattr::Any;
        self.vfs.set_xattr(&self.root, path.as_bytes(), name.as_bytes(), value.as_bytes(), how, Follow::No)
    }

    /// The names of a file's attributes, sorted.
    fn xattrs(&self, path: &str) -> String {
        let names = self.vfs.list_xattrs(&self.root, path.as_bytes(), Follow::No).expect("attributes can be listed");
        let mut names: Vec<String> = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        names.sort();
        names.join(" ")
    }

    fn try_write(&self, path: &str, flags: OpenFlags, text: &str) -> Result<()> {
        self.put(path, OpenFlags::WRITE | flags, text)
    }

    /// Where the target of a link leads, or the name of the errno.
    fn read_link(&self, path: &str) -> String {
        match self.vfs.read_link(&self.root, path.as_bytes()) {
            Ok(target) => String::from_utf8_lossy(&target).into_owned(),
            Err(error) => format!("{error:?}"),
        }
    }
}
