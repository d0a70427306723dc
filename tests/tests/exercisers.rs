//! Well-known exercisers of file systems, unmodified, on an overlay in the guest: their verdict is the test's.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tests::kernel::{self, Run};
use tests::packages::{self, Unavailable};
use tests::side_by_side;
use tests::skipping::skip;

/// Random reads, writes, mappings, cuts, holes and copies of one file, each read compared with what was written (crates.io).
const FSX_VERSION: &str = "0.3.2";

/// What POSIX says of each call on files: results, errnos, rights, times (crates.io).
const PJDFSTEST_VERSION: &str = "0.2.2";

/// How many of its tests pass on Linux at least: with less there it did not run as it should.
const PJDFSTEST_PASSED: usize = 300;

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

/// A program of the crates' registry, static, built the first time; why not, if the registry is out of reach.
fn installed(name: &str, version: &str) -> Result<Result<PathBuf, String>> {
    let root = kernel::target().join("packages").join(format!("{name}-{version}"));
    let program = root.join("bin").join(name);
    if program.exists() {
        return Ok(Ok(program));
    }
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["install", "-q", name, "--version", version, "--locked", "--target", HOST, "--root"])
        .arg(&root)
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        // It is run for seconds: quickly built is better than quick.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
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
    bail!("{name} does not build: {reason}")
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
    let program = match installed("fsx", FSX_VERSION)? {
        Ok(program) => program,
        Err(reason) => return skip("fsx in the guest", &reason),
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    make_image(&program, scratch.path())?;
    let mut run = Run::new()?;
    run.boot(scratch.path())?;
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

/// What `pjdfstest` is told: what there is to be tested, and who two users are.
const PJDFSTEST_CONFIGURATION: &str = "\
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}

[settings]
naptime = 0.01

[dummy_auth]
entries = [[\"nobody\", \"nobody\"], [\"tests\", \"tests\"]]
";

/// Mounts the overlay and runs `pjdfstest` there.
const PJDFSTEST_SCRIPT: &str = "\
PATH=/bin
mount -t tmpfs none /state
mkdir /state/upper /state/work /state/merged
mount -t overlay -o lowerdir=/lower,upperdir=/state/upper,workdir=/state/work none /state/merged
cd /state/merged
pjdfstest -c /etc/pjdfstest.toml -p /state/merged 2> /dev/null
echo status $?
";

/// Each of its tests says here what it says on Linux's overlayfs. (Some it fails there: it makes devices 0/0, which are
/// whiteouts to an overlay.)
///
/// ```text
///   /state/merged   overlay: /state/upper (tmpfs) over /lower
/// ```
#[test]
fn pjdfstest_finds_what_it_finds_on_linux() -> Result<()> {
    let skip = |reason: &str| skip("pjdfstest in the guest and on Linux", reason);
    if let Some(reason) = side_by_side::missing()? {
        return skip(&reason);
    }
    let program = match installed("pjdfstest", PJDFSTEST_VERSION)? {
        Ok(program) => program,
        Err(reason) => return skip(&reason),
    };
    let busybox = match packages::busybox()? {
        Ok(program) => program,
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let root = scratch.path();
    for directory in ["bin", "dev", "etc", "lower", "proc", "state"] {
        fs::create_dir(root.join(directory)).context("cannot make a directory for the image")?;
    }
    fs::copy(busybox, root.join("bin/busybox")).context("cannot copy busybox")?;
    // No more than these: with a `sleep` it would look for `ETXTBSY` by one that ends at once, under a name of its own.
    for applet in ["mkdir", "mount"] {
        symlink("busybox", root.join("bin").join(applet)).context("cannot make a symbolic link")?;
    }
    fs::copy(program, root.join("bin/pjdfstest")).context("cannot copy pjdfstest")?;
    for (name, text) in [
        ("etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\ntests:x:1001:1001::/:/bin/sh\n"),
        ("etc/group", "root:x:0:\nnobody:x:65534:\ntests:x:1001:\n"),
        ("etc/pjdfstest.toml", PJDFSTEST_CONFIGURATION),
        ("run.sh", PJDFSTEST_SCRIPT),
    ] {
        fs::write(root.join(name), text).context("cannot write the image")?;
    }
    let program = ["/bin/busybox", "sh", "/run.sh"];
    let linux = side_by_side::on_linux(root, &program)?;
    let passed = linux.lines().filter(|line| line.ends_with(" ok")).count();
    ensure!(passed >= PJDFSTEST_PASSED && linux.contains("Summary: "), "{passed} tests pass on Linux:\n{linux}");
    let (strata, died) = side_by_side::in_the_guest(root, &program, Duration::from_secs(120))?;
    let died = died.unwrap_or_default();
    let differs = linux.lines().zip(strata.lines()).find(|(linux, strata)| linux != strata);
    ensure!(strata == linux, "first difference: {differs:?}\n--- Linux\n{linux}\n--- Strata\n{strata}\n{died}");
    ensure!(died.is_empty(), "{died}");
    Ok(())
}
