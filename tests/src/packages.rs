//! Real trees: Debian packages, fetched once and unpacked into one directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::kernel;

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
pub const BUSYBOX: Packages = Packages { directory: "busybox", names: &["busybox-static"] };

/// Dynamic programs, with their interpreter and all libraries.
pub const DYNAMIC: Packages = Packages {
    directory: "dynamic",
    names: &[
        "bash",
        "coreutils",
        "libacl1",
        "libattr1",
        "libc6",
        "libgmp10",
        "libpcre2-8-0",
        "libselinux1",
        "libtinfo6",
    ],
};

/// Why there is no tree.
#[derive(Debug)]
pub struct Unavailable(pub String);

/// A directory with one directory `data` in it, into which the packages are unpacked. They are fetched the first time.
///
/// # Errors
/// Unpacking fails, or the host's file system. Being unable to fetch is an answer, not an error.
pub fn unpacked(packages: &Packages) -> Result<Result<PathBuf, Unavailable>> {
    let directory = kernel::target().join("packages").join(packages.directory);
    let root = directory.join("root");
    // Written last: the mark of a complete tree, and of which packages are in it.
    let mark = directory.join("complete");
    let names = packages.names.join("\n");
    if fs::read_to_string(&mark).is_ok_and(|complete| complete == names) {
        return Ok(Ok(root));
    }
    if directory.exists() {
        fs::remove_dir_all(&directory).context("cannot remove the old packages")?;
    }
    let archives = directory.join("archives");
    fs::create_dir_all(&archives).context("cannot make a directory for the packages")?;
    if let Err(reason) = fetch(packages, &archives) {
        return Ok(Err(Unavailable(reason)));
    }
    let data = root.join("data");
    fs::create_dir_all(&data).context("cannot make a directory for the tree")?;
    for entry in fs::read_dir(&archives).context("cannot list the packages")? {
        unpack(&entry.context("cannot list the packages")?.path(), &data)?;
    }
    fs::write(&mark, names).context("cannot mark the tree as complete")?;
    Ok(Ok(root))
}

/// Downloads the packages, as any user may.
fn fetch(packages: &Packages, archives: &Path) -> Result<(), String> {
    let output = Command::new("apt-get")
        .args(["download", "-qq"])
        .args(packages.names)
        .current_dir(archives)
        .output()
        .map_err(|error| format!("apt-get: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("apt-get download: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn unpack(archive: &Path, tree: &Path) -> Result<()> {
    let output = Command::new("dpkg-deb").arg("-x").args([archive, tree]).output().context("cannot run dpkg-deb")?;
    ensure!(output.status.success(), "dpkg-deb: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
