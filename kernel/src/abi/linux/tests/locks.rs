//! Advisory locks, between processes.

use super::program::{Argument, Machine, Program, Slot};
use super::{EAGAIN, EBADF, EINTR, EINVAL, error};
use crate::ktest;
use crate::task::process::Ending;

const F_GETLK: u64 = 5;
const F_SETLK: u64 = 6;
const F_SETLKW: u64 = 7;
const F_OFD_SETLK: u64 = 37;
const READ: u64 = 0;
const WRITE: u64 = 1;
const UNLOCKED: u64 = 2;
const EDEADLK: i64 = 35;

/// The number of the first file that a program opens.
const FILE: u64 = 4;

fn open(program: &mut Program, flags: u64) -> Slot {
    let path = program.bytes(b"/f");
    program.call("open", &[path.into(), flags.into(), 0.into()])
}

/// A lock command about a range.
fn lock(program: &mut Program, command: u64, kind: u64, start: u64, length: u64) -> Slot {
    let request = program.words(&[kind, start, length, 0]);
    program.call("fcntl", &[FILE, command, request].map(Argument::from))
}

fn with_file() -> Machine {
    let machine = Machine::new();
    machine.write("/f", &[b'x'; 100]);
    machine
}

/// Runs a child to its end, whose results the parent has nothing of; its status.
fn child(program: &mut Program, body: impl FnOnce(&mut Program)) {
    let pid = program.begin("fork", |child| {
        body(child);
        child.exit(0);
    });
    program.call("wait4", &[pid.into(), 0.into(), 0.into(), 0.into()]);
}

/// Lets a child write what a call answered to the output.
fn tell(program: &mut Program, slot: Slot) {
    program.call("write", &[1.into(), slot.0.into(), 8.into()]);
}

fn told(machine: &Machine) -> alloc::vec::Vec<i64> {
    machine.read("/out").as_chunks().0.iter().map(|word| i64::from_le_bytes(*word)).collect()
}

ktest! {
    fn a_whole_file_is_locked_by_whoever_opened_it() {
        let machine = with_file();
        let mut program = Program::new();
        open(&mut program, 2);
        let flock = |program: &mut Program, file: u64, operation: u64| {
            program.call("flock", &[file.into(), operation.into()])
        };
        let locked = flock(&mut program, FILE, 2);
        open(&mut program, 0);
        let refused = flock(&mut program, FILE + 1, 1 | 4);
        child(&mut program, |child| {
            // It has the parent's open file.
            let answer = flock(child, FILE, 2 | 4);
            tell(child, answer);
        });
        let unlocked = flock(&mut program, FILE, 8);
        let shared = [FILE, FILE + 1].map(|file| flock(&mut program, file, 1 | 4));
        let odd = [(FILE, 3), (77, 2)].map(|(file, operation)| flock(&mut program, file, operation));
        assert_eq!(machine.run(program), Ending::Exited(0));
        let results = [locked, refused, unlocked, shared[0], shared[1], odd[0], odd[1]];
        let expected = [0, error(EAGAIN), 0, 0, 0, error(EINVAL), error(EBADF)];
        assert_eq!(results.map(|slot| machine.result(slot)), expected);
        assert_eq!(told(&machine), [0]);
    }

    /// ```text
    ///   parent   │ write 0..10 │ read 50..  │
    ///   child      refused, told by whom; what overlaps no write is had; gone with a close of any of its files
    /// ```
    fn ranges_are_locked_by_processes() {
        let machine = with_file();
        let mut program = Program::new();
        open(&mut program, 2);
        let own = [
            lock(&mut program, F_SETLK, WRITE, 0, 10),
            lock(&mut program, F_SETLK, READ, 50, 0),
            lock(&mut program, F_SETLK, WRITE, 5, 10),
        ];
        let pid = program.call("getpid", &[]);
        child(&mut program, |child| {
            let answers = [
                lock(child, F_SETLK, WRITE, 14, 1),
                lock(child, F_SETLK, READ, 60, 1),
                lock(child, F_SETLK, WRITE, 60, 1),
                lock(child, F_OFD_SETLK, WRITE, 20, 1),
            ];
            answers.into_iter().for_each(|slot| tell(child, slot));
            let question = child.words(&[WRITE, 8, 100, 0]);
            let asked = child.call("fcntl", &[FILE, F_GETLK, question].map(Argument::from));
            tell(child, asked);
            child.call("write", &[1.into(), question.into(), 32.into()]);
            // The parent has the open file too, whose lock would stay.
            lock(child, F_OFD_SETLK, UNLOCKED, 20, 1);
        });
        open(&mut program, 0);
        program.call("close", &[(FILE + 1).into()]);
        child(&mut program, |child| {
            let free = lock(child, F_SETLK, WRITE, 0, 0);
            tell(child, free);
        });
        let odd = [
            lock(&mut program, F_GETLK, UNLOCKED, 0, 1),
            lock(&mut program, F_SETLK, 7, 0, 1),
            lock(&mut program, F_SETLK, WRITE | 9 << 16, 0, 1),
        ];
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(own.map(|slot| machine.result(slot)), [0; 3]);
        assert_eq!(odd.map(|slot| machine.result(slot)), [error(EINVAL); 3]);
        let parent = machine.result(pid);
        let refused = error(EAGAIN);
        assert_eq!(told(&machine), [refused, 0, refused, 0, 0, 1, 0, 15, parent, 0]);
    }

    /// ```text
    ///   parent  has 0, waits for 1      child  has 1, waits for 0: EDEADLK, and with its end the parent goes on
    /// ```
    fn who_waits_for_a_lock_gets_it_or_hears_of_a_circle() {
        let machine = with_file();
        let mut program = Program::new();
        open(&mut program, 2);
        let first = lock(&mut program, F_SETLK, WRITE, 0, 1);
        let ends = program.room(1);
        program.call("pipe", &[ends.0.into()]);
        let pid = program.begin("fork", |child| {
            lock(child, F_SETLK, WRITE, 1, 1);
            child.call("write", &[6.into(), ends.0.into(), 1.into()]);
            let wait = child.words(&[0, 50_000_000]);
            child.call("nanosleep", &[wait.into(), 0.into()]);
            let answer = lock(child, F_SETLKW, WRITE, 0, 1);
            tell(child, answer);
            child.exit(0);
        });
        program.call("read", &[5.into(), ends.0.into(), 1.into()]);
        let second = lock(&mut program, F_SETLKW, WRITE, 1, 1);
        program.call("wait4", &[pid.into(), 0.into(), 0.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([first, second].map(|slot| machine.result(slot)), [0, 0]);
        assert_eq!(told(&machine), [error(EDEADLK)]);
    }

    fn a_signal_ends_the_waiting() {
        let machine = with_file();
        let mut program = Program::new();
        open(&mut program, 2);
        lock(&mut program, F_SETLK, WRITE, 0, 1);
        child(&mut program, |child| {
            child.handle(14, super::program::Act::Handler, 0, 0);
            child.notes(1);
            let timer = child.words(&[0, 0, 0, 30_000]);
            child.call("setitimer", &[0.into(), timer.into(), 0.into()]);
            let answer = lock(child, F_SETLKW, WRITE, 0, 1);
            tell(child, answer);
        });
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(told(&machine), [error(EINTR)]);
    }
}
