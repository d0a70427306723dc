//! Waiting for one of several files (`poll(2)`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use vfs::environment::Ready;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;

use super::call::Call;
use super::clocks::{deadline, write_rest};
use super::signals;
use super::structures::timespec;
use crate::fs::readiness;
use crate::time;

/// Bytes of a `struct pollfd`, which is one word: number, events asked for, events that are so.
const ENTRY_SIZE: u64 = 8;

/// Each event, and what it means; the last two are told whether asked for or not.
const EVENTS: [(u32, Ready); 7] = [
    (0x01, Ready::READ),
    (0x40, Ready::READ),
    (0x04, Ready::WRITE),
    (0x100, Ready::WRITE),
    (0x2000, Ready::READ_HUNG_UP),
    (0x10, Ready::HUNG_UP),
    (0x08, Ready::BROKEN),
];
/// `POLLHUP` and `POLLERR`.
const ALWAYS: u32 = 0x10 | 0x08;
/// There is no such file.
const POLLNVAL: u32 = 0x20;

/// The events that are so of a file in these states, of those that are asked for.
pub fn events_of(asked: u32, ready: Ready) -> u32 {
    let asked = asked | ALWAYS;
    let are_so = EVENTS.iter().filter(|(event, what)| asked & event != 0 && ready.contains(*what));
    are_so.fold(0, |events, (event, _)| events | event)
}

/// The states that those events mean.
pub fn states_of(asked: u32) -> Ready {
    let asked = asked | ALWAYS;
    EVENTS.iter().filter(|(event, _)| asked & event != 0).fold(Ready::empty(), |states, (_, what)| states | *what)
}

/// What is asked of one file.
struct Question {
    entry: u64,
    /// `None` where the number is negative, and nothing is asked.
    file: Option<Result<Arc<FileObject>>>,
}

impl Question {
    fn new(call: &Call<'_>, entry: u64) -> Self {
        let number = entry as u32 as i32;
        let file = u64::try_from(number).ok().map(|number| {
            let files = call.process.files();
            files.get(number).map(|descriptor| descriptor.file)
        });
        Self { entry, file }
    }

    /// The events that are so.
    fn answer(&self) -> u32 {
        match &self.file {
            None => 0,
            Some(Err(_)) => POLLNVAL,
            Some(Ok(file)) => events_of((self.entry >> 32) as u32 & 0xffff, file.ready()),
        }
    }
}

/// Waits until one of the files in the first two arguments is ready, or until `end` (since boot).
fn wait(call: &Call<'_>, end: Option<Duration>) -> Result<u64> {
    let (address, count) = (call.address(0), call.arguments[1]);
    if count > call.process.files().limit() as u64 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    page::admit(count as usize * size_of::<Question>())?;
    let mut questions = Vec::new();
    for index in 0..count {
        let [entry] = address.plus(ENTRY_SIZE * index).read_words()?;
        questions.push(Question::new(call, entry));
    }
    let is_ready = || questions.iter().any(|question| question.answer() != 0);
    readiness::CHANGED.wait_before(end, is_ready)?;
    let mut ready = 0;
    for (index, question) in (0..).zip(&questions) {
        let answer = question.answer();
        ready += u64::from(answer != 0);
        let told = question.entry & 0xffff_ffff_ffff | u64::from(answer) << 48;
        address.plus(ENTRY_SIZE * index).write_words([told])?;
    }
    Ok(ready)
}

pub fn poll(call: &mut Call<'_>) -> Result<u64> {
    // A negative time has no end.
    let limit = u64::try_from(call.word(2) as i32).ok().map(Duration::from_millis);
    wait(call, limit.map(|limit| time::monotonic().saturating_add(limit)))
}

pub fn ppoll(call: &mut Call<'_>) -> Result<u64> {
    let limit_at = call.given(2);
    let end = deadline(limit_at)?;
    signals::hold_back_for_call(call, call.given(3), call.arguments[4])?;
    let ready = wait(call, end);
    write_rest(limit_at, end, timespec);
    ready
}
