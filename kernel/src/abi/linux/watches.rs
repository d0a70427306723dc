//! Watching files (`inotify(7)`).

use alloc::sync::Arc;

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::{FileObject, OpenFlags};
use vfs::inotify::Inotify;

use super::call::Call;
use super::flags::{O_CLOEXEC, O_NONBLOCK};
use crate::fs::watching::{self, Watching};
use crate::task::files::Descriptor;

fn create(call: &Call<'_>, flags: u32) -> Result<u64> {
    let waits = if flags & O_NONBLOCK == 0 { OpenFlags::empty() } else { OpenFlags::NON_BLOCKING };
    let file = watching::open(waits)?;
    call.process.files().add(Descriptor { file, close_on_exec: flags & O_CLOEXEC != 0 }, 0)
}

pub fn inotify_init(call: &mut Call<'_>) -> Result<u64> {
    create(call, 0)
}

pub fn inotify_init1(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(0, O_CLOEXEC | O_NONBLOCK)?;
    create(call, flags)
}

fn instance(file: &FileObject) -> Result<&Arc<Inotify>> {
    match file.stream_as::<Watching>() {
        Some(watching) => Ok(watching.inotify()),
        None => fail(FileSystemErrorKind::InvalidArgument),
    }
}

pub fn inotify_add_watch(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    let inotify = instance(&file)?;
    let mask = call.word(2);
    let watch = call.with_path(1, |manager, context, path| manager.add_watch(context, inotify, path, mask))?;
    Ok(watch as u64)
}

pub fn inotify_rm_watch(call: &mut Call<'_>) -> Result<u64> {
    let file = call.file(0)?;
    instance(&file)?.remove_watch(call.word(1) as i32)?;
    Ok(0)
}
