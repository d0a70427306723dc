//! Many threads in one overlay while layers are pushed and popped: nobody sees half of either, nothing written is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use vfs::context::Context;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::FileSystemErrorKind as Kind;
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::mounts::MountArguments;
use vfs::manager::{Follow, VfsManager};
use vfs::mount::MountFlags;
use vfs::node::RenameFlags;

/// How many layers are pushed in one test.
const PUSHES: usize = 40;

/// A namespace with an overlay on `/m`: a lower `/1`, an upper `/u`, and `/p0`, `/p1`, … to push.
struct Stage {
    vfs: Arc<VfsManager>,
    root: Context,
    done: AtomicBool,
}

impl Stage {
    fn new(prepare: impl Fn(&Self)) -> Self {
        let environment = Environment::detached();
        let vfs = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        let root = vfs.root_context();
        let stage = Self { vfs, root, done: AtomicBool::new(false) };
        for path in
            ["/1", "/u", "/m"].map(String::from).into_iter().chain((0..PUSHES).map(|number| format!("/p{number}")))
        {
            stage.vfs.make_directory(&stage.root, path.as_bytes(), 0o755).unwrap();
        }
        prepare(&stage);
        let what = MountArguments {
            source: b"overlay",
            target: b"/m",
            type_name: "overlay",
            flags: MountFlags::empty(),
            options: b"lowerdir=/1,upperdir=/u",
        };
        stage.vfs.mount(&stage.root, &what).unwrap();
        stage
    }

    fn open(&self, path: &str, flags: OpenFlags) -> Arc<FileObject> {
        self.vfs.open(&self.root, path.as_bytes(), flags, 0o644).unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    fn write(&self, path: &str, text: &[u8]) {
        let file = self.open(path, OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE);
        assert_eq!(file.write(&self.root.credentials, &mut &text[..]), Ok(text.len()));
    }

    fn read(&self, path: &str) -> Vec<u8> {
        content(&self.open(path, OpenFlags::READ))
    }

    fn remount(&self, options: &str) -> Result<(), Kind> {
        let remounted = self.vfs.remount(&self.root, b"/m", MountFlags::empty(), options.as_bytes());
        remounted.map_err(|refusal| refusal.error.kind())
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Runs `user` on three threads, with their numbers, until `main` comes to its end.
    fn with_users(&self, user: impl Fn(usize) + Sync, main: impl FnOnce()) {
        thread::scope(|scope| {
            for number in 0..3 {
                let user = &user;
                scope.spawn(move || user(number));
            }
            // The users end even if `main` does not come to its end.
            struct Done<'a>(&'a AtomicBool);
            impl Drop for Done<'_> {
                fn drop(&mut self) {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
            let _done = Done(&self.done);
            main();
        });
    }
}

fn content(file: &FileObject) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    let count = file.read_at(0, &mut &mut bytes[..]).unwrap();
    bytes.truncate(count);
    bytes
}

/// ```text
/// writers   append to a file of their own, by a kept descriptor and by path: all of it is there at all times
/// a reader  keeps descriptors open: what it sees only grows; a directory stream has every name once
/// a renamer exchanges two names: both are always there, and are two files
/// pusher    forty layers
/// ```
#[test]
fn nothing_is_lost_and_nothing_seen_twice_while_layers_are_pushed() {
    let stage = Stage::new(|stage| {
        for name in ["0", "1", "left", "right"] {
            stage.write(&format!("/1/{name}"), b"");
        }
        stage.vfs.make_directory(&stage.root, b"/1/d", 0o755).unwrap();
        for name in 0..20 {
            stage.write(&format!("/1/d/{name}"), b"");
        }
    });
    let steps = AtomicUsize::new(0);
    stage.with_users(
        |number| match number {
            0 | 1 => {
                let path = format!("/m/{number}");
                let append = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::APPEND;
                let kept = stage.open(&path, append);
                let mut expected = Vec::new();
                let mut round = 0_u32;
                while !stage.is_done() || round < 100 {
                    let record = [b'a' + (round % 26) as u8; 5];
                    let file = if round.is_multiple_of(2) { kept.clone() } else { stage.open(&path, append) };
                    assert_eq!(file.write(&stage.root.credentials, &mut &record[..]), Ok(5));
                    expected.extend(record);
                    assert!(stage.read(&path) == expected && content(&kept) == expected, "every write is there");
                    if expected.len() > 4000 {
                        kept.truncate(&stage.root.credentials, 0).unwrap();
                        expected.clear();
                    }
                    let made = format!("/m/d/made{number}");
                    stage.write(&made, b"x");
                    stage.vfs.unlink(&stage.root, made.as_bytes()).unwrap();
                    round += 1;
                    steps.fetch_add(1, Ordering::Relaxed);
                }
            }
            _ => {
                let ids = ["/m/left", "/m/right"].map(|path| stage.open(path, OpenFlags::READ).node().id());
                while !stage.is_done() {
                    stage.vfs.rename(&stage.root, b"/m/left", b"/m/right", RenameFlags::EXCHANGE).unwrap();
                    let now = ["/m/left", "/m/right"]
                        .map(|path| stage.vfs.metadata(&stage.root, path.as_bytes(), Follow::No).unwrap().id);
                    assert!(now[0] == ids[1] && now[1] == ids[0] || now == ids, "two files, two names");
                    stage.vfs.rename(&stage.root, b"/m/left", b"/m/right", RenameFlags::EXCHANGE).unwrap();
                    let stream = stage.open("/m/d", OpenFlags::READ | OpenFlags::DIRECTORY);
                    let mut names = Vec::new();
                    // One name at a time, so that pushes come between.
                    loop {
                        let before = names.len();
                        stream
                            .list(&mut |item| {
                                let first = names.len() == before;
                                if first {
                                    names.push(item.name.to_vec());
                                }
                                first
                            })
                            .unwrap();
                        if names.len() == before {
                            break;
                        }
                    }
                    names.retain(|name| !name.starts_with(b"made"));
                    names.sort();
                    assert_eq!(names.len(), 22, "every name that was there throughout");
                    names.dedup();
                    assert_eq!(names.len(), 22, "and none twice");
                    steps.fetch_add(1, Ordering::Relaxed);
                }
            }
        },
        || {
            for number in 0..PUSHES {
                let before = steps.load(Ordering::Relaxed);
                assert_eq!(stage.remount(&format!("push=/p{number}")), Ok(()));
                while steps.load(Ordering::Relaxed) < before + 5 {
                    thread::yield_now();
                }
            }
        },
    );
}

/// ```text
/// pusher    push; write p = n; write q = n; pop: p and q are empty again          over and over
/// users     read q, p, q:  q = n, then p empty: the pop has happened, so q = n cannot be seen any more;
///           make and remove names, so that there is always something under way
/// ```
#[test]
fn a_pop_is_seen_as_a_whole() {
    let stage = Stage::new(|stage| {
        stage.vfs.make_directory(&stage.root, b"/1/d", 0o755).unwrap();
        stage.vfs.make_directory(&stage.root, b"/1/e", 0o755).unwrap();
        stage.write("/1/d/p", b"");
        stage.write("/1/e/q", b"");
        stage.write("/1/l", b"lower");
    });
    let popped = AtomicUsize::new(0);
    stage.with_users(
        |number| {
            while !stage.is_done() {
                let (first, p, again) = (stage.read("/m/e/q"), stage.read("/m/d/p"), stage.read("/m/e/q"));
                if !first.is_empty() && p.is_empty() {
                    assert_ne!(first, again, "of a pop all is seen, or nothing");
                }
                for _ in 0..20 {
                    assert_eq!(stage.read("/m/l"), b"lower");
                    thread::yield_now();
                }
                let made = format!("/m/made{number}");
                match stage.vfs.make_directory(&stage.root, made.as_bytes(), 0o755) {
                    Ok(()) => match stage.vfs.remove_directory(&stage.root, made.as_bytes()) {
                        // A pop may have been quicker.
                        Ok(()) => {}
                        Err(error) => assert_eq!(error.kind(), Kind::NotFound),
                    },
                    Err(error) => panic!("{error:?}"),
                }
            }
        },
        || {
            for number in 0..PUSHES {
                assert_eq!(stage.remount(&format!("push=/p{number}")), Ok(()));
                stage.write("/m/d/p", number.to_string().as_bytes());
                stage.write("/m/e/q", number.to_string().as_bytes());
                let mut tries = 0;
                loop {
                    match stage.remount("pop") {
                        Ok(()) => break,
                        // Somebody has a file of that layer in hand.
                        Err(kind) => assert_eq!(kind, Kind::Busy),
                    }
                    tries += 1;
                    assert!(tries < 1_000_000, "they let go of it now and then");
                    thread::yield_now();
                }
                popped.fetch_add(1, Ordering::Relaxed);
                assert_eq!(stage.read("/m/d/p").len() + stage.read("/m/e/q").len(), 0);
            }
        },
    );
    assert_eq!(popped.into_inner(), PUSHES);
}
