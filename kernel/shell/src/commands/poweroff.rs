//! `poweroff`: switches the machine off.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::machine::Ending;

pub static COMMAND: Command =
    Command { name: "poweroff", usage: "poweroff", summary: "Switches the machine off.", group: Group::Machine, run };

fn run(call: &mut Call<'_, '_>) -> Done {
    call.options("", &[])?;
    if let Err(error) = call.manager().sync() {
        call.complain(format_args!("{error}"));
    }
    let status = call.status();
    call.shell.end(Ending::PowerOff, status);
    Ok(())
}
