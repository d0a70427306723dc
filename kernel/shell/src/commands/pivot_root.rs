//! `pivot_root`: another mount as the root.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command = Command {
    name: "pivot_root",
    usage: "pivot_root NEW_ROOT PUT_OLD\n  NEW_ROOT must be a mount; PUT_OLD lies below it and gets the old root",
    summary: "Makes a mount the root of the namespace.",
    group: Group::Mounts,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("", &[], 2)?;
    let [new_root, put_old] = &options.operands[..] else {
        return Err(call.misuse(format_args!("too many arguments")));
    };
    let manager = call.manager();
    manager.pivot_root(&mut call.shell.context, new_root, put_old).map(|_moved| ()).map_err(|error| {
        call.fail(format_args!("failed to change root from `{}' to `{}': {error}", new_root.escape_ascii(), put_old.escape_ascii()))
    })
}
