//! What the word before the cursor means, for completion.
//!
//! A line that is being typed need not be right: quotes may be open. So this is a scan of its own rather than a use of
//! the parser.

use alloc::vec::Vec;

/// The kind of quotes that are open at the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// None.
    None,
    /// `'`
    Single,
    /// `"`
    Double,
}

/// Where a word stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It names a command.
    Command,
    /// It is an argument of this command.
    Argument(Vec<u8>),
    /// It names a file to redirect to or from.
    Redirection,
}

/// The word before the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWord {
    /// Where it begins, in bytes; the line's end when no word has begun.
    pub start: usize,
    /// Its value as far as typed, without quotes.
    pub value: Vec<u8>,
    /// The quotes that are open at its end.
    pub quote: Quote,
    /// Where it stands.
    pub place: Place,
}

/// The last word of `line`, which ends at the cursor.
pub fn last_word(line: &[u8]) -> LastWord {
    let mut word = LastWord { start: line.len(), value: Vec::new(), quote: Quote::None, place: Place::Command };
    let mut command: Option<Vec<u8>> = None;
    let mut redirected = false;
    let mut inside = false;
    let mut at = 0;
    while at < line.len() {
        let byte = line[at];
        let separator = word.quote == Quote::None && b" \t;&|<>\n".contains(&byte);
        if separator {
            if inside && !redirected && command.is_none() {
                command = Some(core::mem::take(&mut word.value));
            }
            redirected = matches!(byte, b'<' | b'>') || redirected && !inside && matches!(byte, b' ' | b'\t' | b'&');
            if matches!(byte, b';' | b'|' | b'\n') || byte == b'&' && !redirected {
                command = None;
            }
            inside = false;
            word.value.clear();
            at += 1;
            continue;
        }
        if !inside {
            inside = true;
            word.start = at;
        }
        at += 1;
        match (word.quote, byte) {
            (Quote::None, b'\'') => word.quote = Quote::Single,
            (Quote::None, b'"') => word.quote = Quote::Double,
            (Quote::Single, b'\'') | (Quote::Double, b'"') => word.quote = Quote::None,
            (Quote::None, b'\\') => {
                word.value.extend(line.get(at));
                at += 1;
            }
            (Quote::Double, b'\\') if matches!(line.get(at), Some(b'"' | b'\\' | b'$' | b'`')) => {
                word.value.push(line[at]);
                at += 1;
            }
            _ => word.value.push(byte),
        }
    }
    if !inside {
        word.start = line.len();
    }
    word.place = match command {
        _ if redirected => Place::Redirection,
        Some(command) => Place::Argument(command),
        None => Place::Command,
    };
    word
}

#[cfg(test)]
mod tests {
    use super::{LastWord, Place, Quote, last_word};

    fn check(line: &str, start: usize, value: &str, quote: Quote, place: Place) {
        let expected = LastWord { start, value: value.into(), quote, place };
        assert_eq!(last_word(line.as_bytes()), expected, "{line}");
    }

    fn argument(command: &str) -> Place {
        Place::Argument(command.into())
    }

    #[test]
    fn the_first_word_of_each_command_names_it() {
        check("", 0, "", Quote::None, Place::Command);
        check("l", 0, "l", Quote::None, Place::Command);
        check("ls a; ca", 6, "ca", Quote::None, Place::Command);
        check("ls a && ", 8, "", Quote::None, Place::Command);
        check("ls a |", 6, "", Quote::None, Place::Command);
    }

    #[test]
    fn later_words_are_arguments() {
        check("ls ", 3, "", Quote::None, argument("ls"));
        check("cat a b", 6, "b", Quote::None, argument("cat"));
    }

    #[test]
    fn words_after_redirections_are_files() {
        check("echo a > ", 9, "", Quote::None, Place::Redirection);
        check("echo a >b", 8, "b", Quote::None, Place::Redirection);
        check("echo a >b c", 10, "c", Quote::None, argument("echo"));
        check("> x ec", 4, "ec", Quote::None, Place::Command);
    }

    #[test]
    fn quotes_are_taken_off() {
        check("cat a\\ b", 4, "a b", Quote::None, argument("cat"));
        check("cat 'a b", 4, "a b", Quote::Single, argument("cat"));
        check("cat \"a\\\"b", 4, "a\"b", Quote::Double, argument("cat"));
        check("cat 'a b'c", 4, "a bc", Quote::None, argument("cat"));
    }
}
