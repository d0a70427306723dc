//! The tests' output, and the verdict on a test that ends the machine.

use core::fmt::{self, Write};

use spin::Mutex;

use super::{Reason, Test};
use crate::println;

/// The test that is running and has no verdict yet, with its number.
static CURRENT: Mutex<Option<(usize, Test)>> = Mutex::new(None);

/// The longest message that is searched for what an expected panic must say, in bytes.
const MESSAGE_MAX: usize = 1024;

/// What follows from a test's ending the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was to be expected: no report is wanted.
    Expected,
    /// It was not, or no test was running.
    Unexpected,
}

pub(super) fn plan(count: usize) {
    println!("KTAP version 1\n1..{count}");
}

pub(super) fn list(tests: &[Test]) {
    for test in tests {
        println!("# test {}", test.name());
    }
}

pub(super) fn end() {
    println!("# end");
}

pub(super) fn start(number: usize, test: &Test) {
    println!("# start {number} {}", test.name());
    *CURRENT.lock() = Some((number, *test));
}

pub(super) fn passed(remark: &str) {
    if let Some((number, test)) = CURRENT.lock().take() {
        println!("ok {number} {}{remark}", test.name());
    }
}

pub(super) fn failed(reason: &dyn fmt::Display) {
    if let Some((number, test)) = CURRENT.lock().take() {
        println!("not ok {number} {} # {}", test.name(), Reason(reason));
    }
}

/// Called when the machine is about to end because of `what`, in the middle of the running test if there is one.
/// Interrupts are off, and the lock may be held by code that never runs again.
pub fn on_end(what: &dyn fmt::Display) -> Ending {
    // SAFETY: interrupts are off and there is one processor: whoever holds the lock never runs again.
    unsafe { CURRENT.force_unlock() };
    let Some((number, test)) = *CURRENT.lock() else {
        return Ending::Unexpected;
    };
    let Some(expected) = test.panics else {
        println!("not ok {number} {} # panicked: {}", test.name(), Reason(what));
        return Ending::Unexpected;
    };
    let mut message = Message { bytes: [0; MESSAGE_MAX], length: 0 };
    // A message that is too long is searched as far as it fits.
    let _ = write!(message, "{what}");
    if message.contains(expected) {
        println!("ok {number} {} # panicked as expected", test.name());
        Ending::Expected
    } else {
        println!("not ok {number} {} # panicked without \"{expected}\": {}", test.name(), Reason(what));
        Ending::Unexpected
    }
}

/// A message being formatted, without the heap: that may be what broke.
struct Message {
    bytes: [u8; MESSAGE_MAX],
    length: usize,
}

impl Message {
    fn contains(&self, text: &str) -> bool {
        text.is_empty() || self.bytes[..self.length].windows(text.len()).any(|part| part == text.as_bytes())
    }
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let taken = text.len().min(MESSAGE_MAX - self.length);
        self.bytes[self.length..self.length + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        if taken == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
