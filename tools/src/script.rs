//! A guest without a terminal: runs a script, relays its output, and takes over its exit status.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::guest::{Ending, Event, Guest};
use crate::machine::Machine;
use crate::symbol::Symbols;

/// What the guest's log says last, with the script's status behind it.
const STATUS: &str = "strata: exit status=";

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The guest powered off in order; the script's last command had this status.
    Exited(u8),
    /// The guest did not come to the end of its script: how it ended, and its report with functions for addresses.
    Died(Ending, String),
}

impl Outcome {
    /// The exit status of a host program that stands for the guest: the script's own, or one that says which end it
    /// was (101 panic, 102 triple fault, 103 reset, 124 hang as for `timeout`, 125 QEMU).
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Exited(status) => *status,
            Self::Died(ending, _) => match ending {
                Ending::Panicked => 101,
                Ending::TripleFault => 102,
                Ending::InOrder | Ending::TestsEnded | Ending::Reset => 103,
                Ending::Hung(_) => 124,
                Ending::Qemu(_) => 125,
            },
        }
    }
}

/// Runs the machine to its end, at most `timeout` long, and hands its console output to `output` byte by byte as it
/// comes.
///
/// # Errors
/// QEMU cannot be started, its files cannot be read, or `output` fails.
pub fn run(machine: &Machine, timeout: Duration, output: &mut dyn Write) -> Result<Outcome> {
    let deadline = Instant::now() + timeout;
    let mut guest = Guest::start(machine)?;
    let mut console = Vec::new();
    let ending = loop {
        match guest.next(deadline)? {
            Event::Output(bytes) => {
                output.write_all(&bytes).and_then(|()| output.flush()).context("cannot write the guest's output")?;
                console.extend(bytes);
            }
            Event::Ended(ending) => break ending,
        }
    };
    // The log is on COM2, or (without `log=com2`) between the rest on the console.
    let mut log = guest.log().context("cannot read the guest's log")?;
    if log.is_empty() {
        log = String::from_utf8_lossy(&console).into_owned();
    }
    // Power-off by ACPI and a reset look alike to QEMU; after the status was said, either is an end in order.
    let status = match ending {
        Ending::InOrder | Ending::Reset => exit_status(&log),
        _ => None,
    };
    Ok(match status {
        Some(status) => Outcome::Exited(status),
        None => {
            let symbols = Symbols::load(&machine.kernel)?;
            let report = format!("{}{}", symbols.translate(report_in(&log)), symbols.backtrace(ending.stack()));
            Outcome::Died(ending, report)
        }
    })
}

/// Has the kernel print what it prints when it finds `word` on its command line, up to a line `end`, with which it ends by
/// itself.
///
/// # Errors
/// As [`run`]; the kernel ends otherwise.
pub fn printed(machine: &Machine, timeout: Duration, word: &str, end: &str) -> Result<String> {
    let mut machine = machine.clone();
    machine.append.extend([word.to_owned(), "log=com2".to_owned()]);
    let mut output = Vec::new();
    let outcome = run(&machine, timeout, &mut output)?;
    let output = String::from_utf8_lossy(&output).into_owned();
    match outcome {
        // There is no script whose status it would say.
        Outcome::Died(Ending::InOrder, _) if output.lines().any(|line| line == end) => Ok(output),
        Outcome::Died(ending, report) => bail!("{output}{report}did not come to its end with `{word}`: {ending}"),
        Outcome::Exited(status) => bail!("{output}the kernel ran a script ({status}) instead of `{word}`"),
    }
}

/// Runs the machine, its output to ours; says on standard error how it died if it did.
///
/// # Errors
/// As [`run`].
pub fn relay(machine: &Machine, timeout: Duration) -> Result<u8> {
    let outcome = run(machine, timeout, &mut io::stdout())?;
    if let Outcome::Died(ending, report) = &outcome {
        let limit = match ending {
            Ending::Hung(_) => format!(" (TIMEOUT={} s)", timeout.as_secs()),
            _ => String::new(),
        };
        eprint!("strata: {ending}{limit}\n{report}");
    }
    Ok(outcome.exit_status())
}

/// The status in the last line of the kind in the log.
fn exit_status(log: &str) -> Option<u8> {
    let (_, after) = log.rsplit_once(STATUS)?;
    after.lines().next()?.trim().parse().ok()
}

/// The part of a log that reports the end: from the first panic or exception on. Empty if there is none.
pub fn report_in(log: &str) -> &str {
    let mut start = 0;
    for line in log.split_inclusive('\n') {
        if line.starts_with("panic: ") || line.starts_with("exception: ") {
            return &log[start..];
        }
        start += line.len();
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_last_one_said() {
        assert_eq!(exit_status("[0.1] strata: exit status=3\n"), Some(3));
        assert_eq!(exit_status("strata: exit status=1\nx\n[ 1.0] strata: exit status=255\n"), Some(255));
        for log in ["", "exit status=3\n", "strata: exit status=256\n", "strata: exit status=\n"] {
            assert_eq!(exit_status(log), None, "{log:?}");
        }
    }

    #[test]
    fn the_report_begins_where_the_end_does() {
        let log = "[0.1] hello\nnot a panic: x\npanic: gone\n  at 0x1\n";
        assert_eq!(report_in(log), "panic: gone\n  at 0x1\n");
        assert_eq!(report_in("exception: #PF\n"), "exception: #PF\n");
        assert_eq!(report_in("[0.1] all is well\n"), "");
    }

    #[test]
    fn every_end_has_a_status_of_its_own() {
        let died = |ending| Outcome::Died(ending, String::new()).exit_status();
        let all = [
            died(Ending::Panicked),
            died(Ending::TripleFault),
            died(Ending::Reset),
            died(Ending::Hung(Vec::new())),
            died(Ending::Qemu(String::new())),
        ];
        assert_eq!(all, [101, 102, 103, 124, 125]);
        assert_eq!(Outcome::Exited(7).exit_status(), 7);
    }
}
