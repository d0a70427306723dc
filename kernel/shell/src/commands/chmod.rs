//! `chmod`: permission bits.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::mode;
use crate::quoting::Quoted;
use crate::walk::{Step, Walk};
use vfs::manager::Follow;
use vfs::metadata::{FileType, Metadata};

pub static COMMAND: Command = Command {
    name: "chmod",
    usage: "chmod [-R] MODE PATH...
  MODE  octal (755), or clauses like u+x,go-w,a=rX
  -R    with everything below",
    summary: "Changes permission bits.",
    group: Group::Attributes,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    // `chmod -x FILE`: what looks like an option is the mode when all its letters are permissions.
    let removing = call.arguments.iter().position(|word| is_removal(word)).map(|at| call.arguments.remove(at));
    let least = if removing.is_some() { 1 } else { 2 };
    let options = call.options_and_operands("R", &[("recursive", 'R')], least)?;
    let recursive = options.has('R');
    let mut paths = options.operands;
    let text = removing.unwrap_or_else(|| paths.remove(0));
    if mode::parse(&text, 0, false, 0).is_none() {
        return Err(call.misuse(format_args!("invalid mode: {}", Quoted(&text))));
    }
    for path in &paths {
        change(call, path, &text, recursive);
    }
    Ok(())
}

/// Whether a word is a mode that takes permissions away.
fn is_removal(word: &[u8]) -> bool {
    matches!(word, [b'-', rest @ ..] if !rest.is_empty() && rest.iter().all(|byte| b"rwxXstugo".contains(byte)))
}

fn change(call: &mut Call<'_, '_>, path: &[u8], text: &[u8], recursive: bool) {
    let manager = call.manager();
    let mut walk = Walk::new(manager.clone(), call.context(), path, Follow::Yes);
    let umask = call.context().umask;
    while let Some(step) = walk.step() {
        if call.stopped() {
            return;
        }
        let wanted = |metadata: &Metadata| {
            mode::parse(text, metadata.mode, metadata.kind == FileType::Directory, umask).unwrap_or(metadata.mode)
        };
        match step {
            // A link's own bits mean nothing.
            Step::Item(metadata) if metadata.kind == FileType::Symlink => {}
            Step::Enter(metadata) | Step::Item(metadata) => {
                if let Err(error) = manager.set_mode(walk.context(), walk.name(), wanted(&metadata), walk.follow()) {
                    let path = Quoted(walk.path());
                    call.complain(format_args!("changing permissions of {path}: {error}"));
                }
                if !recursive {
                    return;
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
