//! What the owners of files are told, and when, is in the guest as on Linux (`tests/calls`).

#![forbid(unsafe_code)]

use anyhow::Result;
use tests::side_by_side;

#[test]
fn owners_of_files_are_told_as_on_linux() -> Result<()> {
    side_by_side::compare("calls", "files")
}
