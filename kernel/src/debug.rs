//! Bad ends on purpose, so that the host's runner can be tested with the real kernel.
//!
//! The words `debug.panic`, `debug.hang` and `debug.triplefault` on the kernel's command line provoke what they name, in
//! place of the shell.

use core::hint::spin_loop;

use crate::arch::exit;
use crate::command_line;

/// Ends badly if the command line wants it.
pub fn end_on_request() {
    if command_line::has("debug.panic") {
        panic!("debug.panic");
    }
    if command_line::has("debug.hang") {
        loop {
            spin_loop();
        }
    }
    if command_line::has("debug.triplefault") {
        exit::triple_fault();
    }
}
