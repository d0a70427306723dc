//! Extended attributes by a directory's number and a path.

use super::program::{Machine, Program, run};
use super::{E2BIG, EBADF, EINVAL, ENODATA, ENOENT, ENOTDIR, EPERM, ERANGE, error};
use crate::ktest;
use crate::task::process::Ending;

const CWD: u64 = -100i64 as u64;
const NO_FOLLOW: u64 = 0x100;
const EMPTY_PATH: u64 = 0x1000;

ktest! {
    /// ```text
    ///   /f    a file, open as 4 and, as a place only, as 5
    ///   /l    a link to it
    /// ```
    /// What each call answers is what Linux answered to the same calls on a tmpfs.
    fn attributes_are_found_by_path_by_number_and_through_links() {
        let machine = Machine::new();
        machine.write("/f", b"");
        machine.manager.make_symlink(&machine.manager.root_context(), b"f", b"/l").expect("it can be made");
        let mut program = Program::new();
        let [file, link, empty] = [&b"/f"[..], b"/l", b""].map(|path| program.bytes(path));
        let [own, of_link] = [&b"user.a"[..], b"trusted.b"].map(|name| program.bytes(name));
        let text = program.bytes(b"value");
        let value = program.words(&[text, 5, 0]);
        let new = program.words(&[text, 5 | 1 << 32]);
        let (room, names) = (program.room(1), program.room(2));
        let to_get = program.words(&[room.0, 8]);
        let too_small = program.words(&[room.0, 2]);
        let with_more = program.words(&[text, 5, 1]);
        program.call("open", &[file.into(), 2.into()]);
        program.call("open", &[file.into(), 0o10_000_000.into()]);
        let mut set = |directory: u64, path: u64, flags: u64, name: u64, value: u64, size: u64| {
            let arguments = [directory, path, flags, name, value, size].map(Into::into);
            program.call("setxattrat", &arguments)
        };
        let set = [
            set(CWD, link, 0, own, value, 16),
            set(CWD, link, NO_FOLLOW, own, value, 16),
            set(CWD, link, NO_FOLLOW, of_link, value, 24),
            set(4, empty, EMPTY_PATH, own, value, 16),
            set(4, 0, EMPTY_PATH, own, value, 16),
            set(4, empty, 0, own, value, 16),
            set(5, empty, EMPTY_PATH, own, value, 16),
            set(99, 0, EMPTY_PATH, own, value, 16),
            set(4, text, 0, own, value, 16),
            set(CWD, file, 0x800, own, value, 16),
            set(CWD, file, 0, own, value, 15),
            set(CWD, file, 0, own, value, 4097),
            set(CWD, file, 0, own, with_more, 24),
            set(CWD, file, 0, own, new, 16),
        ];
        let mut get = |flags: u64, value: u64| {
            program.call("getxattrat", &[CWD, link, flags, own, value, 16].map(Into::into))
        };
        let got = [get(0, to_get), get(0, too_small), get(NO_FOLLOW, to_get), get(0, new)];
        let listed = [0, NO_FOLLOW].map(|flags| {
            program.call("listxattrat", &[CWD.into(), link.into(), flags.into(), names.0.into(), 16.into()])
        });
        let removed = [(own, 0), (own, 0), (of_link, NO_FOLLOW)].map(|(name, flags)| {
            program.call("removexattrat", &[CWD.into(), link.into(), flags.into(), name.into()])
        });
        assert_eq!(machine.run(program), Ending::Exited(0));
        let expected = [0, error(EPERM), 0, 0, 0, error(ENOENT), error(EBADF), error(EBADF), error(ENOTDIR)];
        assert_eq!(set.map(|call| machine.result(call))[..9], expected);
        let expected = [EINVAL, EINVAL, E2BIG, E2BIG, 17].map(error);
        assert_eq!(set.map(|call| machine.result(call))[9..], expected);
        assert_eq!(got.map(|call| machine.result(call)), [5, error(ERANGE), error(ENODATA), error(EINVAL)]);
        assert_eq!(machine.result(room).to_le_bytes()[..5], *b"value");
        assert_eq!(listed.map(|call| machine.result(call)), [7, 10]);
        assert_eq!(removed.map(|call| machine.result(call)), [0, error(ENODATA), 0]);
    }

    /// What else is wrong is told before what the path is, as on Linux.
    fn the_path_is_looked_at_last() {
        let mut program = Program::new();
        let [none, empty, name] = [&b"/none"[..], b"", b"user.a"].map(|text| program.bytes(text));
        let calls = [
            program.call("setxattr", &[none.into(), empty.into(), name.into(), 1.into(), 0.into()]),
            program.call("setxattr", &[none.into(), name.into(), name.into(), (1 << 20).into(), 0.into()]),
            program.call("getxattr", &[none.into(), empty.into(), 0.into(), 0.into()]),
            program.call("getxattr", &[none.into(), name.into(), 0.into(), 0.into()]),
        ];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(calls.map(|call| machine.result(call)), [ERANGE, E2BIG, ERANGE, ENOENT].map(error));
    }
}
