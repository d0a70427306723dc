//! Files in memory that are sealed (`memfd_create(2)`). Each answer is what Linux answers.

use super::program::{Act, Argument, Machine, Program, Slot, run};
use super::{EACCES, EBUSY, EINVAL, EPERM, error};
use crate::ktest;
use crate::task::process::Ending;

const ADD: u64 = 1033;
const GET: u64 = 1034;
const SEAL: u64 = 1;
const SHRINK: u64 = 2;
const GROW: u64 = 4;
const WRITE: u64 = 8;
const FUTURE_WRITE: u64 = 16;
const EXECUTE: u64 = 32;

const ALLOW_SEALING: u64 = 2;
const NOT_EXECUTABLE: u64 = 8;
/// `FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE`.
const PUNCH: u64 = 3;

/// A new file in memory of two pages; its number is 4 if it is the first.
fn file(program: &mut Program, flags: u64) -> Slot {
    let name = program.bytes(b"name");
    let file = program.call("memfd_create", &[name.into(), flags.into()]);
    program.call("ftruncate", &[file.into(), 8192.into()]);
    file
}

fn seal(program: &mut Program, file: impl Into<Argument>, seals: u64) -> Slot {
    program.call("fcntl", &[file.into(), ADD.into(), seals.into()])
}

fn seals(program: &mut Program, file: impl Into<Argument>) -> Slot {
    program.call("fcntl", &[file.into(), GET.into(), 0.into()])
}

fn map(program: &mut Program, file: u64, rights: u64, how: u64) -> Slot {
    program.call("mmap", &[0.into(), 4096.into(), rights.into(), how.into(), file.into(), 0.into()])
}

const SHARED: u64 = 1;
const PRIVATE: u64 = 2;

ktest! {
    fn what_can_be_sealed() {
        let machine = Machine::new();
        machine.write("/f", b"");
        let mut program = Program::new();
        let (path, ends) = (program.bytes(b"/f"), program.room(1));
        let plain = file(&mut program, 0);
        let sealable = file(&mut program, ALLOW_SEALING);
        program.call("open", &[path.into(), 2.into()]);
        program.call("open", &[path.into(), 0.into()]);
        program.call("pipe", &[ends.0.into()]);
        let shown = [4u64, 5, 6, 7, 8].map(|file| seals(&mut program, file));
        let added = [(4, WRITE), (5, 0), (5, 0x40), (6, SHRINK), (6, 0x40), (7, SHRINK)]
            .map(|(file, wanted): (u64, u64)| seal(&mut program, file, wanted));
        let last = [SEAL | SHRINK, GROW, 0].map(|wanted| seal(&mut program, 5u64, wanted));
        let after = seals(&mut program, 5u64);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([plain, sealable].map(|call| machine.result(call)), [4, 5]);
        assert_eq!(shown.map(|call| machine.result(call)), [1, 0, 1, 1, error(EINVAL)]);
        let expected = [error(EPERM), 0, error(EINVAL), error(EPERM), error(EINVAL), error(EPERM)];
        assert_eq!(added.map(|call| machine.result(call)), expected);
        assert_eq!(last.map(|call| machine.result(call)), [0, error(EPERM), error(EPERM)]);
        assert_eq!(machine.result(after), 3);
    }

    fn what_is_sealed_keeps_its_length() {
        let mut program = Program::new();
        let text = program.bytes(b"text");
        file(&mut program, ALLOW_SEALING);
        let length = |program: &mut Program, length: u64| program.call("ftruncate", &[4.into(), length.into()]);
        seal(&mut program, 4u64, SHRINK);
        let shrunk = [4096, 8192, 9000].map(|size| length(&mut program, size));
        let punched = program.call("fallocate", &[4.into(), PUNCH.into(), 0.into(), 4096.into()]);
        seal(&mut program, 4u64, GROW);
        let grown = [10_000, 8999, 9000].map(|size| length(&mut program, size));
        let written = [(8998u64, 4u64), (9000, 1), (8996, 4), (20_000, 0)].map(|(offset, count)| {
            program.call("pwrite64", &[4.into(), text.into(), count.into(), offset.into()])
        });
        let allocated = [(0u64, 20_000u64), (1, 20_000), (1, 9000)].map(|(mode, count)| {
            program.call("fallocate", &[4.into(), mode.into(), 0.into(), count.into()])
        });
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(shrunk.map(|call| machine.result(call)), [error(EPERM), 0, 0]);
        assert_eq!(machine.result(punched), 0);
        assert_eq!(grown.map(|call| machine.result(call)), [error(EPERM), error(EPERM), 0]);
        assert_eq!(written.map(|call| machine.result(call)), [error(EPERM), error(EPERM), 4, 0]);
        assert_eq!(allocated.map(|call| machine.result(call)), [error(EPERM), error(EPERM), 0]);
    }

    /// Nobody may have memory by which it could be written, not even memory that may become so, not even another process.
    fn what_is_sealed_against_writing_is_not_written() {
        let mut program = Program::new();
        let text = program.bytes(b"text");
        file(&mut program, ALLOW_SEALING);
        let mut tried = [Slot(0); 3];
        for (at, rights) in [3u64, 1].into_iter().enumerate() {
            let memory = map(&mut program, 4, rights, SHARED);
            tried[at] = seal(&mut program, 4u64, WRITE);
            if at == 1 {
                program.begin("fork", |child| {
                    child.call("munmap", &[memory.into(), 4096.into()]);
                    child.exit(0);
                });
                program.call("wait4", &[u64::MAX.into(), 0.into(), 0.into(), 0.into()]);
            }
            program.call("munmap", &[memory.into(), 4096.into()]);
        }
        let private = map(&mut program, 4, 3, PRIVATE);
        tried[2] = seal(&mut program, 4u64, WRITE);
        let refused = [
            program.call("write", &[4.into(), text.into(), 1.into()]),
            program.call("fallocate", &[4.into(), PUNCH.into(), 0.into(), 4096.into()]),
            map(&mut program, 4, 3, SHARED),
        ];
        let memory = map(&mut program, 4, 1, SHARED);
        let raised = program.call("mprotect", &[memory.into(), 4096.into(), 3.into()]);
        program.act(Act::Store, &[private.into(), 1.into()]);
        let length = program.call("ftruncate", &[4.into(), 100.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(tried.map(|call| machine.result(call)), [error(EBUSY), error(EBUSY), 0]);
        assert_eq!(refused.map(|call| machine.result(call)), [error(EPERM); 3]);
        assert_eq!([raised, length].map(|call| machine.result(call)), [error(EACCES), 0]);
    }

    fn memory_from_before_a_seal_against_future_writing_is_written() {
        let mut program = Program::new();
        let (text, byte) = (program.bytes(b"text"), program.room(1));
        file(&mut program, ALLOW_SEALING);
        let memory = map(&mut program, 4, 3, SHARED);
        let sealed = seal(&mut program, 4u64, FUTURE_WRITE);
        program.act(Act::Store, &[memory.into(), 7.into()]);
        let refused = [
            program.call("write", &[4.into(), text.into(), 1.into()]),
            map(&mut program, 4, 3, SHARED),
            seal(&mut program, 4u64, WRITE),
        ];
        let child = program.begin("fork", |child| {
            child.act(Act::Store, &[memory.into(), 8.into()]);
            child.exit(0);
        });
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let read = program.call("pread64", &[4.into(), byte.0.into(), 1.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(sealed), 0);
        assert_eq!(refused.map(|call| machine.result(call)), [error(EPERM), error(EPERM), error(EBUSY)]);
        assert_eq!((machine.result(read), machine.result(byte)), (1, 8));
    }

    fn who_may_execute_it_is_sealed() {
        let mut program = Program::new();
        file(&mut program, ALLOW_SEALING);
        file(&mut program, NOT_EXECUTABLE);
        let mode = |program: &mut Program, file: u64, mode: u64| program.call("fchmod", &[file.into(), mode.into()]);
        let sealed = seal(&mut program, 4u64, EXECUTE);
        let shown = [4u64, 5].map(|file| seals(&mut program, file));
        let changed = [(4, 0o666), (4, 0o700), (4, 0o777), (4, 0o1777), (5, 0o777), (5, 0o600)]
            .map(|(file, wanted)| mode(&mut program, file, wanted));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(sealed), 0);
        assert_eq!(shown.map(|call| machine.result(call)), [0x3e, 0x20]);
        let expected = [error(EPERM), error(EPERM), 0, 0, error(EPERM), 0];
        assert_eq!(changed.map(|call| machine.result(call)), expected);
    }
}
