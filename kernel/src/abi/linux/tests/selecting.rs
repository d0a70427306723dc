//! Waiting for one of a set of files.

use super::program::{Act, Program, Slot, run};
use super::{EBADF, EINTR, EINVAL, error};
use crate::ktest;
use crate::task::process::Ending;

const SIGUSR1: u64 = 10;

/// A program with a pipe as 4 and 5, and room for a set, in which is `set` to begin with.
fn asking(set: u64) -> (Program, Slot) {
    let mut program = Program::new();
    let (ends, room) = (program.room(1), program.room(1));
    program.call("pipe", &[ends.0.into()]);
    program.act(Act::Store, &[room.0.into(), set.into()]);
    (program, room)
}

ktest! {
    /// An empty pipe can be written and not read; an end of it can be read. A set that is not given asks nothing.
    fn what_is_ready_stays_in_its_set() {
        let (mut program, to_read) = asking(1 << 4 | 1 << 5);
        let (to_write, other, text) = (program.room(1), program.room(1), program.bytes(b"x"));
        program.act(Act::Store, &[to_write.0.into(), (1 << 4 | 1 << 5).into()]);
        program.act(Act::Store, &[other.0.into(), (1 << 4).into()]);
        let now = program.words(&[0, 0]);
        let sets = [6u64.into(), to_read.0.into(), to_write.0.into(), other.0.into(), now.into()];
        let first = program.call("select", &sets);
        let seen = [to_read, to_write, other].map(|set| program.act(Act::Sum, &[set.into(), 0.into()]));
        program.call("write", &[5.into(), text.into(), 1.into()]);
        program.act(Act::Store, &[to_read.0.into(), (1 << 4).into()]);
        let second = program.call("select", &[5.into(), to_read.0.into(), 0.into(), 0.into(), 0.into()]);
        program.act(Act::Store, &[to_write.0.into(), (1 << 40).into()]);
        let bad = program.call("select", &[41.into(), to_write.0.into(), 0.into(), 0.into(), now.into()]);
        let beyond = program.call("select", &[40.into(), to_write.0.into(), 0.into(), 0.into(), now.into()]);
        let negative = program.call("select", &[u64::from(u32::MAX).into(), 0.into(), 0.into(), 0.into(), now.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(first), 1);
        assert_eq!(seen.map(|set| machine.result(set)), [0, 1 << 5, 0]);
        assert_eq!([second, to_read].map(|call| machine.result(call)), [1, 1 << 4]);
        assert_eq!([bad, beyond, negative].map(|call| machine.result(call)), [error(EBADF), 0, error(EINVAL)]);
    }

    /// The time that is left is written back: none when it is over.
    fn it_ends_when_the_time_is_over_and_says_what_is_left() {
        let (mut program, set) = asking(1 << 4);
        let limit = program.room(2);
        program.act(Act::Store, &[(limit.0 + 8).into(), 20_000.into()]);
        let over = program.call("select", &[5.into(), set.0.into(), 0.into(), 0.into(), limit.0.into()]);
        let left = [0, 8].map(|at| program.act(Act::Sum, &[Slot(limit.0 + at).into(), 0.into()]));
        program.act(Act::Store, &[limit.0.into(), 100.into()]);
        program.act(Act::Store, &[set.0.into(), (1 << 5).into()]);
        let ready = program.call("pselect6", &[6.into(), 0.into(), set.0.into(), 0.into(), limit.0.into(), 0.into()]);
        let odd = program.words(&[0, u64::MAX]);
        let refused = program.call("select", &[0.into(), 0.into(), 0.into(), 0.into(), odd.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(over), left.map(|word| machine.result(word))), (0, [0, 0]));
        assert_eq!((machine.result(ready), machine.result(limit)), (1, 99));
        assert_eq!(machine.result(refused), error(EINVAL));
    }

    /// A mask lets a signal through for the call alone, and it ends the wait.
    fn a_signal_that_its_mask_lets_through_ends_it() {
        let (mut program, set) = asking(1 << 4);
        let notes = program.notes(1);
        program.handle(SIGUSR1, Act::Handler, 0, 0);
        let held = program.words(&[1 << (SIGUSR1 - 1)]);
        program.call("rt_sigprocmask", &[0.into(), held.into(), 0.into(), 8.into()]);
        program.kill_itself(SIGUSR1);
        let none = program.words(&[0]);
        let mask = program.words(&[none, 8]);
        let through = program.call("pselect6", &[5.into(), set.0.into(), 0.into(), 0.into(), 0.into(), mask.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(through), machine.note(notes, 0)[0]), (error(EINTR), SIGUSR1 as i64));
        assert_eq!(machine.result(set), 1 << 4, "what was asked is as it was");
    }
}
