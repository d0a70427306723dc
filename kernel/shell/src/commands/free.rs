//! `free`: how memory is used.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command = Command {
    name: "free",
    usage: "free [-b|-k|-m]\n  -b  in bytes\n  -k  in KiB (as without it)\n  -m  in MiB",
    summary: "Prints how memory is used.",
    group: Group::Machine,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("bkm", &[])?;
    let shift = match options.last_of("bkm") {
        Some('b') => 0,
        Some('m') => 20,
        _ => 10,
    };
    let figures = call.shell.machine.memory();
    let [total, free, heap, files] = [figures.total, figures.free, figures.heap, figures.files].map(|size| size >> shift);
    let used = total.saturating_sub(free);
    call.format(format_args!("{:>19} {:>11} {:>11} {:>11} {:>11}\n", "total", "used", "free", "heap", "files"));
    call.format(format_args!("Mem:  {total:>13} {used:>11} {free:>11} {heap:>11} {files:>11}\n"));
    Ok(())
}
