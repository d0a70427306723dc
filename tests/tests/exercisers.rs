//! Well-known exercisers of file systems, unmodified, on an overlay in the guest: their verdict is the test's.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tests::kernel::{self, Run};
use tools::image;

/// Random reads, writes, mappings, cuts, holes and copies of one file, each read compared with what was written (crates.io).
const FSX_VERSION: &str = "0.3.2";

/// What host programs are built for, so that they are told to be static whatever the host's default is.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// What `fsx` does, by weight.
const FSX_CONFIGURATION: &str = "\
[weights]
close_open = 1
invalidate = 1
mapread = 10
mapwrite = 10
read = 10
write = 10
truncate = 10
fsync = 1
fdatasync = 1
posix_fallocate = 5
punch_hole = 10
posix_fadvise = 1
sendfile = 5
copy_file_range = 10
";

/// `fsx`, built from the registry the first time; why not, if that is out of reach.
fn fsx() -> Result<Result<PathBuf, String>> {
    let root = kernel::target().join("packages").join(format!("fsx-{FSX_VERSION}"));
    let program = root.join("bin/fsx");
    if program.exists() {
        return Ok(Ok(program));
    }
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["install", "-q", "fsx", "--version", FSX_VERSION, "--locked", "--target", HOST, "--root"])
        .arg(&root)
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        // Neither this workspace's configuration nor its directory of builds.
        .current_dir("/")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .context("cannot run cargo")?;
    if output.status.success() {
        return Ok(Ok(program));
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let out_of_reach = ["failed to download", "failed to fetch", "network", "could not connect", "resolve host"];
    if out_of_reach.iter().any(|sign| reason.contains(sign)) {
        return Ok(Err(reason));
    }
    bail!("fsx does not build: {reason}")
}

/// An image with `/lower/file`, which is there before, and the program with its configuration.
fn make_image(program: &Path, root: &Path) -> Result<()> {
    for directory in ["lower", "state", "merged", "dev", "proc"] {
        fs::create_dir(root.join(directory))?;
    }
    fs::write(root.join("lower/file"), [b'l'; 100_000])?;
    fs::write(root.join("fsx.toml"), FSX_CONFIGURATION)?;
    fs::copy(program, root.join("fsx")).context("cannot copy fsx")?;
    Ok(())
}

/// Lets `fsx` do so many operations for each seed.
///
/// ```text
///   /merged   overlay: /state (tmpfs) over /lower, whiteouts as of OCI; fsx works on /merged/file
/// ```
fn exercise(operations: u32, seeds: &[u32], timeout: Duration) -> Result<()> {
    let program = match fsx()? {
        Ok(program) => program,
        Err(reason) => {
            // Past the harness's capture: nobody may take a test that did nothing for one that passed unseen.
            return Ok(writeln!(io::stderr(), "SKIPPED: fsx in the guest: {reason}")?);
        }
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    make_image(&program, scratch.path())?;
    let mut run = Run::new()?;
    let archive = run.directory().join("image.cpio");
    let skipped = image::build(scratch.path(), &archive, &image::Options { owner: None, gzip: false }, &mut |_| {})?;
    ensure!(skipped.is_empty(), "left out of the image: {skipped:?}");
    run.machine.initramfs = Some(archive);
    run.timeout = timeout;
    let mut script = String::from(
        "mount -t tmpfs none /state
mkdir /state/upper
mount -t overlay -o lowerdir=/lower,upperdir=/state/upper,whiteout=oci none /merged
cd /merged
",
    );
    for seed in seeds {
        script += &format!("/fsx -f /fsx.toml -P /state -N {operations} -S {seed} file; echo status $?\n");
    }
    let begun = Instant::now();
    let text = run.script(&script)?.text()?;
    let verdicts = text.matches("All operations completed A-OK!\nstatus 0\n").count();
    ensure!(verdicts == seeds.len(), "{verdicts} of {} runs went well:\n{text}", seeds.len());
    writeln!(io::stderr(), "fsx: {} times {operations} operations in {:.1?}", seeds.len(), begun.elapsed())?;
    Ok(())
}

#[test]
fn fsx_finds_nothing_in_a_hundred_thousand_operations() -> Result<()> {
    exercise(25_000, &[1, 2, 3, 4], Duration::from_secs(300))
}

/// A run maps a file at every seventh operation or so and unmaps a half of that: one of a million would have more mappings
/// than a process may have, on Linux too.
#[test]
#[ignore = "a long run: make soak"]
fn fsx_finds_nothing_in_a_million_operations() -> Result<()> {
    exercise(100_000, &[11, 12, 13, 14, 15, 16, 17, 18, 19, 20], Duration::from_secs(3600))
}
