//! Random sequences of `flock` and `fcntl` locks by several processes, done by Strata and by Linux: each answer, and all
//! that is held after it, must be the same.
//!
//! On Linux a process is a thread with a table of open files of its own, which is what owns record locks there.

#![forbid(unsafe_code)]

use fastrand::Rng;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sched::CloneFlags;
use rustix::fs::{FlockOperation, OFlags};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use vfs::context::Context;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::file::{FileObject, OpenFlags, SeekFrom};
use vfs::lock::{HeldRecord, LockKind, LockOwner, RecordOwner};
use vfs::manager::VfsManager;

/// Processes that act, and the one that only asks what is held.
const PROCESSES: usize = 3;
const ASKER: usize = PROCESSES;
/// Open files of a process. The first is one open file of all processes, as after a fork.
const SLOTS: usize = 4;
const FILES: [&str; 2] = ["f", "g"];
const CONTENT: &[u8] = b"0123456789";
const CASES: u64 = 150;
const STEPS: usize = 80;

/// Whose a record lock is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Family {
    Process,
    OpenFile,
}

#[derive(Clone, Copy, Debug)]
enum Whence {
    Start,
    Current,
    End,
}

/// `l_type`, `l_whence`, `l_start` and `l_len`; no kind is `F_UNLCK`.
#[derive(Clone, Copy, Debug)]
struct Record {
    kind: Option<LockKind>,
    whence: Whence,
    start: i64,
    length: i64,
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Open {
        slot: usize,
        file: usize,
        read: bool,
        write: bool,
    },
    Duplicate {
        slot: usize,
        to: usize,
    },
    Close {
        slot: usize,
    },
    Seek {
        slot: usize,
        to: i64,
    },
    Whole {
        slot: usize,
        kind: Option<LockKind>,
    },
    Set {
        slot: usize,
        family: Family,
        record: Record,
    },
    Test {
        slot: usize,
        family: Family,
        record: Record,
    },
    /// Everything that is held on the file that a slot of the asker has open.
    Show {
        slot: usize,
    },
}

/// Words, or an errno.
type Answer = Result<String, i32>;

const BAD: Answer = Err(libc::EBADF);

fn words(kind: LockKind, start: u64, length: u64, process: bool) -> String {
    format!("{kind:?} {start}+{length} {}", if process { "process" } else { "open file" })
}

/// Asks for all that is held, by what a test of everything from some byte on answers: kind, start and length in words.
fn show(mut test: impl FnMut(i64) -> Result<Option<(String, u64, u64)>, i32>) -> Answer {
    let (mut text, mut at) = (String::new(), 0);
    while let Some((held, start, length)) = test(at)? {
        text += &format!("{held}; ");
        match i64::try_from(start + length) {
            Ok(next) if length > 0 => at = next,
            _ => break,
        }
    }
    Ok(text)
}

/// The files, on a tmpfs of ours.
struct World {
    vfs: Arc<VfsManager>,
    root: Context,
}

impl World {
    fn new() -> Self {
        let environment = Environment::detached();
        let vfs = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        let root = vfs.root_context();
        Self { vfs, root }
    }

    fn open(&self, file: usize, flags: OpenFlags) -> Result<Arc<FileObject>, i32> {
        self.vfs.open(&self.root, FILES[file].as_bytes(), flags, 0o644).map_err(|error| error.errno())
    }
}

/// A process of Strata's.
struct Ours {
    owner: LockOwner,
    slots: [Option<Arc<FileObject>>; SLOTS],
}

impl Ours {
    fn put(&mut self, slot: usize, file: Option<Arc<FileObject>>) {
        if let Some(closed) = std::mem::replace(&mut self.slots[slot], file) {
            closed.close_for(self.owner);
        }
    }

    fn test(
        &self,
        file: &FileObject,
        family: Family,
        record: Record,
    ) -> Result<Option<HeldRecord>, vfs::error::FileSystemError> {
        file.test_record(self.owner(family), record.kind, range(file, record)?)
    }

    fn owner(&self, family: Family) -> RecordOwner {
        match family {
            Family::Process => RecordOwner::Process { owner: self.owner, pid: 1 },
            Family::OpenFile => RecordOwner::OpenFile,
        }
    }

    fn apply(&mut self, world: &World, deed: Deed) -> Answer {
        let nothing = |result: vfs::error::Result<()>| match result {
            Ok(()) => Ok(String::new()),
            Err(error) => Err(error.errno()),
        };
        match deed {
            Deed::Open { slot, file, read, write } => {
                let mut flags = OpenFlags::empty();
                flags.set(OpenFlags::READ, read);
                flags.set(OpenFlags::WRITE, write);
                self.put(slot, Some(world.open(file, flags)?));
                Ok(String::new())
            }
            Deed::Duplicate { slot, to } => {
                let Some(file) = self.slots[slot].clone() else { return BAD };
                if slot != to {
                    self.put(to, Some(file));
                }
                Ok(String::new())
            }
            Deed::Close { slot } => {
                let open = self.slots[slot].is_some();
                self.put(slot, None);
                if open { Ok(String::new()) } else { BAD }
            }
            Deed::Seek { slot, to } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                nothing(file.seek(SeekFrom::Start(to)).map(drop))
            }
            Deed::Whole { slot, kind } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                nothing(file.lock_whole(kind, 1, None))
            }
            Deed::Set { slot, family, record } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                let lock = |range| file.lock_record(self.owner(family), record.kind, range, None);
                nothing(range(file, record).and_then(lock))
            }
            Deed::Test { slot, family, record } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                if record.kind.is_none() && family == Family::Process {
                    // That is for the system call to refuse.
                    return Err(libc::EINVAL);
                }
                match self.test(file, family, record).map_err(|error| error.errno())? {
                    Some(HeldRecord { kind, range, pid }) => {
                        Ok(words(kind, range.start(), range.length(), pid.is_some()))
                    }
                    None => Ok("free".into()),
                }
            }
            Deed::Show { slot } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                show(|start| {
                    let found = self.test(file, Family::Process, everything_from(start)).map_err(|error| error.errno());
                    Ok(found?.map(|HeldRecord { kind, range, pid }| {
                        let text = words(kind, range.start(), range.length(), pid.is_some());
                        (text, range.start(), range.length())
                    }))
                })
            }
        }
    }
}

fn range(file: &FileObject, record: Record) -> vfs::error::Result<vfs::lock::LockRange> {
    let start = match record.whence {
        Whence::Start => SeekFrom::Start(record.start),
        Whence::Current => SeekFrom::Current(record.start),
        Whence::End => SeekFrom::End(record.start),
    };
    file.lock_range(start, record.length)
}

const fn everything_from(start: i64) -> Record {
    Record { kind: Some(LockKind::Exclusive), whence: Whence::Start, start, length: 0 }
}

/// A process of Linux's: what a thread does that has a table of open files of its own.
struct Theirs<'a> {
    directory: &'a Path,
    slots: [Option<OwnedFd>; SLOTS],
}

impl Theirs<'_> {
    /// Does what is asked until nobody asks any more.
    fn serve(directory: &Path, shared: &OwnedFd, deeds: &Receiver<Deed>, answers: &Sender<Answer>) {
        nix::sched::unshare(CloneFlags::CLONE_FILES).expect("a table of its own");
        let mut slots = [const { None }; SLOTS];
        slots[0] = Some(rustix::io::dup(shared).expect("dup"));
        let mut process = Theirs { directory, slots };
        for deed in deeds {
            answers.send(process.apply(deed)).expect("somebody waits for the answer");
        }
    }

    fn apply(&mut self, deed: Deed) -> Answer {
        match deed {
            Deed::Open { slot, file, read, write } => {
                let flags = match (read, write) {
                    (true, true) => OFlags::RDWR,
                    (false, _) => OFlags::WRONLY,
                    (true, false) => OFlags::RDONLY,
                };
                let file = rustix::fs::open(self.directory.join(FILES[file]), flags, rustix::fs::Mode::empty());
                self.slots[slot] = Some(file.map_err(|error| error.raw_os_error())?);
                Ok(String::new())
            }
            Deed::Duplicate { slot, to } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                if slot != to {
                    let duplicate = rustix::io::dup(file).map_err(|error| error.raw_os_error())?;
                    self.slots[to] = Some(duplicate);
                }
                Ok(String::new())
            }
            Deed::Close { slot } => self.slots[slot].take().map_or(BAD, |_| Ok(String::new())),
            Deed::Seek { slot, to } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                let moved = rustix::fs::seek(file, rustix::fs::SeekFrom::Start(to as u64));
                moved.map(|_| String::new()).map_err(|error| error.raw_os_error())
            }
            Deed::Whole { slot, kind } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                let operation = match kind {
                    Some(LockKind::Shared) => FlockOperation::NonBlockingLockShared,
                    Some(LockKind::Exclusive) => FlockOperation::NonBlockingLockExclusive,
                    None => FlockOperation::NonBlockingUnlock,
                };
                rustix::fs::flock(file, operation).map(|()| String::new()).map_err(|error| error.raw_os_error())
            }
            Deed::Set { slot, family, record } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                let flock = flock(record);
                let set = match family {
                    Family::Process => FcntlArg::F_SETLK(&flock),
                    Family::OpenFile => FcntlArg::F_OFD_SETLK(&flock),
                };
                fcntl(file, set).map(|_| String::new()).map_err(|error| error as i32)
            }
            Deed::Test { slot, family, record } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                Ok(test(file, family, record)?.map_or("free".into(), |(text, _, _)| text))
            }
            Deed::Show { slot } => {
                let Some(file) = &self.slots[slot] else { return BAD };
                show(|start| test(file, Family::Process, everything_from(start)))
            }
        }
    }
}

fn test(file: &OwnedFd, family: Family, record: Record) -> Result<Option<(String, u64, u64)>, i32> {
    let mut flock = flock(record);
    let get = match family {
        Family::Process => FcntlArg::F_GETLK(&mut flock),
        Family::OpenFile => FcntlArg::F_OFD_GETLK(&mut flock),
    };
    fcntl(file, get).map_err(|error| error as i32)?;
    let kind = match i32::from(flock.l_type) {
        libc::F_RDLCK => LockKind::Shared,
        libc::F_WRLCK => LockKind::Exclusive,
        _ => return Ok(None),
    };
    let (start, length) = (flock.l_start as u64, flock.l_len as u64);
    Ok(Some((words(kind, start, length, flock.l_pid != -1), start, length)))
}

fn flock(record: Record) -> libc::flock {
    let kind = match record.kind {
        Some(LockKind::Shared) => libc::F_RDLCK,
        Some(LockKind::Exclusive) => libc::F_WRLCK,
        None => libc::F_UNLCK,
    };
    let whence = match record.whence {
        Whence::Start => libc::SEEK_SET,
        Whence::Current => libc::SEEK_CUR,
        Whence::End => libc::SEEK_END,
    };
    libc::flock { l_type: kind as i16, l_whence: whence as i16, l_start: record.start, l_len: record.length, l_pid: 0 }
}

fn random_kind(random: &mut Rng) -> Option<LockKind> {
    *random.choice(&[Some(LockKind::Shared), Some(LockKind::Exclusive), None]).expect("there are some")
}

fn random_record(random: &mut Rng) -> Record {
    let number = |random: &mut Rng| match random.u8(0..20) {
        0 => i64::MAX - random.i64(0..3),
        1 => i64::MIN + random.i64(0..3),
        2..6 => random.i64(-12..0),
        _ => random.i64(0..24),
    };
    let whence = [Whence::Start, Whence::Start, Whence::Current, Whence::End];
    Record {
        kind: random_kind(random),
        whence: *random.choice(&whence).expect("there are some"),
        start: number(random),
        length: number(random),
    }
}

fn random_deed(random: &mut Rng) -> Deed {
    let slot = random.usize(0..SLOTS);
    let family = if random.bool() { Family::Process } else { Family::OpenFile };
    match random.u8(0..20) {
        0..3 => {
            let (read, write) =
                *random.choice(&[(true, false), (false, true), (true, true), (true, true)]).expect("some");
            Deed::Open { slot, file: random.usize(0..FILES.len()), read, write }
        }
        3 => Deed::Duplicate { slot, to: random.usize(0..SLOTS) },
        4 => Deed::Close { slot },
        5 => Deed::Seek { slot, to: random.i64(0..20) },
        6..9 => Deed::Whole { slot, kind: random_kind(random) },
        9..17 => Deed::Set { slot, family, record: random_record(random) },
        _ => Deed::Test { slot, family, record: random_record(random) },
    }
}

/// One case; what differs, if anything.
fn compare(seed: u64) -> Result<(), String> {
    let mut random = Rng::with_seed(seed);
    let world = World::new();
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    for (number, name) in FILES.into_iter().enumerate() {
        let file = world.open(number, OpenFlags::WRITE | OpenFlags::CREATE).expect("it is made");
        assert_eq!(file.write(&world.root.credentials, &mut &CONTENT[..]), Ok(CONTENT.len()));
        std::fs::write(directory.path().join(name), CONTENT).map_err(|error| error.to_string())?;
    }
    let first = directory.path().join(FILES[0]);
    let shared: OwnedFd = File::options().read(true).write(true).open(first).map_err(|error| error.to_string())?.into();
    // Every thread's table keeps it; nobody closes the last reference.
    let kept = world.open(0, OpenFlags::READ | OpenFlags::WRITE).expect("it is there");
    let mut ours: Vec<Ours> = (0..=ASKER)
        .map(|_| Ours { owner: LockOwner::fresh(), slots: [Some(kept.clone()), None, None, None] })
        .collect();
    std::thread::scope(|scope| {
        let mut theirs = Vec::new();
        for _ in 0..=ASKER {
            let (deeds, deeds_in) = channel();
            let (answers_out, answers) = channel();
            let (directory, shared) = (directory.path(), &shared);
            scope.spawn(move || Theirs::serve(directory, shared, &deeds_in, &answers_out));
            theirs.push((deeds, answers));
        }
        let mut done = String::new();
        let mut both = |who: usize, deed: Deed| {
            let our = ours[who].apply(&world, deed);
            theirs[who].0.send(deed).map_err(|_| "a thread is gone")?;
            let their = theirs[who].1.recv().map_err(|_| "a thread is gone")?;
            done += &format!("{who}: {deed:?} -> {their:?}\n");
            if our == their { Ok(()) } else { Err(format!("seed {seed}\n{done}Strata says {our:?}")) }
        };
        for file in 0..FILES.len() {
            both(ASKER, Deed::Open { slot: 1 + file, file, read: true, write: true })?;
        }
        for _ in 0..STEPS {
            both(random.usize(0..PROCESSES), random_deed(&mut random))?;
            for file in 0..FILES.len() {
                both(ASKER, Deed::Show { slot: 1 + file })?;
            }
        }
        Ok(())
    })
}

#[test]
fn locks_are_answered_as_linux_does() {
    let seeds = match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..CASES,
    };
    for seed in seeds {
        compare(seed).unwrap_or_else(|difference| panic!("{difference}"));
    }
}
