//! What handles of files on an overlay are good for is the same in the guest as on Linux (`tests/calls`).

#![forbid(unsafe_code)]

use anyhow::Result;
use tests::side_by_side;

#[test]
fn handles_lead_to_the_same_on_both_sides() -> Result<()> {
    side_by_side::compare("calls", "handles")
}
