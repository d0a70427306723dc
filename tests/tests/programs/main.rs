//! Unmodified programs behave as on Linux: BusyBox, as Debian ships it, runs the same scripts in the guest and on the
//! host, in a chroot of the same image, and what they print is compared byte by byte.
//!
//! The scripts are in `cases/`, many in a file, each under a line `## what it is about`. Each gets a fresh root, an
//! overlay over the image (`run.sh`), in which `/tree` is what `tree.sh` makes. `CASE=text cargo test -p tests --test
//! programs` runs only those whose line has the text in it.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tests::packages::{self, Unavailable};
use tests::side_by_side;
use tests::skipping::skip;
use tools::busybox;

/// What the programs are tested with, by subject.
const FILES: [(&str, &str); 11] = [
    ("archives", include_str!("cases/archives.sh")),
    ("example", include_str!("cases/example.sh")),
    ("files", include_str!("cases/files.sh")),
    ("find and tar", include_str!("cases/find_and_tar.sh")),
    ("images", include_str!("cases/images.sh")),
    ("mounts", include_str!("cases/mounts.sh")),
    ("overlay", include_str!("cases/overlay.sh")),
    ("pipes", include_str!("cases/pipes.sh")),
    ("privileges", include_str!("cases/privileges.sh")),
    ("shell", include_str!("cases/shell.sh")),
    ("text", include_str!("cases/text.sh")),
];

/// How long the guest may take for all of them.
const LONGEST: Duration = Duration::from_secs(300);

/// How many cases there are at least: less than that were lost on the way here.
const CASES_MIN: usize = 150;

/// What the guest cannot do yet, and what is missing for it. One that does as Linux must be taken off.
const NOT_YET: [(&str, &str); 0] = [];

/// A script, and what it shows.
struct Case {
    title: String,
    script: &'static str,
}

/// The cases of all files, under the numbers that they run by.
fn cases() -> BTreeMap<String, Case> {
    let wanted = std::env::var("CASE").unwrap_or_default();
    let all = FILES.iter().flat_map(|(subject, text)| {
        let parts = text.split("## ").skip(1).filter_map(|part| part.split_once('\n'));
        parts.map(move |(title, script)| Case { title: format!("{subject}: {title}"), script })
    });
    let all: Vec<Case> = all.collect();
    assert!(all.len() >= CASES_MIN, "{} cases", all.len());
    let numbered = all.into_iter().enumerate().map(|(number, case)| (format!("{number:03}"), case));
    numbered.filter(|(_, case)| case.title.contains(&wanted)).collect()
}

/// What of the packages that have `chattr` is in the image.
const CHATTR_FILES: [&str; 6] = [
    "usr/bin/chattr",
    "usr/bin/lsattr",
    "lib/x86_64-linux-gnu/libc.so.6",
    "lib/x86_64-linux-gnu/libcom_err.so.2",
    "lib/x86_64-linux-gnu/libe2p.so.2",
    "lib64/ld-linux-x86-64.so.2",
];

/// Gives the image the two programs that BusyBox does not have.
fn install_chattr(packages: &Path, image: &Path) -> Result<()> {
    for file in CHATTR_FILES {
        let to = image.join(file.strip_prefix("usr/").unwrap_or(file));
        fs::create_dir_all(to.parent().context("a file has a directory")?)?;
        fs::copy(packages.join("data").join(file), to).with_context(|| format!("no {file}"))?;
    }
    Ok(())
}

/// The image that both sides start from: `/image`, which is each case's lower layer, and what is needed to get there.
fn make_image(program: &Path, chattr: &Path, cases: &BTreeMap<String, Case>, root: &Path) -> Result<()> {
    let image = root.join("image");
    for directory in ["bin", "dev", "proc", "state", "image/bin", "image/cases", "image/etc", "image/root"] {
        fs::create_dir_all(root.join(directory))?;
    }
    for directory in ["dev", "home", "proc", "tmp"] {
        fs::create_dir(image.join(directory))?;
    }
    busybox::install(program, &root.join("bin"))?;
    busybox::install(program, &image.join("bin"))?;
    install_chattr(chattr, &image)?;
    fs::write(image.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:100:user:/home:/bin/sh\n")?;
    fs::write(image.join("etc/group"), "root:x:0:\nusers:x:100:\nothers:x:200:user\n")?;
    for (name, text) in [("listing", include_str!("listing.sh")), ("links", include_str!("links.sh"))] {
        let script = image.join("bin").join(name);
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    for (number, case) in cases {
        fs::write(image.join("cases").join(number), case.script)?;
    }
    fs::write(root.join("run.sh"), include_str!("run.sh"))?;
    let made = Command::new("sh").args(["-c", include_str!("tree.sh")]).current_dir(&image).output()?;
    ensure!(made.status.success(), "tree.sh: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// What each case printed, with its status at the end, by number.
fn answers(text: &str) -> BTreeMap<&str, String> {
    let mut answers = BTreeMap::new();
    let mut current = "";
    for (heading, rest) in text.split("=== ").filter_map(|part| part.split_once('\n')) {
        if heading.starts_with("status ") {
            let answer: &mut String = answers.entry(current).or_default();
            answer.push_str(heading);
            answer.push('\n');
        } else {
            current = heading;
            answers.insert(current, rest.to_owned());
        }
    }
    answers
}

/// ```text
///   /state/upper   tmpfs         what a case changes
///   /image         lower         BusyBox, /tree, the cases
/// ```
#[test]
fn programs_do_in_the_guest_what_they_do_on_linux() -> Result<()> {
    let skip = |reason: &str| skip("programs in the guest and on Linux", reason);
    if let Some(reason) = side_by_side::missing()? {
        return skip(&reason);
    }
    let busybox = match packages::busybox()? {
        Ok(program) => program,
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let chattr = match packages::unpacked(&packages::CHATTR)? {
        Ok(root) => root,
        Err(Unavailable(reason)) => return skip(&reason),
    };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let cases = cases();
    make_image(&busybox, &chattr, &cases, scratch.path())?;
    let program = ["/bin/busybox", "sh", "/run.sh"];
    let linux = side_by_side::on_linux(scratch.path(), &program)?;
    let (strata, died) = side_by_side::in_the_guest(scratch.path(), &program, LONGEST)?;
    let (linux, strata) = (answers(&linux), answers(&strata));
    let mut differences = String::new();
    let mut count = 0;
    for (number, case) in &cases {
        let expected = linux.get(number.as_str()).with_context(|| format!("Linux did not run {}", case.title))?;
        let found = strata.get(number.as_str()).map_or("(did not run)\n", String::as_str);
        let missing = NOT_YET.iter().find(|(title, _)| *title == case.title);
        if let Some((title, missing)) = missing.filter(|_| found == expected) {
            count += 1;
            writeln!(differences, "## {title}\ndoes as on Linux, and is said not to: {missing}")?;
        }
        if found != expected && missing.is_none() {
            count += 1;
            writeln!(differences, "## {}\n{}--- Linux\n{expected}--- Strata\n{found}", case.title, case.script)?;
        }
    }
    let died = died.unwrap_or_default();
    ensure!(count == 0, "{count} of {} cases differ\n{differences}\n{died}", cases.len());
    ensure!(died.is_empty(), "{died}");
    Ok(())
}
