//! `help`: what there is, and how each is used.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::quoting::Quoted;
use alloc::string::String;

/// Where the names begin, and where lines end.
const INDENT: usize = 12;
const WIDTH: usize = 79;

pub static COMMAND: Command = Command {
    name: "help",
    usage: "help [COMMAND...]",
    summary: "Lists the commands, or tells how to use one.",
    group: Group::Shell,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("", &[])?;
    if options.operands.is_empty() {
        call.print(overview().as_bytes());
    }
    for name in &options.operands {
        match super::find(name) {
            Some(command) => {
                call.format(format_args!("{}\n\n", command.summary));
                for line in command.usage.lines() {
                    let margin = if line.starts_with(' ') { "  " } else { "  usage: " };
                    call.format(format_args!("{margin}{line}\n"));
                }
            }
            None => call.complain(format_args!("no command is called {}", Quoted(name))),
        }
    }
    Ok(())
}

/// One screen.
fn overview() -> String {
    let mut text = String::from("The commands of Strata's built-in shell; `help COMMAND` tells how to use one.\n\n");
    for (group, title) in Group::ALL {
        text += title;
        let mut column = title.len();
        for command in super::all().filter(|command| command.group == group) {
            if column + 1 + command.name.len() > WIDTH {
                text.push('\n');
                column = 0;
            }
            let target = if column < INDENT { INDENT } else { column + 1 };
            text.extend(core::iter::repeat_n(' ', target - column));
            text += command.name;
            column = target + command.name.len();
        }
        text.push('\n');
    }
    text += "
  a; b   a && b   a || b   ! a   a | b   one after the other
  > >> < 2> 2>&1                         files instead of the console
  'text' \"text $NAME\" \\c $? NAME=value  quotes and variables
  * ? [a-z]                              names that match
  # comment                              \\ at a line's end joins the next line
  Tab completes; Up and Down recall; ^C interrupts; ^D or `exit` ends.
";
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_overview_fits_a_screen() {
        let text = super::overview();
        assert!(text.lines().count() <= 24, "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 80), "{text}");
        for command in super::super::all() {
            assert!(text.split_whitespace().any(|word| word == command.name), "{} is listed", command.name);
        }
    }
}
