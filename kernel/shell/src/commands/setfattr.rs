//! `setfattr`: extended attributes set and removed.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::{Plain, Quoted};
use alloc::vec::Vec;
use vfs::manager::Follow;
use vfs::node::SetXattr;

pub static COMMAND: Command = Command {
    name: "setfattr",
    usage: "setfattr [-h] -n NAME [-v VALUE] PATH...
  setfattr [-h] -x NAME PATH...
  -n  sets this one   -v  to this text, or to bytes: 0x…
  -x  removes this one
  -h  a symbolic link itself",
    summary: "Sets or removes an extended attribute.",
    group: Group::Attributes,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let long = [("name", 'n'), ("value", 'v'), ("remove", 'x'), ("no-dereference", 'h')];
    let options = call.options_and_operands("hn:v:x:", &long, 1)?;
    let (manager, context) = (call.manager(), call.context());
    let follow = if options.has('h') { Follow::No } else { Follow::Yes };
    let value = match options.value('v').map(|text| decode(text).ok_or(text)) {
        Some(Ok(value)) => value,
        None => Vec::new(),
        Some(Err(text)) => return Err(call.fail(format_args!("bad value {}", Quoted(text)))),
    };
    for path in &options.operands {
        let result = match (options.value('n'), options.value('x')) {
            (Some(name), None) => manager.set_xattr(&context, path, name, &value, SetXattr::Any, follow),
            (None, Some(name)) => manager.remove_xattr(&context, path, name, follow),
            _ => return Err(call.misuse(format_args!("either -n or -x is needed"))),
        };
        if let Err(error) = result {
            call.complain(format_args!("{}: {error}", Plain(path)));
        }
    }
    Ok(())
}

/// The text itself, or the bytes of `0x…`.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let Some(digits) = text.strip_prefix(b"0x") else { return Some(text.to_vec()) };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if digits.len() % 2 != 0 {
        return None;
    }
    // Two digits below 16 make a number below 256.
    digits.chunks_exact(2).map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect()
}
