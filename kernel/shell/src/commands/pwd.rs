//! `pwd`: the name of the current directory.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command =
    Command { name: "pwd", usage: "pwd", summary: "Prints the current directory.", group: Group::Shell, run };

fn run(call: &mut Call<'_, '_>) -> Done {
    call.options("", &[])?;
    let context = call.context();
    match call.manager().path_name(&context, &context.cwd) {
        Ok(name) => {
            call.print_line(&name);
            Ok(())
        }
        Err(error) => Err(call.fail(format_args!("{error}"))),
    }
}
