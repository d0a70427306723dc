//! Groups of processes and sessions, and what children ask of their parent's end.

use alloc::sync::Arc;

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::task::number;
use crate::task::process::Process;
use crate::task::signal::Signal;

/// The process that argument `index` means: 0 is the caller.
fn target(call: &Call<'_>, index: usize) -> Result<Arc<Process>> {
    match call.word(index) {
        0 => Ok(call.process.clone()),
        pid => number::process(pid).ok_or(FileSystemErrorKind::NoProcess.into()),
    }
}

pub fn setpgid(call: &mut Call<'_>) -> Result<u64> {
    if (call.word(1) as i32) < 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let target = target(call, 0)?;
    let group = if call.word(1) == 0 { target.pid() } else { call.word(1) };
    call.process.set_group(&target, group)?;
    Ok(0)
}

pub fn getpgid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(target(call, 0)?.group()))
}

pub fn getpgrp(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(call.process.group()))
}

pub fn setsid(call: &mut Call<'_>) -> Result<u64> {
    call.process.begin_session()?;
    Ok(u64::from(call.process.pid()))
}

pub fn getsid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(target(call, 0)?.session()))
}

const PR_SET_PDEATHSIG: u32 = 1;
const PR_GET_PDEATHSIG: u32 = 2;
const PR_SET_CHILD_SUBREAPER: u32 = 36;
const PR_GET_CHILD_SUBREAPER: u32 = 37;

/// What `prctl` knows of parents and children.
///
/// # Errors
/// `EINVAL` for all else.
pub fn prctl(call: &Call<'_>) -> Result<u64> {
    let family = &call.process.family;
    let write = |word: u32| call.address(1).write_u32(word).map(|()| 0);
    match call.word(0) {
        PR_SET_PDEATHSIG => {
            let signal = u8::try_from(call.arguments[1]).ok();
            let signal = signal.filter(|&number| number == 0 || Signal::from_number(number).is_some());
            family.set_death_signal(signal.ok_or(FileSystemErrorKind::InvalidArgument)?);
            Ok(0)
        }
        PR_GET_PDEATHSIG => write(family.death_signal().into()),
        PR_SET_CHILD_SUBREAPER => {
            family.set_takes_orphans(call.arguments[1] != 0);
            Ok(0)
        }
        PR_GET_CHILD_SUBREAPER => write(family.takes_orphans().into()),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}
