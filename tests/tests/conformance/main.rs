//! What Linux's overlayfs did in the unionmount test suite (see [`recorded`]), compared with Strata's: its file-system
//! half called on the host, and its kernel asked by system calls in the guest. The program that asks there is run on
//! Linux too, so that it is known to ask what was recorded.

#![forbid(unsafe_code)]

mod strata;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use recorded::replay;
use strata::Strata;
use tests::{programs, side_by_side, skipping};

/// What a replay without a difference ends with.
const COMPLETE: &str = "13277 operations in 359 cases of 58 tests, 0 differences\n";

/// The recording; says that the test is skipped where it is missing.
fn recording() -> Result<Option<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/unionmount-ov.trace.gz");
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) => return skip(&format!("{}: {error}", path.display())).map(|()| None),
    };
    let mut trace = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut trace).context("the recorded cases")?;
    Ok(Some(trace))
}

fn skip(reason: &str) -> Result<()> {
    skipping::skip("recorded cases", reason)
}

#[test]
fn linux_recorded_outcomes_are_ours() -> Result<()> {
    let Some(trace) = recording()? else { return Ok(()) };
    let report = replay(&trace, || Ok(Strata::new()));
    let differences = report.differences.join("\n");
    ensure!(format!("{report}\n") == COMPLETE, "{report}\n{differences}");
    Ok(())
}

/// ```text
///   /state     a tmpfs with lower, upper and overlay, fresh for each test
///   /recorded  the program, static
///   /trace     the recording
/// ```
#[test]
fn linux_recorded_outcomes_are_ours_by_system_calls() -> Result<()> {
    let Some(trace) = recording()? else { return Ok(()) };
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let root = image_of(&trace, scratch.path())?;
    let program = ["/recorded", "/trace", "/state", "whiteout=linux"];
    let (answer, died) = side_by_side::in_the_guest(&root, &program, Duration::from_secs(120))?;
    ensure!(answer == COMPLETE && died.is_none(), "{answer}\n{}", died.unwrap_or_default());
    Ok(())
}

#[test]
fn the_program_asks_linux_what_was_recorded() -> Result<()> {
    let Some(trace) = recording()? else { return Ok(()) };
    if let Some(reason) = side_by_side::missing()? {
        return skip(&reason);
    }
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let root = image_of(&trace, scratch.path())?;
    let answer = side_by_side::on_linux(&root, &["/recorded", "/trace", "/state"])?;
    ensure!(answer == COMPLETE, "{answer}");
    Ok(())
}

/// A directory with the program, the recording, and a place to work in.
fn image_of(trace: &str, directory: &Path) -> Result<PathBuf> {
    let root = directory.join("root");
    for directory in ["dev", "proc", "state"] {
        fs::create_dir_all(root.join(directory)).context("cannot make a directory for the image")?;
    }
    fs::copy(programs::build("recorded")?, root.join("recorded")).context("cannot copy the program")?;
    fs::write(root.join("trace"), trace).context("cannot write the recording")?;
    Ok(root)
}
