//! A program with threads prints the same in the guest as on Linux.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::kernel::Run;
use tests::programs;
use tools::script::Outcome;

#[test]
fn threads_do_in_the_guest_what_they_do_on_linux() -> Result<()> {
    let program = programs::build("threads")?;
    let linux = Command::new(&program).output().context("cannot run the program")?;
    ensure!(linux.status.code() == Some(7), "on Linux: {linux:?}");
    let mut run = Run::new()?;
    let root = run.directory().join("root");
    fs::create_dir_all(root.join("proc")).context("cannot make the root")?;
    fs::copy(&program, root.join("threads")).context("cannot copy the program")?;
    run.boot(&root)?;
    run.timeout = Duration::from_secs(120);
    // The script's status is the program's: it ends with 7 from a thread of its own.
    let ran = run.script("/threads\nexit $?\n")?;
    let text = ran.text()?;
    ensure!(text == String::from_utf8_lossy(&linux.stdout), "--- Linux\n{linux:?}\n--- Strata\n{text}\n{}", ran.log);
    ensure!(matches!(ran.outcome, Outcome::Exited(7)), "{:?}\n{}", ran.outcome, ran.log);
    Ok(())
}
