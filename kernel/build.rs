//! Hands the boot crate's linker script to the linker.

use std::path::Path;

fn main() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boot/linker.ld");
    println!("cargo:rerun-if-changed={}", script.display());
    // Another target has a loader of its own: `cargo check` on the host must not fail for want of one.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-arg-bins=-T{}", script.display());
        println!("cargo:rustc-link-arg-bins=--no-pie");
        // linkme's slices are reached only by the symbols that the linker makes for their sections.
        println!("cargo:rustc-link-arg-bins=-znostart-stop-gc");
    }
}
