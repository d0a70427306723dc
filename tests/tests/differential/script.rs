//! A case as a shell script, to see a difference with one's own eyes.
//!
//! The script makes the layers and does the steps on Linux, in a mount namespace of its own, and prints Linux's answer
//! after each; ours stands in its comments. The system calls go through Python, as the tools of a shell do other ones
//! before and after the one that matters.

use super::case::Case;
use std::fmt::Write;

/// The script, with what differs told at its top.
pub fn script(case: &Case, what: &str) -> String {
    let mut text = String::from("#!/bin/sh\n");
    for line in what.lines() {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str("# Run as root; needs unshare, mount and python3.\n");
    text.push_str("exec unshare -m python3 - <<'END'\n");
    text.push_str(PRELUDE);
    let directories = case.layout.directories();
    let _ = writeln!(text, "DIRECTORIES = {directories:?}");
    let _ = writeln!(text, "MOUNTS = [");
    for mount in case.layout.mounts(false) {
        let _ = writeln!(text, "    ({:?}, {:?}),", mount.target, mount.options);
    }
    text.push_str("]\nstart()\n");
    for step in &case.setup {
        let _ = writeln!(text, "{step}");
    }
    text.push_str("mount()\n");
    for step in &case.steps {
        let _ = writeln!(text, "{step}");
    }
    text.push_str("show('/mnt')\nshow('/u')\nEND\n");
    text
}

const PRELUDE: &str = include_str!("script_prelude.py");
