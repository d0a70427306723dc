//! `chown`: owner and group.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::options::number;
use crate::quoting::Quoted;
use crate::walk::{Step, Walk};
use vfs::manager::Follow;

pub static COMMAND: Command = Command {
    name: "chown",
    usage: "chown [-hR] OWNER[:GROUP] PATH...
  chown [-hR] :GROUP PATH...
  OWNER, GROUP  numbers, or root
  -h            a symbolic link itself
  -R            with everything below, links themselves",
    summary: "Changes owner and group.",
    group: Group::Attributes,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("hR", &[("recursive", 'R'), ("no-dereference", 'h')], 2)?;
    let [spec, paths @ ..] = &options.operands[..] else { return Ok(()) };
    let colon = spec.iter().position(|&byte| byte == b':').unwrap_or(spec.len());
    let (user, group) = (&spec[..colon], spec.get(colon + 1..).unwrap_or_default());
    let (Some(uid), Some(gid)) = (identity(user), identity(group)) else {
        let what = if identity(user).is_none() { "user" } else { "group" };
        return Err(call.fail(format_args!("invalid {what}: {}", Quoted(spec))));
    };
    let manager = call.manager();
    let recursive = options.has('R');
    let start = if options.has('h') || recursive { Follow::No } else { Follow::Yes };
    for path in paths {
        let mut walk = Walk::new(manager.clone(), call.context(), path, start);
        while let Some(step) = walk.step() {
            if call.stopped() {
                return Ok(());
            }
            match step {
                Step::Enter(_) | Step::Item(_) => {
                    if let Err(error) = manager.set_owner(walk.context(), walk.name(), uid, gid, walk.follow()) {
                        let path = Quoted(walk.path());
                        call.complain(format_args!("changing ownership of {path}: {error}"));
                    }
                    if !recursive {
                        break;
                    }
                }
                Step::Leave => {}
                Step::Unreadable(error) => {
                    call.complain(format_args!("cannot read directory {}: {error}", Quoted(walk.path())));
                }
                Step::Failed(error) => call.complain(format_args!("cannot access {}: {error}", Quoted(walk.path()))),
            }
        }
    }
    Ok(())
}

/// A number, `root`, or nothing (which leaves it); `None` for anything else. 2^32 - 1 means "leave it" to the system
/// call, so nobody has it.
fn identity(text: &[u8]) -> Option<Option<u32>> {
    match text {
        b"" => Some(None),
        b"root" => Some(Some(0)),
        _ => number(text).and_then(|id| u32::try_from(id).ok()).filter(|&id| id != u32::MAX).map(Some),
    }
}
