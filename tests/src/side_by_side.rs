//! One image and one program, in the guest and on Linux: what it prints is to be compared.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::kernel::Run;
use crate::packages::{self, Packages, Unavailable};
use crate::programs;
use crate::skipping::skip;

/// What this machine lacks to run a program in a chroot with an overlay, if anything.
///
/// # Errors
/// `/proc` cannot be read.
pub fn missing() -> Result<Option<String>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Some("only root may mount and chroot on the host".to_owned()));
    }
    if !fs::read_to_string("/proc/filesystems").context("/proc/filesystems")?.contains("\toverlay\n") {
        return Ok(Some("the host has no overlayfs (/proc/filesystems)".to_owned()));
    }
    Ok(None)
}

/// What the program prints on the host, in namespaces of its own and with `root` as its root; it has `/proc`
/// and `/dev`, for which the image must have directories, and if there is a `/tmp`, a tmpfs there. Nothing comes in.
///
/// # Errors
/// It does not end with status 0.
pub fn on_linux(root: &Path, program: &[&str]) -> Result<String> {
    let script = r#"root=$1; shift; mount --bind "$root" "$root" && mount -t proc none "$root/proc" &&
        mount --rbind /dev "$root/dev" &&
        { [ ! -d "$root/tmp" ] || mount -t tmpfs none "$root/tmp"; } && exec chroot "$root" "$@""#;
    // Whoever runs the tests may have signals ignored (`nohup`), which programs would inherit.
    let output = Command::new("env")
        .args(["--default-signal", "unshare", "--mount", "--propagation", "private", "--pid", "--fork"])
        .args(["sh", "-c", script, "sh"])
        .arg(root)
        .args(program)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .context("cannot run env and unshare")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// What the program prints in the guest that boots `root`, and how the guest died if it did. No word of the program's
/// may need quoting.
///
/// # Errors
/// The image cannot be built, or the guest not be run.
pub fn in_the_guest(root: &Path, program: &[&str], timeout: Duration) -> Result<(String, Option<String>)> {
    let mut run = Run::new()?;
    run.boot(root)?;
    run.timeout = timeout;
    let ran = run.script(&format!("{} < /dev/null\n", program.join(" ")))?;
    let died = ran.text().err().map(|_| format!("{:?}\n{}", ran.outcome, ran.log));
    Ok((String::from_utf8_lossy(&ran.output).into_owned(), died))
}

/// That a program of `tests` prints the same in the guest as on the host, in an image of its own that has nothing else but
/// directories for the system's file systems. Its last line is `done`.
///
/// # Errors
/// It does not; the program cannot be built or run.
pub fn compare(name: &str, argument: &str) -> Result<()> {
    if let Some(reason) = missing()? {
        return skip(&format!("{name} {argument}"), &reason);
    }
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    for directory in ["dev", "proc", "tmp"] {
        fs::create_dir(scratch.path().join(directory)).context("cannot make the image")?;
    }
    fs::copy(programs::build(name)?, scratch.path().join(name)).context("cannot copy the program")?;
    let path = format!("/{name}");
    agree(scratch.path(), &[&path, argument], "done\n", Duration::from_secs(60))
}

/// That a program prints the same in the guest as on the host, to an end that is known.
fn agree(root: &Path, program: &[&str], end: &str, timeout: Duration) -> Result<()> {
    let linux = on_linux(root, program)?;
    ensure!(linux.ends_with(end), "on Linux it did not come to its end:\n{linux}");
    let (strata, died) = in_the_guest(root, program, timeout)?;
    let died = died.unwrap_or_default();
    ensure!(linux == strata && died.is_empty(), "{}\n{died}", parting(&linux, &strata));
    Ok(())
}

/// That a script of Bash's prints the same in the guest as on the host, in a tree of unpacked packages. It is the first of
/// `files`, which come to the top of the tree, by names and contents; its last line is `the end`.
///
/// # Errors
/// It does not; the tree cannot be made, or the script be run.
pub fn compare_script(packages: &Packages, left_out: &[&str], files: &[(&str, &str)], timeout: Duration) -> Result<()> {
    let (script, _) = files.first().context("there is no script")?;
    let skip = |reason: &str| skip(script, reason);
    if let Some(reason) = missing()? {
        return skip(&reason);
    }
    let packages = match packages::unpacked(packages)? {
        Ok(root) => root,
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let root = scratch.path().join("root");
    packages::make_root(&packages, left_out, &root)?;
    for (name, content) in files {
        fs::write(root.join(name), content).context("cannot write the script")?;
    }
    agree(&root, &["/bin/bash", &format!("/{script}")], "the end\n", timeout)
}

/// How many lines are shown before the first that differs, and from there on.
const CONTEXT: usize = 60;

/// Where two texts part, with what comes before and after.
fn parting(linux: &str, strata: &str) -> String {
    let line = linux.lines().zip(strata.lines()).take_while(|(theirs, ours)| theirs == ours).count();
    let part = |text: &str, from: usize| text.lines().skip(from).take(CONTEXT).collect::<Vec<_>>().join("\n");
    let before: Vec<&str> = linux.lines().take(line).skip(line.saturating_sub(CONTEXT)).collect();
    format!("{}\n--- Linux\n{}\n--- Strata\n{}", before.join("\n"), part(linux, line), part(strata, line))
}
