//! Times to wait for as open files (`timerfd_create(2)`).

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};

use super::call::Call;
use super::flags::{O_CLOEXEC, O_NONBLOCK};
use super::structures::{duration, timespec};
use crate::fs::timer::{self, Timer};
use crate::task::clock::Setting;
use crate::task::files::Descriptor;
use crate::time;

const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const CLOCK_BOOTTIME: u32 = 7;

const TFD_TIMER_ABSTIME: u32 = 1;
/// That who waits is told when somebody sets the clock, which nobody can.
const TFD_TIMER_CANCEL_ON_SET: u32 = 2;

pub fn timerfd_create(call: &mut Call<'_>) -> Result<u64> {
    let clock = call.word(0);
    if !matches!(clock, CLOCK_REALTIME | CLOCK_MONOTONIC | CLOCK_BOOTTIME) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let flags = call.flags(1, O_NONBLOCK | O_CLOEXEC)?;
    let non_blocking = if flags & O_NONBLOCK != 0 { OpenFlags::NON_BLOCKING } else { OpenFlags::empty() };
    let file = timer::open(clock, non_blocking)?;
    call.process.files().add(Descriptor { file, close_on_exec: flags & O_CLOEXEC != 0 }, 0)
}

fn timer(file: &FileObject) -> Result<&Timer> {
    file.stream_as().ok_or(FileSystemErrorKind::InvalidArgument.into())
}

/// `struct itimerspec`: how long between, how long until the next.
pub fn told(setting: Setting, now: Duration) -> [u64; 4] {
    let [[seconds, rest], [next_seconds, next_rest]] = [setting.interval, setting.left(now)].map(timespec);
    [seconds, rest, next_seconds, next_rest]
}

pub fn timerfd_settime(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(1, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)?;
    let [seconds, rest, next_seconds, next_rest] = call.address(2).read_words()?;
    let (interval, value) = (duration([seconds, rest])?, duration([next_seconds, next_rest])?);
    let file = call.file(0)?;
    let timer = timer(&file)?;
    let is_absolute = flags & TFD_TIMER_ABSTIME != 0;
    let wait = if is_absolute { value.saturating_sub(timer.now()) } else { value };
    let next = (!value.is_zero()).then(|| time::monotonic().saturating_add(wait));
    let old = timer.set(Setting { next, interval }, flags);
    call.tell_words(3, told(old, time::monotonic()))
}

pub fn timerfd_gettime(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    call.write_words(1, told(timer(&file)?.setting(), time::monotonic()))
}
