//! `ln`: more names.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::destination::{self, base_name};
use crate::options::Options;
use crate::quoting::{Plain, Quoted};
use vfs::error::FileSystemErrorKind;
use vfs::manager::Follow;
use vfs::metadata::FileType;

pub static COMMAND: Command = Command {
    name: "ln",
    usage: "ln [-fsTn] TARGET... NAME
  ln [-fs] TARGET   the same name here
  -s      symbolic links
  -f      replaces what is there
  -T, -n  NAME is not taken for a directory to put links in",
    summary: "Makes hard or symbolic links.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let long = [("symbolic", 's'), ("force", 'f'), ("no-target-directory", 'T'), ("no-dereference", 'n')];
    let mut options = call.options("fsTn", &long)?;
    if let [only] = &options.operands[..] {
        let here = base_name(only).to_vec();
        options.operands.push(here);
    }
    let pairs = if options.has('n') && names_link(call, &options) {
        // -n: a link to a directory is a name like any other.
        let name = options.operands.last().cloned().unwrap_or_default();
        options.operands.iter().take(1).map(|source| destination::Pair { source: source.clone(), target: name.clone() }).collect()
    } else {
        destination::pairs(call, &options)?
    };
    let (manager, context) = (call.manager(), call.context());
    for pair in pairs {
        let make = || match options.has('s') {
            true => manager.make_symlink(&context, &pair.source, &pair.target),
            false => manager.link(&context, &pair.source, &pair.target, Follow::No),
        };
        let result = match make() {
            Err(error) if options.has('f') && error.kind() == FileSystemErrorKind::AlreadyExists => {
                manager.unlink(&context, &pair.target).and_then(|()| make())
            }
            result => result,
        };
        let Err(error) = result else { continue };
        let (to, from) = (Quoted(&pair.target), Quoted(&pair.source));
        if options.has('s') {
            call.complain(format_args!("failed to create symbolic link {to}: {error}"));
            continue;
        }
        match manager.metadata(&context, &pair.source, Follow::No) {
            Err(error) => call.complain(format_args!("failed to access {from}: {error}")),
            Ok(metadata) if metadata.kind == FileType::Directory => {
                call.complain(format_args!("{}: hard link not allowed for directory", Plain(&pair.source)));
            }
            Ok(_) => call.complain(format_args!("failed to create hard link {to}: {error}")),
        }
    }
    Ok(())
}

/// Whether the last of two operands is a symbolic link.
fn names_link(call: &Call<'_, '_>, options: &Options) -> bool {
    let [_, name] = &options.operands[..] else { return false };
    let metadata = call.manager().metadata(&call.context(), name, Follow::No);
    metadata.is_ok_and(|metadata| metadata.kind == FileType::Symlink)
}
