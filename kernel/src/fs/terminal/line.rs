//! From keys to what is read: lines that can be edited while they are typed, or bytes as they come. As Linux's line
//! discipline (`N_TTY`) has it.

use heapless::{Deque, Vec};

use super::output::Output;
use super::settings::{Input, Local, Settings, Special};
use crate::task::signal::Signal;

/// The longest line (Linux's), and the most that waits to be read.
const LINE_MAX: usize = 4096;

const BELL: u8 = 7;

/// What a key does besides being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// It is sent to who has the terminal.
    Signal(Signal),
}

/// Something that can be read.
#[derive(Clone, Copy)]
enum Typed {
    Byte(u8),
    /// The last byte of a line.
    Last(u8),
    /// The end of a line that has no newline, or of the file.
    End,
}

/// What has been typed, and what is written back.
pub struct Line {
    settings: Settings,
    /// The way out, on which echoes go too.
    pub output: Output,
    /// The line that is being typed.
    edited: Vec<u8, LINE_MAX>,
    ready: Deque<Typed, LINE_MAX>,
    /// How many lines are in `ready`.
    lines: usize,
    /// Whether the next key means nothing special.
    is_quoted: bool,
}

impl Line {
    pub(super) const fn new() -> Self {
        Self {
            settings: Settings::new(false),
            output: Output::new(),
            edited: Vec::new(),
            ready: Deque::new(),
            lines: 0,
            is_quoted: false,
        }
    }

    /// How keys are taken.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Changes the settings. Where lines are read from now on, or no longer, all that was typed can be read at once.
    pub fn set(&mut self, settings: Settings, show: &mut dyn FnMut(&[u8])) {
        if self.settings.is_canonical() != settings.is_canonical() {
            for &byte in &self.edited {
                // What there is no room for is lost, as it would be if it were typed.
                let _ = self.ready.push_back(Typed::Byte(byte));
            }
            self.edited.clear();
            self.as_one_line();
            self.is_quoted = false;
        }
        if !settings.input.contains(Input::IXON) && self.output.is_stopped() {
            self.output.start(show);
        }
        self.settings = settings;
    }

    fn as_one_line(&mut self) {
        for _ in 0..self.ready.len() {
            match self.ready.pop_front() {
                Some(Typed::Byte(byte) | Typed::Last(byte)) => {
                    // One has just been taken.
                    let _ = self.ready.push_back(Typed::Byte(byte));
                }
                Some(Typed::End) | None => {}
            }
        }
        self.lines = usize::from(!self.ready.is_empty());
        if let Some(Typed::Byte(byte)) = self.ready.back().copied() {
            self.ready.pop_back();
            let _ = self.ready.push_back(Typed::Last(byte));
        }
    }

    /// Forgets what has been typed.
    pub fn flush(&mut self) {
        self.edited.clear();
        self.ready.clear();
        self.lines = 0;
    }

    /// Whether a line has been typed to its end.
    pub fn has_line(&self) -> bool {
        self.lines > 0
    }

    /// How many bytes could be read at once.
    pub fn readable(&self) -> usize {
        if self.settings.is_canonical() && !self.has_line() {
            return 0;
        }
        self.ready.iter().filter(|typed| !matches!(typed, Typed::End)).count()
    }

    /// Whether who waits to read need wait no longer (`poll(2)`).
    pub fn is_readable(&self) -> bool {
        if self.settings.is_canonical() {
            return self.has_line();
        }
        let least = if self.settings.patience().is_none() { self.settings.least().max(1) } else { 1 };
        self.ready.len() >= least
    }

    /// Gives what can be read, one line at most where lines are read; how many bytes, and whether the line is over.
    pub fn give(&mut self, into: &mut [u8]) -> (usize, bool) {
        if self.settings.is_canonical() && !self.has_line() {
            return (0, false);
        }
        let mut count = 0;
        while count < into.len() {
            let (byte, is_over) = match self.ready.pop_front() {
                None => break,
                Some(Typed::Byte(byte)) => (Some(byte), false),
                Some(Typed::Last(byte)) => (Some(byte), true),
                Some(Typed::End) => (None, true),
            };
            if let Some(byte) = byte {
                into[count] = byte;
                count += 1;
            }
            if is_over && self.settings.is_canonical() {
                self.lines = self.lines.saturating_sub(1);
                return (count, true);
            }
        }
        // An end that comes right behind what fits is the line's: it must not be taken for the file's.
        let is_over = self.settings.is_canonical() && matches!(self.ready.front(), Some(Typed::End));
        if is_over {
            self.ready.pop_front();
            self.lines = self.lines.saturating_sub(1);
        }
        (count, is_over)
    }

    /// Takes a key; `show` echoes.
    pub fn take(&mut self, key: u8, show: &mut dyn FnMut(&[u8])) -> Effect {
        let settings = self.settings;
        let has = |flag| settings.input.contains(flag);
        let key = if has(Input::ISTRIP) { key & 0x7f } else { key };
        if core::mem::take(&mut self.is_quoted) {
            self.add(key, show);
            return Effect::Nothing;
        }
        if has(Input::IXON) {
            if settings.is(key, Special::Start) {
                self.output.start(show);
                return Effect::Nothing;
            }
            if settings.is(key, Special::Stop) {
                self.output.stop();
                return Effect::Nothing;
            }
            if has(Input::IXANY) && self.output.is_stopped() {
                self.output.start(show);
            }
        }
        if let Some(signal) = signal_of(&settings, key) {
            if !settings.local.contains(Local::NOFLSH) {
                self.flush();
                self.output.flush();
            }
            if has(Input::IXON) {
                self.output.start(show);
            }
            self.echo(key, show);
            return Effect::Signal(signal);
        }
        let byte = match key {
            b'\r' if has(Input::IGNCR) => return Effect::Nothing,
            b'\r' if has(Input::ICRNL) => b'\n',
            b'\n' if has(Input::INLCR) => b'\r',
            other => other,
        };
        if !settings.is_canonical() || !self.edit(byte, show) {
            self.add(byte, show);
        }
        Effect::Nothing
    }

    /// Does what a special key does to the line; whether it is one.
    fn edit(&mut self, byte: u8, show: &mut dyn FnMut(&[u8])) -> bool {
        let settings = self.settings;
        let is = |special| settings.is(byte, special);
        let is_extended = settings.local.contains(Local::IEXTEN);
        if is(Special::Erase) {
            self.erase(show);
        } else if is(Special::Kill) {
            self.kill(show);
        } else if is_extended && is(Special::EraseWord) {
            self.erase_word(show);
        } else if is_extended && is(Special::Literal) {
            self.is_quoted = true;
            if settings.echoes() && settings.local.contains(Local::ECHOCTL) {
                self.print(b"^\x08", show);
            }
        } else if is_extended && settings.echoes() && is(Special::Reprint) {
            self.reprint(byte, show);
        } else if is(Special::EndOfFile) {
            self.end_line(Typed::End);
        } else if byte == b'\n' {
            if settings.local.intersects(Local::ECHO | Local::ECHONL) {
                self.print(b"\n", show);
            }
            self.end_line(Typed::Last(byte));
        } else if is(Special::EndOfLine) || is_extended && is(Special::SecondEndOfLine) {
            self.echo(byte, show);
            self.end_line(Typed::Last(byte));
        } else {
            return false;
        }
        true
    }

    /// Adds to what has been typed, or to what can be read.
    fn add(&mut self, byte: u8, show: &mut dyn FnMut(&[u8])) {
        let is_kept = if self.settings.is_canonical() {
            if self.edited.is_empty() {
                self.output.begin_line();
            }
            // The last place is kept free for the newline.
            self.edited.len() + self.ready.len() < LINE_MAX - 1 && self.edited.push(byte).is_ok()
        } else {
            self.ready.push_back(Typed::Byte(byte)).is_ok()
        };
        if is_kept {
            self.echo(byte, show);
        } else if self.settings.input.contains(Input::IMAXBEL) {
            self.print(&[BELL], show);
        }
    }

    /// Makes the line that was typed readable. One for which there is no room is lost.
    fn end_line(&mut self, end: Typed) {
        if self.ready.len() + self.edited.len() < LINE_MAX {
            for typed in self.edited.iter().map(|&byte| Typed::Byte(byte)).chain([end]) {
                // There is room for all of them.
                let _ = self.ready.push_back(typed);
            }
            self.lines += 1;
        }
        self.edited.clear();
    }

    fn print(&mut self, text: &[u8], show: &mut dyn FnMut(&[u8])) {
        self.output.write(&self.settings, text, show);
    }

    fn echo(&mut self, byte: u8, show: &mut dyn FnMut(&[u8])) {
        if self.settings.echoes() {
            self.print_visibly(byte, show);
        }
    }

    fn print_visibly(&mut self, byte: u8, show: &mut dyn FnMut(&[u8])) {
        if byte != b'\n' && self.is_shown_as_two(byte) {
            self.print(&[b'^', byte ^ 0x40], show);
        } else {
            self.print(&[byte], show);
        }
    }

    /// Whether it is shown as `^X`.
    fn is_shown_as_two(&self, byte: u8) -> bool {
        byte.is_ascii_control() && byte != b'\t' && self.settings.local.contains(Local::ECHOCTL)
    }

    /// Shows the line once more.
    fn reprint(&mut self, byte: u8, show: &mut dyn FnMut(&[u8])) {
        self.print_visibly(byte, show);
        self.print(b"\n", show);
        (0..self.edited.len()).for_each(|at| self.print_visibly(self.edited[at], show));
    }

    /// Takes the last character off the line: its first byte. Of several bytes it goes as a whole.
    fn pop(&mut self) -> Option<u8> {
        loop {
            let byte = self.edited.pop()?;
            if !self.settings.is_continuation(byte) {
                return Some(byte);
            }
        }
    }

    /// Takes back the last character.
    fn erase(&mut self, show: &mut dyn FnMut(&[u8])) {
        let Some(byte) = self.pop() else { return };
        if !self.settings.echoes() {
        } else if self.settings.local.contains(Local::ECHOE) {
            self.wipe(byte, show);
        } else {
            self.print_visibly(self.settings.character(Special::Erase), show);
        }
    }

    /// Takes back a word, and what is behind it.
    fn erase_word(&mut self, show: &mut dyn FnMut(&[u8])) {
        let mut has_word = false;
        while let Some(&byte) = self.edited.last() {
            let is_word = byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
            if has_word && !is_word {
                return;
            }
            has_word |= is_word;
            if let Some(byte) = self.pop()
                && self.settings.echoes()
            {
                self.wipe(byte, show);
            }
        }
    }

    /// Takes back the whole line.
    fn kill(&mut self, show: &mut dyn FnMut(&[u8])) {
        let local = self.settings.local;
        if local.contains(Local::ECHO | Local::ECHOE | Local::ECHOK | Local::ECHOKE) {
            while let Some(byte) = self.pop() {
                self.wipe(byte, show);
            }
            return;
        }
        if !self.edited.is_empty() && self.settings.echoes() {
            self.print_visibly(self.settings.character(Special::Kill), show);
            if local.contains(Local::ECHOK) {
                self.print(b"\n", show);
            }
        }
        self.edited.clear();
    }

    /// Wipes a character off the screen that was the last of the line.
    fn wipe(&mut self, byte: u8, show: &mut dyn FnMut(&[u8])) {
        if byte == b'\t' {
            let behind_tab = self.edited.iter().rposition(|&byte| byte == b'\t').map(|at| at + 1);
            let before = &self.edited[behind_tab.unwrap_or(0)..];
            let columns = before.iter().map(|&byte| self.columns(byte)).sum();
            let width = self.output.tab_width(columns, behind_tab.is_some());
            return (0..width).for_each(|_| self.print(b"\x08", show));
        }
        (0..self.columns(byte)).for_each(|_| self.print(b"\x08 \x08", show));
    }

    fn columns(&self, byte: u8) -> usize {
        if byte.is_ascii_control() {
            2 * usize::from(self.is_shown_as_two(byte))
        } else {
            usize::from(!self.settings.is_continuation(byte))
        }
    }
}

/// The signal that a key makes.
fn signal_of(settings: &Settings, key: u8) -> Option<Signal> {
    let signals = [
        (Special::Interrupt, Signal::INTERRUPT),
        (Special::Quit, Signal::QUIT),
        (Special::Suspend, Signal::TERMINAL_STOP),
    ];
    let found = signals.into_iter().find(|&(special, _)| settings.is(key, special));
    found.filter(|_| settings.local.contains(Local::ISIG)).map(|(_, signal)| signal)
}
