//! Tests that this machine cannot run.

use std::io::{self, Write};

use anyhow::Result;

/// Says that a test is skipped, past the harness's capture: nobody may take a test that did nothing for one that passed
/// unseen.
///
/// # Errors
/// There is nobody to tell.
pub fn skip(what: &str, reason: &str) -> Result<()> {
    Ok(writeln!(io::stderr(), "SKIPPED: {what}: {reason}")?)
}
