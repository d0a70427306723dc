//! `head`: the first lines or bytes.

use super::{Command, Group};
use crate::call::{CHUNK, Call, Done};
use crate::options::{number, size};
use crate::quoting::{Plain, Quoted};
use alloc::vec;
use vfs::error::Result;
use vfs::file::OpenFlags;

pub static COMMAND: Command = Command {
    name: "head",
    usage: "head [-n LINES | -c BYTES] [FILE...]",
    summary: "Prints the first lines (10) or bytes of files.",
    group: Group::Files,
    run,
};

/// What is still to be printed.
struct Rest {
    lines: u64,
    bytes: u64,
}

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("n:c:", &[("lines", 'n'), ("bytes", 'c')])?;
    let parse = |text: Option<&[u8]>, default, read: fn(&[u8]) -> Option<u64>| match text {
        None => Ok(default),
        Some(text) => read(text).ok_or(text.to_vec()),
    };
    let by_bytes = options.value('c').is_some();
    let lines = parse(options.value('n'), if by_bytes { u64::MAX } else { 10 }, number);
    let (lines, bytes) = match (lines, parse(options.value('c'), u64::MAX, size)) {
        (Ok(lines), Ok(bytes)) => (lines, bytes),
        (Err(text), _) => return Err(call.fail(format_args!("invalid number of lines: {}", Quoted(&text)))),
        (_, Err(text)) => return Err(call.fail(format_args!("invalid number of bytes: {}", Quoted(&text)))),
    };
    let several = options.operands.len() > 1;
    if options.operands.is_empty() {
        let result = print(call, Rest { lines, bytes }, &mut |call, buffer| call.read_input(buffer));
        result.map_err(|error| call.fail(format_args!("-: {error}")))?;
    }
    for (index, path) in options.operands.iter().enumerate() {
        let file = match call.manager().open(&call.context(), path, OpenFlags::READ, 0) {
            Ok(file) => file,
            Err(error) => {
                call.complain(format_args!("cannot open {} for reading: {error}", Quoted(path)));
                continue;
            }
        };
        if several {
            let blank = if index > 0 { "\n" } else { "" };
            call.format(format_args!("{blank}==> {} <==\n", Plain(path)));
        }
        let result = print(call, Rest { lines, bytes }, &mut |_, buffer| file.read(&mut &mut buffer[..]));
        if let Err(error) = result {
            call.complain(format_args!("error reading {}: {error}", Quoted(path)));
        }
    }
    Ok(())
}

type Read<'r> = dyn FnMut(&mut Call<'_, '_>, &mut [u8]) -> Result<usize> + 'r;

fn print(call: &mut Call<'_, '_>, mut rest: Rest, read: &mut Read<'_>) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    while rest.lines > 0 && rest.bytes > 0 && !call.stopped() {
        let room = usize::try_from(rest.bytes).map_or(CHUNK, |bytes| bytes.min(CHUNK));
        let count = read(call, &mut buffer[..room])?;
        if count == 0 {
            break;
        }
        let mut end = count;
        for (index, _) in buffer[..count].iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            rest.lines -= 1;
            if rest.lines == 0 {
                end = index + 1;
                break;
            }
        }
        rest.bytes -= end as u64;
        call.print(&buffer[..end]);
    }
    Ok(())
}
