//! `readlink`: where a symbolic link points, or where a path leads.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::destination::{base_name, join};
use crate::quoting::Plain;
use alloc::vec::Vec;
use vfs::context::Context;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::manager::{Follow, VfsManager};

pub static COMMAND: Command = Command {
    name: "readlink",
    usage: "readlink [-fnv] PATH...
  -f  the path without links and dots; only its last name need not be there
  -n  no newline at the end
  -v  says what is wrong",
    summary: "Prints where symbolic links point.",
    group: Group::Looking,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("fnv", &[("canonicalize", 'f')], 1)?;
    let (manager, context) = (call.manager(), call.context());
    for path in &options.operands {
        let target = if options.has('f') {
            canonical(&manager, &context, path)
        } else {
            manager.read_link(&context, path).map(|target| target.to_vec())
        };
        match target {
            Ok(target) => {
                call.print(&target);
                if !options.has('n') {
                    call.print(b"\n");
                }
            }
            Err(error) if options.has('v') => call.complain(format_args!("{}: {error}", Plain(path))),
            // It says nothing unless asked, as GNU's does.
            Err(_) => call.set_status(1),
        }
    }
    Ok(())
}

fn canonical(manager: &VfsManager, context: &Context, path: &[u8]) -> Result<Vec<u8>> {
    match manager.resolve(context, path, Follow::Yes) {
        Ok(place) => manager.path_name(context, &place),
        Err(error) if error.kind() == FileSystemErrorKind::NotFound && !path.is_empty() => {
            // A dangling link leads on from where it stands.
            let (directory, name) = split(path);
            let directory = manager.resolve(context, directory, Follow::Yes)?;
            let place = context.at(directory);
            match manager.read_link(&place, name) {
                Ok(target) => {
                    let (directory, name) = split(&target);
                    let directory = manager.resolve(&place, directory, Follow::Yes)?;
                    Ok(join(&manager.path_name(context, &directory)?, name))
                }
                Err(_) => Ok(join(&manager.path_name(context, &place.cwd)?, name)),
            }
        }
        Err(error) => Err(error),
    }
}

/// The directory of a path, and the last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let name = base_name(path);
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
    match &path[..end - name.len().min(end)] {
        [] if path.first() == Some(&b'/') => (b"/", name),
        [] => (b".", name),
        directory => (directory, name),
    }
}
