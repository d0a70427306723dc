//! `echo`: its arguments.

use super::{Command, Group};
use crate::call::{Call, Done};

pub static COMMAND: Command = Command {
    name: "echo",
    usage: "echo [-n] [WORD...]\n  -n  no newline at the end",
    summary: "Prints its arguments.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let words = core::mem::take(&mut call.arguments);
    let (newline, words) = match &words[..] {
        [first, rest @ ..] if first == b"-n" => (false, rest),
        all => (true, all),
    };
    call.print(&words.join(&b' '));
    if newline {
        call.print(b"\n");
    }
    Ok(())
}
