//! Mappings that grow, shrink and move, and what a program says and asks of them.

use super::program::{Act, Argument, Machine, Program, Slot, run};
use super::{EFAULT, EINVAL, ENOMEM, error};
use crate::ktest;
use crate::task::process::Ending;

const PAGE: u64 = 4096;
const AT: u64 = 0x1000_0000;
const MAY_MOVE: u64 = 1;
const FIXED: u64 = 2;
const DONT_UNMAP: u64 = 4;
const PRIVATE: u64 = 0x22;
const SHARED: u64 = 0x21;
const NO_FILE: u64 = u64::MAX;

/// Memory at a fixed place.
fn map(program: &mut Program, address: u64, pages: u64, flags: u64) -> Slot {
    program.call("mmap", &[address, pages * PAGE, 3, flags | 0x10, NO_FILE, 0].map(Argument::from))
}

fn remap(program: &mut Program, address: u64, pages: u64, new_pages: u64, flags: u64, target: u64) -> Slot {
    program.call("mremap", &[address, pages * PAGE, new_pages * PAGE, flags, target].map(Argument::from))
}

fn store(program: &mut Program, address: u64, word: u64) {
    program.act(Act::Store, &[address.into(), word.into()]);
}

fn load(program: &mut Program, address: u64) -> Slot {
    program.act(Act::Load, &[address.into()])
}

ktest! {
    /// ```text
    ///   │1│2│ · · ·   grows where it is   │1│2│0│0│ ·   in front of another it moves
    /// ```
    fn a_mapping_grows_where_it_is_or_moves() {
        let mut program = Program::new();
        map(&mut program, AT, 2, PRIVATE);
        store(&mut program, AT, 1);
        store(&mut program, AT + PAGE, 2);
        let grown = remap(&mut program, AT, 2, 4, 0, 0);
        store(&mut program, AT + 3 * PAGE, 4);
        map(&mut program, AT + 4 * PAGE, 1, PRIVATE);
        let stuck = remap(&mut program, AT, 4, 5, 0, 0);
        let moved = remap(&mut program, AT, 4, 6, MAY_MOVE, 0);
        let words = [0, 1, 2, 3, 5].map(|page| {
            let place = program.act(Act::Sum, &[moved.into(), (page * PAGE).into()]);
            program.act(Act::Load, &[place.into()])
        });
        let free = map(&mut program, AT, 4, PRIVATE | 0x10_0000);
        let fixed = program.call("mremap", &[moved.into(), (6 * PAGE).into(), (2 * PAGE).into(), 3.into(), AT.into()]);
        let there = [AT, AT + PAGE].map(|at| load(&mut program, at));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([grown, stuck, free, fixed].map(|slot| machine.result(slot)), [
            AT as i64, error(ENOMEM), AT as i64, AT as i64,
        ]);
        assert_eq!(words.map(|slot| machine.result(slot)), [1, 2, 0, 4, 0]);
        assert_eq!(there.map(|slot| machine.result(slot)), [1, 2]);
    }

    /// Pieces of one mapping that were parted keep to their own pages when they grow.
    fn what_was_split_grows_by_new_pages() {
        let mut program = Program::new();
        map(&mut program, AT, 3, PRIVATE);
        (0..3).for_each(|page| store(&mut program, AT + page * PAGE, page + 1));
        program.call("mprotect", &[(AT + PAGE).into(), PAGE.into(), 1.into()]);
        let target = AT + 0x10_0000;
        let moved = remap(&mut program, AT, 1, 3, MAY_MOVE | FIXED, target);
        store(&mut program, target + PAGE, 20);
        let words = [target, target + PAGE, target + 2 * PAGE, AT + PAGE, AT + 2 * PAGE];
        let words = words.map(|at| load(&mut program, at));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(moved), target as i64);
        assert_eq!(words.map(|slot| machine.result(slot)), [1, 20, 0, 2, 3]);
    }

    fn a_mapping_shrinks_is_doubled_and_leaves_new_memory() {
        let mut program = Program::new();
        map(&mut program, AT, 3, PRIVATE);
        store(&mut program, AT, 7);
        let shrunk = remap(&mut program, AT, 3, 1, 0, 0);
        let gone = program.call("mincore", &[(AT + PAGE).into(), PAGE.into(), 0x61_0000.into()]);
        let target = AT + 0x10_0000;
        let left = remap(&mut program, AT, 1, 1, MAY_MOVE | DONT_UNMAP | FIXED, target);
        let words = [AT, target].map(|at| load(&mut program, at));
        map(&mut program, AT, 1, SHARED);
        store(&mut program, AT, 8);
        let doubled = remap(&mut program, AT, 0, 1, MAY_MOVE, 0);
        let seen = program.act(Act::Load, &[doubled.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let expected = [AT as i64, error(ENOMEM), target as i64];
        assert_eq!([shrunk, gone, left].map(|slot| machine.result(slot)), expected);
        assert_eq!([words[0], words[1], seen].map(|slot| machine.result(slot)), [0, 7, 8]);
    }

    fn what_cannot_be_remapped_is_refused_as_on_linux() {
        let mut program = Program::new();
        map(&mut program, AT, 2, PRIVATE);
        let far = AT + 0x10_0000;
        let refused = [
            (remap(&mut program, AT, 2, 0, 0, 0), EINVAL),
            (remap(&mut program, AT + 1, 1, 2, 0, 0), EINVAL),
            (remap(&mut program, AT, 2, 2, FIXED, far), EINVAL),
            (remap(&mut program, AT, 2, 2, 8, 0), EINVAL),
            (remap(&mut program, AT, 2, 2, MAY_MOVE | FIXED, AT + PAGE), EINVAL),
            (remap(&mut program, AT, 2, 3, MAY_MOVE | DONT_UNMAP, 0), EINVAL),
            (remap(&mut program, AT, 0, 1, MAY_MOVE, 0), EINVAL),
            (remap(&mut program, far, 1, 2, MAY_MOVE, 0), EFAULT),
            (remap(&mut program, AT, 3, 4, MAY_MOVE, 0), EFAULT),
        ];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(refused.map(|(slot, _)| machine.result(slot)), refused.map(|(_, number)| error(number)));
    }

    fn advice_clears_fills_and_is_checked() {
        let machine = Machine::new();
        machine.write("/f", &[b'a'; 8192]);
        let mut program = Program::new();
        let advise = |program: &mut Program, at: u64, pages: u64, advice: u64| {
            program.call("madvise", &[at.into(), (pages * PAGE).into(), advice.into()])
        };
        map(&mut program, AT, 2, PRIVATE);
        store(&mut program, AT, 5);
        let room = program.room(1);
        program.call("mincore", &[AT.into(), (2 * PAGE).into(), room.0.into()]);
        let dropped = advise(&mut program, AT, 1, 4);
        let word = load(&mut program, AT);
        let filled = advise(&mut program, AT, 2, 23);
        let after = program.room(1);
        program.call("mincore", &[AT.into(), (2 * PAGE).into(), after.0.into()]);
        let path = program.bytes(b"/f");
        program.call("open", &[path.into(), 0.into(), 0.into()]);
        let of_file = AT + 0x10_0000;
        program.call("mmap", &[of_file, 2 * PAGE, 3, 0x12, 4, 0].map(Argument::from));
        store(&mut program, of_file, 9);
        store(&mut program, of_file + PAGE, 9);
        let back = advise(&mut program, of_file, 1, 4);
        let shown = [of_file, of_file + PAGE].map(|at| load(&mut program, at));
        let hints = [0, 1, 2, 3, 16, 20].map(|advice| advise(&mut program, AT, 2, advice));
        let refused = [
            (advise(&mut program, AT, 1, 100), EINVAL),
            (advise(&mut program, AT + 1, 1, 4), EINVAL),
            (advise(&mut program, AT, 3, 4), ENOMEM),
            (advise(&mut program, of_file, 1, 8), EINVAL),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([dropped, filled, back, word].map(|slot| machine.result(slot)), [0; 4]);
        assert_eq!(hints.map(|slot| machine.result(slot)), [0; 6]);
        assert_eq!([room, after].map(|slot| machine.result(slot)), [0x0001, 0x0101]);
        assert_eq!(shown.map(|slot| machine.result(slot)), [i64::from_le_bytes([b'a'; 8]), 9]);
        assert_eq!(refused.map(|(slot, _)| machine.result(slot)), refused.map(|(_, number)| error(number)));
    }

    fn memory_is_synchronized_and_locked() {
        let mut program = Program::new();
        map(&mut program, AT, 1, SHARED);
        let calls = [
            (program.call("msync", &[AT.into(), PAGE.into(), 4.into()]), 0),
            (program.call("msync", &[AT.into(), 0.into(), 2.into()]), 0),
            (program.call("msync", &[AT.into(), PAGE.into(), 5.into()]), error(EINVAL)),
            (program.call("msync", &[(AT + 1).into(), PAGE.into(), 4.into()]), error(EINVAL)),
            (program.call("msync", &[AT.into(), (2 * PAGE).into(), 4.into()]), error(ENOMEM)),
            (program.call("mlock", &[(AT + 5).into(), 10.into()]), 0),
            (program.call("mlock", &[AT.into(), (2 * PAGE).into()]), error(ENOMEM)),
            (program.call("mlock2", &[AT.into(), PAGE.into(), 1.into()]), 0),
            (program.call("mlock2", &[AT.into(), PAGE.into(), 2.into()]), error(EINVAL)),
            (program.call("munlock", &[AT.into(), PAGE.into()]), 0),
            (program.call("mlockall", &[3.into()]), 0),
            (program.call("mlockall", &[0.into()]), error(EINVAL)),
            (program.call("munlockall", &[]), 0),
        ];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(calls.map(|(slot, _)| machine.result(slot)), calls.map(|(_, expected)| expected));
    }

    /// A file without a name, which is its holders' alone; its pages come when it is asked to have them.
    fn a_file_in_memory_is_mapped_and_passed_on() {
        let mut program = Program::new();
        let name = program.bytes(b"shared");
        let file = program.call("memfd_create", &[name.into(), 1.into()]);
        let closed = program.call("fcntl", &[4.into(), 1.into(), 0.into()]);
        program.call("ftruncate", &[4.into(), (2 * PAGE).into()]);
        let memory = program.call("mmap", &[0, 2 * PAGE, 3, 0x8001, 4, 0].map(Argument::from));
        let child = program.begin("fork", |child| {
            child.act(Act::Store, &[memory.into(), 77.into()]);
            child.exit(0);
        });
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let seen = program.act(Act::Load, &[memory.into()]);
        let unknown = program.call("memfd_create", &[name.into(), 0x100.into()]);
        let bad = program.call("memfd_create", &[0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([file, closed, seen].map(|slot| machine.result(slot)), [4, 1, 77]);
        assert_eq!([unknown, bad].map(|slot| machine.result(slot)), [EINVAL, EFAULT].map(error));
    }
}
