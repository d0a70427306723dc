//! What processes have used: `getrusage(2)`, `times(2)`, and what who waits for a child is told.

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::mm::PAGE_SIZE;
use crate::task::usage::Figures;
use crate::time;

const RUSAGE_SELF: u32 = 0;
const RUSAGE_CHILDREN: u32 = u32::MAX;
const RUSAGE_THREAD: u32 = 1;

/// Clock ticks in a second, as programs are told (`AT_CLKTCK`).
pub const TICKS: u64 = 100;

/// A time in clock ticks.
pub fn ticks(time: Duration) -> u64 {
    time.as_secs() * TICKS + u64::from(time.subsec_millis()) * TICKS / 1000
}

/// `struct rusage`. Nothing is read from disks, swapped or counted that Linux does not count.
pub fn words(figures: &Figures) -> [u64; 18] {
    let time = |time: Duration| [time.as_secs(), u64::from(time.subsec_micros())];
    let ([user, user_rest], [system, system_rest]) = (time(figures.user()), time(figures.system()));
    let mut words = [0; 18];
    words[..4].copy_from_slice(&[user, user_rest, system, system_rest]);
    words[4] = figures.pages_max * (PAGE_SIZE / 1024) as u64;
    words[8] = figures.faults;
    (words[16], words[17]) = (figures.waits, figures.losses);
    words
}

pub fn getrusage(call: &mut Call<'_>) -> Result<u64> {
    let figures = match call.word(0) {
        RUSAGE_SELF => call.process.figures(),
        RUSAGE_CHILDREN => call.process.figures_of_children(),
        RUSAGE_THREAD => call.thread().figures(),
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    };
    call.write_words(1, words(&figures))
}

pub fn times(call: &mut Call<'_>) -> Result<u64> {
    if call.arguments[0] != 0 {
        let (own, children) = (call.process.figures(), call.process.figures_of_children());
        call.write_words(0, [own.user(), own.system(), children.user(), children.system()].map(ticks))?;
    }
    Ok(ticks(time::monotonic()))
}
