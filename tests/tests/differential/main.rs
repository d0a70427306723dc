//! Random sequences of operations on Strata's file systems and on Linux's, compared: every answer, and the whole tree.
//!
//! For each seed a case is made (`generate`): layers, what is in them, and steps. Both sides make the same layers,
//! mount them with options that mean the same, and do the same steps; each answer must be the same, at the end the
//! whole merged tree and the upper layer, the tree again after a remount, and once more with the upper layers swapped:
//! the one Strata wrote mounted on Linux, and Linux's on Strata. What differs on purpose is in one table
//! (`deliberate`). A case that fails is made small and printed as a script that shows it on Linux.
//!
//! | module | what it is |
//! |---|---|
//! | `operation`, `answer`, `case` | what can be done, what comes back, a case |
//! | `generate` | cases from seeds |
//! | `strata`, `linux` | the two sides |
//! | `people` | who does it |
//! | `paths` | where restricted paths lead |
//! | `rights` | cases about rights alone |
//! | `run`, `streams`, `exchange` | a case on both sides |
//! | `events` | what those who watch are told meanwhile |
//! | `compare`, `deliberate`, `examples` | what counts as the same |
//! | `shrink`, `script` | what a person gets to see of a failure |
//!
//! `make soak`, or `SOAK=1`, goes on until ten million operations were compared; `SEED=n` runs that one seed; `CASES=n` so many;
//! `FAILURES=n` goes on after a failure until there are so many.
//! Needs root and overlayfs; without them the tests say that they skip.

#![forbid(unsafe_code)]

mod answer;
mod case;
mod compare;
mod deliberate;
mod events;
mod examples;
mod exchange;
mod generate;
mod linux;
mod operation;
mod paths;
mod people;
mod rights;
mod run;
mod script;
mod shrink;
mod strata;
mod streams;

use case::Kind;
use std::time::{Duration, Instant};

/// Operations that a long run compares, over all kinds.
const SOAK_OPERATIONS: usize = 10_000_000;

/// How long a failing case may be made smaller.
const SHRINK_LIMIT: Duration = Duration::from_secs(20);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Compares cases of one kind in a namespace of this thread: `share` hundredths of the whole run if that is the long one.
fn compare_cases(kind: Kind, operations: usize, share: usize) {
    if let Err(reason) = linux::enter_namespace() {
        eprintln!("skipped: {reason}");
        return;
    }
    let soak = number("SOAK").is_some_and(|value| value != 0);
    compare(kind, if soak { SOAK_OPERATIONS / 100 * share } else { operations });
}

/// Compares cases of one kind until so many operations were compared.
fn compare(kind: Kind, wanted: usize) {
    compare_made(kind, |seed| generate::case(kind, seed), wanted);
}

/// The same with cases that `make` makes of seeds.
fn compare_made(kind: Kind, make: impl Fn(u64) -> case::Case, wanted: usize) {
    let seeds = match (number("SEED"), number("CASES")) {
        (Some(seed), _) => seed..=seed,
        (None, Some(cases)) => 0..=cases,
        (None, None) => 0..=u64::MAX,
    };
    let started = Instant::now();
    let (mut compared, mut cases) = (0, 0);
    let mut failures = Vec::new();
    for seed in seeds {
        let case = make(seed);
        match run::run(&case) {
            Ok(count) => compared += count,
            Err(failure) => {
                failures.push(explain(kind, seed, case, &failure));
                if failures.len() as u64 >= number("FAILURES").unwrap_or(1) {
                    break;
                }
            }
        }
        cases += 1;
        if compared >= wanted && number("CASES").is_none() {
            break;
        }
    }
    println!("{kind:?}: {compared} operations in {cases} cases from seed 0 on, {:?}", started.elapsed());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Compares the events of so many cases, with our side as `ours`.
fn compare_events(ours: Kind, wanted: usize) {
    if let Err(reason) = linux::enter_namespace() {
        eprintln!("skipped: {reason}");
        return;
    }
    let soak = number("SOAK").is_some_and(|value| value != 0);
    let first = number("SEED").unwrap_or(0);
    let last = number("SEED").unwrap_or(if soak { 20 * wanted as u64 } else { wanted as u64 });
    let mut compared = 0;
    for seed in first..=last {
        let (case, plan) = events::case(seed);
        match events::run(&case, &plan, ours) {
            Ok(count) => compared += count,
            Err(failure) => {
                let again = |case: &case::Case| events::run(case, &plan, ours).is_err();
                let small = shrink::shrink(case, SHRINK_LIMIT, again);
                let what = events::run(&small, &plan, ours).map_or_else(|failure| failure.what, |_| failure.what);
                panic!("{}", script::script(&small, &format!("events, {ours:?}, SEED={seed}\n{what}")));
            }
        }
    }
    println!("{ours:?}: {compared} events");
    assert!(soak || number("SEED").is_some() || compared > 5 * wanted, "{compared} events are too few to mean much");
}

/// Makes the case small, and tells it as a script.
fn explain(kind: Kind, seed: u64, mut case: case::Case, failure: &run::Failure) -> String {
    let setup = case.setup.len();
    case.setup.truncate(failure.steps);
    case.steps.truncate(failure.steps.saturating_sub(setup));
    let small = shrink::shrink(case, SHRINK_LIMIT, |case| run::run(case).is_err());
    let what = run::run(&small).map_or_else(|failure| failure.what, |_| failure.what.clone());
    script::script(&small, &format!("{kind:?}, SEED={seed}\n{what}"))
}

#[test]
fn a_tmpfs_answers_as_linux_does() {
    compare_cases(Kind::Plain, 30_000, 20);
}

#[test]
fn rights_are_what_they_are_on_linux() {
    match linux::enter_namespace() {
        Ok(()) => compare_made(Kind::Plain, rights::case, 40_000),
        Err(reason) => eprintln!("skipped: {reason}"),
    }
}

#[test]
fn an_overlay_answers_as_linux_does() {
    compare_cases(Kind::Overlay, 50_000, 50);
}

#[test]
fn a_read_only_overlay_answers_as_linux_does() {
    compare_cases(Kind::ReadOnly, 10_000, 10);
}

#[test]
fn a_nested_overlay_answers_as_linux_does() {
    compare_cases(Kind::Nested, 20_000, 20);
}

#[test]
fn a_tmpfs_tells_those_who_watch_as_linux_does() {
    compare_events(Kind::Plain, 1_000);
}

/// Linux's own loses events when a file is copied up.
#[test]
fn an_overlay_tells_those_who_watch_what_linuxs_tmpfs_does() {
    compare_events(Kind::Overlay, 1_000);
}

#[test]
#[ignore = "takes a quarter of an hour; make soak runs it"]
fn ten_million_operations_are_answered_as_linux_does() {
    if let Err(reason) = linux::enter_namespace() {
        eprintln!("skipped: {reason}");
        return;
    }
    for (kind, share) in [(Kind::Plain, 20), (Kind::Overlay, 50), (Kind::ReadOnly, 10), (Kind::Nested, 20)] {
        compare(kind, SOAK_OPERATIONS / 100 * share);
    }
}

/// Each entry of the table is met by its example, and by that entry alone: what is no difference any more has to go.
/// Users are told of each.
#[test]
fn every_deliberate_difference_is_one() {
    if let Err(reason) = linux::enter_namespace() {
        eprintln!("skipped: {reason}");
        return;
    }
    let page = include_str!("../../../docs/overlay.md");
    for difference in deliberate::ANSWERS {
        let row = format!("| {} | {} |", difference.what, difference.reason);
        assert!(page.contains(&row), "docs/overlay.md lacks the line\n{row}");
        println!("{}: {}", difference.what, difference.reason);
        let met = run::differences_at_the_end(&(difference.example)()).unwrap_or_else(|failure| {
            panic!("{}: the example differs before its end: {}", difference.what, failure.what);
        });
        let met: Vec<_> = met.iter().map(|difference| difference.what).collect();
        assert_eq!(met, [difference.what]);
    }
    for field in deliberate::FIELDS {
        println!("not compared: {}: {}", field.what, field.reason);
    }
    for (what, reason) in deliberate::ELSEWHERE.iter().chain(deliberate::MARKS) {
        println!("{what}: {reason}");
    }
}
