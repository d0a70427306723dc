//! Bytes to lists of commands, one line at a time, so that a script runs up to the line that is wrong.

#[cfg(test)]
mod tests;

use super::syntax::{Command, List, Piece, Pipeline, Redirection, Stream, When, Word};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// The text ends within quotes, after `\`, or after `&&`, `||` or `|`: more lines may complete it.
    Unfinished,
    /// This token cannot stand where it stands.
    Unexpected(String),
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished => f.write_str("syntax error: unexpected end of file"),
            Self::Unexpected(token) => write!(f, "syntax error near unexpected token `{token}'"),
        }
    }
}

/// Whether the text given is all there will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing follows: a `\` at the very end stands for nothing.
    Final,
    /// Another line can be asked for.
    Open,
}

/// Reads lists from a text.
pub struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    end: End,
    line: usize,
}

impl<'t> Parser<'t> {
    /// A parser at the beginning of `text`.
    pub fn new(text: &'t [u8], end: End) -> Self {
        Self { text, at: 0, end, line: 1 }
    }

    /// The number of the line that the parser stands in, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The next line's list (empty for an empty line); `None` after the last.
    ///
    /// # Errors
    /// What is wrong with the line. The parser then stands somewhere within it: its text is of no more use.
    pub fn next_list(&mut self) -> Result<Option<List>, SyntaxError> {
        if self.at == self.text.len() {
            return Ok(None);
        }
        let mut list = List::default();
        let mut when = When::Always;
        loop {
            match self.token()? {
                Token::End | Token::Newline => match when {
                    When::Always => return Ok(Some(list)),
                    // `&&` at the end of a line goes on in the next one.
                    When::Success | When::Failure if self.at < self.text.len() => {}
                    When::Success | When::Failure => return Err(SyntaxError::Unfinished),
                },
                first => {
                    let (pipeline, after) = self.pipeline(first, when)?;
                    list.pipelines.push(pipeline);
                    when = match after {
                        Token::Semicolon => When::Always,
                        Token::And => When::Success,
                        Token::Or => When::Failure,
                        Token::End | Token::Newline => return Ok(Some(list)),
                        other => return Err(other.unexpected()),
                    };
                }
            }
        }
    }

    /// A pipeline that begins with `token`, and the token after it.
    fn pipeline(&mut self, mut token: Token, when: When) -> Result<(Pipeline, Token), SyntaxError> {
        let mut pipeline = Pipeline { when, negated: false, commands: Vec::new() };
        while token.is_word(b"!") {
            pipeline.negated = !pipeline.negated;
            token = self.token()?;
        }
        loop {
            let (command, after) = self.command(token)?;
            pipeline.commands.push(command);
            if after != Token::Pipe {
                return Ok((pipeline, after));
            }
            token = self.token()?;
            while token == Token::Newline {
                token = self.token()?;
            }
            if token == Token::End {
                return Err(SyntaxError::Unfinished);
            }
        }
    }

    /// A command that begins with `token`, and the token after it.
    fn command(&mut self, mut token: Token) -> Result<(Command, Token), SyntaxError> {
        let mut command = Command::default();
        let mut empty = true;
        loop {
            match token {
                Token::Word(word) => match assignment(&word) {
                    Some(assignment) if command.words.is_empty() => command.assignments.push(assignment),
                    _ => command.words.push(word),
                },
                Token::Redirect(kind, stream) => command.redirections.push(self.redirection(kind, stream)?),
                other if empty => return Err(other.unexpected()),
                other => return Ok((command, other)),
            }
            empty = false;
            token = self.token()?;
        }
    }

    fn redirection(&mut self, kind: Redirect, stream: Option<u8>) -> Result<Redirection, SyntaxError> {
        let word = match self.token()? {
            Token::Word(word) => word,
            other => return Err(other.unexpected()),
        };
        let output = |stream: Option<u8>| match stream {
            None | Some(b'1') => Some(Stream::Output),
            Some(b'2') => Some(Stream::Error),
            Some(_) => None,
        };
        let parsed = match (kind, output(stream)) {
            (Redirect::Read, _) if matches!(stream, None | Some(b'0')) => Some(Redirection::Read(word)),
            (Redirect::Write, Some(stream)) => Some(Redirection::Write(stream, word)),
            (Redirect::Append, Some(stream)) => Some(Redirection::Append(stream, word)),
            (Redirect::Same, Some(stream)) => match &word[..] {
                [Piece::Plain(digit)] if digit.len() == 1 => {
                    output(Some(digit[0])).map(|other| Redirection::Same(stream, other))
                }
                _ => None,
            },
            _ => None,
        };
        parsed.ok_or_else(|| SyntaxError::Unexpected(kind.as_str().into()))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// Skips `\` and newline; `Unfinished` when the text ends with them and more may come.
    fn skip_joined_lines(&mut self) -> Result<(), SyntaxError> {
        while self.peek(0) == Some(b'\\') {
            match self.peek(1) {
                Some(b'\n') => {
                    self.at += 2;
                    self.line += 1;
                    if self.at == self.text.len() && self.end == End::Open {
                        return Err(SyntaxError::Unfinished);
                    }
                }
                Some(_) => break,
                None if self.end == End::Open => return Err(SyntaxError::Unfinished),
                None => self.at += 1,
            }
        }
        Ok(())
    }

    fn token(&mut self) -> Result<Token, SyntaxError> {
        loop {
            self.skip_joined_lines()?;
            match self.peek(0) {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'#') => {
                    let rest = &self.text[self.at..];
                    self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                }
                _ => break,
            }
        }
        let Some(first) = self.peek(0) else { return Ok(Token::End) };
        let digit = first.is_ascii_digit() && matches!(self.peek(1), Some(b'<' | b'>'));
        let stream = digit.then_some(first);
        self.at += usize::from(digit);
        let (token, length) = match (self.peek(0), self.peek(1)) {
            (Some(b'>'), Some(b'>')) => (Token::Redirect(Redirect::Append, stream), 2),
            (Some(b'>'), Some(b'&')) => (Token::Redirect(Redirect::Same, stream), 2),
            (Some(b'>'), _) => (Token::Redirect(Redirect::Write, stream), 1),
            (Some(b'<'), _) => (Token::Redirect(Redirect::Read, stream), 1),
            (Some(b'&'), Some(b'&')) => (Token::And, 2),
            (Some(b'|'), Some(b'|')) => (Token::Or, 2),
            (Some(b'|'), _) => (Token::Pipe, 1),
            (Some(b';'), _) => (Token::Semicolon, 1),
            (Some(b'\n'), _) => {
                self.line += 1;
                (Token::Newline, 1)
            }
            (Some(other @ (b'&' | b'(' | b')')), _) => {
                return Err(SyntaxError::Unexpected(char::from(other).into()));
            }
            _ => return self.word().map(Token::Word),
        };
        self.at += length;
        Ok(token)
    }

    fn word(&mut self) -> Result<Word, SyntaxError> {
        let mut word = WordBuilder::default();
        loop {
            self.skip_joined_lines()?;
            let Some(byte) = self.peek(0) else { break };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'\'' => {
                    let rest = &self.text[self.at + 1..];
                    let Some(length) = rest.iter().position(|&byte| byte == b'\'') else {
                        return Err(SyntaxError::Unfinished);
                    };
                    self.line += rest[..length].iter().filter(|&&byte| byte == b'\n').count();
                    word.quoted().extend_from_slice(&rest[..length]);
                    self.at += length + 2;
                }
                b'"' => {
                    self.at += 1;
                    self.double_quoted(&mut word)?;
                }
                b'\\' => {
                    // `skip_joined_lines` leaves a backslash only before another byte.
                    word.quoted().extend(self.peek(1));
                    self.at += 2;
                }
                b'$' => self.dollar(&mut word, false)?,
                _ => {
                    word.plain().push(byte);
                    self.at += 1;
                }
            }
        }
        Ok(word.pieces)
    }

    fn double_quoted(&mut self, word: &mut WordBuilder) -> Result<(), SyntaxError> {
        // Quotes around nothing make a word too.
        word.quoted();
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) | (Some(b'\\'), None) => return Err(SyntaxError::Unfinished),
                (Some(b'"'), _) => {
                    self.at += 1;
                    return Ok(());
                }
                (Some(b'\\'), Some(b'\n')) => {
                    self.at += 2;
                    self.line += 1;
                }
                (Some(b'\\'), Some(next @ (b'"' | b'\\' | b'$' | b'`'))) => {
                    word.quoted().push(next);
                    self.at += 2;
                }
                (Some(b'$'), _) => self.dollar(word, true)?,
                (Some(byte), _) => {
                    self.line += usize::from(byte == b'\n');
                    word.quoted().push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// What stands at a `$`: a variable, or just that.
    fn dollar(&mut self, word: &mut WordBuilder, quoted: bool) -> Result<(), SyntaxError> {
        let rest = &self.text[self.at + 1..];
        let (name, length) = match rest.first() {
            Some(b'?') => (&rest[..1], 1),
            Some(b'{') => {
                let Some(close) = rest.iter().position(|&byte| byte == b'}') else {
                    return Err(SyntaxError::Unfinished);
                };
                let name = &rest[1..close];
                if name != b"?" && name_length(name) != name.len() || name.is_empty() {
                    return Err(SyntaxError::Unexpected("${".into()));
                }
                (name, close + 1)
            }
            _ => (&rest[..name_length(rest)], name_length(rest)),
        };
        self.at += 1 + length;
        if length > 0 {
            word.pieces.push(Piece::Variable { name: name.to_vec(), quoted });
        } else if quoted {
            word.quoted().push(b'$');
        } else {
            word.plain().push(b'$');
        }
        Ok(())
    }
}

/// How many bytes at the beginning of `text` make a variable's name; 0 when none do.
fn name_length(text: &[u8]) -> usize {
    match text.first() {
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' => {
            text.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').unwrap_or(text.len())
        }
        _ => 0,
    }
}

/// The name and the value, when the word is `NAME=value` with nothing quoted up to the `=`.
fn assignment(word: &[Piece]) -> Option<(Vec<u8>, Word)> {
    let Some(Piece::Plain(first)) = word.first() else { return None };
    let equals = first.iter().position(|&byte| byte == b'=')?;
    if equals == 0 || name_length(first) != equals {
        return None;
    }
    let mut value = Vec::from([Piece::Plain(first[equals + 1..].to_vec())]);
    value.extend_from_slice(&word[1..]);
    Some((first[..equals].to_vec(), value))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Redirect {
    Read,
    Write,
    Append,
    Same,
}

impl Redirect {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "<",
            Self::Write => ">",
            Self::Append => ">>",
            Self::Same => ">&",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(Word),
    /// With the digit before it, if there was one.
    Redirect(Redirect, Option<u8>),
    Semicolon,
    And,
    Or,
    Pipe,
    Newline,
    End,
}

impl Token {
    fn is_word(&self, text: &[u8]) -> bool {
        matches!(self, Self::Word(word) if matches!(&word[..], [Piece::Plain(plain)] if plain == text))
    }

    fn unexpected(&self) -> SyntaxError {
        SyntaxError::Unexpected(
            match self {
                Self::Word(_) => "word",
                Self::Redirect(kind, _) => kind.as_str(),
                Self::Semicolon => ";",
                Self::And => "&&",
                Self::Or => "||",
                Self::Pipe => "|",
                Self::Newline | Self::End => "newline",
            }
            .into(),
        )
    }
}

/// Collects a word, joining neighbours of one kind.
#[derive(Default)]
struct WordBuilder {
    pieces: Word,
}

impl WordBuilder {
    /// The bytes of a plain piece at the end.
    fn plain(&mut self) -> &mut Vec<u8> {
        if !matches!(self.pieces.last(), Some(Piece::Plain(_))) {
            self.pieces.push(Piece::Plain(Vec::new()));
        }
        self.bytes()
    }

    /// The bytes of a quoted piece at the end.
    fn quoted(&mut self) -> &mut Vec<u8> {
        if !matches!(self.pieces.last(), Some(Piece::Quoted(_))) {
            self.pieces.push(Piece::Quoted(Vec::new()));
        }
        self.bytes()
    }

    fn bytes(&mut self) -> &mut Vec<u8> {
        match self.pieces.last_mut() {
            Some(Piece::Plain(bytes) | Piece::Quoted(bytes)) => bytes,
            // Both callers have just made sure that the last piece holds bytes.
            Some(Piece::Variable { .. }) | None => unreachable!("the last piece holds bytes"),
        }
    }
}
