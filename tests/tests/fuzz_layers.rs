//! An overlay of any layers whatsoever holds together: no escape, no endless loop, no change of a lower layer.

use std::time::Duration;
use tests::fuzz::{Fuzz, Report, layers};

fn fuzz(seed: u64, time: Duration) -> Report {
    let report = Fuzz { name: "layers", seed, time, mutate: &layers::mutate, target: &layers::examine }.run();
    println!("seed {seed}: {report:?}");
    report
}

/// A short run, the same each time. It must get around: many verbs with many errnos.
#[test]
fn any_layers_hold_together() {
    let report = fuzz(1, Duration::from_secs(4));
    assert!(report.inputs > 300 && report.outcomes > 40, "the fuzzer does not get anywhere: {report:?}");
}

#[test]
#[ignore = "long"]
fn any_layers_for_ten_minutes() {
    for seed in 2..12 {
        fuzz(seed, Duration::from_secs(60));
    }
}
