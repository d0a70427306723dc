//! Many at once over one overlay: no deadlock, no lost write, nothing half done. On the host only, for its threads.

use super::super::Stage;
use crate::error::FileSystemErrorKind as Kind;
use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::node::RenameFlags;
use alloc::format;
use alloc::string::String;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A small generator of numbers that repeat from run to run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// ```text
/// 1   a/f b/g c/h f     threads write, make, remove, move and look, on few names, for a while: every errno is one
/// 2   a/i b/f c/         that some order of the operations explains, and all of them end
/// ```
#[test]
fn any_mixture_of_operations_ends_and_leaves_a_tree_that_remounts() {
    let stage = Stage::oci();
    for directory in ["a", "b", "c"] {
        stage.mkdir(&format!("/1/{directory}")).mkdir(&format!("/2/{directory}/deep"));
        for name in ["f", "g", "h"] {
            stage.write(&format!("/1/{directory}/{name}"), "1").write(&format!("/2/{directory}/deep/{name}"), "2");
        }
    }
    stage.overlay("/1:/2");
    let end = Instant::now() + Duration::from_millis(1_500);
    thread::scope(|scope| {
        for seed in 1..=6 {
            let stage = &stage;
            scope.spawn(move || {
                let mut dice = Dice(seed * 0x9e37_79b9);
                while Instant::now() < end {
                    let outcome = one_operation(stage, &mut dice);
                    if let Err(error) = outcome {
                        let explained = [
                            Kind::NotFound,
                            Kind::AlreadyExists,
                            Kind::DirectoryNotEmpty,
                            Kind::IsADirectory,
                            Kind::NotADirectory,
                            Kind::InvalidArgument,
                        ];
                        assert!(explained.contains(&error.kind()), "{error:?}");
                    }
                }
            });
        }
    });
    let before = listing(&stage, "/m");
    stage.unmount().overlay("/1:/2");
    assert_eq!(listing(&stage, "/m"), before);
    for directory in ["a", "b", "c"] {
        assert_eq!(stage.list(&format!("/1/{directory}")), "f g h");
        assert_eq!(stage.list(&format!("/2/{directory}/deep")), "f g h");
    }
}

fn one_operation(stage: &Stage, dice: &mut Dice) -> crate::error::Result<()> {
    let mut path = || {
        let directory = ["a", "b", "c", "a/deep", "b/deep", "x"][dice.roll(6) as usize];
        let name = ["f", "g", "h", "deep", "new"][dice.roll(5) as usize];
        if dice.roll(8) == 0 { format!("/m/{directory}") } else { format!("/m/{directory}/{name}") }
    };
    let (one, other) = (path(), path());
    match dice.roll(12) {
        0 => stage.try_write(&one, OpenFlags::CREATE, "text"),
        1 => stage.try_write(&one, OpenFlags::APPEND, "+"),
        2 => stage.unlink(&one),
        3 => stage.rmdir(&one),
        4 => stage.try_mkdir(&one),
        5 => stage.rename(&one, &other),
        6 => stage.move_with(&one, &other, RenameFlags::EXCHANGE),
        7 => stage.link(&one, &other).or_else(|error| match error.kind() {
            // A directory has one name.
            Kind::NotPermitted => Ok(()),
            _ => Err(error),
        }),
        8 => stage.chmod(&one, 0o700 + dice.roll(64) as u32),
        9 => stage.lstat(&one).map(drop),
        10 => stage.set_xattr(&one, "user.a", "b"),
        _ => {
            stage.list(&one);
            Ok(())
        }
    }
}

/// Every path below `top` with its kind, mode and size.
fn listing(stage: &Stage, top: &str) -> String {
    let mut pending = std::vec![String::from(top)];
    let mut lines = std::vec::Vec::new();
    while let Some(path) = pending.pop() {
        let metadata = stage.lstat(&path).expect("a listed name is there");
        lines.push(format!("{path} {:?} {:o} {}", metadata.kind, metadata.mode, metadata.size));
        let names = stage.list(&path);
        if names != "ENOTDIR" {
            pending.extend(names.split(' ').filter(|name| !name.is_empty()).map(|name| format!("{path}/{name}")));
        }
    }
    lines.sort();
    lines.join("\n")
}

/// ```text
/// 1   f "0"             many append one byte each at once to a lower file: not one is lost
/// ```
#[test]
fn no_append_is_lost_to_a_copy_up() {
    for _ in 0..50 {
        let stage = Stage::oci();
        stage.mkdir("/1/d").write("/1/d/f", "0").overlay("/1");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        stage.append("/m/d/f", "+");
                    }
                });
            }
        });
        assert_eq!(stage.read("/m/d/f"), format!("0{}", "+".repeat(40)));
        assert_eq!(stage.read("/1/d/f"), "0");
    }
}

/// ```text
/// 1   f                 one removes and makes f again and again, others look: never the lower content
/// ```
#[test]
fn a_removed_name_never_shows_the_lower_file() {
    let stage = Stage::oci();
    stage.write("/1/f", "lower").overlay("/1");
    assert_eq!(stage.unlink("/m/f"), Ok(()));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let read = stage.read("/m/f");
                    assert!(["ENOENT", "", "new"].contains(&read.as_str()), "{read}");
                }
            });
        }
        for _ in 0..2_000 {
            stage.write("/m/f", "new");
            assert_eq!(stage.unlink("/m/f"), Ok(()));
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// ```text
/// 1   a/f               one moves a to b and back, others look for f: under exactly one name at any time
/// ```
#[test]
fn a_moved_directory_is_on_exactly_one_side() {
    let stage = Stage::oci();
    stage.mkdir("/1/a").write("/1/a/f", "lower").overlay("/1");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let names = stage.list("/m");
                    assert!(names == "a" || names == "b", "{names}");
                    let read = stage.read("/m/a/f");
                    assert!(read == "lower" || read == "ENOENT", "{read}");
                }
            });
        }
        for _ in 0..1_000 {
            assert_eq!(stage.rename("/m/a", "/m/b"), Ok(()));
            assert_eq!(stage.rename("/m/b", "/m/a"), Ok(()));
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// ```text
/// 1   a = d/b = e/c     each of three appends to the file by a name of its own, others look, and one more removes and
/// ```                   links a fourth: one file at all times, no write lost, and the count right at the end
#[test]
fn names_of_one_file_are_copied_up_once() {
    for round in 0..300 {
        let stage = Stage::oci();
        stage.mkdir("/1/d").mkdir("/1/e").write("/1/a", "0");
        for name in ["/1/d/b", "/1/e/c", "/1/x"] {
            assert_eq!(stage.link("/1/a", name), Ok(()));
        }
        stage.overlay("/1");
        thread::scope(|scope| {
            let stage = &stage;
            for name in ["/m/a", "/m/d/b", "/m/e/c"] {
                scope.spawn(move || {
                    stage.append(name, "+");
                    assert!(stage.read(name).contains('+'), "round {round}: {name}");
                    stage.append(name, "+");
                });
            }
            scope.spawn(|| {
                assert_eq!(stage.unlink("/m/x"), Ok(()));
                assert_eq!(stage.link("/m/e/c", "/m/x"), Ok(()));
                assert_eq!(stage.unlink("/m/x"), Ok(()));
            });
        });
        for _ in 0..2 {
            for name in ["/m/a", "/m/d/b", "/m/e/c"] {
                assert_eq!(stage.read(name), "0++++++", "round {round}: {name}");
                assert_eq!(stage.stat(name).links, 3, "round {round}: {name}");
                assert_eq!(stage.stat(name).id, stage.stat("/m/a").id, "round {round}: {name}");
            }
            stage.unmount().overlay("/1");
        }
    }
}

/// ```text
/// u   d                 with every lock that two directories share taken, in the dentry cache and in the overlay, a walk
/// 1   d/e/f             that knows its way goes it, to names that are there and to one that is not: it takes none of them
/// 2   d                 for writing
/// ```
#[test]
fn a_warm_walk_takes_no_lock_that_directories_share() {
    let stage = Stage::oci();
    stage.mkdir("/u/d").mkdir("/1/d/e").write("/1/d/e/f", "").mkdir("/2/d").overlay("/1:/2");
    let overlay = stage.file_system();
    let (vfs, root) = (stage.vfs.clone(), stage.root.clone());
    let walk = move || {
        let bound = |path: &[u8]| vfs.resolve(&root, path, Follow::Yes).is_ok();
        [bound(b"/m/d/e/f"), bound(b"/m/d"), bound(b"/m/d/e/missing")]
    };
    assert_eq!(walk(), [true, true, false]);
    let superblocks = ["/", "/m"].map(|path| {
        stage.vfs.resolve(&stage.root, path.as_bytes(), Follow::Yes).expect("it is there").mount.superblock().clone()
    });
    let walked = superblocks[0].while_locked(|| {
        superblocks[1].while_locked(|| {
            let _nodes = (overlay.nodes.lock(), overlay.rename.lock());
            let _stack = (overlay.pushes.write(), overlay.layers.write());
            overlay.indexes.while_locked(|| {
                let (answer, answered) = std::sync::mpsc::channel();
                thread::spawn(move || answer.send(walk()));
                answered.recv_timeout(Duration::from_secs(20))
            })
        })
    });
    assert_eq!(walked, Ok([true, true, false]));
}
