//! Signals in place of waiting for a file. What is told, and when, is as the Linux of the host has told it.

use super::program::{Act, Machine, Program, Slot, run};
use super::{EAGAIN, EBADF, EINVAL, ENOTDIR, ENOTTY, ESRCH, error};
use crate::ktest;
use crate::task::process::Ending;

const F_GETFL: u64 = 3;
const F_SETFL: u64 = 4;
const F_SETOWN: u64 = 8;
const F_GETOWN: u64 = 9;
const F_SETSIG: u64 = 10;
const F_GETSIG: u64 = 11;
const F_SETOWN_EX: u64 = 15;
const F_GETOWN_EX: u64 = 16;
const F_SETLEASE: u64 = 1024;
const F_GETLEASE: u64 = 1025;
const F_NOTIFY: u64 = 1026;

const EXCLUSIVE: u64 = 1;
const CREATE: u64 = 0o100;
const FIOASYNC: u64 = 0x5452;

const ASYNC: u64 = 0o20_000;
const NON_BLOCKING: u64 = 0o4_000;

const IO: u64 = 29;
const CHILD: u64 = 17;
const QUEUED: u64 = 40;
const SA_SIGINFO: u64 = 4;

/// A number that nobody has.
const NOBODY: u64 = 4_000_000;

/// What a handler was told of the first signals: which, `si_code`, the events, the file's number.
fn told<const N: usize>(machine: &Machine, notes: Slot) -> [[i64; 4]; N] {
    core::array::from_fn(|index| {
        let [signal, code, events, number, ..] = machine.note(notes, index as u64);
        [signal, code, events, number]
    })
}

/// A program whose handlers note what they are told.
fn program() -> (Program, Slot) {
    let mut program = Program::new();
    let notes = program.notes(8);
    for signal in [IO, CHILD, QUEUED] {
        program.handle(signal, Act::Handler, SA_SIGINFO, 0);
    }
    (program, notes)
}

fn fcntl(program: &mut Program, file: u64, command: u64, argument: u64) -> Slot {
    program.call("fcntl", &[file.into(), command.into(), argument.into()])
}

/// Has the program itself told of a file by a signal.
fn listen(program: &mut Program, file: u64, signal: u64) {
    let own = program.call("getpid", &[]);
    program.call("fcntl", &[file.into(), F_SETOWN.into(), own.into()]);
    fcntl(program, file, F_SETSIG, signal);
    fcntl(program, file, F_SETFL, ASYNC | NON_BLOCKING);
}

ktest! {
    /// Of each write, while it is asked for; without a signal of one's choice by `SIGIO` that says no more.
    fn who_reads_a_pipe_is_told_of_what_comes() {
        let (mut program, notes) = program();
        let (ends, text, buffer) = (program.room(1), program.bytes(b"x"), program.room(1));
        program.call("pipe", &[ends.0.into()]);
        let write = |program: &mut Program| program.call("write", &[5.into(), text.into(), 1.into()]);
        fcntl(&mut program, 4, F_SETFL, ASYNC);
        write(&mut program);
        fcntl(&mut program, 4, F_SETFL, 0);
        listen(&mut program, 4, QUEUED);
        write(&mut program);
        write(&mut program);
        program.call("read", &[4.into(), buffer.0.into(), 1.into()]);
        for signal in [CHILD, IO, 0] {
            fcntl(&mut program, 4, F_SETSIG, signal);
            write(&mut program);
        }
        fcntl(&mut program, 4, F_SETFL, 0);
        write(&mut program);
        let (off, on) = (program.words(&[0]), program.words(&[1]));
        program.call("ioctl", &[4.into(), FIOASYNC.into(), on.into()]);
        let shown = fcntl(&mut program, 4, F_GETFL, 0);
        program.call("close", &[5.into()]);
        program.call("ioctl", &[4.into(), FIOASYNC.into(), off.into()]);
        let hidden = fcntl(&mut program, 4, F_GETFL, 0);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let plain = [29, 0x80, 0, 0];
        let expected =
            [[40, 1, 0x41, 4], [40, 1, 0x41, 4], [17, -5, 0x41, 4], [29, 1, 0x41, 4], plain, plain, [0; 4]];
        assert_eq!(told(&machine, notes), expected);
        assert_eq!([shown, hidden].map(|call| machine.result(call) as u64 & ASYNC), [ASYNC, 0]);
    }

    /// Who ends without a word leaves nothing behind.
    fn a_directorys_owner_is_told_of_what_happens_there() {
        let (mut program, notes) = program();
        let (directory, name) = (program.bytes(b"/\0"), program.bytes(b"/new\0"));
        program.call("open", &[directory.into(), 0.into()]);
        fcntl(&mut program, 4, F_SETSIG, QUEUED);
        let asked = fcntl(&mut program, 4, F_NOTIFY, 0x8000_0004);
        program.call("mkdir", &[name.into(), 0o700.into()]);
        program.call("rmdir", &[name.into()]);
        program.call("mkdir", &[name.into(), 0o700.into()]);
        let owner = fcntl(&mut program, 4, F_GETOWN, 0);
        let refused = fcntl(&mut program, 0, F_NOTIFY, 4);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(told(&machine, notes), [[40, 3, 0x441, 4], [40, 3, 0x441, 4], [0; 4]]);
        assert_eq!([asked, refused].map(|call| machine.result(call)), [0, error(ENOTDIR)]);
        assert!(machine.result(owner) > 0);
    }

    /// Once, however often it is opened; who ends without a word gives the lease back.
    fn who_has_a_lease_is_told_that_somebody_opens_the_file() {
        let (mut program, notes) = program();
        let name = program.bytes(b"/leased\0");
        let open = |program: &mut Program, flags: u64| program.call("open", &[name.into(), flags.into(), 0o600.into()]);
        open(&mut program, CREATE);
        fcntl(&mut program, 4, F_SETSIG, QUEUED);
        let taken = fcntl(&mut program, 4, F_SETLEASE, EXCLUSIVE);
        let refused = [(); 2].map(|()| open(&mut program, NON_BLOCKING));
        let left = fcntl(&mut program, 4, F_GETLEASE, 0);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(told(&machine, notes), [[40, 3, 0x441, 4], [0; 4]]);
        assert_eq!(machine.result(taken), 0);
        assert_eq!(refused.map(|call| machine.result(call)), [error(EAGAIN); 2]);
        assert_eq!(machine.result(left), 0, "it is to be a shared one");
    }

    /// When there is room again, and when nobody is left who reads.
    fn who_writes_a_pipe_is_told_of_room() {
        let (mut program, notes) = program();
        let (ends, buffer) = (program.room(1), program.room(512));
        program.call("pipe", &[ends.0.into()]);
        fcntl(&mut program, 5, 1031, 4096);
        listen(&mut program, 5, QUEUED);
        program.call("write", &[5.into(), buffer.0.into(), 4096.into()]);
        program.call("read", &[4.into(), buffer.0.into(), 4096.into()]);
        program.call("close", &[4.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(told(&machine, notes), [[40, 2, 0x304, 5], [40, 2, 0x304, 5], [0; 4]]);
    }

    /// Of what comes, of room when there was none, of the end of what comes, and of the other end's being gone.
    fn a_sockets_owner_is_told() {
        let (mut program, notes) = program();
        let (ends, buffer) = (program.room(1), program.room(512));
        program.call("socketpair", &[1.into(), (1 | NON_BLOCKING).into(), 0.into(), ends.0.into()]);
        listen(&mut program, 4, QUEUED);
        let mut call = |name: &str, file: u64, count: u64| {
            program.call(name, &[file.into(), buffer.0.into(), count.into()])
        };
        call("write", 5, 1);
        call("read", 4, 1);
        call("write", 4, 1);
        call("read", 5, 1);
        for _ in 0..100 {
            call("write", 4, 4096);
        }
        for _ in 0..100 {
            call("read", 5, 4096);
        }
        program.call("shutdown", &[5.into(), 1.into()]);
        program.call("close", &[5.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let expected = [[40, 1, 0x41, 4], [40, 2, 0x304, 4], [40, 1, 0x41, 4], [40, 6, 0x18, 4], [0; 4]];
        assert_eq!(told(&machine, notes), expected);
    }

    /// Of what happens to a file that is watched.
    fn an_owner_of_watches_is_told() {
        let machine = Machine::new();
        machine.write("/f", b"");
        let (mut program, notes) = program();
        let path = program.bytes(b"/f");
        program.call("inotify_init", &[]);
        program.call("inotify_add_watch", &[4.into(), path.into(), 4.into()]);
        listen(&mut program, 4, QUEUED);
        program.call("chmod", &[path.into(), 0o600.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(told(&machine, notes), [[40, 1, 0x41, 4], [0; 4]]);
    }

    /// A process, a group below 0, a thread; one that is gone is nobody.
    fn who_the_owner_is_can_be_said_and_asked() {
        let mut program = Program::new();
        let (ends, seen) = (program.room(1), program.room(2));
        program.call("pipe", &[ends.0.into()]);
        let first = fcntl(&mut program, 4, F_GETOWN, 0);
        let refused = [NOBODY, NOBODY.wrapping_neg(), 1 << 31].map(|who| fcntl(&mut program, 4, F_SETOWN, who));
        let kinds = [3, NOBODY << 32, 1 | (-4i32 as u64) << 32].map(|owner| {
            let owner = program.words(&[owner]);
            fcntl(&mut program, 4, F_SETOWN_EX, owner)
        });
        let signals = [0, 65, u64::MAX, 64, 0].map(|signal| fcntl(&mut program, 4, F_SETSIG, signal));
        fcntl(&mut program, 4, F_SETSIG, 64);
        let signal = fcntl(&mut program, 4, F_GETSIG, 0);
        let group = program.call("getpgid", &[0.into()]);
        let asked = program.words(&[2, 0]);
        program.act(Act::Store, &[(asked + 4).into(), group.into()]);
        fcntl(&mut program, 4, F_SETOWN_EX, asked);
        let negative = fcntl(&mut program, 4, F_GETOWN, 0);
        fcntl(&mut program, 4, F_GETOWN_EX, seen.0);
        let child = program.begin("fork", |child| child.exit(0));
        program.call("fcntl", &[4.into(), F_SETOWN.into(), child.into()]);
        let there = fcntl(&mut program, 4, F_GETOWN, 0);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let gone = fcntl(&mut program, 4, F_GETOWN, 0);
        fcntl(&mut program, 4, F_GETOWN_EX, seen.0 + 8);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let results = |calls: [Slot; 3]| calls.map(|call| machine.result(call));
        assert_eq!(results(refused), [ESRCH, ESRCH, EINVAL].map(error));
        assert_eq!(results(kinds), [EINVAL, ESRCH, ESRCH].map(error));
        assert_eq!(signals.map(|call| machine.result(call)), [0, error(EINVAL), error(EINVAL), 0, 0]);
        assert_eq!([first, signal, gone].map(|call| machine.result(call)), [0, 64, 0]);
        assert_eq!(machine.result(there), machine.result(child));
        assert_eq!(machine.result(negative), -machine.result(group));
        assert_eq!(machine.result(seen), 2 | machine.result(group) << 32);
        assert_eq!(machine.result(Slot(seen.0 + 8)), 1);
    }

    /// ```text
    ///   thread, group of the program ── told
    ///   named by a user who may not send it signals ── not told, and nobody knows
    /// ```
    fn threads_and_groups_are_told_but_not_by_strangers() {
        let (mut program, notes) = program();
        let (ends, text, seen) = (program.room(1), program.bytes(b"x"), program.room(1));
        program.call("pipe", &[ends.0.into()]);
        listen(&mut program, 4, QUEUED);
        for (kind, name) in [(0, "gettid"), (2, "getpgid")] {
            let number = program.call(name, &[0.into()]);
            let owner = program.words(&[kind, 0]);
            program.act(Act::Store, &[(owner + 4).into(), number.into()]);
            fcntl(&mut program, 4, F_SETOWN_EX, owner);
            program.call("write", &[5.into(), text.into(), 1.into()]);
        }
        let own = program.call("getpid", &[]);
        let child = program.begin("fork", |child| {
            child.call("setuid", &[1000.into()]);
            child.call("fcntl", &[4.into(), F_SETOWN.into(), own.into()]);
            child.exit(0);
        });
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        fcntl(&mut program, 4, F_GETOWN_EX, seen.0);
        program.call("write", &[5.into(), text.into(), 1.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [first, second, third] = told(&machine, notes);
        assert_eq!([first, second], [[40, 1, 0x41, 4]; 2]);
        assert_eq!(third[0], CHILD as i64, "of the child that has ended, no more");
        assert_eq!(machine.result(seen), 1 | machine.result(own) << 32);
        assert_eq!(machine.note(notes, 3)[0], 0);
    }

    /// It is shown when a file was opened so, though nobody is told; where there is nothing to tell it cannot be asked.
    fn files_that_are_always_ready_tell_nobody() {
        let machine = Machine::new();
        machine.write("/f", b"");
        let mut program = Program::new();
        let (path, on, off) = (program.bytes(b"/f"), program.words(&[1]), program.words(&[0]));
        for flags in [2 | ASYNC, 2, 0o10_000_000] {
            program.call("open", &[path.into(), flags.into(), 0.into()]);
        }
        let asked = fcntl(&mut program, 5, F_SETFL, ASYNC);
        fcntl(&mut program, 4, F_SETFL, 0);
        let shown = [4, 5].map(|file| fcntl(&mut program, file, F_GETFL, 0));
        let calls = [(4, on), (4, off), (5, on), (5, off)]
            .map(|(file, value)| program.call("ioctl", &[file.into(), FIOASYNC.into(), value.into()]));
        let place = [F_GETOWN, 9999].map(|command| fcntl(&mut program, 6, command, 0));
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([asked, shown[0], shown[1]].map(|call| machine.result(call)), [0, 0o120_002, 0o100_002]);
        assert_eq!(calls.map(|call| machine.result(call)), [0, error(ENOTTY), error(ENOTTY), 0]);
        assert_eq!(place.map(|call| machine.result(call)), [error(EBADF); 2]);
    }
}
