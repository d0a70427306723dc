//! Waiting for many files, and for numbers (`epoll(7)`, `eventfd(2)`).

use core::time::Duration;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};

use super::call::Call;
use super::clocks::deadline;
use super::flags::{O_CLOEXEC, O_NONBLOCK};
use super::polling::{events_of, states_of};
use super::signals;
use crate::fs::epoll::{self, Asked, Epoll, Mode};
use crate::fs::event;
use crate::mm::user_memory::UserAddress;
use crate::task::files::Descriptor;
use crate::time;

const EPOLL_CTL_ADD: u32 = 1;
const EPOLL_CTL_DEL: u32 = 2;
const EPOLL_CTL_MOD: u32 = 3;

/// Of several instances that wait one is told.
const EPOLLEXCLUSIVE: u32 = 1 << 28;
const EPOLLWAKEUP: u32 = 1 << 29;
const EPOLLONESHOT: u32 = 1 << 30;
const EPOLLET: u32 = 1 << 31;
/// What may go with `EPOLLEXCLUSIVE`: to read, to write, errors, ends.
const EXCLUSIVE_KNOWN: u32 = 1 | 4 | 8 | 0x10 | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

/// Bytes of a `struct epoll_event`, which has no gap.
const EVENT_SIZE: u64 = 12;
/// As many fit into what a size can be.
const EVENTS_MAX: u32 = i32::MAX as u32 / EVENT_SIZE as u32;

const EFD_SEMAPHORE: u32 = 1;

pub fn epoll_create(call: &mut Call<'_>) -> Result<u64> {
    if call.word(0) as i32 <= 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    create(call, false)
}

pub fn epoll_create1(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(0, O_CLOEXEC)?;
    create(call, flags != 0)
}

fn create(call: &Call<'_>, close_on_exec: bool) -> Result<u64> {
    let file = epoll::open()?;
    call.process.files().add(Descriptor { file, close_on_exec }, 0)
}

fn instance(file: &FileObject) -> Result<&Epoll> {
    file.stream_as().ok_or(FileSystemErrorKind::InvalidArgument.into())
}

/// The `struct epoll_event` at an address.
fn asked_at(address: UserAddress) -> Result<Asked> {
    let mut bytes = [0; EVENT_SIZE as usize];
    address.read(&mut bytes)?;
    let (events, data) = bytes.split_at(4);
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    let (events, data) = (word(events) as u32, word(data));
    let mut mode = Mode::empty();
    mode.set(Mode::EDGE, events & EPOLLET != 0);
    mode.set(Mode::EXCLUSIVE, events & EPOLLEXCLUSIVE != 0);
    mode.set(Mode::ONCE, events & EPOLLONESHOT != 0);
    Ok(Asked { ready: states_of(events), events, data, mode })
}

pub fn epoll_ctl(call: &mut Call<'_>) -> Result<u64> {
    let operation = call.word(1);
    let asked = if operation == EPOLL_CTL_DEL { None } else { Some(asked_at(call.address(3))?) };
    let (own, file, number) = (call.file(0)?, call.file(2)?, call.word(2));
    if !file.can_wait() {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    let epoll = instance(&own)?;
    if core::ptr::eq(&*own, &*file) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if let Some(asked) = asked
        && asked.events & EPOLLEXCLUSIVE != 0
    {
        let is_known = asked.events & !EXCLUSIVE_KNOWN == 0 && file.stream_as::<Epoll>().is_none();
        if operation == EPOLL_CTL_MOD || !is_known {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
    }
    match (operation, asked) {
        (EPOLL_CTL_ADD, Some(asked)) => epoll.add(number, &file, asked)?,
        (EPOLL_CTL_MOD, Some(asked)) => epoll.change(number, &file, asked)?,
        (EPOLL_CTL_DEL, _) => epoll.remove(number, &file)?,
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    }
    Ok(0)
}

fn wait(call: &Call<'_>, end: Option<Duration>) -> Result<u64> {
    let (at, count) = (call.address(1), call.word(2));
    if count == 0 || count > EVENTS_MAX {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let file = call.file(0)?;
    let told = instance(&file)?.wait(count as usize, end)?;
    for (told, index) in told.iter().zip(0..) {
        let events = events_of(told.asked.events, told.ready);
        let mut bytes = [0; EVENT_SIZE as usize];
        bytes[..4].copy_from_slice(&events.to_le_bytes());
        bytes[4..].copy_from_slice(&told.asked.data.to_le_bytes());
        at.plus(EVENT_SIZE * index).write(&bytes)?;
    }
    Ok(told.len() as u64)
}

/// Until when a wait lasts whose limit is in milliseconds; a negative one has no end.
fn end_of_milliseconds(limit: u32) -> Option<Duration> {
    let limit = u64::try_from(limit as i32).ok().map(Duration::from_millis);
    limit.map(|limit| time::monotonic().saturating_add(limit))
}

pub fn epoll_wait(call: &mut Call<'_>) -> Result<u64> {
    wait(call, end_of_milliseconds(call.word(3)))
}

pub fn epoll_pwait(call: &mut Call<'_>) -> Result<u64> {
    signals::hold_back_for_call(call, call.given(4), call.arguments[5])?;
    wait(call, end_of_milliseconds(call.word(3)))
}

pub fn epoll_pwait2(call: &mut Call<'_>) -> Result<u64> {
    let end = deadline(call.given(3))?;
    signals::hold_back_for_call(call, call.given(4), call.arguments[5])?;
    wait(call, end)
}

pub fn eventfd(call: &mut Call<'_>) -> Result<u64> {
    create_event(call, 0)
}

pub fn eventfd2(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(1, EFD_SEMAPHORE | O_NONBLOCK | O_CLOEXEC)?;
    create_event(call, flags)
}

fn create_event(call: &Call<'_>, flags: u32) -> Result<u64> {
    let non_blocking = if flags & O_NONBLOCK != 0 { OpenFlags::NON_BLOCKING } else { OpenFlags::empty() };
    let file = event::open(call.word(0), flags & EFD_SEMAPHORE != 0, non_blocking)?;
    call.process.files().add(Descriptor { file, close_on_exec: flags & O_CLOEXEC != 0 }, 0)
}
