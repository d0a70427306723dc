//! `exit`: the end of the shell.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::machine::Ending;
use crate::options::number;
use crate::quoting::Plain;

pub static COMMAND: Command = Command {
    name: "exit",
    usage: "exit [STATUS]",
    summary: "Ends the shell, with the last command's status unless one is given.",
    group: Group::Shell,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let arguments = core::mem::take(&mut call.arguments);
    let status = match &arguments[..] {
        [] => call.shell.status(),
        [status] => match number(status) {
            // As `exit(3)`: the low eight bits count.
            Some(status) => status as u8,
            None => {
                call.complain(format_args!("{}: numeric argument required", Plain(status)));
                2
            }
        },
        _ => return Err(call.fail(format_args!("too many arguments"))),
    };
    call.shell.end(Ending::Exit, status);
    Ok(())
}
