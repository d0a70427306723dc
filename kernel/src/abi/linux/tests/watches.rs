//! Events of the file system, as programs read them.

use super::program::{Argument, Machine, Program, Slot};
use super::{EAGAIN, EBADF, EINVAL, ENOENT, error};
use crate::ktest;
use crate::task::process::Ending;

const CREATE: u64 = 0x100;
const NON_BLOCKING: u64 = 0o4000;
const CLOSE_ON_EXEC: u64 = 0o2_000_000;
/// The number of the first file that a program opens.
const WATCHES: u64 = 4;

fn with_directory() -> Machine {
    let machine = Machine::new();
    machine.manager.make_directory(&machine.manager.root_context(), b"/d", 0o755).expect("it can be made");
    machine
}

fn watch(program: &mut Program, path: &str, mask: u64) -> Slot {
    let path = program.bytes(path.as_bytes());
    program.call("inotify_add_watch", &[WATCHES, path, mask].map(Argument::from))
}

fn make(program: &mut Program, path: &str) {
    let path = program.bytes(path.as_bytes());
    program.call("mkdir", &[path.into(), 0o755.into()]);
}

ktest! {
    /// ```text
    ///   watch 1, IN_CREATE | IN_ISDIR, no cookie, 16 bytes of name: "new"
    /// ```
    fn what_happens_in_a_directory_is_polled_and_read() {
        let machine = with_directory();
        let mut program = Program::new();
        let made = program.call("inotify_init1", &[(NON_BLOCKING | CLOSE_ON_EXEC).into()]);
        let closed = program.call("fcntl", &[WATCHES.into(), 1.into(), 0.into()]);
        let number = watch(&mut program, "/d", CREATE);
        let question = program.words(&[WATCHES | 1 << 32]);
        let quiet = program.call("poll", &[question.into(), 1.into(), 0.into()]);
        let room = program.room(8);
        let none = program.call("read", &[WATCHES.into(), room.0.into(), 64.into()]);
        make(&mut program, "/d/new");
        let ready = program.call("poll", &[question.into(), 1.into(), 0.into()]);
        let waiting = program.room(1);
        program.call("ioctl", &[WATCHES.into(), 0x541b.into(), waiting.0.into()]);
        let narrow = program.call("read", &[WATCHES.into(), room.0.into(), 16.into()]);
        let read = program.call("read", &[WATCHES.into(), room.0.into(), 64.into()]);
        let after = program.call("poll", &[question.into(), 1.into(), 0.into()]);
        let removed = program.call("inotify_rm_watch", &[WATCHES.into(), 1.into()]);
        let ended = program.call("read", &[WATCHES.into(), (room.0 + 32).into(), 32.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        let results = [made, closed, number, quiet, none, ready, waiting, narrow, read, after, removed, ended];
        let expected = [4, 1, 1, 0, error(EAGAIN), 1, 32, error(EINVAL), 32, 0, 0, 16];
        assert_eq!(results.map(|slot| machine.result(slot)), expected);
        let words = [0, 1, 2, 3, 4].map(|index| machine.result(Slot(room.0 + 8 * index)) as u64);
        assert_eq!(words, [1 | 0x4000_0100 << 32, 16 << 32, u64::from_le_bytes(*b"new\0\0\0\0\0"), 0, 1 | 0x8000 << 32]);
    }

    fn who_reads_waits_for_an_event() {
        let machine = with_directory();
        let mut program = Program::new();
        program.call("inotify_init", &[]);
        watch(&mut program, "/d", CREATE);
        let child = program.begin("fork", |child| {
            let wait = child.words(&[0, 30_000_000]);
            child.call("nanosleep", &[wait.into(), 0.into()]);
            make(child, "/d/late");
            child.exit(0);
        });
        let room = program.room(4);
        let read = program.call("read", &[WATCHES.into(), room.0.into(), 32.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(machine.result(read), 32);
        assert_eq!(machine.result(Slot(room.0 + 16)).to_le_bytes(), *b"late\0\0\0\0");
    }

    fn what_cannot_be_watched_is_refused_as_on_linux() {
        let machine = with_directory();
        let mut program = Program::new();
        program.call("inotify_init1", &[0.into()]);
        let path = program.bytes(b"/d");
        let add = |program: &mut Program, file: u64| {
            program.call("inotify_add_watch", &[file, path, CREATE].map(Argument::from))
        };
        let answers = [
            (watch(&mut program, "/missing", CREATE), ENOENT),
            (watch(&mut program, "/d", 0), EINVAL),
            (add(&mut program, 77), EBADF),
            (add(&mut program, 1), EINVAL),
            (program.call("inotify_rm_watch", &[WATCHES.into(), 5.into()]), EINVAL),
            (program.call("inotify_init1", &[1.into()]), EINVAL),
            (program.call("write", &[WATCHES.into(), path.into(), 2.into()]), EBADF),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(answers.map(|(slot, _)| machine.result(slot)), answers.map(|(_, number)| error(number)));
    }
}
