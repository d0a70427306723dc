//! Many threads in one tmpfs: what one operation promises holds whatever the others do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use vfs::context::Context;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::{FileSystemErrorKind as Kind, Result};
use vfs::file::{FileObject, OpenFlags};
use vfs::handles::Purpose;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::FileType;
use vfs::node::{NodeRef, RenameFlags};

const THREADS: usize = 4;

/// A namespace on a fresh tmpfs, and the superuser in it.
fn world() -> (Arc<VfsManager>, Context) {
    let environment = Environment::detached();
    let vfs = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
    let root = vfs.root_context();
    (vfs, root)
}

fn make_file(vfs: &VfsManager, root: &Context, path: &str, text: &[u8]) {
    let file = vfs.open(root, path.as_bytes(), OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::WRITE, 0o644);
    assert_eq!(file.unwrap().write(&root.credentials, &mut &text[..]), Ok(text.len()));
}

fn read_all(file: &FileObject) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 16];
    let count = file.read_at(0, &mut &mut bytes[..]).unwrap();
    bytes.truncate(count);
    bytes
}

/// Numbers that repeat from run to run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Runs `body` on every thread, with the thread's number.
fn on_all_threads(body: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for number in 0..THREADS {
            let body = &body;
            scope.spawn(move || body(number));
        }
    });
}

#[test]
fn of_many_who_make_one_name_one_wins() {
    let (vfs, root) = world();
    let won = AtomicUsize::new(0);
    on_all_threads(|_| {
        for name in 0..500 {
            let flags = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::WRITE;
            match vfs.open(&root, format!("/{name}").as_bytes(), flags, 0o644) {
                Ok(_) => {
                    won.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => assert_eq!(error.kind(), Kind::AlreadyExists),
            }
        }
    });
    assert_eq!(won.into_inner(), 500);
}

/// ```text
/// one thread:  mv new name; mv --exchange name other        the others:  name and other are always there
/// ```
#[test]
fn a_name_that_is_replaced_or_exchanged_is_there_at_all_times() {
    let (vfs, root) = world();
    make_file(&vfs, &root, "/name", &[b'a'; 9000]);
    make_file(&vfs, &root, "/other", &[b'b'; 9000]);
    let done = AtomicBool::new(false);
    on_all_threads(|thread| {
        if thread == 0 {
            for round in 0..1000 {
                make_file(&vfs, &root, "/new", &[b'a' + (round % 26) as u8; 9000]);
                vfs.rename(&root, b"/new", b"/name", RenameFlags::empty()).unwrap();
                vfs.rename(&root, b"/name", b"/other", RenameFlags::EXCHANGE).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        }
        while !done.load(Ordering::Relaxed) {
            for name in ["/name", "/other"] {
                let file = vfs.open(&root, name.as_bytes(), OpenFlags::READ, 0).unwrap();
                let bytes = read_all(&file);
                assert_eq!(bytes.len(), 9000);
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a file is replaced as a whole");
            }
        }
    });
}

/// ```text
/// one thread   moves /a/d/f about, and the directory that it is in
/// the others   open it by its handle, with nothing remembered of its names: it is there at all times
/// ```
#[test]
fn a_file_that_moves_is_found_by_its_handle_at_all_times() {
    let (vfs, root) = world();
    for directory in ["/a", "/a/d", "/b"] {
        vfs.make_directory(&root, directory.as_bytes(), 0o755).unwrap();
    }
    make_file(&vfs, &root, "/a/d/f", b"text");
    let handles = ["/a/d/f", "/a/d"].map(|path| {
        let place = vfs.resolve(&root, path.as_bytes(), Follow::No).unwrap();
        VfsManager::handle_of(&place, Purpose::Open).unwrap()
    });
    vfs.tree().root().superblock().set_cache_bound(0);
    let done = AtomicBool::new(false);
    on_all_threads(|thread| {
        if thread == 0 {
            for _ in 0..2000 {
                for (old, new) in [("/a/d", "/b/e"), ("/b/e/f", "/b/g"), ("/b/g", "/b/e/f"), ("/b/e", "/a/d")] {
                    vfs.rename(&root, old.as_bytes(), new.as_bytes(), RenameFlags::empty()).unwrap();
                }
            }
            done.store(true, Ordering::Relaxed);
        }
        while !done.load(Ordering::Relaxed) {
            let [file, directory] =
                handles.map(|handle| vfs.open_handle(&root, &root.cwd, Some(handle), false, OpenFlags::READ));
            assert_eq!(read_all(&file.unwrap()), b"text");
            assert_eq!(directory.unwrap().node().kind(), FileType::Directory);
        }
    });
}

#[test]
fn appended_records_stay_whole() {
    let (vfs, root) = world();
    make_file(&vfs, &root, "/log", b"");
    on_all_threads(|thread| {
        let file = vfs.open(&root, b"/log", OpenFlags::WRITE | OpenFlags::APPEND, 0).unwrap();
        for _ in 0..200 {
            assert_eq!(file.write(&root.credentials, &mut &[b'0' + thread as u8; 72][..]), Ok(72));
        }
    });
    let file = vfs.open(&root, b"/log", OpenFlags::READ, 0).unwrap();
    let bytes = read_all(&file);
    assert_eq!(bytes.len(), THREADS * 200 * 72);
    assert!(bytes.chunks(72).all(|record| record.iter().all(|byte| *byte == record[0])));
}

/// A write and a snapshot each happen at one moment: no snapshot shows half a write, and none changes afterwards.
#[test]
fn a_snapshot_shows_one_moment() {
    let (vfs, root) = world();
    make_file(&vfs, &root, "/data", &[b'a'; 3 * 4096]);
    on_all_threads(|thread| {
        let file = vfs.open(&root, b"/data", OpenFlags::READ | OpenFlags::WRITE, 0).unwrap();
        let mut numbers = Numbers(thread as u64);
        let mut kept = Vec::new();
        for _ in 0..500 {
            if thread % 2 == 0 {
                let byte = b'a' + numbers.below(26) as u8;
                assert_eq!(file.write_at(&root.credentials, 0, &mut &[byte; 3 * 4096][..]), Ok(3 * 4096));
            } else {
                let content = file.node().content().unwrap();
                let mut bytes = [0; 3 * 4096];
                content.read(0, &mut &mut bytes[..]).unwrap();
                assert!(bytes.iter().all(|byte| *byte == bytes[0]));
                kept.push((content, bytes[0]));
            }
        }
        for (content, byte) in kept {
            let mut bytes = [0; 3 * 4096];
            content.read(0, &mut &mut bytes[..]).unwrap();
            assert!(bytes.iter().all(|now| *now == byte), "a snapshot stays");
        }
    });
}

/// One random operation on a small tree.
fn disturb(vfs: &VfsManager, root: &Context, numbers: &mut Numbers) -> Result<()> {
    let mut path = || {
        let names = ["a", "b", "c", "d"];
        let depth = 1 + numbers.below(3);
        (0..depth).map(|_| format!("/{}", names[numbers.below(4)])).collect::<String>().into_bytes()
    };
    let (one, other) = (path(), path());
    match numbers.below(10) {
        0 | 1 => vfs.make_directory(root, &one, 0o755),
        2 => {
            let file = vfs.open(root, &one, OpenFlags::CREATE | OpenFlags::WRITE, 0o644)?;
            file.write_at(&root.credentials, numbers.below(9000) as u64, &mut &b"some bytes"[..]).map(drop)
        }
        3 => vfs.link(root, &one, &other, Follow::No),
        4 => vfs.unlink(root, &one),
        5 => vfs.remove_directory(root, &one),
        6 => vfs.rename(root, &one, &other, RenameFlags::EXCHANGE),
        7 => vfs.metadata(root, &one, Follow::Yes).map(drop),
        _ => vfs.rename(root, &one, &other, RenameFlags::empty()),
    }
}

/// Counts the names below a directory by the node they are bound to, and removes them all.
fn count_and_remove(vfs: &VfsManager, root: &Context, path: &str, names: &mut BTreeMap<u64, (NodeRef, u64)>) {
    let directory = vfs.open(root, path.as_bytes(), OpenFlags::READ | OpenFlags::DIRECTORY, 0).unwrap();
    let mut entries = Vec::new();
    directory
        .list(&mut |item| {
            entries.push((String::from_utf8(item.name.to_vec()).unwrap(), item.kind));
            true
        })
        .unwrap();
    let subdirectories = entries.iter().filter(|(name, kind)| !name.starts_with('.') && *kind == FileType::Directory);
    assert_eq!(directory.metadata().unwrap().links, 2 + subdirectories.count() as u64, "links of {path}");
    for (name, kind) in entries.iter().filter(|(name, _)| !name.starts_with('.')) {
        let child = format!("{path}/{name}");
        let node = vfs.resolve(root, child.as_bytes(), Follow::No).unwrap().node().unwrap().clone();
        if *kind == FileType::Directory {
            count_and_remove(vfs, root, &child, names);
            vfs.remove_directory(root, child.as_bytes()).unwrap();
        } else {
            let links = node.metadata().unwrap().links;
            let counted = names.entry(node.id().inode).or_insert((node, links));
            counted.1 -= 1;
            vfs.unlink(root, child.as_bytes()).unwrap();
            assert_eq!(counted.0.metadata().unwrap().links, counted.1, "links of {child}");
        }
    }
}

/// Whatever happens at once, only answers that one caller alone could get are given, nobody waits for ever, and in the end each link
/// count is the number of names and everything can be given back.
#[test]
fn a_tree_that_all_change_at_once_stays_a_tree() {
    let (vfs, root) = world();
    let before = vfs.statistics(&root, b"/").unwrap();
    let changed = AtomicUsize::new(0);
    on_all_threads(|thread| {
        let mut numbers = Numbers(thread as u64 + 77);
        for _ in 0..10_000 {
            match disturb(&vfs, &root, &mut numbers).map_err(|error| error.kind()) {
                Ok(()) => {
                    changed.fetch_add(1, Ordering::Relaxed);
                }
                Err(
                    Kind::NotFound
                    | Kind::AlreadyExists
                    | Kind::NotADirectory
                    | Kind::IsADirectory
                    | Kind::DirectoryNotEmpty
                    | Kind::InvalidArgument
                    | Kind::NotPermitted,
                ) => {}
                Err(kind) => panic!("{}", kind.name()),
            }
        }
    });
    assert!(changed.into_inner() > 1000);
    let mut names = BTreeMap::new();
    count_and_remove(&vfs, &root, "/.", &mut names);
    assert!(names.values().all(|(_, left)| *left == 0), "a link count is the number of names");
    drop(names);
    // Entries that lost a race with a removal may be remembered a little longer.
    vfs.tree().root().superblock().set_cache_bound(0);
    let after = vfs.statistics(&root, b"/").unwrap();
    assert_eq!((after.nodes_free, after.blocks_free), (before.nodes_free, before.blocks_free));
}
