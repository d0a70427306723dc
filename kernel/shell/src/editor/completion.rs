//! What Tab does with the candidates that the caller finds.

use alloc::vec::Vec;

/// Finds candidates for the word before the cursor.
pub trait Completer {
    /// The candidates for `line`, which ends at the cursor.
    fn complete(&mut self, line: &[u8]) -> Candidates;
}

/// One way to complete a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// How it is listed.
    pub label: Vec<u8>,
    /// What stands in the line when it is chosen, quoted as needed, without what ends the word.
    pub text: Vec<u8>,
    /// What follows when it is the only one: a closing quote, a blank, nothing after a directory.
    pub ending: Vec<u8>,
}

/// All ways to complete a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Where the word begins in the line.
    pub start: usize,
    /// Sorted by label.
    pub all: Vec<Candidate>,
}

/// What Tab does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// There are no candidates.
    Nothing,
    /// There are several, and they have no more in common than what is typed.
    Ambiguous,
    /// The word, from `start` on, becomes `text`.
    Insert {
        /// Where the word begins.
        start: usize,
        /// What it becomes.
        text: Vec<u8>,
        /// Whether there are several candidates still.
        ambiguous: bool,
    },
}

impl Candidates {
    /// What to do, given the line up to the cursor.
    pub fn reply(&self, line: &[u8]) -> Reply {
        let typed = &line[self.start.min(line.len())..];
        match &self.all[..] {
            [] => Reply::Nothing,
            [only] => {
                let mut text = only.text.clone();
                text.extend_from_slice(&only.ending);
                Reply::Insert { start: self.start, text, ambiguous: false }
            }
            [first, rest @ ..] => {
                let mut common = &first.text[..];
                for other in rest {
                    let length = common.iter().zip(&other.text).take_while(|(one, two)| one == two).count();
                    common = &common[..length];
                }
                // Neither half a character nor a backslash without what it quotes.
                while !common.is_empty()
                    && (core::str::from_utf8(common).is_err_and(|error| error.error_len().is_none())
                        || ends_in_backslash(common))
                {
                    common = &common[..common.len() - 1];
                }
                if common.len() > typed.len() {
                    Reply::Insert { start: self.start, text: common.to_vec(), ambiguous: true }
                } else {
                    Reply::Ambiguous
                }
            }
        }
    }

    /// How the candidates are listed.
    pub fn labels(&self) -> Vec<&[u8]> {
        self.all.iter().map(|candidate| &candidate.label[..]).collect()
    }
}

/// Whether the text ends in a backslash that quotes what would follow.
fn ends_in_backslash(text: &[u8]) -> bool {
    text.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}
