//! The numbers of open files.

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::advice;
use super::call::Call;
use super::cloning;
use super::file_flags;
use super::flags::{self, O_CLOEXEC, O_NONBLOCK};
use super::leases;
use super::locks;
use super::namespaces;
use super::owners;
use super::terminals::{self, TIOCOUTQ};
use crate::fs::pipe as pipes;
use crate::socket::SocketStream;
use crate::task::files::Descriptor;
use vfs::file::{FileObject, OpenFlags};
use vfs::seals::Seals;

const F_DUPFD: u32 = 0;
const F_GETFD: u32 = 1;
const F_SETFD: u32 = 2;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_DUPFD_QUERY: u32 = 1027;
const F_CREATED_QUERY: u32 = 1028;
const F_DUPFD_CLOEXEC: u32 = 1030;
const F_SETPIPE_SZ: u32 = 1031;
const F_GETPIPE_SZ: u32 = 1032;
const F_ADD_SEALS: u32 = 1033;
const F_GET_SEALS: u32 = 1034;

const FD_CLOEXEC: u64 = 1;

pub fn close(call: &mut Call<'_>) -> Result<u64> {
    // Its lock is let go of first: whoever closes the last may have to wake others.
    let closed = call.process.files().remove(u64::from(call.word(0)))?;
    drop(closed);
    Ok(0)
}

/// Others who have the same numbers keep what is closed.
const CLOSE_RANGE_UNSHARE: u32 = 2;
/// In place of closing them: that another program does not get them.
const CLOSE_RANGE_CLOEXEC: u32 = 4;

/// Gives the process numbers of its own. The threads of a process have the same in any case (`EINVAL`).
pub fn unshare(call: &Call<'_>) -> Result<()> {
    if call.process.threads() > 1 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let former = call.process.files().unshare()?;
    drop(former);
    Ok(())
}

pub fn close_range(call: &mut Call<'_>) -> Result<u64> {
    let (first, last) = (call.word(0), call.word(1));
    let flags = call.flags(2, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)?;
    if first > last {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if flags & CLOSE_RANGE_UNSHARE != 0 {
        unshare(call)?;
    }
    let mut from = first as usize;
    loop {
        let files = call.process.files();
        let Some(number) = files.next(from).filter(|&number| number <= last as usize) else { return Ok(0) };
        from = number + 1;
        if flags & CLOSE_RANGE_CLOEXEC != 0 {
            files.set_close_on_exec(number as u64, true)?;
        } else {
            let closed = files.remove(number as u64);
            drop(files);
            drop(closed);
        }
    }
}

pub fn dup(call: &mut Call<'_>) -> Result<u64> {
    duplicate(call, 0, false)
}

/// Gives the file of argument 0 one more number, `from` or above.
fn duplicate(call: &Call<'_>, from: usize, close_on_exec: bool) -> Result<u64> {
    let file = call.place_file(0)?;
    call.process.files().add(Descriptor { file, close_on_exec }, from)
}

pub fn dup2(call: &mut Call<'_>) -> Result<u64> {
    if call.word(0) == call.word(1) {
        call.place_file(0)?;
        return Ok(u64::from(call.word(1)));
    }
    duplicate_as(call, false)
}

pub fn dup3(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(2, O_CLOEXEC)?;
    if call.word(0) == call.word(1) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    duplicate_as(call, flags != 0)
}

/// Gives the file of argument 0 the number of argument 1, whoever has it.
fn duplicate_as(call: &Call<'_>, close_on_exec: bool) -> Result<u64> {
    let file = call.place_file(0)?;
    let number = call.word(1);
    let closed = call.process.files().set(number as usize, Descriptor { file, close_on_exec })?;
    drop(closed);
    Ok(u64::from(number))
}

pub fn pipe(call: &mut Call<'_>) -> Result<u64> {
    make_pipe(call, 0)
}

pub fn pipe2(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(1, O_CLOEXEC | O_NONBLOCK)?;
    make_pipe(call, flags)
}

fn make_pipe(call: &Call<'_>, flags: u32) -> Result<u64> {
    let close_on_exec = flags & O_CLOEXEC != 0;
    let non_blocking = if flags & O_NONBLOCK != 0 { OpenFlags::NON_BLOCKING } else { OpenFlags::empty() };
    call.add_pair(0, pipes::new(non_blocking)?, close_on_exec)
}

pub fn fcntl(call: &mut Call<'_>) -> Result<u64> {
    let argument = call.arguments[2];
    let least = || match usize::try_from(argument) {
        Ok(least) if least < call.process.files().limit() => Ok(least),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    };
    let number = u64::from(call.word(0));
    let command = call.word(1);
    // A place (`O_PATH`) can be duplicated and looked at, no more.
    let is_of_place =
        matches!(command, F_DUPFD | F_DUPFD_CLOEXEC | F_DUPFD_QUERY | F_CREATED_QUERY | F_GETFD | F_SETFD | F_GETFL);
    let file = if is_of_place { call.place_file(0)? } else { call.file(0)? };
    match command {
        F_DUPFD => duplicate(call, least()?, false),
        F_DUPFD_CLOEXEC => duplicate(call, least()?, true),
        // Whether the other number is the same open file's, and whether opening this one made the file.
        F_DUPFD_QUERY => Ok(u64::from(Arc::ptr_eq(&file, &call.place_file(2)?))),
        F_CREATED_QUERY => Ok(u64::from(file.flags().contains(OpenFlags::CREATE))),
        F_GETFD => Ok(if call.process.files().get(number)?.close_on_exec { FD_CLOEXEC } else { 0 }),
        F_SETFD => {
            call.process.files().set_close_on_exec(number, argument & FD_CLOEXEC != 0)?;
            Ok(0)
        }
        F_GETFL => Ok(u64::from(flags::shown_flags(file.flags()))),
        F_SETFL => {
            owners::set_flags(call, &file, flags::open_flags(argument as u32))?;
            Ok(0)
        }
        F_GET_SEALS => Ok(u64::from(file.node().seals()?.bits())),
        F_ADD_SEALS => {
            if !file.flags().contains(OpenFlags::WRITE) {
                return fail(FileSystemErrorKind::NotPermitted);
            }
            let seals = u32::try_from(argument).ok().and_then(Seals::from_bits);
            file.node().add_seals(seals.ok_or(FileSystemErrorKind::InvalidArgument)?)?;
            Ok(0)
        }
        F_GETPIPE_SZ | F_SETPIPE_SZ => pipe_size(call, &file, (command == F_SETPIPE_SZ).then_some(argument)),
        _ => {
            let done = locks::fcntl(call, &file).or_else(|| owners::fcntl(call, &file));
            let done = done.or_else(|| leases::fcntl(call, &file)).or_else(|| advice::fcntl(call, &file));
            done.unwrap_or(fail(FileSystemErrorKind::InvalidArgument))
        }
    }
}

/// What is the most that anybody may let a pipe hold (`/proc/sys/fs/pipe-max-size`); the privileged may more.
const PIPE_SIZE_MAX: u64 = 1 << 20;

/// What a pipe holds, or is to hold from now on.
fn pipe_size(call: &Call<'_>, file: &FileObject, wanted: Option<u64>) -> Result<u64> {
    let end = file.stream_as::<pipes::End>().ok_or(FileSystemErrorKind::BadFileDescriptor)?;
    let Some(wanted) = wanted else { return Ok(end.size() as u64) };
    if wanted > 1 << 31 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if wanted > PIPE_SIZE_MAX {
        call.credentials()?.require(Capabilities::SYS_RESOURCE)?;
    }
    Ok(end.set_size(wanted as usize)? as u64)
}

const FIONREAD: u32 = 0x541b;
const FIONBIO: u32 = 0x5421;
const FIOASYNC: u32 = 0x5452;
const FIONCLEX: u32 = 0x5450;
const FIOCLEX: u32 = 0x5451;

/// What every file knows: to give way to another program, not to be waited for, to tell its owner, how much can be
/// read. The rest is for
/// terminals and sockets, for files that are marked or cloned, and for namespaces.
pub fn ioctl(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    match call.word(1) {
        request @ (FIOCLEX | FIONCLEX) => {
            call.process.files().set_close_on_exec(u64::from(call.word(0)), request == FIOCLEX)?;
        }
        FIONBIO => {
            let on = call.address(2).read_u32()?;
            let mut flags = file.flags();
            flags.set(OpenFlags::NON_BLOCKING, on != 0);
            file.set_flags(&call.credentials()?, flags)?;
        }
        FIOASYNC => owners::set_told(call, &file, call.address(2).read_u32()? != 0)?,
        _ if file.is_terminal() => return terminals::ioctl(call, &file),
        TIOCOUTQ => {
            let stream: &SocketStream = file.stream_as().ok_or(FileSystemErrorKind::NotATerminal)?;
            call.address(2).write_u32(stream.socket().unread()? as u32)?;
        }
        FIONREAD => call.address(2).write_u32(file.readable()? as u32)?,
        _ => {
            let done = file_flags::ioctl(call, &file).or_else(|| cloning::ioctl(call, &file));
            let done = done.or_else(|| namespaces::ioctl(call, &file));
            return done.unwrap_or(fail(FileSystemErrorKind::NotATerminal));
        }
    }
    Ok(0)
}
