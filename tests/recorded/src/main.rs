//! Replays the recorded cases by system calls: `recorded TRACE DIRECTORY [OPTIONS]`.
//!
//! `DIRECTORY` is where each test's tmpfs is mounted, `OPTIONS` what the overlays are mounted with besides. Prints what
//! differs, then what was compared; exits with 1 if anything differs, with 2 if it could not begin.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use recorded::{SystemCalls, replay};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let (trace, directory, options) = match arguments.get(1..) {
        Some([trace, directory]) => (trace, directory, ""),
        Some([trace, directory, options]) => (trace, directory, options.as_str()),
        _ => {
            eprintln!("usage: recorded TRACE DIRECTORY [OPTIONS]");
            return ExitCode::from(2);
        }
    };
    let text = match std::fs::read_to_string(trace) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("recorded: {trace}: {error}");
            return ExitCode::from(2);
        }
    };
    let report = replay(&text, || SystemCalls::new(Path::new(directory), options));
    for difference in &report.differences {
        println!("{difference}");
    }
    println!("{report}");
    ExitCode::from(u8::from(!report.differences.is_empty()))
}
