//! `reboot`: starts the machine anew.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::machine::Ending;

pub static COMMAND: Command =
    Command { name: "reboot", usage: "reboot", summary: "Starts the machine anew.", group: Group::Machine, run };

fn run(call: &mut Call<'_, '_>) -> Done {
    call.options("", &[])?;
    if let Err(error) = call.manager().sync() {
        call.complain(format_args!("{error}"));
    }
    let status = call.status();
    call.shell.end(Ending::Reboot, status);
    Ok(())
}
