//! The kernel's log: a ring in memory, which `dmesg` shows, and a copy on a serial port as it is written.
//!
//! A message is formatted on the stack first and then added under the lock, so that formatting may itself log. A
//! message longer than [`LINE_MAX`] is cut. The lock is taken with interrupts off and may be taken in interrupt
//! handlers.

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

use spin::Mutex;

use crate::arch::{clock, interrupts, serial};
use crate::command_line;

/// How much of the log is kept, in bytes.
pub const CAPACITY: usize = 128 * 1024;

/// The longest message, in bytes.
const LINE_MAX: usize = 512;

/// Adds a line, formatted as by `format!`, with the time since boot before it.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => {
        $crate::log::add(::core::format_args!($($argument)*))
    };
}

/// Whether the copy goes to COM2 rather than to the console.
static TO_COM2: AtomicBool = AtomicBool::new(false);

/// Whether there is a copy on the console, if it goes there.
static IS_SHOWN: AtomicBool = AtomicBool::new(true);

static RING: Mutex<Ring> = Mutex::new(Ring { bytes: [0; CAPACITY], written: 0, cleared: 0 });

struct Ring {
    bytes: [u8; CAPACITY],
    /// How many bytes were ever added; the last [`CAPACITY`] of them are in `bytes`.
    written: usize,
    /// How many bytes had been added when the log was cleared last.
    cleared: usize,
}

/// Reads from the command line where the copy goes.
pub fn init() {
    TO_COM2.store(command_line::value("log") == Some("com2"), Ordering::Relaxed);
}

/// The port that the copy goes to.
pub fn port() -> &'static serial::Port {
    if TO_COM2.load(Ordering::Relaxed) { &serial::COM2 } else { &serial::COM1 }
}

/// What [`log!`](crate::log!) calls.
pub fn add(message: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; LINE_MAX], length: 0 };
    let now = clock::since_boot();
    let written = write!(line, "[{:5}.{:06}] {message}", now.as_secs(), now.subsec_micros());
    // Either the message was too long and is cut, or a `Display` of the message's own gave up; what there is is kept.
    let cut = written.is_err();
    let bytes = line.finish(cut);
    interrupts::without(|| RING.lock().push(bytes));
    if TO_COM2.load(Ordering::Relaxed) || IS_SHOWN.load(Ordering::Relaxed) {
        port().write(bytes);
    }
}

/// Says whether messages are shown on the console, if they go there: not where they would come between what a program
/// draws there.
pub fn set_shown(shown: bool) {
    IS_SHOWN.store(shown, Ordering::Relaxed);
}

/// A copy of what is kept, the oldest whole line first; `None` when there is no memory for it.
pub fn snapshot() -> Option<Vec<u8>> {
    copy(|_| usize::MAX)
}

/// As [`snapshot`], of what was added since the log was cleared.
pub fn since_clear() -> Option<Vec<u8>> {
    copy(|ring| ring.written - ring.cleared)
}

/// A copy of the last bytes of what is kept, at most so many as `limit` says.
fn copy(limit: impl Fn(&Ring) -> usize) -> Option<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(CAPACITY).ok()?;
    interrupts::without(|| {
        let ring = RING.lock();
        let (older, newer) = ring.kept();
        let skipped = (older.len() + newer.len()).saturating_sub(limit(&ring));
        copy.extend_from_slice(&older[skipped.min(older.len())..]);
        copy.extend_from_slice(&newer[skipped.saturating_sub(older.len())..]);
    });
    Some(copy)
}

/// Lets [`since_clear`] begin here.
pub fn clear() {
    interrupts::without(|| {
        let mut ring = RING.lock();
        ring.cleared = ring.written;
    });
}

/// Makes the log usable for a last report, whoever holds its lock.
///
/// # Safety
/// Interrupts must be off for good: the holder must never run again.
pub unsafe fn seize() {
    // SAFETY: the holder, if any, never runs again (the caller's promise), so its access is over.
    unsafe { RING.force_unlock() };
}

impl Ring {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.bytes[self.written % CAPACITY] = byte;
            self.written += 1;
        }
    }

    /// What is kept, in two pieces, without the line whose beginning has been overwritten.
    fn kept(&self) -> (&[u8], &[u8]) {
        if self.written <= CAPACITY {
            return (&self.bytes[..self.written], &[]);
        }
        let (newer, older) = self.bytes.split_at(self.written % CAPACITY);
        let whole = older.iter().position(|&byte| byte == b'\n').map_or(older.len(), |at| at + 1);
        (&older[whole..], newer)
    }
}

/// A message being formatted.
struct Line {
    bytes: [u8; LINE_MAX],
    length: usize,
}

impl Line {
    /// Ends the line, with an ellipsis if it was cut.
    fn finish(&mut self, cut: bool) -> &[u8] {
        let end: &[u8] = if cut { b"...\n" } else { b"\n" };
        let at = self.length.min(LINE_MAX - end.len());
        self.bytes[at..at + end.len()].copy_from_slice(end);
        &self.bytes[..at + end.len()]
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LINE_MAX - self.length;
        let taken = text.len().min(room);
        self.bytes[self.length..self.length + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        if taken == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use core::fmt::Write;

    use super::{CAPACITY, LINE_MAX, Line, Ring, snapshot};
    use crate::ktest;

    ktest! {
        fn what_is_logged_can_be_read_again() {
            crate::log!("a line to be found, {}", 6 * 7);
            let log = snapshot().expect("there is memory for a copy");
            assert!(log.ends_with(b"] a line to be found, 42\n"));
        }

        fn a_full_ring_forgets_whole_lines_the_oldest_first() {
            // Too large for the stack.
            let mut ring = Box::new(Ring { bytes: [0; CAPACITY], written: 0, cleared: 0 });
            let line = *b"0123456789abcde\n";
            ring.push(b"first\n");
            for _ in 0..CAPACITY / line.len() {
                ring.push(&line);
            }
            let (older, newer) = ring.kept();
            assert!(older.starts_with(&line));
            assert!(newer.is_empty() || newer.ends_with(&line) || newer.len() < line.len());
            assert_eq!((older.len() + newer.len()) % line.len(), 0);
            assert!(older.len() + newer.len() > CAPACITY - 2 * line.len());
        }

        fn a_message_that_is_too_long_is_cut_and_says_so() {
            let mut line = Line { bytes: [0; LINE_MAX], length: 0 };
            let written = (0..LINE_MAX).try_for_each(|_| line.write_str("xy"));
            assert!(written.is_err());
            let bytes = line.finish(true);
            assert_eq!(bytes.len(), LINE_MAX);
            assert!(bytes.ends_with(b"xyx...\n") || bytes.ends_with(b"xy...\n"));
        }
    }
}
