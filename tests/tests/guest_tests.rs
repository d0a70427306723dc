//! Tests of the guest show as cargo tests, each with its own verdict, also those that take the guest down.

use anyhow::{Context, Result};
use tests::kernel::cargo;

/// Runs `cargo ktest` on the tests that go wrong on purpose; returns whether it passed, and its output.
fn faulty(arguments: &[&str]) -> Result<(bool, String)> {
    let output = cargo()
        .args(["ktest", "-q", "--"])
        .args(arguments)
        .envs([("APPEND", "ktest.faulty"), ("TIMEOUT", "3")])
        .output()
        .context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Without the test program's own output there is nothing to look at: then cargo's messages say why.
    let text = if text.is_empty() { String::from_utf8_lossy(&output.stderr).into_owned() } else { text };
    Ok((output.status.success(), text))
}

/// The verdict of the test whose name ends so.
fn verdict<'a>(output: &'a str, name: &str) -> Option<&'a str> {
    let line = output.lines().find(|line| line.starts_with("test ") && line.contains(name))?;
    line.rsplit_once("... ").map(|(_, verdict)| verdict)
}

/// What stands under a failed test.
fn report<'a>(output: &'a str, name: &str) -> &'a str {
    let start = output.find(&format!("---- ktest::faulty::{name} ----")).unwrap_or(output.len());
    let rest = &output[start..];
    rest.split("\n\n").next().unwrap_or(rest)
}

/// ```text
/// a panics ─ boot again ─ b faults ─ boot again ─ c, d leak; e, f … ─ g hangs ─ boot again ─ h resets ─ the end
/// ```
#[test]
fn every_test_has_its_verdict_whatever_the_others_do() -> Result<()> {
    let (passed, output) = faulty(&[])?;
    assert!(!passed, "{output}");
    let failing = [
        ("a_panic_fails_and_the_next_still_runs", "panicked: on purpose"),
        ("b_exception_fails", "divide"),
        ("c_heap_leak_fails", "leaked"),
        ("d_frame_leak_fails", "leaked"),
        ("e_missing_panic_fails", ""),
        ("f_other_panic_fails", "panicked without \"something else\""),
        ("g_hang_is_named_by_the_watchdog", "timeout after 3 s"),
        ("h_triple_fault_ends_without_a_verdict", "triple fault"),
    ];
    for (name, reason) in failing {
        assert_eq!(verdict(&output, name), Some("FAILED"), "{name} in {output}");
        let report = report(&output, name).to_lowercase();
        assert!(report.contains(reason), "{name}: {report}");
    }
    // Where a test died is told by function, file and line.
    let hang = report(&output, "g_hang_is_named_by_the_watchdog");
    assert!(hang.contains("faulty::hang kernel/src/ktest/faulty.rs:"), "{hang}");
    assert!(output.contains("test result: FAILED. 0 passed; 8 failed;"), "{output}");
    Ok(())
}

/// A filter selects by part of the name, in the guest as well; `--exact` by the whole; `--list` runs nothing.
#[test]
fn filters_and_lists_work_as_for_any_cargo_test() -> Result<()> {
    let (passed, output) = faulty(&["leak"])?;
    assert!(!passed);
    assert!(output.contains("0 passed; 2 failed; 0 ignored; 0 measured; 6 filtered out"), "{output}");

    let (passed, output) = faulty(&["leak", "--exact"])?;
    assert!(passed, "{output}");
    assert!(output.contains("0 passed; 0 failed; 0 ignored; 0 measured; 8 filtered out"), "{output}");

    let (passed, output) = faulty(&["--list"])?;
    assert!(passed, "{output}");
    assert_eq!(output.lines().filter(|line| line.ends_with(": test")).count(), 8, "{output}");
    Ok(())
}
