//! Patterns for names (`glob(7)`): `*`, `?` and `[…]`.

use super::expansion::Field;
use alloc::vec::Vec;

/// One element of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Symbol {
    /// This byte.
    Byte(u8),
    /// `?`: any character (of one byte, or of a whole UTF-8 sequence).
    One,
    /// `*`: any bytes, none included.
    Run,
    /// `[…]`: a byte in one of the ranges, or in none of them.
    Set {
        /// `[!…]` or `[^…]`.
        negated: bool,
        /// First and last byte of each range.
        ranges: Vec<(u8, u8)>,
    },
}

/// A pattern for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    symbols: Vec<Symbol>,
}

/// Whether a field has an active pattern character in it.
pub fn is_active(field: &Field) -> bool {
    field.bytes.split(|&(byte, _)| byte == b'/').any(|part| !Pattern::new(part).is_literal())
}

impl Pattern {
    /// A pattern of bytes, each with whether it stands for itself.
    pub fn new(bytes: &[(u8, bool)]) -> Self {
        let mut symbols = Vec::new();
        let mut at = 0;
        while let Some(&(byte, quoted)) = bytes.get(at) {
            at += 1;
            symbols.push(match byte {
                b'*' if !quoted => Symbol::Run,
                b'?' if !quoted => Symbol::One,
                b'[' if !quoted => match set(&bytes[at..]) {
                    Some((set, length)) => {
                        at += length;
                        set
                    }
                    None => Symbol::Byte(b'['),
                },
                _ => Symbol::Byte(byte),
            });
        }
        Self { symbols }
    }

    /// A pattern as the argument of a command has it: `\` takes the meaning from the next byte.
    pub fn from_argument(argument: &[u8]) -> Self {
        let mut bytes = Vec::new();
        let mut rest = argument.iter();
        while let Some(&byte) = rest.next() {
            match byte {
                b'\\' => bytes.push((rest.next().copied().unwrap_or(b'\\'), true)),
                _ => bytes.push((byte, false)),
            }
        }
        Self::new(&bytes)
    }

    /// Whether it matches one name only: itself.
    pub fn is_literal(&self) -> bool {
        self.symbols.iter().all(|symbol| matches!(symbol, Symbol::Byte(_)))
    }

    /// Whether it begins with a dot: only then does it match names that do, when words are expanded.
    pub fn begins_with_dot(&self) -> bool {
        self.symbols.first() == Some(&Symbol::Byte(b'.'))
    }

    /// Whether it matches the whole of `name`. Takes time proportional to the product of the lengths at most.
    pub fn matches(&self, name: &[u8]) -> bool {
        let (mut symbol, mut at) = (0, 0);
        // Where to go on when the rest does not match: after the last `*`, which then takes one byte more.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let step = match self.symbols.get(symbol) {
                None if at == name.len() => return true,
                None => None,
                Some(Symbol::Run) => {
                    retry = Some((symbol + 1, at));
                    symbol += 1;
                    continue;
                }
                Some(one) => one.take(&name[at..]),
            };
            match (step, retry) {
                (Some(length), _) => {
                    symbol += 1;
                    at += length;
                }
                (None, Some((after, from))) if from < name.len() => {
                    retry = Some((after, from + 1));
                    (symbol, at) = (after, from + 1);
                }
                (None, _) => return false,
            }
        }
    }
}

impl Symbol {
    /// How many bytes at the beginning of `text` it matches. Not for [`Symbol::Run`].
    fn take(&self, text: &[u8]) -> Option<usize> {
        let &first = text.first()?;
        match self {
            Self::Byte(byte) => (*byte == first).then_some(1),
            Self::One => Some(crate::utf8::length(text)),
            Self::Set { negated, ranges } => {
                let within = ranges.iter().any(|&(low, high)| (low..=high).contains(&first));
                match (within, negated) {
                    (true, false) => Some(1),
                    (false, true) => Some(crate::utf8::length(text)),
                    _ => None,
                }
            }
            Self::Run => None,
        }
    }
}

/// The set that follows a `[`, and its length with the `]`; `None` when there is no `]`.
fn set(bytes: &[(u8, bool)]) -> Option<(Symbol, usize)> {
    let mut at = 0;
    let negated = matches!(bytes.first(), Some(&(b'!' | b'^', false)));
    at += usize::from(negated);
    let mut ranges = Vec::new();
    loop {
        match (bytes.get(at)?, bytes.get(at + 1), bytes.get(at + 2)) {
            // The first `]` stands for itself.
            ((b']', false), ..) if !ranges.is_empty() => return Some((Symbol::Set { negated, ranges }, at + 1)),
            ((low, _), Some((b'-', false)), Some(&(high, quoted))) if high != b']' || quoted => {
                ranges.push((*low, high));
                at += 3;
            }
            ((byte, _), ..) => {
                ranges.push((*byte, *byte));
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::from_argument(pattern.as_bytes()).matches(name.as_bytes())
    }

    #[test]
    fn stars_question_marks_and_sets() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "abc"),
            ("a*c", "ac"),
            ("a*c", "abcbc"),
            ("*.rs", "main.rs"),
            ("a?c", "abc"),
            ("a?c", "aöc"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("[a-]", "-"),
            ("[", "["),
            ("\\*", "*"),
            ("*a*b*", "xxaxxbxx"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "ab"), ("a?c", "ac"), ("[a-c]", "d"), ("[!a]", "a"), ("\\*", "a"), ("*.rs", "rs"), ("", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_the_product_of_the_lengths() {
        let name = [b'a'; 255];
        let mut pattern = b"*a".repeat(100);
        pattern.push(b'b');
        assert!(!Pattern::from_argument(&pattern).matches(&name));
    }
}
