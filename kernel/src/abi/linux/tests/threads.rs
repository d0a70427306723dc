//! Threads: what they share, how they end, and what a process with several of them is to others.

use alloc::vec::Vec;

use super::program::{Act, Argument, Machine, Program, THREAD, run};
use super::{E2BIG, ECHILD, EINVAL, EPERM, ESRCH, error};
use crate::ktest;
use crate::task::process::Ending;
use crate::task::signal::Signal;

const USR1: u64 = 10;

/// A name, what a thread does, and how its process ends of it.
type End = (&'static str, fn(&mut Program), Ending);

const VM: u64 = 0x100;
const CHILD: u64 = 17;

ktest! {
    /// Memory, open files and directories are one thread's as the other's; the number is its own.
    fn a_thread_shares_all_but_its_number() {
        let machine = Machine::new();
        machine.manager.make_directory(&machine.manager.root_context(), b"/d", 0o755).expect("it can be made");
        let mut program = Program::new();
        let (word, cwd) = (program.room(1), program.room(2));
        let path = program.bytes(b"/d");
        let mut own = Vec::new();
        let thread = program.thread(|thread| {
            own = ["getpid", "gettid"].map(|name| thread.call(name, &[])).to_vec();
            thread.act(Act::Store, &[word.0.into(), 5.into()]);
            thread.call("chdir", &[path.into()]);
            thread.call("close", &[2.into()]);
            thread.call("exit", &[7.into()]);
        });
        let joined = program.join(thread);
        let [pid, tid] = ["getpid", "gettid"].map(|name| program.call(name, &[]));
        let closed = program.call("close", &[2.into()]);
        program.call("getcwd", &[cwd.0.into(), 16.into()]);
        let waited = program.call("wait4", &[u64::MAX.into(), 0.into(), 0x4000_0000.into(), 0.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0), "not the thread's status");
        let [pid, tid, number] = [pid, tid, thread].map(|slot| machine.result(slot));
        assert_eq!(pid, tid);
        assert_eq!([own[0], own[1]].map(|slot| machine.result(slot)), [pid, number]);
        assert!(number > pid);
        assert_eq!((machine.result(joined), machine.result(word)), (0, 5));
        assert_eq!(machine.result(closed), error(super::EBADF));
        assert_eq!(machine.result(cwd).to_le_bytes(), *b"/d\0\0\0\0\0\0");
        assert_eq!(machine.result(waited), error(ECHILD), "a thread is nobody's child");
    }

    /// ```text
    ///   exit in the first thread, then in another    the process ends with the first one's status
    ///   exit_group, a deadly signal, a wild access   all end, wherever they wait
    /// ```
    fn a_process_ends_with_its_last_thread_or_with_all_at_once() {
        let mut program = Program::new();
        let nap = program.words(&[0, 20_000_000]);
        program.thread(|thread| {
            thread.call("nanosleep", &[nap.into(), 0.into()]);
            thread.call("exit", &[7.into()]);
        });
        program.call("exit", &[5.into()]);
        assert_eq!(run(program).1, Ending::Exited(5));
        let ends: [End; 3] = [
            ("exit_group", |thread| thread.exit(9), Ending::Exited(9)),
            ("kill", |thread| { thread.kill_itself(9); }, Ending::Killed(Signal::KILL)),
            ("fault", |thread| { thread.act(Act::Load, &[8.into()]); }, Ending::Killed(Signal::SEGMENTATION)),
        ];
        for (name, end, expected) in ends {
            let mut program = Program::new();
            let word = program.room(1);
            program.thread(|thread| { thread.call("pause", &[]); });
            program.thread(|thread| {
                thread.give_way();
                end(thread);
            });
            program.call("futex", &[word.0.into(), 0.into(), 0.into(), 0.into()]);
            assert_eq!(run(program).1, expected, "{name}");
        }
    }

    /// The others end first; who goes on has the process's number, and the first thread is not missed.
    fn another_program_is_begun_by_any_thread() {
        let machine = Machine::new();
        let mut other = Program::new();
        let numbers = ["getpid", "gettid"].map(|name| other.call(name, &[]));
        machine.write("/other", &other.elf());
        let mut program = Program::new();
        let path = program.bytes(b"/other");
        let nothing = program.words(&[0]);
        let word = program.room(1);
        program.thread(|thread| { thread.call("pause", &[]); });
        program.thread(|thread| {
            thread.give_way();
            thread.call("execve", &[path.into(), nothing.into(), nothing.into()]);
            thread.exit(1);
        });
        program.call("futex", &[word.0.into(), 0.into(), 0.into(), 0.into()]);
        program.exit(2);
        machine.write("/program", &program.elf());
        let process = machine.start("/program", &["program"], &[]).expect("it begins");
        let pid = i64::from(process.pid());
        assert_eq!(process.wait(), Ending::Exited(0));
        assert_eq!(numbers.map(|call| machine.result(call)), [pid; 2]);
    }

    /// Two at once: one of both goes on, the other ends.
    fn two_threads_cannot_begin_two_programs() {
        let machine = Machine::new();
        let mut other = Program::new();
        other.exit(3);
        machine.write("/other", &other.elf());
        let mut program = Program::new();
        let path = program.bytes(b"/other");
        let nothing = program.words(&[0]);
        for _ in 0..3 {
            program.thread(|thread| {
                thread.call("execve", &[path.into(), nothing.into(), nothing.into()]);
                thread.exit(1);
            });
        }
        program.call("pause", &[]);
        assert_eq!(machine.run(program), Ending::Exited(3));
    }

    /// ```text
    ///   to a thread    its handler runs there, whatever the others hold back
    ///   to the process a thread takes it that does not hold it back
    /// ```
    fn a_signal_comes_to_a_thread_or_to_one_that_takes_it() {
        let mut program = Program::new();
        let notes = program.notes(2);
        program.handle(USR1, Act::Handler, 4, 0);
        let (ready, set) = (program.room(1), program.words(&[1 << (USR1 - 1)]));
        let mut woken = Vec::new();
        let thread = program.thread(|thread| {
            for _ in 0..2 {
                woken.push(thread.call("pause", &[]));
                thread.act(Act::Store, &[ready.0.into(), 1.into()]);
                thread.call("futex", &[ready.0.into(), 1.into(), 1.into()]);
            }
            thread.call("exit", &[0.into()]);
        });
        program.call("rt_sigprocmask", &[0.into(), set.into(), 0.into(), 8.into()]);
        program.give_way();
        let pid = program.call("getpid", &[]);
        let stranger = program.call("tgkill", &[1.into(), thread.into(), USR1.into()]);
        let sent = program.call("tgkill", &[pid.into(), thread.into(), USR1.into()]);
        program.call("futex", &[ready.0.into(), 0.into(), 0.into(), 0.into()]);
        program.act(Act::Store, &[ready.0.into(), 0.into()]);
        program.give_way();
        program.call("kill", &[pid.into(), USR1.into()]);
        program.call("futex", &[ready.0.into(), 0.into(), 0.into(), 0.into()]);
        let joined = program.join(thread);
        let pending = program.room(1);
        program.call("rt_sigpending", &[pending.0.into(), 8.into()]);
        let gone = program.call("tkill", &[pid.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([sent, stranger].map(|call| machine.result(call)), [0, error(ESRCH)]);
        assert_eq!([woken[0], woken[1]].map(|call| machine.result(call)), [error(super::EINTR); 2]);
        assert_eq!([0, 1].map(|index| machine.note(notes, index)[..2].to_vec()), [[10, -6], [10, 0]]);
        assert_eq!([joined, pending, gone].map(|slot| machine.result(slot)), [0; 3]);
    }

    /// A thread forks: the child has that thread only.
    fn a_child_of_a_thread_has_one_thread() {
        let mut program = Program::new();
        let status = program.room(1);
        let mut waited = Vec::new();
        let thread = program.thread(|thread| {
            let child = thread.begin("fork", |child| child.exit(6));
            waited.push(thread.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]));
            waited.push(child);
            thread.call("exit", &[0.into()]);
        });
        program.join(thread);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(machine.result(waited[0]), machine.result(waited[1]));
        assert_eq!(machine.result(status), 6 << 8);
    }

    /// A process with its parent's memory, and open files of its own; both run.
    fn a_process_may_share_the_memory_only() {
        let mut program = Program::new();
        let (word, status, stack) = (program.room(1), program.room(1), program.room(64));
        program.begin_with("clone", &[(VM | CHILD).into(), (stack.0 + 8 * 64).into()], |child| {
            child.act(Act::Store, &[word.0.into(), 5.into()]);
            child.call("close", &[2.into()]);
            child.exit(3);
        });
        let waited = program.call("wait4", &[u64::MAX.into(), status.0.into(), 0.into(), 0.into()]);
        let closed = program.call("close", &[2.into()]);
        let pid = program.call("getpid", &[]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!([word, status, closed].map(|slot| machine.result(slot)), [5, 3 << 8, 0]);
        assert!(machine.result(waited) > machine.result(pid));
    }

    /// Handlers of one are the other's, until one of both is another program.
    fn two_processes_may_want_the_same_of_signals() {
        let machine = Machine::new();
        let mut other = Program::new();
        other.exit(0);
        machine.write("/other", &other.elf());
        let mut program = Program::new();
        let (status, stack, seen) = (program.room(1), program.room(64), [program.room(4), program.room(4)]);
        let (path, nothing) = (program.bytes(b"/other"), program.words(&[0]));
        let together = VM | 0x800 | CHILD;
        program.begin_with("clone", &[together.into(), (stack.0 + 8 * 64).into()], |child| {
            child.handle(USR1, Act::Handler, 0, 0);
            child.exit(0);
        });
        program.call("wait4", &[u64::MAX.into(), status.0.into(), 0.into(), 0.into()]);
        program.call("rt_sigaction", &[USR1.into(), 0.into(), seen[0].0.into(), 8.into()]);
        let held = program.call("unshare", &[0x800.into()]);
        program.begin_with("clone", &[(together | 0x4000).into(), (stack.0 + 8 * 64).into()], |child| {
            child.call("execve", &[path.into(), nothing.into(), nothing.into()]);
            child.exit(1);
        });
        program.call("wait4", &[u64::MAX.into(), status.0.into(), 0.into(), 0.into()]);
        program.call("rt_sigaction", &[USR1.into(), 0.into(), seen[1].0.into(), 8.into()]);
        assert_eq!(machine.run(program), Ending::Exited(0));
        assert_eq!([held, status].map(|slot| machine.result(slot)), [0; 2]);
        assert_eq!(seen.map(|slot| machine.result(slot)), [Act::Handler.address() as i64; 2]);
    }

    /// A parent that waits for its `vfork` can be killed, and its child goes on.
    fn who_waits_for_a_vfork_can_be_killed() {
        let mut program = Program::new();
        let (short, long) = (program.words(&[0, 20_000_000]), program.words(&[0, 200_000_000]));
        let (parent, child) = (program.bytes(b"p"), program.bytes(b"c"));
        let killed = program.begin("fork", |parent| {
            parent.begin("vfork", |program| {
                program.call("nanosleep", &[long.into(), 0.into()]);
                program.call("write", &[1.into(), child.into(), 1.into()]);
                program.exit(0);
            });
            parent.exit(1);
        });
        let status = program.room(1);
        program.call("nanosleep", &[short.into(), 0.into()]);
        program.call("kill", &[killed.into(), 9.into()]);
        program.call("wait4", &[killed.into(), status.0.into(), 0.into(), 0.into()]);
        program.call("write", &[1.into(), parent.into(), 1.into()]);
        for _ in 0..2 {
            program.call("nanosleep", &[long.into(), 0.into()]);
        }
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!((machine.result(status), machine.read("/out")), (9, b"pc".to_vec()));
    }

    /// What comes in parts that are not there, or that contradict each other, is refused; nothing begins.
    fn what_cannot_be_shared_is_refused() {
        let mut program = Program::new();
        let flags = [
            0x1_0000, 0x1_0800, VM | 0x1_0800, VM | 0x1_0a00, 0x800 | CHILD, 0x2_0200 | CHILD, 0x800_0000 | CHILD,
            0x4000_0000 | CHILD, 0x10_1000 | CHILD, 0x40_1000 | CHILD, 65, THREAD | 0x4000, THREAD | 0x2_0000,
            (THREAD | 0x1000) & !0x10_0000,
        ];
        let calls = flags.map(|flags| program.call("clone", &[flags.into(), 0.into(), 0.into(), 0.into(), 0.into()]));
        let far = program.call("clone", &[(0x8_0000 | CHILD).into(), 0.into(), 0.into(), 0.into(), (1 << 63).into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        for (call, flags) in calls.into_iter().zip(flags) {
            assert_eq!(machine.result(call), error(EINVAL), "{flags:#x}");
        }
        assert_eq!(machine.result(far), error(EPERM));
    }

    /// `clone3`: the structure may be as it was first or larger, if what is behind is zeros; its parts must make sense.
    fn the_structure_of_clone3_is_checked() {
        let mut program = Program::new();
        let stack = program.room(64);
        let number = program.room(2);
        let runs = number.0 + 8;
        let as_thread = |change: (usize, u64)| {
            let mut words = [0; 13];
            words[..8].copy_from_slice(&[THREAD, 0, runs, number.0, 0, stack.0, 8 * 64, 0]);
            words[change.0] = change.1;
            words
        };
        let sound = program.words(&as_thread((1, 0)));
        let arguments: [Argument; 2] = [sound.into(), 64.into()];
        program.act(Act::Store, &[runs.into(), 1.into()]);
        program.begin_with("clone3", &arguments, |thread| { thread.call("exit", &[0.into()]); });
        let joined = program.join(number);
        let cases = [
            ((0, THREAD | CHILD), 88, EINVAL), ((0, THREAD | 0x40_0000), 88, EINVAL), ((0, THREAD | 1 << 32), 88, EINVAL),
            ((0, THREAD | 1 << 33), 88, EINVAL), ((4, 17), 88, EINVAL), ((5, 0), 88, EINVAL), ((6, 0), 88, EINVAL),
            ((6, u64::MAX), 88, EINVAL), ((8, 1), 88, EINVAL), ((9, 1), 88, EINVAL), ((12, 1), 104, E2BIG),
            ((1, 0), 63, EINVAL), ((1, 0), 4097, E2BIG),
        ];
        let calls = cases.map(|(change, size, _)| {
            let words = program.words(&as_thread(change));
            program.call("clone3", &[words.into(), size.into()])
        });
        let process = program.words(&[0, 0, 0, 0, CHILD, 0, 0, 0, 0, 0, 0, 0, 0]);
        let child = program.begin_with("clone3", &[process.into(), 104.into()], |child| child.exit(4));
        let status = program.room(1);
        program.call("wait4", &[child.into(), status.0.into(), 0.into(), 0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert!(machine.result(number) > 0);
        assert_eq!((machine.result(joined), machine.result(status)), (0, 4 << 8));
        for (call, case) in calls.into_iter().zip(cases) {
            assert_eq!(machine.result(call), error(case.2), "{case:x?}");
        }
    }

    /// The name that `ps` shows is the first thread's.
    fn a_thread_is_called_something_of_its_own() {
        let mut program = Program::new();
        let (name, other) = (program.bytes(b"worker"), program.bytes(b"a name that is too long"));
        let seen = [program.room(2), program.room(2)];
        let thread = program.thread(|thread| {
            thread.call("prctl", &[15.into(), other.into()]);
            thread.call("prctl", &[16.into(), seen[1].0.into()]);
            thread.call("exit", &[0.into()]);
        });
        program.call("prctl", &[15.into(), name.into()]);
        program.join(thread);
        program.call("prctl", &[16.into(), seen[0].0.into()]);
        let (machine, ending) = run(program);
        assert_eq!(ending, Ending::Exited(0));
        assert_eq!(seen.map(|slot| machine.result(slot).to_le_bytes()), [*b"worker\0\0", *b"a name t"]);
    }
}
