//! Processes and threads by Linux's own calls: what is printed is the same on each run, so that two systems can be
//! compared by it.

mod beginning;
mod call;
mod control;
mod executing;
mod ordering;
mod policies;
mod sending;
mod timers;

use std::env;

fn main() {
    let arguments: Vec<_> = env::args().collect();
    if arguments.get(1).is_some_and(|word| word == executing::AGAIN) {
        return executing::again(&arguments);
    }
    if arguments.get(1).is_some_and(|word| word == control::RIGHTS) {
        return control::show();
    }
    let subjects: [(&str, fn()); 7] = [
        ("executing", executing::all),
        ("beginning", beginning::all),
        ("timers", timers::all),
        ("policies", policies::all),
        ("control", control::all),
        ("ordering", ordering::all),
        ("sending", sending::all),
    ];
    for (name, subject) in subjects {
        println!("--- {name}");
        subject();
    }
}
