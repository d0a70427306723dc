//! Boots a kernel built with its benchmarks, and writes what they found as a table.
//!
//! A benchmark prints `# bench NAME VALUE UNIT` in the guest, which counts its instructions (`-icount`), so that the
//! numbers are the same on every host. What booting costs is measured by booting: with an archive of 10 MiB.

use std::fs;
use std::io::sink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

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

/// Something promised of the rows of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise<'a> {
    /// The row's value is at most this.
    AtMost(&'a str, u64),
    /// The two rows' values differ by at most so many per cent of the first.
    Same(&'a str, &'a str, u64),
    /// The rows of this name, with each of [`LAYERS`] in the place of `#`, differ by at most so many per cent of the first.
    Flat(&'a str, u64),
}

use Promise::{AtMost, Flat, Same};

/// Over how many lower layers a promise is flat.
const LAYERS: [&str; 3] = ["3", "64", "500"];

/// What the project has promised.
pub const PROMISES: [Promise<'_>; 30] = [
    AtMost(BOOT, 100_000_000),
    AtMost("walk of depth 9, warm: overlay of 3", 2_500),
    AtMost("allocations of 100 such walks: overlay of 3", 0),
    AtMost("copy-up + write of 1 byte, file of 16 MiB", 50_000),
    AtMost("copy-up + write of 1 byte, file of 256 MiB", 50_000),
    Same("copy-up + write of 1 byte, file of 16 MiB", "copy-up + write of 1 byte, file of 256 MiB", 5),
    AtMost("… frames it takes, file of 16 MiB", 8),
    AtMost("… frames it takes, file of 256 MiB", 8),
    Same("content clone, file of 16 MiB", "content clone, file of 256 MiB", 5),
    Flat("first listing: 1 000 names in 2 of # lowers", 10),
    Flat("missing name: 1 000 names in 2 of # lowers", 10),
    Flat("create: 1 000 names in 2 of # lowers", 10),
    Flat("unlink: 1 000 names in 2 of # lowers", 10),
    Flat("mkdir: 1 000 names in 2 of # lowers", 10),
    Flat("link: 1 000 names in 2 of # lowers", 10),
    Flat("rename: 1 000 names in 2 of # lowers", 10),
    Flat("first listing: 1 000 names, directory in # lowers", 10),
    Flat("missing name: 1 000 names, directory in # lowers", 10),
    Flat("create: 1 000 names, directory in # lowers", 10),
    Flat("unlink: 1 000 names, directory in # lowers", 10),
    Flat("mkdir: 1 000 names, directory in # lowers", 10),
    Flat("link: 1 000 names, directory in # lowers", 10),
    Flat("rename: 1 000 names, directory in # lowers", 10),
    AtMost("getppid", 300),
    AtMost("fork + exit + wait", 110_000),
    AtMost("vfork + execve of BusyBox `true` + wait", 450_000),
    AtMost("pipe, one byte there and back", 8_000),
    AtMost("call: pread of 4096 bytes: overlay of 3", 5_500),
    AtMost("call: pread of 64 bytes: overlay of 3", 1_200),
    AtMost("call: stat, depth 9, warm: overlay of 3", 5_011),
];

/// What Linux pays for what a row measures. Linux 6.1.192 (Debian), overlays of layers on tmpfs, in the same emulator,
/// by a program that does the same; security modules, mitigations and sanitizers off.
const LINUX: [(&str, u64); 32] = [
    ("getppid", 360),
    ("sched_yield, alone", 804),
    ("fork + exit + wait", 153_489),
    ("vfork + exit + wait", 58_943),
    ("vfork + execve of BusyBox `true` + wait", 629_487),
    ("pipe, one byte there and back", 10_693),
    ("mmap 16 KiB, touch 2 pages, munmap", 38_532),
    ("call: pread of 4096 bytes: tmpfs", 5_865),
    ("call: pread of 4096 bytes: overlay of 3", 6_145),
    ("call: pread of 4096 bytes: overlay of 64", 6_123),
    ("call: pread of 64 bytes: tmpfs", 1_390),
    ("call: pread of 64 bytes: overlay of 3", 1_677),
    ("call: pread of 64 bytes: overlay of 64", 1_676),
    ("call: pwrite of 4096 bytes: tmpfs", 7_234),
    ("call: pwrite of 4096 bytes: overlay of 3", 8_156),
    ("call: pwrite of 4096 bytes: overlay of 64", 8_222),
    ("call: pwrite of 64 bytes: tmpfs", 1_710),
    ("call: pwrite of 64 bytes: overlay of 3", 2_418),
    ("call: pwrite of 64 bytes: overlay of 64", 2_418),
    ("call: stat, depth 9, warm: tmpfs", 5_011),
    ("call: stat, depth 9, warm: overlay of 3", 7_134),
    ("call: stat, depth 9, warm: overlay of 64", 7_165),
    ("call: stat, depth 1, warm: tmpfs", 2_347),
    ("call: stat, depth 1, warm: overlay of 3", 2_797),
    ("call: stat, depth 1, warm: overlay of 64", 2_823),
    ("call: stat of a missing name, warm: tmpfs", 3_757),
    ("call: stat of a missing name, warm: overlay of 3", 2_702),
    ("call: stat of a missing name, warm: overlay of 64", 2_702),
    ("call: open + close, depth 9: tmpfs", 7_123),
    ("call: open + close, depth 9: overlay of 3", 11_305),
    ("call: open + close, depth 9: overlay of 64", 11_272),
    ("copy-up + write of 1 byte, file of 16 MiB", 19_465_819),
];

/// The row that booting gives.
const BOOT: &str = "boot, kernel entry to prompt, archive of 10 MiB";

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
    let output = script::printed(&machine, timeout, "bench", "# end")?;
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
    Ok(Row { name: BOOT.to_owned(), value: cost, unit: "instructions".to_owned() })
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

/// The rows as a Markdown table, with what Linux pays and what was promised beside what is.
pub fn table(rows: &[Row], promises: &[Promise<'_>]) -> String {
    let mut table = "| what | cost | Linux | promised |\n|---|---:|---:|---|\n".to_owned();
    for row in rows {
        let promised: Vec<String> = promises
            .iter()
            .filter_map(|promise| match *promise {
                AtMost(name, limit) => (name == row.name).then(|| format!("at most {}", grouped(limit))),
                Same(_, name, percent) => {
                    (name == row.name).then(|| format!("within {percent} % of the smaller file's"))
                }
                Flat(name, percent) => {
                    let [first, others @ ..] = LAYERS;
                    let of_others = others.iter().any(|layers| name.replace('#', layers) == row.name);
                    of_others.then(|| format!("within {percent} % of that with {first}"))
                }
            })
            .collect();
        let promised = promised.join(", ");
        let linux =
            LINUX.iter().find(|(name, _)| *name == row.name).map(|(_, cost)| grouped(*cost)).unwrap_or_default();
        table.push_str(&format!("| {} | {} {} | {linux} | {promised} |\n", row.name, grouped(row.value), row.unit));
    }
    table
}

/// The promises that are broken, or that no row speaks of, each with what was found.
pub fn broken(rows: &[Row], promises: &[Promise<'_>]) -> Vec<String> {
    let value = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.value);
    let apart = |first: &str, second: &str, percent| match (value(first), value(second)) {
        (Some(one), Some(other)) => (one.abs_diff(other) * 100 > one * percent)
            .then(|| format!("{second}: {other}, {first}: {one}, more than {percent} % apart")),
        _ => Some(format!("{first}, {second}: not measured")),
    };
    let of_one = |promise: &Promise<'_>| match *promise {
        AtMost(name, limit) => vec![match value(name) {
            Some(found) => (found > limit).then(|| format!("{name}: {found}, at most {limit}")),
            None => Some(format!("{name}: not measured")),
        }],
        Same(first, second, percent) => vec![apart(first, second, percent)],
        Flat(name, percent) => {
            let [first, others @ ..] = LAYERS.map(|layers| name.replace('#', layers));
            others.iter().map(|other| apart(&first, other, percent)).collect()
        }
    };
    promises.iter().flat_map(of_one).flatten().collect()
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
        let rows = [row("a", 100), row("b", 106)];
        let promises = [AtMost("a", 100), AtMost("b", 105), AtMost("c", 1), Same("a", "b", 6), Same("a", "b", 5)];
        assert_eq!(
            broken(&rows, &promises),
            ["b: 106, at most 105", "c: not measured", "b: 106, a: 100, more than 5 % apart"]
        );
        assert_eq!(
            table(&rows[..1], &promises),
            "| what | cost | Linux | promised |\n|---|---:|---:|---|\n| a | 100 instructions |  | at most 100 |\n"
        );
    }

    #[test]
    fn what_is_flat_costs_the_same_with_any_number_of_layers() {
        let rows = [row("a of 3", 100), row("a of 64", 110), row("a of 500", 111)];
        assert_eq!(broken(&rows, &[Flat("a of #", 10)]), ["a of 500: 111, a of 3: 100, more than 10 % apart"]);
        assert_eq!(broken(&rows[..2], &[Flat("a of #", 10)]), ["a of 3, a of 500: not measured"]);
        assert!(
            table(&rows, &[Flat("a of #", 10)])
                .ends_with("| a of 500 | 111 instructions |  | within 10 % of that with 3 |\n")
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
