//! Goes through the recording line by line and notes where a system differs.

use std::collections::HashMap;
use std::fmt;

use crate::fixture::{self, ROOT};
use crate::system::{Answer, Stat, System, Times};
use crate::upper;

/// What a replay found.
#[derive(Default)]
pub struct Report {
    /// Fresh starts.
    pub tests: usize,
    /// Cases, of which a test has several.
    pub cases: usize,
    /// Operations compared.
    pub operations: usize,
    /// Each with test, case, line, what was recorded and what was found.
    pub differences: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tests, cases, operations, differences } = self;
        write!(f, "{operations} operations in {cases} cases of {tests} tests, {} differences", differences.len())
    }
}

/// Replays a recording, each of its tests on a system that `start` makes.
pub fn replay<S: System>(trace: &str, start: impl FnMut() -> Answer<S>) -> Report {
    let mut replay =
        Replay { start, report: Report::default(), test: String::new(), case: String::new(), running: None };
    for (index, line) in trace.lines().enumerate() {
        replay.line(index + 1, line);
    }
    replay.end_test();
    replay.report
}

/// A name in the recording (`#n`) and the value it stands for, one to one.
struct Symbols<V> {
    values: HashMap<String, V>,
}

impl<V: Copy + PartialEq> Symbols<V> {
    fn new() -> Self {
        Self { values: HashMap::new() }
    }

    fn is(&mut self, symbol: &str, value: V) -> bool {
        match self.values.get(symbol) {
            Some(known) => *known == value,
            None if self.values.values().any(|known| *known == value) => false,
            None => {
                self.values.insert(symbol.to_owned(), value);
                true
            }
        }
    }
}

/// One test under way.
struct Running<S: System> {
    // Before the system, which goes when all is closed.
    open: Option<S::File>,
    system: S,
    inodes: Symbols<(u64, u64)>,
    accessed: Symbols<(i64, i64)>,
    modified: Symbols<(i64, i64)>,
    /// The `up` lines of the test.
    upper: Vec<(usize, String)>,
}

/// The replay so far.
struct Replay<S: System, F> {
    start: F,
    report: Report,
    test: String,
    case: String,
    running: Option<Running<S>>,
}

impl<S: System, F: FnMut() -> Answer<S>> Replay<S, F> {
    /// Takes the next line.
    fn line(&mut self, number: usize, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "M" | "#" | "" => {}
            "F" => self.start_test(number, rest),
            "C" => {
                self.report.cases += 1;
                self.case = rest.to_owned();
            }
            "up" => {
                if let Some(running) = &mut self.running {
                    running.upper.push((number, rest.to_owned()));
                }
            }
            _ => {
                self.report.operations += usize::from(word != "user");
                let outcome = match &mut self.running {
                    Some(running) => running.step(word, rest),
                    None => Err("before any test".to_owned()),
                };
                if let Err(difference) = outcome {
                    self.differ(number, &format!("{line}\n    {difference}"));
                }
            }
        }
    }

    fn differ(&mut self, number: usize, what: &str) {
        self.report.differences.push(format!("{}, case \"{}\", line {number}: {what}", self.test, self.case));
    }

    fn start_test(&mut self, number: usize, arguments: &str) {
        self.end_test();
        self.report.tests += 1;
        let mut words = arguments.split(' ');
        self.test = words.next().unwrap_or_default().to_owned();
        self.case.clear();
        let mut value = |name: &str| words.next()?.strip_prefix(name)?.parse().ok();
        let (low, high) = (value("lo=").unwrap_or(100), value("hi=").unwrap_or(100));
        let started = (self.start)().and_then(|mut system| {
            fixture::make(&mut system, low, high)?;
            Ok(system)
        });
        match started {
            Ok(system) => {
                self.running = Some(Running {
                    open: None,
                    system,
                    inodes: Symbols::new(),
                    accessed: Symbols::new(),
                    modified: Symbols::new(),
                    upper: Vec::new(),
                });
            }
            Err(error) => self.differ(number, &format!("the fixture: {error}")),
        }
    }

    fn end_test(&mut self) {
        if let Some(running) = self.running.take() {
            "the upper layer".clone_into(&mut self.case);
            for (number, difference) in upper::compare(&running.system, &running.upper) {
                self.differ(number, &difference);
            }
        }
    }
}

impl<S: System> Running<S> {
    /// One operation; the error says what differs.
    fn step(&mut self, word: &str, rest: &str) -> Result<(), String> {
        if word == "user" {
            return self.system.seteuid(rest.parse().map_err(|_| "no number")?);
        }
        if word == "remount" {
            (self.open, self.inodes) = (None, Symbols::new());
            return fixture::remount(&mut self.system);
        }
        let (arguments, expected) = rest.split_once("= ").ok_or("no outcome")?;
        let arguments: Vec<String> = arguments.split_whitespace().map(|word| word.replacen('%', ROOT, 1)).collect();
        let first = arguments.first().map_or("", String::as_str);
        match word {
            "lstat" => {
                let found = self.system.lstat(first);
                self.compare_stat(found, expected)
            }
            "fstat" => {
                let found = self.file().and_then(|file| self.system.fstat(file));
                self.compare_stat(found, expected)
            }
            "atime" | "mtime" => {
                let found = self.system.lstat(first)?;
                let same = match word {
                    "atime" => self.accessed.is(expected, found.accessed),
                    _ => self.modified.is(expected, found.modified),
                };
                if same { Ok(()) } else { Err(format!("{found:?}")) }
            }
            _ => {
                let second = arguments.get(1).map_or("", String::as_str);
                let mode = arguments.get(2).map_or(0, |mode| octal(mode));
                let outcome = self.change(word, first, second, mode).unwrap_or_else(|errno| errno);
                if outcome == expected { Ok(()) } else { Err(outcome) }
            }
        }
    }

    fn file(&self) -> Answer<&S::File> {
        self.open.as_ref().ok_or_else(|| "EBADF".to_owned())
    }

    /// An operation whose outcome is one word.
    fn change(&mut self, word: &str, first: &str, second: &str, mode: u32) -> Answer<String> {
        let system = &self.system;
        let done = "0".to_owned();
        let number = |text: &str| text.parse().map_err(|_| "EINVAL".to_owned());
        match word {
            "open" => {
                self.open = None;
                self.open = Some(system.open(first, second, mode)?);
                Ok("fd".to_owned())
            }
            "close" => self.open.take().map(|_| done).ok_or_else(|| "EBADF".to_owned()),
            "lseek" => Ok(system.lseek(self.file()?, number(first)?)?.to_string()),
            "read" => {
                let mut buffer = vec![0; usize::try_from(number(first)?).map_err(|_| "EINVAL".to_owned())?];
                let count = system.read(self.file()?, &mut buffer)?;
                Ok(quoted(&buffer[..count]))
            }
            "write" => Ok(system.write(self.file()?, first.trim_matches('"').as_bytes())?.to_string()),
            "mkdir" => system.mkdir(first, octal(second)).map(|()| done),
            "rmdir" => system.rmdir(first).map(|()| done),
            "unlink" => system.unlink(first).map(|()| done),
            "rename" => system.rename(first, second).map(|()| done),
            "link" => system.link(first, second).map(|()| done),
            "truncate" => system.truncate(first, number(second)?).map(|()| done),
            "utimes" => system.utimes(first, Times::Now).map(|()| done),
            "readlink" => Ok(quoted(&system.readlink(first)?)),
            "ls" => {
                let mut names = system.list(first)?;
                names.sort();
                Ok(if names.is_empty() { "-".to_owned() } else { names.join(" ") })
            }
            "cat" => {
                let file = system.open(first, "O_RDONLY", 0)?;
                let mut buffer = vec![0; 1 << 16];
                let count = system.read(&file, &mut buffer)?;
                Ok(quoted(&buffer[..count]))
            }
            _ => Err(format!("no such operation: {word}")),
        }
    }

    /// Compares with a stat line, or with the name of an errno.
    fn compare_stat(&mut self, found: Answer<Stat>, expected: &str) -> Result<(), String> {
        let found = match found {
            Ok(found) => found,
            Err(errno) if errno == expected => return Ok(()),
            Err(errno) => return Err(errno),
        };
        let directory = found.kind == 'd';
        let mut same = true;
        for (index, word) in expected.split(' ').enumerate() {
            let (name, value) = word.split_once('=').unwrap_or(("", word));
            same &= match name {
                "" => index == 0 && value == found.kind.to_string(),
                "mode" => octal(value) == found.mode,
                "uid" => value == found.uid.to_string(),
                "gid" => value == found.gid.to_string(),
                "nlink" => directory || value == found.links.to_string(),
                "size" => directory || value == found.size.to_string(),
                "ino" => self.inodes.is(value, found.inode),
                "dev" => true,
                _ => false,
            };
        }
        if same { Ok(()) } else { Err(format!("{found:?}, where {:?}", self.inodes.values)) }
    }
}

/// An octal number; one that is none is no mode.
pub fn octal(text: &str) -> u32 {
    u32::from_str_radix(text, 8).unwrap_or(u32::MAX)
}

/// Bytes as the recording has them.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            0x20..=0x7e if !matches!(byte, b'"' | b'\\') => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}
