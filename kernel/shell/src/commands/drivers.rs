//! `drivers`: the types of file systems that can be mounted.

use super::{Command, Group};
use crate::call::{Call, Done};
use alloc::vec::Vec;

pub static COMMAND: Command = Command {
    name: "drivers",
    usage: "drivers",
    summary: "Lists the types of file systems that mount -t takes.",
    group: Group::Mounts,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    call.options("", &[])?;
    let mut names: Vec<&str> = vfs::driver::drivers().map(|driver| driver.name()).collect();
    names.sort_unstable();
    for name in names {
        call.print_line(name.as_bytes());
    }
    Ok(())
}
