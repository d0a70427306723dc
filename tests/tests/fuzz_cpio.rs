//! cpiofs takes any bytes: it refuses them with a place and a reason, or shows a tree that holds together.

use std::time::Duration;
use tests::fuzz::{Fuzz, Report, archive};

fn fuzz(seed: u64, time: Duration) -> Report {
    let report = Fuzz { name: "cpio", seed, time, mutate: &archive::mutate, target: &archive::examine }.run();
    println!("seed {seed}: {report:?}");
    report
}

/// A short run, the same each time. It must get around: past the magic, into every part of the format.
#[test]
fn any_bytes_are_refused_or_make_a_whole_tree() {
    let report = fuzz(1, Duration::from_secs(4));
    assert!(report.inputs > 1000 && report.outcomes > 40, "the fuzzer does not get anywhere: {report:?}");
}

#[test]
#[ignore = "long"]
fn any_bytes_for_ten_minutes() {
    for seed in 2..12 {
        fuzz(seed, Duration::from_secs(60));
    }
}
