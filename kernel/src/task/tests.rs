//! What threads promise.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;

use page::Page;
use spin::Mutex;
use vfs::selftest::world::World;

use super::scheduler::{self, give_way};
use super::thread::{State, Thread};
use super::timer::sleep;
use super::wait::WaitQueue;
use crate::mm::usage;
use crate::{ktest, time};

fn spawn(work: impl FnOnce() + Send + 'static) -> Arc<Thread> {
    Thread::spawn(work).expect("there is memory for a thread")
}

/// Runs on until the stack is used up.
fn recurse(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    room[depth as usize % 64] + recurse(black_box(depth + 1))
}

ktest! {
    fn a_thread_does_its_work_and_ends() {
        let done = Arc::new(AtomicU64::new(0));
        let seen = done.clone();
        let thread = spawn(move || seen.store(42, Ordering::Relaxed));
        assert_eq!((done.load(Ordering::Relaxed), thread.state()), (0, State::Ready));
        thread.join();
        assert_eq!((done.load(Ordering::Relaxed), thread.state()), (42, State::Ended));
        thread.join();
    }

    fn threads_that_give_way_take_turns() {
        let order: Arc<Mutex<Vec<u32>>> = Arc::default();
        let threads: Vec<_> = (0..3).map(|number| {
            let order = order.clone();
            spawn(move || for turn in 0..3 {
                order.lock().push(10 * turn + number);
                give_way();
            })
        }).collect();
        threads.iter().for_each(|thread| thread.join());
        assert_eq!(*order.lock(), [0, 1, 2, 10, 11, 12, 20, 21, 22]);
        assert_eq!(scheduler::threads(), 1);
    }

    /// Registers that calls preserve and what lies on the stack are the thread's own.
    fn switching_keeps_what_a_thread_computes_with() {
        let sums: Vec<_> = (1..=4u64).map(|factor| {
            let sum = Arc::new(AtomicU64::new(0));
            let result = sum.clone();
            let thread = spawn(move || {
                let mut values = [0u64; 32];
                for round in 0..100 {
                    for (index, value) in values.iter_mut().enumerate() {
                        *value += black_box(factor * index as u64);
                    }
                    if round % 3 == 0 {
                        give_way();
                    }
                }
                result.store(values.iter().sum(), Ordering::Relaxed);
            });
            (thread, sum, factor)
        }).collect();
        for (thread, sum, factor) in sums {
            thread.join();
            assert_eq!(sum.load(Ordering::Relaxed), 100 * factor * (0..32).sum::<u64>());
        }
    }

    fn who_waits_goes_on_when_woken_and_not_before() {
        static GATE: WaitQueue = WaitQueue::new();
        let (open, passed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let threads: Vec<_> = (0..3).map(|_| {
            let (open, passed) = (open.clone(), passed.clone());
            spawn(move || {
                GATE.wait_until(|| open.load(Ordering::Relaxed) > 0);
                passed.fetch_add(1, Ordering::Relaxed);
            })
        }).collect();
        give_way();
        GATE.wake_all();
        give_way();
        assert_eq!(passed.load(Ordering::Relaxed), 0, "woken, but the condition did not hold");
        assert!(threads.iter().all(|thread| thread.state() == State::Waiting));
        open.store(1, Ordering::Relaxed);
        GATE.wake_all();
        threads.iter().for_each(|thread| thread.join());
        assert_eq!(passed.load(Ordering::Relaxed), 3);
        assert!(!GATE.wake_one());
    }

    fn sleepers_wake_in_the_order_of_their_times() {
        let order: Arc<Mutex<Vec<u64>>> = Arc::default();
        let begin = time::monotonic();
        let threads: Vec<_> = [60u64, 20, 40].into_iter().map(|milliseconds| {
            let order = order.clone();
            spawn(move || {
                sleep(Duration::from_millis(milliseconds));
                order.lock().push(milliseconds);
            })
        }).collect();
        threads.iter().for_each(|thread| thread.join());
        assert_eq!(*order.lock(), [20, 40, 60]);
        assert!(time::monotonic() - begin >= Duration::from_millis(60));
    }

    fn hundreds_of_threads_come_and_go_and_their_stacks_are_used_again() {
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let threads: Vec<_> = (0..100).map(|_| {
                let count = count.clone();
                spawn(move || {
                    count.fetch_add(1, Ordering::Relaxed);
                    give_way();
                })
            }).collect();
            threads.iter().for_each(|thread| thread.join());
        }
        assert_eq!(count.load(Ordering::Relaxed), 300);
        // A few spare stacks at most.
        assert!(usage().stack_frames <= 16 * 16, "{} frames", usage().stack_frames);
    }

    /// With all memory taken no thread begins, and nothing is lost by trying.
    fn without_memory_no_thread_begins() {
        let mut pages: Vec<Page> = Vec::new();
        pages.try_reserve_exact(usage().total_frames).expect("the list of all pages is small");
        while let Ok(page) = Page::build(|_| Ok::<(), page::OutOfMemory>(())) {
            pages.push(page);
        }
        // The stacks that are kept in reserve are still to be had.
        let mut threads = Vec::new();
        while let Ok(thread) = Thread::spawn(|| ()) {
            threads.push(thread);
        }
        assert!(threads.len() < 32);
        threads.iter().for_each(|thread| thread.join());
        drop(pages);
        spawn(|| ()).join();
    }

    /// ```text
    /// /m8  over /m7  over … /m1  over /l        each with an upper layer; changed from a thread
    /// ```
    fn a_stack_is_deep_enough_for_overlays_stacked_as_deep_as_they_can_be() {
        spawn(|| {
            let world = World::new();
            world.mkdir("/l/d/sub").write("/l/d/f", "text").write("/l/d/g", "other");
            for depth in 1..=8 {
                let (upper, merged) = (format!("/u{depth}"), format!("/m{depth}"));
                let lower = if depth == 1 { "/l".into() } else { format!("/m{}", depth - 1) };
                world.mkdir(&upper).mkdir(&merged);
                let mounted = world.mount("overlay", &merged, &format!("lowerdir={lower},upperdir={upper}"));
                assert!(mounted.is_ok(), "{mounted:?}");
            }
            world.append("/m8/d/f", "+");
            assert_eq!(world.read("/m8/d/f"), "text+");
            assert_eq!(world.rename("/m8/d", "/m8/e"), Ok(()));
            assert_eq!(world.unlink("/m8/e/g"), Ok(()));
            assert_eq!(world.rmdir("/m8/e/sub"), Ok(()));
            assert_eq!(world.list("/m8/e"), "f");
            assert_eq!(world.list("/l/d"), "f g sub");
        }).join();
    }

    fn a_thread_that_recurses_without_end_meets_its_guard() panics "the stack ran into its guard page" {
        spawn(|| { black_box(recurse(0)); }).join();
    }
}
