//! What a process wants done about signals.
//!
//! None is delivered to a handler yet, so none can be asked for (`ENOSYS`): a signal has its default effect or none.

use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::mm::user_memory;
use crate::task::signal::Signal;

/// Bytes of a set of signals.
const SET_SIZE: u64 = 8;

const SIG_BLOCK: u32 = 0;
const SIG_UNBLOCK: u32 = 1;
const SIG_SETMASK: u32 = 2;

fn check_set_size(size: u64) -> Result<()> {
    if size == SET_SIZE { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
}

pub fn rt_sigaction(call: &mut Call<'_>) -> Result<u64> {
    let [number, new, old, size, ..] = call.arguments;
    check_set_size(size)?;
    let signal = u8::try_from(number as u32).ok().and_then(Signal::from_number);
    let signal = signal.ok_or(FileSystemErrorKind::InvalidArgument)?;
    let wanted = if new == 0 { None } else { Some(user_memory::read_words(new)?) };
    let former = call.process.dispositions().action(signal);
    if let Some(wanted) = wanted {
        if !signal.can_be_handled() {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        call.process.dispositions().set_action(signal, wanted)?;
    }
    if old != 0 {
        user_memory::write_words(old, former)?;
    }
    Ok(0)
}

pub fn rt_sigprocmask(call: &mut Call<'_>) -> Result<u64> {
    let [_, new, old, size, ..] = call.arguments;
    check_set_size(size)?;
    let given = if new == 0 { None } else { Some(user_memory::read_words::<1>(new)?[0]) };
    let former = call.process.dispositions().mask();
    if let Some(given) = given {
        let mask = match call.word(0) {
            SIG_BLOCK => former | given,
            SIG_UNBLOCK => former & !given,
            SIG_SETMASK => given,
            _ => return fail(FileSystemErrorKind::InvalidArgument),
        };
        call.process.dispositions().set_mask(mask);
    }
    if old != 0 {
        user_memory::write_words(old, [former])?;
    }
    Ok(0)
}
