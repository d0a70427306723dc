//! Bytes to keys: control characters, the escape sequences of the common terminals, and UTF-8.

use alloc::string::String;
use alloc::vec::Vec;

/// A key, named for what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character. A byte that belongs to none comes as U+FFFD.
    Text(String),
    /// Enter.
    Enter,
    /// Tab.
    Tab,
    /// Backspace or ^H.
    Backspace,
    /// Delete.
    Delete,
    /// ^D: the end on an empty line, else Delete.
    EndOrDelete,
    /// ^C.
    Interrupt,
    /// Left or ^B.
    Left,
    /// Right or ^F.
    Right,
    /// ^Left or Alt-B.
    WordLeft,
    /// ^Right or Alt-F.
    WordRight,
    /// Up or ^P.
    Up,
    /// Down or ^N.
    Down,
    /// Home or ^A.
    Home,
    /// End or ^E.
    End,
    /// ^K.
    CutToEnd,
    /// ^U.
    CutToStart,
    /// ^W.
    CutWord,
    /// ^Y.
    Paste,
    /// ^L.
    Clear,
    /// Anything else; it does nothing.
    Unknown,
}

/// How many bytes of an escape sequence are kept: no key has more.
const SEQUENCE_MAX: usize = 16;

/// Turns a stream of bytes into keys.
#[derive(Default)]
pub struct Decoder {
    state: State,
    /// Bytes of a sequence that is not complete.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After the first bytes of a character.
    Character,
    /// After escape.
    Escape,
    /// After escape and `[`.
    Sequence,
    /// After escape and `O`.
    Function,
    /// After a carriage return: a newline right behind it belongs to it.
    Returned,
}

impl Decoder {
    /// Takes a byte. Returns the key that it completes, if it does.
    pub fn feed(&mut self, byte: u8) -> Option<Key> {
        match self.state {
            State::Ground => self.ground(byte),
            State::Returned => {
                self.state = State::Ground;
                if byte == b'\n' { None } else { self.ground(byte) }
            }
            State::Character => self.character(byte),
            State::Escape => {
                self.state = State::Ground;
                match byte {
                    b'[' => self.begin(State::Sequence),
                    b'O' => self.begin(State::Function),
                    b'b' | b'B' => Some(Key::WordLeft),
                    b'f' | b'F' => Some(Key::WordRight),
                    0x1b => self.begin(State::Escape),
                    _ => Some(Key::Unknown),
                }
            }
            State::Function => {
                self.state = State::Ground;
                Some(function(byte))
            }
            State::Sequence => {
                // Parameters and intermediates, then one final byte (ECMA-48, 5.4).
                if (0x20..0x40).contains(&byte) {
                    if self.held.len() < SEQUENCE_MAX {
                        self.held.push(byte);
                    }
                    return None;
                }
                self.state = State::Ground;
                Some(sequence(&self.held, byte))
            }
        }
    }

    fn begin(&mut self, state: State) -> Option<Key> {
        self.held.clear();
        self.state = state;
        None
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        Some(match byte {
            b'\r' => {
                self.state = State::Returned;
                Key::Enter
            }
            b'\n' => Key::Enter,
            b'\t' => Key::Tab,
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::EndOrDelete,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            0x0b => Key::CutToEnd,
            0x0c => Key::Clear,
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::CutToStart,
            0x17 => Key::CutWord,
            0x19 => Key::Paste,
            0x1b => return self.begin(State::Escape),
            0x20..0x7f => Key::Text(char::from(byte).into()),
            0xc2..=0xf4 => {
                self.begin(State::Character);
                self.held.push(byte);
                return None;
            }
            0x80.. => Key::Text(char::REPLACEMENT_CHARACTER.into()),
            _ => Key::Unknown,
        })
    }

    fn character(&mut self, byte: u8) -> Option<Key> {
        self.held.push(byte);
        match core::str::from_utf8(&self.held) {
            Ok(text) => {
                self.state = State::Ground;
                Some(Key::Text(text.into()))
            }
            Err(error) if error.error_len().is_none() => None,
            Err(_) => {
                self.state = State::Ground;
                // A control key that breaks off a character still works.
                if byte < 0x80 { self.ground(byte) } else { Some(Key::Text(char::REPLACEMENT_CHARACTER.into())) }
            }
        }
    }
}

/// The key of escape, `O` and this byte.
fn function(byte: u8) -> Key {
    match byte {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        _ => Key::Unknown,
    }
}

/// The key of escape, `[`, these parameters and this final byte.
fn sequence(parameters: &[u8], last: u8) -> Key {
    match (parameters, last) {
        (b"1;5" | b"1;3", b'C') => Key::WordRight,
        (b"1;5" | b"1;3", b'D') => Key::WordLeft,
        (b"1" | b"7", b'~') => Key::Home,
        (b"4" | b"8", b'~') => Key::End,
        (b"3", b'~') => Key::Delete,
        (b"", b'A'..=b'H') => function(last),
        _ => Key::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Key};
    use alloc::vec::Vec;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        bytes.iter().filter_map(|&byte| decoder.feed(byte)).collect()
    }

    #[test]
    fn sequences_of_several_terminals_mean_the_same() {
        assert_eq!(keys(b"\x1b[A\x1bOA\x10"), [Key::Up, Key::Up, Key::Up]);
        assert_eq!(keys(b"\x1b[H\x1b[1~\x1b[7~\x1bOH\x01"), [const { Key::Home }; 5]);
        assert_eq!(keys(b"\x1b[3~\x1b[1;5C\x1b[1;5D"), [Key::Delete, Key::WordRight, Key::WordLeft]);
    }

    #[test]
    fn unknown_sequences_are_swallowed_whole() {
        assert_eq!(
            keys(b"\x1b[200~x\x1b[12;34Ry"),
            [Key::Unknown, Key::Text("x".into()), Key::Unknown, Key::Text("y".into())]
        );
    }

    #[test]
    fn characters_come_whole_and_broken_ones_are_replaced() {
        assert_eq!(keys("ö漢".as_bytes()), [Key::Text("ö".into()), Key::Text("漢".into())]);
        assert_eq!(keys(b"\xff"), [Key::Text("\u{fffd}".into())]);
        assert_eq!(keys(b"\xc3\x03"), [Key::Interrupt]);
    }

    #[test]
    fn carriage_return_and_newline_are_one_enter() {
        assert_eq!(keys(b"\r\n"), [Key::Enter]);
        assert_eq!(keys(b"\n\n\r\r"), [const { Key::Enter }; 4]);
    }
}
