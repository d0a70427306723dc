//! Names: what the calls that take a directory's number make of it, and listings.

use super::program::{Machine, Program, Slot};
use super::{EBADF, EEXIST, EINVAL, ENOENT, ENOTDIR, error};
use crate::ktest;
use crate::task::process::Ending;

const CWD: u64 = -100i64 as u64;
const DIRECTORY: u64 = 0o200_000;

/// A program that has opened `/d`, in which is `file`.
fn with_a_file_in_a_directory() -> (Machine, Program, Slot) {
    let machine = Machine::new();
    let root = machine.manager.root_context();
    machine.manager.make_directory(&root, b"/d", 0o755).expect("it can be made");
    machine.write("/d/file", b"");
    let mut program = Program::new();
    let path = program.bytes(b"/d");
    let number = program.call("open", &[path.into(), DIRECTORY.into()]);
    (machine, program, number)
}

ktest! {
    /// ```text
    ///   4 = /d        names relative to it, to the current directory (/), and absolute ones
    /// ```
    fn names_start_where_they_are_told_to() {
        let machine = Machine::new();
        let mut program = Program::new();
        let [directory, a, absolute, b, c] = [&b"/d"[..], b"a", b"/x", b"b", b"c"].map(|path| program.bytes(path));
        let made = program.call("mkdir", &[directory.into(), 0o755.into()]);
        let number = program.call("open", &[directory.into(), DIRECTORY.into()]);
        let calls = [
            program.call("mkdirat", &[number.into(), a.into(), 0o700.into()]),
            program.call("mkdirat", &[99.into(), absolute.into(), 0o700.into()]),
            program.call("mkdirat", &[99.into(), a.into(), 0o700.into()]),
            program.call("mkdirat", &[1.into(), a.into(), 0o700.into()]),
            program.call("mkdirat", &[number.into(), a.into(), 0o700.into()]),
            program.call("symlinkat", &[a.into(), number.into(), b.into()]),
            program.call("renameat", &[number.into(), b.into(), CWD.into(), c.into()]),
            program.call("linkat", &[CWD.into(), c.into(), number.into(), b.into(), 0.into()]),
            program.call("renameat2", &[number.into(), a.into(), CWD.into(), c.into(), 1.into()]),
            program.call("renameat2", &[number.into(), a.into(), CWD.into(), c.into(), 8.into()]),
            program.call("unlinkat", &[number.into(), a.into(), 0x200.into()]),
            program.call("unlinkat", &[number.into(), a.into(), 0.into()]),
            program.call("unlinkat", &[number.into(), a.into(), 1.into()]),
        ];
        let target = program.room(1);
        let read = program.call("readlinkat", &[number.into(), b.into(), target.0.into(), 8.into()]);
        let none = program.call("readlinkat", &[number.into(), b.into(), target.0.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!((machine.result(made), machine.result(number)), (0, 4));
        let expected = [0, 0, error(EBADF), error(ENOTDIR), error(EEXIST), 0, 0, 0];
        assert_eq!(calls.map(|call| machine.result(call))[..8], expected);
        let expected = [error(EEXIST), error(EINVAL), 0, error(ENOENT), error(EINVAL)];
        assert_eq!(calls.map(|call| machine.result(call))[8..], expected);
        assert_eq!((machine.result(read), machine.result(none)), (1, error(EINVAL)));
        assert_eq!(machine.result(target), i64::from(b'a'));
    }

    fn a_listing_goes_on_where_it_ended() {
        let (machine, mut program, number) = with_a_file_in_a_directory();
        let room = program.room(12);
        let small = program.call("getdents64", &[number.into(), room.0.into(), 16.into()]);
        // Three of 24 bytes: `.` and `..`, then the file's.
        let first = program.call("getdents64", &[number.into(), room.0.into(), 60.into()]);
        let second = program.call("getdents64", &[number.into(), (room.0 + 48).into(), 48.into()]);
        let end = program.call("getdents64", &[number.into(), room.0.into(), 48.into()]);
        let file = program.call("getdents64", &[1.into(), room.0.into(), 48.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let results = [small, first, second, end, file].map(|call| machine.result(call));
        assert_eq!(results, [error(EINVAL), 48, 24, 0, error(ENOTDIR)]);
        let word = |index: u64| machine.result(Slot(room.0 + 8 * index)).to_le_bytes();
        // Length, type, name.
        assert_eq!(word(2)[..4], [24, 0, 4, b'.']);
        assert_eq!(word(5)[..5], [24, 0, 4, b'.', b'.']);
        assert_eq!(word(8), [24, 0, 8, b'f', b'i', b'l', b'e', 0]);
    }

    /// The type stands at the end of the entry.
    fn a_listing_of_old() {
        let (machine, mut program, number) = with_a_file_in_a_directory();
        let room = program.room(12);
        let small = program.call("getdents", &[number.into(), room.0.into(), 23.into()]);
        let all = program.call("getdents", &[number.into(), room.0.into(), 96.into()]);
        let end = program.call("getdents", &[number.into(), room.0.into(), 96.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([small, all, end].map(|call| machine.result(call)), [error(EINVAL), 72, 0]);
        let word = |index: u64| machine.result(Slot(room.0 + 8 * index)).to_le_bytes();
        assert_eq!(word(2), [24, 0, b'.', 0, 0, 0, 0, 4]);
        assert_eq!(word(5), [24, 0, b'.', b'.', 0, 0, 0, 4]);
        assert_eq!(word(8), [24, 0, b'f', b'i', b'l', b'e', 0, 8]);
    }

    fn an_empty_path_is_the_file_itself_when_that_is_asked_for() {
        let machine = Machine::new();
        machine.write("/f", b"12345");
        let mut program = Program::new();
        let (path, empty, known) = (program.bytes(b"/f"), program.bytes(b""), program.room(32));
        let number = program.call("open", &[path.into(), 0.into()]);
        let plain = program.call("newfstatat", &[number.into(), empty.into(), known.0.into(), 0.into()]);
        let itself = program.call("newfstatat", &[number.into(), empty.into(), known.0.into(), 0x1000.into()]);
        program.call("statx", &[number.into(), empty.into(), 0x1000.into(), 0x7ff.into(), known.0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([plain, itself].map(|call| machine.result(call)), [error(ENOENT), 0]);
        assert_eq!(machine.result(Slot(known.0 + 40)), 5);
    }
}
