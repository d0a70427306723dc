//! The console: what the kernel says to whoever uses it, as opposed to its log.

use core::fmt;

use crate::arch::serial;

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
