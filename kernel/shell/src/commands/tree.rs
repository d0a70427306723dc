//! `tree`: a drawing of what lies below.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::options::number;
use crate::quoting::{Plain, Quoted};
use crate::walk::{Step, Walk};
use alloc::vec::Vec;
use vfs::manager::Follow;
use vfs::metadata::FileType;

pub static COMMAND: Command = Command {
    name: "tree",
    usage: "tree [-ad] [-L DEPTH] [DIRECTORY...]
  -a  names that begin with a dot too
  -d  directories only
  -L  not deeper than that",
    summary: "Draws directories with all that lies below.",
    group: Group::Looking,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let mut options = call.options("adL:", &[])?;
    let depth_max = match options.value('L') {
        None => u64::MAX,
        Some(text) => match number(text).filter(|&depth| depth > 0) {
            Some(depth) => depth,
            None => return Err(call.fail(format_args!("invalid level {}, must be greater than 0", Quoted(text)))),
        },
    };
    if options.operands.is_empty() {
        options.operands.push(b".".to_vec());
    }
    let (mut directories, mut files) = (0u64, 0u64);
    let (all, only_directories) = (options.has('a'), options.has('d'));
    for path in core::mem::take(&mut options.operands) {
        let visible = move |name: &[u8], kind| {
            (all || !name.starts_with(b".")) && (!only_directories || kind == FileType::Directory)
        };
        let mut walk = Walk::new(call.manager(), call.context(), &path, Follow::Yes).keeping(visible);
        // What stands before the names below each directory that is entered.
        let mut margin: Vec<&str> = Vec::new();
        while let Some(step) = walk.step() {
            if call.stopped() {
                return Ok(());
            }
            match step {
                Step::Enter(_) => {
                    draw(call, &walk, &margin);
                    directories += u64::from(walk.depth() > 0);
                    if walk.depth() > 0 {
                        margin.push(if walk.is_last() { "    " } else { "│   " });
                    }
                    if walk.depth() as u64 >= depth_max {
                        walk.skip();
                    }
                }
                Step::Item(_) => {
                    files += 1;
                    draw(call, &walk, &margin);
                }
                Step::Leave => {
                    margin.pop();
                }
                Step::Unreadable(error) | Step::Failed(error) => {
                    call.complain(format_args!("{}: {error}", Plain(walk.path())));
                }
            }
        }
    }
    let plural = |count: u64, one: &'static str, many: &'static str| if count == 1 { one } else { many };
    let directory_word = plural(directories, "directory", "directories");
    if options.has('d') {
        call.format(format_args!("\n{directories} {directory_word}\n"));
    } else {
        let file_word = plural(files, "file", "files");
        call.format(format_args!("\n{directories} {directory_word}, {files} {file_word}\n"));
    }
    Ok(())
}

/// The line of the current step.
fn draw(call: &mut Call<'_, '_>, walk: &Walk, margin: &[&str]) {
    if walk.depth() > 0 {
        for part in margin {
            call.print(part.as_bytes());
        }
        let branch = if walk.is_last() { "└── " } else { "├── " };
        call.print(branch.as_bytes());
    }
    call.print(walk.name());
    // Of a link, where it points; of anything else there is no target.
    if let Ok(target) = call.manager().read_link(walk.context(), walk.name()) {
        call.print(b" -> ");
        call.print(&target);
    }
    call.print(b"\n");
}
