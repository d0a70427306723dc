//! Any option string is refused with a reason, or mounts what its own options make again.

use std::time::Duration;
use tests::fuzz::{Fuzz, Report, options};

fn fuzz(type_name: &str, seed: u64, time: Duration) -> Report {
    let name = format!("{type_name}-options");
    let target = |input: &[u8]| options::examine(type_name, input);
    let report = Fuzz { name: &name, seed, time, mutate: &options::mutate, target: &target }.run();
    println!("{name}, seed {seed}: {report:?}");
    report
}

#[test]
fn any_options_of_an_overlay() {
    let report = fuzz("overlay", 1, Duration::from_secs(3));
    assert!(report.inputs > 500 && report.outcomes > 30, "the fuzzer does not get anywhere: {report:?}");
}

#[test]
fn any_options_of_tmpfs() {
    let report = fuzz("tmpfs", 1, Duration::from_secs(2));
    assert!(report.inputs > 500 && report.outcomes > 6, "the fuzzer does not get anywhere: {report:?}");
}

#[test]
#[ignore = "long"]
fn any_options_for_ten_minutes() {
    for seed in 2..12 {
        fuzz("overlay", seed, Duration::from_secs(50));
        fuzz("tmpfs", seed, Duration::from_secs(10));
    }
}
