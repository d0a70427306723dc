//! `true`: success.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command =
    Command { name: "true", usage: "true", summary: "Does nothing, successfully.", group: Group::Shell, run };

fn run(_call: &mut Call<'_, '_>) -> Done {
    Ok(())
}
