//! `date`: what time it is.

use super::{Command, Group};
use crate::calendar::Full;
use crate::call::{Call, Done};

pub static COMMAND: Command = Command {
    name: "date",
    usage: "date [+%s]\n  +%s  in seconds since 1970-01-01 UTC",
    summary: "Prints the date and the time of day, in UTC.",
    group: Group::Machine,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("", &[])?;
    let now = call.manager().environment().clock.now();
    match &options.operands[..] {
        [] => call.format(format_args!("{}\n", Full(now))),
        [format] if format == b"+%s" => call.format(format_args!("{}\n", now.seconds)),
        _ => return Err(call.misuse(format_args!("only the format +%s is known"))),
    }
    Ok(())
}
