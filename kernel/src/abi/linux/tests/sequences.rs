//! Restartable sequences: what interrupts one is noticed by it.

use super::program::{Act, Program, Slot, run};
use super::{EINVAL, error};
use crate::ktest;
use crate::task::process::Ending;
use crate::task::signal::Signal;

const SIGNATURE: u64 = 0x5305_3053;

/// Where in the structure a piece is named.
const PIECE: u64 = 8;

/// The structure that says in which piece the thread is: at a multiple of 32, as all of the room before it.
fn register(program: &mut Program) -> Slot {
    let room = program.room(8);
    let area = Slot(room.0.next_multiple_of(32));
    let registered = program.call("rseq", &[area.0.into(), 32.into(), 0.into(), SIGNATURE.into()]);
    assert_eq!(registered.0, room.0 + 64);
    area
}

ktest! {
    /// Another thread has run: the piece is left by its way out, and is no longer named. Nobody else's turn ends nothing.
    fn a_sequence_is_left_when_others_have_run() {
        let mut program = Program::new();
        let area = register(&mut program);
        let nap = program.words(&[0, 50_000_000]);
        let thread = program.thread(|thread| {
            thread.call("nanosleep", &[nap.into(), 0.into()]);
            thread.call("exit", &[0.into()]);
        });
        let times = [program.room(2), program.room(2)];
        program.call("clock_gettime", &[1.into(), times[0].0.into()]);
        program.give_way();
        let left = program.act(Act::Critical, &[area.0.into()]);
        program.call("clock_gettime", &[1.into(), times[1].0.into()]);
        program.join(thread);
        let (machine, ending) = run(program);
        assert_eq!((ending, machine.result(left)), (Ending::Exited(0), 5));
        let [before, after] = times.map(|time| machine.result(time) * 1000 + machine.result(Slot(time.0 + 8)) / 1_000_000);
        assert!(after - before >= 40, "{before} {after}");
    }

    /// A handler returns to the way out.
    fn a_sequence_is_left_for_a_handler() {
        let mut program = Program::new();
        let area = register(&mut program);
        let notes = program.notes(1);
        program.handle(14, Act::Handler, 4, 0);
        let timer = program.words(&[0, 0, 0, 30_000]);
        program.call("setitimer", &[0.into(), timer.into(), 0.into()]);
        let left = program.act(Act::Critical, &[area.0.into()]);
        let (machine, ending) = run(program);
        assert_eq!((ending, machine.result(left)), (Ending::Exited(0), 5));
        assert_eq!(machine.note(notes, 0)[0], 14);
    }

    /// What is named and is no piece ends the program, as does a way out without the word before it; no area is believed.
    fn what_is_no_sequence_is_a_fault() {
        let start = Act::Sum.address();
        let cases = [
            [1, start, 16, start + 64],
            [0, start, 16, start + 8],
            [0, start, 1 << 63, start + 64],
            [0, start, 16, 1 << 63],
            [0, start, 16, start + 64],
        ];
        for piece in cases {
            let mut program = Program::new();
            let area = register(&mut program);
            let piece = program.words(&piece);
            program.act(Act::Store, &[(area.0 + PIECE).into(), piece.into()]);
            program.handle(10, Act::Handler, 4, 0);
            program.notes(1);
            program.kill_itself(10);
            assert_eq!(run(program).1, Ending::Killed(Signal::SEGMENTATION));
        }
        let mut program = Program::new();
        let area = register(&mut program);
        let sound = program.call("rseq", &[area.0.into(), 32.into(), 1.into(), SIGNATURE.into()]);
        let wrong = [
            program.call("rseq", &[(area.0 + 8).into(), 32.into(), 0.into(), SIGNATURE.into()]),
            program.call("rseq", &[area.0.into(), 31.into(), 0.into(), SIGNATURE.into()]),
            program.call("rseq", &[area.0.into(), 32.into(), 2.into(), SIGNATURE.into()]),
        ];
        let (machine, ending) = run(program);
        assert_eq!((ending, machine.result(sound)), (Ending::Exited(0), 0));
        assert_eq!(wrong.map(|call| machine.result(call)), [error(EINVAL); 3]);
    }
}
