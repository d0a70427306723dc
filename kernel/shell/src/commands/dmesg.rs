//! `dmesg`: the kernel's log.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command =
    Command { name: "dmesg", usage: "dmesg", summary: "Prints the kernel's log.", group: Group::Machine, run };

fn run(call: &mut Call<'_, '_>) -> Done {
    call.options("", &[])?;
    match call.shell.machine.log() {
        Some(log) => {
            call.print(&log);
            Ok(())
        }
        None => Err(call.fail(format_args!("no log, or no memory for a copy of it"))),
    }
}
