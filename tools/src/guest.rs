//! A running QEMU: its output, its end, and what that end means.
//!
//! The guest's own word decides how it ended: an exit code through `isa-debug-exit`. QEMU's 0 is never taken for
//! success, since a triple fault ends QEMU with 0 as well.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::machine::{Console, Machine, QEMU};
use crate::monitor;

/// What a guest's end means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The guest powered off (`isa-debug-exit` 0x10).
    InOrder,
    /// The guest reported a panic or an exception (0x11).
    Panicked,
    /// The test kernel came to the end of its tests (0x12).
    TestsEnded,
    /// The processor gave up: an exception in an exception in an exception.
    TripleFault,
    /// The machine was reset (or QEMU told to quit), which says nothing about the guest's work.
    Reset,
    /// The time was up; the processor was in these functions, innermost first (empty if QEMU did not answer).
    Hung(Vec<u64>),
    /// QEMU itself failed, with this on its standard error.
    Qemu(String),
}

impl Ending {
    /// Where the processor was, innermost first, as far as the host has found out; the guest's own report is not here.
    pub fn stack(&self) -> &[u64] {
        match self {
            Self::Hung(stack) => stack,
            _ => &[],
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InOrder => f.write_str("the guest powered off"),
            Self::Panicked => f.write_str("kernel panic"),
            Self::TestsEnded => f.write_str("the guest came to the end of its tests"),
            Self::TripleFault => f.write_str("triple fault: the processor reset itself"),
            Self::Reset => f.write_str("the machine was reset without a word"),
            Self::Hung(_) => f.write_str("hang: the time was up and the guest was stopped"),
            Self::Qemu(error) => write!(f, "QEMU failed: {}", error.trim_end()),
        }
    }
}

/// A piece of what a guest does.
#[derive(Debug)]
pub enum Event {
    /// Bytes on the console.
    Output(Vec<u8>),
    /// The guest is no more. Nothing follows.
    Ended(Ending),
}

/// A guest that runs without a terminal. Dropping it ends it.
pub struct Guest {
    child: Child,
    output: Receiver<Vec<u8>>,
    run: TempDir,
    log: PathBuf,
}

impl Guest {
    /// Starts the machine.
    ///
    /// # Errors
    /// QEMU is not there, or the run's directory cannot be made.
    pub fn start(machine: &Machine) -> Result<Self> {
        let run = run_directory()?;
        let log = machine.log_in(run.path());
        let errors = File::create(run.path().join("stderr")).context("cannot write to the run's directory")?;
        let mut child = machine
            .command(Console::Pipe, run.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot start {QEMU} (`make` and `tools/bootstrap` install it)"))?;
        let (sender, output) = mpsc::channel();
        if let Some(mut stdout) = child.stdout.take() {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                    if sender.send(buffer[..count].to_vec()).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, output, run, log })
    }

    /// Waits for the next piece of output or the end; at `deadline` the guest is stopped and counts as hung.
    ///
    /// # Errors
    /// The host's own: QEMU cannot be waited for.
    pub fn next(&mut self, deadline: Instant) -> Result<Event> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(left) {
            Ok(bytes) => Ok(Event::Output(bytes)),
            Err(RecvTimeoutError::Timeout) => {
                let stack = monitor::where_is_it(&self.run.path().join("monitor")).unwrap_or_default();
                self.stop()?;
                Ok(Event::Ended(Ending::Hung(stack)))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait().context("cannot wait for QEMU")?;
                Ok(Event::Ended(ending(status, self.run.path())))
            }
        }
    }

    /// What the guest wrote to COM2 so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn log(&self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    fn stop(&mut self) -> Result<()> {
        // An error means that it has ended by itself in between.
        let _ = self.child.kill();
        self.child.wait().context("cannot wait for QEMU")?;
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Nobody is left to tell; a guest that has ended already makes both calls fail, harmlessly.
        let _ = self.stop();
    }
}

/// A directory for one run's files: QEMU's log, the monitor's socket, the guest's log.
///
/// Under the system's temporary directory and not in `target`: a socket's path may have 107 bytes only.
pub fn run_directory() -> Result<TempDir> {
    tempfile::Builder::new().prefix("strata-").tempdir().context("cannot make a directory for the run")
}

/// What QEMU's exit status means, read together with the files that it left in the directory `run`.
pub fn ending(status: ExitStatus, run: &Path) -> Ending {
    let qemu = || fs::read_to_string(run.join("stderr")).unwrap_or_default();
    match status.code() {
        // isa-debug-exit turns the guest's code v into (v << 1) | 1.
        Some(0x21) => Ending::InOrder,
        Some(0x23) => Ending::Panicked,
        Some(0x25) => Ending::TestsEnded,
        Some(0) => match fs::read_to_string(run.join("qemu")) {
            Ok(log) if log.contains("Triple fault") => Ending::TripleFault,
            _ => Ending::Reset,
        },
        _ => Ending::Qemu(format!("{status}\n{}", qemu())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    /// How a run ends whose QEMU exits with `code` and leaves `log`.
    fn ended(code: i32, log: &str) -> Ending {
        let run = tempfile::tempdir().expect("a temporary directory");
        fs::write(run.path().join("qemu"), log).expect("a file in it");
        ending(ExitStatus::from_raw(code << 8), run.path())
    }

    #[test]
    fn the_guests_own_codes_are_told_apart() {
        assert_eq!(ended(33, ""), Ending::InOrder);
        assert_eq!(ended(35, ""), Ending::Panicked);
        assert_eq!(ended(37, ""), Ending::TestsEnded);
    }

    #[test]
    fn zero_is_never_success() {
        assert_eq!(ended(0, "CPU Reset (CPU 0)\nRIP=000000000000fff0"), Ending::Reset);
        assert_eq!(ended(0, "CPU Reset (CPU 0)\nTriple fault\n"), Ending::TripleFault);
    }

    #[test]
    fn any_other_code_is_qemus_own_failure() {
        assert!(matches!(ended(1, ""), Ending::Qemu(_)));
    }
}
