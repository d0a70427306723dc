//! A guest that ends badly says how, and the host's exit status tells it.

use std::time::Duration;

use anyhow::Result;
use tests::kernel::{Ran, Run};
use tools::guest::Ending;

/// Boots with one word on the kernel's command line.
fn provoked(word: &str, timeout: u64) -> Result<Ran> {
    let mut run = Run::new()?;
    run.machine.append.push(word.to_owned());
    run.timeout = Duration::from_secs(timeout);
    run.script("echo never\n")
}

/// A panic: its message, and the functions that led there, by name, file and line.
#[test]
fn a_panic_is_reported_with_functions_and_lines() -> Result<()> {
    let ran = provoked("debug.panic", 60)?;
    let report = ran.died(|ending| *ending == Ending::Panicked)?;
    assert!(report.starts_with("panic: debug.panic"), "{report}");
    assert!(report.contains("  at kernel::debug::end_on_request kernel/src/debug.rs:"), "{report}");
    assert!(report.contains("  at kernel::kernel_main "), "{report}");
    assert_eq!(ran.outcome.exit_status(), 101);
    Ok(())
}

/// A triple fault ends QEMU with status 0, which must not count as success.
#[test]
fn a_triple_fault_is_not_taken_for_an_end_in_order() -> Result<()> {
    let ran = provoked("debug.triplefault", 60)?;
    ran.died(|ending| *ending == Ending::TripleFault)?;
    assert_eq!(ran.outcome.exit_status(), 102);
    Ok(())
}

/// A hang: stopped when the time is up; the host looks where the processor is. On a busy host the guest may not have come
/// as far as its hang in a short time, so the time grows.
#[test]
fn a_hang_is_stopped_and_located() -> Result<()> {
    let mut located = String::new();
    for timeout in [3, 10, 40] {
        let ran = provoked("debug.hang", timeout)?;
        located = ran.died(|ending| matches!(ending, Ending::Hung(_)))?.to_owned();
        assert_eq!(ran.outcome.exit_status(), 124);
        if located.contains("kernel/src/debug.rs:") {
            return Ok(());
        }
    }
    panic!("not located: {located}");
}

/// QEMU that cannot start is QEMU's failure, with its own words.
#[test]
fn a_machine_that_qemu_refuses_is_its_failure() -> Result<()> {
    let mut run = Run::new()?;
    run.machine.accelerator = "nonesuch".to_owned();
    let ran = run.script("echo never\n")?;
    ran.died(|ending| matches!(ending, Ending::Qemu(error) if error.contains("nonesuch")))?;
    assert_eq!(ran.outcome.exit_status(), 125);
    Ok(())
}
