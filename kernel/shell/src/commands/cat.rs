//! `cat`: content to the output, a piece at a time.

use super::{Command, Group};
use crate::call::{CHUNK, Call, Done};
use crate::quoting::Plain;
use alloc::vec;
use vfs::file::OpenFlags;

pub static COMMAND: Command = Command {
    name: "cat",
    usage: "cat [FILE...]\n  -  (or no FILE) the input",
    summary: "Prints the content of files.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("", &[])?;
    let mut buffer = vec![0; CHUNK];
    if options.operands.is_empty() {
        copy_input(call, &mut buffer);
    }
    for path in &options.operands {
        if path == b"-" {
            copy_input(call, &mut buffer);
            continue;
        }
        let opened = call.manager().open(&call.context(), path, OpenFlags::READ, 0);
        let mut result = opened.map(|file| {
            loop {
                match file.read(&mut &mut buffer[..]) {
                    Ok(0) => return Ok(()),
                    Ok(count) => call.print(&buffer[..count]),
                    Err(error) => return Err(error),
                }
                if call.stopped() {
                    return Ok(());
                }
            }
        });
        if let Err(error) | Ok(Err(error)) = &mut result {
            call.complain(format_args!("{}: {error}", Plain(path)));
        }
    }
    Ok(())
}

fn copy_input(call: &mut Call<'_, '_>, buffer: &mut [u8]) {
    while !call.stopped() {
        match call.read_input(buffer) {
            Ok(0) => break,
            Ok(count) => call.print(&buffer[..count]),
            Err(error) => {
                call.complain(format_args!("-: {error}"));
                break;
            }
        }
    }
}
