//! Mutations of option strings, and what must hold of a mount with any options.

use super::{Random, outcome};
use std::sync::Arc;
use vfs::context::Context;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::FileSystemErrorKind;
use vfs::file::OpenFlags;
use vfs::manager::VfsManager;
use vfs::manager::mounts::{MountArguments, MountError, UnmountFlags};
use vfs::mount::MountFlags;

const WORDS: [&str; 48] = [
    ",",
    ":",
    "=",
    "\\",
    "\\,",
    "\\:",
    "lowerdir=",
    "lowerdir+=",
    "upperdir=",
    "workdir=",
    "whiteout=",
    "redirect_dir=",
    "metacopy=",
    "index=",
    "xino=",
    "uuid=",
    "nfs_export=",
    "fsync=",
    "userxattr",
    "volatile",
    "default_permissions",
    "on",
    "off",
    "auto",
    "oci",
    "linux",
    "l1",
    "l2/sub",
    "/l3",
    "up",
    "work",
    "a:b",
    "c,d",
    "..",
    "l1/../l2",
    "file",
    "mnt",
    "size=",
    "nr_blocks=",
    "nr_inodes=",
    "mode=",
    "uid=",
    "1k",
    "%",
    "100",
    "0",
    "07777",
    "18446744073709551615",
];

/// Puts in, takes out and exchanges words.
pub fn mutate(random: &mut Random, pool: &[Vec<u8>], input: &mut Vec<u8>) {
    let mut words: Vec<_> = input.split_inclusive(|byte| b",:=".contains(byte)).map(<[u8]>::to_vec).collect();
    let at = random.below(words.len() + 1);
    match random.below(4) {
        0 if at < words.len() => drop(words.remove(at)),
        1 if at < words.len() => words[at] = random.pick(&WORDS).as_bytes().to_vec(),
        2 => words.insert(at, [b",", &random.pick(pool)[..]].concat()),
        _ => words.insert(at, random.pick(&WORDS).as_bytes().to_vec()),
    }
    *input = words.concat();
    input.truncate(4096);
}

/// A namespace with places to name.
fn world() -> (Arc<VfsManager>, Context) {
    let environment = Environment::detached();
    let manager = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
    let context = manager.root_context();
    for directory in ["l1", "l2", "l2/sub", "l3", "up", "work", "a:b", "c,d", "mnt"] {
        manager.make_directory(&context, directory.as_bytes(), 0o755).expect("a name that is free");
    }
    manager.open(&context, b"file", OpenFlags::WRITE | OpenFlags::CREATE, 0o644).expect("a name that is free");
    (manager, context)
}

/// A namespace in which a file system of that type was mounted with these options, and the options it then shows.
fn mounted(type_name: &str, options: &[u8]) -> Result<(Arc<VfsManager>, Context, String), MountError> {
    let (manager, context) = world();
    let what = MountArguments { source: b"none", target: b"/mnt", type_name, flags: MountFlags::empty(), options };
    manager.mount(&context, &what)?;
    let mounts = manager.mounts(&context);
    let mount = mounts.iter().find(|mount| mount.target == b"/mnt").expect("it is mounted");
    let shown = mount.options.trim_start_matches(',').to_string();
    Ok((manager, context, shown))
}

/// Mounts a file system of that type with any options. Refused, it must be with a reason; mounted, the options that
/// it shows must make the same again, of layers that nobody has mounted.
pub fn examine(type_name: &str, input: &[u8]) -> u64 {
    let (manager, context, first) = match mounted(type_name, input) {
        Ok(mounted) => mounted,
        Err(refused) => {
            let kind = refused.error.kind();
            let message = refused.message.expect("a reason");
            assert!(!message.is_empty());
            assert!(!is_our_fault(kind), "{kind:?}: {message}");
            // What is quoted comes from the input; so does a path, which other errors than `EINVAL` begin with.
            let around = message.split_once('\'').zip(message.rsplit_once('\''));
            let form = around.filter(|_| kind == FileSystemErrorKind::InvalidArgument);
            return outcome(&(kind, form.map(|((before, _), (_, after))| (before, after))));
        }
    };
    manager.open(&context, b"/mnt", OpenFlags::READ | OpenFlags::DIRECTORY, 0).expect("a root to open");
    manager.unmount(&context, b"/mnt", UnmountFlags::empty()).expect("nobody uses it");
    let again = mounted(type_name, first.as_bytes()).map(|(.., shown)| shown).map_err(|error| error.to_string());
    assert_eq!(again.as_ref(), Ok(&first), "what is shown makes another file system, or none");
    let names: Vec<_> = first.split(',').map(|option| option.split('=').next()).collect();
    outcome(&(names, first.matches(':').count()))
}

/// Errors that no option can be the reason for.
fn is_our_fault(kind: FileSystemErrorKind) -> bool {
    matches!(
        kind,
        FileSystemErrorKind::Io
            | FileSystemErrorKind::BadAddress
            | FileSystemErrorKind::BadFileDescriptor
            | FileSystemErrorKind::NotImplemented
            | FileSystemErrorKind::NotPermitted
            | FileSystemErrorKind::PermissionDenied
            | FileSystemErrorKind::OutOfMemory
            | FileSystemErrorKind::Stale
    )
}
