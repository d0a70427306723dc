//! The page for users says what the table says.

use crate::abi::linux::{page, table};
use crate::ktest;

/// The page as it is kept.
const KEPT: &str = include_str!("../../../../../docs/linux-abi.md");

ktest! {
    fn the_page_of_calls_is_what_the_table_says() {
        let text = page::text();
        let differs = text.lines().zip(KEPT.lines()).find(|(made, kept)| made != kept);
        assert!(text == KEPT, "docs/linux-abi.md is out of date (`make docs` makes it new): {differs:?}");
    }

    /// What is not there has nothing else to be said of it, and a word that nobody shows is a mistake.
    fn every_note_is_shown() {
        for (_, entry) in table::all() {
            assert!(entry.words().all(|word| ["flags", "but"].contains(&word)), "{}", entry.name);
            assert!(entry.function.is_some() || entry.words().next().is_none(), "{}", entry.name);
        }
    }
}
