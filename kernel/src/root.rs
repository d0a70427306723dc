//! The root: an overlay of the initramfs, which nobody can change, below a tmpfs that takes the changes.
//!
//! ```text
//!   /        overlay
//!   ├ upper  a tmpfs          what has changed since boot
//!   └ lower  the initramfs    as the image has it
//! ```
//!
//! An archive that is missing or broken does not keep the kernel from booting: the root is then an empty tmpfs, and the
//! user is told why.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::content::Bytes;
use vfs::context::Context;
use vfs::drivers::cpiofs::CpioFs;
use vfs::drivers::overlayfs::{OverlayFS, OverlayOptions};
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file_system::FileSystemOperations;
use vfs::manager::mounts::MountArguments;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::SetTime;
use vfs::mount::MountFlags;

/// What is mounted at boot where the directory exists or can be made.
const MOUNTS: [(&str, &[u8]); 3] = [("devfs", b"/dev"), ("proc", b"/proc"), ("tmpfs", b"/tmp")];

/// The root, mounted.
pub struct Root {
    /// The namespace.
    pub manager: Arc<VfsManager>,
    /// What the root is, in words.
    pub what: String,
    /// What the user should know.
    pub problems: Vec<String>,
}

/// Mounts the root.
///
/// # Panics
/// When there is not even memory for an empty tmpfs.
pub fn mount(initramfs: &'static [u8], environment: Environment) -> Root {
    let mut problems = Vec::new();
    let mut overlay = None;
    if initramfs.is_empty() {
        problems.push("No initramfs was given: the root is an empty tmpfs.".into());
    } else {
        match CpioFs::from_archive(Bytes::from_static(initramfs)) {
            Ok(lower) => match stack(lower, &environment) {
                Ok(root) => overlay = Some(root),
                Err(error) => problems.push(format!("The root overlay cannot be made: {error}.")),
            },
            Err(error) => problems.push(format!("The initramfs cannot be used: {error}.")),
        }
    }
    let what = match &overlay {
        Some(_) => format!("an overlay of the initramfs ({} KiB) below a tmpfs", initramfs.len().div_ceil(1024)),
        None => "an empty tmpfs".into(),
    };
    let root = overlay.unwrap_or_else(|| Tmpfs::new(TmpfsOptions::default(), &environment));
    let manager = VfsManager::new(root, environment);
    for (type_name, target) in MOUNTS {
        if let Err(problem) = mount_at(&manager, type_name, target) {
            problems.push(problem);
        }
    }
    let init = manager.metadata(&manager.root_context(), b"/init", Follow::Yes);
    if init.is_ok() {
        problems.push("The image has an /init, but this kernel runs no programs yet: here is its shell.".into());
    }
    Root { manager, what, problems }
}

/// The overlay, made in a namespace of its own.
fn stack(lower: Arc<dyn FileSystemOperations>, environment: &Environment) -> Result<Arc<dyn FileSystemOperations>> {
    let manager = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), environment), environment.clone());
    let context = manager.root_context();
    manager.make_directory(&context, b"/upper", 0o755)?;
    manager.make_directory(&context, b"/lower", 0o755)?;
    manager.mount_file_system(&context, b"/lower", lower, b"initramfs", MountFlags::READ_ONLY)?;
    take_attributes(&manager, &context, b"/lower", b"/upper")?;
    let overlay =
        OverlayFS::new_from_paths(&manager, &context, Some(b"/upper"), &[b"/lower"], OverlayOptions::default())?;
    Ok(overlay)
}

/// Gives a directory the owner, mode and times of another: the overlay's root shows the upper's.
fn take_attributes(manager: &VfsManager, context: &Context, from: &[u8], to: &[u8]) -> Result<()> {
    let shown = manager.metadata(context, from, Follow::Yes)?;
    manager.set_owner(context, to, Some(shown.uid), Some(shown.gid), Follow::Yes)?;
    manager.set_mode(context, to, shown.mode, Follow::Yes)?;
    let (accessed, modified) = (SetTime::At(shown.accessed), SetTime::At(shown.modified));
    manager.set_times(context, to, Some(accessed), Some(modified), Follow::Yes)
}

fn mount_at(manager: &VfsManager, type_name: &str, target: &[u8]) -> core::result::Result<(), String> {
    let context = manager.root_context();
    let told = target.escape_ascii();
    match manager.make_directory(&context, target, 0o755) {
        Err(error) if error.kind() != FileSystemErrorKind::AlreadyExists => {
            return Err(format!("{told} cannot be made: {error}."));
        }
        _ => {}
    }
    let what = MountArguments {
        source: type_name.as_bytes(),
        target,
        type_name,
        flags: MountFlags::empty(),
        options: if type_name == "tmpfs" { b"mode=1777" } else { b"" },
    };
    manager.mount(&context, &what).map_err(|error| format!("{type_name} cannot be mounted on {told}: {error}."))
}
