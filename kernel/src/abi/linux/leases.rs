//! Leases on files (`fcntl(2)`).

use alloc::sync::Arc;

use vfs::error::Result;
use vfs::file::FileObject;

use super::call::Call;
use super::locks;
use crate::fs::leases;

const F_SETLEASE: u32 = 1024;
const F_GETLEASE: u32 = 1025;

/// The command of argument 1 on the lease of `file`, if it is one.
pub fn fcntl(call: &Call<'_>, file: &Arc<FileObject>) -> Option<Result<u64>> {
    match call.word(1) {
        F_GETLEASE => Some(Ok(locks::number_of(file.lease()))),
        F_SETLEASE => Some(set(call, file)),
        _ => None,
    }
}

fn set(call: &Call<'_>, file: &Arc<FileObject>) -> Result<u64> {
    let kind = locks::kind_of(call.word(2).into())?;
    leases::set(call.process, &call.credentials()?, call.word(0), file, kind).map(|()| 0)
}
