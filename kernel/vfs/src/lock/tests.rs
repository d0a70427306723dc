//! What the locks promise. Where somebody waits, what happens meanwhile is done in its place: a wait is a function.

use super::table::is_free;
use super::{HeldRecord, LockKind, LockOwner, LockRange, RecordOwner, Waiter};
use crate::error::{FileSystemErrorKind as Kind, Result, fail};
use crate::file::{FileObject, OpenFlags, SeekFrom};
use crate::selftest::world::World;
use crate::vfs_test;
use LockKind::{Exclusive, Shared};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

const READ_WRITE: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);
const AGAIN: Result<()> = fail(Kind::WouldBlock);

/// What happens while somebody waits; it is told how to ask whether the wait is over.
struct Meanwhile<F> {
    action: F,
    wakes: AtomicUsize,
}

impl<F: Fn(&dyn Fn() -> bool) -> Result<()> + Send + Sync> Waiter for Meanwhile<F> {
    fn wait(&self, done: &dyn Fn() -> bool) -> Result<()> {
        (self.action)(done)
    }

    fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }
}

fn meanwhile<'a>(action: impl Fn(&dyn Fn() -> bool) -> Result<()> + Send + Sync + 'static) -> Arc<dyn Waiter + 'a> {
    Arc::new(Meanwhile { action, wakes: AtomicUsize::new(0) })
}

/// A process that has a file open.
#[derive(Clone)]
struct Process {
    owner: LockOwner,
    pid: u32,
    file: Arc<FileObject>,
}

impl Process {
    fn new(world: &World, pid: u32, path: &str) -> Self {
        Self { owner: LockOwner::fresh(), pid, file: open(world, path) }
    }

    fn as_owner(&self) -> RecordOwner {
        RecordOwner::Process { owner: self.owner, pid: self.pid }
    }

    fn lock(&self, kind: LockKind, start: i64, length: i64) -> Result<()> {
        let range = LockRange::new(0, start, length)?;
        self.file.lock_record(self.as_owner(), Some(kind), range, None)
    }

    fn lock_waiting(&self, kind: LockKind, start: i64, length: i64, waiter: &Arc<dyn Waiter>) -> Result<()> {
        let range = LockRange::new(0, start, length)?;
        self.file.lock_record(self.as_owner(), Some(kind), range, Some(waiter))
    }

    fn unlock(&self, start: i64, length: i64) -> Result<()> {
        self.file.lock_record(self.as_owner(), None, LockRange::new(0, start, length)?, None)
    }
}

/// As a process that ends closes what it has.
impl Drop for Process {
    fn drop(&mut self) {
        self.file.close_for(self.owner);
    }
}

fn open(world: &World, path: &str) -> Arc<FileObject> {
    world.open(path, READ_WRITE).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

/// What others hold on the file, as "S 0-9 of 1, X 20- of -1": asked for by somebody with nothing, who would have all.
fn shown(file: &FileObject) -> String {
    let mut text = String::new();
    let mut at = 0;
    let nobody = RecordOwner::Process { owner: LockOwner::fresh(), pid: 0 };
    while let Ok(range) = LockRange::new(0, at, 0)
        && let Ok(Some(HeldRecord { kind, range, pid })) = file.test_record(nobody, Some(Exclusive), range)
    {
        let kind = if kind == Shared { 'S' } else { 'X' };
        let pid = pid.map_or(-1, i64::from);
        let comma = if text.is_empty() { "" } else { ", " };
        match range.length() {
            0 => return text + &format!("{comma}{kind} {}- of {pid}", range.start()),
            length => {
                text += &format!("{comma}{kind} {}-{} of {pid}", range.start(), range.start() + length - 1);
                at = (range.start() + length) as i64;
            }
        }
    }
    text
}

fn world() -> World {
    let world = World::new();
    world.write("/f", "0123456789").write("/g", "");
    world
}

vfs_test! {
    /// ```text
    /// /f   opened twice        each opening holds for itself; who shares one (dup, fork) holds together
    /// ```
    fn whole_files_are_locked_by_open_files() {
        let world = world();
        let (one, other) = (open(&world, "/f"), open(&world, "/f"));
        assert_eq!(one.lock_whole(Some(Shared), 1, None), Ok(()));
        assert_eq!(other.lock_whole(Some(Shared), 1, None), Ok(()));
        assert_eq!(one.lock_whole(Some(Exclusive), 1, None), AGAIN);
        // What was to be converted is gone, as the manual says it may be.
        assert_eq!(other.lock_whole(Some(Exclusive), 1, None), Ok(()));
        assert_eq!(one.lock_whole(Some(Shared), 1, None), AGAIN);
        let duplicate = other.clone();
        assert_eq!(duplicate.lock_whole(Some(Exclusive), 1, None), Ok(()));
        drop(other);
        assert_eq!(one.lock_whole(Some(Shared), 1, None), AGAIN);
        drop(duplicate);
        assert_eq!(one.lock_whole(Some(Exclusive), 1, None), Ok(()));
        assert_eq!(one.lock_whole(None, 1, None), Ok(()));
        assert_eq!(one.lock_whole(None, 1, None), Ok(()), "nothing to give back is no error");
        assert!(is_free(one.node().id()));
    }

    fn families_do_not_see_each_other() {
        let world = world();
        let (process, file) = (Process::new(&world, 1, "/f"), open(&world, "/f"));
        assert_eq!(file.lock_whole(Some(Exclusive), 1, None), Ok(()));
        assert_eq!(process.lock(Exclusive, 0, 0), Ok(()));
        // Those of open files and of processes do, even of the same process.
        assert_eq!(process.file.lock_record(RecordOwner::OpenFile, Some(Shared), LockRange::WHOLE, None), AGAIN);
        assert_eq!(process.unlock(0, 0), Ok(()));
        assert_eq!(process.file.lock_record(RecordOwner::OpenFile, Some(Shared), LockRange::WHOLE, None), Ok(()));
        assert_eq!(process.lock(Exclusive, 5, 1), AGAIN);
        assert_eq!(shown(&file), "S 0- of -1");
    }

    /// ```text
    /// bytes   0    5    10   15   20
    ///         XXXXXXXXXXXXXXXXXXXX        lock 0-19
    ///         XXXXXSSSSSXXXXXXXXXX        share 5-9: split in three
    ///         XXXXXSSSSSXX   XXXXX        unlock 12-14: split again
    ///         XXXXXXXXXXXX   XXXXX        lock 3-9: joined over what was shared
    ///         XXXXXXXXXXXXXXXXXXXX        lock 12-14: neighbours are joined
    /// ```
    fn ranges_split_and_join() {
        let world = world();
        let (process, file) = (Process::new(&world, 7, "/f"), open(&world, "/f"));
        let steps: [(Option<LockKind>, i64, i64, &str); 7] = [
            (Some(Exclusive), 0, 20, "X 0-19 of 7"),
            (Some(Shared), 5, 5, "X 0-4 of 7, S 5-9 of 7, X 10-19 of 7"),
            (None, 12, 3, "X 0-4 of 7, S 5-9 of 7, X 10-11 of 7, X 15-19 of 7"),
            (Some(Exclusive), 3, 7, "X 0-11 of 7, X 15-19 of 7"),
            (Some(Exclusive), 12, 3, "X 0-19 of 7"),
            (Some(Shared), 10, 0, "X 0-9 of 7, S 10- of 7"),
            (None, 0, 0, ""),
        ];
        for (kind, start, length, expected) in steps {
            match kind {
                Some(kind) => assert_eq!(process.lock(kind, start, length), Ok(())),
                None => assert_eq!(process.unlock(start, length), Ok(())),
            }
            assert_eq!(shown(&file), expected, "{kind:?} {start} {length}");
        }
        assert!(is_free(file.node().id()));
    }

    /// `l_whence`, `l_start` and `l_len` as fcntl(2) has them, in a file of 10 bytes read up to 4.
    fn a_range_may_be_told_in_many_ways() {
        let world = world();
        let file = open(&world, "/f");
        assert_eq!(file.seek(SeekFrom::Start(4)), Ok(4));
        let range = |start, length| file.lock_range(start, length).map(|range| (range.start(), range.length()));
        assert_eq!(range(SeekFrom::Start(3), 4), Ok((3, 4)));
        assert_eq!(range(SeekFrom::Start(3), 0), Ok((3, 0)));
        assert_eq!(range(SeekFrom::Current(0), 2), Ok((4, 2)));
        assert_eq!(range(SeekFrom::End(-2), -3), Ok((5, 3)));
        assert_eq!(range(SeekFrom::Start(i64::MAX), 1), Ok((i64::MAX as u64, 0)));
        assert_eq!(range(SeekFrom::Start(1), i64::MAX), Ok((1, 0)));
        assert_eq!(range(SeekFrom::Start(-1), 0), fail(Kind::InvalidArgument));
        assert_eq!(range(SeekFrom::Start(0), -1), fail(Kind::InvalidArgument));
        assert_eq!(range(SeekFrom::Current(-4), i64::MIN), fail(Kind::InvalidArgument));
        assert_eq!(range(SeekFrom::Start(-1), i64::MAX), fail(Kind::InvalidArgument));
        assert_eq!(range(SeekFrom::Start(2), i64::MAX), fail(Kind::Overflow));
        assert_eq!(range(SeekFrom::Current(i64::MAX), 1), fail(Kind::Overflow));
        assert_eq!(range(SeekFrom::Data(0), 1), fail(Kind::InvalidArgument));
    }

    /// Any descriptor that the process closes, be it of another opening by another name, takes all its locks on the file.
    fn a_process_loses_its_locks_with_any_descriptor_it_closes() {
        let world = world();
        assert_eq!(world.vfs.link(&world.root, b"/f", b"/name", crate::manager::Follow::No), Ok(()));
        let (process, other) = (Process::new(&world, 1, "/f"), Process::new(&world, 2, "/f"));
        assert_eq!(process.lock(Exclusive, 0, 5), Ok(()));
        assert_eq!(other.lock(Exclusive, 5, 5), Ok(()));
        let unrelated = open(&world, "/g");
        unrelated.close_for(process.owner);
        assert_eq!(shown(&unrelated), "");
        assert_eq!(shown(&process.file), "X 0-4 of 1, X 5-9 of 2");
        let again = open(&world, "/name");
        let range = again.lock_range(SeekFrom::Start(20), 5).unwrap_or(LockRange::WHOLE);
        assert_eq!(again.lock_record(RecordOwner::OpenFile, Some(Shared), range, None), Ok(()));
        again.close_for(process.owner);
        assert_eq!(shown(&process.file), "X 5-9 of 2, S 20-24 of -1");
        drop(again);
        assert_eq!(shown(&process.file), "X 5-9 of 2");
    }

    fn a_record_lock_needs_the_right_to_do_what_it_guards() {
        let world = world();
        let owner = RecordOwner::Process { owner: LockOwner::fresh(), pid: 1 };
        let ask = |flags, kind| match world.open("/f", flags) {
            Ok(file) => file.lock_record(owner, kind, LockRange::WHOLE, None),
            Err(error) => Err(error),
        };
        let bad = fail(Kind::BadFileDescriptor);
        assert_eq!(ask(OpenFlags::READ, Some(Exclusive)), bad);
        assert_eq!(ask(OpenFlags::WRITE, Some(Shared)), bad);
        assert_eq!(ask(OpenFlags::READ, None), Ok(()));
        assert_eq!(ask(OpenFlags::PATH, None), bad);
        let reader = world.open("/f", OpenFlags::READ).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(reader.lock_whole(Some(Exclusive), 1, None), Ok(()), "flock(2) asks for no right");
        let place = world.open("/f", OpenFlags::PATH).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(place.lock_whole(Some(Shared), 1, None), bad);
        assert_eq!(place.test_record(owner, Some(Shared), LockRange::WHOLE), fail(Kind::BadFileDescriptor));
    }

    /// ```text
    /// u            a file that is locked, written through the overlay, and locked again: one file, whatever layer it is
    /// 1   f        in; what somebody locks in the layer itself is another file's
    /// ```
    fn locks_go_on_over_copy_up() {
        let world = World::new();
        world.mkdir("/1").mkdir("/u").mkdir("/w").mkdir("/m").write("/1/f", "lower");
        world.mount("overlay", "/m", "lowerdir=/1,upperdir=/u,workdir=/w").unwrap_or_else(|error| panic!("{error}"));
        let reader = world.open("/m/f", OpenFlags::READ).unwrap_or_else(|error| panic!("{error:?}"));
        let early = Process { owner: LockOwner::fresh(), pid: 1, file: reader.clone() };
        assert_eq!(reader.lock_whole(Some(Exclusive), 1, None), Ok(()));
        assert_eq!(early.lock(Shared, 0, 2), Ok(()));
        assert_eq!(world.list("/u"), "");
        world.append("/m/f", "+");
        let late = open(&world, "/m/f");
        assert_eq!(late.lock_whole(Some(Shared), 1, None), AGAIN);
        assert_eq!(world.read("/u/f"), "lower+");
        assert_eq!(shown(&late), "S 0-1 of 1");
        let below = open(&world, "/1/f");
        assert_eq!(below.lock_whole(Some(Exclusive), 1, None), Ok(()));
        let above = open(&world, "/u/f");
        assert_eq!(above.lock_whole(Some(Exclusive), 1, None), Ok(()));
        assert_eq!(shown(&above), "");
    }

    /// Who waits is woken by a release of what overlaps, asks again, and gets it.
    fn who_waits_gets_the_lock_when_it_is_given_back() {
        let world = world();
        let (holder, waiting) = (Process::new(&world, 1, "/f"), Process::new(&world, 2, "/f"));
        assert_eq!(holder.lock(Exclusive, 0, 10), Ok(()));
        let there = holder.clone();
        let waiter = meanwhile(move |done| {
            assert_eq!(there.unlock(0, 3), Ok(()));
            assert!(!done(), "what was given back is not what is waited for");
            assert_eq!(there.lock(Shared, 5, 1), Ok(()));
            assert!(done(), "a byte may be shared now: worth asking again");
            assert_eq!(there.unlock(5, 5), Ok(()));
            Ok(())
        });
        assert_eq!(waiting.lock_waiting(Exclusive, 5, 5, &waiter), Ok(()));
        assert_eq!(shown(&open(&world, "/f")), "X 3-4 of 1, X 5-9 of 2");
        let (one, other) = (open(&world, "/f"), open(&world, "/f"));
        assert_eq!(one.lock_whole(Some(Exclusive), 1, None), Ok(()));
        let held = crate::sync::Mutex::new(Some(one));
        let waiter = meanwhile(move |done| {
            drop(held.lock().take());
            if done() { Ok(()) } else { fail(Kind::Io) }
        });
        assert_eq!(other.lock_whole(Some(Shared), 1, Some(&waiter)), Ok(()));
    }

    /// A signal ends the wait, and leaves nothing behind: neither a lock nor a place in the queue.
    fn an_interrupted_wait_leaves_nothing() {
        let world = world();
        let (holder, waiting) = (Process::new(&world, 1, "/f"), Process::new(&world, 2, "/f"));
        assert_eq!(holder.lock(Shared, 0, 0), Ok(()));
        let signal = meanwhile(|_| fail(Kind::Interrupted));
        assert_eq!(waiting.lock_waiting(Exclusive, 0, 1, &signal), fail(Kind::Interrupted));
        assert_eq!(Arc::strong_count(&signal), 1);
        assert_eq!(shown(&open(&world, "/f")), "S 0- of 1");
        // The one who was interrupted is nobody's obstacle: no way leads round by it.
        assert_eq!(waiting.lock(Shared, 0, 0), Ok(()));
        assert_eq!(holder.lock_waiting(Exclusive, 0, 1, &signal), fail(Kind::Interrupted));
    }

    /// ```text
    /// 1 has a of /f, waits for b of /g     2 has b, waits for c of /f     3 has c: would wait for a, and so for itself
    /// ```
    fn a_process_that_would_wait_for_itself_is_told() {
        let world = world();
        let [one, two, three] = [1, 2, 3].map(|pid| Process::new(&world, pid, "/f"));
        let two_in_g = Process { owner: two.owner, pid: 2, file: open(&world, "/g") };
        let one_in_g = Process { owner: one.owner, pid: 1, file: open(&world, "/g") };
        assert_eq!(one.lock(Exclusive, 0, 1), Ok(()));
        assert_eq!(two_in_g.lock(Exclusive, 1, 1), Ok(()));
        assert_eq!(three.lock(Exclusive, 2, 1), Ok(()));
        let never = meanwhile(|_| fail(Kind::Interrupted));
        let last = three.clone();
        let second = two.clone();
        let two_waits = meanwhile(move |_| {
            assert_eq!(last.lock_waiting(Exclusive, 0, 1, &never), fail(Kind::Deadlock));
            // Without waiting there is no danger, and for the open file nobody looks.
            assert_eq!(last.lock(Exclusive, 0, 1), AGAIN);
            let open_file = last.file.lock_record(RecordOwner::OpenFile, Some(Shared), LockRange::WHOLE, Some(&never));
            assert_eq!(open_file, fail(Kind::Interrupted));
            fail(Kind::Interrupted)
        });
        let one_waits = meanwhile(move |_| second.lock_waiting(Exclusive, 2, 1, &two_waits));
        assert_eq!(one_in_g.lock_waiting(Shared, 0, 5, &one_waits), fail(Kind::Interrupted));
        // Two that share, and would both have it alone.
        assert_eq!(one.lock(Shared, 7, 1), Ok(()));
        assert_eq!(two.lock(Shared, 7, 1), Ok(()));
        let second = two.clone();
        let upgrade = meanwhile(move |_| {
            let never = meanwhile(|_| fail(Kind::Interrupted));
            second.lock_waiting(Exclusive, 7, 1, &never)
        });
        assert_eq!(one.lock_waiting(Exclusive, 7, 1, &upgrade), fail(Kind::Deadlock));
    }

    /// A lock that there is no memory for is refused, and what was held is as it was.
    fn without_memory_what_is_held_stays() {
        let world = world();
        let (process, file) = (Process::new(&world, 1, "/f"), open(&world, "/f"));
        assert_eq!(process.lock(Exclusive, 0, 10), Ok(()));
        let mut refused = 0;
        for nth in 1.. {
            let armed = page::faults::fail_nth(nth);
            let result = process.unlock(4, 2);
            if !armed.fired() {
                assert_eq!(result, Ok(()));
                break;
            }
            drop(armed);
            refused += 1;
            assert_eq!(result, fail(Kind::NoLocks));
            assert_eq!(shown(&file), "X 0-9 of 1");
        }
        assert!(refused > 0);
        assert_eq!(shown(&file), "X 0-3 of 1, X 6-9 of 1");
        let armed = page::faults::fail_nth(1);
        assert_eq!(open(&world, "/g").lock_whole(Some(Shared), 1, None), fail(Kind::NoLocks));
        assert!(armed.fired());
        assert!(is_free(open(&world, "/g").node().id()));
    }
}
