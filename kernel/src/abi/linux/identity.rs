//! Which process it is, and where it stands.

use vfs::context::AccessMode;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::metadata::FileType;

use super::call::Call;
use crate::task::place::Place;

pub fn getpid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(call.process.pid()))
}

pub fn gettid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(call.user_side(&call.thread())?.tid()))
}

pub fn getppid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(call.process.parent_pid()))
}

/// Changes where the process stands.
pub fn change_place(call: &Call<'_>, change: impl FnOnce(&mut Place) -> Result<()>) -> Result<u64> {
    let mut place = Place::clone(&*call.process.place()?);
    change(&mut place)?;
    call.process.set_place(place)?;
    Ok(0)
}

pub fn umask(call: &mut Call<'_>) -> Result<u64> {
    let mask = call.word(0) & 0o777;
    let old = call.process.place()?.context.umask;
    change_place(call, |place| {
        place.context.umask = mask;
        Ok(())
    })?;
    Ok(u64::from(old))
}

pub fn chdir(call: &mut Call<'_>) -> Result<u64> {
    let path = call.path(0)?;
    change_place(call, |place| place.manager.change_directory(&mut place.context, &path))
}

pub fn fchdir(call: &mut Call<'_>) -> Result<u64> {
    let file = call.place_file(0)?;
    if file.node().kind() != FileType::Directory {
        return fail(FileSystemErrorKind::NotADirectory);
    }
    change_place(call, |place| {
        place.context.credentials.check(&**file.node(), AccessMode::EXECUTE)?;
        place.context.cwd = file.path().clone();
        Ok(())
    })
}

pub fn getcwd(call: &mut Call<'_>) -> Result<u64> {
    let size = call.arguments[1];
    let place = call.process.place()?;
    let mut name = place.manager.path_name(&place.context, &place.context.cwd)?;
    name.push(0);
    if name.len() as u64 > size {
        return fail(FileSystemErrorKind::OutOfRange);
    }
    call.address(0).write(&name)?;
    Ok(name.len() as u64)
}
