//! The page that says which of Linux's calls are there, `docs/linux-abi.md`, made from [`table`].

use alloc::format;
use alloc::string::String;

use super::table::{self, Entry, State};
use crate::arch::exit;
use crate::println;

/// What stands before the page and behind it when the kernel prints it, for who cuts it out.
const BEGIN: &str = "# linux-abi: begin";
const END: &str = "# linux-abi: end";

/// Prints the page and ends the machine.
pub fn print() -> ! {
    println!("{BEGIN}\n{}{END}", text());
    exit::with_code(exit::Code::InOrder)
}

/// The page.
pub fn text() -> String {
    let count = |state| table::all().filter(|(_, entry)| entry.state() == state).count();
    let (all, supported, partial) = (table::all().count(), count(State::Supported), count(State::Partial));
    let mut text = format!(
        "# Linux's system calls\n\nMade by `make docs` from the kernel's own table \
         ([table.rs](../kernel/src/abi/linux/table.rs)); a test fails when the two differ.\n\n\
         Of the {all} calls that Linux has on x86_64 {supported} are supported, {partial} in part. \
         The rest answer `ENOSYS`, and `dmesg` names who asked. Where flags are given, those are known and all others \
         are refused, as Linux refuses what it does not know.\n\n\
         | number | call | here | flags, and what is missing |\n|---:|---|---|---|\n"
    );
    for (number, entry) in table::all() {
        text += &format!("| {number} | `{}` | {} | {} |\n", entry.name, entry.state().word(), notes(entry));
    }
    text
}

/// What is to be said of a call.
fn notes(entry: &Entry) -> String {
    let flags = entry.note("flags").map(|flags| {
        let words = flags.split(' ').map(|flag| format!("`{flag}`"));
        words.collect::<alloc::vec::Vec<_>>().join(" ")
    });
    [flags, entry.note("but").map(String::from)].into_iter().flatten().collect::<alloc::vec::Vec<_>>().join("; ")
}
