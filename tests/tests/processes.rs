//! A program that begins processes and threads in every way prints the same in the guest as on Linux.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::kernel::Run;
use tests::skipping::skip;
use tests::{programs, side_by_side};

#[test]
fn processes_do_in_the_guest_what_they_do_on_linux() -> Result<()> {
    if let Some(missing) = side_by_side::missing()? {
        return skip("processes", &missing);
    }
    let run = Run::new()?;
    let root = run.directory().join("image");
    for directory in ["proc", "dev", "tmp"] {
        fs::create_dir_all(root.join(directory)).context("cannot make the root")?;
    }
    fs::copy(programs::build("processes")?, root.join("processes")).context("cannot copy the program")?;
    let linux = side_by_side::on_linux(&root, &["/processes"])?;
    let (strata, died) = side_by_side::in_the_guest(&root, &["/processes"], Duration::from_secs(120))?;
    let difference = linux.lines().zip(strata.lines()).find(|(linux, strata)| linux != strata);
    ensure!(linux == strata, "{difference:#?}\n--- Linux\n{linux}\n--- Strata\n{strata}\n{}", died.unwrap_or_default());
    Ok(())
}
