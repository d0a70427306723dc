//! What the operations of a file system cost, on tmpfs and on overlays of three and of sixty-four lower layers.
//!
//! Each overlay has the tree `d/d/d/d/d/d/d/d/f` (depth nine) in its lowest layer; the layers above hold the top
//! directory only, so that it is merged from all of them.

use super::{measure, row};
use crate::bench;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use vfs::context::Context;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::file::OpenFlags;
use vfs::handles::Purpose;
use vfs::manager::mounts::MountArguments;
use vfs::manager::{Follow, VfsManager};
use vfs::mount::{MountFlags, Path};
use vfs::node::RenameFlags;

const DEEP: &str = "d/d/d/d/d/d/d/d/f";
const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;

/// A namespace to measure in. What it takes for granted panics, which ends the benchmark.
pub(super) struct Bed {
    pub vfs: Arc<VfsManager>,
    pub root: Context,
}

impl Bed {
    pub fn new() -> Self {
        let environment = Environment::detached();
        let vfs = VfsManager::new(Tmpfs::new(TmpfsOptions::default().with_bytes(0), &environment), environment);
        let root = vfs.root_context();
        Self { vfs, root }
    }

    pub fn mkdir(&self, path: &str) {
        self.vfs.make_directory(&self.root, path.as_bytes(), 0o755).unwrap_or_else(|error| panic!("{path}: {error:?}"));
    }

    /// Makes `d/d/…/f` below a directory.
    fn deep(&self, top: &str) {
        let mut path = String::from(top);
        for _ in 0..8 {
            path.push_str("/d");
            self.mkdir(&path);
        }
        self.write(&format!("{path}/f"), 0, b"text");
    }

    pub fn write(&self, path: &str, offset: u64, mut bytes: &[u8]) {
        let file = self.vfs.open(&self.root, path.as_bytes(), WRITE | OpenFlags::CREATE, 0o644);
        let file = file.unwrap_or_else(|error| panic!("{path}: {error:?}"));
        let length = bytes.len();
        assert_eq!(file.write_at(&self.root.credentials, offset, &mut bytes), Ok(length), "{path}");
    }

    /// An overlay at `/merged` of that many lower layers.
    fn overlay(&self, lowers: usize) {
        for index in 0..lowers {
            let layer = format!("/lower{index}");
            self.mkdir(&layer);
            if index + 1 == lowers {
                self.deep(&layer);
            } else {
                self.mkdir(&format!("{layer}/d"));
            }
        }
        self.mount_overlay(lowers);
    }

    /// Mounts an overlay of `/lower0`, `/lower1`, … at `/merged`.
    pub fn mount_overlay(&self, lowers: usize) {
        for name in ["/upper", "/merged"] {
            self.mkdir(name);
        }
        let mut options = String::from("nfs_export=on,upperdir=/upper,lowerdir=/lower0");
        for index in 1..lowers {
            options.push_str(&format!(":/lower{index}"));
        }
        let arguments = MountArguments {
            source: b"overlay",
            target: b"/merged",
            type_name: "overlay",
            flags: MountFlags::empty(),
            options: options.as_bytes(),
        };
        self.vfs.mount(&self.root, &arguments).unwrap_or_else(|error| panic!("mount: {error}"));
    }

    pub fn stat(&self, path: &str) -> bool {
        self.vfs.metadata(&self.root, path.as_bytes(), Follow::Yes).is_ok()
    }
}

/// The three beds: their names in the table, and the directory to work in.
pub(super) fn beds() -> [(&'static str, Bed, &'static str); 3] {
    let plain = Bed::new();
    plain.mkdir("/merged");
    plain.deep("/merged");
    let three = Bed::new();
    three.overlay(3);
    let many = Bed::new();
    many.overlay(64);
    [("tmpfs", plain, "/merged"), ("overlay of 3", three, "/merged"), ("overlay of 64", many, "/merged")]
}

bench! {
    fn lookups() {
        for (name, bed, top) in beds() {
            let deep = format!("{top}/{DEEP}");
            let missing = format!("{top}/d/missing");
            assert!(bed.stat(&deep) && !bed.stat(&missing));
            let (vfs, root) = (&bed.vfs, &bed.root);
            // From the overlay's root, so that all nine steps are in it.
            let mut inside = root.clone();
            assert!(vfs.change_directory(&mut inside, top.as_bytes()).is_ok());
            let walk = || assert!(vfs.resolve(&inside, DEEP.as_bytes(), Follow::Yes).is_ok());
            walk();
            let allocated = crate::mm::heap::allocations_ever();
            let instructions = measure(1, 100, walk);
            let allocated = crate::mm::heap::allocations_ever() - allocated;
            row(&format!("walk of depth 9, warm: {name}"), instructions, "instructions");
            row(&format!("allocations of 100 such walks: {name}"), allocated, "allocations");
            row(&format!("stat, depth 9, warm: {name}"), measure(5, 100, || assert!(bed.stat(&deep))), "instructions");
            row(&format!("stat of a missing name, warm: {name}"), measure(5, 100, || assert!(!bed.stat(&missing))), "instructions");
            let open = || assert!(vfs.open(root, deep.as_bytes(), READ, 0).is_ok());
            row(&format!("open + close, depth 9: {name}"), measure(5, 100, open), "instructions");
        }
    }

    fn names() {
        for (name, bed, top) in beds() {
            let (vfs, root) = (&bed.vfs, &bed.root);
            let mut index = 0;
            let mut next = |prefix: &str| { index += 1; format!("{top}/d/{prefix}{index}") };
            let path = next("first");
            bed.write(&path, 0, b"");
            let create = || {
                let path = next("f");
                assert!(vfs.open(root, path.as_bytes(), WRITE | OpenFlags::CREATE, 0o644).is_ok());
            };
            row(&format!("create: {name}"), measure(5, 100, create), "instructions");
            let mkdir = || {
                let path = next("m");
                assert!(vfs.make_directory(root, path.as_bytes(), 0o755).is_ok());
            };
            row(&format!("mkdir: {name}"), measure(5, 100, mkdir), "instructions");
            let (one, other) = (next("a"), next("b"));
            bed.write(&one, 0, b"");
            let there_and_back = || {
                let there = vfs.rename(root, one.as_bytes(), other.as_bytes(), RenameFlags::empty());
                let back = vfs.rename(root, other.as_bytes(), one.as_bytes(), RenameFlags::empty());
                assert!(there.is_ok() && back.is_ok());
            };
            row(&format!("rename, upper: {name}"), measure(5, 100, there_and_back) / 2, "instructions");
            let link_unlink = || {
                assert!(vfs.link(root, one.as_bytes(), other.as_bytes(), Follow::No).is_ok());
                assert!(vfs.unlink(root, other.as_bytes()).is_ok());
            };
            row(&format!("link + unlink, upper: {name}"), measure(5, 100, link_unlink), "instructions");
        }
    }

    /// With a thousand other directories, and nothing remembered of any name.
    fn handles() {
        for (name, bed, top) in beds() {
            let (vfs, root, deep) = (&bed.vfs, &bed.root, format!("{top}/{DEEP}"));
            for number in 0..1000 {
                bed.mkdir(&format!("{top}/{number}"));
            }
            let place = vfs.resolve(root, deep.as_bytes(), Follow::No).unwrap_or_else(|error| panic!("{error:?}"));
            let handle = VfsManager::handle_of(&place, Purpose::Open).unwrap_or_else(|error| panic!("{error:?}"));
            let beside = Path { mount: place.mount.clone(), entry: place.mount.root().clone() };
            drop(place);
            beside.mount.superblock().set_cache_bound(0);
            let open = || assert!(vfs.open_handle(root, &beside, Some(handle), false, READ).is_ok());
            row(&format!("open by handle + close, depth 9: {name}"), measure(5, 10, open), "instructions");
            // What the file system itself cannot tell: on tmpfs by a name that is not the last, on an overlay moved.
            let other = format!("{top}/other");
            assert!(vfs.link(root, deep.as_bytes(), other.as_bytes(), Follow::No).is_ok());
            assert!(vfs.unlink(root, other.as_bytes()).is_ok());
            let (old, new) = (format!("{top}/d"), format!("{top}/moved"));
            assert!(vfs.rename(root, old.as_bytes(), new.as_bytes(), RenameFlags::empty()).is_ok());
            row(&format!("open by handle + close, by a search: {name}"), measure(1, 1, open), "instructions");
        }
    }

    fn reads_and_writes() {
        for (name, bed, top) in beds() {
            let path = format!("{top}/d/file");
            bed.write(&path, 0, &[7; 8192]);
            let file = bed.vfs.open(&bed.root, path.as_bytes(), READ | WRITE, 0);
            let file = file.unwrap_or_else(|error| panic!("{error:?}"));
            let mut buffer = [0_u8; 4096];
            for size in [64, 4096] {
                let read = || assert_eq!(file.read_at(0, &mut &mut buffer[..size]), Ok(size));
                row(&format!("pread of {size} bytes: {name}"), measure(5, 100, read), "instructions");
                let bytes = [8_u8; 4096];
                let write = || assert_eq!(file.write_at(&bed.root.credentials, 0, &mut &bytes[..size]), Ok(size));
                row(&format!("pwrite of {size} bytes: {name}"), measure(5, 100, write), "instructions");
            }
        }
    }

    /// One byte is written into a file that so far only the lower layer has.
    fn copy_up() {
        for mebibytes in [0_u64, 16, 256] {
            let bed = Bed::new();
            bed.overlay_with_big_file(mebibytes);
            let open = |path: &str| bed.vfs.open(&bed.root, path.as_bytes(), WRITE, 0);
            let frames = page::in_use();
            let start = crate::arch::instructions();
            let file = open("/merged/d/big");
            let written = file.and_then(|file| file.write_at(&bed.root.credentials, 1, &mut &b"x"[..]));
            let instructions = crate::arch::instructions() - start;
            assert_eq!(written, Ok(1));
            row(&format!("copy-up + write of 1 byte, file of {mebibytes} MiB"), instructions, "instructions");
            row(&format!("… frames it takes, file of {mebibytes} MiB"), (page::in_use() - frames) as u64, "frames");
            let clone = bed.vfs.resolve(&bed.root, b"/lower2/d/big", Follow::Yes);
            let node = clone.and_then(|place| place.node().cloned()).unwrap_or_else(|error| panic!("{error:?}"));
            let content = || assert!(node.content().is_ok());
            row(&format!("content clone, file of {mebibytes} MiB"), measure(5, 100, content), "instructions");
        }
    }
}

impl Bed {
    /// As [`Bed::overlay`] of three layers, the lowest of which has a file of that size, all of it data.
    fn overlay_with_big_file(&self, mebibytes: u64) {
        self.overlay(3);
        let page = [5_u8; 4096];
        self.write("/lower2/d/big", 0, b"data");
        for index in 0..mebibytes * 256 {
            self.write("/lower2/d/big", index * 4096, &page);
        }
        assert!(self.stat("/merged/d/big"));
    }
}
