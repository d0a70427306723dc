//! `mv`: another name, or another file system.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::copying::{Manner, copy_tree};
use crate::destination::{self, Pair};
use crate::options::Options;
use crate::quoting::Quoted;
use crate::removal::remove_tree;
use vfs::error::{FileSystemError, FileSystemErrorKind};
use vfs::manager::Follow;
use vfs::metadata::FileType;
use vfs::node::RenameFlags;

pub static COMMAND: Command = Command {
    name: "mv",
    usage: "mv [-fnT] SOURCE... TARGET
  -f  replaces without asking (as without it)
  -n  leaves what is there
  -T  TARGET is not taken for a directory to move into",
    summary: "Moves or renames files and directories.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("fnT", &[("force", 'f'), ("no-clobber", 'n')])?;
    for pair in destination::pairs(call, &options)? {
        move_one(call, &pair, &options);
    }
    Ok(())
}

fn move_one(call: &mut Call<'_, '_>, pair: &Pair, options: &Options) {
    let (manager, context) = (call.manager(), call.context());
    let (from, to) = (Quoted(&pair.source), Quoted(&pair.target));
    let source = match manager.metadata(&context, &pair.source, Follow::No) {
        Ok(metadata) => metadata,
        Err(error) => return call.complain(format_args!("cannot stat {from}: {error}")),
    };
    let no_replace = options.last_of("fn") == Some('n');
    if let Ok(target) = manager.metadata(&context, &pair.target, Follow::No) {
        if no_replace {
            return;
        }
        if target.id == source.id {
            return call.complain(format_args!("{from} and {to} are the same file"));
        }
        match (source.kind == FileType::Directory, target.kind == FileType::Directory) {
            (true, false) => {
                return call.complain(format_args!("cannot overwrite non-directory {to} with directory {from}"));
            }
            (false, true) => {
                return call.complain(format_args!("cannot overwrite directory {to} with non-directory {from}"));
            }
            _ => {}
        }
    }
    let flags = if no_replace { RenameFlags::NO_REPLACE } else { RenameFlags::empty() };
    match manager.rename(&context, &pair.source, &pair.target, flags).map_err(FileSystemError::kind) {
        Ok(()) => {}
        Err(FileSystemErrorKind::AlreadyExists) if no_replace => {}
        Err(FileSystemErrorKind::CrossDevice) => move_across(call, pair),
        Err(FileSystemErrorKind::InvalidArgument) => {
            call.complain(format_args!("cannot move {from} to a subdirectory of itself, {to}"));
        }
        Err(error) => call.complain(format_args!("cannot move {from} to {to}: {}", error.message())),
    }
}

/// To another file system: a copy, and when that is whole, the source is removed.
fn move_across(call: &mut Call<'_, '_>, pair: &Pair) {
    let manner = Manner { recursive: true, links: true, force: true, attributes: true, everything: true };
    if copy_tree(call, &pair.source, &pair.target, manner) {
        remove_tree(call, &pair.source);
    }
}
