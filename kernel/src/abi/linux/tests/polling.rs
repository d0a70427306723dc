//! Waiting for one of several files.

use alloc::vec::Vec;

use super::program::{Act, Machine, Program, Slot};
use super::{EINTR, error};
use crate::ktest;
use crate::task::process::Ending;

const POLLIN: u64 = 1;
const POLLOUT: u64 = 4;
const POLLHUP: u64 = 0x10;
const POLLNVAL: u64 = 0x20;

const SIGUSR1: u64 = 10;
const SA_RESTART: u64 = 0x1000_0000;

/// A `struct pollfd` that asks for events of a file.
fn ask(number: i32, events: u64) -> u64 {
    u64::from(number as u32) | events << 32
}

/// A machine with these questions in `/f`, and a program that has a pipe as 4 and 5 and them in memory.
fn asking(questions: &[u64]) -> (Machine, Program, Slot) {
    let machine = Machine::new();
    machine.write("/f", &questions.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>());
    let mut program = Program::new();
    let path = program.bytes(b"/f");
    let (ends, room) = (program.room(1), program.room(questions.len() as u64));
    program.call("pipe", &[ends.0.into()]);
    let file = program.call("open", &[path.into(), 0.into(), 0.into()]);
    program.call("read", &[file.into(), room.0.into(), (8 * questions.len() as u64).into()]);
    (machine, program, room)
}

/// What is told of the question of that index.
fn told(machine: &Machine, room: Slot, index: u64) -> u64 {
    machine.result(Slot(room.0 + 8 * index)) as u64 >> 48
}

ktest! {
    /// An empty pipe can be written and not read, a file both; a negative number asks nothing, one that is nobody's
    /// is told.
    fn what_is_ready_is_told_at_once() {
        let questions =
            [ask(4, POLLIN), ask(5, POLLIN | POLLOUT), ask(6, POLLIN | POLLOUT), ask(-1, POLLIN), ask(77, POLLIN)];
        let (machine, mut program, room) = asking(&questions);
        let count = program.call("poll", &[room.0.into(), 5.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(machine.result(count), 3);
        let answers = [0, 1, 2, 3, 4].map(|index| told(&machine, room, index));
        assert_eq!(answers, [0, POLLOUT, POLLIN | POLLOUT, 0, POLLNVAL]);
    }

    /// Nothing comes: it waits as long as it was told to, and tells of nothing.
    fn it_ends_when_the_time_is_over() {
        let (machine, mut program, room) = asking(&[ask(4, POLLIN)]);
        let count = program.call("poll", &[room.0.into(), 1.into(), 20.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!((machine.result(count), told(&machine, room, 0)), (0, 0));
    }

    /// What a child writes later ends the wait, without a limit, and so does that nobody can write any more.
    fn it_ends_when_something_comes_and_when_nothing_can_come() {
        let (machine, mut program, room) = asking(&[ask(4, POLLIN)]);
        let (text, pause, buffer) = (program.bytes(b"x"), program.words(&[0, 20_000_000]), program.room(1));
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[pause.into(), 0.into()]);
            child.call("write", &[5.into(), text.into(), 1.into()]);
            child.call("nanosleep", &[pause.into(), 0.into()]);
            child.exit(0);
        });
        program.call("close", &[5.into()]);
        let forever = u64::from(u32::MAX);
        let first = program.call("poll", &[room.0.into(), 1.into(), forever.into()]);
        let read = program.call("read", &[4.into(), buffer.0.into(), 8.into()]);
        let second = program.call("ppoll", &[room.0.into(), 1.into(), 0.into(), 0.into(), 8.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([first, read, second].map(|call| machine.result(call)), [1, 1, 1]);
        assert_eq!(told(&machine, room, 0), POLLHUP);
    }

    /// A signal ends it, though it was to be made again (`signal(7)`).
    fn a_signal_ends_it() {
        let (machine, mut program, room) = asking(&[ask(4, POLLIN)]);
        let pause = program.words(&[0, 20_000_000]);
        program.notes(1);
        program.handle(SIGUSR1, Act::Handler, SA_RESTART, 0);
        let own = program.call("getpid", &[]);
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[pause.into(), 0.into()]);
            child.call("kill", &[own.into(), SIGUSR1.into()]);
            child.exit(0);
        });
        let forever = u64::from(u32::MAX);
        let count = program.call("poll", &[room.0.into(), 1.into(), forever.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!(machine.result(count), error(EINTR));
    }
}
