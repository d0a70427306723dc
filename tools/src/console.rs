//! A guest on the user's terminal: QEMU itself makes the terminal raw; `Ctrl-A X` quits.

use std::env;
use std::fs;
use std::io;

use anyhow::{Context, Result};

use crate::guest::{self, Ending};
use crate::machine::{Console, Machine, QEMU};
use crate::script::report_in;
use crate::symbol::Symbols;

/// Words that tell the guest what the terminal is and how large: a serial line cannot. None of what is not known here.
fn terminal_words() -> Vec<String> {
    let name = env::var("TERM").ok().filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()));
    let mut words: Vec<String> = name.map(|name| format!("TERM={name}")).into_iter().collect();
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            words.extend([format!("columns={}", size.ws_col), format!("rows={}", size.ws_row)]);
        }
        _ => {}
    }
    words
}

/// Runs the machine on the terminal. Returns the exit status: 0 unless the guest died.
///
/// # Errors
/// QEMU cannot be started.
pub fn run(machine: &Machine) -> Result<u8> {
    let run = guest::run_directory()?;
    let mut machine = machine.clone();
    machine.append.extend(terminal_words());
    let status = machine
        .command(Console::Terminal, run.path())
        .status()
        .with_context(|| format!("cannot start {QEMU} (`make` and `tools/bootstrap` install it)"))?;
    let ending = guest::ending(status, run.path());
    // The report scrolled by with bare addresses; here it is again with names.
    let copy = fs::read(run.path().join("console")).unwrap_or_default();
    let copy = String::from_utf8_lossy(&copy).replace('\r', "");
    match ending {
        // On a terminal, quitting QEMU and `reboot` are ends in order as well.
        Ending::InOrder | Ending::Reset => Ok(0),
        ending => {
            let symbols = Symbols::load(&machine.kernel)?;
            eprint!("\nstrata: {ending}\n{}", symbols.translate(report_in(&copy)));
            eprint!("{}", symbols.backtrace(ending.stack()));
            Ok(1)
        }
    }
}
