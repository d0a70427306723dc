//! Waiting for many files that are named once, and for numbers.

use super::program::{Act, Program, Slot, run};
use super::{EAGAIN, EBADF, EEXIST, EINVAL, ELOOP, ENOENT, EPERM, error};
use crate::ktest;
use crate::task::process::Ending;

const ADD: u64 = 1;
const DELETE: u64 = 2;
const CHANGE: u64 = 3;

const IN: u64 = 1;
const OUT: u64 = 4;
const HUNG_UP: u64 = 0x10;
const EXCLUSIVE: u64 = 1 << 28;
const ONCE: u64 = 1 << 30;
const EDGE: u64 = 1 << 31;

const NON_BLOCKING: u64 = 0o4_000;
const SEMAPHORE: u64 = 1;

/// A program with an instance as 4 and a pipe as 5 and 6.
fn with_pipe() -> Program {
    let mut program = Program::new();
    program.call("epoll_create1", &[0.into()]);
    let ends = program.room(1);
    program.call("pipe2", &[ends.0.into(), NON_BLOCKING.into()]);
    program
}

/// Watches a file; it is told of by `data`, whose upper half stays 0.
fn control(program: &mut Program, operation: u64, number: u64, events: u64, data: u64) -> Slot {
    let event = program.words(&[events | data << 32, 0]);
    program.call("epoll_ctl", &[4.into(), operation.into(), number.into(), event.into()])
}

/// How many are told of at once; the first of them.
fn wait(program: &mut Program) -> (Slot, Slot) {
    let room = program.room(6);
    (program.call("epoll_wait", &[4.into(), room.0.into(), 4.into(), 0.into()]), room)
}

fn write(program: &mut Program, number: u64) -> Slot {
    let text = program.bytes(b"x");
    program.call("write", &[number.into(), text.into(), 1.into()])
}

fn read(program: &mut Program, number: u64, count: u64) -> Slot {
    let buffer = program.room(1);
    program.call("read", &[number.into(), buffer.0.into(), count.into()])
}

ktest! {
    /// As long as it is so; an end without being asked for.
    fn what_is_ready_is_told_of_until_it_is_not() {
        let mut program = with_pipe();
        let added = [control(&mut program, ADD, 5, IN, 77), control(&mut program, ADD, 6, OUT, 88)];
        let first = wait(&mut program);
        write(&mut program, 6);
        let both = [(); 2].map(|()| wait(&mut program));
        read(&mut program, 5, 8);
        control(&mut program, DELETE, 6, 0, 0);
        let none = wait(&mut program);
        program.call("close", &[6.into()]);
        let end = wait(&mut program);
        program.call("close", &[5.into()]);
        let closed = wait(&mut program);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(added.map(|call| machine.result(call)), [0; 2]);
        let answer = |(count, room): (Slot, Slot)| (machine.result(count), machine.result(room) as u64);
        assert_eq!(answer(first), (1, OUT | 88 << 32));
        assert_eq!(both.map(answer), [(2, IN | 77 << 32); 2]);
        assert_eq!([none, end, closed].map(answer), [(0, 0), (1, HUNG_UP | 77 << 32), (0, 0)]);
    }

    /// Each time something comes, though the last was not read; and once more when it is asked for again.
    fn at_an_edge_what_comes_is_told_of_once() {
        let mut program = with_pipe();
        control(&mut program, ADD, 5, IN | EDGE, 77);
        let mut waits = alloc::vec![wait(&mut program)];
        for _ in 0..2 {
            write(&mut program, 6);
            waits.push(wait(&mut program));
            waits.push(wait(&mut program));
        }
        read(&mut program, 5, 1);
        waits.push(wait(&mut program));
        control(&mut program, CHANGE, 5, IN | EDGE, 77);
        waits.push(wait(&mut program));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let counts: alloc::vec::Vec<i64> = waits.iter().map(|(count, _)| machine.result(*count)).collect();
        assert_eq!(counts, [0, 1, 0, 1, 0, 0, 1]);
    }

    fn once_is_once_until_it_is_asked_for_again() {
        let mut program = with_pipe();
        control(&mut program, ADD, 5, IN | ONCE, 77);
        let mut waits = alloc::vec![];
        write(&mut program, 6);
        waits.push(wait(&mut program));
        write(&mut program, 6);
        waits.push(wait(&mut program));
        control(&mut program, CHANGE, 5, IN | ONCE, 77);
        waits.push(wait(&mut program));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let counts: alloc::vec::Vec<i64> = waits.iter().map(|(count, _)| machine.result(*count)).collect();
        assert_eq!(counts, [1, 0, 1]);
    }

    /// What a child writes later ends a wait without a limit, by an instance that watches an instance.
    fn an_instance_waits_for_another() {
        let mut program = with_pipe();
        control(&mut program, ADD, 5, IN, 77);
        let outer = program.call("epoll_create", &[1.into()]);
        let event = program.words(&[IN | 99 << 32, 0]);
        let (pause, room) = (program.words(&[0, 20_000_000]), program.room(6));
        program.call("epoll_ctl", &[outer.into(), ADD.into(), 4.into(), event.into()]);
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[pause.into(), 0.into()]);
            write(child, 6);
            child.exit(0);
        });
        let forever = u64::from(u32::MAX);
        let count = program.call("epoll_pwait", &[outer.into(), room.0.into(), 1.into(), forever.into(), 0.into(), 8.into()]);
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let circle = control(&mut program, ADD, 7, IN, 0);
        let itself = control(&mut program, ADD, 4, IN, 0);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(count), machine.result(room) as u64), (1, IN | 99 << 32));
        assert_eq!([circle, itself].map(|call| machine.result(call)), [error(ELOOP), error(EINVAL)]);
    }

    /// As deep as Linux lets them be, whichever is put below the other first.
    fn instances_are_not_nested_without_end() {
        let mut program = Program::new();
        let instances = [(); 7].map(|()| program.call("epoll_create1", &[0.into()]));
        let event = program.words(&[IN, 0]);
        let nested = [1, 2, 3, 4, 5, 6].map(|index| {
            let arguments = [instances[index - 1].into(), ADD.into(), instances[index].into(), event.into()];
            program.call("epoll_ctl", &arguments)
        });
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let expected = [0, 0, 0, 0, error(ELOOP), 0];
        assert_eq!(nested.map(|call| machine.result(call)), expected);
    }

    fn what_cannot_be_watched_is_refused() {
        let mut program = with_pipe();
        let path = program.bytes(b"/out");
        program.call("open", &[path.into(), 0.into(), 0.into()]);
        let room = program.room(2);
        let calls = [
            control(&mut program, ADD, 7, IN, 0),
            control(&mut program, ADD, 99, IN, 0),
            control(&mut program, CHANGE, 5, IN, 0),
            control(&mut program, DELETE, 5, IN, 0),
            control(&mut program, ADD, 5, IN | EXCLUSIVE, 0),
            control(&mut program, ADD, 5, IN, 0),
            control(&mut program, CHANGE, 5, IN | EXCLUSIVE, 0),
            control(&mut program, ADD, 6, OUT | EXCLUSIVE | ONCE, 0),
            control(&mut program, 9, 6, OUT, 0),
            program.call("epoll_wait", &[4.into(), room.0.into(), 0.into(), 0.into()]),
            program.call("epoll_wait", &[5.into(), room.0.into(), 1.into(), 0.into()]),
            program.call("epoll_create", &[0.into()]),
        ];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let expected = [EPERM, EBADF, ENOENT, ENOENT, 0, EEXIST, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL].map(error);
        assert_eq!(calls.map(|call| machine.result(call)), expected);
    }

    /// Who writes adds, who reads takes all, or one of a semaphore.
    fn a_number_is_added_to_and_taken() {
        let mut program = Program::new();
        let taken = [(0, 5), (SEMAPHORE, 6)].map(|(flags, number)| {
            program.call("eventfd2", &[2.into(), (flags | NON_BLOCKING).into()]);
            let (more, room) = (program.words(&[3]), [program.room(1), program.room(1)]);
            program.call("write", &[(number - 1).into(), more.into(), 8.into()]);
            let reads = room.map(|room| program.call("read", &[(number - 1).into(), room.0.into(), 8.into()]));
            (reads, room[0])
        });
        let (full, most) = (program.words(&[u64::MAX]), program.words(&[u64::MAX - 1]));
        let short = program.call("write", &[4.into(), full.into(), 4.into()]);
        let none = program.call("write", &[4.into(), full.into(), 8.into()]);
        let fills = program.call("write", &[4.into(), most.into(), 8.into()]);
        let one = program.words(&[1]);
        let over = program.call("write", &[4.into(), one.into(), 8.into()]);
        let odd = program.call("eventfd2", &[0.into(), 2.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let taken = taken.map(|(reads, room)| (reads.map(|read| machine.result(read)), machine.result(room)));
        assert_eq!(taken, [([8, error(EAGAIN)], 5), ([8, 8], 1)]);
        let results = [short, none, fills, over, odd].map(|call| machine.result(call));
        assert_eq!(results, [error(EINVAL), error(EINVAL), 8, error(EAGAIN), error(EINVAL)]);
    }

    /// What is given once is not lost where the page that it goes to has to be brought first.
    fn what_is_read_into_new_memory_is_all_there() {
        let mut program = Program::new();
        program.call("eventfd2", &[7.into(), 0.into()]);
        let ends = program.room(1);
        program.call("socketpair", &[1.into(), 2.into(), 0.into(), ends.0.into()]);
        let text = program.bytes(b"datagram");
        let sent = [(); 2].map(|()| program.call("write", &[5.into(), text.into(), 8.into()]));
        let mut new_memory = || {
            program.call("mmap", &[0.into(), 0x1000.into(), 3.into(), 0x22.into(), u64::MAX.into(), 0.into()])
        };
        let memory = [new_memory(), new_memory(), new_memory()];
        let reads = [
            program.call("read", &[4.into(), memory[0].into(), 8.into()]),
            program.call("read", &[6.into(), memory[1].into(), 8.into()]),
            program.call("recvfrom", &[6.into(), memory[2].into(), 8.into(), 0x40.into(), 0.into(), 0.into()]),
        ];
        let values = memory.map(|memory| program.act(Act::Load, &[memory.into()]));
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(sent.map(|call| machine.result(call)), [8; 2]);
        assert_eq!(reads.map(|call| machine.result(call)), [8; 3]);
        let text = i64::from_le_bytes(*b"datagram");
        assert_eq!(values.map(|value| machine.result(value)), [7, text, text]);
    }

    fn a_range_of_numbers_is_closed_or_closed_on_exec() {
        let mut program = with_pipe();
        let marked = program.call("close_range", &[5.into(), 5.into(), 4.into()]);
        let flag = [5u64, 6].map(|number| program.call("fcntl", &[number.into(), 1.into(), 0.into()]));
        let closed = program.call("close_range", &[5.into(), u64::from(u32::MAX).into(), 0.into()]);
        let gone = [4u64, 5, 6].map(|number| program.call("fcntl", &[number.into(), 1.into(), 0.into()]));
        let odd = program.call("close_range", &[6.into(), 5.into(), 0.into()]);
        let unknown = program.call("close_range", &[5.into(), 6.into(), 1.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(marked), flag.map(|call| machine.result(call))), (0, [1, 0]));
        assert_eq!((machine.result(closed), gone.map(|call| machine.result(call))), (0, [0, error(EBADF), error(EBADF)]));
        assert_eq!([odd, unknown].map(|call| machine.result(call)), [error(EINVAL); 2]);
    }
}
