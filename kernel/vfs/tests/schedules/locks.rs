//! Waiting for locks against giving them back.

use crate::protocols;
use crate::stage::Stage;
use shuttle::sync::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use vfs::error::Result;
use vfs::file::OpenFlags;
use vfs::lock::{LockKind, LockOwner, LockRange, RecordOwner, Waiter};

const READ_WRITE: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

/// A thread of the scheduler's that waits.
#[derive(Default)]
struct Thread {
    woken: Mutex<()>,
    condition: Condvar,
}

impl Waiter for Thread {
    fn wait(&self, done: &dyn Fn() -> bool) -> Result<()> {
        let mut guard = self.woken.lock().expect("no thread panics with it");
        while !done() {
            guard = self.condition.wait(guard).expect("no thread panics with it");
        }
        Ok(())
    }

    fn wake(&self) {
        let _guard = self.woken.lock().expect("no thread panics with it");
        self.condition.notify_all();
    }
}

fn waiter() -> Arc<dyn Waiter> {
    Arc::new(Thread::default())
}

/// Counts those inside; asserts to be alone there.
fn alone(inside: &AtomicU32) {
    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
    shuttle::thread::yield_now();
    inside.fetch_sub(1, Ordering::SeqCst);
}

protocols! {
    /// ```text
    /// 1   f       three lock a range of f for themselves, and give it back by a close or an unlock: each gets it, one at
    ///             a time, and no waking is lost (in such a schedule nobody could go on)
    /// ```
    fn ranges_are_had_by_one_at_a_time_and_by_everyone() {
        let stage = Stage::new(|world| {
            world.write("/1/f", "f");
        });
        static INSIDE: AtomicU32 = AtomicU32::new(0);
        INSIDE.store(0, Ordering::SeqCst);
        let lock = |stage: &Stage, by_close: bool| {
            let file = stage.open("/m/f", READ_WRITE).expect("it is there");
            let process = LockOwner::fresh();
            let owner = RecordOwner::Process { owner: process, pid: 1 };
            assert_eq!(file.lock_record(owner, Some(LockKind::Exclusive), LockRange::WHOLE, Some(&waiter())), Ok(()));
            alone(&INSIDE);
            if !by_close {
                assert_eq!(file.lock_record(owner, None, LockRange::WHOLE, None), Ok(()));
            }
            file.close_for(process);
        };
        stage.at_once(&[&|stage| lock(stage, true), &|stage| lock(stage, false), &|stage| lock(stage, true)]);
    }

    /// ```text
    /// 1   f       two lock the whole of f and close it, one locks it, unlocks and closes
    /// ```
    fn files_are_had_by_one_at_a_time_and_by_everyone() {
        let stage = Stage::new(|world| {
            world.write("/1/f", "f");
        });
        static INSIDE: AtomicU32 = AtomicU32::new(0);
        INSIDE.store(0, Ordering::SeqCst);
        let lock = |stage: &Stage, unlock: bool| {
            let file = stage.open("/m/f", OpenFlags::READ).expect("it is there");
            assert_eq!(file.lock_whole(Some(LockKind::Exclusive), 1, Some(&waiter())), Ok(()));
            alone(&INSIDE);
            if unlock {
                assert_eq!(file.lock_whole(None, 1, None), Ok(()));
            }
        };
        stage.at_once(&[&|stage| lock(stage, true), &|stage| lock(stage, false), &|stage| lock(stage, false)]);
    }
}
