//! Drivers of file systems, and how they make themselves known.
//!
//! A driver registers where it is written, with [`driver_initcall!`](crate::driver_initcall); the linker collects all
//! of them, and nothing in the core names any. A crate that only contributes drivers must be named by the program
//! (`use name as _;`), or the linker never sees it.

use crate::context::Context;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::file_system::FileSystemOperations;
use crate::manager::VfsManager;
use crate::mount::Path;
use crate::superblock::SuperBlock;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// Makes file systems of one type.
pub trait FileSystemDriver: Sync {
    /// The type's name, as `mount -t` takes it.
    fn name(&self) -> &'static str;

    /// Whether the source must be a device (`/proc/filesystems` marks the others `nodev`).
    fn needs_device(&self) -> bool {
        false
    }

    /// What an option takes, for who gives them one by one (`fsconfig(2)`): `value` is what it is to have, if that is a
    /// text. Whether all together make sense is found out when it is mounted.
    fn option_kind(&self, _name: &[u8], _value: Option<&[u8]>) -> OptionKind {
        OptionKind::Unknown
    }

    /// Makes an instance to mount.
    ///
    /// # Errors
    /// `EINVAL` for an option that is unknown or has a bad value: [`MountRequest::explain`] tells the user which.
    fn mount(&self, request: &mut MountRequest<'_>) -> Result<Arc<dyn FileSystemOperations>>;
}

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptionKind {
    /// There is no such option.
    Unknown,
    /// Something else, or another value.
    Bad,
    /// That value, or none.
    Plain,
    /// A directory.
    Directory,
}

/// A directory that an option was given, found when it was.
pub struct GivenDirectory {
    /// The option.
    pub option: Box<[u8]>,
    /// Its text among the options.
    pub text: Box<[u8]>,
    /// Which it is.
    pub place: Path,
}

/// What a driver is asked to mount, or to change of what is mounted.
pub struct MountRequest<'a> {
    /// What to mount, as given: a device, a path, or just a word.
    pub source: &'a [u8],
    /// The options, comma-separated as given, without those that concern the mount and not the file system.
    pub options: &'a [u8],
    /// Whether the mount is asked to be read-only.
    pub read_only: bool,
    /// The namespace that paths among the options are resolved in.
    pub manager: &'a VfsManager,
    /// Who asks, and from where.
    pub context: &'a Context,
    /// Directories among the options that were found before.
    pub directories: &'a [GivenDirectory],
    /// What is mounted already, where that is to be changed.
    mounted: Option<&'a SuperBlock>,
    /// What [`MountRequest::explain`] was told last.
    message: Option<String>,
}

impl<'a> MountRequest<'a> {
    /// A request, with nothing explained yet.
    pub fn new(
        source: &'a [u8],
        options: &'a [u8],
        read_only: bool,
        manager: &'a VfsManager,
        context: &'a Context,
    ) -> Self {
        Self { source, options, read_only, manager, context, directories: &[], mounted: None, message: None }
    }

    /// A request to change a file system that is mounted (`MS_REMOUNT`).
    pub fn remount(
        superblock: &'a SuperBlock,
        source: &'a [u8],
        options: &'a [u8],
        read_only: bool,
        manager: &'a VfsManager,
        context: &'a Context,
    ) -> Self {
        Self { mounted: Some(superblock), ..Self::new(source, options, read_only, manager, context) }
    }

    /// The dentry cache of what is to be changed; `None` for a new mount.
    pub fn mounted(&self) -> Option<&'a SuperBlock> {
        self.mounted
    }

    /// Says to the user what is wrong, naming the option or the path; the last word counts.
    pub fn explain(&mut self, message: fmt::Arguments<'_>) {
        self.message = Some(alloc::fmt::format(message));
    }

    /// As [`MountRequest::explain`], and the error to return with it.
    pub fn refuse<T>(&mut self, kind: FileSystemErrorKind, message: fmt::Arguments<'_>) -> Result<T> {
        self.explain(message);
        fail(kind)
    }

    /// What was explained, if anything.
    pub fn into_message(self) -> Option<String> {
        self.message
    }
}

/// A registered driver: what [`driver_initcall!`](crate::driver_initcall) submits.
pub struct Registered(pub &'static dyn FileSystemDriver);

/// Registers a driver: `driver_initcall!(TmpfsDriver);` with a constant expression that is a driver.
#[macro_export]
macro_rules! driver_initcall {
    ($driver:expr) => {
        $crate::registry::submit!($crate::driver::Registered: $crate::driver::Registered(&$driver));
    };
}

/// The registered drivers, in no particular order.
pub fn drivers() -> impl Iterator<Item = &'static dyn FileSystemDriver> {
    registry::entries::<Registered>().map(|registered| registered.0)
}

/// The driver of that type.
///
/// # Errors
/// `ENODEV` when there is none.
pub fn driver(name: &str) -> Result<&'static dyn FileSystemDriver> {
    drivers().find(|driver| driver.name() == name).ok_or(FileSystemErrorKind::NoSuchDevice.into())
}
