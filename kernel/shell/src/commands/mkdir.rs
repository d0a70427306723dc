//! `mkdir`: new directories.

use super::{Command, Group};
use crate::call::{Call, Done, Failed};
use crate::mode;
use crate::quoting::Quoted;
use vfs::context::Context;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::FileType;

pub static COMMAND: Command = Command {
    name: "mkdir",
    usage: "mkdir [-p] [-m MODE] DIRECTORY...
  -p  parents too, and nothing is said of what is there already
  -m  the mode, octal or symbolic, instead of 777 less the umask",
    summary: "Makes directories.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("pm:", &[("parents", 'p'), ("mode", 'm')], 1)?;
    let (manager, context) = (call.manager(), call.context());
    let mode = match options.value('m') {
        None => None,
        Some(text) => match mode::parse(text, 0o777, true, context.umask) {
            Some(mode) => Some(mode),
            None => return Err(invalid_mode(call, text)),
        },
    };
    for path in &options.operands {
        let result = if options.has('p') {
            make_with_parents(&manager, &context, path)
        } else {
            manager.make_directory(&context, path, 0o777).map(|()| true)
        };
        // The mode asked for is not subject to the umask, so it is set when the directory is there.
        let result = match (result, mode) {
            (Ok(true), Some(mode)) => manager.set_mode(&context, path, mode, Follow::Yes),
            (result, _) => result.map(|_| ()),
        };
        if let Err(error) = result {
            call.complain(format_args!("cannot create directory {}: {error}", Quoted(path)));
        }
    }
    Ok(())
}

fn invalid_mode(call: &mut Call<'_, '_>, text: &[u8]) -> Failed {
    call.fail(format_args!("invalid mode {}", Quoted(text)))
}

/// Makes each directory on the way that is not there. Returns whether the last one was made.
fn make_with_parents(manager: &VfsManager, context: &Context, path: &[u8]) -> Result<bool> {
    let mut made = false;
    for end in 1..=path.len() {
        // At the end of each name, and not at each of several slashes.
        if end < path.len() && path[end] != b'/' || path[end - 1] == b'/' {
            continue;
        }
        let part = &path[..end];
        made = match manager.make_directory(context, part, 0o777) {
            Ok(()) => true,
            Err(error) => match manager.metadata(context, part, Follow::Yes) {
                Ok(metadata) if metadata.kind == FileType::Directory => false,
                Ok(_) if end < path.len() => return Err(FileSystemErrorKind::NotADirectory.into()),
                _ => return Err(error),
            },
        };
    }
    if path.is_empty() { Err(FileSystemErrorKind::NotFound.into()) } else { Ok(made) }
}
