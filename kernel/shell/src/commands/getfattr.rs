//! `getfattr`: extended attributes.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::Plain;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use vfs::error::FileSystemErrorKind;
use vfs::manager::Follow;

pub static COMMAND: Command = Command {
    name: "getfattr",
    usage: "getfattr [-dh] [-m PREFIX] [-n NAME] PATH...
  -d  values as well as names
  -m  names that begin so (user. unless given; - for all)
  -n  this one, with its value
  -h  a symbolic link itself",
    summary: "Prints extended attributes.",
    group: Group::Attributes,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let long = [("dump", 'd'), ("name", 'n'), ("match", 'm'), ("no-dereference", 'h')];
    let options = call.options_and_operands("dhm:n:", &long, 1)?;
    let (manager, context) = (call.manager(), call.context());
    let follow = if options.has('h') { Follow::No } else { Follow::Yes };
    let prefix = match options.value('m') {
        None => &b"user."[..],
        Some(b"-") => b"",
        Some(prefix) => prefix.strip_prefix(b"^").unwrap_or(prefix),
    };
    for path in &options.operands {
        let mut names: Vec<Vec<u8>> = match options.value('n') {
            Some(name) => Vec::from([name.to_vec()]),
            None => match manager.list_xattrs(&context, path, follow) {
                Ok(names) => names.into_iter().filter(|name| name.starts_with(prefix)).collect(),
                Err(error) => {
                    call.complain(format_args!("{}: {error}", Plain(path)));
                    continue;
                }
            },
        };
        names.sort_unstable();
        let mut lines = Vec::new();
        for name in &names {
            let mut line = name.clone();
            if options.has('d') || options.value('n').is_some() {
                match manager.get_xattr(&context, path, name, follow) {
                    Ok(value) => line.extend_from_slice(show(&value).as_bytes()),
                    Err(error) if error.kind() == FileSystemErrorKind::NoData => {
                        call.complain(format_args!("{}: {}: No such attribute", Plain(path), Plain(name)));
                        continue;
                    }
                    Err(error) => {
                        call.complain(format_args!("{}: {}: {error}", Plain(path), Plain(name)));
                        continue;
                    }
                }
            }
            lines.push(line);
        }
        if !lines.is_empty() {
            call.print(b"# file: ");
            call.print_line(path);
            for line in &lines {
                call.print_line(line);
            }
            call.print(b"\n");
        }
    }
    Ok(())
}

/// `="text"`, or `=0x…` for what is no text.
fn show(value: &[u8]) -> String {
    match core::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => {
            format!("=\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        _ => {
            let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("=0x{digits}")
        }
    }
}
