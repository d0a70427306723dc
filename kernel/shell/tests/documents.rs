//! The examples in the documents for users do what they show: each block of `console` is typed, in a fresh tmpfs.

mod replay;
mod session;

use replay::{assert_replayed, replay};
use std::fs;

/// The blocks of a page, each with the line it starts at.
fn examples(page: &str) -> Vec<(usize, String)> {
    let mut examples = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line == "```console" {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            examples.push((number + 2, block.map(|line| format!("{line}\n")).collect()));
        }
    }
    examples
}

fn check(name: &str) {
    let path = format!("{}/../../docs/{name}.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(path).unwrap();
    let examples = examples(&page);
    assert!(!examples.is_empty(), "{name}.md has no example");
    for (line, example) in examples {
        assert_replayed(&format!("the example from line {line} of {name}.md on"), &example, &replay(&example));
    }
}

#[test]
fn overlay() {
    check("overlay");
}
