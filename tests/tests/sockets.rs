//! A static Rust program that talks by sockets does in the guest what it does on Linux (`tests/peers`).

#![forbid(unsafe_code)]

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tests::kernel::Run;
use tests::programs;

#[test]
fn processes_talk_in_the_guest_as_they_do_on_linux() -> Result<()> {
    let program = programs::build("peers")?;
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    // As the built-in shell has it.
    let output =
        Command::new("sh").args(["-c", "umask 022; exec \"$@\"", "sh"]).arg(&program).arg(scratch.path()).output()?;
    let expected = String::from_utf8_lossy(&output.stdout);
    ensure!(expected.ends_with("done\n"), "on Linux:\n{expected}\n{}", String::from_utf8_lossy(&output.stderr));

    let mut run = Run::new()?;
    let root = run.directory().join("root");
    fs::create_dir_all(root.join("work")).context("cannot make a directory for the image")?;
    fs::copy(&program, root.join("peers")).context("cannot copy the program")?;
    run.boot(&root)?;
    let found = run.script("/peers /work\n")?.text()?;
    ensure!(found == expected, "--- Linux\n{expected}--- Strata\n{found}");
    Ok(())
}
