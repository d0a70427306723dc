//! Words to fields: variables are replaced, what came out of them unquoted is split at blanks, quotes are gone.

use super::syntax::Piece;
use alloc::vec::Vec;

/// A field: its bytes, each with whether it was quoted (and so stands for itself in a pattern).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The bytes, and for each whether it was quoted.
    pub bytes: Vec<(u8, bool)>,
}

impl Field {
    /// The bytes alone.
    pub fn text(&self) -> Vec<u8> {
        self.bytes.iter().map(|&(byte, _)| byte).collect()
    }

    fn extend(&mut self, bytes: &[u8], quoted: bool) {
        self.bytes.extend(bytes.iter().map(|&byte| (byte, quoted)));
    }
}

/// How many bytes the words of a command, or a value, may have: what doubles each time it is used ends here.
pub const BYTES_MAX: usize = 1 << 20;

/// A word whose expansion would be longer than [`BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// The fields of a word; `value` gives the value of a variable, empty for one that is not set.
///
/// # Errors
/// The fields would be too long.
pub fn fields(word: &[Piece], value: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<Vec<Field>, TooLong> {
    check_length(word, value)?;
    let mut fields = Vec::new();
    // The field being made; none between two fields.
    let mut current: Option<Field> = None;
    for piece in word {
        match piece {
            Piece::Plain(bytes) => current.get_or_insert_default().extend(bytes, false),
            Piece::Quoted(bytes) => current.get_or_insert_default().extend(bytes, true),
            Piece::Variable { name, quoted: true } => current.get_or_insert_default().extend(&value(name), true),
            Piece::Variable { name, quoted: false } => {
                let value = value(name);
                for (index, part) in value.split(|byte| matches!(byte, b' ' | b'\t' | b'\n')).enumerate() {
                    if index > 0 {
                        fields.extend(current.take());
                    }
                    if !part.is_empty() {
                        current.get_or_insert_default().extend(part, false);
                    }
                }
            }
        }
    }
    fields.extend(current);
    Ok(fields)
}

fn check_length(word: &[Piece], value: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<(), TooLong> {
    let mut length = 0;
    for piece in word {
        length += match piece {
            Piece::Plain(bytes) | Piece::Quoted(bytes) => bytes.len(),
            Piece::Variable { name, .. } => value(name).len(),
        };
        if length > BYTES_MAX {
            return Err(TooLong);
        }
    }
    Ok(())
}

/// The word as one value that is neither split nor a pattern: of an assignment or a redirection.
///
/// # Errors
/// The value would be too long.
pub fn single(word: &[Piece], value: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, TooLong> {
    check_length(word, value)?;
    let mut text = Vec::new();
    for piece in word {
        match piece {
            Piece::Plain(bytes) | Piece::Quoted(bytes) => text.extend_from_slice(bytes),
            Piece::Variable { name, .. } => text.extend_from_slice(&value(name)),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{fields, single};
    use crate::language::parser::{End, Parser};
    use alloc::string::String;
    use alloc::vec::Vec;

    fn value(name: &[u8]) -> Vec<u8> {
        match name {
            b"A" => b"one  two".to_vec(),
            b"?" => b"7".to_vec(),
            _ => Vec::new(),
        }
    }

    fn expand(text: &str) -> Vec<String> {
        let list = Parser::new(text.as_bytes(), End::Final).next_list().unwrap().unwrap();
        list.pipelines[0].commands[0]
            .words
            .iter()
            .flat_map(|word| fields(word, &value).unwrap())
            .map(|field| String::from_utf8(field.text()).unwrap())
            .collect()
    }

    #[test]
    fn an_unquoted_value_is_split_and_a_quoted_one_is_not() {
        assert_eq!(expand("x$A.y"), ["xone", "two.y"]);
        assert_eq!(expand("\"x$A.y\""), ["xone  two.y"]);
        assert_eq!(expand("$? ${?}$?"), ["7", "77"]);
    }

    #[test]
    fn an_empty_value_makes_no_field_unless_quoted() {
        assert_eq!(expand("a $NONE b"), ["a", "b"]);
        assert_eq!(expand("a \"$NONE\" ''"), ["a", "", ""]);
    }

    #[test]
    fn an_assignment_takes_the_value_whole() {
        let list = Parser::new(b"B=x$A", End::Final).next_list().unwrap().unwrap();
        assert_eq!(single(&list.pipelines[0].commands[0].assignments[0].1, &value).unwrap(), b"xone  two");
    }
}
