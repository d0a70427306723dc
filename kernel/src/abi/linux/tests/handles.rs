//! Times, processes and signals as open files.

use super::program::{Act, Program, Slot, run};
use super::{EAGAIN, EBADF, EINVAL, ESRCH, error};
use crate::ktest;
use crate::task::process::Ending;

const NON_BLOCKING: u64 = 0o4_000;
const IN: u64 = 1;
const SIGUSR1: u64 = 10;
const SIGUSR2: u64 = 12;
const SIGCHLD: u64 = 17;
const P_PIDFD: u64 = 3;
const WEXITED: u64 = 4;

/// Waits until a file is ready; how many are: 0 when the time is over.
fn poll(program: &mut Program, number: u64, limit: u64) -> Slot {
    let room = program.room(1);
    program.act(Act::Store, &[room.0.into(), (number | IN << 32).into()]);
    program.call("poll", &[room.0.into(), 1.into(), limit.into()])
}

fn read(program: &mut Program, number: u64, room: Slot, count: u64) -> Slot {
    program.call("read", &[number.into(), room.0.into(), count.into()])
}

ktest! {
    /// Once it has come, again after the interval, and never once it is taken off.
    fn a_time_comes_and_is_read() {
        let mut program = Program::new();
        let room = program.room(1);
        let nanoseconds = 20_000_000;
        let (once, often, never) = (
            program.words(&[0, 0, 0, nanoseconds]),
            program.words(&[0, 1_000_000, 0, nanoseconds]),
            program.words(&[0; 4]),
        );
        let (left, odd) = (program.room(4), program.words(&[0, 0, 0, 1_000_000_000]));
        program.call("timerfd_create", &[1.into(), 0.into()]);
        let set = program.call("timerfd_settime", &[4.into(), 0.into(), once.into(), 0.into()]);
        let early = poll(&mut program, 4, 0);
        let waited = poll(&mut program, 4, u64::from(u32::MAX));
        let came = read(&mut program, 4, room, 8);
        let counted = program.act(Act::Sum, &[room.into(), 0.into()]);
        program.call("timerfd_settime", &[4.into(), 0.into(), often.into(), 0.into()]);
        let pause = program.words(&[0, 2 * nanoseconds]);
        program.call("nanosleep", &[pause.into(), 0.into()]);
        read(&mut program, 4, room, 8);
        program.call("timerfd_gettime", &[4.into(), left.0.into()]);
        program.call("timerfd_settime", &[4.into(), 0.into(), never.into(), 0.into()]);
        let over = poll(&mut program, 4, 20);
        let wrong = [
            program.call("timerfd_settime", &[4.into(), 0.into(), odd.into(), 0.into()]),
            program.call("timerfd_settime", &[1.into(), 0.into(), never.into(), 0.into()]),
            program.call("timerfd_create", &[99.into(), 0.into()]),
            read(&mut program, 4, left, 7),
        ];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([set, early, waited, came, counted].map(|call| machine.result(call)), [0, 0, 1, 8, 1]);
        assert!(machine.result(room) >= 20, "every millisecond for twenty");
        assert_eq!(machine.result(Slot(left.0 + 8)), 1_000_000);
        assert!((1..=1_000_000).contains(&machine.result(Slot(left.0 + 24))));
        assert_eq!(machine.result(over), 0);
        assert_eq!(wrong.map(|call| machine.result(call)), [error(EINVAL); 4]);
    }

    /// Those that are held back are read, in their order, with who sent them; no others.
    fn signals_that_are_held_back_are_read() {
        let mut program = Program::new();
        let (mask, other) = (program.words(&[1 << (SIGUSR1 - 1) | 1 << (SIGUSR2 - 1)]), program.words(&[1 << 16]));
        let room = program.room(32);
        program.call("rt_sigprocmask", &[0.into(), mask.into(), 0.into(), 8.into()]);
        program.call("signalfd4", &[u64::MAX.into(), mask.into(), 8.into(), NON_BLOCKING.into()]);
        let none = read(&mut program, 4, room, 128);
        program.kill_itself(SIGUSR2);
        let own = program.kill_itself(SIGUSR1);
        let ready = poll(&mut program, 4, 0);
        let both = read(&mut program, 4, room, 256);
        let again = read(&mut program, 4, room, 128);
        let short = read(&mut program, 4, room, 127);
        let changed = program.call("signalfd4", &[4.into(), other.into(), 8.into(), 0.into()]);
        program.kill_itself(SIGUSR1);
        let not_asked = poll(&mut program, 4, 0);
        let wrong = program.call("signalfd", &[1.into(), mask.into(), 8.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([none, own, ready, both].map(|call| machine.result(call)), [error(EAGAIN), 0, 1, 256]);
        let signals = [0, 128].map(|at| machine.result(Slot(room.0 + at)));
        assert_eq!(signals, [SIGUSR1 as i64, SIGUSR2 as i64]);
        assert_eq!([again, short, changed].map(|call| machine.result(call)), [error(EAGAIN), error(EINVAL), 4]);
        assert_eq!([not_asked, wrong].map(|call| machine.result(call)), [0, error(EINVAL)]);
    }

    /// It is ready when the process has ended, is waited for by it, and is nobody's then.
    fn a_process_is_waited_for_and_sent_signals_as_a_file() {
        let mut program = Program::new();
        let (pause, told) = (program.words(&[100, 0]), program.room(4));
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[pause.into(), 0.into()]);
            child.exit(0);
        });
        let opened = program.call("pidfd_open", &[child.into(), 0.into()]);
        let runs = poll(&mut program, 4, 0);
        let asked = program.call("pidfd_send_signal", &[4.into(), 0.into(), 0.into(), 0.into()]);
        let sent = program.call("pidfd_send_signal", &[4.into(), SIGUSR1.into(), 0.into(), 0.into()]);
        let ended = poll(&mut program, 4, u64::from(u32::MAX));
        let waited =
            program.call("waitid", &[P_PIDFD.into(), 4.into(), told.0.into(), WEXITED.into(), 0.into()]);
        let gone = program.call("pidfd_send_signal", &[4.into(), 0.into(), 0.into(), 0.into()]);
        let on_exec = program.call("fcntl", &[4.into(), 1.into(), 0.into()]);
        let none = program.call("pidfd_open", &[4_000_000.into(), 0.into()]);
        let wrong = program.call("waitid", &[P_PIDFD.into(), 1.into(), told.0.into(), WEXITED.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let results = [opened, runs, asked, sent, ended, waited].map(|call| machine.result(call));
        assert_eq!(results, [4, 0, 0, 0, 1, 0]);
        assert_eq!(machine.result(told) as u64, SIGCHLD);
        let results = [gone, on_exec, none, wrong].map(|call| machine.result(call));
        assert_eq!(results, [error(ESRCH), 1, error(ESRCH), error(EBADF)]);
    }
}
