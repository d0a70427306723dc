//! A static program that makes calls straight is answered in the guest as on Linux (`tests/calls`).

#![forbid(unsafe_code)]

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tests::kernel::Run;
use tests::programs;

#[test]
fn calls_are_answered_in_the_guest_as_on_linux() -> Result<()> {
    let program = programs::build("calls")?;
    let linux = Command::new(&program).output().context("cannot run the program")?;
    let expected = String::from_utf8_lossy(&linux.stdout);
    ensure!(expected.ends_with("done\n"), "on Linux:\n{expected}\n{}", String::from_utf8_lossy(&linux.stderr));
    let mut run = Run::new()?;
    let root = run.directory().join("root");
    fs::create_dir_all(root.join("proc")).context("cannot make the root")?;
    fs::copy(&program, root.join("calls")).context("cannot copy the program")?;
    run.boot(&root)?;
    let found = run.script("/calls\n")?.text()?;
    ensure!(found == expected, "--- Linux\n{expected}--- Strata\n{found}");
    Ok(())
}
