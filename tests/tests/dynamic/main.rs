//! Dynamic programs behave as on Linux: Debian's `bash` and `coreutils` with their libraries, unmodified. A script runs in
//! the guest and on the host, in a chroot of the same tree, and what it prints is compared byte by byte.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::kernel::Run;
use tests::packages::{self, Unavailable};
use tools::image;

/// What no program of the script looks at, and is large.
const LEFT_OUT: [&str; 4] = ["usr/share", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/audit", "var"];

/// The packages' tree without what nobody needs, and with the script.
fn make_root(packages: &Path, root: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-a").arg(packages.join("data")).arg(root).status().context("cannot run cp")?;
    ensure!(copied.success(), "cp: {copied}");
    for name in LEFT_OUT {
        let path = root.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    for directory in ["dev", "proc", "tmp"] {
        fs::create_dir_all(root.join(directory))?;
    }
    fs::write(root.join("run.sh"), include_str!("run.sh")).context("cannot write the script")
}

/// What the script prints on the host.
fn on_linux(root: &Path) -> Result<String> {
    let script = r#"mount -t proc none "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs none "$1/tmp" &&
        exec chroot "$1" /bin/bash /run.sh < /dev/null 2>&1"#;
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--pid", "--fork", "sh", "-c", script, "sh"])
        .arg(root)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .context("cannot run unshare")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// What the script prints in the guest.
fn in_the_guest(root: &Path) -> Result<String> {
    let mut run = Run::new()?;
    let archive = run.directory().join("image.cpio");
    let options = image::Options { owner: None, gzip: false };
    let skipped = image::build(root, &archive, &options, &mut |_| {})?;
    ensure!(skipped.is_empty(), "left out of the image: {skipped:?}");
    run.machine.initramfs = Some(archive);
    run.timeout = Duration::from_secs(180);
    run.script("/bin/bash /run.sh < /dev/null\n")?.text()
}

#[test]
fn dynamic_programs_do_in_the_guest_what_they_do_on_linux() -> Result<()> {
    let skip = |reason: &str| -> Result<()> {
        // Past the harness's capture: nobody may take a test that did nothing for one that passed unseen.
        Ok(writeln!(io::stderr(), "SKIPPED: dynamic programs in the guest and on Linux: {reason}")?)
    };
    if !rustix::process::geteuid().is_root() {
        return skip("only root may mount and chroot on the host");
    }
    let packages = match packages::unpacked(&packages::DYNAMIC)? {
        Ok(root) => root,
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let root = scratch.path().join("root");
    make_root(&packages, &root)?;
    let linux = on_linux(&root)?;
    ensure!(linux.ends_with("the end\n"), "on Linux the script did not come to its end:\n{linux}");
    let strata = in_the_guest(&root)?;
    ensure!(linux == strata, "--- Linux\n{linux}--- Strata\n{strata}");
    Ok(())
}
