//! `mount`: file systems, and parts of the tree, where they are wanted.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::Plain;
use alloc::string::String;
use alloc::vec::Vec;
use vfs::error::FileSystemErrorKind;
use vfs::manager::Follow;
use vfs::manager::mounts::{MountArguments, MountError};
use vfs::mount::{FlagChange, MountFlags};

/// The exit status when a mount fails (mount(8)).
pub const STATUS_FAILED: u8 = 32;

pub static COMMAND: Command = Command {
    name: "mount",
    usage: "mount
  mount -t TYPE [-r] [-o OPTIONS] SOURCE DIRECTORY
  mount --bind|--rbind [-r] PATH TARGET
  mount -o remount[,OPTIONS] DIRECTORY
  mount -o remount,push=LAYER|pop OVERLAY
  -o  comma-separated: ro rw nosuid nodev noexec noatime bind rbind remount,
      and what the type takes (overlay: lowerdir= upperdir= workdir=, …)
      remount keeps the flags that are not named (overlay: push= freezes the
      upper layer and goes on on an empty directory, pop takes that off again)
  -r  read-only
  without arguments: lists the mounts",
    summary: "Mounts a file system, or shows a directory in a second place.",
    group: Group::Mounts,
    run,
};

/// What is asked for.
#[derive(Default)]
struct Request {
    flags: MountFlags,
    /// The flags that are named, set or not.
    named: MountFlags,
    /// `bind`; `true` for `rbind`.
    bind: Option<bool>,
    remount: bool,
    /// What is for the type.
    options: Vec<u8>,
}

fn run(call: &mut Call<'_, '_>) -> Done {
    call.set_usage_status(1);
    let long = [("types", 't'), ("options", 'o'), ("bind", 'B'), ("rbind", 'R'), ("read-only", 'r')];
    let options = call.options("t:o:BRrw", &long)?;
    let mut request = Request::default();
    for list in options.values('o') {
        request.read(list);
    }
    if options.has('r') {
        request.set(MountFlags::READ_ONLY);
    }
    if options.has('B') {
        request.bind = Some(false);
    }
    if options.has('R') {
        request.bind = Some(true);
    }
    let type_name = options.value('t');
    let operands: Vec<&[u8]> = options.operands.iter().map(|operand| &operand[..]).collect();
    let (target, result) = match (&operands[..], type_name) {
        ([], None) => {
            list(call);
            return Ok(());
        }
        ([.., target], _) if request.remount => {
            (target.to_vec(), remount(call, target, &request))
        }
        ([source, target], _) if request.bind.is_some() => (target.to_vec(), bind(call, source, target, &request)),
        ([.., target], Some(type_name)) if operands.len() <= 2 => {
            // A type that needs no device may go without a source: it is then called as its type.
            let source = if operands.len() == 2 { operands[0] } else { type_name };
            let Ok(type_name) = core::str::from_utf8(type_name) else {
                return Err(fail(call, target, "unknown filesystem type"));
            };
            let (flags, options) = (request.flags, &request.options[..]);
            let what = MountArguments { source, target, type_name, flags, options };
            (target.to_vec(), call.manager().mount(&call.context(), &what))
        }
        ([_, target], None) => return Err(fail(call, target, "no filesystem type specified")),
        _ => return Err(call.misuse(format_args!("bad usage"))),
    };
    match result {
        Ok(()) => Ok(()),
        Err(MountError { message: Some(message), .. }) => Err(fail(call, &target, &message)),
        Err(MountError { error, .. }) => Err(fail(
            call,
            &target,
            match error.kind() {
                FileSystemErrorKind::NotFound => "mount point does not exist",
                other => other.message(),
            },
        )),
    }
}

fn fail(call: &mut Call<'_, '_>, target: &[u8], why: &str) -> crate::call::Failed {
    call.complain(format_args!("{}: {why}.", Plain(target)));
    call.set_status(STATUS_FAILED);
    crate::call::Failed
}

fn bind(call: &Call<'_, '_>, source: &[u8], target: &[u8], request: &Request) -> Result<(), MountError> {
    let (manager, context) = (call.manager(), call.context());
    let place = manager.resolve(&context, source, Follow::Yes).map_err(|error| MountError {
        error,
        message: Some(alloc::format!("{}: {error}", Plain(source))),
    })?;
    manager.bind(&context, &place, target, request.bind == Some(true))?;
    // A bind takes the flags of what it shows; others are set in a second step, as mount(8) does.
    if request.flags.is_empty() {
        return Ok(());
    }
    Ok(manager.change_mount(&context, target, FlagChange { set: request.flags, clear: request.named })?)
}

/// Changes what is named and leaves the rest as it is.
fn remount(call: &Call<'_, '_>, target: &[u8], request: &Request) -> Result<(), MountError> {
    let (manager, context) = (call.manager(), call.context());
    let change = FlagChange { set: request.flags, clear: request.named };
    if request.bind.is_some() {
        return Ok(manager.change_mount(&context, target, change)?);
    }
    manager.remount(&context, target, change, &request.options)
}

impl Request {
    fn set(&mut self, flag: MountFlags) {
        self.named |= flag;
        self.flags |= flag;
    }

    fn clear(&mut self, flag: MountFlags) {
        self.named |= flag;
        self.flags -= flag;
    }

    /// Takes an `-o` list apart: what concerns the mount, and what its type must know.
    fn read(&mut self, list: &[u8]) {
        for option in list.split(|&byte| byte == b',') {
            match option {
                b"" | b"defaults" => {}
                b"ro" => self.set(MountFlags::READ_ONLY),
                b"rw" => self.clear(MountFlags::READ_ONLY),
                b"nosuid" => self.set(MountFlags::NO_SUID),
                b"suid" => self.clear(MountFlags::NO_SUID),
                b"nodev" => self.set(MountFlags::NO_DEVICES),
                b"dev" => self.clear(MountFlags::NO_DEVICES),
                b"noexec" => self.set(MountFlags::NO_EXECUTE),
                b"exec" => self.clear(MountFlags::NO_EXECUTE),
                b"noatime" => self.set(MountFlags::NO_ACCESS_TIME),
                b"atime" | b"relatime" => self.clear(MountFlags::NO_ACCESS_TIME),
                b"bind" => self.bind = Some(false),
                b"rbind" => self.bind = Some(true),
                b"remount" => self.remount = true,
                other => {
                    if !self.options.is_empty() {
                        self.options.push(b',');
                    }
                    self.options.extend_from_slice(other);
                }
            }
        }
    }
}

/// One line for each mount, as mount(8) prints them.
fn list(call: &mut Call<'_, '_>) {
    for mount in call.manager().mounts(&call.context()) {
        let names = [&mount.source, &mount.target].map(|name| alloc::string::ToString::to_string(&Plain(name)));
        let [source, target]: [String; 2] = names;
        call.format(format_args!("{source} on {target} type {} ({})\n", mount.type_name, mount.all_options()));
    }
}

#[cfg(test)]
mod tests {
    use super::Request;
    use vfs::mount::MountFlags;

    #[test]
    fn options_are_split_between_the_mount_and_its_type() {
        let mut request = Request::default();
        request.read(b"ro,lowerdir=a:b,noatime,,upperdir=c");
        request.read(b"rw,size=1M,bind");
        assert_eq!(request.flags, MountFlags::NO_ACCESS_TIME);
        assert_eq!(request.named, MountFlags::NO_ACCESS_TIME | MountFlags::READ_ONLY);
        assert_eq!(request.options, b"lowerdir=a:b,upperdir=c,size=1M");
        assert_eq!(request.bind, Some(false));
    }
}
