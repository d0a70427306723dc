//! What is known of a file.

use vfs::error::Result;
use vfs::manager::Follow;
use vfs::metadata::Metadata;

use super::call::Call;
use super::flags::{AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, follow_unless};
use super::structures;

/// Writes `struct stat` to the address of an argument.
fn show(call: &Call<'_>, index: usize, metadata: &Metadata) -> Result<u64> {
    call.write_words(index, structures::stat(metadata))
}

pub fn stat(call: &mut Call<'_>) -> Result<u64> {
    let metadata = call.with_path(0, |manager, context, path| manager.metadata(context, path, Follow::Yes))?;
    show(call, 1, &metadata)
}

pub fn lstat(call: &mut Call<'_>) -> Result<u64> {
    let metadata = call.with_path(0, |manager, context, path| manager.metadata(context, path, Follow::No))?;
    show(call, 1, &metadata)
}

pub fn fstat(call: &mut Call<'_>) -> Result<u64> {
    show(call, 1, &call.place_file(0)?.metadata()?)
}

pub fn newfstatat(call: &mut Call<'_>) -> Result<u64> {
    let flags = call.flags(3, AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW)?;
    let metadata = match call.named_by_number(0, 1, flags)? {
        Some(place) => place.node()?.metadata()?,
        None => call.with_path_at(0, 1, |manager, context, path| {
            manager.metadata(context, path, follow_unless(flags, AT_SYMLINK_NOFOLLOW))
        })?,
    };
    show(call, 2, &metadata)
}
