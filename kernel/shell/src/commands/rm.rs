//! `rm`: names away.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::destination::base_name;
use crate::quoting::Quoted;
use crate::removal::remove_tree;
use vfs::error::FileSystemErrorKind;
use vfs::manager::Follow;
use vfs::metadata::FileType;

pub static COMMAND: Command = Command {
    name: "rm",
    usage: "rm [-dfrR] PATH...
  -r, -R  directories with what they hold
  -d      empty directories
  -f      says nothing of what is not there",
    summary: "Removes files and directories.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("dfrR", &[("recursive", 'r'), ("force", 'f'), ("dir", 'd')])?;
    let (force, recursive) = (options.has('f'), options.has('r') || options.has('R'));
    if options.operands.is_empty() && !force {
        return Err(call.misuse(format_args!("missing operand")));
    }
    for path in &options.operands {
        if call.stopped() {
            break;
        }
        let (manager, context) = (call.manager(), call.context());
        let quoted = Quoted(path);
        let kind = match manager.metadata(&context, path, Follow::No) {
            Ok(metadata) => metadata.kind,
            Err(error) if force && error.kind() == FileSystemErrorKind::NotFound => continue,
            Err(error) => {
                call.complain(format_args!("cannot remove {quoted}: {error}"));
                continue;
            }
        };
        let result = match kind {
            FileType::Directory if recursive && matches!(base_name(path), b"." | b"..") => {
                call.complain(format_args!("refusing to remove '.' or '..' directory: skipping {quoted}"));
                continue;
            }
            FileType::Directory if recursive && base_name(path) == b"/" => {
                call.complain(format_args!("it is dangerous to operate recursively on {quoted}"));
                continue;
            }
            FileType::Directory if recursive => {
                remove_tree(call, path);
                continue;
            }
            FileType::Directory if options.has('d') => manager.remove_directory(&context, path),
            _ => manager.unlink(&context, path),
        };
        if let Err(error) = result {
            call.complain(format_args!("cannot remove {quoted}: {error}"));
        }
    }
    Ok(())
}
