//! `wc`: counts of lines, words and bytes.

use super::{Command, Group};
use crate::call::{CHUNK, Call, Done};
use crate::options::Options;
use crate::quoting::Plain;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use vfs::error::Result;
use vfs::file::OpenFlags;

pub static COMMAND: Command = Command {
    name: "wc",
    usage: "wc [-lwc] [FILE...]\n  -l  lines   -w  words   -c  bytes",
    summary: "Counts lines, words and bytes.",
    group: Group::Looking,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("lwc", &[("lines", 'l'), ("words", 'w'), ("bytes", 'c')])?;
    if options.operands.is_empty() {
        return match count(call, &mut |call, buffer| call.read_input(buffer)) {
            Ok(counts) => {
                print(call, &options, counts, b"");
                Ok(())
            }
            Err(error) => Err(call.fail(format_args!("-: {error}"))),
        };
    }
    let mut total = [0; 3];
    for path in &options.operands {
        let opened = call.manager().open(&call.context(), path, OpenFlags::READ, 0);
        match opened.and_then(|file| count(call, &mut |_, buffer| file.read(&mut &mut buffer[..]))) {
            Ok(counts) => {
                for (sum, count) in total.iter_mut().zip(counts) {
                    *sum += count;
                }
                print(call, &options, counts, path);
            }
            Err(error) => call.complain(format_args!("{}: {error}", Plain(path))),
        }
    }
    if options.operands.len() > 1 {
        print(call, &options, total, b"total");
    }
    Ok(())
}

type Read<'r> = dyn FnMut(&mut Call<'_, '_>, &mut [u8]) -> Result<usize> + 'r;

/// Lines, words and bytes.
fn count(call: &mut Call<'_, '_>, read: &mut Read<'_>) -> Result<[u64; 3]> {
    let mut buffer = vec![0; CHUNK];
    let [mut lines, mut words, mut bytes] = [0; 3];
    let mut within = false;
    while !call.stopped() {
        let length = read(call, &mut buffer)?;
        if length == 0 {
            break;
        }
        bytes += length as u64;
        for byte in &buffer[..length] {
            lines += u64::from(*byte == b'\n');
            let blank = byte.is_ascii_whitespace();
            words += u64::from(!blank && !within);
            within = !blank;
        }
    }
    Ok([lines, words, bytes])
}

fn print(call: &mut Call<'_, '_>, options: &Options, counts: [u64; 3], name: &[u8]) {
    let all = options.last_of("lwc").is_none();
    let shown: Vec<u64> = "lwc".chars().zip(counts).filter(|(flag, _)| all || options.has(*flag)).map(|(_, n)| n).collect();
    let text: Vec<String> = match &shown[..] {
        [only] => vec![format!("{only}")],
        several => several.iter().map(|count| format!("{count:>7}")).collect(),
    };
    call.print(text.join(" ").as_bytes());
    if !name.is_empty() {
        call.print(b" ");
        call.print(name);
    }
    call.print(b"\n");
}
