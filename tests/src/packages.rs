//! Real trees: Debian packages, fetched once and unpacked into one directory.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::kernel;

/// With which `tools/packages` ends where it cannot fetch.
const CANNOT_FETCH: i32 = 3;

/// Packages that are unpacked into one tree.
pub struct Packages {
    /// Where the tree is kept, below `target/packages`.
    directory: &'static str,
    names: &'static [&'static str],
}

/// Chosen for what is in them: thousands of files (ncurses-term, tzdata, vim-runtime, perl-base), symbolic links
/// (tzdata), hard links (perl-base, bzip2, gzip), set-id programs (passwd, util-linux), names that are not ASCII
/// (ca-certificates).
pub const TREES: Packages = Packages {
    directory: "trees",
    names: &[
        "bzip2",
        "ca-certificates",
        "gzip",
        "ncurses-term",
        "passwd",
        "perl-base",
        "tzdata",
        "util-linux",
        "vim-runtime",
    ],
};

/// One program that is many, linked statically.
const BUSYBOX: Packages = Packages { directory: "busybox", names: &["busybox-static"] };

/// Dynamic programs, with their interpreter and all libraries.
pub const DYNAMIC: Packages = Packages {
    directory: "dynamic",
    names: &[
        "bash",
        "coreutils",
        "git",
        "libacl1",
        "libattr1",
        "libc6",
        "libcrypt1",
        "libgmp10",
        "libpcre2-8-0",
        "libreadline8",
        "libselinux1",
        "libsqlite3-0",
        "libtinfo6",
        "perl-base",
        "sqlite3",
        "zlib1g",
    ],
};

/// `chattr` and `lsattr`, which BusyBox is built without, with their libraries.
pub const CHATTR: Packages =
    Packages { directory: "chattr", names: &["e2fsprogs", "libc6", "libcom-err2", "libext2fs2"] };

/// An interpreter with the tests of its library, and what these run.
pub const PYTHON: Packages = Packages {
    directory: "python",
    names: &[
        "bash",
        "coreutils",
        "libacl1",
        "libattr1",
        "libbz2-1.0",
        "libc6",
        "libcrypt1",
        "libdb5.3",
        "libexpat1",
        "libffi8",
        "libgmp10",
        "liblzma5",
        "libpcre2-8-0",
        "libpython3.11-minimal",
        "libpython3.11-stdlib",
        "libpython3.11-testsuite",
        "libreadline8",
        "libselinux1",
        "libsqlite3-0",
        "libssl3",
        "libtinfo6",
        "libuuid1",
        "python3.11-minimal",
        "zlib1g",
    ],
};

/// `mount`, `findmnt` and their kin, with their libraries and what scripts need.
pub const UTIL_LINUX: Packages = Packages {
    directory: "util-linux",
    names: &[
        "bash",
        "coreutils",
        "grep",
        "libacl1",
        "libattr1",
        "libblkid1",
        "libc6",
        "libcap-ng0",
        "libcrypt1",
        "libgmp10",
        "libmount1",
        "libpcre2-8-0",
        "libselinux1",
        "libsmartcols1",
        "libtinfo6",
        "libudev1",
        "mount",
        "sed",
        "util-linux",
    ],
};

/// One shell, linked with several C libraries.
pub const KORN_SHELLS: Packages = Packages { directory: "korn-shells", names: &["mksh"] };

/// Why there is no tree.
#[derive(Debug)]
pub struct Unavailable(pub String);

/// BusyBox's program, fetched the first time.
///
/// # Errors
/// Those of [`unpacked`].
pub fn busybox() -> Result<Result<PathBuf, Unavailable>> {
    Ok(unpacked(&BUSYBOX)?.map(|root| root.join("data/bin/busybox")))
}

/// A directory with one directory `data` in it, into which the packages are unpacked. They are fetched the first time
/// (`tools/packages`).
///
/// # Errors
/// Unpacking fails, or the host's file system. Being unable to fetch is an answer, not an error.
pub fn unpacked(packages: &Packages) -> Result<Result<PathBuf, Unavailable>> {
    let directory = kernel::target().join("packages").join(packages.directory);
    let output = Command::new(kernel::workspace().join("tools/packages"))
        .arg(&directory)
        .args(packages.names)
        .output()
        .context("cannot run tools/packages")?;
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(Ok(directory.join("root"))),
        Some(CANNOT_FETCH) => Ok(Err(Unavailable(told))),
        _ => bail!("tools/packages: {told}"),
    }
}

/// Makes `root` a tree that programs can be run in: that of unpacked packages, without the paths in `left_out`, with the
/// directories that are mounted on and Bash as the shell.
///
/// # Errors
/// The host's file system.
pub fn make_root(packages: &Path, left_out: &[&str], root: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-a").arg(packages.join("data")).arg(root).status().context("cannot run cp")?;
    ensure!(copied.success(), "cp: {copied}");
    for path in left_out.iter().map(|name| root.join(name)).filter(|path| path.exists()) {
        fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    for directory in ["dev", "proc", "tmp"] {
        fs::create_dir_all(root.join(directory))?;
    }
    symlink("bash", root.join("bin/sh")).context("cannot make /bin/sh")
}
