//! The terminal that the shell talks to.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A stream of bytes in and one out: a serial line, a terminal, a file.
pub trait Console {
    /// Takes at least one byte of input, and as many as there are and fit; waits until there is one. Returns how many;
    /// 0 means that there will be none any more.
    fn read(&mut self, buffer: &mut [u8]) -> usize;

    /// Takes what input there is, without waiting. Returns how many bytes.
    fn try_read(&mut self, buffer: &mut [u8]) -> usize;

    /// Sends all of `bytes` as they are.
    fn write(&mut self, bytes: &[u8]);

    /// How wide the terminal is, in columns.
    fn columns(&self) -> usize {
        80
    }

    /// How high the terminal is, in rows.
    fn rows(&self) -> usize {
        24
    }
}

/// Whether somebody types at the console, or it carries a script's output to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Somebody types: lines end with carriage return and newline, listings come in columns, ^C interrupts.
    Interactive,
    /// Nobody does: bytes go out as they are, and no input is looked at.
    Script,
}

const INTERRUPT: u8 = 0x03;

/// The console with what has been read ahead of its use.
pub struct Terminal<'c> {
    console: &'c mut dyn Console,
    mode: Mode,
    pending: VecDeque<u8>,
}

impl<'c> Terminal<'c> {
    /// A terminal with nothing read yet.
    pub fn new(console: &'c mut dyn Console, mode: Mode) -> Self {
        Self { console, mode, pending: VecDeque::new() }
    }

    /// Whether somebody types.
    pub fn is_interactive(&self) -> bool {
        self.mode == Mode::Interactive
    }

    /// How wide it is, in columns.
    pub fn columns(&self) -> usize {
        self.console.columns().max(2)
    }

    /// How high it is, in rows.
    pub fn rows(&self) -> usize {
        self.console.rows().max(2)
    }

    /// The next byte of input; `None` when there will be none any more.
    pub fn read_byte(&mut self) -> Option<u8> {
        if self.pending.is_empty() {
            let mut buffer = [0; 64];
            let count = self.console.read(&mut buffer);
            self.pending.extend(&buffer[..count]);
        }
        self.pending.pop_front()
    }

    /// Whether ^C has been typed since the last call; what was typed before it is dropped.
    pub fn interrupted(&mut self) -> bool {
        if self.mode == Mode::Script {
            return false;
        }
        let mut buffer = [0; 64];
        loop {
            let count = self.console.try_read(&mut buffer);
            self.pending.extend(&buffer[..count]);
            if count == 0 {
                break;
            }
        }
        match self.pending.iter().rposition(|&byte| byte == INTERRUPT) {
            Some(at) => {
                self.pending.drain(..=at);
                true
            }
            None => false,
        }
    }

    /// Sends bytes as they are: for the line editor, which knows what it does.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.console.write(bytes);
    }

    /// Sends text: where somebody looks, each line also returns the carriage.
    pub fn write_text(&mut self, bytes: &[u8]) {
        if self.mode == Mode::Script {
            return self.console.write(bytes);
        }
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(text) => {
                    let mut out = Vec::with_capacity(text.len() + 2);
                    out.extend_from_slice(text);
                    out.extend_from_slice(b"\r\n");
                    self.console.write(&out);
                }
                None => self.console.write(line),
            }
        }
    }
}
