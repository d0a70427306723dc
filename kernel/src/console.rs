//! The console: what the kernel says to whoever uses it, as opposed to its log, and what they type.

use core::fmt;

use crate::arch::serial::{self, COM1};
use crate::command_line;
use crate::fs::readiness;
use crate::task::wait::WaitQueue;

/// Who waits for input.
static READERS: WaitQueue = WaitQueue::new();

/// Takes at least one byte of what was typed, and as many as there are and fit; waits until there is one. Returns how
/// many.
pub fn read(buffer: &mut [u8]) -> usize {
    loop {
        let count = COM1.try_read(buffer);
        if count > 0 || buffer.is_empty() {
            return count;
        }
        READERS.wait_until(|| COM1.has_input());
    }
}

/// Waits until there is input, or `is_over` holds, which who makes it so says by [`on_input`].
pub fn wait_for_input(is_over: impl Fn() -> bool) {
    READERS.wait_until(|| COM1.has_input() || is_over());
}

/// How wide the terminal at the other end is said to be.
pub fn columns() -> usize {
    command_line::value("columns").and_then(|columns| columns.parse().ok()).unwrap_or(80)
}

/// How high the terminal at the other end is said to be.
pub fn rows() -> usize {
    command_line::value("rows").and_then(|rows| rows.parse().ok()).unwrap_or(24)
}

/// Called by the interrupt handler: input may have come.
pub fn on_input() {
    READERS.wake_all();
    readiness::tell();
}

/// Writes to the console, formatted as by `format!`.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {
        $crate::console::write(::core::format_args!($($argument)*))
    };
}

/// Writes a line to the console, formatted as by `format!`.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => { $crate::print!("{}\n", ::core::format_args!($($argument)*)) };
}

/// What [`print!`](crate::print!) calls.
pub fn write(message: fmt::Arguments<'_>) {
    // `Output` never fails; a `Display` that gives up has had its say as far as it went.
    let _ = fmt::write(&mut Output, message);
}

/// The console as something to format into.
struct Output;

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        serial::COM1.write(text.as_bytes());
        Ok(())
    }
}
