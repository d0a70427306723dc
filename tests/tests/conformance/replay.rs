//! Goes through the recording line by line and notes where ours differs.

use super::fixture::{Fixture, ROOT};
use super::upper;
use std::collections::HashMap;
use std::sync::Arc;
use vfs::context::Context;
use vfs::error::{FileSystemError, FileSystemErrorKind};
use vfs::file::{FileObject, OpenFlags, SeekFrom};
use vfs::manager::Follow;
use vfs::metadata::{FileType, Metadata, NodeId, SetTime};
use vfs::node::RenameFlags;
use vfs::time::Timestamp;

type Result<T> = std::result::Result<T, FileSystemError>;

/// What a replay found.
#[derive(Default)]
pub struct Report {
    pub tests: usize,
    pub cases: usize,
    pub operations: usize,
    pub differences: Vec<String>,
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
struct Running {
    fixture: Fixture,
    context: Context,
    open: Option<Arc<FileObject>>,
    inodes: Symbols<NodeId>,
    accessed: Symbols<Timestamp>,
    modified: Symbols<Timestamp>,
    /// The `up` lines of the test.
    upper: Vec<(usize, String)>,
}

/// The replay so far.
#[derive(Default)]
pub struct Replay {
    report: Report,
    test: String,
    case: String,
    running: Option<Running>,
}

impl Replay {
    /// Takes the next line.
    pub fn line(&mut self, number: usize, line: &str) {
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

    /// Ends the last test.
    pub fn finish(mut self) -> Report {
        self.end_test();
        self.report
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
        match Fixture::new(low, high) {
            Ok(fixture) => {
                let context = fixture.root.clone();
                self.running = Some(Running {
                    fixture,
                    context,
                    open: None,
                    inodes: Symbols::new(),
                    accessed: Symbols::new(),
                    modified: Symbols::new(),
                    upper: Vec::new(),
                });
            }
            Err(error) => self.differ(number, &format!("the fixture: {error:?}")),
        }
    }

    fn end_test(&mut self) {
        if let Some(running) = self.running.take() {
            "the upper layer".clone_into(&mut self.case);
            for (number, difference) in upper::compare(&running.fixture, &running.upper) {
                self.differ(number, &difference);
            }
        }
    }
}

impl Running {
    /// One operation; the error says what differs.
    fn step(&mut self, word: &str, rest: &str) -> std::result::Result<(), String> {
        if word == "user" {
            self.context = self.fixture.user(rest.parse().map_err(|_| "no number")?);
            return Ok(());
        }
        if word == "remount" {
            (self.open, self.inodes) = (None, Symbols::new());
            return self.fixture.remount().map_err(|error| format!("{error:?}"));
        }
        let (arguments, expected) = rest.split_once("= ").ok_or("no outcome")?;
        let arguments: Vec<String> = arguments.split_whitespace().map(|word| word.replacen('%', ROOT, 1)).collect();
        let first = arguments.first().map_or("", String::as_str);
        match word {
            "lstat" => {
                let found = self.fixture.vfs.metadata(&self.context, first.as_bytes(), Follow::No);
                self.compare_stat(found, expected)
            }
            "fstat" => {
                let found = self.file().and_then(|file| file.metadata());
                self.compare_stat(found, expected)
            }
            "atime" | "mtime" => {
                let found = self.fixture.vfs.metadata(&self.context, first.as_bytes(), Follow::No);
                let found = found.map_err(|error| format!("{error:?}"))?;
                let same = match word {
                    "atime" => self.accessed.is(expected, found.accessed),
                    _ => self.modified.is(expected, found.modified),
                };
                if same { Ok(()) } else { Err(format!("{found:?}")) }
            }
            _ => {
                let second = arguments.get(1).map_or("", String::as_str);
                let outcome = match self.change(word, first, second, rest) {
                    Ok(outcome) => outcome,
                    Err(error) => format!("{error:?}"),
                };
                if outcome == expected { Ok(()) } else { Err(outcome) }
            }
        }
    }

    fn file(&self) -> Result<&Arc<FileObject>> {
        self.open.as_ref().ok_or(FileSystemErrorKind::BadFileDescriptor.into())
    }

    /// An operation whose outcome is one word.
    fn change(&mut self, word: &str, first: &str, second: &str, rest: &str) -> Result<String> {
        let (vfs, context) = (self.fixture.vfs.clone(), self.context.clone());
        let (one, other) = (first.as_bytes(), second.as_bytes());
        let done = "0".to_owned();
        match word {
            "open" => {
                self.open = None;
                self.open = Some(vfs.open(&context, one, open_flags(second), mode_of(rest))?);
                Ok("fd".to_owned())
            }
            "close" => self.open.take().map(|_| done).ok_or(FileSystemErrorKind::BadFileDescriptor.into()),
            "lseek" => {
                let offset = first.parse().map_err(|_| FileSystemErrorKind::InvalidArgument)?;
                Ok(self.file()?.seek(SeekFrom::Start(offset))?.to_string())
            }
            "read" => {
                let mut buffer = vec![0; first.parse().map_err(|_| FileSystemErrorKind::InvalidArgument)?];
                let count = self.file()?.read(&mut &mut buffer[..])?;
                Ok(quoted(&buffer[..count]))
            }
            "write" => {
                let text = first.trim_matches('"').as_bytes();
                Ok(self.file()?.write(&context.credentials, &mut &text[..])?.to_string())
            }
            "mkdir" => vfs.make_directory(&context, one, octal(second)).map(|()| done),
            "rmdir" => vfs.remove_directory(&context, one).map(|()| done),
            "unlink" => vfs.unlink(&context, one).map(|()| done),
            "rename" => vfs.rename(&context, one, other, RenameFlags::empty()).map(|()| done),
            "link" => vfs.link(&context, one, other, Follow::No).map(|()| done),
            "truncate" => {
                let size = second.parse().map_err(|_| FileSystemErrorKind::InvalidArgument)?;
                vfs.truncate(&context, one, size).map(|()| done)
            }
            "utimes" => {
                let now = Some(SetTime::Now);
                vfs.set_times(&context, one, now, now, Follow::Yes).map(|()| done)
            }
            "readlink" => Ok(quoted(&vfs.read_link(&context, one)?)),
            "ls" => {
                let directory = vfs.open(&context, one, OpenFlags::READ | OpenFlags::DIRECTORY, 0)?;
                let mut names = Vec::new();
                directory.list(&mut |item| {
                    if item.name != b"." && item.name != b".." {
                        names.push(item.name.escape_ascii().to_string());
                    }
                    true
                })?;
                names.sort();
                Ok(if names.is_empty() { "-".to_owned() } else { names.join(" ") })
            }
            "cat" => {
                let file = vfs.open(&context, one, OpenFlags::READ, 0)?;
                let mut buffer = vec![0; 1 << 16];
                let count = file.read(&mut &mut buffer[..])?;
                Ok(quoted(&buffer[..count]))
            }
            _ => Ok(format!("no such operation: {word}")),
        }
    }

    /// Compares with a stat line, or with the name of an errno.
    fn compare_stat(&mut self, found: Result<Metadata>, expected: &str) -> std::result::Result<(), String> {
        let found = match found {
            Ok(found) => found,
            Err(error) if format!("{error:?}") == expected => return Ok(()),
            Err(error) => return Err(format!("{error:?}")),
        };
        let directory = found.kind == FileType::Directory;
        let mut same = true;
        for (index, word) in expected.split(' ').enumerate() {
            let (name, value) = word.split_once('=').unwrap_or(("", word));
            same &= match name {
                "" => index == 0 && value == letter(found.kind),
                "mode" => octal(value) == found.mode,
                "uid" => value == found.uid.to_string(),
                "gid" => value == found.gid.to_string(),
                "nlink" => directory || value == found.links.to_string(),
                "size" => directory || value == found.size.to_string(),
                "ino" => self.inodes.is(value, found.id),
                "dev" => true,
                _ => false,
            };
        }
        if same { Ok(()) } else { Err(format!("{found:?}, where {:?}", self.inodes.values)) }
    }
}

/// The letter for a type in a stat line.
pub fn letter(kind: FileType) -> &'static str {
    match kind {
        FileType::Regular => "r",
        FileType::Directory => "d",
        FileType::Symlink => "s",
        FileType::CharDevice => "c",
        FileType::BlockDevice => "b",
        FileType::Fifo | FileType::Socket => "p",
    }
}

/// An octal number; one that is none is no mode.
pub fn octal(text: &str) -> u32 {
    u32::from_str_radix(text, 8).unwrap_or(u32::MAX)
}

/// The mode of `open PATH FLAGS MODE = …`.
fn mode_of(rest: &str) -> u32 {
    rest.split_whitespace().nth(2).map_or(0, octal)
}

fn open_flags(names: &str) -> OpenFlags {
    names.split('|').fold(OpenFlags::empty(), |flags, name| {
        flags
            | match name {
                "O_RDONLY" => OpenFlags::READ,
                "O_WRONLY" => OpenFlags::WRITE,
                "O_RDWR" => OpenFlags::READ | OpenFlags::WRITE,
                "O_CREAT" => OpenFlags::CREATE,
                "O_EXCL" => OpenFlags::EXCLUSIVE,
                "O_TRUNC" => OpenFlags::TRUNCATE,
                "O_APPEND" => OpenFlags::APPEND,
                "O_DIRECTORY" => OpenFlags::DIRECTORY,
                "O_NOFOLLOW" => OpenFlags::NO_FOLLOW,
                _ => OpenFlags::empty(),
            }
    })
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
