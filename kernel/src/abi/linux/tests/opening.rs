//! What is said of a place when it is opened, and what is told of it.

use super::program::{Argument, Machine, Program, Slot};
use super::{EBADF, EINVAL, ELOOP, ESPIPE, error};
use crate::ktest;
use crate::task::process::Ending;

const E2BIG: i64 = 7;
const EXDEV: i64 = 18;
const EOPNOTSUPP: i64 = 95;
const CWD: u64 = 0xffff_ff9c;

/// `/d/f`, `/d/up` to the root, and `/d` where relative paths start.
fn with_tree() -> Machine {
    let machine = Machine::new();
    let context = machine.manager.root_context();
    machine.manager.make_directory(&context, b"/d", 0o755).expect("it can be made");
    machine.manager.make_symlink(&context, b"/", b"/d/up").expect("it can be made");
    machine.write("/d/f", b"text");
    machine
}

/// Opens a path below `/d`, whose number is 4, with a structure of so many words.
fn open(program: &mut Program, path: &str, how: &[u64], size: u64) -> Slot {
    let path = program.bytes(path.as_bytes());
    let how = program.words(how);
    program.call("openat2", &[4, path, how, size].map(Argument::from))
}

ktest! {
    fn a_path_leads_no_further_than_it_may() {
        const BENEATH: u64 = 8;
        const IN_ROOT: u64 = 16;
        const NO_SYMLINKS: u64 = 4;
        let machine = with_tree();
        let mut program = Program::new();
        let directory = program.bytes(b"/d");
        program.call("open", &[directory.into(), 0o200_000.into(), 0.into()]);
        let answers = [
            (open(&mut program, "f", &[0, 0, BENEATH], 24), 5),
            (open(&mut program, "../d/f", &[0, 0, 0], 24), 6),
            (open(&mut program, "../d/f", &[0, 0, BENEATH], 24), error(EXDEV)),
            (open(&mut program, "up/f", &[0, 0, BENEATH], 24), error(EXDEV)),
            (open(&mut program, "up/f", &[0, 0, IN_ROOT], 24), 7),
            (open(&mut program, "up/f", &[0, 0, NO_SYMLINKS], 24), error(ELOOP)),
            (open(&mut program, "new", &[0o101, 0o600, BENEATH], 32), 8),
            (open(&mut program, "f", &[0, 0, BENEATH | IN_ROOT], 24), error(EINVAL)),
            (open(&mut program, "f", &[0, 0, 0x100], 24), error(EINVAL)),
            (open(&mut program, "f", &[1 << 40, 0, 0], 24), error(EINVAL)),
            (open(&mut program, "f", &[0, 0o600, 0], 24), error(EINVAL)),
            (open(&mut program, "f", &[0o10_000_002, 0, 0], 24), error(EINVAL)),
            (open(&mut program, "f", &[0, 0, 0], 16), error(EINVAL)),
            (open(&mut program, "f", &[0, 0, 0, 1], 32), error(E2BIG)),
            (open(&mut program, "f", &[0, 0, 0], 5000), error(E2BIG)),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(answers.map(|(slot, _)| machine.result(slot)), answers.map(|(_, expected)| expected));
    }

    fn a_place_is_told_with_its_birth_and_its_mount() {
        let machine = with_tree();
        let mut program = Program::new();
        let statx = |program: &mut Program, path: &str, flags: u64, mask: u64| {
            let (path, room) = (program.bytes(path.as_bytes()), program.room(32));
            (program.call("statx", &[CWD, path, flags, mask, room.0].map(Argument::from)), room)
        };
        let (file, of_file) = statx(&mut program, "/d/f", 0, 0xfff);
        let (root, of_root) = statx(&mut program, "/", 0x2000, 0);
        let refused = [statx(&mut program, "/d/f", 0x6000, 0).0, statx(&mut program, "/d/f", 0, 1 << 31).0];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([file, root].map(|slot| machine.result(slot)), [0, 0]);
        assert_eq!(refused.map(|slot| machine.result(slot)), [error(EINVAL); 2]);
        let word = |room: Slot, index: u64| machine.result(Slot(room.0 + 8 * index));
        assert_eq!(word(of_file, 0) & 0xffff_ffff, 0x1fff);
        assert_eq!(word(of_file, 10), word(of_file, 14), "born when it was written first");
        assert_eq!([of_file, of_root].map(|room| word(room, 1)), [0, 0x2000]);
        assert!(word(of_file, 18) != 0 && word(of_file, 18) == word(of_root, 18));
    }

    fn modes_and_ranges_are_checked_as_on_linux() {
        let machine = with_tree();
        let mut program = Program::new();
        let [file, link] = ["/d/f", "/d/up"].map(|path| program.bytes(path.as_bytes()));
        program.call("open", &[file.into(), 2.into(), 0.into()]);
        let change = |program: &mut Program, path: u64, flags: u64| {
            program.call("fchmodat2", &[CWD, path, 0o640, flags].map(Argument::from))
        };
        let sync = |program: &mut Program, file: u64, offset: u64, length: u64, flags: u64| {
            program.call("sync_file_range", &[file, offset, length, flags].map(Argument::from))
        };
        let ends = program.room(1);
        program.call("pipe", &[ends.0.into()]);
        let answers = [
            (change(&mut program, file, 0x100), 0),
            (change(&mut program, link, 0x100), error(EOPNOTSUPP)),
            (change(&mut program, file, 1), error(EINVAL)),
            (sync(&mut program, 4, 0, 0, 7), 0),
            (sync(&mut program, 4, 0, 10, 8), error(EINVAL)),
            (sync(&mut program, 4, u64::MAX, 10, 0), error(EINVAL)),
            (sync(&mut program, 4, 1 << 62, 1 << 62, 0), error(EINVAL)),
            (sync(&mut program, 5, 0, 10, 0), error(ESPIPE)),
            (sync(&mut program, 77, 0, 10, 0), error(EBADF)),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(answers.map(|(slot, _)| machine.result(slot)), answers.map(|(_, expected)| expected));
        assert_eq!(machine.manager.resolve(&machine.manager.root_context(), b"/d/f", vfs::manager::Follow::Yes)
            .and_then(|path| Ok(path.node()?.permissions().mode)), Ok(0o640));
    }
}
