//! The guest's tests as cargo tests: each with a line and a verdict of its own, whatever happens to the guest.
//!
//! The guest is asked for its tests once (`ktest.list`), and then runs those selected. A test that takes the guest
//! down (a panic, a triple fault, a hang) gets its verdict from how the guest ended, and the guest is booted again to
//! go on behind it (`ktest.skip`).

use std::collections::{HashMap, VecDeque};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::guest::{Ending, Event, Guest};
use crate::ktap::{self, Line};
use crate::machine::Machine;
use crate::symbol::Symbols;

/// How much longer than a test's time the guest may be silent: it has to boot, and to report.
const GRACE: Duration = Duration::from_secs(30);

/// Runs a test kernel as `cargo test` would run a test program with these arguments (`FILTER… --exact --list …`).
///
/// `limit` is what one test may take. The guest's own watchdog enforces it, since it can say where the test is; only a guest
/// whose watchdog is dead as well is stopped from here, [`GRACE`] later.
///
/// # Errors
/// The guest cannot be started, or ends without listing its tests.
pub fn run(machine: &Machine, limit: Duration, arguments: &[String]) -> Result<ExitCode> {
    let (filters, others) = split(arguments);
    let mut arguments = Arguments::from_iter([&["ktest".to_owned()][..], &others].concat());
    // One guest runs the tests one after the other; the verdicts come in that order.
    arguments.test_threads = Some(1);

    let silence = limit + GRACE;
    let listed = list(machine, silence)?;
    // libtest-mimic takes a single filter; with several, the selection is made here.
    let (selected, filters) = if filters.len() > 1 {
        let wanted = |name: &String| filters.iter().any(|filter| matches(name, filter, arguments.exact));
        (listed.into_iter().filter(wanted).collect(), filters)
    } else {
        arguments.filter = filters.first().cloned();
        (listed, filters)
    };

    let mut words = vec![format!("ktest.timeout={}", limit.as_secs())];
    if !filters.is_empty() {
        words.push(format!("ktest.filter={}", filters.join(",")));
        if arguments.exact {
            words.push("ktest.exact".to_owned());
        }
    }
    let session = Arc::new(Mutex::new(Session::new(machine, silence, words)?));
    let trials = selected
        .into_iter()
        .map(|name| {
            let session = Arc::clone(&session);
            Trial::test(name.clone(), move || {
                // A poisoned session is one whose trial panicked; its state is still a list of verdicts.
                let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
                session.verdict_of(&name).map_err(|error| Failed::from(format!("{error:#}")))?
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    Ok(conclusion.exit_code())
}

/// Splits a test program's arguments into filters and options.
fn split(arguments: &[String]) -> (Vec<String>, Vec<String>) {
    const WITH_VALUE: [&str; 6] = ["--skip", "--format", "--color", "--test-threads", "--logfile", "-Z"];
    let (mut filters, mut options) = (Vec::new(), Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument.starts_with('-') {
            options.push(argument.clone());
            if WITH_VALUE.contains(&argument.as_str()) {
                options.extend(arguments.next().cloned());
            }
        } else {
            filters.push(argument.clone());
        }
    }
    (filters, options)
}

/// Whether a filter selects a test: the same rule in the guest.
fn matches(name: &str, filter: &str, exact: bool) -> bool {
    if exact { name == filter } else { name.contains(filter) }
}

/// Boots the guest to learn its tests' names.
fn list(machine: &Machine, silence: Duration) -> Result<Vec<String>> {
    let mut output = Output::start(machine, &["ktest.list".to_owned()], silence)?;
    let mut names = Vec::new();
    let mut complete = false;
    let mut other = String::new();
    loop {
        match output.next()? {
            Piece::Line(line) => match ktap::parse(&line) {
                Line::Listed(name) => names.push(name.to_owned()),
                Line::End => complete = true,
                _ => {
                    other.push_str(&line);
                    other.push('\n');
                }
            },
            Piece::Ended(Ending::TestsEnded) if complete => return Ok(names),
            Piece::Ended(ending) => {
                let other = Symbols::load(&machine.kernel)?.translate(&other);
                bail!("{other}the guest did not list its tests: {ending}");
            }
        }
    }
}

/// A line of the guest's, or its end.
enum Piece {
    Line(String),
    Ended(Ending),
}

/// A guest whose output is taken line by line.
struct Output {
    guest: Guest,
    silence: Duration,
    buffer: Vec<u8>,
    lines: VecDeque<String>,
    ended: Option<Ending>,
}

impl Output {
    fn start(machine: &Machine, words: &[String], silence: Duration) -> Result<Self> {
        let mut machine = machine.clone();
        machine.append.extend_from_slice(words);
        let guest = Guest::start(&machine)?;
        Ok(Self { guest, silence, buffer: Vec::new(), lines: VecDeque::new(), ended: None })
    }

    fn next(&mut self) -> Result<Piece> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Piece::Line(line));
            }
            if let Some(ending) = self.ended.clone() {
                return Ok(Piece::Ended(ending));
            }
            match self.guest.next(Instant::now() + self.silence)? {
                Event::Output(bytes) => self.buffer.extend(bytes),
                Event::Ended(ending) => {
                    self.ended = Some(ending);
                    // What a guest wrote last may lack a line end.
                    if !self.buffer.is_empty() {
                        self.buffer.push(b'\n');
                    }
                }
            }
            while let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                self.lines.push_back(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
        }
    }
}

/// `Ok`, or the message that stands under the failed test.
type Outcome = Result<(), Failed>;

/// The run of the selected tests, over as many boots as it takes.
struct Session {
    machine: Machine,
    symbols: Symbols,
    silence: Duration,
    words: Vec<String>,
    output: Option<Output>,
    /// How many tests have a verdict: where the next boot goes on.
    done: usize,
    outcomes: HashMap<String, Outcome>,
    /// Nothing more will come.
    finished: bool,
}

impl Session {
    fn new(machine: &Machine, silence: Duration, words: Vec<String>) -> Result<Self> {
        Ok(Self {
            machine: machine.clone(),
            symbols: Symbols::load(&machine.kernel)?,
            silence,
            words,
            output: None,
            done: 0,
            outcomes: HashMap::new(),
            finished: false,
        })
    }

    /// Lets the guest run until this test has its verdict.
    fn verdict_of(&mut self, name: &str) -> Result<Outcome> {
        while !self.outcomes.contains_key(name) && !self.finished {
            self.boot_once()?;
        }
        Ok(self.outcomes.remove(name).unwrap_or_else(|| Err("the guest never ran this test".into())))
    }

    /// Follows one guest to the end of the next test, starting it if none runs.
    fn boot_once(&mut self) -> Result<()> {
        let mut output = match self.output.take() {
            Some(output) => output,
            None => {
                let mut words = self.words.clone();
                words.push(format!("ktest.skip={}", self.done));
                Output::start(&self.machine, &words, self.silence)?
            }
        };
        let before = self.done;
        // The test that runs, and what has been printed since it began.
        let mut running: Option<(usize, String)> = None;
        let mut printed = String::new();
        // A verdict is kept back until the next line that is not its report: a failing test's backtrace follows it.
        let mut verdict: Option<(String, bool, String)> = None;
        loop {
            match output.next()? {
                Piece::Line(line) => match ktap::parse(&line) {
                    Line::Start(number, name) => {
                        if let Some(verdict) = verdict.take() {
                            self.conclude(verdict, &printed);
                            output.lines.push_front(line);
                            self.output = Some(output);
                            return Ok(());
                        }
                        running = Some((number, name.to_owned()));
                        printed.clear();
                    }
                    Line::Verdict(found) => {
                        running = None;
                        self.done = found.number;
                        verdict = Some((found.name.to_owned(), found.passed, found.remark.to_owned()));
                    }
                    Line::End => self.finished = true,
                    Line::Plan(_) | Line::Listed(_) => {}
                    Line::Other(line) => {
                        printed.push_str(line);
                        printed.push('\n');
                    }
                },
                Piece::Ended(ending) => {
                    if let Some(verdict) = verdict.take() {
                        self.conclude(verdict, &printed);
                    }
                    if let Some((number, name)) = running {
                        self.done = number;
                        let message = self.report(&ending.to_string(), &printed, &ending);
                        self.outcomes.insert(name, Err(message.into()));
                    }
                    if ending == Ending::TestsEnded {
                        self.finished = true;
                    } else if self.done == before && !self.finished {
                        // It died before any test began: it would do so for ever.
                        self.finished = true;
                        bail!("{}", self.report(&format!("before the next test: {ending}"), &printed, &ending));
                    }
                    return Ok(());
                }
            }
        }
    }

    fn conclude(&mut self, (name, passed, remark): (String, bool, String), printed: &str) {
        let outcome = if passed {
            Ok(())
        } else {
            Err(format!("{remark}\n{}", self.symbols.translate(printed)).trim_end().into())
        };
        self.outcomes.insert(name, outcome);
    }

    fn report(&self, what: &str, printed: &str, ending: &Ending) -> String {
        let stack = self.symbols.backtrace(ending.stack());
        format!("{what}\n{stack}{}", self.symbols.translate(printed)).trim_end().to_owned()
    }
}

/// The guest's tests were built, but is there a guest that has any? A kernel that `cargo test` built lies in `deps`.
///
/// # Errors
/// The path has no parent directory.
pub fn is_test_kernel(kernel: &std::path::Path) -> Result<bool> {
    let directory = kernel.parent().context("a kernel's path ends in its name")?;
    Ok(directory.file_name().is_some_and(|name| name == "deps"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn options_take_their_values_with_them() {
        let arguments = strings(&["a::b", "--exact", "--skip", "c", "d", "--format=terse"]);
        let (filters, options) = split(&arguments);
        assert_eq!(filters, strings(&["a::b", "d"]));
        assert_eq!(options, strings(&["--exact", "--skip", "c", "--format=terse"]));
    }

    #[test]
    fn a_filter_is_a_part_of_the_name_or_all_of_it() {
        assert!(matches("overlay::copy_up", "copy", false));
        assert!(!matches("overlay::copy_up", "copy", true));
        assert!(matches("overlay::copy_up", "overlay::copy_up", true));
    }
}
