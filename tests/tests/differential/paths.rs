//! Random paths through one small tree, opened by Strata and by Linux under random restrictions (`openat2(2)`): both
//! must answer the same errno, or the same file.
//!
//! Which file it is, its owner tells: each has one of its own.

use super::answer::Errno;
use super::linux::enter_namespace;
use fastrand::Rng;
use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};
use rustix::mount::MountFlags as LinuxMountFlags;
use std::os::fd::OwnedFd;
use vfs::context::{Context, ResolveFlags};
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::file::OpenFlags;
use vfs::manager::{Follow, VfsManager};
use vfs::mount::MountFlags;

const PATHS: usize = 30_000;

const DIRECTORIES: [&str; 5] = ["/d", "/d/e", "/d/e/deep", "/d/m", "/other"];
const FILES: [&str; 5] = ["/top", "/d/e/f", "/d/m/g", "/d/e/deep/h", "/other/f"];
/// Directories and what is mounted on them.
const MOUNT: &str = "/d/m";
/// Links, and where they lead.
const LINKS: [(&str, &str); 11] = [
    ("/d/rel", "e/f"),
    ("/d/abs", "/d/e/f"),
    ("/d/out", "../top"),
    ("/d/home", "/"),
    ("/d/loop", "loop"),
    ("/d/gone", "nowhere"),
    ("/d/slash", "e/deep/"),
    ("/d/in", "m/g"),
    ("/d/e/back", "../../d/e"),
    ("/d/m/up", "../e"),
    ("/d/m/abs", "/other"),
];
/// Where relative paths start.
const STARTS: [&str; 6] = ["/", "/d", "/d/e", "/d/m", "/other", "/top"];
const NAMES: [&str; 24] = [
    "d", "e", "m", "other", "deep", "top", "f", "g", "h", "rel", "abs", "out", "home", "loop", "gone", "slash", "in",
    "back", "up", "..", "..", "..", ".", "none",
];
const RESTRICTIONS: [ResolveFlags; 5] = [
    ResolveFlags::NO_CROSSING,
    ResolveFlags::NO_MAGIC_LINKS,
    ResolveFlags::NO_SYMLINKS,
    ResolveFlags::BENEATH,
    ResolveFlags::IN_ROOT,
];
const HOW: [OpenFlags; 6] = [
    OpenFlags::PATH,
    OpenFlags::PATH.union(OpenFlags::NO_FOLLOW),
    OpenFlags::PATH.union(OpenFlags::DIRECTORY),
    OpenFlags::READ,
    OpenFlags::READ.union(OpenFlags::WRITE).union(OpenFlags::CREATE),
    OpenFlags::WRITE.union(OpenFlags::CREATE).union(OpenFlags::EXCLUSIVE),
];

/// Every path of the tree in the order in which it is made; the number of each is its owner.
fn places() -> impl Iterator<Item = (u32, &'static str, Option<&'static str>)> {
    let plain = DIRECTORIES.into_iter().chain(FILES).map(|path| (path, None));
    let links = LINKS.into_iter().map(|(path, target)| (path, Some(target)));
    plain.chain(links).zip(1..).map(|((path, target), owner)| (owner, path, target))
}

fn make_ours() -> Result<(std::sync::Arc<VfsManager>, Context), vfs::error::FileSystemError> {
    let environment = Environment::detached();
    let vfs = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
    let root = vfs.root_context();
    for (owner, path, target) in places() {
        let name = path.as_bytes();
        match target {
            Some(target) => vfs.make_symlink(&root, target.as_bytes(), name)?,
            None if DIRECTORIES.contains(&path) => vfs.make_directory(&root, name, 0o755)?,
            None => drop(vfs.open(&root, name, OpenFlags::WRITE | OpenFlags::CREATE, 0o644)?),
        }
        if path == MOUNT {
            let tmpfs = Tmpfs::new(TmpfsOptions::default(), vfs.environment());
            vfs.mount_file_system(&root, name, tmpfs, b"tmpfs", MountFlags::empty())?;
        }
        vfs.set_owner(&root, name, Some(owner), None, Follow::No)?;
    }
    Ok((vfs, root))
}

fn make_theirs() -> Result<(), Errno> {
    let tmpfs = |target: &str| rustix::mount::mount("tmpfs", target, "tmpfs", LinuxMountFlags::empty(), None);
    tmpfs("/case")?;
    rustix::process::chdir("/case")?;
    rustix::process::chroot(".")?;
    for (owner, path, target) in places() {
        match target {
            Some(target) => rustix::fs::symlink(target, path)?,
            None if DIRECTORIES.contains(&path) => rustix::fs::mkdir(path, Mode::from_raw_mode(0o755))?,
            None => drop(rustix::fs::open(path, OFlags::WRONLY | OFlags::CREATE, Mode::from_raw_mode(0o644))?),
        }
        if path == MOUNT {
            tmpfs(path)?;
        }
        rustix::fs::chownat(CWD, path, Some(Uid::from_raw(owner)), None::<Gid>, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

fn open_ours(
    vfs: &VfsManager,
    root: &Context,
    start: &str,
    path: &str,
    how: OpenFlags,
    resolve: ResolveFlags,
) -> Result<u32, Errno> {
    let start = vfs.open(root, start.as_bytes(), OpenFlags::PATH, 0)?;
    let context = root.at(start.path().clone()).resolving(resolve);
    Ok(vfs.open(&context, path.as_bytes(), how, 0o644)?.metadata()?.uid)
}

fn open_theirs(start: &str, path: &str, how: OpenFlags, resolve: ResolveFlags) -> Result<u32, Errno> {
    let start: OwnedFd = rustix::fs::open(start, OFlags::PATH, Mode::empty())?;
    let resolve = rustix::fs::ResolveFlags::from_bits_retain(resolve.bits());
    let mut flags = match (how.contains(OpenFlags::READ), how.contains(OpenFlags::WRITE)) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    flags.set(OFlags::PATH, how.contains(OpenFlags::PATH));
    flags.set(OFlags::NOFOLLOW, how.contains(OpenFlags::NO_FOLLOW));
    flags.set(OFlags::DIRECTORY, how.contains(OpenFlags::DIRECTORY));
    flags.set(OFlags::CREATE, how.contains(OpenFlags::CREATE));
    flags.set(OFlags::EXCL, how.contains(OpenFlags::EXCLUSIVE));
    let mode = Mode::from_raw_mode(if how.contains(OpenFlags::CREATE) { 0o644 } else { 0 });
    let file = rustix::fs::openat2(&start, path, flags, mode, resolve)?;
    Ok(rustix::fs::fstat(&file)?.st_uid)
}

fn random_path(random: &mut Rng) -> String {
    let mut path = String::from(if random.u8(0..4) == 0 { "/" } else { "" });
    for _ in 0..random.usize(1..6) {
        path += NAMES[random.usize(0..NAMES.len())];
        path += if random.u8(0..12) == 0 { "//" } else { "/" };
    }
    if random.u8(0..8) != 0 {
        path.truncate(path.trim_end_matches('/').len());
    }
    path
}

#[test]
fn restricted_paths_lead_where_linux_lets_them() {
    if let Err(reason) = enter_namespace() {
        eprintln!("skipped: {reason}");
        return;
    }
    let (vfs, root) = make_ours().expect("a tree of ours");
    make_theirs().expect("a tree of theirs");
    let mut random = Rng::with_seed(0x0a71);
    let mut found = 0;
    for _ in 0..PATHS {
        let path = random_path(&mut random);
        let start = STARTS[random.usize(0..STARTS.len())];
        let how = HOW[random.usize(0..HOW.len())];
        let mut resolve = ResolveFlags::empty();
        for restriction in RESTRICTIONS {
            resolve.set(restriction, random.u8(0..4) == 0);
        }
        let ours = open_ours(&vfs, &root, start, &path, how, resolve);
        let theirs = open_theirs(start, &path, how, resolve);
        found += usize::from(theirs.is_ok());
        assert_eq!(ours, theirs, "from {start}: {path:?} {how:?} {resolve:?} (Strata, Linux)");
    }
    assert!(found > PATHS / 10, "only {found} paths led anywhere");
}
