//! `source`: the commands of a file.

use super::{Command, Group};
use crate::call::{CHUNK, Call, Done};
use crate::quoting::Plain;
use alloc::vec;
use alloc::vec::Vec;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::{FileObject, OpenFlags};

/// The longest script, in bytes.
const SCRIPT_MAX: usize = 16 << 20;

pub static COMMAND: Command = Command {
    name: "source",
    usage: "source FILE",
    summary: "Runs the commands of a file, as if they were typed here.",
    group: Group::Shell,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("", &[], 1)?;
    let path = &options.operands[0];
    let opened = call.manager().open(&call.context(), path, OpenFlags::READ, 0);
    let text = opened.and_then(|file| read_all(&file));
    match text.and_then(|text| call.shell.source(&text, path)) {
        Ok(status) => {
            call.set_status(status);
            Ok(())
        }
        Err(error) => Err(call.fail(format_args!("{}: {error}", Plain(path)))),
    }
}

/// The whole content; `EFBIG` beyond [`SCRIPT_MAX`].
fn read_all(file: &FileObject) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = file.read(&mut &mut buffer[..])?;
        if count == 0 {
            return Ok(text);
        }
        if text.len() + count > SCRIPT_MAX {
            return Err(FileSystemErrorKind::FileTooLarge.into());
        }
        text.try_reserve(count).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        text.extend_from_slice(&buffer[..count]);
    }
}
