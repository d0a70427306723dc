//! The line and its cursor. The cursor is a byte offset and always stands between two characters.

use crate::utf8;
use alloc::vec::Vec;

/// A line being edited.
#[derive(Default)]
pub struct Line {
    text: Vec<u8>,
    cursor: usize,
}

impl Line {
    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where the cursor stands, in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Takes the text out; the line is empty then.
    pub fn take(&mut self) -> Vec<u8> {
        self.cursor = 0;
        core::mem::take(&mut self.text)
    }

    /// Replaces everything; the cursor goes to the end.
    pub fn set(&mut self, text: Vec<u8>) {
        self.cursor = text.len();
        self.text = text;
    }

    /// Inserts before the cursor.
    pub fn insert(&mut self, text: &[u8]) {
        self.replace_before_cursor(self.cursor, text);
    }

    /// Replaces what stands from `start` to the cursor.
    pub fn replace_before_cursor(&mut self, start: usize, text: &[u8]) {
        self.text.splice(start..self.cursor, text.iter().copied());
        self.cursor = start + text.len();
    }

    /// Removes the character before the cursor.
    pub fn backspace(&mut self) {
        self.replace_before_cursor(self.before_cursor(), b"");
    }

    /// Removes the character at the cursor.
    pub fn delete(&mut self) {
        let end = self.cursor + utf8::length(&self.text[self.cursor..]);
        self.text.drain(self.cursor..end);
    }

    /// Moves one character to the left.
    pub fn left(&mut self) {
        self.cursor = self.before_cursor();
    }

    /// Moves one character to the right.
    pub fn right(&mut self) {
        self.cursor += utf8::length(&self.text[self.cursor..]);
    }

    /// Moves to the beginning of the word before the cursor.
    pub fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    /// Moves to the end of the word after the cursor.
    pub fn word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let word = rest.iter().position(|&byte| byte != b' ').unwrap_or(rest.len());
        let end = rest[word..].iter().position(|&byte| byte == b' ').unwrap_or(rest.len() - word);
        self.cursor += word + end;
    }

    /// Moves to the beginning.
    pub fn home(&mut self) {
        self.cursor = 0;
    }

    /// Moves to the end.
    pub fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Removes everything from the cursor on, and returns it.
    pub fn cut_to_end(&mut self) -> Vec<u8> {
        self.text.split_off(self.cursor)
    }

    /// Removes everything before the cursor, and returns it.
    pub fn cut_to_start(&mut self) -> Vec<u8> {
        self.cut_from(0)
    }

    /// Removes the word before the cursor with the blanks behind it, and returns it.
    pub fn cut_word(&mut self) -> Vec<u8> {
        self.cut_from(self.word_start())
    }

    fn cut_from(&mut self, start: usize) -> Vec<u8> {
        let cut = self.text.drain(start..self.cursor).collect();
        self.cursor = start;
        cut
    }

    fn before_cursor(&self) -> usize {
        self.cursor - utf8::last_length(&self.text[..self.cursor])
    }

    fn word_start(&self) -> usize {
        let before = &self.text[..self.cursor];
        let word_end = before.iter().rposition(|&byte| byte != b' ').map_or(0, |at| at + 1);
        before[..word_end].iter().rposition(|&byte| byte == b' ').map_or(0, |at| at + 1)
    }
}
