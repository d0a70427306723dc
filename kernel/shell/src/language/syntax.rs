//! What a parsed line consists of.

use alloc::vec::Vec;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that stood outside quotes: pattern characters in them are active.
    Plain(Vec<u8>),
    /// Bytes that were quoted. An empty one still makes its word exist (`''`).
    Quoted(Vec<u8>),
    /// The value of a variable.
    Variable {
        /// Its name; `?` is the last status.
        name: Vec<u8>,
        /// Whether it stood in double quotes: its value is then neither split nor a pattern.
        quoted: bool,
    },
}

/// A word as written, in pieces.
pub type Word = Vec<Piece>;

/// One of a command's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 1.
    Output,
    /// Descriptor 2.
    Error,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirection {
    /// `< file`
    Read(Word),
    /// `> file`, `2> file`: the file is emptied first.
    Write(Stream, Word),
    /// `>> file`, `2>> file`
    Append(Stream, Word),
    /// `2>&1`, `>&2`: the first goes where the second goes now.
    Same(Stream, Stream),
}

/// A command with its arguments, or only assignments or redirections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// `NAME=value` before the first word.
    pub assignments: Vec<(Vec<u8>, Word)>,
    /// The command's name and its arguments.
    pub words: Vec<Word>,
    /// In the order written, which is the order of their effect.
    pub redirections: Vec<Redirection>,
}

/// When a pipeline runs, given how the one before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After `;`, or first.
    Always,
    /// After `&&`.
    Success,
    /// After `||`.
    Failure,
}

/// Commands joined by `|`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// When it runs.
    pub when: When,
    /// Whether `!` stood before it: its status is then turned around.
    pub negated: bool,
    /// At least one.
    pub commands: Vec<Command>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// In order.
    pub pipelines: Vec<Pipeline>,
}
