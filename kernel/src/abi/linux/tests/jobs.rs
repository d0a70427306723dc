//! Groups and sessions, orphans, what waiting can ask for, timers.

use super::program::{Act, Program, Slot, run};
use super::{EACCES, ECHILD, EINTR, EINVAL, EPERM, ESRCH, error};
use crate::ktest;
use crate::task::process::Ending;

const CHLD: u64 = 17;

/// `waitid`'s kinds and flags.
const P_ALL: u64 = 0;
const P_PGID: u64 = 2;
const WNOHANG: u64 = 1;
const WEXITED: u64 = 4;
const WNOWAIT: u64 = 0x0100_0000;

ktest! {
    /// ```text
    ///   program   leads its session and group
    ///   child     in them ── setpgid(0, 0): a group of its own ── setsid: refused, it leads a group
    /// ```
    fn a_child_begins_a_group_of_its_own() {
        let mut program = Program::new();
        let pid = program.call("getpid", &[]);
        let own = [program.call("getpgrp", &[]), program.call("getsid", &[0.into()])];
        let refused = [program.call("setsid", &[]), program.call("setpgid", &[0.into(), 0.into()])];
        let child = program.begin("fork", |child| {
            let calls = [
                child.call("getpgrp", &[]),
                child.call("setpgid", &[0.into(), 0.into()]),
                child.call("getpgrp", &[]),
                child.call("getsid", &[0.into()]),
                child.call("setsid", &[]),
            ];
            for call in calls {
                child.call("write", &[1.into(), call.0.into(), 8.into()]);
            }
            child.exit(0);
        });
        program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        let nobody = [
            program.call("getpgid", &[4_000_000.into()]),
            program.call("setpgid", &[0.into(), u64::from(u32::MAX).into()]),
            program.call("setpgid", &[4_000_000.into(), 0.into()]),
        ];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [pid, child] = [pid, child].map(|call| machine.result(call));
        assert_eq!(own.map(|call| machine.result(call)), [pid; 2]);
        assert_eq!(refused.map(|call| machine.result(call)), [error(EPERM); 2]);
        let told = [pid, 0, child, pid, error(EPERM)].map(i64::to_le_bytes).concat();
        assert_eq!(machine.read("/out"), told);
        let nobody = nobody.map(|call| machine.result(call));
        assert_eq!(nobody, [error(ESRCH), error(EINVAL), error(ESRCH)]);
    }

    /// A child that runs another program is no longer moved between groups.
    fn a_parent_moves_its_child_until_that_runs_another_program() {
        let mut other = Program::new();
        other.call("pause", &[]);
        let machine = super::program::Machine::new();
        machine.write("/other", &other.elf());
        let mut program = Program::new();
        let (path, none) = (program.bytes(b"/other"), program.words(&[0]));
        let nap = program.words(&[0, 30_000_000]);
        let child = program.begin("fork", |child| {
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.call("execve", &[path.into(), none.into(), none.into()]);
            child.exit(1);
        });
        let moved = program.call("setpgid", &[child.into(), child.into()]);
        program.call("nanosleep", &[nap.into(), 0.into()]);
        program.call("nanosleep", &[nap.into(), 0.into()]);
        let late = program.call("setpgid", &[child.into(), 0.into()]);
        program.call("kill", &[child.into(), 9.into()]);
        let waited = program.call("wait4", &[child.into(), 0.into(), 0.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([moved, late].map(|call| machine.result(call)), [0, error(EACCES)]);
        assert_eq!(machine.result(waited), machine.result(child));
    }

    /// ```text
    ///   program ── a, b in the group of a        kill(-a, TERM): both end, the program does not
    /// ```
    fn a_group_is_sent_signals_and_waited_for_as_one() {
        let mut program = Program::new();
        let nap = program.words(&[0, 20_000_000]);
        let first = program.begin("fork", |child| {
            child.call("setpgid", &[0.into(), 0.into()]);
            child.call("pause", &[]);
        });
        let second = program.begin("fork", |child| {
            child.call("pause", &[]);
        });
        let moved = [
            program.call("setpgid", &[first.into(), first.into()]),
            program.call("setpgid", &[second.into(), first.into()]),
        ];
        program.call("nanosleep", &[nap.into(), 0.into()]);
        let told = program.room(16);
        let none = program.call("waitid", &[P_PGID.into(), 0.into(), 0.into(), (WEXITED | WNOHANG).into(), 0.into()]);
        let seen = program.call("waitid", &[P_PGID.into(), first.into(), told.0.into(), (WEXITED | WNOHANG).into()]);
        // `kill` takes the negative number of the group.
        let negative = program.act(Act::Negate, &[first.into()]);
        let sent = program.call("kill", &[negative.into(), 15.into()]);
        let peek = [P_PGID.into(), first.into(), told.0.into(), (WEXITED | WNOWAIT).into(), 0.into()];
        let peeked = [program.call("waitid", &peek), program.call("waitid", &peek)];
        let waited = [0; 2].map(|_| program.call("wait4", &[negative.into(), 0.into(), 0.into(), 0.into()]));
        let over = program.call("wait4", &[negative.into(), 0.into(), 0.into(), 0.into()]);
        let nobody = program.call("kill", &[negative.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(moved.map(|call| machine.result(call)), [0; 2]);
        assert_eq!([none, seen, sent].map(|call| machine.result(call)), [error(ECHILD), 0, 0]);
        assert_eq!(peeked.map(|call| machine.result(call)), [0; 2]);
        let [signal, code, _, status] = [0, 1, 2, 3].map(|word| machine.result(Slot(told.0 + 8 * word)));
        assert_eq!((signal, code, status), (17, 2, 15), "killed by SIGTERM");
        let mut pids = waited.map(|call| machine.result(call));
        pids.sort_unstable();
        assert_eq!(pids, [first, second].map(|call| machine.result(call)));
        assert_eq!([over, nobody].map(|call| machine.result(call)), [error(ECHILD), error(ESRCH)]);
    }

    /// ```text
    ///   program (takes orphans) ── child ── grandchild         child ends: the grandchild is the program's
    /// ```
    fn who_takes_orphans_gets_them() {
        let mut program = Program::new();
        let nap = program.words(&[0, 20_000_000]);
        let taken = program.call("prctl", &[36.into(), 1.into()]);
        let seen = program.room(1);
        program.call("prctl", &[37.into(), seen.0.into()]);
        let status = program.room(2);
        let child = program.begin("fork", |child| {
            child.begin("fork", |grandchild| {
                grandchild.call("nanosleep", &[nap.into(), 0.into()]);
                let parent = grandchild.call("getppid", &[]);
                grandchild.call("write", &[1.into(), parent.0.into(), 8.into()]);
                grandchild.exit(9);
            });
            child.exit(0);
        });
        let pid = program.call("getpid", &[]);
        let first = program.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]);
        program.call("wait4", &[u64::MAX.into(), (status.0 + 8).into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(taken), machine.result(seen)), (0, 1));
        assert_eq!(machine.result(first), machine.result(child));
        assert_eq!(machine.result(Slot(status.0 + 8)), 9 << 8);
        assert_eq!(machine.read("/out"), machine.result(pid).to_le_bytes());
    }

    fn a_child_may_be_told_that_its_parent_ends() {
        let mut program = Program::new();
        let nap = program.words(&[0, 20_000_000]);
        program.call("prctl", &[36.into(), 1.into()]);
        let refused = program.call("prctl", &[1.into(), 65.into()]);
        program.begin("fork", |child| {
            child.begin("fork", |grandchild| {
                grandchild.call("prctl", &[1.into(), 15.into()]);
                grandchild.call("pause", &[]);
            });
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.exit(0);
        });
        program.call("wait4", &[u64::MAX.into(), 0.into(), 0.into(), 0.into()]);
        let status = program.room(1);
        program.call("wait4", &[u64::MAX.into(), status.0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(refused), machine.result(status)), (error(EINVAL), 15));
    }

    /// A group whose guardian ends while it is stopped is sent SIGHUP and goes on; one without guardians does not stop.
    fn an_orphaned_group_is_not_left_stopped() {
        let mut program = Program::new();
        let nap = program.words(&[0, 30_000_000]);
        program.call("prctl", &[36.into(), 1.into()]);
        program.begin("fork", |child| {
            child.call("setsid", &[]);
            child.begin("fork", |stopped| {
                stopped.call("setpgid", &[0.into(), 0.into()]);
                stopped.kill_itself(20);
                stopped.exit(1);
            });
            child.call("nanosleep", &[nap.into(), 0.into()]);
            child.exit(0);
        });
        let status = program.room(2);
        program.call("wait4", &[u64::MAX.into(), 0.into(), 0.into(), 0.into()]);
        program.call("wait4", &[u64::MAX.into(), status.0.into(), 0.into(), 0.into()]);
        // The program has no parent: nobody could let it go on.
        program.kill_itself(20);
        let (machine, ending) = run(program);
        assert_eq!((ending, machine.result(status)), (Ending::Exited(0), 1));
    }

    fn the_end_of_a_child_is_told_by_a_signal() {
        let mut program = Program::new();
        let notes = program.notes(2);
        program.handle(CHLD, Act::Handler, 4, 0);
        let child = program.begin("fork", |child| child.exit(7));
        let paused = program.call("pause", &[]);
        let waited = program.call("waitid", &[P_ALL.into(), 0.into(), 0.into(), WEXITED.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        let [signal, code, who, status, ..] = machine.note(notes, 0);
        assert_eq!([signal, code, who, status], [17, 1, machine.result(child), 7]);
        assert_eq!([paused, waited].map(|call| machine.result(call)), [error(EINTR), 0]);
    }

    /// ```text
    ///   setitimer 20 ms, then every 10 ms ── pause: EINTR ── pause: EINTR ── off ── alarm(0) says that none is left
    /// ```
    fn a_timer_sends_its_signal_again_and_again() {
        let mut program = Program::new();
        let notes = program.notes(64);
        program.handle(14, Act::Handler, 0, 0);
        let timer = program.words(&[0, 10_000, 0, 20_000]);
        let (none, bad) = (program.words(&[0, 0, 0, 0]), program.words(&[0, 0, 0, 1_000_000]));
        let seen = program.room(4);
        program.call("setitimer", &[0.into(), timer.into(), 0.into()]);
        let paused = [program.call("pause", &[]), program.call("pause", &[])];
        program.call("setitimer", &[0.into(), none.into(), seen.0.into()]);
        let left = [program.call("alarm", &[100.into()]), program.call("alarm", &[0.into()])];
        let refused = [
            program.call("setitimer", &[0.into(), bad.into(), 0.into()]),
            program.call("setitimer", &[9.into(), none.into(), 0.into()]),
        ];
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([0, 1].map(|index| machine.note(notes, index)[0]), [14; 2]);
        assert_eq!(paused.map(|call| machine.result(call)), [error(EINTR); 2]);
        assert_eq!([0, 1, 2].map(|word| machine.result(Slot(seen.0 + 8 * word))), [0, 10_000, 0]);
        assert_eq!(left.map(|call| machine.result(call)), [0, 100]);
        assert_eq!(refused.map(|call| machine.result(call)), [error(EINVAL); 2]);
    }

    /// One that computes is interrupted as well; the default of the signal ends it.
    fn an_alarm_ends_who_does_not_expect_it() {
        let mut program = Program::new();
        let timer = program.words(&[0, 0, 0, 20_000]);
        let word = program.room(1);
        program.call("setitimer", &[0.into(), timer.into(), 0.into()]);
        program.act(Act::Await, &[word.0.into(), 0.into()]);
        let (_, ending) = run(program);
        assert_eq!(ending.wait_status(), 14);
    }
}
