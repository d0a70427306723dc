//! `sleep`: waits.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::options::number;
use crate::quoting::Quoted;
use core::time::Duration;

/// How long ^C may go unnoticed.
const STEP: Duration = Duration::from_millis(50);

pub static COMMAND: Command = Command {
    name: "sleep",
    usage: "sleep SECONDS\n  SECONDS may have a fraction: 0.5",
    summary: "Waits.",
    group: Group::Machine,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("", &[], 1)?;
    let text = &options.operands[0];
    let Some(wanted) = duration(text) else {
        return Err(call.misuse(format_args!("invalid time interval {}", Quoted(text))));
    };
    let end = call.shell.machine.uptime().saturating_add(wanted);
    loop {
        let left = end.saturating_sub(call.shell.machine.uptime());
        if left.is_zero() || call.stopped() {
            return Ok(());
        }
        call.shell.machine.sleep(left.min(STEP));
    }
}

/// Seconds with a fraction of up to nine digits.
fn duration(text: &[u8]) -> Option<Duration> {
    let point = text.iter().position(|&byte| byte == b'.').unwrap_or(text.len());
    let seconds = number(&text[..point])?;
    let nanoseconds = match text.get(point + 1..) {
        None => 0,
        Some(fraction) => {
            let digits = number(fraction).filter(|_| fraction.len() <= 9)?;
            digits * 10u64.pow(9 - fraction.len() as u32)
        }
    };
    // Below 10^9, for at most nine digits were taken.
    Some(Duration::new(seconds, nanoseconds as u32))
}
