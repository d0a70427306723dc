//! The options of a command: letters, alone or together (`-dr`), with or without a value, long names for some.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What was given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    flags: Vec<u8>,
    values: Vec<(u8, Vec<u8>)>,
    /// What is left: neither an option nor an option's value.
    pub operands: Vec<Vec<u8>>,
}

impl Options {
    /// Sorts `arguments` by `letters` (as `getopt(3)` has it: a colon after a letter that takes a value) and `long`
    /// names, each with the letter it stands for. Options may come after operands; after `--` nothing is an option.
    ///
    /// # Errors
    /// The message for an unknown option or a missing value.
    pub fn parse(arguments: &[Vec<u8>], letters: &str, long: &[(&str, char)]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match &argument[..] {
                b"--" => {
                    options.operands.extend(rest.cloned());
                    break;
                }
                [b'-', b'-', name @ ..] => {
                    let equals = name.iter().position(|&byte| byte == b'=').unwrap_or(name.len());
                    let known = long.iter().find(|(long, _)| long.as_bytes() == &name[..equals]);
                    let Some(&(long, letter)) = known else {
                        return Err(format!("unrecognized option '--{}'", String::from_utf8_lossy(name)));
                    };
                    let given = name.get(equals + 1..).map(<[u8]>::to_vec);
                    // Letters of long options are ASCII: they are written down in this crate.
                    let letter = letter as u8;
                    match (takes_value(letters, letter), given) {
                        (true, given) => {
                            let value = given.or_else(|| rest.next().cloned());
                            let value = value.ok_or_else(|| format!("option '--{long}' requires an argument"))?;
                            options.values.push((letter, value));
                        }
                        (false, None) => options.flags.push(letter),
                        (false, Some(_)) => return Err(format!("option '--{long}' doesn't allow an argument")),
                    }
                }
                [b'-', cluster @ ..] if !cluster.is_empty() => {
                    for (index, &letter) in cluster.iter().enumerate() {
                        if letter == b':' || !letters.as_bytes().contains(&letter) {
                            return Err(format!("invalid option -- '{}'", char::from(letter)));
                        }
                        if takes_value(letters, letter) {
                            let joined = &cluster[index + 1..];
                            let value = if joined.is_empty() { rest.next().cloned() } else { Some(joined.to_vec()) };
                            let missing = || format!("option requires an argument -- '{}'", char::from(letter));
                            options.values.push((letter, value.ok_or_else(missing)?));
                            break;
                        }
                        options.flags.push(letter);
                    }
                }
                operand => options.operands.push(operand.to_vec()),
            }
        }
        Ok(options)
    }

    /// Whether the letter was given.
    pub fn has(&self, letter: char) -> bool {
        self.flags.iter().any(|&flag| char::from(flag) == letter)
    }

    /// The value given with the letter; the last counts.
    pub fn value(&self, letter: char) -> Option<&[u8]> {
        self.values(letter).last()
    }

    /// All values given with the letter.
    pub fn values(&self, letter: char) -> impl Iterator<Item = &[u8]> {
        self.values.iter().filter(move |(flag, _)| char::from(*flag) == letter).map(|(_, value)| &value[..])
    }

    /// The last of these letters that was given: of several that exclude each other it counts.
    pub fn last_of(&self, letters: &str) -> Option<char> {
        self.flags.iter().rev().map(|&flag| char::from(flag)).find(|&flag| letters.contains(flag))
    }
}

fn takes_value(letters: &str, letter: u8) -> bool {
    letters.as_bytes().windows(2).any(|pair| pair == [letter, b':'])
}

/// A number in decimal; `None` for anything else, or when it does not fit.
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// A number of bytes: decimal, with `K`, `M`, `G` or `T` for powers of 1024 behind it.
pub fn size(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text.split_last()? {
        (b'k' | b'K', digits) => (digits, 10),
        (b'm' | b'M', digits) => (digits, 20),
        (b'g' | b'G', digits) => (digits, 30),
        (b't' | b'T', digits) => (digits, 40),
        _ => (text, 0),
    };
    number(digits)?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::{Options, size};
    use alloc::string::String;
    use alloc::vec::Vec;

    fn parse(line: &str) -> Result<Options, String> {
        let arguments: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
        Options::parse(&arguments, "adrm:", &[("recursive", 'r'), ("mode", 'm')])
    }

    #[test]
    fn letters_come_alone_together_and_with_values() {
        let options = parse("-dr x -m 755 -m7 --recursive -- -a").unwrap();
        assert!(options.has('d') && options.has('r') && !options.has('a'));
        assert_eq!(options.value('m'), Some(&b"7"[..]));
        assert_eq!(options.operands, [b"x".to_vec(), b"-a".to_vec()]);
        assert_eq!(parse("--mode=1").unwrap().value('m'), Some(&b"1"[..]));
        assert_eq!(parse("-").unwrap().operands, [b"-".to_vec()]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse("-dz").unwrap_err(), "invalid option -- 'z'");
        assert_eq!(parse("-m").unwrap_err(), "option requires an argument -- 'm'");
        assert_eq!(parse("--no").unwrap_err(), "unrecognized option '--no'");
        assert_eq!(parse("--recursive=1").unwrap_err(), "option '--recursive' doesn't allow an argument");
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size(b"12"), Some(12));
        assert_eq!(size(b"2K"), Some(2048));
        assert_eq!(size(b"1g"), Some(1 << 30));
        assert_eq!(size(b"99999999999T"), None);
        assert_eq!(size(b"-1"), None);
    }
}
