//! `cd`: where relative paths start.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::Plain;

pub static COMMAND: Command = Command {
    name: "cd",
    usage: "cd [DIRECTORY]\n  -  back to where the last cd came from",
    summary: "Changes the current directory; without an argument, to /.",
    group: Group::Shell,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("", &[])?;
    let back = call.shell.variable(b"OLDPWD");
    let target = match &options.operands[..] {
        [] => b"/".to_vec(),
        [minus] if minus == b"-" && back.is_empty() => return Err(call.fail(format_args!("OLDPWD not set"))),
        [minus] if minus == b"-" => back.clone(),
        [target] => target.clone(),
        _ => return Err(call.misuse(format_args!("too many arguments"))),
    };
    let manager = call.manager();
    let mut context = call.context();
    if let Err(error) = manager.change_directory(&mut context, &target) {
        return Err(call.fail(format_args!("{}: {error}", Plain(&target))));
    }
    call.shell.context = context;
    let left = call.shell.variable(b"PWD");
    call.shell.set_variable(b"OLDPWD", &left);
    // A directory that was removed since has no name: PWD then stays what it was.
    if let Ok(name) = manager.path_name(&call.shell.context, &call.shell.context.cwd) {
        call.shell.set_variable(b"PWD", &name);
        if target == back && options.operands.first().is_some_and(|operand| operand == b"-") {
            call.print_line(&name);
        }
    }
    Ok(())
}
