//! The end of the machine: panics and exceptions.
//!
//! The report goes to the log's port: what happened, the registers, and one line `  at 0x…` for each call that led
//! there, which the host's runner turns into `function file:line`. Then the emulator exits with
//! [`exit::Code::Panic`]. A panic while reporting says so in one line and ends the machine; a third just ends it.
//!
//! Nothing here allocates or waits for a lock: locks are taken from whoever held them, who never runs again.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::arch::trap::TrapFrame;
use crate::arch::{backtrace, exit, interrupts, serial};
use crate::{log, mm};

/// How many ends have begun.
static DEPTH: AtomicU32 = AtomicU32::new(0);

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    if begin(info) && is_reported(&info.message()) {
        match info.location() {
            Some(at) => write(format_args!("panic: {} at {at}\n", OneLine(info.message()))),
            None => write(format_args!("panic: {}\n", OneLine(info.message()))),
        }
        backtrace::from_here(write_frame);
    }
    exit::with_code(exit::Code::Panic)
}

/// Called on an exception that nobody recovers from.
pub fn on_exception(frame: &TrapFrame) -> ! {
    let what = Exception(frame);
    if begin(&what) && is_reported(&what) {
        write(format_args!("exception: {what}\n{frame}"));
        backtrace::from_trap(frame, write_frame);
    }
    exit::with_code(exit::Code::Panic)
}

/// Ends the machine in the middle of what `frame` interrupted, after `report` has said why.
#[cfg(test)]
pub fn on_timeout(frame: &TrapFrame, report: impl FnOnce()) -> ! {
    if begin(&"timeout") {
        report();
        write(format_args!("{frame}"));
        backtrace::from_trap(frame, write_frame);
    }
    exit::with_code(exit::Code::Panic)
}

/// Stops everything else. Returns whether to go on with a report; if not, one has begun already, and `what` came in
/// between.
fn begin(what: &dyn fmt::Display) -> bool {
    interrupts::disable();
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed);
    // SAFETY: interrupts are off and never come on again, and there is one processor: no holder of a lock runs again.
    unsafe {
        serial::COM1.seize();
        serial::COM2.seize();
        log::seize();
    }
    match depth {
        0 => true,
        1 => {
            if is_reported(what) {
                write(format_args!("panic: while reporting: {}\n", OneLine(what)));
            }
            false
        }
        _ => exit::with_code(exit::Code::Panic),
    }
}

/// Whether anyone wants a report: no one does for what a test expects.
#[cfg(test)]
fn is_reported(what: &dyn fmt::Display) -> bool {
    crate::ktest::on_end(what) == crate::ktest::Ending::Unexpected
}

#[cfg(not(test))]
fn is_reported(_what: &dyn fmt::Display) -> bool {
    true
}

fn write_frame(address: u64) {
    write(format_args!("  at {address:#x}\n"));
}

fn write(text: fmt::Arguments<'_>) {
    // `Report` never fails; what a `Display` keeps to itself is lost.
    let _ = Report.write_fmt(text);
}

/// The log's port, without the log's time stamps.
struct Report;

impl Write for Report {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        log::port().write(text.as_bytes());
        Ok(())
    }
}

/// Displays an exception's cause, and whether a stack had no room left.
struct Exception<'a>(&'a TrapFrame);

impl fmt::Display for Exception<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0.cause())?;
        if let Some(guard) = self.0.fault_address().filter(|&address| mm::paging::is_stack_guard(address)) {
            write!(out, ": the stack ran into its guard page at {guard:#x}")?;
        }
        Ok(())
    }
}

/// Displays something with its line breaks turned into blanks.
pub struct OneLine<T>(pub T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Joined(out), "{}", self.0)
    }
}

struct Joined<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Joined<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.0.write_str(" ")?;
            }
            self.0.write_str(line)?;
        }
        Ok(())
    }
}
