//! Mounts made step by step are answered in the guest as on Linux (`tests/calls`).

#![forbid(unsafe_code)]

use anyhow::Result;
use tests::side_by_side;

#[test]
fn mounts_made_step_by_step_are_as_on_linux() -> Result<()> {
    side_by_side::compare("calls", "mounts")
}
