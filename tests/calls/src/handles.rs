//! Handles of files on an overlay (`nfs_export=on`): what they are good for, and what handles that were taken at one
//! moment lead to at others, while names come, go and move, and the overlay is mounted anew.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{ErrorKind, Result, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::{at, call};

const CWD: i64 = libc::AT_FDCWD as i64;
/// Bytes of a handle, and before it.
const ROOM: usize = 136;

const CONNECTABLE: u32 = 2;
const TO_COMPARE: u32 = 0x200;

/// The lowest layer. No file in it has several names: where the other layer hides one of them, Linux finds the file by its
/// handle when all names that were ever seen are gone.
const BOTTOM: &str = "l2";

/// How many random histories there are.
const SEEDS: u64 = 100;

const LAYERS: &str = "lowerdir=l1:l2,upperdir=u,workdir=w,redirect_dir=on";

#[derive(Clone, PartialEq)]
struct Handle([u8; ROOM]);

impl Handle {
    fn with_room(size: u32) -> Self {
        let mut handle = Self([0; ROOM]);
        handle.0[..4].copy_from_slice(&size.to_ne_bytes());
        handle
    }

    fn word(&self, index: usize) -> u32 {
        self.0.chunks_exact(4).nth(index).map_or(0, |bytes| u32::from_ne_bytes(bytes.try_into().unwrap_or_default()))
    }

    fn set_word(&mut self, index: usize, value: u32) {
        self.0[4 * index..4 * index + 4].copy_from_slice(&value.to_ne_bytes());
    }
}

fn text(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap_or_default()
}

fn ask(path: impl AsRef<Path>, flags: u32, handle: &mut Handle) -> i64 {
    let (path, mut mount) = (text(path), 0u64);
    call!(SYS_name_to_handle_at, CWD, path.as_ptr().expose_provenance(), at(&mut handle.0), at(&mut mount), flags)
}

/// A new handle, or the errno.
fn handle_of(path: impl AsRef<Path>) -> std::result::Result<Handle, i64> {
    let mut handle = Handle::with_room(128);
    match ask(path, 0, &mut handle) {
        0 => Ok(handle),
        error => Err(error),
    }
}

fn open(beside: &str, handle: &Handle, flags: libc::c_int) -> std::result::Result<OwnedFd, i64> {
    let (beside, mut handle) = (text(beside), handle.clone());
    let mount = call!(SYS_openat, CWD, beside.as_ptr().expose_provenance(), 0);
    let opened = call!(SYS_open_by_handle_at, mount, at(&mut handle.0), flags);
    call!(SYS_close, mount);
    // SAFETY: a number that is no error is that of a file that was just opened.
    i32::try_from(opened).ok().filter(|fd| *fd >= 0).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).ok_or(opened)
}

/// What a handle leads to: a directory by its path and names, a file by its content, which says how it came to be. (The
/// path of a file is Linux's to forget.)
fn leads_to(handle: &Handle) -> String {
    let file = match open("m", handle, libc::O_RDONLY) {
        Ok(file) => File::from(file),
        Err(error) => return error.to_string(),
    };
    let kind = file.metadata().map(|metadata| metadata.is_dir());
    match kind {
        Ok(true) => {
            use std::os::fd::AsRawFd;
            let shown = format!("/proc/self/fd/{}", file.as_raw_fd());
            let here = std::env::current_dir().unwrap_or_default();
            let path = fs::read_link(&shown).unwrap_or_default();
            let path = path.strip_prefix(here).map(Path::to_path_buf).unwrap_or(path);
            format!("{} ({})", path.display(), names(&shown).join(" "))
        }
        _ => format!("{:?}", std::io::read_to_string(file)),
    }
}

fn names(directory: impl AsRef<Path>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn mount(target: &str, kind: &str, options: &str) -> i64 {
    let (target, kind, options) = (text(target), text(kind), text(options));
    let [target, kind, options] = [&target, &kind, &options].map(|text| text.as_ptr().expose_provenance());
    call!(SYS_mount, kind, target, kind, 0, options)
}

fn unmount(target: &str) -> i64 {
    let target = text(target);
    call!(SYS_umount2, target.as_ptr().expose_provenance(), 0)
}

/// Empty layers in a tmpfs of their own.
fn fresh_layers(room: &str) -> Result<()> {
    std::env::set_current_dir("/")?;
    unmount(room);
    fs::create_dir_all(room)?;
    println!("{room} {}", mount(room, "tmpfs", ""));
    std::env::set_current_dir(room)?;
    ["l1", "l2", "u", "w", "m"].iter().try_for_each(fs::create_dir)
}

/// What `mountinfo` says about handles of what is mounted on `m`.
fn exported() -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().any(|line| line.contains("/m ") && line.contains("nfs_export=on"))
}

/// Which options lead to handles that can be opened.
fn options() -> Result<()> {
    fresh_layers("/tmp/options")?;
    fs::write("l1/f", "text")?;
    for options in [
        "lowerdir=l1:l2,upperdir=u,workdir=w",
        "lowerdir=l1:l2,upperdir=u,workdir=w,nfs_export=off",
        "lowerdir=l1:l2,upperdir=u,workdir=w,nfs_export=on",
        "lowerdir=l1:l2,upperdir=u,workdir=w,nfs_export=on,index=on",
        "lowerdir=l1:l2,upperdir=u,workdir=w,nfs_export=on,index=off",
        "lowerdir=l1:l2,upperdir=u,workdir=w,nfs_export=on,metacopy=on",
        "lowerdir=l1:l2,upperdir=u,workdir=w,nfs_export=on,redirect_dir=nofollow",
        "lowerdir=l1:l2,upperdir=u,workdir=w,nfs_export=maybe",
        "lowerdir=l1::l2,upperdir=u,workdir=w,nfs_export=on",
        "lowerdir=l1:l2,nfs_export=on",
        "lowerdir=l1:l2,nfs_export=on,index=off",
        "lowerdir=l1:l2,nfs_export=on,redirect_dir=nofollow",
        "lowerdir=l1:l2,nfs_export=on,redirect_dir=nofollow,index=off",
    ] {
        let mounted = mount("m", "overlay", options);
        let (to_open, mut to_compare) = (handle_of("m/f").err(), Handle::with_room(128));
        println!("{options}: {mounted} {} {to_open:?} {}", exported(), ask("m/f", TO_COMPARE, &mut to_compare));
        if mounted == 0 {
            println!("  {} {}", leads_to(&to_compare), unmount("m"));
        }
        for directory in ["u", "w"] {
            fs::remove_dir_all(directory)?;
            fs::create_dir(directory)?;
        }
    }
    Ok(())
}

/// Types and sizes, and what is refused.
fn forms() -> Result<()> {
    fresh_layers("/tmp/forms")?;
    fs::create_dir("l1/d")?;
    fs::write("l1/f", "text")?;
    println!("{}", mount("m", "overlay", &format!("{LAYERS},nfs_export=on")));
    for (path, flags, room) in [
        ("m", 0, 128),
        ("m/d", 0, 128),
        ("m/f", 0, 128),
        ("m/f", 0, 36),
        ("m/f", 0, 35),
        ("m/f", 0, 12),
        ("m/f", 0, 0),
        ("m/f", 0, 129),
        ("m/f", TO_COMPARE, 128),
        ("m/f", CONNECTABLE, 128),
        ("m/f", CONNECTABLE, 13),
        ("m/d", CONNECTABLE, 128),
        ("m/d", CONNECTABLE | TO_COMPARE, 128),
        ("l1/d", CONNECTABLE, 128),
        ("l1/f", CONNECTABLE, 128),
    ] {
        let mut handle = Handle::with_room(room);
        let answer = ask(path, flags, &mut handle);
        println!("{path} {flags:#x} {room}: {answer} {} {:#x}", handle.word(0), handle.word(1));
        if answer == 0 && path.starts_with('m') {
            println!("  {}", leads_to(&handle));
        }
    }
    let (Ok(file), Ok(directory), Ok(in_layer)) = (handle_of("m/f"), handle_of("m/d"), handle_of("l1/f")) else {
        return Err(ErrorKind::NotFound.into());
    };
    for kind in [0xf8, 1, 0x81, 0, 0xf7, 0x1_00f8, 0x2_00f8, 0x3_00f8, 0x4_00f8, u32::MAX] {
        let opened = [&file, &directory].map(|handle| {
            let mut handle = handle.clone();
            handle.set_word(1, kind);
            leads_to(&handle)
        });
        println!("type {kind:#x}: {opened:?}");
    }
    for size in [0, 4, 12, 35, 36, 40, 128, 129] {
        let mut handle = file.clone();
        handle.set_word(0, size);
        println!("size {size}: {}", leads_to(&handle));
    }
    let flags = [libc::O_DIRECTORY, libc::O_PATH, libc::O_RDWR, libc::O_WRONLY | libc::O_DIRECTORY];
    println!("flags {:?}", flags.map(|flags| [&file, &directory].map(|handle| open("m", handle, flags).err())));
    println!("elsewhere {:?} {:?}", open("l1", &file, 0).err(), open("m", &in_layer, 0).err());
    // SAFETY: the child does nothing but calls.
    if unsafe { libc::fork() } == 0 {
        call!(SYS_setuid, 1000);
        let asked = handle_of("m/f").map(|handle| handle == file);
        let opened = [0, libc::O_DIRECTORY].map(|flags| open("m", &directory, flags).err());
        println!("a user {asked:?} {opened:?}");
        std::process::exit(0);
    }
    call!(SYS_wait4, -1i64, 0, 0, 0);
    println!("{}", unmount("m"));
    Ok(())
}

/// Numbers from a seed, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn path(&mut self, root: &str) -> PathBuf {
        let mut path = PathBuf::from(root);
        for _ in 0..=self.below(3) {
            path.push(["a", "b", "c"][self.below(3)]);
        }
        path
    }
}

fn put(path: &Path, content: &str) -> Result<()> {
    File::options().append(true).create(true).open(path)?.write_all(content.as_bytes())
}

/// Something with names, in a layer or in the overlay.
fn change(random: &mut Random, root: &str, serial: usize) -> (String, Result<()>) {
    let (path, other) = (random.path(root), random.path(root));
    let (one, two) = (path.display(), other.display());
    match random.below(15) {
        0..=2 => (format!("put {one}"), put(&path, &format!("{serial} "))),
        3..=5 => (format!("mkdir {one}"), fs::create_dir(&path)),
        6 | 7 if root != BOTTOM => (format!("link {one} {two}"), fs::hard_link(&path, &other)),
        8 | 9 => (format!("unlink {one}"), fs::remove_file(&path)),
        10 => (format!("rmdir {one}"), fs::remove_dir(&path)),
        11 => (format!("rm -r {one}"), fs::remove_dir_all(&path)),
        _ => (format!("rename {one} {two}"), fs::rename(&path, &other)),
    }
}

/// Unmounts and mounts the same layers again.
fn mount_anew() -> [i64; 2] {
    [unmount("m"), mount("m", "overlay", &format!("{LAYERS},nfs_export=on"))]
}

/// Handles that are taken at random moments of random changes.
fn at_random(seed: u64) -> Result<()> {
    fresh_layers(&format!("/tmp/{seed}"))?;
    let mut random = Random(seed);
    let layers = [BOTTOM, "l1"];
    for serial in 0..40 {
        let layer = layers[serial / 20];
        let _ = change(&mut random, layer, serial);
    }
    println!("{}", mount("m", "overlay", &format!("{LAYERS},nfs_export=on")));
    let mut handles: Vec<Handle> = Vec::new();
    let mut held: Vec<File> = Vec::new();
    let mut anew = false;
    for serial in 100..160 {
        match random.below(10) {
            0..=2 => {
                let path = random.path("m");
                let taken = handle_of(&path);
                let known = taken.as_ref().map(|taken| handles.iter().position(|handle| handle == taken));
                println!("{serial} take {} {known:?}", path.display());
                handles.extend(taken);
            }
            3 if held.len() < 3 => {
                let path = random.path("m");
                let file = File::open(&path).ok().filter(|file| file.metadata().is_ok_and(|found| found.is_file()));
                println!("{serial} hold {} {}", path.display(), file.is_some());
                held.extend(file);
            }
            3 => held.clear(),
            4 if random.below(3) == 0 => {
                held.clear();
                anew = true;
                println!("{serial} {:?}", mount_anew());
            }
            _ => {
                let (what, done) = change(&mut random, "m", serial);
                println!("{serial} {what} {:?}", done.err().and_then(|error| error.raw_os_error()));
                if anew {
                    // Linux miscounts the names of what was copied up before: what is removed has a handle until the
                    // next mount.
                    held.clear();
                    println!("{:?}", mount_anew());
                }
            }
        }
        for (index, handle) in handles.iter().enumerate() {
            println!("  {index} {}", leads_to(handle));
        }
    }
    held.clear();
    println!("{}", unmount("m"));
    Ok(())
}

/// All of it.
pub fn rows() -> Result<()> {
    options()?;
    forms()?;
    (1..=SEEDS).try_for_each(at_random)
}
