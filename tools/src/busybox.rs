//! BusyBox in a tree: one program, and a link to it for each of its names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What it can do that the kernel would take for the first program to run (`/sbin/init` by its usual place): it is there
/// by its name only.
const NOT_LINKED: [&str; 2] = ["busybox", "init"];

/// Puts the program into the directory `bin`, and a link beside it for each of its names.
///
/// # Errors
/// It cannot be run here, or the host's file system.
pub fn install(busybox: &Path, bin: &Path) -> Result<()> {
    let names = Command::new(busybox).arg("--list").output().context("cannot run busybox")?;
    let names = String::from_utf8(names.stdout).context("the list of its names")?;
    fs::create_dir_all(bin)?;
    fs::copy(busybox, bin.join("busybox")).context("cannot copy busybox")?;
    for name in names.lines().filter(|name| !NOT_LINKED.contains(name)) {
        symlink("busybox", bin.join(name))?;
    }
    Ok(())
}

/// Makes `into` a copy of a tree, with the program in its `/bin`.
///
/// # Errors
/// As [`install`].
pub fn add_to(tree: &Path, busybox: &Path, into: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-a").args([tree, into]).output().context("cannot run cp")?;
    ensure!(copied.status.success(), "cp: {}", String::from_utf8_lossy(&copied.stderr));
    install(busybox, &into.join("bin"))
}
