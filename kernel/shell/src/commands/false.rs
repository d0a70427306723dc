//! `false`: failure.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command =
    Command { name: "false", usage: "false", summary: "Does nothing, unsuccessfully.", group: Group::Shell, run };

fn run(call: &mut Call<'_, '_>) -> Done {
    call.set_status(1);
    Ok(())
}
