//! What a process sets of itself (`prctl(2)`). What is not known is refused (`EINVAL`).

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::identity::change_place;
use super::jobs;
use crate::mm::user_memory::UserAddress;
use crate::task::identity::{Exceptions, Identity};
use crate::task::thread::ThreadName;

const PR_GET_KEEPCAPS: u32 = 7;
const PR_SET_KEEPCAPS: u32 = 8;
const PR_GET_TIMING: u32 = 13;
const PR_SET_TIMING: u32 = 14;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_CAPBSET_READ: u32 = 23;
const PR_CAPBSET_DROP: u32 = 24;
const PR_GET_TSC: u32 = 25;
const PR_SET_TSC: u32 = 26;
const PR_GET_SECUREBITS: u32 = 27;
const PR_SET_SECUREBITS: u32 = 28;
const PR_SET_TIMERSLACK: u32 = 29;
const PR_GET_TIMERSLACK: u32 = 30;
const PR_SET_NO_NEW_PRIVS: u32 = 38;
const PR_GET_NO_NEW_PRIVS: u32 = 39;
const PR_GET_TID_ADDRESS: u32 = 40;
const PR_CAP_AMBIENT: u32 = 47;

const PR_TSC_ENABLE: u32 = 1;
const PR_CAP_AMBIENT_IS_SET: u64 = 1;
const PR_CAP_AMBIENT_RAISE: u64 = 2;
const PR_CAP_AMBIENT_LOWER: u64 = 3;
const PR_CAP_AMBIENT_CLEAR_ALL: u64 = 4;

/// Who the process is, as it is now.
fn identity(call: &Call<'_>) -> Result<Identity> {
    Ok(call.process.place()?.identity)
}

fn change(call: &Call<'_>, change: impl FnOnce(&mut Identity) -> Result<()>) -> Result<u64> {
    change_place(call, |place| change(&mut place.identity))
}

/// Fails where one of the arguments from `first` on, which mean nothing, is not 0.
fn check_unused(call: &Call<'_>, first: usize) -> Result<()> {
    match call.arguments[first..5].iter().all(|&argument| argument == 0) {
        true => Ok(()),
        false => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// The argument of that index, which is 0 or 1.
fn switch(call: &Call<'_>, index: usize) -> Result<bool> {
    match call.arguments[index] {
        0 => Ok(false),
        1 => Ok(true),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// The capability whose number an argument is.
fn capability(call: &Call<'_>, index: usize) -> Result<Capabilities> {
    let bit = u32::try_from(call.arguments[index]).ok().and_then(|number| 1u64.checked_shl(number));
    bit.and_then(Capabilities::from_bits).ok_or(FileSystemErrorKind::InvalidArgument.into())
}

pub fn prctl(call: &mut Call<'_>) -> Result<u64> {
    match call.word(0) {
        PR_SET_NAME | PR_GET_NAME => name(call),
        PR_GET_KEEPCAPS => Ok(identity(call)?.exceptions.contains(Exceptions::KEEP).into()),
        PR_SET_KEEPCAPS => {
            let on = switch(call, 1)?;
            change(call, |identity| {
                if identity.exceptions.are_locked(Exceptions::KEEP) {
                    return fail(FileSystemErrorKind::NotPermitted);
                }
                identity.exceptions.set(Exceptions::KEEP, on);
                Ok(())
            })
        }
        PR_GET_SECUREBITS => Ok(identity(call)?.exceptions.bits().into()),
        PR_SET_SECUREBITS => {
            let (credentials, bits) = (call.credentials()?, u32::try_from(call.arguments[1]).unwrap_or(u32::MAX));
            change(call, |identity| identity.set_exceptions(&credentials, bits))
        }
        PR_CAPBSET_READ => Ok(identity(call)?.bounding.contains(capability(call, 1)?).into()),
        PR_CAPBSET_DROP => {
            call.credentials()?.require(Capabilities::SETPCAP)?;
            let dropped = capability(call, 1)?;
            change(call, |identity| {
                identity.bounding -= dropped;
                Ok(())
            })
        }
        PR_CAP_AMBIENT => ambient(call),
        PR_SET_NO_NEW_PRIVS => {
            check_unused(call, 2)?;
            if !switch(call, 1)? {
                return fail(FileSystemErrorKind::InvalidArgument);
            }
            change(call, |identity| {
                identity.gains_nothing = true;
                Ok(())
            })
        }
        PR_GET_NO_NEW_PRIVS => {
            check_unused(call, 1)?;
            Ok(identity(call)?.gains_nothing.into())
        }
        // Every process may read the counter, and its time is what it has used.
        PR_GET_TSC => call.address(1).write_u32(PR_TSC_ENABLE).map(|()| 0),
        PR_SET_TSC if call.word(1) == PR_TSC_ENABLE => Ok(0),
        PR_GET_TIMING => Ok(0),
        PR_SET_TIMING if call.arguments[1] == 0 => Ok(0),
        PR_SET_TIMERSLACK => {
            call.user_side(&call.thread())?.set_slack(call.arguments[1]);
            Ok(0)
        }
        PR_GET_TIMERSLACK => Ok(call.user_side(&call.thread())?.slack()),
        PR_GET_TID_ADDRESS => {
            let address = call.user_side(&call.thread())?.cleared_at_end().map_or(0, UserAddress::value);
            call.write_words(1, [address])
        }
        _ => jobs::prctl(call),
    }
}

fn ambient(call: &Call<'_>) -> Result<u64> {
    let what = call.arguments[1];
    if what == PR_CAP_AMBIENT_CLEAR_ALL {
        check_unused(call, 2)?;
        return change(call, |identity| {
            identity.ambient = Capabilities::empty();
            Ok(())
        });
    }
    check_unused(call, 3)?;
    let capability = capability(call, 2)?;
    match what {
        PR_CAP_AMBIENT_IS_SET => Ok(identity(call)?.ambient.contains(capability).into()),
        PR_CAP_AMBIENT_RAISE => change(call, |identity| identity.raise_ambient(capability)),
        PR_CAP_AMBIENT_LOWER => change(call, |identity| {
            identity.ambient -= capability;
            Ok(())
        }),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// What a thread is called.
fn name(call: &Call<'_>) -> Result<u64> {
    let address = call.address(1);
    match call.word(0) {
        PR_SET_NAME => {
            let mut name = ThreadName::default();
            let mut length = 0;
            while length < name.len() - 1 {
                address.plus(length as u64).read(&mut name[length..length + 1])?;
                if name[length] == 0 {
                    break;
                }
                length += 1;
            }
            let thread = call.thread();
            let user = call.user_side(&thread)?;
            if user.is_leader() {
                call.process.set_name(&name[..length])?;
            } else {
                user.set_name(Some(name));
            }
            Ok(0)
        }
        _ => {
            let name = call.user_side(&call.thread())?.name().unwrap_or_else(|| {
                let mut name = ThreadName::default();
                let shown = call.process.name();
                let length = shown.len().min(name.len() - 1);
                name[..length].copy_from_slice(&shown[..length]);
                name
            });
            address.write(&name)?;
            Ok(0)
        }
    }
}
