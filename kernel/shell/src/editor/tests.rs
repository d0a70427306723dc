//! Keys in, screen out: each test types, and looks at a small terminal of its own.

use super::completion::{Candidate, Candidates, Completer};
use super::{Editor, Outcome};
use crate::console::{Console, Mode, Terminal};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// A terminal of a fixed width that is typed at from a list of bytes.
struct Screen {
    columns: usize,
    typed: Vec<u8>,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    escape: Option<Vec<u8>>,
    bells: usize,
    partial: Vec<u8>,
}

impl Screen {
    fn new(columns: usize, typed: &str) -> Self {
        let mut typed = typed.as_bytes().to_vec();
        typed.reverse();
        let rows = vec![Vec::new()];
        Self { columns, typed, rows, row: 0, column: 0, escape: None, bells: 0, partial: Vec::new() }
    }

    fn text(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(|row| row.iter().collect::<String>().trim_end().into()).collect();
        rows.join("\n").trim_end().to_string()
    }

    fn character(&mut self, character: char) {
        let width = unicode_width::UnicodeWidthChar::width(character).unwrap_or(0);
        assert!(self.column + width <= self.columns, "the editor relies on the terminal to wrap");
        let row = &mut self.rows[self.row];
        while row.len() <= self.column {
            row.push(' ');
        }
        row[self.column] = character;
        self.column += width;
    }

    fn byte(&mut self, byte: u8) {
        if let Some(mut escape) = self.escape.take() {
            escape.push(byte);
            if byte == b'[' || byte.is_ascii_digit() {
                self.escape = Some(escape);
                return;
            }
            let number = String::from_utf8_lossy(&escape[1..escape.len() - 1]).parse::<usize>();
            match byte {
                b'A' => self.row -= number.unwrap_or(1),
                b'C' => self.column += number.unwrap_or(1),
                b'J' => {
                    if number == Ok(2) {
                        self.rows = vec![Vec::new()];
                    } else {
                        self.rows.truncate(self.row + 1);
                        self.rows[self.row].truncate(self.column);
                    }
                }
                b'H' => (self.row, self.column) = (0, 0),
                other => panic!("unexpected control sequence {}", char::from(other)),
            }
            return;
        }
        match byte {
            0x1b => self.escape = Some(Vec::new()),
            b'\r' => self.column = 0,
            b'\n' => {
                self.row += 1;
                if self.row == self.rows.len() {
                    self.rows.push(Vec::new());
                }
            }
            0x07 => self.bells += 1,
            _ => {
                self.partial.push(byte);
                if let Ok(text) = core::str::from_utf8(&self.partial) {
                    let character = text.chars().next().unwrap();
                    self.partial.clear();
                    self.character(character);
                }
            }
        }
    }
}

impl Console for Screen {
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        self.typed.pop().map_or(0, |byte| {
            buffer[0] = byte;
            1
        })
    }

    fn try_read(&mut self, _buffer: &mut [u8]) -> usize {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.byte(byte));
    }

    fn columns(&self) -> usize {
        self.columns
    }
}

/// Completes from a fixed list of words.
struct Words(&'static [&'static str]);

impl Completer for Words {
    fn complete(&mut self, line: &[u8]) -> Candidates {
        let start = line.iter().rposition(|&byte| byte == b' ').map_or(0, |at| at + 1);
        let matching = self.0.iter().filter(|word| word.as_bytes().starts_with(&line[start..]));
        let all = matching
            .map(|word| Candidate {
                label: (*word).into(),
                text: word.replace(' ', "\\ ").into(),
                ending: b" ".to_vec(),
            })
            .collect();
        Candidates { start, all }
    }
}

/// Types, and returns how the last line ended and what the screen shows.
fn type_keys(columns: usize, typed: &str) -> (Outcome, String) {
    let (outcomes, screen) = type_lines(columns, typed, 1);
    (outcomes[0].clone(), screen.text())
}

fn type_lines(columns: usize, typed: &str, lines: usize) -> (Vec<Outcome>, Screen) {
    let mut screen = Screen::new(columns, typed);
    let mut terminal = Terminal::new(&mut screen, Mode::Interactive);
    let mut editor = Editor::new();
    let mut words = Words(&["mount", "mounts", "mkdir", "a b1", "a b2", "grün", "grüße"]);
    let mut outcomes = Vec::new();
    for _ in 0..lines {
        let outcome = editor.read_line(&mut terminal, b"> ", &mut words);
        if let Outcome::Line(line) = &outcome {
            editor.remember(line);
        }
        outcomes.push(outcome);
    }
    (outcomes, screen)
}

fn line(text: &str) -> Outcome {
    Outcome::Line(text.into())
}

const LEFT: &str = "\x1b[D";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";

#[test]
fn what_is_typed_is_shown_and_returned() {
    assert_eq!(type_keys(20, "hello\r"), (line("hello"), "> hello".into()));
}

#[test]
fn the_cursor_moves_by_characters_and_text_goes_in_before_it() {
    assert_eq!(
        type_keys(20, &["grün", LEFT, LEFT, "X", LEFT, LEFT, "\x7f", "\r"].concat()),
        (line("rXün"), "> rXün".into())
    );
    assert_eq!(type_keys(20, "bc\x01a\x05d\r"), (line("abcd"), "> abcd".into()));
    assert_eq!(type_keys(20, "a漢b\x02\x02\x04\r"), (line("ab"), "> ab".into()));
}

#[test]
fn cutting_and_pasting() {
    assert_eq!(type_keys(20, "one two\x17\x19\x19\r").0, line("one twotwo"));
    assert_eq!(type_keys(20, "one two\x01\x0b\x19 x\r").0, line("one two x"));
    assert_eq!(type_keys(20, "one two\x1b[D\x15\r").0, line("o"));
    assert_eq!(type_keys(20, "one two\x1bb\x1bbX\x1bfY\r").0, line("XoneY two"));
}

#[test]
fn a_long_line_wraps_and_is_edited_across_rows() {
    let (outcome, screen) = type_keys(8, "abcdefghijklmno\x01X\r");
    assert_eq!((outcome, &screen[..]), (line("Xabcdefghijklmno"), "> Xabcde\nfghijklm\nno"));
    let (outcome, screen) = type_keys(8, "abcdef\x7f\x7fX\r");
    assert_eq!((outcome, &screen[..]), (line("abcdX"), "> abcdX"), "a row that was just filled");
    let (_, screen) = type_keys(8, "abcde漢\r");
    assert_eq!(screen, "> abcde\n漢", "a wide character does not fit in one column");
}

#[test]
fn what_follows_begins_below_a_line_of_several_rows() {
    let (outcomes, screen) = type_lines(8, "abcdefghij\x01\rx\r", 2);
    assert_eq!(outcomes, [line("abcdefghij"), line("x")]);
    assert_eq!(screen.text(), "> abcdef\nghij\n> x");
}

#[test]
fn history_keeps_the_draft() {
    let typed = ["one\rtwo\rdraft", UP, UP, UP, DOWN, DOWN, "!\r"].concat();
    assert_eq!(type_lines(20, &typed, 3).0[2], line("draft!"));
    let typed = ["one\rtwo\r", UP, UP, "x\r"].concat();
    assert_eq!(type_lines(20, &typed, 3).0[2], line("onex"));
    let typed = ["one\rone\r\r", UP, UP, "\r"].concat();
    assert_eq!(type_lines(20, &typed, 4).0[3], line("one"), "neither twice the same nor empty lines");
}

#[test]
fn interrupt_and_end() {
    assert_eq!(type_keys(20, "abc\x03"), (Outcome::Interrupted, "> abc^C".into()));
    assert_eq!(type_keys(20, "\x04").0, Outcome::End);
    assert_eq!(type_keys(20, "ab\x01\x04\r").0, line("b"));
    assert_eq!(type_keys(20, "abc").0, Outcome::End, "the input just ends");
}

#[test]
fn clearing_keeps_the_line() {
    assert_eq!(type_lines(20, "one\rtwo\x0c!\r", 2).1.text(), "> two!");
}

#[test]
fn tab_completes_as_far_as_all_candidates_agree() {
    assert_eq!(type_keys(20, "mk\t\r").0, line("mkdir "));
    assert_eq!(type_keys(20, "mo\t\r").0, line("mount"));
    assert_eq!(type_keys(20, "a\t1\r").0, line("a\\ b1"), "quoted in the line");
    assert_eq!(type_keys(20, "gr\t\r").0, line("grü"), "no half characters");
}

#[test]
fn a_second_tab_lists_the_candidates_and_keeps_the_line() {
    let (outcomes, screen) = type_lines(20, "x mou\t\ts\r", 1);
    assert_eq!(outcomes, [line("x mounts")]);
    assert_eq!(screen.text(), "> x mount\nmount  mounts\n> x mounts");
    let (_, screen) = type_lines(20, "zz\t\r", 1);
    assert_eq!((screen.bells, screen.text()), (1, "> zz".into()));
}

#[test]
fn control_characters_and_broken_bytes_take_the_columns_they_show() {
    let mut screen = Screen::new(20, "");
    let mut drawn = super::screen::Screen::new(b"> ", 20);
    for byte in drawn.draw(b"a\nb\xffc", 5) {
        screen.byte(byte);
    }
    assert_eq!(screen.text(), "> a^Jb\u{fffd}c");
    assert_eq!(screen.column, 8);
}
