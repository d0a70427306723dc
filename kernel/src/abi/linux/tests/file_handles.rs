//! Files by handles. Each answer is what Linux answers on a tmpfs.

use super::program::{Act, Argument, Machine, Program, Slot};
use super::{EBADF, EINVAL, ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP, EOVERFLOW, EPERM, ESTALE, error};
use crate::abi::linux::structures;
use crate::ktest;
use crate::task::process::Ending;

const CWD: u64 = -100i64 as u64;
const FOLLOW: u64 = 0x400;
const EMPTY_PATH: u64 = 0x1000;
const TO_COMPARE: u64 = 0x200;
const UNIQUE: u64 = 1;
const CONNECTABLE: u64 = 2;

/// A handle with room for so many bytes.
fn handle(program: &mut Program, room: u64) -> u64 {
    let handle = program.room(3);
    program.act(Act::Store, &[handle.0.into(), room.into()]);
    handle.0
}

fn ask(program: &mut Program, directory: u64, path: u64, handle: u64, mount: u64, flags: u64) -> Slot {
    program.call("name_to_handle_at", &[directory, path, handle, mount, flags].map(Into::into))
}

fn open(program: &mut Program, beside: u64, handle: impl Into<Argument>, flags: u64) -> Slot {
    program.call("open_by_handle_at", &[beside.into(), handle.into(), flags.into()])
}

ktest! {
    /// ```text
    ///   /f    a file, open as 4 and, as a place only, as 5
    ///   /l    a link to it
    /// ```
    fn handles_are_asked_for() {
        let machine = Machine::new();
        machine.write("/f", b"text");
        machine.manager.make_symlink(&machine.manager.root_context(), b"f", b"/l").expect("it can be made");
        let mut program = Program::new();
        let [path, link, empty, missing] = [&b"/f"[..], b"/l", b"", b"/none"].map(|text| program.bytes(text));
        let mounts = program.room(2).0;
        program.act(Act::Store, &[mounts.into(), u64::MAX.into()]);
        program.call("open", &[path.into(), 0.into()]);
        program.call("open", &[path.into(), 0o10_000_000.into()]);
        let ends = program.room(1);
        program.call("pipe", &[ends.0.into()]);
        let good = [(CWD, path, 0), (CWD, link, FOLLOW), (4, empty, EMPTY_PATH), (5, empty, EMPTY_PATH), (CWD, link, 0)]
            .map(|(directory, path, flags)| {
                let handle = handle(&mut program, 128);
                (ask(&mut program, directory, path, handle, mounts, flags), handle)
            });
        let pipe = handle(&mut program, 12);
        let (zero, eleven, many) = (handle(&mut program, 0), handle(&mut program, 11), handle(&mut program, 129));
        let wide = ask(&mut program, CWD, path, pipe, mounts + 8, UNIQUE);
        let answers = [
            ask(&mut program, 6, empty, pipe, mounts, EMPTY_PATH | TO_COMPARE),
            ask(&mut program, 6, empty, pipe, mounts, EMPTY_PATH),
            ask(&mut program, CWD, path, zero, mounts, 0),
            ask(&mut program, CWD, path, eleven, mounts, 0),
            ask(&mut program, CWD, path, many, mounts, 0),
            ask(&mut program, CWD, missing, many, mounts, 0),
            ask(&mut program, CWD, empty, pipe, mounts, 0),
            ask(&mut program, 99, empty, pipe, mounts, EMPTY_PATH),
            ask(&mut program, CWD, path, pipe, mounts, 0x100),
            ask(&mut program, CWD, path, pipe, mounts, CONNECTABLE),
            ask(&mut program, CWD, path, pipe, mounts, CONNECTABLE | TO_COMPARE),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(good.map(|(call, _)| machine.result(call)), [0; 5]);
        let words = |at: u64| [0, 8, 16].map(|offset| machine.result(Slot(at + offset)));
        let shown = good.map(|(_, handle)| words(handle));
        assert_eq!(shown[0][0], 12 | 1 << 32);
        assert_eq!(shown[1..4], [shown[0]; 3]);
        assert_ne!(shown[4], shown[0]);
        let number = (structures::UNIQUE_MOUNTS + machine.manager.tree().root().id()) as i64;
        assert_eq!(machine.result(wide), 0);
        assert_eq!((machine.result(Slot(mounts + 8)), machine.result(Slot(mounts)) >> 32), (number, -1));
        let expected = [0, EOPNOTSUPP, EOVERFLOW, EOVERFLOW, EINVAL, ENOENT, ENOENT, EBADF, EINVAL, EOPNOTSUPP, EINVAL];
        assert_eq!(answers.map(|call| machine.result(call)), expected.map(error));
        assert_eq!(words(pipe)[0], 12 | 0x81 << 32);
        assert_eq!([zero, eleven].map(words), [[12 | 0xff << 32, 0, 0]; 2]);
    }

    fn files_are_opened_by_handles() {
        let machine = Machine::new();
        machine.write("/f", b"text");
        machine.manager.make_symlink(&machine.manager.root_context(), b"f", b"/l").expect("it can be made");
        let mut program = Program::new();
        let [path, link] = [&b"/f"[..], b"/l"].map(|text| program.bytes(text));
        let (mount, room, ends) = (program.room(1), program.room(1), program.room(1));
        program.call("open", &[path.into(), 0.into()]);
        program.call("open", &[path.into(), 0o10_000_000.into()]);
        program.call("pipe", &[ends.0.into()]);
        let [file, of_link, long] = [(path, 12), (link, 12), (path, 12)].map(|(path, size)| {
            let handle = handle(&mut program, size);
            ask(&mut program, CWD, path, handle, mount.0, 0);
            handle
        });
        let good = [open(&mut program, CWD, file, 0), open(&mut program, 4, file, 2), open(&mut program, 6, file, 0)];
        let read = program.call("read", &[8.into(), room.0.into(), 8.into()]);
        // The size and the type of a handle, and what comes of it.
        let headers = [
            (128, 1, 10),
            (12, 2, 11),
            (12, 1 << 16 | 1, 12),
            (12, 1 << 17 | 1, error(ESTALE)),
            (12, 1 << 18 | 1, error(EINVAL)),
            (12, 0xffff_ffff, error(EINVAL)),
            (0, 1, error(EINVAL)),
            (129, 1, error(EINVAL)),
            (8, 1, error(ESTALE)),
            (11, 1, error(ESTALE)),
        ];
        let by_header = headers.map(|(size, kind, _): (u64, u64, i64)| {
            program.act(Act::Store, &[long.into(), (size | kind << 32).into()]);
            open(&mut program, 4, long, 0)
        });
        let refused = [
            open(&mut program, 5, file, 0),
            open(&mut program, 99, file, 0),
            open(&mut program, CWD, of_link, 0),
            open(&mut program, CWD, file, 0o200_000),
        ];
        for number in 4u64..=12 {
            program.call("close", &[number.into()]);
        }
        program.call("unlink", &[path.into()]);
        let gone = open(&mut program, CWD, file, 0);
        program.call("setuid", &[1000.into()]);
        let without = open(&mut program, CWD, file, 0);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(good.map(|call| machine.result(call)), [8, 9, error(ESTALE)]);
        assert_eq!((machine.result(read), machine.result(room)), (4, i64::from_le_bytes(*b"text\0\0\0\0")));
        assert_eq!(by_header.map(|call| machine.result(call)), headers.map(|(.., answer)| answer));
        assert_eq!(refused.map(|call| machine.result(call)), [EBADF, EBADF, ELOOP, ENOTDIR].map(error));
        assert_eq!([gone, without].map(|call| machine.result(call)), [ESTALE, EPERM].map(error));
    }
}
