//! Boots a kernel built with its benchmarks, and writes what they found as a table.
//!
//! A benchmark prints `# bench NAME VALUE UNIT` in the guest, which counts its instructions (`-icount`), so that the
//! numbers are the same on every host. What booting costs is measured by booting: with an archive of 10 MiB.

use std::fs;
use std::io::sink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::guest::Ending;
use crate::machine::Machine;
use crate::script::{self, Outcome};

/// One row: what was measured, and the most it may be, if the project has promised that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: u64,
    /// Of what.
    pub unit: String,
}

/// What was promised: the name of a row, and its most.
pub type Limit<'a> = (&'a str, u64);

/// Between these lines of the document stands the table.
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// Runs every benchmark in the guest.
///
/// # Errors
/// The guest cannot be started, or does not come to the end of its benchmarks.
pub fn collect(machine: &Machine, timeout: Duration) -> Result<Vec<Row>> {
    let mut machine = machine.clone();
    machine.count_instructions = true;
    machine.append.extend(["bench".to_owned(), "log=com2".to_owned()]);
    let mut output = Vec::new();
    let outcome = script::run(&machine, timeout, &mut output)?;
    let output = String::from_utf8_lossy(&output).into_owned();
    match outcome {
        // The benchmarks end with a word of their own, not with a script's status.
        Outcome::Died(Ending::InOrder, _) if output.lines().any(|line| line == "# end") => {}
        Outcome::Died(ending, report) => bail!("{output}{report}the benchmarks did not end: {ending}"),
        Outcome::Exited(status) => bail!("{output}the kernel ran a script ({status}) instead of benchmarks"),
    }
    output.lines().filter(|line| line.starts_with("# bench ")).map(parse).collect()
}

/// Boots to the prompt with an archive of `size` bytes in memory, and reads from the log what that cost.
///
/// # Errors
/// The guest cannot be started, does not reach its prompt, or does not say what that cost.
pub fn boot_cost(machine: &Machine, timeout: Duration, directory: &Path, size: usize) -> Result<Row> {
    let archive = directory.join("ballast.cpio");
    fs::write(&archive, ballast(size)).context("cannot write the archive to boot with")?;
    let script = directory.join("nothing");
    fs::write(&script, "").context("cannot write a script")?;
    let log = directory.join("log");
    let mut machine = machine.clone();
    machine.count_instructions = true;
    machine.append.push("log=com2".to_owned());
    machine.log = Some(log.clone());
    machine.initramfs = Some(archive);
    machine.script = Some(script);
    match script::run(&machine, timeout, &mut sink())? {
        Outcome::Exited(0) => {}
        outcome => bail!("booting with an archive of {size} bytes ended so: {outcome:?}"),
    }
    let log = fs::read_to_string(&log).context("cannot read the guest's log")?;
    let cost = log
        .lines()
        .find_map(|line| line.split_once("up after ")?.1.strip_suffix(" instructions")?.parse().ok())
        .context("the log does not say what booting cost")?;
    Ok(Row { name: "boot: kernel entry to prompt".to_owned(), value: cost, unit: "instructions".to_owned() })
}

/// A newc archive with one file of `size` zero bytes.
fn ballast(size: usize) -> Vec<u8> {
    let entry = |name: &str, mode: u32, data: &[u8]| {
        let mut entry = format!(
            "070701{:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{name}\0",
            1,
            0,
            0,
            1,
            0,
            data.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0
        )
        .into_bytes();
        entry.resize(entry.len().next_multiple_of(4), 0);
        entry.extend_from_slice(data);
        entry.resize(entry.len().next_multiple_of(4), 0);
        entry
    };
    let mut archive = entry("ballast", 0o100_644, &vec![0; size]);
    archive.extend(entry("TRAILER!!!", 0, b""));
    archive
}

fn parse(line: &str) -> Result<Row> {
    let words: Vec<&str> = line.split_whitespace().skip(2).collect();
    // The name may have blanks in it.
    let [name @ .., value, unit] = words.as_slice() else { bail!("not a benchmark's row: {line}") };
    let value = value.parse().with_context(|| format!("not a benchmark's row: {line}"))?;
    Ok(Row { name: name.join(" "), value, unit: (*unit).to_owned() })
}

/// The rows as a Markdown table, with what was promised beside what is.
pub fn table(rows: &[Row], limits: &[Limit<'_>]) -> String {
    let mut table = "| what | cost | at most |\n|---|---:|---:|\n".to_owned();
    for row in rows {
        let limit = limit_of(row, limits).map_or_else(String::new, |limit| format!("{} {}", grouped(limit), row.unit));
        table.push_str(&format!("| {} | {} {} | {limit} |\n", row.name, grouped(row.value), row.unit));
    }
    table
}

/// The rows that cost more than was promised, and the promises that no row speaks of.
pub fn broken(rows: &[Row], limits: &[Limit<'_>]) -> Vec<String> {
    let too_much = rows.iter().filter_map(|row| {
        let limit = limit_of(row, limits)?;
        (row.value > limit).then(|| format!("{}: {} {}, at most {limit}", row.name, row.value, row.unit))
    });
    let missing = limits.iter().filter(|(name, _)| !rows.iter().any(|row| row.name == *name));
    too_much.chain(missing.map(|(name, _)| format!("{name}: not measured"))).collect()
}

fn limit_of(row: &Row, limits: &[Limit<'_>]) -> Option<u64> {
    limits.iter().find(|(name, _)| *name == row.name).map(|&(_, limit)| limit)
}

/// A number with its thousands apart.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

/// Puts the table between the markers of a document, in place of what is there.
///
/// # Errors
/// The document has no such markers.
pub fn insert(document: &str, table: &str) -> Result<String> {
    let (before, rest) = document.split_once(BEGIN).with_context(|| format!("no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, value: u64) -> Row {
        Row { name: name.to_owned(), value, unit: "instructions".to_owned() }
    }

    #[test]
    fn a_row_is_a_name_a_value_and_a_unit() {
        assert_eq!(parse("# bench warm lookup 1234 instructions").expect("a row"), row("warm lookup", 1234));
        assert!(parse("# bench 12").is_err());
        assert!(parse("# bench name many frames").is_err());
    }

    #[test]
    fn promises_are_kept_or_named() {
        let rows = [row("a", 10), row("b", 11)];
        let limits = [("a", 10), ("b", 10), ("c", 1)];
        assert_eq!(broken(&rows, &limits), ["b: 11 instructions, at most 10", "c: not measured"]);
        assert_eq!(
            table(&rows[..1], &limits),
            "| what | cost | at most |\n|---|---:|---:|\n| a | 10 instructions | 10 instructions |\n"
        );
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)], ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn the_table_replaces_the_old_one() {
        let document = format!("text\n{BEGIN}\nold\n{END}\nmore\n");
        assert_eq!(insert(&document, "new\n").expect("markers"), format!("text\n{BEGIN}\nnew\n{END}\nmore\n"));
        assert!(insert("text", "new").is_err());
    }
}
