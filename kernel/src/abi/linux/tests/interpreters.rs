//! Programs that name an interpreter, which begins in their place (`PT_INTERP`).

use alloc::vec::Vec;

use super::program::{Act, Machine, Program};
use super::{EACCES, ENOENT, ENOEXEC, error};
use crate::ktest;
use crate::task::making::file;
use crate::task::process::Ending;

const ELIBBAD: i64 = 80;

/// A program that does nothing itself and names an interpreter by these bytes.
fn dynamic(interpreter: &[u8]) -> Vec<u8> {
    let (read, execute) = (4, 1);
    let (path, code) = (interpreter.to_vec(), b"\x0f\x0b".to_vec());
    let (path_size, code_size) = (path.len() as u64, code.len() as u64);
    let mut file = file(0x91_0000, &[(0x90_0000, read, path, path_size), (0x91_0000, read | execute, code, code_size)]);
    // The first program header: PT_INTERP.
    file[64] = 3;
    file
}

ktest! {
    /// The interpreter has the program's arguments; the program is there, and has not begun.
    fn an_interpreter_begins_in_the_programs_place() {
        let machine = Machine::new();
        let mut interpreter = Program::new();
        interpreter.act(Act::Arguments, &[]);
        let code = interpreter.act(Act::Load, &[0x91_0000.into()]);
        machine.write("/interpreter", &interpreter.elf());
        machine.write("/program", &dynamic(b"/interpreter\0"));
        let process = machine.start("/program", &["program", "x"], &[]).expect("it begins");
        assert_eq!(process.wait(), Ending::Exited(0));
        assert_eq!(machine.read("/out"), b"program\0x\0A=1\0");
        assert_eq!(machine.result(code), 0x0b0f);
    }

    fn an_interpreter_that_is_none_is_refused() {
        let machine = Machine::new();
        machine.manager.make_directory(&machine.manager.root_context(), b"/d", 0o755).expect("it can be made");
        machine.write("/text", b"no program at all, but long enough to have a header if it were one, and then some");
        let mut overlapping = Program::new();
        overlapping.exit(0);
        machine.write("/other", &overlapping.elf());
        let cases: [(&[u8], i64); 6] = [
            (b"/missing\0", ENOENT),
            (b"/d\0", EACCES),
            (b"/text\0", ELIBBAD),
            (b"/text", ENOEXEC),
            (b"\0\0", ENOEXEC),
            (b"/", ENOEXEC),
        ];
        for (interpreter, expected) in cases {
            machine.write("/program", &dynamic(interpreter));
            let refused = machine.start("/program", &["x"], &[]).err().map(|error| error.errno());
            assert_eq!(refused.map(i64::from), Some(expected), "{}", interpreter.escape_ascii());
        }
        // One that wants to lie where the program is.
        let mut own = dynamic(b"/program\0");
        own[64 + 56 + 16..][..8].copy_from_slice(&0x40_0000u64.to_le_bytes());
        machine.write("/program", &own);
        let refused = machine.start("/program", &["x"], &[]).err().map(|error| i64::from(-error.errno()));
        assert_eq!(refused, Some(error(ELIBBAD)));
    }
}
