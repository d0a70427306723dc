//! Mounts made step by step are answered in the guest as on Linux (`tests/calls`), and Debian's `mount`, `findmnt` and
//! their kin do there what they do on Linux.

#![forbid(unsafe_code)]

use std::time::Duration;

use anyhow::Result;
use tests::{packages, side_by_side};

/// What no program of the script looks at, and is large.
const LEFT_OUT: [&str; 3] = ["usr/share", "usr/lib/x86_64-linux-gnu/gconv", "var"];

const FILES: [(&str, &str); 2] =
    [("util-linux.sh", include_str!("util-linux.sh")), ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")];

#[test]
fn mounts_made_step_by_step_are_as_on_linux() -> Result<()> {
    side_by_side::compare("calls", "mounts")
}

#[test]
fn mounts_made_and_moved_in_any_order_are_as_on_linux() -> Result<()> {
    side_by_side::compare("calls", "any-mounts")
}

#[test]
fn the_tools_of_util_linux_do_in_the_guest_what_they_do_on_linux() -> Result<()> {
    side_by_side::compare_script(&packages::UTIL_LINUX, &LEFT_OUT, &FILES, Duration::from_secs(120))
}
