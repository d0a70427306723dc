//! `uptime`: time since boot.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command = Command {
    name: "uptime",
    usage: "uptime",
    summary: "Prints how long the machine has been up.",
    group: Group::Machine,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    call.options("", &[])?;
    let up = call.shell.machine.uptime();
    let (seconds, hundredths) = (up.as_secs(), up.subsec_millis() / 10);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    call.format(format_args!("up {hours}:{minutes:02}:{:02}.{hundredths:02}\n", seconds % 60));
    Ok(())
}
