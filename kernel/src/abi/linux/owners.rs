//! Who is sent a signal when an open file can be read or written, or something happens in a directory (`fcntl(2)`,
//! `F_SETOWN`, `F_NOTIFY` and what goes with them).

use alloc::sync::Arc;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::inotify::notice::NoticeMask;

use super::call::Call;
use super::signals;
use crate::fs::notices;
use crate::fs::owners::{self, Kind, Owner};

const F_SETOWN: u32 = 8;
const F_GETOWN: u32 = 9;
const F_SETSIG: u32 = 10;
const F_GETSIG: u32 = 11;
const F_SETOWN_EX: u32 = 15;
const F_GETOWN_EX: u32 = 16;
const F_NOTIFY: u32 = 1026;

/// By their numbers in a `struct f_owner_ex`.
const KINDS: [Kind; 3] = [Kind::Thread, Kind::Process, Kind::Group];

/// The command of argument 1 on the owner of `file`, if it is one.
pub fn fcntl(call: &Call<'_>, file: &Arc<FileObject>) -> Option<Result<u64>> {
    let (kind, number) = Owner::of(file).map_or((Kind::default(), 0), |owner| owner.get());
    match call.word(1) {
        F_GETOWN if kind == Kind::Group => Some(Ok(u64::from(number).wrapping_neg())),
        F_GETOWN => Some(Ok(u64::from(number))),
        F_SETOWN => Some(set_by_sign(call, file)),
        F_GETOWN_EX => Some(call.write_words(2, [kind as u64 | u64::from(number) << 32])),
        F_SETOWN_EX => Some(set_by_kind(call, file)),
        F_GETSIG => {
            let signal = Owner::of(file).and_then(|owner| owner.signal());
            Some(Ok(signal.map_or(0, |signal| u64::from(signal.number()))))
        }
        F_SETSIG => Some(set_signal(call, file)),
        F_NOTIFY => {
            let mask = NoticeMask::from_bits_retain(call.word(2));
            Some(notices::set(call.process, call.word(0), file, mask).map(|()| 0))
        }
        _ => None,
    }
}

/// A process by its number, or a group by its number below 0.
fn set_by_sign(call: &Call<'_>, file: &Arc<FileObject>) -> Result<u64> {
    match call.word(2) as i32 {
        i32::MIN => fail(FileSystemErrorKind::InvalidArgument),
        group @ ..0 => set(call, file, Kind::Group, group.unsigned_abs()),
        process => set(call, file, Kind::Process, process as u32),
    }
}

fn set_by_kind(call: &Call<'_>, file: &Arc<FileObject>) -> Result<u64> {
    let [owner] = call.address(2).read_words()?;
    let kind = KINDS.get(owner as u32 as usize).ok_or(FileSystemErrorKind::InvalidArgument)?;
    set(call, file, *kind, (owner >> 32) as u32)
}

fn set(call: &Call<'_>, file: &Arc<FileObject>, kind: Kind, number: u32) -> Result<u64> {
    let users = call.process.place()?.identity.users;
    Owner::make(file)?.set(kind, number, users)?;
    Ok(0)
}

fn set_signal(call: &Call<'_>, file: &Arc<FileObject>) -> Result<u64> {
    let signal = match call.arguments[2] {
        0 => None,
        number => Some(signals::signal(u32::try_from(number).map_err(|_| FileSystemErrorKind::InvalidArgument)?)?),
    };
    Owner::make(file)?.set_signal(signal);
    Ok(0)
}

/// Changes the flags of `file`, which argument 0 is the number of (`F_SETFL`). Whether its owner is told (`O_ASYNC`)
/// changes where there is something to tell.
pub fn set_flags(call: &Call<'_>, file: &Arc<FileObject>, flags: OpenFlags) -> Result<()> {
    let credentials = call.credentials()?;
    let present = file.flags() & OpenFlags::ASYNC;
    if !(flags ^ present).contains(OpenFlags::ASYNC) || !owners::can_tell(file) {
        return file.set_flags(&credentials, (flags - OpenFlags::ASYNC) | present);
    }
    let owner = Owner::make(file)?;
    file.set_flags(&credentials, flags)?;
    owner.tell(call.process, flags.contains(OpenFlags::ASYNC).then(|| call.word(0)));
    Ok(())
}

/// The same of that one flag (`FIOASYNC`).
///
/// # Errors
/// `ENOTTY` where there is nothing to tell.
pub fn set_told(call: &Call<'_>, file: &Arc<FileObject>, on: bool) -> Result<()> {
    let mut flags = file.flags();
    if flags.contains(OpenFlags::ASYNC) != on && !owners::can_tell(file) {
        return fail(FileSystemErrorKind::NotATerminal);
    }
    flags.set(OpenFlags::ASYNC, on);
    set_flags(call, file, flags)
}
