//! `hexdump`: bytes in hexadecimal.

use super::{Command, Group};
use crate::call::{Call, Done, Failed};
use crate::options::size;
use crate::quoting::{Plain, Quoted};
use alloc::format;
use alloc::string::String;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::{OpenFlags, SeekFrom};

/// Bytes of a line.
const LINE: usize = 16;

pub static COMMAND: Command = Command {
    name: "hexdump",
    usage: "hexdump [-Cv] [-n LENGTH] [-s OFFSET] [FILE]
  -C  offset, bytes and characters (as without it)
  -v  lines like the one before too, for which else stands one *
  -n  so many bytes   -s  from there",
    summary: "Prints bytes in hexadecimal.",
    group: Group::Looking,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("Cvn:s:", &[])?;
    let limit = parse_size(call, options.value('n'), u64::MAX)?;
    let start = parse_size(call, options.value('s'), 0)?;
    let path = options.operands.first().cloned();
    let file = match &path {
        Some(path) => match call.manager().open(&call.context(), path, OpenFlags::READ, 0) {
            Ok(file) => Some(file),
            Err(error) => return Err(call.fail(format_args!("{}: {error}", Plain(path)))),
        },
        None => None,
    };
    if let (Some(file), 1..) = (&file, start) {
        let sought = i64::try_from(start).map_err(|_| FileSystemErrorKind::InvalidArgument.into());
        if let Err(error) = sought.and_then(|start| file.seek(SeekFrom::Start(start))) {
            return Err(call.fail(format_args!("{}: {error}", Plain(path.as_deref().unwrap_or(b"-")))));
        }
    }
    let mut read = |call: &mut Call<'_, '_>, buffer: &mut [u8]| match &file {
        Some(file) => file.read(&mut &mut buffer[..]),
        None => call.read_input(buffer),
    };
    if let Err(error) = dump(call, start, limit, options.has('v'), &mut read) {
        return Err(call.fail(format_args!("{}: {error}", Plain(path.as_deref().unwrap_or(b"-")))));
    }
    Ok(())
}

fn parse_size(call: &mut Call<'_, '_>, text: Option<&[u8]>, default: u64) -> core::result::Result<u64, Failed> {
    match text {
        None => Ok(default),
        Some(text) => size(text).ok_or_else(|| call.fail(format_args!("bad number {}", Quoted(text)))),
    }
}

type Read<'r> = dyn FnMut(&mut Call<'_, '_>, &mut [u8]) -> Result<usize> + 'r;

fn dump(call: &mut Call<'_, '_>, start: u64, limit: u64, all: bool, read: &mut Read<'_>) -> Result<()> {
    let mut offset = start;
    let mut previous: Option<[u8; LINE]> = None;
    let mut squeezed = false;
    while !call.stopped() {
        let wanted = limit.saturating_sub(offset - start).min(LINE as u64) as usize;
        let mut line = [0; LINE];
        let mut length = 0;
        while length < wanted {
            match read(call, &mut line[length..wanted])? {
                0 => break,
                count => length += count,
            }
        }
        if length == 0 {
            break;
        }
        if !all && length == LINE && previous == Some(line) {
            if !squeezed {
                call.print(b"*\n");
            }
            squeezed = true;
        } else {
            let text = show(offset, &line[..length]);
            call.print(text.as_bytes());
            squeezed = false;
        }
        previous = Some(line);
        offset += length as u64;
    }
    if offset > start {
        call.format(format_args!("{offset:08x}\n"));
    }
    Ok(())
}

fn show(offset: u64, bytes: &[u8]) -> String {
    let mut text = format!("{offset:08x}  ");
    for index in 0..LINE {
        match bytes.get(index) {
            Some(byte) => text += &format!("{byte:02x} "),
            None => text += "   ",
        }
        if index == LINE / 2 - 1 {
            text.push(' ');
        }
    }
    text += " |";
    text.extend(bytes.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }));
    text += "|\n";
    text
}
