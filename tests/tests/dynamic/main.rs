//! Dynamic programs behave as on Linux: Debian's `bash`, `coreutils`, `git`, `sqlite3` and `perl` with their libraries,
//! unmodified. A script runs in the guest and on the host, in a chroot of the same tree, and what it prints is compared
//! byte by byte.

use std::time::Duration;

use anyhow::Result;
use tests::{packages, side_by_side};

/// What no program of the script looks at, and is large.
const LEFT_OUT: [&str; 4] = ["usr/share", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/audit", "var"];

const FILES: [(&str, &str); 3] =
    [("run.sh", include_str!("run.sh")), ("jobs.sh", include_str!("jobs.sh")), ("tools.sh", include_str!("tools.sh"))];

#[test]
fn dynamic_programs_do_in_the_guest_what_they_do_on_linux() -> Result<()> {
    side_by_side::compare_script(&packages::DYNAMIC, &LEFT_OUT, &FILES, Duration::from_secs(180))
}
