//! What programs do wrong ends them and nobody else.

use alloc::vec::Vec;

use elf::Elf;
use vfs::content::{Bytes, Content};

use super::program::{Act, Argument, DATA_END, Machine, Program, run};
use super::{EPIPE, error};
use crate::ktest;
use crate::mm::space::MAPPINGS_END;
use crate::task::process::Ending;
use crate::task::signal::Signal;

/// How a program ends that does this.
fn ending(act: Act, arguments: &[u64]) -> Ending {
    let mut program = Program::new();
    let arguments: Vec<Argument> = arguments.iter().map(|&argument| argument.into()).collect();
    program.act(act, &arguments);
    run(program).1
}

ktest! {
    fn each_exception_is_its_signal() {
        assert_eq!(ending(Act::Divide, &[]), Ending::Killed(Signal::ARITHMETIC));
        assert_eq!(ending(Act::Illegal, &[]), Ending::Killed(Signal::ILLEGAL));
        assert_eq!(ending(Act::Privileged, &[]), Ending::Killed(Signal::SEGMENTATION));
        assert_eq!(ending(Act::Breakpoint, &[]), Ending::Killed(Signal::TRAP));
    }

    /// Null, the kernel's halves of the address space, text that is written, data that is executed.
    fn wild_accesses_end_the_program() {
        let killed = Ending::Killed(Signal::SEGMENTATION);
        let kernel = crate::mm::HEAP_START;
        for address in [0, 0x1000, kernel, boot::PHYSICAL_MEMORY_OFFSET, 1 << 63, DATA_END] {
            assert_eq!(ending(Act::Load, &[address]), killed, "load of {address:#x}");
            assert_eq!(ending(Act::Store, &[address, 1]), killed, "store to {address:#x}");
            assert_eq!(ending(Act::Jump, &[address]), killed, "jump to {address:#x}");
        }
        assert_eq!(ending(Act::Store, &[Act::Load.address(), 1]), killed);
        assert_eq!(ending(Act::Jump, &[DATA_END - 64]), killed);
        assert_eq!(ending(Act::Recurse, &[]), killed);
    }

    fn others_go_on_when_one_is_killed() {
        let mut program = Program::new();
        let child = program.begin("fork", |child| {
            child.act(Act::Load, &[8.into()]);
            child.exit(0);
        });
        let status = program.room(1);
        let waited = program.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(waited), machine.result(child));
        assert_eq!(machine.result(status), 11);
        let log = crate::log::snapshot().expect("there is memory");
        let said = |what: &[u8]| log.windows(what.len()).any(|part| part == what);
        assert!(said(b"program ("));
        assert!(said(b"ended by SIGSEGV"));
    }

    fn writing_where_nobody_reads_ends_the_program_unless_it_asked() {
        let mut program = Program::new();
        let ends = program.room(1);
        program.call("pipe", &[ends.0.into()]);
        program.call("close", &[4.into()]);
        let ignore = program.words(&[1, 0, 0, 0]);
        program.call("rt_sigaction", &[13.into(), ignore.into(), 0.into(), 8.into()]);
        let refused = program.call("write", &[5.into(), ends.0.into(), 1.into()]);
        program.call("write", &[3.into(), refused.0.into(), 8.into()]);
        let default = program.words(&[0, 0, 0, 0]);
        program.call("rt_sigaction", &[13.into(), default.into(), 0.into(), 8.into()]);
        program.call("write", &[5.into(), ends.0.into(), 1.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Killed(Signal::PIPE));
        assert_eq!(machine.read("/results"), error(EPIPE).to_le_bytes());
    }

    /// All memory that there is, and more: the hog is killed, and (as after every test) no frame is missing.
    fn who_takes_all_memory_is_killed() {
        let mut program = Program::new();
        let length = (crate::mm::usage().free_frames as u64 + 1000) * 4096;
        let memory = program.call("mmap", &[0.into(), length.into(), 3.into(), 0x22.into(), u64::MAX.into(), 0.into()]);
        program.act(Act::Fill, &[memory.into(), (length / 4096).into()]);
        assert_eq!(run(program).1, Ending::Killed(Signal::KILL));
    }

    /// Every byte of the headers wrong in three ways, and the file cut anywhere: refused or run, and nothing else.
    fn a_corrupt_file_is_refused_or_runs() {
        let machine = Machine::new();
        let mut program = Program::new();
        program.exit(0);
        let file = program.elf();
        let parse = |bytes: Vec<u8>| Elf::parse(&Content::from_bytes(Bytes::from_vec(bytes)), MAPPINGS_END);
        assert!(parse(file.clone()).is_ok());
        for at in 0..64 + 3 * 56 {
            for wrong in [0, 0xff, file[at] ^ 0x80] {
                let mut file = file.clone();
                file[at] = wrong;
                machine.write("/program", &file);
                if let Ok(process) = machine.start("/program", &["x"], &[]) {
                    process.wait();
                }
            }
            assert!(parse(file[..at].to_vec()).is_err(), "cut at {at}");
        }
    }
}
