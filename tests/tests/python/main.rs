//! CPython's own tests of what it asks of the system, unmodified: files, mappings, signals, threads, processes, waiting,
//! databases. Debian's interpreter runs them in the guest and on Linux, in a chroot of the same tree, and each of the
//! thousands of tests must say the same on both.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::packages::{self, Unavailable};
use tests::side_by_side;
use tests::skipping::skip;

/// The modules of tests that always run: quick, and about files.
const QUICK: [&str; 4] = ["test_fcntl", "test_mmap", "test_posix", "test_stat"];

/// Those that run besides where there is time.
const LONG: [&str; 38] = [
    "test_bufio",
    "test_concurrent_futures",
    "test_dbm",
    "test_eintr",
    "test_epoll",
    "test_faulthandler",
    "test_file",
    "test_filecmp",
    "test_fileinput",
    "test_fileio",
    "test_fork1",
    "test_glob",
    "test_grp",
    "test_io",
    "test_mailbox",
    "test_os",
    "test_pathlib",
    "test_pipes",
    "test_poll",
    "test_popen",
    "test_posixpath",
    "test_pwd",
    "test_resource",
    "test_select",
    "test_selectors",
    "test_shutil",
    "test_signal",
    "test_socketserver",
    "test_sqlite3",
    "test_subprocess",
    "test_tarfile",
    "test_tempfile",
    "test_thread",
    "test_threading",
    "test_threadsignals",
    "test_wait3",
    "test_wait4",
    "test_zipfile",
];

/// What may differ, and why: the beginning of a test's name with its module.
const MAY_DIFFER: [(&str, &str); 13] = [
    ("test_eintr EINTRTests.test_all", "contains the next"),
    ("test_eintr SocketEINTRTest.test_accept", "no networks"),
    ("test_epoll TestEPoll", "no networks"),
    ("test_os FDInheritanceTests.test_openpty", "no pseudo-terminals"),
    ("test_os TestScandir.test_attributes", "fails on Linux: it compares the devices of an overlay's files"),
    ("test_os TestSendfile", "no networks"),
    ("test_selectors EpollSelectorTestCase.test_above_fd_setsize", "wants more open files than there may be"),
    ("test_selectors PollSelectorTestCase.test_above_fd_setsize", "wants more open files than there may be"),
    ("test_signal WakeupFDTests.test_invalid_socket", "no networks"),
    ("test_signal WakeupFDTests.test_set_wakeup_fd_socket_result", "no networks"),
    ("test_socketserver SocketServerTest.test_TCP", "no networks"),
    ("test_socketserver SocketServerTest.test_UDP", "no networks"),
    ("test_subprocess POSIXProcessTestCase.test_std", "no pseudo-terminals"),
];

/// What no test looks at, and is large.
const LEFT_OUT: [&str; 5] = [
    "usr/share",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/python3.11/lib2to3",
    "usr/lib/python3.11/ensurepip",
    "var",
];

/// What runs one module after the other; a module that hangs is ended.
const SCRIPT: &str = r#"cd /tmp
export PATH=/usr/bin:/bin HOME=/root LC_ALL=C TZ=UTC0
for module in "$@"; do
    echo "=== $module"
    timeout -s KILL 600 python3.11 -m test -v "$module" < /dev/null 2>&1
    echo "=== status $?"
done
echo "=== end"
"#;

/// The packages' tree without what nobody needs, with what a system has besides.
fn make_root(packages: &Path, root: &Path) -> Result<()> {
    packages::make_root(packages, &LEFT_OUT, root)?;
    fs::create_dir_all(root.join("root"))?;
    fs::create_dir_all(root.join("etc"))?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")?;
    fs::write(root.join("run.sh"), SCRIPT).context("cannot write the script")
}

/// What each test said, by its module and name. A line is `name (package.module.Class.name) ... verdict`; what a test
/// prints may come between, so that a verdict may stand elsewhere: such a test is left out.
fn verdicts(text: &str) -> BTreeMap<String, &str> {
    let mut module = "";
    let mut verdicts = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            module = if name.starts_with("status") { module } else { name };
            continue;
        }
        let Some((test, verdict)) = line.split_once(" ... ") else { continue };
        let Some((_, path)) = test.strip_suffix(')').and_then(|test| test.rsplit_once(" (")) else { continue };
        let verdict =
            ["ok", "FAIL", "ERROR", "skipped", "expected failure"].iter().find(|word| verdict.starts_with(**word));
        let names: Vec<&str> = path.rsplitn(3, '.').collect();
        if let (Some(verdict), [name, class, _]) = (verdict, &names[..]) {
            verdicts.insert(format!("{module} {class}.{name}"), *verdict);
        }
    }
    verdicts
}

/// Runs those modules on both sides and compares; `at_least` so many tests must have passed on Linux.
fn compare(modules: &[&str], at_least: usize, timeout: Duration) -> Result<()> {
    let skip = |reason: &str| skip("CPython's tests in the guest and on Linux", reason);
    if let Some(reason) = side_by_side::missing()? {
        return skip(&reason);
    }
    let packages = match packages::unpacked(&packages::PYTHON)? {
        Ok(root) => root,
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let root = scratch.path().join("root");
    make_root(&packages, &root)?;
    let program: Vec<&str> = ["/bin/bash", "/run.sh"].iter().chain(modules).copied().collect();
    let (strata, died) = side_by_side::in_the_guest(&root, &program, timeout)?;
    ensure!(strata.ends_with("=== end\n"), "the guest did not come to the end: {died:?}\n{strata}");
    let linux = side_by_side::on_linux(&root, &program)?;
    let (expected, found) = (verdicts(&linux), verdicts(&strata));
    let passed = expected.values().filter(|verdict| **verdict == "ok").count();
    ensure!(passed >= at_least, "on Linux only {passed} tests passed:\n{linux}");
    let mut differences = String::new();
    for (test, verdict) in expected.iter().filter(|(_, verdict)| **verdict != "skipped") {
        let told = found.get(test).unwrap_or(&"nothing");
        if told != verdict && !MAY_DIFFER.iter().any(|(name, _)| test.starts_with(name)) {
            writeln!(differences, "{test}: {verdict} on Linux, {told} here")?;
        }
    }
    ensure!(differences.is_empty(), "{differences}\n--- Strata\n{strata}");
    println!("{passed} tests passed on Linux, and said the same here");
    Ok(())
}

#[test]
fn python_finds_files_and_mappings_as_on_linux() -> Result<()> {
    compare(&QUICK, 150, Duration::from_secs(300))
}

#[test]
#[ignore = "a long run: make soak"]
fn python_finds_the_system_as_on_linux() -> Result<()> {
    compare(&LONG, 3000, Duration::from_secs(3600))
}
