//! `mknod`: devices and pipes.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::mode;
use crate::options::number;
use crate::quoting::{Plain, Quoted};
use alloc::vec::Vec;
use vfs::manager::Follow;
use vfs::metadata::DeviceNumber;
use vfs::node::NewKind;

pub static COMMAND: Command = Command {
    name: "mknod",
    usage: "mknod [-m MODE] PATH {b|c|u} MAJOR MINOR
  mknod [-m MODE] PATH p
  b  block device   c, u  character device   p  named pipe
  -m the mode, octal or symbolic, instead of 666 less the umask",
    summary: "Makes device nodes and named pipes.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("m:", &[("mode", 'm')], 2)?;
    let (manager, context) = (call.manager(), call.context());
    let mode = options.value('m').map(|text| mode::parse(text, 0o666, false, context.umask).ok_or(text));
    let mode = match mode {
        Some(Err(text)) => return Err(call.fail(format_args!("invalid mode {}", Quoted(text)))),
        Some(Ok(mode)) => Some(mode),
        None => None,
    };
    let device = |major: &[u8], minor: &[u8]| {
        let part = |text: &[u8], bits: u32| number(text).filter(|value| *value < 1 << bits).map(|value| value as u32);
        Some(DeviceNumber::new(part(major, 12)?, part(minor, 20)?))
    };
    let operands: Vec<&[u8]> = options.operands.iter().map(|operand| &operand[..]).collect();
    let (path, kind) = match operands[..] {
        [path, b"p"] => (path, Some(NewKind::Fifo)),
        [path, b"b", major, minor] => (path, device(major, minor).map(NewKind::BlockDevice)),
        [path, b"c" | b"u", major, minor] => (path, device(major, minor).map(NewKind::CharDevice)),
        [_, kind, ..] if !matches!(kind, b"b" | b"c" | b"u" | b"p") => {
            return Err(call.misuse(format_args!("invalid device type {}", Quoted(kind))));
        }
        _ => return Err(call.misuse(format_args!("missing or extra operand"))),
    };
    let Some(kind) = kind else {
        return Err(call.fail(format_args!("invalid device number")));
    };
    let result = manager.make_node(&context, path, kind, 0o666).and_then(|()| match mode {
        Some(mode) => manager.set_mode(&context, path, mode, Follow::No),
        None => Ok(()),
    });
    result.map_err(|error| call.fail(format_args!("{}: {error}", Plain(path))))
}
