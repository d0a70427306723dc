//! Choosing the tests and running them one after the other.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Test, faulty, report, watchdog};
use crate::arch::exit;
use crate::{command_line, mm};

/// What a test may take when the command line does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs or lists the tests that the command line selects, and ends the machine.
pub fn run() -> ! {
    let tests = select(command_line::value("ktest.filter"), command_line::has("ktest.exact"));
    if command_line::has("ktest.list") {
        report::list(&tests);
    } else {
        let skip = number("ktest.skip").unwrap_or(0) as usize;
        watchdog::set_timeout(number("ktest.timeout").map_or(DEFAULT_TIMEOUT, Duration::from_secs));
        report::plan(tests.len());
        for (index, test) in tests.iter().enumerate().skip(skip) {
            run_one(index + 1, test);
        }
    }
    report::end();
    exit::with_code(exit::Code::Tests)
}

/// All tests whose names contain one of the comma-separated `filter`s (or are equal to one), by name.
fn select(filter: Option<&str>, exact: bool) -> Vec<Test> {
    let is_selected = |test: &Test| {
        filter.is_none_or(|filter| {
            filter.split(',').any(|part| if exact { test.name() == part } else { test.name().contains(part) })
        })
    };
    let mut tests: Vec<Test> = all().into_iter().filter(is_selected).collect();
    tests.sort_unstable_by_key(Test::name);
    tests
}

/// The kernel's own tests, and those that other crates bring along.
fn all() -> Vec<Test> {
    if command_line::has("ktest.faulty") {
        return faulty::TESTS.to_vec();
    }
    let brought = registry::entries::<registry::Test>().map(|test| Test {
        path: test.name,
        run: test.run,
        panics: test.should_panic.then_some(""),
    });
    registry::entries::<Test>().copied().chain(brought).collect()
}

fn run_one(number: usize, test: &Test) {
    report::start(number, test);
    watchdog::start();
    let mut left = run_counted(test);
    if left != Left::NOTHING {
        left = run_counted(test);
    }
    watchdog::stop();
    if test.panics.is_some() {
        report::failed(&"did not panic, and should have");
    } else if left != Left::NOTHING {
        report::failed(&format_args!(
            "leaked {} frames and {} bytes of heap in {} allocations",
            left.frames, left.bytes, left.allocations
        ));
    } else {
        report::passed("");
    }
}

/// What a test left behind; negative when it took away more than it brought.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Left {
    frames: isize,
    bytes: isize,
    allocations: isize,
}

impl Left {
    const NOTHING: Self = Self { frames: 0, bytes: 0, allocations: 0 };

    fn count() -> Self {
        let usage = mm::usage();
        Self {
            frames: usage.other_frames() as isize,
            bytes: usage.heap_bytes as isize,
            allocations: mm::heap::allocations() as isize,
        }
    }
}

fn run_counted(test: &Test) -> Left {
    let before = Left::count();
    (test.run)();
    let after = Left::count();
    Left {
        frames: after.frames - before.frames,
        bytes: after.bytes - before.bytes,
        allocations: after.allocations - before.allocations,
    }
}

fn number(name: &str) -> Option<u64> {
    command_line::value(name)?.parse().ok()
}
