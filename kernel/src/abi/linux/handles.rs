//! Processes and signals as open files (`pidfd_open(2)`, `signalfd(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::OpenFlags;

use super::call::Call;
use super::flags::{O_CLOEXEC, O_NONBLOCK};
use super::foreign_memory;
use super::signals::{read_set, send_with};
use crate::fs::handle::{self, Handle};
use crate::fs::procfs;
use crate::fs::signals::{self, Signals};
use crate::mm::user_memory::UserAddress;
use crate::task::files::Descriptor;
use crate::task::number;

/// The process that a file is, by its number.
///
/// # Errors
/// `EBADF` for a number that is no process.
pub fn process_of(call: &Call<'_>, number: u32) -> Result<u32> {
    let file = call.process.files().get(u64::from(number))?.file;
    let handle = file.stream_as::<Handle>().ok_or(FileSystemErrorKind::BadFileDescriptor)?;
    Ok(handle.process().pid())
}

/// In place of a file's number: a new one.
const NEW: u32 = u32::MAX;

pub fn pidfd_open(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(1, O_NONBLOCK)?;
    if call.word(0) as i32 <= 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let process = number::process(call.word(0)).ok_or(FileSystemErrorKind::NoProcess)?;
    let non_blocking = if flags != 0 { OpenFlags::NON_BLOCKING } else { OpenFlags::empty() };
    let file = handle::open(process, non_blocking)?;
    call.process.files().add(Descriptor { file, close_on_exec: true }, 0)
}

/// The process is a file of `pidfd_open`, or its directory in `/proc`.
pub fn pidfd_send_signal(call: &mut Call<'_>) -> Result<u64> {
    call.flags(3, 0)?;
    let file = call.file(0)?;
    let process = match (file.stream_as::<Handle>(), procfs::process_of(&file)) {
        (Some(handle), _) => handle.process().clone(),
        (None, Some(process)) => process?,
        (None, None) => return fail(FileSystemErrorKind::BadFileDescriptor),
    };
    let told = call.given(2).map(UserAddress::read_words).transpose()?;
    if process.ending().is_some() {
        return fail(FileSystemErrorKind::NoProcess);
    }
    send_with(call, &process, 1, told)
}

/// Another process's file, for who may look into its memory.
pub fn pidfd_getfd(call: &mut Call<'_>) -> Result<u64> {
    call.flags(2, 0)?;
    let file = call.file(0)?;
    let process = file.stream_as::<Handle>().ok_or(FileSystemErrorKind::BadFileDescriptor)?.process();
    foreign_memory::space_of(call, process)?;
    let Descriptor { file, .. } = process.files().get(call.word(1).into())?;
    call.process.files().add(Descriptor { file, close_on_exec: true }, 0)
}

pub fn signalfd(call: &mut Call<'_>) -> Result<u64> {
    open_signals(call, 0)
}

pub fn signalfd4(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(3, O_NONBLOCK | O_CLOEXEC)?;
    open_signals(call, flags)
}

fn open_signals(call: &Call<'_>, flags: u32) -> Result<u64> {
    let set = read_set(call.address(1), call.arguments[2])?;
    if call.word(0) != NEW {
        let file = call.file(0)?;
        file.stream_as::<Signals>().ok_or(FileSystemErrorKind::InvalidArgument)?.set(set);
        return Ok(u64::from(call.word(0)));
    }
    let non_blocking = if flags & O_NONBLOCK != 0 { OpenFlags::NON_BLOCKING } else { OpenFlags::empty() };
    let file = signals::open(set, non_blocking)?;
    call.process.files().add(Descriptor { file, close_on_exec: flags & O_CLOEXEC != 0 }, 0)
}
