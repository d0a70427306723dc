//! Line editing: keys in, a line out, and the screen kept in step.
//!
//! | file | subject |
//! |---|---|
//! | [`keys`] | bytes to keys |
//! | [`mod@line`] | the line and its cursor |
//! | [`screen`] | what the terminal shows, for any width |
//! | [`history`] | earlier lines, and the draft that waits below them |
//! | [`completion`] | what Tab does with the candidates that the caller finds |

pub mod completion;
pub mod history;
pub mod keys;
pub mod line;
pub mod screen;

use crate::console::Terminal;
use alloc::vec::Vec;
use completion::{Completer, Reply};
use history::History;
use keys::{Decoder, Key};
use line::Line;
use screen::Screen;

/// How reading a line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Enter: the line, without a newline.
    Line(Vec<u8>),
    /// ^C: nothing is to be done with what was typed.
    Interrupted,
    /// ^D on an empty line, or the end of the input.
    End,
}

/// How many candidates are listed without asking.
const LIST_WITHOUT_ASKING: usize = 100;

/// A line editor: the history and what was cut last, kept from line to line.
#[derive(Default)]
pub struct Editor {
    history: History,
    /// What ^K, ^U or ^W cut last, for ^Y.
    cut: Vec<u8>,
}

/// One line being edited.
struct Session<'e, 't, 'c> {
    editor: &'e mut Editor,
    terminal: &'e mut Terminal<'c>,
    completer: &'t mut dyn Completer,
    line: Line,
    screen: Screen,
    /// Whether the last key was a Tab that had nothing to insert: the next one lists.
    tab_again: bool,
}

impl Editor {
    /// An editor without a history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line to the history.
    pub fn remember(&mut self, line: &[u8]) {
        self.history.add(line);
    }

    /// Shows `prompt` and lets a line be typed.
    pub fn read_line(&mut self, terminal: &mut Terminal<'_>, prompt: &[u8], completer: &mut dyn Completer) -> Outcome {
        self.history.rewind();
        let screen = Screen::new(prompt, terminal.columns());
        let mut session =
            Session { editor: self, terminal, completer, line: Line::default(), screen, tab_again: false };
        session.redraw();
        let mut decoder = Decoder::default();
        loop {
            let Some(byte) = session.terminal.read_byte() else { return Outcome::End };
            let Some(key) = decoder.feed(byte) else { continue };
            if let Some(outcome) = session.press(key) {
                return outcome;
            }
        }
    }
}

impl Session<'_, '_, '_> {
    /// What a key does. Returns how the line ended, if it did.
    fn press(&mut self, key: Key) -> Option<Outcome> {
        let tab_again = core::mem::replace(&mut self.tab_again, false);
        match key {
            Key::Text(text) => self.line.insert(text.as_bytes()),
            Key::Enter => {
                self.leave(b"");
                return Some(Outcome::Line(self.line.take()));
            }
            Key::Interrupt => {
                self.leave(b"^C");
                return Some(Outcome::Interrupted);
            }
            Key::EndOrDelete if self.line.text().is_empty() => {
                self.leave(b"");
                return Some(Outcome::End);
            }
            Key::EndOrDelete | Key::Delete => self.line.delete(),
            Key::Backspace => self.line.backspace(),
            Key::Left => self.line.left(),
            Key::Right => self.line.right(),
            Key::WordLeft => self.line.word_left(),
            Key::WordRight => self.line.word_right(),
            Key::Home => self.line.home(),
            Key::End => self.line.end(),
            Key::CutToEnd => self.editor.cut = self.line.cut_to_end(),
            Key::CutToStart => self.editor.cut = self.line.cut_to_start(),
            Key::CutWord => self.editor.cut = self.line.cut_word(),
            Key::Paste => self.line.insert(&self.editor.cut),
            Key::Up => {
                if let Some(earlier) = self.editor.history.earlier(self.line.text()) {
                    self.line.set(earlier);
                }
            }
            Key::Down => {
                if let Some(later) = self.editor.history.later() {
                    self.line.set(later);
                }
            }
            Key::Clear => {
                self.terminal.write_raw(b"\x1b[H\x1b[2J");
                self.screen.forget();
            }
            Key::Tab => self.complete(tab_again),
            Key::Unknown => {}
        }
        self.redraw();
        None
    }

    fn redraw(&mut self) {
        let bytes = self.screen.draw(self.line.text(), self.line.cursor());
        self.terminal.write_raw(&bytes);
    }

    /// Goes below the line, after `mark`, so that what follows has the screen for itself.
    fn leave(&mut self, mark: &[u8]) {
        let mut bytes = self.screen.draw(self.line.text(), self.line.text().len());
        bytes.extend_from_slice(mark);
        bytes.extend_from_slice(b"\r\n");
        self.terminal.write_raw(&bytes);
        self.screen.forget();
    }

    fn complete(&mut self, again: bool) {
        let before = &self.line.text()[..self.line.cursor()];
        let found = self.completer.complete(before);
        match found.reply(before) {
            Reply::Nothing => self.terminal.write_raw(b"\x07"),
            Reply::Insert { start, text, ambiguous } => {
                self.line.replace_before_cursor(start, &text);
                self.tab_again = ambiguous;
            }
            Reply::Ambiguous if again => self.list(&found.labels()),
            Reply::Ambiguous => {
                self.terminal.write_raw(b"\x07");
                self.tab_again = true;
            }
        }
    }

    /// Lists candidates below the line.
    fn list(&mut self, labels: &[&[u8]]) {
        let bytes = self.screen.draw(self.line.text(), self.line.text().len());
        self.terminal.write_raw(&bytes);
        self.terminal.write_raw(b"\r\n");
        self.screen.forget();
        if labels.len() > LIST_WITHOUT_ASKING {
            self.terminal.write_raw(alloc::format!("Display all {} possibilities? (y or n)", labels.len()).as_bytes());
            let answer = self.terminal.read_byte();
            self.terminal.write_raw(b"\r\n");
            if !matches!(answer, Some(b'y' | b'Y' | b' ')) {
                return;
            }
        }
        self.terminal.write_text(&crate::columns::arrange(labels, self.terminal.columns()));
    }
}

#[cfg(test)]
mod tests;
