//! Programs of this workspace as the guest runs them: linked statically.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::kernel;

/// The host's target: only naming it keeps what is linked statically apart from the rest of the build.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The program that the package of that name is.
///
/// # Errors
/// It does not build.
pub fn build(package: &str) -> Result<PathBuf> {
    let output = kernel::cargo()
        .args(["build", "-q", "--release", "-p", package, "--target", TARGET])
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "{package} does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(kernel::target().join(TARGET).join("release").join(package))
}
