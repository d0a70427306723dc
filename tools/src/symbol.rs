//! Kernel addresses to `function file:line`, read from the debug information in the kernel's ELF file.
//!
//! The kernel prints bare addresses: a name table in the guest would cost memory, and the host has the ELF anyway.

use std::env;
use std::fmt::Write;
use std::path::Path;

use addr2line::Loader;
use anyhow::{Result, anyhow};

/// The debug information of one kernel.
pub struct Symbols(Loader);

impl Symbols {
    /// Reads the ELF file.
    ///
    /// # Errors
    /// It cannot be read, or is no ELF file.
    pub fn load(kernel: &Path) -> Result<Self> {
        let loader =
            Loader::new(kernel).map_err(|error| anyhow!("cannot read the symbols of {}: {error}", kernel.display()))?;
        Ok(Self(loader))
    }

    /// The functions around `address` (several where the compiler has inlined), innermost first, each as
    /// `function file:line`; the bare address where nothing is known about it.
    pub fn describe(&self, address: u64) -> Vec<String> {
        let frames = self.frames(address);
        if !frames.is_empty() {
            return frames;
        }
        match self.0.find_symbol(address) {
            Some(symbol) => vec![addr2line::demangle_auto(symbol.into(), None).into_owned()],
            None => vec![format!("{address:#x}")],
        }
    }

    fn frames(&self, address: u64) -> Vec<String> {
        let mut described = Vec::new();
        let Ok(mut frames) = self.0.find_frames(address) else {
            return described;
        };
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|name| name.demangle().ok().map(|name| without_hash(&name)));
            let Some(mut line) = name else { continue };
            if let Some(location) = frame.location {
                // Writing to a String cannot fail.
                let _ = match (location.file, location.line) {
                    (Some(file), Some(number)) => write!(line, " {}:{number}", relative(file)),
                    (Some(file), None) => write!(line, " {}", relative(file)),
                    _ => Ok(()),
                };
            }
            described.push(line);
        }
        described
    }

    /// Replaces the addresses in a report (lines of the form `  at 0xffffffff80001234`) by what they stand for.
    ///
    /// The first address of a run of such lines is where the processor was, the others are return addresses: these
    /// point behind the call, perhaps into the next line, so that the byte before them is looked up.
    pub fn translate(&self, report: &str) -> String {
        let mut translated = String::new();
        let mut innermost = true;
        for line in report.lines() {
            match address_of(line) {
                Some(address) => {
                    for frame in self.describe(if innermost { address } else { address.saturating_sub(1) }) {
                        translated.push_str("  at ");
                        translated.push_str(&frame);
                        translated.push('\n');
                    }
                    innermost = false;
                }
                None => {
                    translated.push_str(line.trim_end_matches('\r'));
                    translated.push('\n');
                    innermost = true;
                }
            }
        }
        translated
    }

    /// A stack (innermost first) as the lines of a report.
    pub fn backtrace(&self, stack: &[u64]) -> String {
        let lines: String = stack.iter().map(|address| format!("  at {address:#018x}\n")).collect();
        self.translate(&lines)
    }
}

/// The address in a backtrace line.
fn address_of(line: &str) -> Option<u64> {
    let digits = line.trim_end().strip_prefix("  at 0x")?;
    u64::from_str_radix(digits, 16).ok()
}

/// The legacy mangling ends in a hash (`::h0123456789abcdef`) that says nothing.
fn without_hash(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => path.to_owned(),
        _ => name.to_owned(),
    }
}

/// A source path as seen from the current directory or its parents (cargo starts tests in the crate's directory).
fn relative(file: &str) -> String {
    let here = env::current_dir().unwrap_or_default();
    let root = here.ancestors().filter(|parent| parent.join("Cargo.toml").exists()).last();
    root.and_then(|root| Path::new(file).strip_prefix(root).ok())
        .map_or_else(|| file.to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_backtrace_lines_hold_addresses() {
        assert_eq!(address_of("  at 0xffffffff80001234"), Some(0xffff_ffff_8000_1234));
        assert_eq!(address_of("  at 0xffffffff80001234\r"), Some(0xffff_ffff_8000_1234));
        assert_eq!(address_of("panic: at 0x12"), None);
        assert_eq!(address_of("  at 0xthere"), None);
    }

    #[test]
    fn a_hash_is_no_part_of_a_name() {
        assert_eq!(without_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(without_hash("a::hello"), "a::hello");
    }

    /// This test's own executable is an ELF file with debug information, too: the line of a function of ours is in it.
    #[test]
    fn an_address_becomes_function_file_and_line() {
        let me = env::current_exe().expect("a running test has an executable");
        let symbols = Symbols::load(&me).expect("its symbols");
        let elf = std::fs::read(&me).expect("the file");
        assert_eq!(&elf[..4], b"\x7fELF");
        let entry = u64::from_le_bytes(elf[24..32].try_into().expect("eight bytes"));
        assert!(symbols.describe(entry)[0].contains("_start"), "{:?}", symbols.describe(entry));
        assert_eq!(symbols.translate("panic: x\n  at 0xffffffff80000000\n"), "panic: x\n  at 0xffffffff80000000\n");
    }
}
