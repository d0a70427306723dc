//! What is known of the memory that a file takes, and of its file system's.

use super::program::{Machine, Program, Slot};
use super::{EBADF, EINVAL, EOPNOTSUPP, error};
use crate::ktest;
use crate::task::process::Ending;

ktest! {
    /// A file of pages 0, 1 and 7.
    fn pages_of_a_file_are_counted_and_read_ahead() {
        let machine = Machine::new();
        machine.write("/f", &[b'x'; 8192]);
        let mut program = Program::new();
        let (path, figures, ends) = (program.bytes(b"/f"), program.room(5), program.room(1));
        let file = program.call("open", &[path.into(), 2.into()]);
        program.call("pwrite64", &[file.into(), path.into(), 1.into(), 30_000.into()]);
        program.call("ftruncate", &[file.into(), 40_960.into()]);
        program.call("pipe", &[ends.0.into()]);
        let write_only = program.call("open", &[path.into(), 1.into()]);
        let ranges = [[0, 0], [100, 4096], [8192, 0], [4096, 24_576], [8192, 4096]];
        let counted = ranges.map(|range| {
            let range = program.words(&range);
            let call = program.call("cachestat", &[4.into(), range.into(), figures.0.into(), 0.into()]);
            (call, program.act(super::program::Act::Load, &[figures.0.into()]))
        });
        let range = program.words(&[0, 0]);
        let asked = [
            program.call("cachestat", &[5.into(), range.into(), figures.0.into(), 0.into()]),
            program.call("cachestat", &[4.into(), range.into(), figures.0.into(), 1.into()]),
            program.call("cachestat", &[99.into(), range.into(), figures.0.into(), 1.into()]),
            program.call("readahead", &[4.into(), 0.into(), 100.into()]),
            program.call("readahead", &[write_only.into(), 0.into(), 100.into()]),
            program.call("readahead", &[5.into(), 0.into(), 100.into()]),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        let results = counted.map(|(call, pages)| (machine.result(call), machine.result(pages)));
        assert_eq!(results, [(0, 3), (0, 2), (0, 1), (0, 1), (0, 0)]);
        let expected = [0, error(EINVAL), error(EBADF), 0, error(EBADF), error(EINVAL)];
        assert_eq!(asked.map(|call| machine.result(call)), expected);
        assert_eq!(machine.result(Slot(figures.0 + 8)), 0, "nothing waits to be written");
    }

    fn ustat_knows_a_file_system_by_its_device() {
        let machine = Machine::new();
        let mut program = Program::new();
        let (path, known, figures) = (program.bytes(b"/"), program.room(18), program.room(4));
        program.call("stat", &[path.into(), known.0.into()]);
        let there = program.call("ustat", &[known.into(), figures.0.into()]);
        let none = program.call("ustat", &[0xffff_fff0u64.into(), figures.0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([there, none].map(|call| machine.result(call)), [0, error(EINVAL)]);
        let free = machine.manager.statistics(&machine.manager.root_context(), b"/").expect("it tells").nodes_free;
        assert!(machine.result(Slot(figures.0 + 8)).abs_diff(free as i64) < 8, "the results are a file too");
    }

    /// What `fallocate` answers first, as Linux's tmpfs does.
    fn the_ways_to_allocate_that_a_file_in_memory_does_not_know() {
        let machine = Machine::new();
        machine.write("/f", &[b'x'; 8192]);
        let mut program = Program::new();
        let path = program.bytes(b"/f");
        program.call("open", &[path.into(), 2.into()]);
        let modes = [8u64, 32, 64, 2, 4, 128, 24].map(|mode| {
            program.call("fallocate", &[4.into(), mode.into(), 0.into(), 4096.into()])
        });
        let others = [
            program.call("fallocate", &[99.into(), 0x100.into(), 0.into(), 0.into()]),
            program.call("fallocate", &[4.into(), 0x100.into(), 0.into(), 0.into()]),
            program.call("fallocate", &[4.into(), 0.into(), u64::MAX.into(), 1.into()]),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(modes.map(|call| machine.result(call)), [error(EOPNOTSUPP); 7]);
        assert_eq!(others.map(|call| machine.result(call)), [error(EBADF), error(EINVAL), error(EINVAL)]);
    }
}
