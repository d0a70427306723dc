//! Strata's shell on the host: runs a script in an empty tmpfs of its own, so that examples and tests need no emulator.
//!
//! `strata-sh FILE` runs the file's commands, `strata-sh` those of its standard input, and exits with the last one's
//! status. Nothing of the host's own files can be seen from within.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use shell::Shell;
use shell::console::{Console, Mode};
use shell::machine::{Machine, MemoryFigures};
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::manager::VfsManager;

fn main() -> ExitCode {
    let mut script = Vec::new();
    let read = match env::args_os().nth(1) {
        Some(path) => fs::read(path).map(|text| script = text),
        None => io::stdin().read_to_end(&mut script).map(|_| ()),
    };
    if let Err(error) = read {
        eprintln!("strata-sh: {error}");
        return ExitCode::from(2);
    }
    let environment = Environment::detached();
    let manager = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
    let machine = Host { started: Instant::now() };
    let mut console = Output;
    let mut shell = Shell::new(manager, &mut console, Mode::Script, &machine);
    shell.run_script(&script);
    ExitCode::from(shell.status())
}

/// The host's standard output; nobody types.
struct Output;

impl Console for Output {
    fn read(&mut self, _buffer: &mut [u8]) -> usize {
        0
    }

    fn try_read(&mut self, _buffer: &mut [u8]) -> usize {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        // When nobody takes the output any more, there is nothing to tell anybody.
        let _ = io::stdout().write_all(bytes);
    }
}

/// The host as a machine: it has a clock, and nothing else to tell.
struct Host {
    started: Instant,
}

impl Machine for Host {
    fn log(&self) -> Option<Vec<u8>> {
        None
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn memory(&self) -> MemoryFigures {
        MemoryFigures::default()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }

    fn entered(&self, _namespace: &Arc<VfsManager>) {}
}
