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
const MOUNTS: [(&str, &[u8]); 4] = [("devfs", b"/dev"), ("tmpfs", b"/dev/shm"), ("proc", b"/proc"), ("tmpfs", b"/tmp")];

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

#[cfg(test)]
pub mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use spin::Once;
    use vfs::file::OpenFlags;
    use vfs::manager::{Follow, VfsManager};
    use vfs::metadata::FileType;

    use super::{Root, mount};
    use crate::ktest;
    use crate::session::environment;

    /// One entry of a cpio archive (newc), owned by 5:6, last changed in the ninth second of 1970.
    pub fn entry(name: &str, mode: u32, content: &str) -> Vec<u8> {
        let (size, name_size) = (content.len() as u32, name.len() as u32 + 1);
        let fields = [0, mode, 5, 6, 1, 9, size, 0, 0, 0, 0, name_size, 0];
        let mut bytes = b"070701".to_vec();
        fields.iter().for_each(|field| bytes.extend_from_slice(format!("{field:08x}").as_bytes()));
        for part in [format!("{name}\0"), content.into()] {
            bytes.extend_from_slice(part.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    /// An archive of `.`, `etc` and `etc/name`; it stays, as an initramfs does.
    fn archive() -> &'static [u8] {
        static ARCHIVE: Once<Vec<u8>> = Once::new();
        ARCHIVE.call_once(|| {
            let trailer = entry("TRAILER!!!", 0, "");
            [entry(".", 0o040_711, ""), entry("etc", 0o040_755, ""), entry("etc/name", 0o100_640, "strata"), trailer]
                .concat()
        })
    }

    fn read(manager: &VfsManager, path: &[u8]) -> Vec<u8> {
        let file = manager.open(&manager.root_context(), path, OpenFlags::READ, 0).unwrap();
        let mut buffer = [0; 4096];
        let count = file.read(&mut &mut buffer[..]).unwrap();
        buffer[..count].to_vec()
    }

    /// The types of what is mounted, with its places.
    fn mounts(manager: &VfsManager) -> Vec<(&'static str, Vec<u8>)> {
        let mounts = manager.mounts(&manager.root_context());
        mounts.into_iter().map(|mount| (mount.type_name, mount.target)).collect()
    }

    ktest! {
        fn the_root_shows_the_archive_and_takes_changes() {
            let Root { manager, problems, .. } = mount(archive(), environment());
            assert!(problems.is_empty(), "{problems:?}");
            let root = manager.root_context();
            assert_eq!(read(&manager, b"/etc/name"), b"strata");
            let shown = manager.metadata(&root, b"/", Follow::Yes).unwrap();
            assert_eq!((shown.mode, shown.uid, shown.gid, shown.kind), (0o711, 5, 6, FileType::Directory));
            let file = manager.open(&root, b"/etc/name", OpenFlags::WRITE | OpenFlags::APPEND, 0).unwrap();
            file.write(&root.credentials, &mut &b"!"[..]).unwrap();
            assert_eq!(read(&manager, b"/etc/name"), b"strata!");
            manager.unlink(&root, b"/etc/name").unwrap();
            assert!(manager.metadata(&root, b"/etc/name", Follow::Yes).is_err());
            // The archive has not noticed.
            assert_eq!(read(&mount(archive(), environment()).manager, b"/etc/name"), b"strata");
        }

        fn devices_processes_and_a_place_for_temporary_files_are_mounted() {
            let Root { manager, .. } = mount(archive(), environment());
            let expected = [
                ("overlay", &b"/"[..]),
                ("devfs", b"/dev"),
                ("tmpfs", b"/dev/shm"),
                ("proc", b"/proc"),
                ("tmpfs", b"/tmp"),
            ];
            assert_eq!(mounts(&manager), expected.map(|(type_name, target)| (type_name, target.to_vec())));
            assert_eq!(read(&manager, b"/dev/null"), b"");
            assert!(read(&manager, b"/proc/version").starts_with(b"Strata version "));
            assert!(read(&manager, b"/proc/meminfo").starts_with(b"MemTotal: "));
            let filesystems = read(&manager, b"/proc/filesystems");
            assert_eq!(filesystems, b"nodev\tcpiofs\nnodev\tdevfs\nnodev\tdevtmpfs\nnodev\toverlay\nnodev\tproc\nnodev\ttmpfs\n");
            let tmp = manager.metadata(&manager.root_context(), b"/tmp", Follow::Yes).unwrap();
            assert_eq!(tmp.mode, 0o1777);
        }

        fn a_broken_archive_leaves_an_empty_tmpfs_and_says_why() {
            for (broken, told) in [(&archive()[..200], "The initramfs cannot be used: "), (b"", "No initramfs was given")] {
                let Root { manager, problems, what } = mount(broken, environment());
                assert_eq!(what, "an empty tmpfs");
                assert!(problems.iter().any(|problem| problem.starts_with(told)), "{problems:?}");
                assert_eq!(mounts(&manager)[0].0, "tmpfs");
                let file = manager.open(&manager.root_context(), b"/f", OpenFlags::WRITE | OpenFlags::CREATE, 0o644);
                assert!(file.is_ok());
            }
        }
    }
}
