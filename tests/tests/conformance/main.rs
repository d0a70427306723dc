//! Replays what Linux's overlayfs did in the unionmount test suite (`tests/conformance/`) on Strata's overlay.
//!
//! ```text
//!   /upper   f                    an overlay of the two at /mnt,
//!   /lower   a/ (see `fixture`)   fresh for each of the 58 tests
//! ```
//! Compared are results and errnos, what `stat` shows (also which names are one inode), symbolic times, contents, the
//! whole merged tree at the end of each test, and the upper layer. All differences are collected and printed with
//! test, case and line. Not compared: a directory's size and link count, and marks in the upper layer that only save
//! work (`impure`, `origin`, and `opaque` where no lower layer has the directory).

#![forbid(unsafe_code)]

mod fixture;
mod replay;
mod upper;

use replay::Replay;
use std::io::Read;
use std::path::Path;

#[test]
fn linux_recorded_outcomes_are_ours() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/unionmount-ov.trace.gz");
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("skipped: {}: {error}", path.display());
            return;
        }
    };
    let mut trace = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut trace).expect("the recorded cases are readable");

    let mut replay = Replay::default();
    for (index, line) in trace.lines().enumerate() {
        replay.line(index + 1, line);
    }
    let done = replay.finish();
    println!("{} operations in {} cases of {} tests", done.operations, done.cases, done.tests);
    assert_eq!((done.operations, done.cases, done.tests), (13_277, 359, 58), "the recording is not whole");
    assert!(done.differences.is_empty(), "{} differences\n{}", done.differences.len(), done.differences.join("\n"));
}
