//! Any bytes are no program, or one of which all that is said holds together.

use std::time::Duration;
use tests::fuzz::{Fuzz, Report, program};

fn fuzz(seed: u64, time: Duration) -> Report {
    let report = Fuzz { name: "elf", seed, time, mutate: &program::mutate, target: &program::examine }.run();
    println!("seed {seed}: {report:?}");
    report
}

#[test]
fn any_bytes_are_refused_or_make_a_sound_program() {
    let report = fuzz(1, Duration::from_secs(2));
    assert!(report.inputs > 1000 && report.outcomes > 40, "the fuzzer does not get anywhere: {report:?}");
}

#[test]
#[ignore = "long"]
fn any_bytes_for_five_minutes() {
    for seed in 2..12 {
        fuzz(seed, Duration::from_secs(30));
    }
}
