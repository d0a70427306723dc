//! `rmdir`: empty directories away.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::Quoted;

pub static COMMAND: Command = Command {
    name: "rmdir",
    usage: "rmdir [-p] DIRECTORY...\n  -p  its parents on the path as well",
    summary: "Removes empty directories.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("p", &[("parents", 'p')], 1)?;
    let (manager, context) = (call.manager(), call.context());
    for path in &options.operands {
        let mut path = &path[..];
        loop {
            if let Err(error) = manager.remove_directory(&context, path) {
                call.complain(format_args!("failed to remove {}: {error}", Quoted(path)));
                break;
            }
            let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
            match path[..end].iter().rposition(|&byte| byte == b'/') {
                Some(slash) if slash > 0 && options.has('p') => path = &path[..slash],
                _ => break,
            }
        }
    }
    Ok(())
}
