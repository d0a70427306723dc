//! The console as a terminal that is read line by line (`termios(3)`, canonical mode): what is typed is echoed, can be
//! taken back, and comes to the reader with its newline. The shell's own line editor does not come by here.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use spin::Mutex;
use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::{Sink, Source};

use crate::arch::serial::COM1;
use crate::console;
use crate::task::process;
use crate::task::signal::{Information, Signal};

/// The longest line (`MAX_CANON` is 255 at least; Linux has this).
const LINE_MAX: usize = 4096;

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const KILL: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// What has been typed to its end and not been read yet. Held while nothing else is: a reader takes it only to look.
static READY: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Whether what is written gets a carriage return before each newline (`ONLCR`): where somebody looks, not where a
/// script's output goes to a file.
static CARRIAGE_RETURN: AtomicBool = AtomicBool::new(false);

/// Says whether what is written gets a carriage return before each newline.
pub fn set_carriage_return(on: bool) {
    CARRIAGE_RETURN.store(on, Ordering::Relaxed);
}

fn write_text(text: &[u8]) {
    if !CARRIAGE_RETURN.load(Ordering::Relaxed) {
        return COM1.write(text);
    }
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let (start, newline) = line.split_at(line.len() - usize::from(line.ends_with(b"\n")));
        COM1.write(start);
        COM1.write(if newline.is_empty() { b"" } else { b"\r\n" });
    }
}

/// The terminal on the console.
pub struct Terminal;

impl OpenStream for Terminal {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        let room = sink.room();
        if room == 0 {
            return Ok(0);
        }
        let mut line = core::mem::take(&mut *READY.lock());
        if line.is_empty() {
            line = read_line()?;
        }
        let count = line.len().min(room);
        sink.put(&line[..count])?;
        line.drain(..count);
        *READY.lock() = line;
        Ok(count)
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        let mut chunk = [0; 256];
        let mut taken = 0;
        while source.remaining() > 0 {
            let count = source.remaining().min(chunk.len());
            source.take(&mut chunk[..count])?;
            write_text(&chunk[..count]);
            taken += count;
        }
        Ok(taken)
    }

    fn ready(&self) -> Ready {
        let mut ready = Ready::WRITE;
        ready.set(Ready::READ, COM1.has_input() || READY.try_lock().is_none_or(|line| !line.is_empty()));
        ready
    }

    fn is_terminal(&self) -> bool {
        true
    }
}

/// Waits for a line; an empty one is the end of the input.
///
/// # Errors
/// `EINTR` for ^C, `ENOMEM`.
fn read_line() -> Result<Vec<u8>> {
    let mut line = Vec::new();
    line.try_reserve_exact(LINE_MAX).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    loop {
        let mut byte = [0];
        console::read_before_signal(&mut byte)?;
        match byte[0] {
            b'\r' | b'\n' => {
                COM1.write(b"\r\n");
                line.push(b'\n');
                return Ok(line);
            }
            INTERRUPT => {
                COM1.write(b"^C\r\n");
                if let Some(process) = process::current() {
                    process.send(Information::of_kernel(Signal::INTERRUPT));
                }
                return fail(FileSystemErrorKind::Interrupted);
            }
            END => return Ok(line),
            BACKSPACE | DELETE => {
                // A character of several bytes goes as a whole, and takes one column at most in most scripts.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
                COM1.write(b"\x08 \x08");
            }
            KILL => {
                line.clear();
                COM1.write(b"^U\r\n");
            }
            // The last byte is kept free for the newline.
            other if line.len() < LINE_MAX - 1 => {
                line.push(other);
                COM1.write(&byte);
            }
            _ => COM1.write(b"\x07"),
        }
    }
}
