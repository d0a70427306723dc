//! The console as a terminal (`termios(3)`, `tty_ioctl(2)`): there is one, and programs share it by jobs.
//!
//! | module | subject |
//! |---|---|
//! | [`mod@settings`] | what a program sets of it |
//! | [`mod@line`] | from keys to what is read, with echo and signals |
//! | [`output`] | what is made of what is written |
//! | [`jobs`] | whose it is, and who may read, write and set it |
//!
//! While a program has it, a thread takes what is typed as it comes, so that ^C has its effect whoever waits for what.
//! The built-in shell's own line editor does not come by here.

pub mod jobs;
pub mod line;
pub mod output;
pub mod settings;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};

use page::OutOfMemory;
use spin::Mutex;
use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::io::{Sink, Source};

use self::line::{Effect, Line};
use self::settings::{Local, Settings};
use super::readiness;
use crate::arch::serial::COM1;
use crate::task::process::Process;
use crate::task::signal::Signal;
use crate::task::thread::Thread;
use crate::task::wait::WaitQueue;
use crate::time;
use crate::{console, log};

/// What is typed and how. A leaf; held while nothing that waits, so that who asks with interrupts off gets it.
static LINE: Mutex<Line> = Mutex::new(Line::new());

/// Waiting for something to read, or for the output to go on.
static WAITING: WaitQueue = WaitQueue::new();

/// Whether what is typed is for programs.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

/// How often it was hung up: who opened it before a time has lost it.
static HANG_UPS: AtomicU32 = AtomicU32::new(0);

/// Whether somebody sits at the other end.
static IS_ATTENDED: AtomicBool = AtomicBool::new(true);

fn show(text: &[u8]) {
    COM1.write(text);
}

/// How often something may have come, or gone out.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// Lets those look again who wait.
fn tell() {
    CHANGES.fetch_add(1, Ordering::Relaxed);
    WAITING.wake_all();
    readiness::tell();
}

/// Says whether somebody sits at the other end, as opposed to a script's output that goes to a file: that gets no carriage
/// returns before its newlines (`ONLCR`), and the console is no terminal to its programs.
pub fn set_attended(attended: bool) {
    IS_ATTENDED.store(attended, Ordering::Relaxed);
    set_settings(Settings::new(attended), false);
}

/// The terminal's settings.
pub fn settings() -> Settings {
    LINE.lock().settings()
}

/// Changes the terminal's settings; with `flush` what has been typed is forgotten.
pub fn set_settings(settings: Settings, flush: bool) {
    let mut line = LINE.lock();
    line.set(settings, &mut show);
    if flush {
        line.flush();
    }
    drop(line);
    tell();
}

/// Forgets what has been typed, and what has not been shown.
pub fn flush(typed: bool, shown: bool) {
    let mut line = LINE.lock();
    if typed {
        line.flush();
    }
    if shown {
        line.output.flush();
    }
}

/// Stops the output, or lets it go on (`tcflow(3)`).
pub fn set_stopped(stopped: bool) {
    let mut line = LINE.lock();
    if stopped {
        line.output.stop();
    } else {
        line.output.start(&mut show);
    }
    drop(line);
    tell();
}

/// Sends a character to the other end, whatever the settings say (`TCIOFF`, `TCION`).
pub fn send(character: u8) {
    show(&[character]);
}

/// How many bytes could be read at once.
pub fn readable() -> usize {
    LINE.lock().readable()
}

/// How large a program said that the window is: rows, columns, and both in pixels; 0 for what the console says.
static SIZE: [AtomicU16; 4] = [const { AtomicU16::new(0) }; 4];

/// Rows and columns of the window, and both in pixels.
pub fn size() -> [u16; 4] {
    let said = SIZE.each_ref().map(|size| size.load(Ordering::Relaxed));
    if said == [0; 4] { [console::rows() as u16, console::columns() as u16, 0, 0] } else { said }
}

/// Changes the window's size; who has the terminal is told.
pub fn set_size(new: [u16; 4]) {
    if new != size() {
        SIZE.iter().zip(new).for_each(|(size, new)| size.store(new, Ordering::Relaxed));
        jobs::send(Signal::WINDOW);
    }
}

/// Takes keys as if they were typed.
pub fn type_keys(keys: &[u8]) {
    for &key in keys {
        // One that cannot be kept is lost, as on a line that is too fast.
        let effect = LINE.lock().take(key, &mut show);
        if let Effect::Signal(signal) = effect {
            jobs::send(signal);
        }
    }
    tell();
}

/// The terminal while a program has it, from its beginning to its end.
pub struct Session {
    taker: Arc<Thread>,
    settings: Settings,
}

impl Session {
    /// Gives the terminal to a program, whose process leads its session.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn begin(leader: &Process) -> core::result::Result<Self, OutOfMemory> {
        IS_OPEN.store(true, Ordering::Relaxed);
        let taker = Thread::spawn(take_keys).inspect_err(|_| IS_OPEN.store(false, Ordering::Relaxed))?;
        jobs::give_to(leader);
        log::set_shown(false);
        Ok(Self { taker, settings: settings() })
    }
}

impl Drop for Session {
    /// Who still has it, has it no longer; keys are nobody's, and the settings are as they were.
    fn drop(&mut self) {
        hang_up();
        IS_OPEN.store(false, Ordering::Relaxed);
        console::on_input();
        self.taker.join();
        log::set_shown(true);
        set_settings(self.settings, true);
        set_stopped(false);
    }
}

fn take_keys() {
    let mut keys = [0; 64];
    loop {
        console::wait_for_input(|| !IS_OPEN.load(Ordering::Relaxed));
        if !IS_OPEN.load(Ordering::Relaxed) {
            return;
        }
        let count = COM1.try_read(&mut keys);
        type_keys(&keys[..count]);
    }
}

/// Takes the terminal away from the session that has it, and from who has opened it until now.
fn hang_up() {
    jobs::take_away();
    HANG_UPS.fetch_add(1, Ordering::Relaxed);
    tell();
}

/// Called when a process has ended: one that leads the session takes the terminal with it.
pub fn on_end(process: &Process) {
    if process.leads_session() && jobs::is_of(process) {
        hang_up();
    }
}

/// The terminal, opened.
pub struct Terminal {
    waits: AtomicBool,
    /// How often it had been hung up then; `None` for the console, which stays.
    opened_at: Option<u32>,
}

impl Terminal {
    /// As what a session has (`/dev/tty`, `/dev/ttyS0`): hung up with it.
    pub fn new() -> Self {
        Self { waits: AtomicBool::new(true), opened_at: Some(HANG_UPS.load(Ordering::Relaxed)) }
    }

    /// As the kernel's console, which is nobody's: it is never hung up, and who reads it in the background is not stopped.
    pub fn console() -> Self {
        Self { waits: AtomicBool::new(true), opened_at: None }
    }

    fn is_hung_up(&self) -> bool {
        self.opened_at.is_some_and(|then| then != HANG_UPS.load(Ordering::Relaxed))
    }

    /// Waits until something has been typed, as the settings say; whether it has, as opposed to the time being up.
    fn wait_for_keys(&self, has_some: bool) -> Result<bool> {
        let settings = settings();
        let is_canonical = settings.is_canonical();
        let patience = settings.patience();
        let is_ready = || {
            let line = LINE.lock();
            let has_keys = if is_canonical { line.has_line() } else { line.readable() > 0 };
            // Whoever changes how it is read lets the reader look again.
            has_keys || line.settings().is_canonical() != is_canonical || self.is_hung_up()
        };
        if is_ready() {
            return Ok(true);
        }
        let is_patient = is_canonical || settings.least() > 0;
        if !is_patient && patience.is_none() {
            return Ok(false);
        }
        if !self.waits.load(Ordering::Relaxed) {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        let limit = patience.filter(|_| !is_canonical && (has_some || !is_patient));
        WAITING.wait_before(limit.map(|limit| time::monotonic().saturating_add(limit)), is_ready)
    }

    /// Waits until what is written goes out.
    fn wait_for_output(&self) -> Result<()> {
        let goes_out = || !LINE.lock().output.is_stopped() || self.is_hung_up();
        if !self.waits.load(Ordering::Relaxed) && !goes_out() {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        WAITING.wait(goes_out)
    }

    /// Reads into `sink`, of which `done` counts what has come.
    fn read_keys(&self, sink: &mut dyn Sink, done: &mut usize) -> Result<()> {
        let mut chunk = [0; 256];
        while sink.room() > 0 {
            if !self.wait_for_keys(*done > 0)? || self.is_hung_up() {
                break;
            }
            let room = sink.room().min(chunk.len());
            let mut line = LINE.lock();
            let (count, is_over) = line.give(&mut chunk[..room]);
            let settings = line.settings();
            drop(line);
            sink.put(&chunk[..count])?;
            *done += count;
            let is_enough =
                if settings.is_canonical() { is_over } else { *done >= settings.least().max(1) && readable() == 0 };
            if is_enough {
                break;
            }
        }
        Ok(())
    }

    /// Writes what `source` has, of which `done` counts what has been taken.
    fn write_text(&self, source: &mut dyn Source, done: &mut usize) -> Result<()> {
        let mut chunk = [0; 256];
        while source.remaining() > 0 {
            self.wait_for_output()?;
            if self.is_hung_up() {
                return fail(FileSystemErrorKind::Io);
            }
            let count = source.remaining().min(chunk.len());
            source.take(&mut chunk[..count])?;
            let mut line = LINE.lock();
            let settings = line.settings();
            line.output.write(&settings, &chunk[..count], &mut show);
            drop(line);
            *done += count;
        }
        Ok(())
    }
}

/// What has come about of a read or write: so many bytes, if there are any, whatever came then.
fn outcome(result: Result<()>, done: usize) -> Result<usize> {
    if done > 0 { Ok(done) } else { result.map(|()| 0) }
}

impl OpenStream for Terminal {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        if self.opened_at.is_some() {
            jobs::check_read()?;
        }
        let mut done = 0;
        outcome(self.read_keys(sink, &mut done), done)
    }

    fn write(&self, _offset: u64, source: &mut dyn Source) -> Result<usize> {
        if settings().local.contains(Local::TOSTOP) {
            jobs::check_set()?;
        }
        let mut done = 0;
        outcome(self.write_text(source, &mut done), done)
    }

    fn set_non_blocking(&self, on: bool) {
        self.waits.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        if self.is_hung_up() {
            return Ready::READ | Ready::WRITE | Ready::HUNG_UP | Ready::BROKEN;
        }
        let line = LINE.lock();
        let mut ready = Ready::empty();
        ready.set(Ready::READ, line.is_readable());
        ready.set(Ready::WRITE, !line.output.is_stopped());
        ready
    }

    fn changes(&self, _of: Ready) -> Option<u64> {
        Some(CHANGES.load(Ordering::Relaxed))
    }

    fn is_terminal(&self) -> bool {
        self.opened_at.is_some() || IS_ATTENDED.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
