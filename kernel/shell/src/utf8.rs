//! Characters in text that may not be UTF-8: a byte that is part of none counts as one.

/// How many bytes the first character of `text` takes; 0 for an empty text.
pub fn length(text: &[u8]) -> usize {
    first(text).map_or(usize::from(!text.is_empty()), char::len_utf8)
}

/// The first character of `text`, if it is one.
pub fn first(text: &[u8]) -> Option<char> {
    (1..=text.len().min(4)).find_map(|length| core::str::from_utf8(&text[..length]).ok()?.chars().next())
}

/// How many bytes the last character of `text` takes; 0 for an empty text.
pub fn last_length(text: &[u8]) -> usize {
    let whole = (1..=text.len().min(4)).rev().find(|&count| {
        core::str::from_utf8(&text[text.len() - count..]).is_ok_and(|tail| tail.chars().nth(1).is_none())
    });
    whole.unwrap_or(usize::from(!text.is_empty()))
}

/// How many columns of a terminal the text takes. Bytes that are no text are shown as one replacement character.
pub fn width(text: &[u8]) -> usize {
    let mut columns = 0;
    let mut rest = text;
    while !rest.is_empty() {
        columns += first(rest).map_or(1, char_width);
        rest = &rest[length(rest)..];
    }
    columns
}

/// How many columns a character takes: none for a combining mark or a control character, two for a wide one.
fn char_width(character: char) -> usize {
    unicode_width::UnicodeWidthChar::width(character).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{last_length, length, width};

    #[test]
    fn characters_are_measured_from_both_ends() {
        assert_eq!((length("öx".as_bytes()), last_length("xö".as_bytes())), (2, 2));
        assert_eq!((length(b"\xffx"), last_length(b"x\xff")), (1, 1));
        assert_eq!((length(b""), last_length(b"")), (0, 0));
        assert_eq!((length("漢".as_bytes()), last_length("a漢".as_bytes())), (3, 3));
        assert_eq!(last_length("é€".as_bytes()), 3);
    }

    #[test]
    fn width_is_counted_in_columns() {
        assert_eq!(width("aö漢e\u{301}".as_bytes()), 5);
        assert_eq!(width(b"a\xff"), 2);
    }
}
