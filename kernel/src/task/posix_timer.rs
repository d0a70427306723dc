//! Timers that send a signal (`timer_create(2)`). As fine as the tick.
//!
//! A timer's signal comes once, however often its time does until somebody takes it: how often more is told then
//! (overrun), and the timer goes on from there. So nobody counts at ticks; they only find what is due.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::clock::{Clock, Setting};
use super::process::Process;
use super::signal::sending::send_to_thread;
use super::signal::{Information, Signal};
use super::thread::{Thread, UserSide};

/// Bytes of heap that one takes, about.
const MEMORY: usize = 256;

/// No process has more: as many signals of theirs could wait.
const TIMERS_MAX: usize = 256;

/// What becomes of it when a timer's time comes.
#[derive(Clone)]
pub enum Notice {
    /// Nothing.
    Nobody,
    /// The process is sent a signal.
    Process(Signal),
    /// One of its threads is.
    Thread(Weak<Thread>, Signal),
}

/// A timer.
struct Timer {
    clock: Clock,
    notice: Notice,
    /// What goes with the signal; the number if that is not said.
    value: u64,
    setting: Setting,
    /// The clock that the setting is by.
    set_by: Clock,
    /// How often more its time had come when its signal was last taken.
    overrun: i32,
}

/// The timers of a process, by their numbers.
#[derive(Default)]
pub struct Timers {
    timers: BTreeMap<i32, Timer>,
    /// The number that is given next.
    next: i32,
}

impl Timers {
    fn get(&mut self, number: i32) -> Result<&mut Timer> {
        self.timers.get_mut(&number).ok_or(FileSystemErrorKind::InvalidArgument.into())
    }

    /// Whether there are none.
    pub(super) fn are_none(&self) -> bool {
        self.timers.is_empty()
    }

    /// The signal of the first from `from` on whose time has come, and its number.
    fn next_due(&self, from: i32) -> Option<(i32, Notice, u64)> {
        self.timers.range(from..).find_map(|(&number, timer)| {
            let is_due = timer.setting.next.is_some() && timer.setting.count(timer.set_by.now()?) > 0;
            is_due.then(|| (number, timer.notice.clone(), timer.value))
        })
    }
}

impl Timer {
    /// Its signal has been taken, or nobody ever will: it goes on.
    fn go_on(&mut self) {
        let Some(now) = self.set_by.now() else { return };
        let more = self.setting.count(now).saturating_sub(1);
        self.overrun = i32::try_from(more).unwrap_or(i32::MAX);
        self.setting.next = self.setting.after(now);
    }
}

impl Process {
    /// Makes a timer; its number. `value`: what goes with its signal, if not that.
    ///
    /// # Errors
    /// `EAGAIN` where there are too many, `ENOMEM`.
    pub fn create_timer(&self, clock: Clock, notice: Notice, value: Option<u64>) -> Result<i32> {
        page::admit(MEMORY)?;
        let mut timers = self.timers.lock();
        if timers.timers.len() >= TIMERS_MAX {
            return fail(FileSystemErrorKind::WouldBlock);
        }
        let mut number = timers.next;
        while timers.timers.contains_key(&number) {
            number = number.checked_add(1).unwrap_or(0);
        }
        timers.next = number.checked_add(1).unwrap_or(0);
        let value = value.unwrap_or(number as u64);
        let (set_by, setting) = (clock.clone(), Setting::default());
        timers.timers.insert(number, Timer { clock, notice, value, setting, set_by, overrun: 0 });
        Ok(number)
    }

    /// The clock that a timer goes by.
    ///
    /// # Errors
    /// `EINVAL` for a number that no timer has.
    pub fn timer_clock(&self, number: i32) -> Result<Clock> {
        self.timers.lock().get(number).map(|timer| timer.clock.clone())
    }

    /// When a timer's time comes, and the clock by which.
    ///
    /// # Errors
    /// `EINVAL` for a number that no timer has.
    pub fn timer(&self, number: i32) -> Result<(Setting, Clock)> {
        self.timers.lock().get(number).map(|timer| (timer.setting, timer.set_by.clone()))
    }

    /// Sets a timer. A signal of it that waits is forgotten.
    ///
    /// # Errors
    /// `EINVAL` for a number that no timer has.
    pub fn set_timer(&self, number: i32, setting: Setting, set_by: Clock) -> Result<()> {
        let mut timers = self.timers.lock();
        let timer = timers.get(number)?;
        (timer.setting, timer.set_by) = (setting, set_by);
        drop(timers);
        self.forget_timer(number);
        super::alarm::note_set();
        Ok(())
    }

    /// How often more a timer's time had come when its signal was last taken.
    ///
    /// # Errors
    /// `EINVAL` for a number that no timer has.
    pub fn timer_overrun(&self, number: i32) -> Result<i32> {
        self.timers.lock().get(number).map(|timer| timer.overrun)
    }

    /// Does away with a timer, and with a signal of it that waits.
    ///
    /// # Errors
    /// `EINVAL` for a number that no timer has.
    pub fn delete_timer(&self, number: i32) -> Result<()> {
        let deleted = self.timers.lock().timers.remove(&number);
        self.forget_timer(number);
        deleted.map(drop).ok_or(FileSystemErrorKind::InvalidArgument.into())
    }

    /// Does away with all.
    pub(super) fn delete_timers(&self) {
        let deleted = core::mem::take(&mut self.timers.lock().timers);
        deleted.into_keys().for_each(|number| self.forget_timer(number));
    }

    fn forget_timer(&self, number: i32) {
        self.pending.forget_timer(number);
        self.find_thread(|thread| {
            thread.user()?.pending.forget_timer(number);
            None::<()>
        });
    }

    /// Whether a timer's signal waits to be taken.
    fn has_signal_of(&self, number: i32) -> bool {
        let in_thread = |thread: &Arc<Thread>| thread.user()?.pending.has_timer(number).then_some(());
        self.pending.has_timer(number) || self.find_thread(in_thread).is_some()
    }

    /// Sends what is due; whether it has timers.
    pub(super) fn send_due_timers(&self) -> bool {
        if self.timers.lock().are_none() {
            return false;
        }
        let mut from = 0;
        loop {
            let due = self.timers.lock().next_due(from);
            let Some((number, notice, value)) = due else { return true };
            if !self.has_signal_of(number) {
                match notice {
                    Notice::Nobody => {}
                    Notice::Process(signal) => self.send(Information::of_timer(signal, number, value)),
                    Notice::Thread(thread, signal) => {
                        if let Some(thread) = thread.upgrade() {
                            // Room for it is the timer's own.
                            let _ = send_to_thread(&thread, Information::of_timer(signal, number, value));
                        }
                    }
                }
                if !self.has_signal_of(number) {
                    self.note_taken(number);
                }
            }
            let Some(next) = number.checked_add(1) else { return true };
            from = next;
        }
    }

    /// A timer's signal has been taken; how often more its time has come.
    fn note_taken(&self, number: i32) -> i32 {
        self.timers.lock().get(number).map_or(0, |timer| {
            timer.go_on();
            timer.overrun
        })
    }
}

impl UserSide {
    /// What is told of a signal that has been taken: of a timer's, how often more it would have come.
    pub(super) fn with_overrun(&self, information: Information) -> Information {
        match information.timer {
            Some(number) => information.with_overrun(self.process.note_taken(number)),
            None => information,
        }
    }
}
