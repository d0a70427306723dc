//! Opening files by their names.

use vfs::context::Context;
use vfs::error::Result;
use vfs::file::OpenFlags;
use vfs::manager::VfsManager;

use super::call::Call;
use super::flags::{O_CLOEXEC, open_flags};
use crate::task::files::Descriptor;

/// What `creat` opens with.
const CREATED: u32 = 0o1101;

pub fn open(call: &mut Call<'_>) -> Result<u64> {
    let (flags, mode) = (call.word(1), call.word(2));
    call.with_path(0, |manager, context, path| open_file(call, manager, context, path, flags, mode))
}

pub fn creat(call: &mut Call<'_>) -> Result<u64> {
    let mode = call.word(1);
    call.with_path(0, |manager, context, path| open_file(call, manager, context, path, CREATED, mode))
}

pub fn openat(call: &mut Call<'_>) -> Result<u64> {
    let (flags, mode) = (call.word(2), call.word(3));
    call.with_path_at(0, 1, |manager, context, path| open_file(call, manager, context, path, flags, mode))
}

fn open_file(
    call: &Call<'_>,
    manager: &VfsManager,
    context: &Context,
    path: &[u8],
    flags: u32,
    mode: u32,
) -> Result<u64> {
    let asked = open_flags(flags);
    // Only what may be made has a mode; whatever else is in the register means nothing.
    let made = asked.intersects(OpenFlags::CREATE | OpenFlags::TEMPORARY);
    let file = manager.open(context, path, asked, if made { mode & 0o7777 } else { 0 })?;
    call.process.files().add(Descriptor { file, close_on_exec: flags & O_CLOEXEC != 0 }, 0)
}
