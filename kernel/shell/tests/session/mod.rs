//! A shell in a fresh tmpfs, on a machine that stands still, for tests.

use shell::Shell;
use shell::console::{Console, Mode};
use shell::machine::{Machine, MemoryFigures};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::manager::VfsManager;

/// Keeps what is shown.
struct Recorder(Arc<Mutex<Vec<u8>>>);

impl Console for Recorder {
    fn read(&mut self, _buffer: &mut [u8]) -> usize {
        0
    }

    fn try_read(&mut self, _buffer: &mut [u8]) -> usize {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(bytes);
    }
}

/// A machine on which nothing ever changes.
struct Still;

impl Machine for Still {
    fn log(&self) -> Option<Vec<u8>> {
        Some(b"[    0.000000] a line of the log\n".to_vec())
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(3_723_040)
    }

    fn memory(&self) -> MemoryFigures {
        MemoryFigures { total: 64 << 20, free: 48 << 20, heap: 4 << 20, files: 8 << 20 }
    }

    fn sleep(&self, _duration: Duration) {}

    fn entered(&self, _namespace: &Arc<VfsManager>) {}
}

/// A shell and what it shows.
pub struct Session {
    shell: Shell<'static>,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Session {
    /// A fresh one. Its console and its machine stay until the test's process ends.
    pub fn new() -> Self {
        let environment = Environment::detached();
        let manager = VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let console = Box::leak(Box::new(Recorder(shown.clone())));
        Self { shell: Shell::new(manager, console, Mode::Script, &Still), shown }
    }

    /// Runs a script, and returns what it showed.
    pub fn run(&mut self, script: &str) -> String {
        self.shell.run_script(script.as_bytes());
        String::from_utf8_lossy(&std::mem::take(&mut *self.shown.lock().unwrap())).into_owned()
    }
}

/// Types the commands of a transcript, and returns it as it should have been.
pub fn replay(transcript: &str) -> String {
    let mut session = Session::new();
    let mut replayed = String::new();
    let mut lines = transcript.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("#:") || line.is_empty() && lines.peek().is_none_or(|next| next.starts_with("#:")) {
            replayed += line;
            replayed += "\n";
            continue;
        }
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let mut typed = format!("{command}\n");
        replayed += line;
        replayed += "\n";
        while let Some(more) = lines.next_if(|line| line.starts_with("> ")) {
            typed += &more[2..];
            typed += "\n";
            replayed += more;
            replayed += "\n";
        }
        replayed += &session.run(&typed);
    }
    replayed
}

/// Fails with the first line in which a transcript is not what was replayed.
pub fn assert_replayed(name: &str, transcript: &str, replayed: &str) {
    if transcript != replayed {
        let same = transcript.lines().zip(replayed.lines()).take_while(|(one, other)| one == other).count();
        let from = |text: &str| text.lines().skip(same).collect::<Vec<_>>().join("\n");
        panic!("{name}, line {}: expected\n{}\n\nbut was\n{}", same + 1, from(transcript), from(replayed));
    }
}
