//! The kernel's command line: words of the form `name` or `name=value`.
//!
//! Words the kernel knows: `log=com2` (the log does not go to the console), and those of the tests (`ktest.…`) and the
//! benchmarks (`bench`, `bench.filter=`), and `linux-abi` (print the page of system calls). Unknown words are left alone: they may be meant for others.

use spin::Once;

static LINE: Once<&'static str> = Once::new();

/// Keeps the line; the first call counts.
pub fn init(line: &'static str) {
    LINE.call_once(|| line);
}

/// The whole line.
pub fn get() -> &'static str {
    LINE.get().copied().unwrap_or_default()
}

/// Whether the word `name` stands on the line, alone.
pub fn has(name: &str) -> bool {
    has_word(get(), name)
}

/// What stands after `name=`; the last one counts when there are several.
pub fn value(name: &str) -> Option<&'static str> {
    find_value(get(), name)
}

fn has_word(line: &str, name: &str) -> bool {
    line.split_ascii_whitespace().any(|word| word == name)
}

fn find_value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_ascii_whitespace().filter_map(|word| word.strip_prefix(name)?.strip_prefix('=')).next_back()
}

#[cfg(test)]
mod tests {
    use super::{find_value, has_word};
    use crate::ktest;

    ktest! {
        fn words_are_whole() {
            let line = "quiet bench.filter=a log=com2";
            assert!(has_word(line, "quiet"));
            assert!(!has_word(line, "qui"));
            assert!(!has_word(line, "bench"));
        }

        fn values_follow_their_name_and_the_last_one_counts() {
            let line = "a=1 ab=2 a=3=4 b= c";
            assert_eq!(find_value(line, "a"), Some("3=4"));
            assert_eq!(find_value(line, "ab"), Some("2"));
            assert_eq!(find_value(line, "b"), Some(""));
            assert_eq!(find_value(line, "c"), None);
            assert_eq!(find_value("", "a"), None);
        }
    }
}
