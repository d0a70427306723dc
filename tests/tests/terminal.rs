//! `make run` on a terminal: a prompt, what is typed, and the ways to leave.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tests::kernel::{self, cargo};

/// The prompt of the root's shell.
const PROMPT: &str = "strata:/# ";

/// A user at a terminal of 100 columns and 30 rows.
struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
    child: Child,
}

impl Terminal {
    /// Starts what `make run` starts, and waits for the prompt.
    fn start() -> Result<Self> {
        kernel::build()?;
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("no terminal")?;
        grantpt(&master).context("no terminal")?;
        unlockpt(&master).context("no terminal")?;
        let name = ptsname(&master, Vec::new()).context("no terminal")?;
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).context("the terminal's size")?;
        let slave = || OpenOptions::new().read(true).write(true).open(name.to_string_lossy().as_ref());
        let child = cargo()
            .arg("strata")
            .stdin(Stdio::from(slave()?))
            .stdout(Stdio::from(slave()?))
            .stderr(Stdio::from(slave()?))
            .spawn()
            .context("cannot start cargo")?;
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone()?;
        let (sender, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end is an error on a terminal whose other side is closed.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut terminal = Self { keyboard, screen, shown: String::new(), child };
        terminal.expect(PROMPT)?;
        Ok(terminal)
    }

    /// Waits until `text` is shown, and takes everything up to its end off the screen.
    fn expect(&mut self, text: &str) -> Result<String> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return Ok(std::mem::replace(&mut self.shown, rest));
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => bail!("waiting for {text:?}: {error}; shown: {}", self.shown),
            }
        }
    }

    fn press(&mut self, keys: &str) -> Result<()> {
        self.keyboard.write_all(keys.as_bytes()).context("typing")
    }

    /// Waits for the end, and returns the exit status.
    fn end(mut self) -> Result<Option<i32>> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            ensure!(Instant::now() < deadline, "it does not end; shown: {}", self.shown);
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Leaves QEMU, if it still runs: killing cargo would leave it behind.
        let _ = self.press("\u{1}x");
    }
}

/// Keys are echoed, `Tab` completes, the command's output comes, and `poweroff` ends it all with status 0.
#[test]
fn what_is_typed_is_edited_run_and_answered() -> Result<()> {
    let mut terminal = Terminal::start()?;
    terminal.press("cat /proc/cmdl\t\r")?;
    let answer = terminal.expect("rows=30")?;
    assert!(answer.contains("columns=100"), "{answer}");
    terminal.expect(PROMPT)?;
    // A word wrong and erased again: the left arrow, backspace.
    terminal.press("echo wromg\u{1b}[D\u{7f}n\r")?;
    terminal.expect("\r\nwrong")?;
    terminal.press("poweroff\r")?;
    assert_eq!(terminal.end()?, Some(0));
    Ok(())
}

/// `Ctrl-A X` quits whatever the guest does.
#[test]
fn control_a_x_quits() -> Result<()> {
    let mut terminal = Terminal::start()?;
    terminal.press("sleep 1000\r")?;
    terminal.expect("sleep 1000")?;
    terminal.press("\u{1}x")?;
    assert_eq!(terminal.end()?, Some(0));
    Ok(())
}
