//! What files are marked with, as programs ask and say it. Each answer is what Linux's tmpfs answers.

use super::program::{Act, Machine, Program, Slot};
use super::{E2BIG, EACCES, EBADF, EINVAL, ENOENT, ENOTTY, EOPNOTSUPP, EPERM, error};
use crate::ktest;
use crate::task::process::Ending;

const CWD: u64 = -100i64 as u64;
const GET: u64 = 0x8008_6601;
const SET: u64 = 0x4008_6602;
const GET_EXTENDED: u64 = 0x801c_581f;
const SET_EXTENDED: u64 = 0x401c_5820;
/// Immutable, append-only, not dumped, without access times, as `FS_IOC_GETFLAGS` has them.
const ALL: i64 = 0xf0;
/// The same as `FS_IOC_FSGETXATTR` has them.
const ALL_EXTENDED: i64 = 0xd8;

ktest! {
    fn flags_are_set_and_shown_in_every_way_there_is() {
        let machine = Machine::new();
        machine.write("/f", b"text");
        let mut program = Program::new();
        let (path, ends, flags) = (program.bytes(b"/f"), program.room(1), program.room(1));
        let (extended, attributes, known) = (program.room(4), program.room(4), program.room(32));
        program.call("open", &[path.into(), 0.into()]);
        program.call("pipe", &[ends.0.into()]);
        let mut request = |file: u64, request: u64, address: u64| {
            program.call("ioctl", &[file.into(), request.into(), address.into()])
        };
        let none = [request(5, GET, flags.0), request(5, SET_EXTENDED, extended.0)];
        let wanted = program.words(&[ALL as u64]);
        let set = program.call("ioctl", &[4.into(), SET.into(), wanted.into()]);
        let shown = [
            program.call("ioctl", &[4.into(), GET.into(), flags.0.into()]),
            program.call("ioctl", &[4.into(), GET_EXTENDED.into(), extended.0.into()]),
            program.call("file_getattr", &[CWD.into(), path.into(), attributes.0.into(), 32.into(), 0.into()]),
            program.call("statx", &[CWD.into(), path.into(), 0.into(), 0x4fff.into(), known.0.into()]),
        ];
        let seen = [flags.0, extended.0, attributes.0, known.0 + 8].map(|at| program.act(Act::Load, &[at.into()]));
        let write = program.call("open", &[path.into(), 1.into()]);
        let unknown = program.words(&[0x8000]);
        let refused = program.call("ioctl", &[4.into(), SET.into(), unknown.into()]);
        let nothing = program.words(&[0; 4]);
        let cleared = program.call("ioctl", &[4.into(), SET_EXTENDED.into(), nothing.into()]);
        let after = [
            program.call("ioctl", &[4.into(), GET.into(), flags.0.into()]),
            program.act(Act::Load, &[flags.0.into()]),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(none.map(|call| machine.result(call)), [error(ENOTTY); 2]);
        assert_eq!((machine.result(set), shown.map(|call| machine.result(call))), (0, [0; 4]));
        let seen = seen.map(|word| machine.result(word) & 0xffff_ffff);
        assert_eq!(seen, [ALL, ALL_EXTENDED, ALL_EXTENDED, 0x2070 & ALL]);
        let word = |index: u64| machine.result(Slot(known.0 + 8 * index));
        assert_eq!((word(0) & 0x7fff, word(7)), (0x4fff, 0x20_3070));
        assert_eq!([write, refused, cleared].map(|call| machine.result(call)), [error(EPERM), error(EOPNOTSUPP), 0]);
        assert_eq!(after.map(|call| machine.result(call)), [0, 0]);
    }

    fn what_file_setattr_refuses() {
        let machine = Machine::new();
        machine.write("/f", b"");
        machine.manager.make_symlink(&machine.manager.root_context(), b"f", b"/l").expect("it can be made");
        let mut program = Program::new();
        let [path, link, missing, empty] = [&b"/f"[..], b"/l", b"/none", b""].map(|text| program.bytes(text));
        let room = program.room(4);
        let asked = |program: &mut Program, words: [u64; 4]| program.words(&words);
        let good = asked(&mut program, [0x80, 0, 0, 0]);
        let (later, project) = (asked(&mut program, [0, 0, 0, 1]), asked(&mut program, [0, 0, 5, 0]));
        let (extent, sync) = (asked(&mut program, [0, 4096, 0, 0]), asked(&mut program, [0x20, 0, 0, 0]));
        let none = asked(&mut program, [1 << 40, 0, 0, 0]);
        program.call("open", &[path.into(), 0o10_000_000.into()]);
        let mut set = |directory: u64, path: u64, what: u64, size: u64, flags: u64| {
            program.call("file_setattr", &[directory, path, what, size, flags].map(Into::into))
        };
        let set = [
            set(CWD, path, good, 24, 0),
            set(CWD, link, good, 24, 0),
            set(CWD, link, good, 24, 0x100),
            set(CWD, path, good, 23, 0),
            set(CWD, path, later, 32, 0),
            set(CWD, path, project, 24, 0),
            set(CWD, path, extent, 24, 0),
            set(CWD, path, sync, 24, 0),
            set(CWD, path, none, 24, 0),
            set(CWD, path, good, 24, 0x800),
            set(CWD, missing, good, 24, 0),
            set(4, empty, good, 24, 0x1000),
        ];
        let mut get = |directory: u64, path: u64, size: u64, flags: u64| {
            program.call("file_getattr", &[directory, path, room.0, size, flags].map(Into::into))
        };
        let got = [get(CWD, path, 23, 0), get(CWD, path, 4097, 0), get(CWD, link, 24, 0x100), get(4, 0, 24, 0x1000)];
        assert_eq!(machine.run(program), Ending::Exited(0));
        let set = set.map(|call| machine.result(call));
        assert_eq!(set[..5], [0, 0, error(EOPNOTSUPP), error(EINVAL), error(E2BIG)]);
        let expected = [EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP, EINVAL, EINVAL, ENOENT, EBADF];
        assert_eq!(set[5..], expected.map(error));
        assert_eq!(got.map(|call| machine.result(call)), [EINVAL, E2BIG, EOPNOTSUPP, EBADF].map(error));
    }

    /// Who can write an append-only file may not have memory that is the file's.
    fn what_is_append_only_is_not_mapped_by_who_can_write_it() {
        let machine = Machine::new();
        machine.write("/f", &[b'x'; 4096]);
        let mut program = Program::new();
        let (path, append_only) = (program.bytes(b"/f"), program.words(&[0x20]));
        program.call("open", &[path.into(), 2.into()]);
        program.call("open", &[path.into(), 0.into()]);
        program.call("ioctl", &[4.into(), SET.into(), append_only.into()]);
        let mapped = [(4u64, 1u64), (4, 2), (5, 1)].map(|(file, how)| {
            program.call("mmap", &[0.into(), 4096.into(), 1.into(), how.into(), file.into(), 0.into()])
        });
        assert_eq!(machine.run(program), Ending::Exited(0));
        let mapped = mapped.map(|call| machine.result(call));
        assert_eq!((mapped[0], mapped[1] > 0, mapped[2] > 0), (error(EACCES), true, true));
    }
}
