//! What the terminal shows of the line being edited, for any width.
//!
//! What is typed at the end is just shown. Every other change draws the prompt and the line anew, from the prompt's
//! beginning on, and then moves the cursor: nothing needs to be known of the terminal but its width, and only the oldest
//! control sequences (ECMA-48) are used.

use crate::utf8;
use alloc::format;
use alloc::vec::Vec;

/// The part of the screen that the prompt and the line take.
pub struct Screen {
    prompt: Vec<u8>,
    columns: usize,
    /// The row that the cursor stands in, from the prompt's first row.
    row: usize,
    /// The text that is shown, and where it ends, while the cursor stands there.
    shown: Option<(Vec<u8>, Place)>,
}

/// A place on the screen, from the prompt's beginning.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    row: usize,
    column: usize,
}

impl Screen {
    /// A screen of `columns` columns whose cursor stands where the prompt is to begin.
    pub fn new(prompt: &[u8], columns: usize) -> Self {
        Self { prompt: prompt.to_vec(), columns, row: 0, shown: None }
    }

    /// The cursor stands at the beginning of an empty row, and the next drawing begins there.
    pub fn forget(&mut self) {
        self.row = 0;
        self.shown = None;
    }

    /// The bytes that make the terminal show the prompt and `text`, with the cursor before byte `cursor` of it.
    pub fn draw(&mut self, text: &[u8], cursor: usize) -> Vec<u8> {
        let mut out = Vec::new();
        // What is typed at the end needs no more than to be shown there.
        if let Some((shown, mut end)) = self.shown.take()
            && cursor == text.len()
            && let Some(more) = text.strip_prefix(&shown[..])
        {
            self.show(more, &mut end, &mut out);
            self.row = end.row;
            self.shown = Some((text.to_vec(), end));
            return out;
        }
        if self.row > 0 {
            out.extend_from_slice(format!("\x1b[{}A", self.row).as_bytes());
        }
        out.extend_from_slice(b"\r\x1b[J");
        let mut end = Place::default();
        self.show(&self.prompt, &mut end, &mut out);
        self.show(&text[..cursor], &mut end, &mut out);
        let wanted = end;
        self.show(&text[cursor..], &mut end, &mut out);
        if end.row > wanted.row {
            out.extend_from_slice(format!("\x1b[{}A", end.row - wanted.row).as_bytes());
        }
        if end != wanted {
            out.push(b'\r');
            if wanted.column > 0 {
                out.extend_from_slice(format!("\x1b[{}C", wanted.column).as_bytes());
            }
        }
        self.row = wanted.row;
        self.shown = (cursor == text.len()).then(|| (text.to_vec(), end));
        out
    }

    /// Writes `text`, and moves `place` as the terminal moves its cursor. Control characters show as `^X`.
    fn show(&self, text: &[u8], place: &mut Place, out: &mut Vec<u8>) {
        let mut rest = text;
        while !rest.is_empty() {
            let (character, after) = rest.split_at(utf8::length(rest));
            rest = after;
            let caret;
            let replaced;
            let shown: &[u8] = match (utf8::first(character), character) {
                (Some(_), &[control @ (0..0x20 | 0x7f)]) => {
                    caret = [b'^', control ^ 0x40];
                    &caret
                }
                (Some(_), _) => character,
                (None, _) => {
                    replaced = char::REPLACEMENT_CHARACTER;
                    let mut buffer = [0; 4];
                    out.extend_from_slice(replaced.encode_utf8(&mut buffer).as_bytes());
                    self.advance(place, 1, out);
                    continue;
                }
            };
            let width = utf8::width(shown);
            if place.column + width > self.columns {
                // A wide character does not fit in the last column: the terminal puts it in the next row.
                out.extend_from_slice(b"\r\n");
                *place = Place { row: place.row + 1, column: 0 };
            }
            out.extend_from_slice(shown);
            self.advance(place, width, out);
        }
    }

    /// A terminal that has filled a row waits with its cursor in the last column; this sends it on to the next row.
    fn advance(&self, place: &mut Place, width: usize, out: &mut Vec<u8>) {
        place.column += width;
        if place.column >= self.columns {
            out.extend_from_slice(b"\r\n");
            *place = Place { row: place.row + 1, column: 0 };
        }
    }
}
