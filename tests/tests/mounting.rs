//! Mounts made step by step are answered in the guest as on Linux (`tests/calls`).

#![forbid(unsafe_code)]

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::skipping::skip;
use tests::{programs, side_by_side};

#[test]
fn mounts_made_step_by_step_are_as_on_linux() -> Result<()> {
    if let Some(reason) = side_by_side::missing()? {
        return skip("mounts made step by step", &reason);
    }
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    for directory in ["dev", "proc", "tmp"] {
        fs::create_dir(scratch.path().join(directory)).context("cannot make the image")?;
    }
    fs::copy(programs::build("calls")?, scratch.path().join("calls")).context("cannot copy the program")?;
    let program = ["/calls", "mounts"];
    let linux = side_by_side::on_linux(scratch.path(), &program)?;
    ensure!(linux.ends_with("done\n"), "on Linux:\n{linux}");
    let (strata, died) = side_by_side::in_the_guest(scratch.path(), &program, Duration::from_secs(60))?;
    let died = died.unwrap_or_default();
    ensure!(linux == strata && died.is_empty(), "--- Linux\n{linux}--- Strata\n{strata}\n{died}");
    Ok(())
}
