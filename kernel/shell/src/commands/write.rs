//! `write`: bytes in the middle of a file.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::options::size;
use crate::quoting::{Plain, Quoted};
use vfs::file::OpenFlags;

pub static COMMAND: Command = Command {
    name: "write",
    usage: "write PATH OFFSET TEXT\n  the file is neither cut nor made; beyond its end it grows with a hole",
    summary: "Writes a text at an offset of a file.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("", &[], 3)?;
    let [path, offset, text] = &options.operands[..] else {
        return Err(call.misuse(format_args!("too many arguments")));
    };
    let Some(mut offset) = size(offset) else {
        return Err(call.fail(format_args!("bad offset {}", Quoted(offset))));
    };
    let context = call.context();
    let result = call.manager().open(&context, path, OpenFlags::WRITE, 0).and_then(|file| {
        let mut rest = &text[..];
        while !rest.is_empty() {
            offset += file.write_at(&context.credentials, offset, &mut rest)? as u64;
        }
        Ok(())
    });
    result.map_err(|error| call.fail(format_args!("{}: {error}", Plain(path))))
}
