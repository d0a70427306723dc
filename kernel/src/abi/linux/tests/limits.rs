//! How much a process may have.

use alloc::vec::Vec;

use super::program::{Act, Argument, Machine, Program, Slot, run};
use super::{EAGAIN, EBADF, EFBIG, EINVAL, EMFILE, ENOMEM, EPERM, ESRCH, error};
use crate::ktest;
use crate::task::process::Ending;
use crate::task::signal::Signal;
use crate::task::start::STACK_TOP;

const TIME: u64 = 0;
const FILE_SIZE: u64 = 1;
const DATA: u64 = 2;
const STACK: u64 = 3;
const PROCESSES: u64 = 6;
const FILES: u64 = 7;
const MEMORY: u64 = 9;

const UNLIMITED: u64 = u64::MAX;

fn limit(program: &mut Program, resource: u64, now: u64, most: u64) -> Slot {
    let words = program.words(&[now, most]);
    program.call("setrlimit", &[resource.into(), words.into()])
}

/// A private mapping of so many pages that can be read and written.
fn map(program: &mut Program, pages: u64, rights: u64) -> Slot {
    let arguments: [Argument; 6] =
        [0.into(), (4096 * pages).into(), rights.into(), 0x22.into(), u64::MAX.into(), 0.into()];
    program.call("mmap", &arguments)
}

ktest! {
    /// Numbers 0 to 3 are taken.
    fn numbers_of_files_are_below_their_limit() {
        let mut program = Program::new();
        let room = program.room(2);
        let changes = [
            limit(&mut program, FILES, 6, 8),
            limit(&mut program, FILES, 7, 6),
            limit(&mut program, FILES, 6, 100_000),
            limit(&mut program, 16, 6, 8),
        ];
        let dups = [(); 3].map(|()| program.call("dup", &[1.into()]));
        let as_six = program.call("dup2", &[1.into(), 6.into()]);
        let from_six = program.call("fcntl", &[1.into(), 0.into(), 6.into()]);
        let shown = program.call("prlimit64", &[0.into(), FILES.into(), 0.into(), room.0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let results = |calls: &[Slot]| calls.iter().map(|&call| machine.result(call)).collect::<Vec<_>>();
        assert_eq!(results(&changes), [0, error(EINVAL), error(EPERM), error(EINVAL)]);
        assert_eq!(results(&dups), [4, 5, error(EMFILE)]);
        assert_eq!(results(&[as_six, from_six, shown]), [error(EBADF), error(EINVAL), 0]);
        assert_eq!(results(&[room, Slot(room.0 + 8)]), [6, 8]);
    }

    /// ```text
    ///   8 bytes │ 2 of 8 │ none of 8, and SIGXFSZ        limit: 10
    /// ```
    fn a_file_grows_up_to_its_limit() {
        let machine = Machine::new();
        let mut program = Program::new();
        let (path, text) = (program.bytes(b"/file"), program.bytes(b"12345678"));
        program.handle(25, Act::Handler, 0, 0);
        let notes = program.notes(4);
        let file = program.call("creat", &[path.into(), 0o644.into()]);
        limit(&mut program, FILE_SIZE, 10, UNLIMITED);
        let write = |program: &mut Program| program.call("write", &[file.into(), text.into(), 8.into()]);
        let writes = [write(&mut program), write(&mut program), write(&mut program)];
        let longer = program.call("ftruncate", &[file.into(), 11.into()]);
        let shorter = program.call("truncate", &[path.into(), 9.into()]);
        let at_nine = program.call("pwrite64", &[file.into(), text.into(), 8.into(), 9.into()]);
        let reserved = program.call("fallocate", &[file.into(), 0.into(), 0.into(), 11.into()]);
        limit(&mut program, FILE_SIZE, UNLIMITED, UNLIMITED);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(writes.map(|call| machine.result(call)), [8, 2, error(EFBIG)]);
        let rest = [longer, shorter, at_nine, reserved].map(|call| machine.result(call));
        assert_eq!(rest, [error(EFBIG), 0, 1, error(EFBIG)]);
        assert_eq!([0, 1, 2, 3].map(|index| machine.note(notes, index)[0]), [25, 25, 25, 0]);
        assert_eq!(machine.read("/file"), b"1234567812"[..9].iter().chain(b"1").copied().collect::<Vec<_>>());
    }

    /// The program itself has some dozen pages; limits count what is mapped from then on.
    fn memory_is_mapped_up_to_its_limits() {
        let mut program = Program::new();
        let heap = program.call("brk", &[0.into()]);
        limit(&mut program, MEMORY, 2 << 20, UNLIMITED);
        let all = [map(&mut program, 100, 3), map(&mut program, 1000, 3), map(&mut program, 1000, 1)];
        limit(&mut program, MEMORY, UNLIMITED, UNLIMITED);
        limit(&mut program, DATA, 2 << 20, UNLIMITED);
        let data = [map(&mut program, 100, 3), map(&mut program, 1000, 3), map(&mut program, 1000, 1)];
        let grown = program.act(Act::Sum, &[heap.into(), (4 << 20).into()]);
        let moved = program.call("brk", &[grown.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [all, data] = [all, data].map(|calls| calls.map(|call| machine.result(call)));
        assert!(all[0] > 0 && all[1..] == [error(ENOMEM); 2], "{all:?}");
        assert!(data[0] > 0 && data[1] == error(ENOMEM) && data[2] > 0, "{data:?}");
        assert_eq!(machine.result(moved), machine.result(heap));
    }

    /// ```text
    ///   … 12 MiB … │ 2 MiB │ top          with 1 MiB none of the two is there, with 16 both are
    /// ```
    fn a_program_begins_with_the_stack_that_its_limit_says() {
        for (mebibytes, ends) in [(1, Ending::Killed(Signal::SEGMENTATION)), (16, Ending::Exited(7))] {
            let machine = Machine::new();
            let mut deep = Program::new();
            for below in [2 << 20, 12 << 20] {
                deep.act(Act::Store, &[(STACK_TOP - below).into(), 1.into()]);
            }
            deep.exit(7);
            machine.write("/deep", &deep.elf());
            let mut program = Program::new();
            let path = program.bytes(b"/deep");
            limit(&mut program, STACK, mebibytes << 20, UNLIMITED);
            program.call("execve", &[path.into(), 0.into(), 0.into()]);
            assert_eq!(machine.run(program), ends);
        }
    }

    fn a_user_has_as_many_processes_as_its_limit_says_and_the_superuser_one_more() {
        let mut program = Program::new();
        limit(&mut program, PROCESSES, 1, 1);
        let of_superuser = program.begin("fork", |child| child.exit(0));
        program.call("wait4", &[u64::MAX.into(), 0.into(), 0.into(), 0.into()]);
        program.call("setuid", &[1000.into()]);
        let of_user = program.begin("fork", |child| child.exit(0));
        let raised = limit(&mut program, PROCESSES, 2, 2);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert!(machine.result(of_superuser) > 0);
        assert_eq!([of_user, raised].map(|call| machine.result(call)), [error(EAGAIN), error(EPERM)]);
    }

    fn a_process_that_has_had_its_time_is_told_and_then_ended() {
        for (most, handled) in [(UNLIMITED, false), (2, true)] {
            let mut program = Program::new();
            if handled {
                program.handle(24, Act::Handler, 0, 0);
                program.notes(1);
            }
            limit(&mut program, TIME, 1, most);
            let never = program.words(&[0]);
            program.act(Act::Await, &[never.into(), 0.into()]);
            let (_, ending) = run(program);
            assert_eq!(ending, Ending::Killed(if handled { Signal::KILL } else { Signal::TIME_LIMIT }));
        }
    }

    fn limits_of_others_are_theirs() {
        let mut program = Program::new();
        let (room, pid) = (program.room(2), program.call("getpid", &[]));
        limit(&mut program, FILES, 77, 88);
        program.begin("fork", |child| {
            child.call("setuid", &[1000.into()]);
            let denied = child.call("prlimit64", &[pid.into(), FILES.into(), 0.into(), 0.into()]);
            let nobody = child.call("prlimit64", &[4_194_303.into(), FILES.into(), 0.into(), 0.into()]);
            let own = child.call("getrlimit", &[FILES.into(), room.0.into()]);
            let sum = child.act(Act::Sum, &[denied.into(), nobody.into()]);
            let sum = child.act(Act::Sum, &[sum.into(), own.into()]);
            let sum = child.act(Act::Negate, &[sum.into()]);
            child.call("exit_group", &[sum.into()]);
        });
        let status = program.room(1);
        program.call("wait4", &[u64::MAX.into(), status.0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(status), (EPERM + ESRCH) << 8);
    }
}
