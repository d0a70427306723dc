//! `umount`: mounts away.

use super::mount::STATUS_FAILED;
use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::Plain;
use vfs::error::FileSystemErrorKind;
use vfs::manager::mounts::UnmountFlags;

pub static COMMAND: Command = Command {
    name: "umount",
    usage: "umount [-l] TARGET...\n  -l  out of the tree now, gone when its last user is",
    summary: "Unmounts file systems.",
    group: Group::Mounts,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("l", &[("lazy", 'l')], 1)?;
    let flags = if options.has('l') { UnmountFlags::LAZY } else { UnmountFlags::empty() };
    for path in &options.operands {
        if let Err(error) = call.manager().unmount(&call.context(), path, flags) {
            let reason = match error.kind() {
                FileSystemErrorKind::InvalidArgument => "not mounted",
                FileSystemErrorKind::Busy => "target is busy",
                FileSystemErrorKind::NotFound => "no mount point specified",
                other => other.message(),
            };
            call.complain(format_args!("{}: {reason}.", Plain(path)));
            call.set_status(STATUS_FAILED);
        }
    }
    Ok(())
}
