//! Static programs of other C libraries than BusyBox's behave as on Linux: Debian's Korn shell comes linked with musl,
//! with klibc and with dietlibc, and each runs one script in the guest and on Linux, compared byte by byte.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::packages::{self, Unavailable};
use tests::side_by_side;
use tests::skipping::skip;

/// The shell by its library, and where its package has it.
const SHELLS: [(&str, &str); 3] = [
    ("musl", "usr/lib/x86_64-linux-musl/bin/mksh"),
    ("klibc", "usr/lib/klibc/bin/mksh"),
    ("diet", "usr/lib/diet/bin/mksh"),
];

/// ```text
///   /bin/musl /bin/klibc /bin/diet   the same shell
///   /bin/busybox                     for what the shell does not do itself
///   /script                          what each of them runs, in a directory of its own
/// ```
#[test]
fn programs_of_other_c_libraries_do_as_on_linux() -> Result<()> {
    let skip = |reason: &str| skip("other C libraries", reason);
    if let Some(reason) = side_by_side::missing()? {
        return skip(&reason);
    }
    let packages = match packages::unpacked(&packages::KORN_SHELLS)? {
        Ok(root) => root.join("data"),
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let busybox = match packages::busybox()? {
        Ok(program) => program,
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let root = scratch.path();
    for directory in ["bin", "dev", "proc", "tmp"] {
        fs::create_dir(root.join(directory)).context("cannot make a directory for the image")?;
    }
    fs::copy(busybox, root.join("bin/busybox")).context("cannot copy busybox")?;
    for applet in ["cat", "mkdir", "sleep"] {
        symlink("busybox", root.join("bin").join(applet)).context("cannot make a symbolic link")?;
    }
    let mut run = String::from("export PATH=/bin; cd /tmp\n");
    for (library, path) in SHELLS {
        fs::copy(packages.join(path), root.join("bin").join(library)).context("cannot copy the shell")?;
        run.push_str(&format!("print === {library}\n/bin/{library} /script {library} 2>&1\nprint === status $?\n"));
    }
    fs::write(root.join("run"), run).context("cannot write the image")?;
    fs::write(root.join("script"), include_str!("script.ksh")).context("cannot write the image")?;

    let program = ["/bin/musl", "/run"];
    let linux = side_by_side::on_linux(root, &program)?;
    ensure!(linux.matches("=== status 7\n").count() == SHELLS.len(), "the script did not end as it should:\n{linux}");
    let (strata, died) = side_by_side::in_the_guest(root, &program, Duration::from_secs(60))?;
    ensure!(strata == linux, "--- Linux\n{linux}\n--- Strata\n{strata}\n{}", died.unwrap_or_default());
    ensure!(died.is_none(), "{died:?}");
    Ok(())
}
