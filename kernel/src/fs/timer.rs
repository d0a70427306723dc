//! Times to wait for (`timerfd_create(2)`): who reads is told how often the time has come since it was last told.
//!
//! Nobody counts while nobody looks: how often it has come is found from the clock. Who waits for one of several files
//! is woken at the next time of any ([`readiness::wake_at`]), and asks for the one after that by looking.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use spin::Mutex;
use vfs::environment::{OpenStream, Ready};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::io::{Sink, Source};

use super::anonymous::{self, Anonymous};
use super::readiness;
use crate::task::clock::Setting;
use crate::task::wait::WaitQueue;
use crate::time;

/// Bytes of heap that one takes, about.
const MEMORY: usize = 256;

struct State {
    setting: Setting,
    /// How that was said (`timerfd_settime(2)`).
    flags: u32,
    /// How often it was set or read, and how often it had come until then.
    changes: u64,
}

/// A time.
pub struct Timer {
    state: Mutex<State>,
    may_wait: AtomicBool,
    /// Its clock, as Linux numbers them.
    clock: u32,
    waiting: WaitQueue,
}

/// The clock that can be set.
const CLOCK_REALTIME: u32 = 0;

/// A new one, of the clock of that number, as an open file.
///
/// # Errors
/// `ENOMEM`.
pub fn open(clock: u32, flags: OpenFlags) -> Result<Arc<FileObject>> {
    page::admit(MEMORY)?;
    let timer = Arc::new(Timer {
        state: Mutex::new(State { setting: Setting::default(), flags: 0, changes: 0 }),
        may_wait: AtomicBool::new(true),
        clock,
        waiting: WaitQueue::new(),
    });
    anonymous::of_stream(Anonymous::Timer, OpenFlags::READ | OpenFlags::WRITE | flags, timer)
}

impl Timer {
    /// What its clock shows.
    pub fn now(&self) -> Duration {
        if self.clock == CLOCK_REALTIME { time::wall() } else { time::monotonic() }
    }

    /// When the time comes.
    pub fn setting(&self) -> Setting {
        self.state.lock().setting
    }

    /// Changes that, as it was said with these flags; returns what it was.
    pub fn set(&self, setting: Setting, flags: u32) -> Setting {
        let mut state = self.state.lock();
        state.flags = flags;
        state.changes += 1;
        let old = core::mem::replace(&mut state.setting, setting);
        drop(state);
        self.waiting.wake_all();
        readiness::tell();
        old
    }

    /// Takes how often it has come.
    fn take(&self) -> u64 {
        let now = time::monotonic();
        let mut state = self.state.lock();
        let count = state.setting.count(now);
        if count > 0 {
            state.setting.next = state.setting.after(now);
            state.changes = state.changes.wrapping_add(count);
        }
        count
    }
}

impl OpenStream for Timer {
    fn read(&self, _offset: u64, sink: &mut dyn Sink) -> Result<usize> {
        if sink.room() < size_of::<u64>() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        loop {
            let count = self.take();
            if count > 0 {
                sink.put(&count.to_le_bytes())?;
                return Ok(size_of::<u64>());
            }
            if !self.may_wait.load(Ordering::Relaxed) {
                return fail(FileSystemErrorKind::WouldBlock);
            }
            let (next, changes) = {
                let state = self.state.lock();
                (state.setting.next, state.changes)
            };
            self.waiting.wait_before(next, || self.state.lock().changes != changes)?;
        }
    }

    fn write(&self, _offset: u64, _source: &mut dyn Source) -> Result<usize> {
        fail(FileSystemErrorKind::InvalidArgument)
    }

    fn set_non_blocking(&self, on: bool) {
        self.may_wait.store(!on, Ordering::Relaxed);
    }

    fn ready(&self) -> Ready {
        let now = time::monotonic();
        let setting = self.setting();
        if let Some(next) = setting.after(now) {
            readiness::wake_at(next);
        }
        if setting.count(now) > 0 { Ready::READ } else { Ready::empty() }
    }

    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let (now, clock) = (time::monotonic(), self.clock);
        let state = self.state.lock();
        let (setting, flags) = (state.setting, state.flags);
        drop(state);
        let shown = |time: Duration| (time.as_secs(), time.subsec_nanos());
        writeln!(out, "clockid: {clock}\nticks: {}\nsettime flags: 0{flags:o}", setting.count(now))?;
        writeln!(out, "it_value: {:?}\nit_interval: {:?}", shown(setting.left(now)), shown(setting.interval))
    }

    fn changes(&self, _of: Ready) -> Option<u64> {
        let state = self.state.lock();
        Some(state.changes.wrapping_add(state.setting.count(time::monotonic())))
    }
}
