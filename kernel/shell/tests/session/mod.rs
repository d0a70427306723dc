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
