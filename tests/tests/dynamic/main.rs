//! Dynamic programs behave as on Linux: Debian's `bash`, `coreutils`, `git`, `sqlite3` and `perl` with their libraries,
//! unmodified. A script runs in the guest and on the host, in a chroot of the same tree, and what it prints is compared
//! byte by byte.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::packages::{self, Unavailable};
use tests::side_by_side;
use tests::skipping::skip;

/// What no program of the script looks at, and is large.
const LEFT_OUT: [&str; 4] = ["usr/share", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/audit", "var"];

/// The packages' tree without what nobody needs, and with the scripts.
fn make_root(packages: &Path, root: &Path) -> Result<()> {
    packages::make_root(packages, &LEFT_OUT, root)?;
    fs::write(root.join("jobs.sh"), include_str!("jobs.sh"))?;
    fs::write(root.join("tools.sh"), include_str!("tools.sh"))?;
    fs::write(root.join("run.sh"), include_str!("run.sh")).context("cannot write the script")
}

#[test]
fn dynamic_programs_do_in_the_guest_what_they_do_on_linux() -> Result<()> {
    let skip = |reason: &str| skip("dynamic programs in the guest and on Linux", reason);
    if let Some(reason) = side_by_side::missing()? {
        return skip(&reason);
    }
    let packages = match packages::unpacked(&packages::DYNAMIC)? {
        Ok(root) => root,
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let root = scratch.path().join("root");
    make_root(&packages, &root)?;
    let program = ["/bin/bash", "/run.sh"];
    let linux = side_by_side::on_linux(&root, &program)?;
    ensure!(linux.ends_with("the end\n"), "on Linux the script did not come to its end:\n{linux}");
    let (strata, died) = side_by_side::in_the_guest(&root, &program, Duration::from_secs(180))?;
    let died = died.unwrap_or_default();
    ensure!(linux == strata && died.is_empty(), "--- Linux\n{linux}--- Strata\n{strata}\n{died}");
    Ok(())
}
