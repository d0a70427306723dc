//! `sync`: everything written becomes durable.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command = Command {
    name: "sync",
    usage: "sync",
    summary: "Makes everything written to any file system durable.",
    group: Group::Machine,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    call.options("", &[])?;
    call.manager().sync().map_err(|error| call.fail(format_args!("{error}")))
}
