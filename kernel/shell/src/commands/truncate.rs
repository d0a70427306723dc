//! `truncate`: sizes of files.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::options::size;
use crate::quoting::Quoted;
use vfs::context::Credentials;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::{FileObject, OpenFlags};

pub static COMMAND: Command = Command {
    name: "truncate",
    usage: "truncate [-c] -s [+|-]SIZE PATH...
  -s  the size in bytes, with K, M, G or T behind it; + and - change it by that
  -c  makes no files",
    summary: "Cuts files, or extends them with holes.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("cs:", &[("size", 's'), ("no-create", 'c')])?;
    let Some(text) = options.value('s') else {
        return Err(call.misuse(format_args!("you must specify '--size'")));
    };
    let (sign, digits) = match text {
        [sign @ (b'+' | b'-'), digits @ ..] => (Some(*sign), digits),
        digits => (None, digits),
    };
    let Some(by) = size(digits) else {
        return Err(call.fail(format_args!("Invalid number: {}", Quoted(text))));
    };
    if options.operands.is_empty() {
        return Err(call.misuse(format_args!("missing file operand")));
    }
    let flags = if options.has('c') { OpenFlags::WRITE } else { OpenFlags::WRITE | OpenFlags::CREATE };
    let context = call.context();
    for path in &options.operands {
        match call.manager().open(&context, path, flags, 0o666) {
            Ok(file) => {
                if let Err(error) = resize(&context.credentials, &file, sign, by) {
                    call.complain(format_args!("failed to truncate {} at {by} bytes: {error}", Quoted(path)));
                }
            }
            Err(error) if options.has('c') && error.kind() == FileSystemErrorKind::NotFound => {}
            Err(error) => call.complain(format_args!("cannot open {} for writing: {error}", Quoted(path))),
        }
    }
    Ok(())
}

fn resize(writer: &Credentials, file: &FileObject, sign: Option<u8>, by: u64) -> Result<()> {
    let size = match sign {
        None => by,
        Some(b'-') => file.metadata()?.size.saturating_sub(by),
        Some(_) => file.metadata()?.size.checked_add(by).ok_or(FileSystemErrorKind::FileTooLarge)?,
    };
    file.truncate(writer, size)
}
