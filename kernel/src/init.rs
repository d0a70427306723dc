//! The first program: what the command line asks for by `init=`, else what the image has to begin with, as on Linux. It is
//! the process of number 1, and leads a session that has the terminal.
//!
//! When it has ended nobody goes on that it has begun, and the kernel's own shell is there (`session`).

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::context::Credentials;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::{FileObject, OpenFlags, SeekFrom};
use vfs::manager::VfsManager;
use vfs::node::NewKind;

use crate::command_line;
use crate::fs::{devices, terminal, unnamed};
use crate::task::exec::{self, Prepared};
use crate::task::files::{Descriptor, Files};
use crate::task::number::{self, Number};
use crate::task::place::Place;
use crate::task::process::Ending;
use crate::task::signal::Signal;

/// What an image may have to begin with, the first that is there (Linux's order).
const USUAL: [&str; 5] = ["/init", "/sbin/init", "/etc/init", "/bin/init", SHELL];

/// For who types it is a login shell, which reads `/etc/profile`.
const SHELL: &str = "/bin/sh";

/// What `init=` says where the kernel's own shell is wanted.
const NONE: &str = "none";

/// The first program, ready to begin.
pub struct Init {
    /// Its path.
    pub path: &'static str,
    prepared: Prepared,
    has_terminal: bool,
}

/// Whether the command line asks for a first program.
pub fn is_asked_for() -> bool {
    command_line::value("init").is_some_and(|path| path != NONE)
}

/// The first program, if there is one, with `script` as its input, or the terminal; what cannot be started is told in
/// `problems`.
pub fn find(manager: &Arc<VfsManager>, script: Option<&[u8]>, problems: &mut Vec<String>) -> Option<Init> {
    let asked = command_line::value("init");
    match asked {
        Some(NONE) => None,
        Some(path) => prepare(manager, path, script).map_err(|error| problems.push(problem(path, error))).ok(),
        None => USUAL.into_iter().find_map(|path| match prepare(manager, path, script) {
            Ok(init) => Some(init),
            Err(error) if error.kind() == FileSystemErrorKind::NotFound && !is_there(manager, path) => None,
            Err(error) => {
                problems.push(problem(path, error));
                None
            }
        }),
    }
}

fn problem(path: &str, error: vfs::error::FileSystemError) -> String {
    format!("{path} cannot be started: {error}.")
}

fn is_there(manager: &VfsManager, path: &str) -> bool {
    manager.metadata(&manager.root_context(), path.as_bytes(), vfs::manager::Follow::No).is_ok()
}

/// A file of nobody's with this in it, to be read.
fn file_of(text: &[u8]) -> Result<Arc<FileObject>> {
    unnamed::with_node(NewKind::Regular, 0o600, |manager, context, name| {
        let file = manager.open(context, name, OpenFlags::READ | OpenFlags::WRITE, 0)?;
        let mut rest = text;
        while !rest.is_empty() {
            file.write(&Credentials::root(), &mut rest)?;
        }
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    })
}

/// The terminal by its name, where the image has that, for programs that ask for it (`ttyname(3)`).
fn open_terminal(manager: &VfsManager) -> Result<Arc<FileObject>> {
    let access = OpenFlags::READ | OpenFlags::WRITE;
    match manager.open(&manager.root_context(), b"/dev/ttyS0", access, 0) {
        Ok(file) if file.is_terminal() => Ok(file),
        _ => unnamed::open_device(devices::SERIAL, access),
    }
}

fn prepare(manager: &Arc<VfsManager>, path: &'static str, script: Option<&[u8]>) -> Result<Init> {
    let streams = match script {
        None => {
            let file = open_terminal(manager)?;
            [file.clone(), file.clone(), file]
        }
        Some(text) => {
            let console = unnamed::open_device(devices::CONSOLE, OpenFlags::READ | OpenFlags::WRITE)?;
            [file_of(text)?, console.clone(), console]
        }
    };
    let files = Files::default();
    for file in streams {
        files.add(Descriptor { file, close_on_exec: false }, 0)?;
    }
    let name = if path == SHELL && script.is_none() { "-sh" } else { path };
    let terminal = command_line::value("TERM").unwrap_or("linux");
    let environment = [b"HOME=/".to_vec(), format!("TERM={terminal}").into_bytes()];
    let place = Place::new(manager.clone(), manager.root_context());
    let prepared =
        exec::prepare(Number::first()?, place, path.as_bytes(), Vec::from([name.into()]), &environment, files)?;
    Ok(Init { path, prepared, has_terminal: script.is_none() })
}

impl Init {
    /// Runs it to its end.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn run(self) -> Result<Ending> {
        let session = self.has_terminal.then(|| terminal::Session::begin(&self.prepared.process)).transpose()?;
        let ending = self.prepared.begin()?.wait();
        for process in number::processes() {
            process.end(Ending::Killed(Signal::KILL));
            process.wait();
        }
        drop(session);
        Ok(ending)
    }
}
