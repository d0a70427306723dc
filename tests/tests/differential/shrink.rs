//! Makes a failing case small: takes steps away as long as it still fails.

use super::case::{Case, Kind};
use super::people::ROOT;
use std::time::{Duration, Instant};

/// A small case that fails as `fails` says, starting from one that does.
pub fn shrink(case: Case, limit: Duration, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let deadline = Instant::now() + limit;
    let mut best = case;
    loop {
        let before = best.setup.len() + best.steps.len();
        best = take_away(best, deadline, &mut fails, |case| &mut case.steps);
        best = take_away(best, deadline, &mut fails, |case| &mut case.setup);
        best = fewer_lowers(best, deadline, &mut fails);
        best = as_root(best, deadline, &mut fails);
        if best.setup.len() + best.steps.len() == before || Instant::now() > deadline {
            return best;
        }
    }
}

/// Takes runs of steps away, long ones first.
fn take_away(
    mut best: Case,
    deadline: Instant,
    fails: &mut impl FnMut(&Case) -> bool,
    part: impl Fn(&mut Case) -> &mut Vec<super::operation::Step>,
) -> Case {
    let mut length = part(&mut best).len();
    while length > 0 {
        let mut start = 0;
        while start < part(&mut best).len() && Instant::now() < deadline {
            let mut smaller = best.clone();
            let steps = part(&mut smaller);
            let end = (start + length).min(steps.len());
            drop(steps.drain(start..end));
            if fails(&smaller) { best = smaller } else { start += length }
        }
        length /= 2;
    }
    best
}

/// Leaves out the lowest layers.
fn fewer_lowers(mut best: Case, deadline: Instant, fails: &mut impl FnMut(&Case) -> bool) -> Case {
    let least = match best.layout.kind {
        Kind::Plain => 0,
        Kind::Overlay => 1,
        Kind::ReadOnly | Kind::Nested => 2,
    };
    while best.layout.lowers > least && Instant::now() < deadline {
        let mut smaller = best.clone();
        smaller.layout.lowers -= 1;
        if !fails(&smaller) {
            break;
        }
        best = smaller;
    }
    best
}

/// Does everything as the superuser, if it need not be done as another.
fn as_root(best: Case, deadline: Instant, fails: &mut impl FnMut(&Case) -> bool) -> Case {
    let mut simpler = best.clone();
    for step in &mut simpler.steps {
        step.who = ROOT;
    }
    if simpler != best && Instant::now() < deadline && fails(&simpler) { simpler } else { best }
}
