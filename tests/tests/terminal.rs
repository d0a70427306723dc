//! `make run` on a terminal: a prompt, what is typed, and the ways to leave; in the kernel's own shell, and in BusyBox's
//! with programs that control the terminal. Each step waits for what is shown, none for a time.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tests::kernel::{self, cargo, workspace};
use tests::packages::{self, Unavailable};
use tests::skipping::skip;

/// The prompt of the kernel's own shell in the root, and of BusyBox's (`tools/root/etc/profile`).
const PROMPT: &str = "strata:/# ";

/// A user at a terminal of 100 columns and 30 rows.
struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
    child: Child,
}

impl Terminal {
    /// Starts what `make run` starts where there is no BusyBox, and waits for the prompt.
    fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts what `make run` starts where there is BusyBox; `None` where there is none.
    fn start_busybox() -> Result<Option<Self>> {
        let busybox: PathBuf = match packages::busybox()? {
            Ok(program) => program,
            Err(Unavailable(reason)) => {
                skip("BusyBox on a terminal", &reason)?;
                return Ok(None);
            }
        };
        let root = workspace().join("tools/root");
        Self::start_with(&[("ROOT", root), ("BUSYBOX", busybox)]).map(Some)
    }

    fn start_with(variables: &[(&str, PathBuf)]) -> Result<Self> {
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
            .envs(variables.iter().cloned())
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
                Ok(bytes) => {
                    self.shown.push_str(&String::from_utf8_lossy(&bytes));
                    // QEMU leaves the host's terminal adding a return to each newline.
                    self.shown = self.shown.replace("\r\r\n", "\r\n");
                }
                Err(error) => bail!("waiting for {text:?}: {error}; shown: {}", self.shown),
            }
        }
    }

    fn press(&mut self, keys: &str) -> Result<()> {
        self.keyboard.write_all(keys.as_bytes()).context("typing")
    }

    /// Types a command, and waits for what it shows behind its own line, and for the prompt.
    fn run(&mut self, command: &str, answer: &str) -> Result<()> {
        self.press(&format!("{command}\r"))?;
        self.expect("\r\n")?;
        self.expect(answer)?;
        self.expect(PROMPT)?;
        Ok(())
    }

    /// Has a program run in the foreground that goes on until it is ended.
    fn run_for_ever(&mut self) -> Result<()> {
        // What is expected is not in the command's own echo.
        self.press("sh -c 'echo run\"\"ning; exec sleep 1000'\r")?;
        self.expect("running\r\n")?;
        Ok(())
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

/// The shell's line editor and its history; ^C, ^\\ and ^Z to who is in the foreground, and jobs.
#[test]
fn busybox_edits_lines_and_controls_jobs() -> Result<()> {
    let Some(mut terminal) = Terminal::start_busybox()? else { return Ok(()) };
    terminal.run("echo fi''rst", "first\r\n")?;
    // The arrow up.
    terminal.press("\u{1b}[A")?;
    terminal.expect("echo fi''rst")?;
    terminal.run("", "first\r\n")?;
    terminal.run("tty; echo $$", "/dev/ttyS0\r\n1\r\n")?;

    terminal.run_for_ever()?;
    terminal.press("\u{3}")?;
    terminal.expect("^C")?;
    terminal.expect(PROMPT)?;
    terminal.run("echo status $?", "status 130\r\n")?;
    terminal.run_for_ever()?;
    terminal.press("\u{1c}")?;
    terminal.expect("^\\")?;
    terminal.expect("Quit")?;
    terminal.expect(PROMPT)?;

    terminal.run_for_ever()?;
    terminal.press("\u{1a}")?;
    terminal.expect("^Z")?;
    terminal.expect("Stopped")?;
    terminal.expect(PROMPT)?;
    terminal.run("bg", "sleep 1000")?;
    terminal.run("jobs", "Running")?;
    terminal.run("kill %1; wait %1", "")?;
    terminal.run("jobs; echo no''thing", "nothing")?;

    // Stopped in the middle of its input, and in the foreground again.
    terminal.press("sh -c 'echo rea\"\"dy; exec cat'\r")?;
    terminal.expect("ready\r\n")?;
    terminal.press("a\r")?;
    terminal.expect("a\r\na\r\n")?;
    terminal.press("\u{1a}")?;
    terminal.expect("Stopped")?;
    terminal.expect(PROMPT)?;
    terminal.press("fg\r")?;
    terminal.expect("exec cat")?;
    terminal.press("b\r")?;
    terminal.expect("b\r\nb\r\n")?;
    terminal.press("\u{4}")?;
    terminal.expect(PROMPT)?;

    // Nothing is shown of what is typed, but by who reads it.
    terminal.run("stty -echo", "")?;
    terminal.press("cat\rsecret\r")?;
    terminal.expect("secret\r\n")?;
    terminal.press("\u{4}")?;
    let shown = terminal.expect(PROMPT)?;
    ensure!(!shown.contains("secret"), "shown twice: {shown}");
    terminal.press("stty echo\r")?;
    terminal.expect(PROMPT)?;
    terminal.press("read -s x; echo \"<$x>\"\r")?;
    terminal.expect("\r\n")?;
    terminal.press("secret\r")?;
    terminal.expect("<secret>")?;
    terminal.expect(PROMPT)?;
    terminal.press("poweroff\r")?;
    ensure!(terminal.end()? == Some(0));
    Ok(())
}

/// Programs that draw on the whole screen, and read keys as they come; the end of the first program.
/// The script that shows what layers do, as users have it from the documents, is typed line by line: at the end nothing is
/// left of it. `ls` says what is there of each layer.
#[test]
fn busybox_runs_the_example_of_layers() -> Result<()> {
    let Some(mut terminal) = Terminal::start_busybox()? else { return Ok(()) };
    terminal.run("PS1='strata:/# '; cd /tmp", "")?;
    let case = include_str!("programs/cases/example.sh").split_once("cd /tmp\n").context("the case begins in /tmp")?.1;
    for line in case.replace("\\\n", "").lines() {
        let answer = match line {
            "ls overlay/" => "test1  test2\r\n",
            "ls diff/" => "test2\r\n",
            "cat diff/test1" => "test data\r\nmodified test data\r\n",
            "cat base/test1" => "test data\r\n",
            _ => "",
        };
        terminal.run(line, answer)?;
    }
    terminal.run("echo \"status $?\"; ls todel", "status 0\r\nls: todel: No such file or directory\r\n")?;
    terminal.run("mkdir -p a/b d; rm -d a", "invalid option -- 'd'")?;
    terminal.run("rm -fdr a; rm -rd d; rm -r d; ls", "rm: can't remove 'd': No such file or directory\r\n")?;
    terminal.press("poweroff\r")?;
    ensure!(terminal.end()? == Some(0), "it did not end well");
    Ok(())
}

#[test]
fn busybox_draws_on_the_screen() -> Result<()> {
    let Some(mut terminal) = Terminal::start_busybox()? else { return Ok(()) };
    terminal.run("stty size", "30 100\r\n")?;
    terminal.press("vi /tmp/text\r")?;
    terminal.expect("~")?;
    terminal.press("ihello")?;
    terminal.expect("hello")?;
    // An escape with keys right behind it would be taken for one special key.
    terminal.press("\u{1b}")?;
    terminal.expect("\u{1b}[1;5H")?;
    terminal.press(":wq\r")?;
    terminal.expect(PROMPT)?;
    terminal.run("cat /tmp/text", "hello\r\n")?;

    // Keys come from `/dev/tty`: its input is the pipe.
    terminal.press("seq 1001 1100 | less\r")?;
    terminal.expect("1029")?;
    terminal.press(" ")?;
    terminal.expect("1058")?;
    terminal.press("q")?;
    terminal.expect(PROMPT)?;

    terminal.run("ps", "PID")?;
    terminal.press("top\r")?;
    terminal.expect("Load average: ")?;
    terminal.expect("COMMAND")?;
    terminal.press("q")?;
    terminal.expect(PROMPT)?;

    terminal.run("stty rows 40 cols 120; stty size", "40 120\r\n")?;
    terminal.run("stty -a", "speed 115200 baud; rows 40; columns 120")?;
    terminal.press("exit 3\r")?;
    terminal.expect("/bin/sh has ended with status 3.")?;
    terminal.expect(PROMPT)?;
    // The kernel's own line editor, with the settings that the program has left.
    terminal.press("echo wromg\u{1b}[D\u{7f}n\r")?;
    terminal.expect("\r\nwrong")?;
    terminal.press("poweroff\r")?;
    ensure!(terminal.end()? == Some(0));
    Ok(())
}
