//! The lines that a test kernel prints on its console: KTAP, with a line before each test as well.
//!
//! ```text
//! KTAP version 1
//! 1..2
//! # start 1 overlay::copy_up
//! ok 1 overlay::copy_up
//! # start 2 overlay::whiteout
//! not ok 2 overlay::whiteout # panicked: assertion failed
//! # end
//! ```
//!
//! Under `ktest.list` there are only lines `# test NAME` and the end.

/// What a line says. Tests count from 1 over everything selected, whatever was skipped.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// `1..N`: how many tests are selected.
    Plan(usize),
    /// A test there is.
    Listed(&'a str),
    /// A test begins; what follows is its output.
    Start(usize, &'a str),
    /// A test's verdict.
    Verdict(Verdict<'a>),
    /// Nothing follows.
    End,
    /// Anything else: output of a test, or of the kernel.
    Other(&'a str),
}

/// A test's verdict, as the guest says it.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The test's number.
    pub number: usize,
    /// The test's name.
    pub name: &'a str,
    /// Whether it passed.
    pub passed: bool,
    /// What stands behind the `#`, empty if nothing does.
    pub remark: &'a str,
}

/// Reads one line (without its end).
pub fn parse(line: &str) -> Line<'_> {
    known(line).unwrap_or(Line::Other(line))
}

fn known(line: &str) -> Option<Line<'_>> {
    if line == "# end" {
        return Some(Line::End);
    }
    if let Some(count) = line.strip_prefix("1..") {
        return Some(Line::Plan(count.parse().ok()?));
    }
    if let Some(name) = line.strip_prefix("# test ") {
        return Some(Line::Listed(name));
    }
    if let Some(start) = line.strip_prefix("# start ") {
        let (number, name) = start.split_once(' ')?;
        return Some(Line::Start(number.parse().ok()?, name));
    }
    let (passed, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let (number, rest) = rest.split_once(' ')?;
    let (name, remark) = rest.split_once(" # ").unwrap_or((rest, ""));
    Some(Line::Verdict(Verdict { number: number.parse().ok()?, name, passed, remark }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_known() {
        assert_eq!(parse("1..12"), Line::Plan(12));
        assert_eq!(parse("# test a::b"), Line::Listed("a::b"));
        assert_eq!(parse("# start 3 a::b"), Line::Start(3, "a::b"));
        assert_eq!(parse("ok 3 a::b"), Line::Verdict(Verdict { number: 3, name: "a::b", passed: true, remark: "" }));
        assert_eq!(
            parse("not ok 4 a::c # panicked: x # y"),
            Line::Verdict(Verdict { number: 4, name: "a::c", passed: false, remark: "panicked: x # y" })
        );
        assert_eq!(parse("# end"), Line::End);
    }

    #[test]
    fn what_a_test_prints_is_no_verdict() {
        for line in
            ["", "okay 1 a", "ok", "ok one a", "not ok", "# start a", "1..x", "panic: not ok 1 a", "KTAP version 1"]
        {
            assert_eq!(parse(line), Line::Other(line));
        }
    }
}
