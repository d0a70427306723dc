//! Names in messages and on the line being typed, where bytes that mean something or cannot be shown must be quoted.
//!
//! In messages it is done as GNU's tools do it: `'a b'`, `"it's"`, `'a'$'\n''b'`.

use crate::utf8;
use alloc::vec::Vec;
use core::fmt;

/// A name in a message, always in quotes.
pub struct Quoted<'n>(pub &'n [u8]);

/// A name in a message, in quotes only where it needs them.
pub struct Plain<'n>(pub &'n [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = core::str::from_utf8(self.0);
        match text {
            Ok(text) if !text.contains('\'') && !text.chars().any(char::is_control) => write!(f, "'{text}'"),
            Ok(text) if !text.contains(['"', '$', '`', '\\']) && !text.chars().any(char::is_control) => {
                write!(f, "\"{text}\"")
            }
            _ => escaped(self.0, f),
        }
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(self.0) {
            Ok(text) if !needs_quotes(self.0) => f.write_str(text),
            _ => Quoted(self.0).fmt(f),
        }
    }
}

/// Whether `ls` puts the name in quotes on a terminal.
pub fn needs_quotes(name: &[u8]) -> bool {
    name.is_empty()
        || name.iter().any(|byte| byte.is_ascii_control() || b" !\"$&'()*;<=>?[\\]^`{|}".contains(byte))
        || matches!(name[0], b'#' | b'~')
        || core::str::from_utf8(name).is_err()
}

/// Runs of what can be shown in `'…'`, the rest in `$'…'`.
fn escaped(name: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("'")?;
    let mut escape = false;
    let mut rest = name;
    while !rest.is_empty() {
        let (bytes, after) = rest.split_at(utf8::length(rest));
        let shown = utf8::first(bytes).filter(|character| !character.is_control() && *character != '\'');
        match (shown, escape) {
            (Some(_), true) => f.write_str("''")?,
            (None, false) => f.write_str("'$'")?,
            _ => {}
        }
        escape = shown.is_none();
        match (shown, bytes) {
            (Some(character), _) => write!(f, "{character}")?,
            (None, b"'") => f.write_str("\\'")?,
            (None, b"\n") => f.write_str("\\n")?,
            (None, b"\t") => f.write_str("\\t")?,
            (None, b"\r") => f.write_str("\\r")?,
            (None, _) => bytes.iter().try_for_each(|byte| write!(f, "\\{byte:03o}"))?,
        }
        rest = after;
    }
    f.write_str("'")
}

/// The name as it is typed outside quotes: a backslash before each byte that means something to the shell.
pub fn backslashed(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for (index, &byte) in name.iter().enumerate() {
        if b" \t\n\\'\"$`;&|<>()*?[".contains(&byte) || index == 0 && matches!(byte, b'#' | b'!') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Plain, Quoted, backslashed};
    use std::format;

    #[test]
    fn names_are_quoted_as_gnu_does_it() {
        assert_eq!(format!("{}", Quoted(b"a")), "'a'");
        assert_eq!(format!("{}", Quoted(b"it's")), "\"it's\"");
        assert_eq!(format!("{}", Quoted(b"a\nb")), "'a'$'\\n''b'");
        assert_eq!(format!("{}", Quoted(b"\xff")), "''$'\\377'");
        assert_eq!(format!("{}", Plain("grün".as_bytes())), "grün");
        assert_eq!(format!("{}", Plain(b"a b")), "'a b'");
        assert_eq!(format!("{}", Plain(b"")), "''");
    }

    #[test]
    fn names_that_are_typed_are_read_back_as_they_were() {
        use crate::language::last_word::last_word;
        for name in ["a b", "it's", "\"q\"", "a\\b", "$x", "#x", "a#"] {
            assert_eq!(last_word(&backslashed(name.as_bytes())).value, name.as_bytes());
        }
    }
}
